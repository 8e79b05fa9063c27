"""A report by WeChat: words, pictures and a place, in any order, become one case; each message has one answer."""

from __future__ import annotations

import json
import math
from typing import Any

from linli.adapters.intake import rules
from linli.adapters.intake.models import IntakeHook, IntakeTalk
from linli.adapters.intake.services import receiving
from linli.kernel import clock, crypto, personal
from linli.kernel.actor import SYSTEM
from linli.kernel.errors import Invalid, LinliError
from linli.kernel.i18n import say
from linli.portal import facade as portal

MOST_TEXT, MOST_PHOTOS = 2000, 6


def answer(*, hook: IntakeHook, message: dict[str, str], ticket: str) -> str:
    """What to reply; '' for nothing. WeChat sends a message again that was not answered in time: the same MsgId has
    the same effect and the same answer."""
    sender = message.get("FromUserName", "")
    who = crypto.blind(sender, f"intake_talk.who.{hook.id}".encode())
    if message.get("MsgType") == "event":
        # what WeChat tells of where a follower is (LOCATION) is not looked at
        return _words("hello") if message.get("Event", "").lower() == "subscribe" else ""
    if not sender or not message.get("MsgId", "").isdigit():
        raise Invalid("MsgId", say("缺少发送人或消息编号", "the sender or the message's id is missing"))

    def make() -> receiving.Made:
        if not portal.within("intake-sender", who.hex()):
            return {"reply": _words("busy")}, receiving.keep(hook, "limited", 200)
        receiving.alone(f"intake-talk:{who.hex()}")
        return _step(hook, who, message, ticket)

    made, _ = receiving.once(hook, receiving.mark_of(hook, f"wechat:{message['MsgId']}"), make)
    return str(made.get("reply", ""))


def _words(name: str, **parts: object) -> str:
    return rules.words().replies[name].format(**parts)


def _step(hook: IntakeHook, who: bytes, message: dict[str, str], ticket: str) -> receiving.Made:
    talk = IntakeTalk.objects.filter(hook=hook, who=who, updated_at__gte=clock.now() - receiving.TALK_KEPT).first()
    draft = _opened(talk)
    kind, text = message.get("MsgType", ""), message.get("Content", "")
    if kind == "image" and talk is not None and talk.case_id is not None:
        return _more(hook, talk, message)
    if kind == "text" and text.lower() in rules.words().cancel:
        IntakeTalk.objects.filter(hook=hook, who=who).delete()
        return _said(hook, _words("dropped"))
    if kind == "text" and text.lower() in rules.words().submit:
        said = draft.get("text") or draft.get("photos")
        return _file(hook, who, draft, ticket) if said else _said(hook, _words("nothing"))
    refusal = _add(hook, draft, kind, message)
    if refusal:
        return _said(hook, refusal)
    if draft.get("lon") is not None and draft.get("text"):
        return _file(hook, who, draft, ticket)
    _keep(hook, who, draft)
    return _said(hook, _words("ask_words") if draft.get("lon") is not None else _words("ask_place"))


def _add(hook: IntakeHook, draft: dict[str, Any], kind: str, message: dict[str, str]) -> str:
    """Put a message into the draft; the reply where it cannot be."""
    if kind == "text":
        draft["text"] = "\n".join(filter(None, (draft.get("text", ""), message.get("Content", ""))))
        return _words("long", most=MOST_TEXT) if len(draft["text"]) > MOST_TEXT else ""
    if kind == "image":
        draft.setdefault("photos", []).append(message.get("PicUrl", "")[:1000])
        return _words("full", most=MOST_PHOTOS) if len(draft["photos"]) > MOST_PHOTOS else ""
    if kind != "location":
        return _words("unknown")
    try:
        lat, lon = float(message.get("Location_X", "")), float(message.get("Location_Y", ""))
        if not (math.isfinite(lat) and math.isfinite(lon) and abs(lat) <= 90 and abs(lon) <= 180):
            return _words("outside")
        draft.update(receiving.point(hook, lon, lat, "gcj02"), address=message.get("Label", "")[:200])
    except (ValueError, Invalid):
        return _words("outside")
    return ""


def _file(hook: IntakeHook, who: bytes, draft: dict[str, Any], ticket: str) -> receiving.Made:
    from linli.adapters.open311 import jobs as pictures

    given = {k: draft[k] for k in ("lon", "lat", "address") if draft.get(k) is not None}
    try:
        made = receiving.report(hook, text=draft.get("text") or _words("pictured"), **given)
    except LinliError as error:
        _keep(hook, who, draft)
        words = _words("refused", why="；".join(e.reason for e in error.errors) or error.detail)
        return {"reply": words}, receiving.keep(hook, "refused", 200, errors=error.errors)
    for url in draft.get("photos", []):
        pictures.fetch_later(made.case_id, url)
    _keep(hook, who, {}, case_id=made.case_id, number=made.number)
    words = _words("filed", number=made.number, ticket=f"{ticket}{made.secret}")
    return {"reply": words}, receiving.keep(hook, "case", 200, case_id=made.case_id, number=made.number)


def _more(hook: IntakeHook, talk: IntakeTalk, message: dict[str, str]) -> receiving.Made:
    """A picture soon after the report."""
    from linli.adapters.open311 import jobs as pictures

    pictures.fetch_later(talk.case_id, message.get("PicUrl", ""))  # type: ignore[arg-type]
    row = receiving.keep(hook, "talk", 200, case_id=talk.case_id, number=talk.number)
    return {"reply": _words("added", number=talk.number)}, row


def _said(hook: IntakeHook, text: str) -> receiving.Made:
    return {"reply": text}, receiving.keep(hook, "talk", 200)


def _opened(talk: IntakeTalk | None) -> dict[str, Any]:
    if talk is None or talk.draft is None:
        return {}
    found = personal.read(actor=SYSTEM, instance=talk, fields=("draft",), purpose="finish_report")["draft"]
    return dict(json.loads(found or "{}"))


def _keep(hook: IntakeHook, who: bytes, draft: dict[str, Any], **filed: Any) -> None:
    """The one row of a sender: the draft, sealed, or the case it has become."""
    IntakeTalk.objects.filter(hook=hook, who=who).delete()
    text = json.dumps(draft, ensure_ascii=False) if draft else None
    IntakeTalk.objects.create(hook=hook, who=who, draft=text, area_path=hook.area_path, **filed)
