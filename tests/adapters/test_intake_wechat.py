"""WeChat's official account: asked whether we know the token, and a report in a few messages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob
from tests.adapters.receiver import Album
from tests.adapters.test_intake import log
from tests.cases.conftest import IN_NORTH, NORTH, Desk, desk, jpeg

from linli.adapters.intake.models import IntakeDelivery, IntakeTalk
from linli.adapters.intake.services import receiving
from linli.adapters.open311 import client
from linli.adapters.open311 import jobs as pictures
from linli.cases.models import Case, Photo, Reporter
from linli.kernel import clock
from linli.places import geo
from linli.portal import limits

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
OPENID = "oABC-secret-openid"
__all__ = ["desk"]


class Phone:
    """WeChat, as it calls for one sender."""

    def __init__(self, client: Any, **more: Any) -> None:
        self.client = client
        given = {"name": "公众号", "kind": "wechat", **more}
        self.hook = client.post("/api/v1/intake-hooks", given, **JSON).json()
        self.message = 1000

    def query(self, token: str = "", age: float = 0) -> dict[str, str]:
        stamp, nonce = str(int(clock.now().timestamp() - age)), "n-1"
        parts = "".join(sorted([token or self.hook["secret"], stamp, nonce]))
        return {"signature": hashlib.sha1(parts.encode()).hexdigest(), "timestamp": stamp, "nonce": nonce}

    def raw(self, xml: str, **how: Any) -> Any:
        query = "&".join(f"{k}={v}" for k, v in self.query(**how).items())
        return Client().post(f"{self.hook['path']}?{query}", xml.encode(), content_type="text/xml")

    def send(self, kind: str, fields: str, *, number: int = 0, sender: str = OPENID) -> str:
        self.message += 1
        name = f"<MsgId>{number or self.message}</MsgId>" if kind != "event" else ""
        xml = (f"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[{sender}]]></FromUserName>"
               f"<CreateTime>1</CreateTime><MsgType><![CDATA[{kind}]]></MsgType>{fields}{name}</xml>")  # fmt: skip
        answer = self.raw(xml)
        assert answer.status_code == 200, answer.content
        said = answer.content.decode()
        if said != "success":
            assert f"<ToUserName>{sender}</ToUserName>" in said and "<FromUserName>gh_1</FromUserName>" in said
            return re.search(r"<Content>(.*)</Content>", said, re.S)[1]  # type: ignore[index]
        return ""

    def text(self, words: str, **more: Any) -> str:
        return self.send("text", f"<Content><![CDATA[{words}]]></Content>", **more)

    def picture(self, url: str, **more: Any) -> str:
        return self.send("image", f"<PicUrl><![CDATA[{url}]]></PicUrl><MediaId>m</MediaId>", **more)

    def place(self, point: tuple[float, float] = IN_NORTH, **more: Any) -> str:
        lon, lat = geo.from_wgs84(*point, "gcj02")
        return self.send("location", f"<Location_X>{lat}</Location_X><Location_Y>{lon}</Location_Y><Scale>15</Scale>"
                                     "<Label><![CDATA[文一路]]></Label>", **more)  # fmt: skip


@pytest.fixture
def phone(desk: Desk) -> Phone:
    return Phone(desk.client("integrator"))


def test_wechat_asks_whether_we_know_the_token(phone: Phone) -> None:
    ask = lambda **how: Client().get(phone.hook["path"], {**phone.query(**how), "echostr": "echo-7"})  # noqa: E731
    assert ask().content == b"echo-7" and ask()["Content-Type"].startswith("text/plain")
    assert ask(token="wrong").status_code == 401 and ask(age=301).status_code == 401
    assert Client().get(phone.hook["path"]).status_code == 401
    assert re.fullmatch(r"[A-Za-z0-9]{3,32}", phone.hook["secret"])
    assert [d["outcome"] for d in log(phone.client, phone.hook)][-1] == "verified"


def test_words_then_a_place_become_a_case_and_the_reply_has_number_and_link(phone: Phone) -> None:
    assert "请发送位置" in phone.text("门口路面积水, 电话 13812345678")
    assert not Case.objects.exists()
    said = phone.place()
    case = Case.objects.get()
    assert case.number in said and (case.channel, case.area_path, case.address) == ("wechat", NORTH, "文一路")
    assert abs(float(case.lon) - IN_NORTH[0]) < 1e-5 and abs(float(case.lat) - IN_NORTH[1]) < 1e-5
    assert "13812345678" not in case.text
    assert Client().get(re.search(r"/t/[\w-]+", said)[0]).status_code == 200  # type: ignore[index]
    assert Reporter.objects.get().phone is None
    stored = str(list(IntakeTalk.objects.values())) + str(list(IntakeDelivery.objects.values())) + str(
        list(Case.objects.values()))  # fmt: skip
    assert OPENID not in stored and OPENID not in str(log(phone.client, phone.hook))


def test_a_place_then_words_and_two_senders_do_not_mix(phone: Phone) -> None:
    assert "请用文字描述" in phone.place(sender="a")
    assert "请发送位置" in phone.text("路灯不亮", sender="b")
    assert "已受理" in phone.text("积水", sender="a")
    assert Case.objects.get().text == "积水"
    assert "已受理" in phone.text("提交", sender="b")
    assert Case.objects.filter(lon=None, text="路灯不亮").count() == 1


def test_a_message_sent_again_has_one_effect_and_the_same_answer(phone: Phone) -> None:
    phone.text("积水", number=7)
    assert phone.text("积水", number=7) == phone.text("积水", number=7)
    first = phone.place(number=8)
    assert phone.place(number=8) == first and "已受理" in first
    assert Case.objects.get().text == "积水"


def asked_for() -> list[dict[str, str]]:
    """The arguments of the jobs that wait to fetch a picture."""
    found = ProcrastinateJob.objects.filter(task_name="open311.fetch", status="todo").order_by("id")
    return [dict(job.args) for job in found]


def fetched() -> None:
    """Run those jobs, as the worker does."""
    for args in asked_for():
        pictures.fetch(**args)


@pytest.fixture
def album() -> Iterator[Album]:
    made = Album({
        "/p1": (200, {"Content-Type": "image/jpeg"}, jpeg()), "/p2": (200, {}, jpeg(color="navy")),
        "/big": (200, {}, jpeg() + b"\0" * (client.MOST_PICTURE + 1)), "/text": (200, {}, b"<html>no picture</html>"),
        "/moved": (302, {"Location": "/p1"}, b""),
    })  # fmt: skip
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_picture_is_fetched_by_a_job_and_becomes_the_photo_of_the_case(
    phone: Phone, album: Album, settings: Any
) -> None:
    settings.LINLI_HOOKS_TO_LOOPBACK = True
    phone.picture(album.url("/p1"))
    phone.text("积水")
    phone.place()
    assert "已附到" in phone.picture(album.url("/p2"))
    case = Case.objects.get()
    assert not album.asked and not Photo.objects.exists(), "WeChat waits five seconds: its answer waits for no picture"
    assert [one["case_id"] for one in asked_for()] == [str(case.id)] * 2
    fetched()
    kept = Photo.objects.filter(case=case, stage="report")
    assert album.asked == ["/p1", "/p2"] and kept.count() == 2
    assert not kept.filter(released_at__isnull=False).exists(), "a resident's picture is shown after somebody looked"
    fetched()
    assert kept.count() == 2, "a job that runs again adds nothing"


def test_what_is_no_picture_or_too_large_or_moved_is_left_out_and_the_report_stands(
    phone: Phone, album: Album, settings: Any
) -> None:
    settings.LINLI_HOOKS_TO_LOOPBACK = True
    for path in ("/big", "/text", "/moved", "/gone"):
        phone.picture(album.url(path))
    phone.text("积水")
    phone.place()
    fetched()
    assert album.asked == ["/big", "/text", "/moved", "/gone"], "a redirect is not followed"
    assert not Photo.objects.exists() and Case.objects.get().text == "积水"


def test_a_picture_of_this_machine_or_network_is_never_asked_for(phone: Phone, album: Album) -> None:
    phone.picture(album.url("/p1"))
    for url in ("http://10.0.0.8/p", "http://169.254.169.254/latest", "file:///etc/passwd", "http://[::1]/p"):
        phone.picture(url)
    phone.text("积水")
    phone.place()
    assert len(asked_for()) == 5
    fetched()
    assert album.asked == [] and not Photo.objects.exists() and Case.objects.count() == 1


def test_a_picture_that_drips_is_given_up(album: Album, settings: Any) -> None:
    settings.LINLI_HOOKS_TO_LOOPBACK = True
    with mock.patch.object(client, "MOST_SECONDS", -1.0), pytest.raises(client.Away):
        client.picture(album.url("/p1"), set())


def test_given_up_outside_unknown_and_events(phone: Phone) -> None:
    phone.text("积水")
    assert "不在受理范围" in phone.place((110.0, 30.0))
    assert "没有上报" in phone.text("取消") and not IntakeTalk.objects.exists()
    assert "还没有内容" in phone.text("提交")
    assert "暂时只能接收" in phone.send("voice", "<MediaId>m</MediaId>")
    assert "您好" in phone.send("event", "<Event><![CDATA[subscribe]]></Event>")
    assert phone.send("event", "<Event>LOCATION</Event><Latitude>31.9</Latitude><Longitude>117.2</Longitude>") == ""
    assert not Case.objects.exists() and not IntakeTalk.objects.exists()


def test_an_unfinished_report_is_sealed_and_gone_after_half_an_hour(phone: Phone) -> None:
    phone.text("路面积水很深")
    row = IntakeTalk.objects.get()
    assert "积水" not in str(row.draft) and len(bytes(row.who)) == 16
    with time_machine.travel(clock.now() + timedelta(minutes=31)):
        assert "请用文字描述" in phone.place(), "what was said then is not filed any more"
    IntakeTalk.objects.update(updated_at=clock.now() - timedelta(minutes=31))
    receiving.forget_old()
    assert not IntakeTalk.objects.exists()


@pytest.mark.parametrize(
    "xml",
    ["", "no xml", "<xml><MsgType>text</MsgType>", "<xml><Encrypt>x</Encrypt></xml>",
     '<!DOCTYPE x [<!ENTITY a "b">]><xml><Content>&a;</Content></xml>', "<a>" * 50 + "</a>" * 50,
     "<xml><MsgType>text</MsgType><Content>x</Content><FromUserName>a</FromUserName></xml>",
     "<xml>" + "x" * 70_000 + "</xml>"],
)  # fmt: skip
def test_what_is_no_message_is_refused_and_kept(phone: Phone, xml: str) -> None:
    assert phone.raw(xml).status_code == 422
    assert log(phone.client, phone.hook)[0]["outcome"] == "refused"


def test_one_sender_cannot_flood_and_a_wrong_signature_is_seen(phone: Phone) -> None:
    with mock.patch.dict(limits.MOST, {"intake-sender": 1}):
        phone.text("一")
        assert "消息太多" in phone.text("二")
    assert phone.raw("<xml></xml>", token="wrong").status_code == 401
    assert [d["outcome"] for d in log(phone.client, phone.hook)[:2]] == ["signature", "limited"]


def test_words_that_cannot_be_filed_are_asked_for_again(phone: Phone) -> None:
    assert "超过" in phone.text("长" * 2001)
    phone.text("积水")
    assert "已受理" in phone.place() and Case.objects.get().text == "积水"
