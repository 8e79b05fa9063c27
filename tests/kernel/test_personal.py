"""Personal fields: sealed wherever they stand, opened only for a purpose, every reading on record."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.core import serializers
from django.db import connection, models

from linli.kernel import clock, crypto, personal, personal_reads
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import Forbidden, Invalid
from linli.kernel.models import PersonalRead
from linli.kernel.personal import PersonalField

NUMBER = "13800138000"


class Caller(models.Model):
    """A record of the tests, as a module would have one."""

    name = PersonalField(category="name", purposes=("test_call",), basis="duty")
    phone = PersonalField(
        category="phone", purposes=("test_call", "test_survey"), blind_index=True, retention_days=30,
        basis={"test_call": "duty", "test_survey": "consent"},
    )  # fmt: skip
    created_at = models.DateTimeField(default=clock.now)
    agreed = models.BooleanField(default=False)

    class Meta:
        app_label = "kernel"
        db_table = "test_caller"

    def personal_consent(self, purpose: str) -> bool:
        return self.agreed


OURS = {key: personal.REGISTRY.pop(key) for key in list(personal.REGISTRY) if key[0] == "kernel.Caller"}


@pytest.fixture
def registered() -> Iterator[None]:
    """The model of the tests stands in the register only while a test uses it."""
    personal.REGISTRY.update(OURS)
    yield
    for key in OURS:
        personal.REGISTRY.pop(key)


@pytest.fixture
def caller(db: None, registered: None) -> Iterator[Caller]:
    with connection.schema_editor() as editor:
        editor.create_model(Caller)
    yield Caller.objects.create(name="王小明", phone=NUMBER)


def test_nothing_but_read_gives_clear_text(caller: Caller) -> None:
    row = Caller.objects.get()
    shown: list[Any] = [
        str(row.phone), repr(row.phone), f"{row.phone}", row.__dict__, str(list(Caller.objects.values())),
        str(list(Caller.objects.values_list("phone", "name"))), serializers.serialize("json", Caller.objects.all()),
        orjson.dumps({"phone": row.phone}, default=str), json.dumps({"phone": row.phone}, default=str),
        pickle.dumps(row), pickle.dumps(row.phone), str(pickle.loads(pickle.dumps(row)).phone),
        caller.__dict__, repr(Caller(phone=NUMBER).__dict__),
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM test_caller")
        shown.append(bytes(b"".join(v for v in cursor.fetchone() if isinstance(v, bytes))))
    for text in shown:
        assert NUMBER not in str(text) and NUMBER.encode() not in (text if isinstance(text, bytes) else b"")
        assert "王小明" not in str(text)
    assert str(row.phone) == "138****8000"
    assert str(row.name) == "王**"


def test_a_reading_names_its_purpose_and_is_logged(caller: Caller) -> None:
    got = personal.read(actor=SYSTEM, instance=caller, fields=("phone", "name"), purpose="test_call", reason="漏水")
    assert got == {"phone": NUMBER, "name": "王小明"}
    log = PersonalRead.objects.get()
    assert (log.purpose, log.fields, log.subjects, log.refused) == (
        "test_call", ["phone", "name"], [str(caller.pk)], False)  # fmt: skip
    assert list(personal.reads_of("caller", str(caller.pk))) == [log]
    with pytest.raises(Forbidden):
        personal.read(actor=SYSTEM, instance=caller, fields=("name",), purpose="test_survey")
    with pytest.raises(Forbidden):
        personal.read(actor=SYSTEM, instance=caller, fields=("phone",), purpose="marketing")
    assert PersonalRead.objects.filter(refused=True).count() == 2


def test_a_list_is_one_row_of_the_log(caller: Caller) -> None:
    Caller.objects.create(name="李四", phone="13900139000")
    rows = personal.read_many(actor=SYSTEM, instances=list(Caller.objects.order_by("pk")), fields=("phone",),
                              purpose="test_call")  # fmt: skip
    assert [r["phone"] for r in rows] == [NUMBER, "13900139000"]
    assert len(PersonalRead.objects.get().subjects) == 2


def test_duty_lawful_basis_every_field_purpose_and_consent_state(caller: Caller) -> None:
    """PIPL: consent where the basis is consent; a withheld optional consent blocks nothing else."""
    for purpose, agreed, allowed in (
        ("test_call", False, True), ("test_call", True, True),
        ("test_survey", False, False), ("test_survey", True, True),
    ):  # fmt: skip
        caller.agreed = agreed
        if allowed:
            assert personal.read(actor=SYSTEM, instance=caller, fields=("phone",), purpose=purpose)["phone"] == NUMBER
        else:
            with pytest.raises(Forbidden):
                personal.read(actor=SYSTEM, instance=caller, fields=("phone",), purpose=purpose)


def test_a_purpose_may_ask_for_a_reason_and_a_permission(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = {"test_call": {"zh": "回访", "en": "call back", "reason": True, "permission": "cases.contact"}}
    monkeypatch.setattr(personal_reads, "purposes", lambda: rules)
    with pytest.raises(Invalid):
        personal.read(actor=SYSTEM, instance=caller, fields=("phone",), purpose="test_call")
    with pytest.raises(Forbidden):
        personal.read(actor=Actor(kind="account"), instance=caller, fields=("phone",), purpose="test_call", reason="x")
    assert personal.read(actor=SYSTEM, instance=caller, fields=("phone",), purpose="test_call", reason="x")


def test_the_blind_index_finds_equal_values_only(caller: Caller) -> None:
    for written in ("138 0013 8000", "+86-138-0013-8000", "１３８００１３８０００", NUMBER):
        assert Caller.objects.filter(phone__blind=written).get() == caller
    assert not Caller.objects.filter(phone__blind="13800138001").exists()
    with pytest.raises(TypeError):
        Caller.objects.filter(phone=NUMBER).exists()
    with pytest.raises(TypeError):
        Caller.objects.filter(phone__contains="138").exists()
    with pytest.raises(TypeError):
        Caller.objects.filter(name__blind="王小明").exists()


def test_update_save_and_clear(caller: Caller) -> None:
    Caller.objects.filter(pk=caller.pk).update(phone="13900000000")
    caller.refresh_from_db()
    assert (
        personal.read(actor=SYSTEM, instance=caller, fields=("phone",), purpose="test_call")["phone"] == "13900000000"
    )
    caller.phone = ""
    caller.save()
    caller.refresh_from_db()
    assert caller.phone is None
    assert personal.erase(caller) == ["name"]
    assert Caller.objects.filter(name__isnull=True, phone__isnull=True).exists()


def test_a_value_moved_to_another_column_does_not_open(caller: Caller) -> None:
    Caller.objects.filter(pk=caller.pk).update(name=bytes(caller.phone.blob))
    caller.refresh_from_db()
    with pytest.raises(crypto.Unreadable):
        personal.read(actor=SYSTEM, instance=caller, fields=("name",), purpose="test_call")
    assert str(caller.name) == "***"


def test_keys_rotate(caller: Caller) -> None:
    old = caller.phone.blob[crypto.BLIND_SIZE + 1]
    number = crypto.rotate()
    assert number == old + 1
    assert personal_reads.rewrap_all() == 2
    caller.refresh_from_db()
    assert caller.phone.blob[crypto.BLIND_SIZE + 1] == number
    assert personal.read(actor=SYSTEM, instance=caller, fields=("phone",), purpose="test_call")["phone"] == NUMBER
    assert Caller.objects.filter(phone__blind=NUMBER).exists()


def test_duty_retention_field_is_empty_after_its_days(caller: Caller) -> None:
    Caller.objects.update(created_at=clock.now() - timedelta(days=29))
    assert personal_reads.purge_expired() == {}
    Caller.objects.update(created_at=clock.now() - timedelta(days=31))
    assert personal_reads.purge_expired() == {"kernel.Caller.phone": 1}
    caller.refresh_from_db()
    assert caller.phone is None and caller.name is not None


def test_duty_notice_names_every_registered_field(registered: None) -> None:
    entries = personal.notice("zh")
    assert {e["field"] for e in entries} == {f"{m}.{f}" for m, f in personal.REGISTRY}
    phone = next(e for e in entries if e["field"] == "kernel.Caller.phone")
    assert phone["category"] == "电话号码" and phone["retention_days"] == 30
    assert [p["basis"] for p in phone["purposes"]] == ["履行法定职责所必需", "您的同意"]
    assert personal.notice("en")[0]["purposes"]


@pytest.mark.parametrize(
    ("text", "masked", "kinds"),
    [
        ("请打13800138000找我", "请打138****8000找我", ["phone"]),
        ("手机138-0013-8000或138 0013 8000", "手机138****8000或138****8000", ["phone", "phone"]),
        ("１３８００１３８０００", "138****8000", ["phone"]),
        ("一三八零零一三八零零零", "138****8000", ["phone"]),
        ("办公室0551-66301234转", "办公室055*****1234转", ["phone"]),
        ("身份证34012119900307123X。", "身份证3401**********123X。", ["id_number"]),
        ("mail zhang.san@example.com now", "mail z***@example.com now", ["email"]),
        ("call (415) 555-0132 please", "call ******32 please", None),
        ("井盖编号340121403001，水位3.25米，2026-11-23 18:06", None, []),
        ("坐标117.2712345678,31.9523456", None, []),
        ("id 01938001-1380-7138-9138-138001380001", None, []),
    ],
)
def test_mask_text(text: str, masked: str | None, kinds: list[str] | None) -> None:
    got, found = personal.mask_text(text)
    if kinds is not None:
        assert [f.kind for f in found] == kinds
        assert got == (text if masked is None else masked)
    else:
        assert "555-0132" not in got and [f.kind for f in found] == ["phone"]
    assert "8001380" not in repr(found)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", ["x", "a.", "a@", "1", "1-", "f", "(0", "+86", "电话", "ab12cd34-"])
def test_a_long_text_costs_by_its_length(piece: str) -> None:
    """A million characters take a second; by the square of the length they took an hour."""
    masked, found = personal.mask_text(piece * (1_000_000 // len(piece)))
    assert masked and not any(f.kind == "email" for f in found)
