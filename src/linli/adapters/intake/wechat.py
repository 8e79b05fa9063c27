"""WeChat's messages in plain mode: read from XML without document types, answered as XML."""

from __future__ import annotations

from xml.parsers import expat
from xml.sax.saxutils import escape

MOST_BYTES = 64 * 1024


def parse(body: bytes) -> dict[str, str]:
    """The fields below the root; ValueError for what is no such message. A document type is refused as it begins,
    before any entity could be declared."""
    if len(body) > MOST_BYTES:
        raise ValueError("the message is too large")
    found: dict[str, str] = {}
    stack: list[str] = []

    def begin(name: str, _: object) -> None:
        stack.append(name)
        if len(stack) > 4:
            raise ValueError("the message is too deep")

    def said(text: str) -> None:
        if len(stack) == 2:
            found[stack[1]] = found.get(stack[1], "") + text

    def refuse(*_: object) -> None:
        raise ValueError("a document type is not taken")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.CharacterDataHandler = begin, said
    parser.EndElementHandler = lambda _: stack.pop() and None
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise ValueError("the message is no XML") from error
    return {k: v.strip() for k, v in found.items()}


def reply(message: dict[str, str], text: str, now: int) -> str:
    """A passive reply to whoever wrote the message."""
    to, us = escape(message.get("FromUserName", "")), escape(message.get("ToUserName", ""))
    return (
        f"<xml><ToUserName>{to}</ToUserName><FromUserName>{us}</FromUserName><CreateTime>{now}</CreateTime>"
        f"<MsgType>text</MsgType><Content>{escape(text)}</Content></xml>"
    )
