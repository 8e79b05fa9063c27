"""Worked frames of the four TCP protocols. Each says where it comes from: the standard, another implementation's own
test, or our own code ("ours": then it shows only that reading and writing agree)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from linli.telemetry.codecs import gbt26875, hj212, jtt808, sl651
from linli.telemetry.codecs.framing import Broken, Decoder, Sample

NOW = 1_500_000_000_000  # 2017-07-14 10:40:00 in Beijing


def now() -> int:
    return NOW


def at(*parts: int) -> int:
    """Beijing time to ms UTC."""
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000) - 8 * 3_600_000  # type: ignore[arg-type, misc]


def one(decoder: Decoder[Any], data: bytes) -> Any:
    (item,) = decoder.feed(data)
    assert not isinstance(item, Broken), item
    return item


# --- HJ 212 ---------------------------------------------------------------------------------------------------------

# HJ 212-2017, annex A: the standard's own example of the check sum.
HJ_STANDARD = (
    b"##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;"
    b"CP=&&RtdInterval=30&&1C80\r\n"
)
# README of the public C# library HJ212Interpreter.
HJ_WATER = (
    b"##0162QN=20231008123340461;ST=22;CN=2011;PW=123456;MN=010000A8900016F000169DC0;Flag=5;"
    b"CP=&&DataTime=20231008123340;w01008-SampleTime=20231008123340,w01008-Rtd=123.456&&F441\r\n"
)


def test_hj212_of_the_standard() -> None:
    message = one(hj212.HjDecoder(), HJ_STANDARD)
    assert (message.cn, message.pw, message.mn, message.flag) == ("1062", "100000", "010000A8900016F000169DC0", 5)
    assert message.cp == "RtdInterval=30" and hj212.encode(message) == HJ_STANDARD


def test_hj212_real_time_data_and_its_answer() -> None:
    message = one(hj212.HjDecoder(), HJ_WATER)
    turn = hj212.Talk(now).turn(message)
    assert turn.number == "010000A8900016F000169DC0" and turn.secret == "123456" and turn.enters
    assert turn.samples == (Sample(at(2023, 10, 8, 12, 33, 40), (("w01008-Rtd", 123.456),)),)
    answer = one(hj212.HjDecoder(), turn.reply)
    # Fields as in annex C of the standard (9014); check sum ours.
    assert (answer.qn, answer.st, answer.cn, answer.flag, answer.cp) == ("20231008123340461", "91", "9014", 4, "")
    assert one(hj212.HjDecoder(), turn.refusal).cp == "QnRtn=4"


def test_hj212_flags_parts_and_statistics() -> None:  # ours
    def turn(cn: str, cp: str, *, flag: int = 5, pno: int = 0, talk: Any = None) -> Any:
        message = hj212.Message("20200101000000000", "22", cn, "123456", "M1", flag, cp, 2 if flag & 2 else 0, pno)
        return (talk or hj212.Talk(now)).turn(one(hj212.HjDecoder(), hj212.encode(message)))

    time = at(2020, 1, 1)
    got = turn("2011", "DataTime=20200101000000;a34004-Rtd=35,a34004-Flag=N;a01001-Rtd=2.5,a01001-Flag=D;LA-Rtd=x")
    assert got.samples == (
        Sample(time, (("a34004-Rtd", 35.0),)), Sample(time, (("a01001-Rtd", 2.5),), doubtful=True),
    )  # fmt: skip
    got = turn("2051", "DataTime=20200101000000;a34004-Min=1,a34004-Avg=2.0,a34004-Max=nan,a34004-Flag=N")
    assert got.samples == (Sample(time, (("2051:a34004-Min", 1.0), ("2051:a34004-Avg", 2.0))),)
    talk = hj212.Talk(now)
    turn("2011", "DataTime=20200101000000;a34004-Rtd=35", flag=7, pno=1, talk=talk)
    assert turn("2011", "a34002-Rtd=60", flag=7, pno=2, talk=talk).samples[0].ts == time
    assert turn("2011", "DataTime=99999999999999;a34002-Rtd=60").samples[0].ts is None
    assert turn("2011", "DataTime=20200101000000", flag=4).reply == b""
    assert b"CN=9013" in turn("1013", "PolId=w01018").reply and turn("9011", "QnRtn=1").reply == b""


# --- SL 651 ---------------------------------------------------------------------------------------------------------

# All HEX frames: tests of the public C++ library "sl651" (gtest), which has them from the standard's examples and from
# stations; test report 30, keep-alive 2F, hourly report 34, replies of the centre.
SL_TEST = bytes.fromhex(
    "7E7E01001234567812343000 2B02 0003 591011154947 F1F1001234567848 F0F05910111549 2019000005 2619000005"
    "3923 00000127 3812 1115 03 20FA"
)
SL_KEEP_ALIVE = bytes.fromhex("7E7E01001234567812342F000802000359101115511103 6BCA")
SL_HOUR = bytes.fromhex(
    "7E7E 10 0012345678 1234 34 0057 02 0003 140612020000 F1F1 0012345678 48 F0F0 1406120200 F460"
    "000000000000000000000000 F5C0 0AAA0AAAFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF 2619 000000 2019 000000"
    "1A19 000000 391A 002730 3812 1290 03 DD4E"
)
SL_REPLY_ESC = bytes.fromhex("7E7E 0012345678 01 1234 30 8008 02 0003 591011154947 1B 75D4")
SL_REPLY_EOT = bytes.fromhex("7E7E 0012345678 10 1234 34 8008 02 0003 140613144304 04 99A1")


def test_sl651_test_report_and_confirmation() -> None:
    packet = one(sl651.StationDecoder(), SL_TEST)
    assert (packet.centre, packet.station, packet.password, packet.function) == (1, "0012345678", "1234", 0x30)
    assert sl651.encode(packet) == SL_TEST
    turn = sl651.Talk(now).turn(packet)
    # The example's year 59 is read as 2059; the gateway will replace such a time.
    values = (("20", 0.5), ("26", 0.5), ("39", 0.127), ("38", 11.15))
    assert turn.samples == (Sample(at(2059, 10, 11, 15, 49), values),)
    reply = one(sl651.StationDecoder(), turn.reply)
    assert reply.down and reply.end == sl651.ESC and reply.body.hex() == "0003" + "170714104000"


@pytest.mark.parametrize("frame", [SL_REPLY_ESC, SL_REPLY_EOT, SL_HOUR, SL_KEEP_ALIVE])
def test_sl651_frames_round_trip(frame: bytes) -> None:
    packet = one(sl651.StationDecoder(), frame)
    assert sl651.encode(packet) == frame


def test_sl651_replies_are_those_of_the_examples() -> None:
    example = one(sl651.StationDecoder(), SL_REPLY_EOT)
    sent = at(2014, 6, 13, 14, 43, 4)
    assert sl651.answer(one(sl651.StationDecoder(), SL_HOUR), sl651.EOT, sent) == SL_REPLY_EOT
    assert example.down and example.end == sl651.EOT
    assert sl651.Talk(now).turn(one(sl651.StationDecoder(), SL_KEEP_ALIVE)).reply == b""


def test_sl651_hourly_report() -> None:
    turn = sl651.Talk(now).turn(one(sl651.StationDecoder(), SL_HOUR))
    hour = at(2014, 6, 12, 2)
    found = {sample.ts: dict(sample.values) for sample in turn.samples}
    assert sorted(found) == [hour - 300_000 * i for i in range(11, -1, -1)]
    assert found[hour] == {"F4": 0.0, "26": 0.0, "20": 0.0, "1A": 0.0, "39": 27.3, "38": 12.9}
    assert found[hour - 55 * 60_000] == {"F4": 0.0, "F5": 27.3} and found[hour - 10 * 60_000] == {"F4": 0.0}


def report(body: str, function: int = 0x32, **options: Any) -> Any:
    head = bytes.fromhex("0001 240101120000".replace(" ", ""))
    packet = sl651.Packet(False, False, 1, "0012345678", "1234", function, head + bytes.fromhex(body), **options)
    return sl651.Talk(now).turn(one(sl651.StationDecoder(), sl651.encode(packet)))


def test_sl651_elements() -> None:  # element 04 18 … from the same library's tests, the rest ours
    start = at(2024, 1, 1, 12)
    steps = report("04180000053923 00000122 00000122 00000285 FFFFFFFF 00010490 00010490 FFFFFFFF", 0x31).samples
    assert [(s.ts - start) // 60_000 for s in steps if s.ts] == [0, 5, 10, 20, 25]
    assert [s.values[0][1] for s in steps] == [0.122, 0.122, 0.285, 10.49, 10.49]
    (only,) = report("0319FF0125 39 22 AAAAAAAA FF0119000031 4520 00000003 F3F3FFD8FFE0").samples
    assert only.values == (("03", -12.5), ("FF01", 3.1), ("45", 3.0))
    for body in ("39", "3923 0000", "3900", "0418AAAAAA"):
        turn = report(body)
        assert turn.note and not turn.reply and not turn.samples
    assert "packets" in report("3923 00000122", packets=2, number=1).note
    assert "pictures" in report("F3F3FF", 0x36).note and "is not read" in report("", 0x40).note


def test_sl651_ascii() -> None:  # ours: the frame's form is the standard's, its words are recalled
    body = b"0003240101120000ST 0012345678 H TT 2401011155 PJ 0.5 Z 12.34 VT ***"
    packet = sl651.Packet(True, False, 1, "0012345678", "1234", 0x32, body)
    data = sl651.encode(packet)
    assert data[0] == 1 and one(sl651.StationDecoder(), data) == packet
    turn = sl651.Talk(now).turn(packet)
    assert turn.samples == (Sample(at(2024, 1, 1, 11, 55), (("PJ", 0.5), ("Z", 12.34))),)
    reply = one(sl651.StationDecoder(), turn.reply)
    assert reply.ascii and reply.down and reply.body == b"0003170714104000"


# --- JT/T 808 -------------------------------------------------------------------------------------------------------

# README of the public C# library SmallChi/JT808: a 2013 position report whose serial number and check sum are escaped.
JT_POSITION = bytes.fromhex(
    "7E02000026123456789012007D02000000010000000200BA7F0E07E4F11C0028003C00001810151010100104000000640202007D01137E"
)
# Test of a public Scala implementation: a 2019 registration.
JT_REGISTER_2019 = bytes.fromhex(
    "7e0100405401000000000133051893410003002c012f343430333030373031313100000000000000000000000000000000000000000042534a"
    "2d474630365435313839333431000000000000000000000000000000000000000000000002d4c1423838383838a67e"
)


def code_for(phone: str, terminal: str) -> str:
    return f"{terminal}.code-{phone}"


def test_jtt808_position_report() -> None:
    packet = one(jtt808.TerminalDecoder(), JT_POSITION)
    assert (packet.kind, packet.phone, packet.serial, packet.version) == (0x0200, "123456789012", 0x7E, 0)
    assert jtt808.encode(packet) == JT_POSITION
    turn = jtt808.Talk(now, code_for).turn(packet)
    assert turn.position and not turn.enters
    (sample,) = turn.samples
    assert sample.ts == at(2018, 10, 15, 10, 10, 10)
    assert dict(sample.values) == {
        "alarm": 1, "status": 2, "lat": 12.222222, "lon": 132.444444, "altitude": 40, "speed": 6.0, "direction": 0,
        "x01": 100, "x02": 125,
    }  # fmt: skip
    reply = one(jtt808.TerminalDecoder(), turn.reply)
    assert (reply.kind, reply.phone, reply.body.hex()) == (0x8001, "123456789012", "007e" + "0200" + "00")
    assert one(jtt808.TerminalDecoder(), turn.refusal).body.hex() == "007e" + "0200" + "01"


def test_jtt808_registration_of_2019_and_the_code() -> None:
    talk = jtt808.Talk(now, code_for)
    packet = one(jtt808.TerminalDecoder(), JT_REGISTER_2019)
    assert (packet.kind, packet.phone, packet.version) == (0x0100, "13305189341", 1)
    assert jtt808.encode(packet) == JT_REGISTER_2019
    turn = talk.turn(packet)
    assert turn.enters and turn.secret == "5189341"
    reply = one(jtt808.TerminalDecoder(), turn.reply)
    assert reply.kind == 0x8100 and reply.version == 1 and reply.body == b"\x00\x03\x005189341.code-13305189341"
    assert one(jtt808.TerminalDecoder(), turn.refusal).body == b"\x00\x03\x04"
    code = b"5189341.code-13305189341"
    enter = jtt808.Packet(0x0102, "13305189341", 4, bytes((len(code),)) + code + b"0" * 35, 1)
    assert talk.turn(enter).enters and talk.turn(enter).secret == "5189341"
    wrong = talk.turn(jtt808.Packet(0x0102, "13305189341", 4, b"\x01x" + b"0" * 35, 1))
    assert not wrong.enters and wrong.note and one(jtt808.TerminalDecoder(), wrong.refusal).body[-1] == 1


def test_jtt808_batches_and_what_is_not_read() -> None:  # ours
    talk = jtt808.Talk(now, code_for)
    body = one(jtt808.TerminalDecoder(), JT_POSITION).body
    many = (2).to_bytes(2, "big") + b"\x01" + 2 * (len(body).to_bytes(2, "big") + body)
    assert len(talk.turn(jtt808.Packet(0x0704, "1", 1, many)).samples) == 2
    for bad in (many[:-1], many + b"\x00", b"\x00\x03" + many[2:], b""):
        turn = talk.turn(jtt808.Packet(0x0704, "1", 1, bad))
        assert turn.note and not turn.samples
    for packet, result in (
        (jtt808.Packet(0x0900, "1", 1, b"x"), 3), (jtt808.Packet(0x0200, "1", 1, body[:20]), 2),
        (jtt808.Packet(0x0704, "1", 1, many, packets=2, number=1), 3),
    ):  # fmt: skip
        refusal = talk.turn(one(jtt808.TerminalDecoder(), jtt808.encode(packet))).refusal
        assert one(jtt808.TerminalDecoder(), refusal).body[-1] == result
    no_fix = jtt808.location(body[:4] + bytes(4) + body[8:])
    assert no_fix is not None and not {"lat", "lon"} & set(dict(no_fix.values))
    assert talk.turn(jtt808.Packet(0x0003, "1", 1)).close


def test_jtt808_one_mark_between_two_frames() -> None:
    items = jtt808.TerminalDecoder().feed(JT_POSITION + JT_POSITION[1:] + JT_POSITION)
    assert [getattr(i, "kind", None) for i in items] == [0x0200] * 3


# --- GB/T 26875.3 ---------------------------------------------------------------------------------------------------

# Comments of a public Java implementation (netty): a component's state sent by a device, and the centre's confirmation.
FIRE_COMPONENT = bytes.fromhex(
    "404001000101203A091A090C790300000000385B0100000030000202010101280A0002000200" + "20" * 30 + "00"
    + "023A091A090C462323"
)  # fmt: skip
FIRE_CONFIRM = bytes.fromhex("404001000101233A091A090C385B01000000790300000000000003AB2323")


def test_gbt26875_component_and_confirmation() -> None:
    packet = one(gbt26875.PanelDecoder(), FIRE_COMPONENT)
    assert (packet.serial, packet.command, packet.number) == (1, gbt26875.SEND, "000000000379")
    assert gbt26875.encode(packet) == FIRE_COMPONENT
    turn = gbt26875.Talk(now).turn(packet)
    time = at(2012, 9, 26, 9, 58, 2)
    assert turn.samples == (Sample(time, (("component", 2.0),), part="000000000379/0002000a"),)
    assert gbt26875.answer(packet, gbt26875.CONFIRM, at(2012, 9, 26, 9, 58, 35)) == FIRE_CONFIRM
    assert one(gbt26875.PanelDecoder(), turn.reply).command == gbt26875.CONFIRM
    assert one(gbt26875.PanelDecoder(), turn.refusal).command == gbt26875.DENY


def test_gbt26875_other_information() -> None:  # ours
    time = gbt26875.time_bytes(NOW)

    def turn(kind: int, *objects: bytes) -> Any:
        data = bytes((kind, len(objects))) + b"".join(objects)
        packet = gbt26875.Packet(7, b"\x01\x01", time, b"\x01\0\0\0\0\0", b"\0" * 6, gbt26875.SEND, data)
        return gbt26875.Talk(now).turn(one(gbt26875.PanelDecoder(), gbt26875.encode(packet)))

    assert turn(1, b"\x01\x01\x02\x00" + time).samples == (Sample(NOW, (("system", 2.0),)),)
    assert turn(21, b"\x08" + time, b"\x00" + time).samples[0] == Sample(NOW, (("device", 8.0),))
    (analog,) = turn(3, b"\x01\x01\x1f\x05\x00\x00\x00\x03\xf6\xff" + time).samples
    assert analog == Sample(NOW, (("analog-3", -1.0 * 10),), part="000000000001/00000005")
    assert turn(28, time).reply and not turn(28, time).samples
    assert (
        turn(1, b"\x01").note
        and turn(200, b"x").note
        and turn(1, b"\x01\x01\x02\x00" + b"\xff" * 6).samples[0].ts is None
    )
