"""ThingsBoard's topics: what a device may publish to and subscribe to, and what a gateway may besides; and how a
program's topics begin.

Each filter that may be subscribed to is a bit; a connection keeps what it subscribed to as a sum of them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

SURE = 1 << 32  # × a filter's bit: with QoS 1


class Form(NamedTuple):
    """One way to name a device's topics. Those that end in / are followed by a number."""

    telemetry: str
    attributes: str
    ask_attributes: str
    answer_attributes: str
    command: str  # to a device, and its own request to the district
    answer_command: str
    attributes_bit: int
    commands_bit: int
    answers_bit: int  # and the next one


LONG = Form(
    "v1/devices/me/telemetry", "v1/devices/me/attributes", "v1/devices/me/attributes/request/",
    "v1/devices/me/attributes/response/", "v1/devices/me/rpc/request/", "v1/devices/me/rpc/response/",
    1 << 0, 1 << 1, 1 << 2,
)  # fmt: skip
FORMS = (
    LONG,
    Form("v2/t", "v2/a", "v2/a/req/", "v2/a/res/", "v2/r/req/", "v2/r/res/", 1 << 4, 1 << 5, 1 << 6),
    Form("v2/t/j", "v2/a/j", "v2/a/req/j/", "v2/a/res/j/", "v2/r/req/j/", "v2/r/res/j/", 1 << 8, 1 << 9, 1 << 10),
)
TELEMETRY, ATTRIBUTES = LONG.telemetry.encode(), LONG.attributes.encode()
ALL_TELEMETRY = frozenset(f.telemetry.encode() for f in FORMS)
ALL_ATTRIBUTES = frozenset(f.attributes.encode() for f in FORMS)
# What stands before the number, and where the answer goes.
ASK_ATTRIBUTES = {f.ask_attributes: f.answer_attributes for f in FORMS}
ASK_US = {f.command: f.answer_command for f in FORMS}
ANSWER_COMMAND = frozenset(f.answer_command for f in FORMS)
CLAIM = "v1/devices/me/claim"
PROVISION = b"/provision/request"
PROVISION_ANSWER = "/provision/response"
CHUNKS = ("v2/fw/", "v2/sw/")
CHUNK = re.compile(r"v2/(fw|sw)/request/([0-9A-Za-z_-]{1,36})/chunk/([0-9]{1,9})")
CHILDREN = "v1/gateway/"
CHILD_ATTRIBUTES = "v1/gateway/attributes"
CHILD_ANSWER = "v1/gateway/attributes/response"
CHILD_RPC = "v1/gateway/rpc"
OBSERVATIONS = "v1.1/"  # SensorThings: of programs, and of no device
SHARED = "$share/"

# The filters by which the district speaks first.
WANTS_ATTRIBUTES = sum(f.attributes_bit for f in FORMS)
WANTS_COMMANDS = sum(f.commands_bit for f in FORMS)
CHILDREN_ATTRIBUTES, CHILDREN_COMMANDS = 1 << 12, 1 << 13
ERRORS = {"fw": 1 << 16, "sw": 1 << 20}

OWN: dict[str, int] = {}
for _form in FORMS:
    OWN |= {
        _form.attributes: _form.attributes_bit, f"{_form.command}+": _form.commands_bit,
        f"{_form.answer_attributes}+": _form.answers_bit, f"{_form.answer_command}+": _form.answers_bit << 1,
    }  # fmt: skip
for _word, _bit in ERRORS.items():
    # The SDK's own filter is the first, which by MQTT's rules hears nothing: answers are sent to who asked, as there.
    OWN |= {f"v2/{_word}/response/+": _bit << 1, f"v2/{_word}/response/+/chunk/+": _bit << 2, f"v2/{_word}/error": _bit}
FOR_CHILDREN = {CHILD_ATTRIBUTES: CHILDREN_ATTRIBUTES, CHILD_RPC: CHILDREN_COMMANDS, CHILD_ANSWER: 1 << 14}
_GUEST = {PROVISION_ANSWER: 1 << 15}


def wish(name: str, *, gateway: bool, guest: bool = False) -> int:
    """The bit of a topic filter, 0 when it may not be subscribed to. A guest is who is no device yet."""
    if guest:
        return _GUEST.get(name, 0)
    return OWN.get(name, 0) or (FOR_CHILDREN.get(name, 0) if gateway else 0)
