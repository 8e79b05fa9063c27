"""ThingsBoard's topics: what a device may publish to and subscribe to, and what a gateway may besides; and how a
program's topics begin."""

from __future__ import annotations

import re

TELEMETRY = b"v1/devices/me/telemetry"
ATTRIBUTES = b"v1/devices/me/attributes"
ASK_ATTRIBUTES = "v1/devices/me/attributes/request/"
ANSWER_ATTRIBUTES = "v1/devices/me/attributes/response/"
RPC = "v1/devices/me/rpc/request/"
RPC_ANSWER = "v1/devices/me/rpc/response/"
CLAIM = "v1/devices/me/claim"
PROVISION = b"/provision/request"
PROVISION_ANSWER = "/provision/response"
CHUNKS = "v2/"
CHUNK = re.compile(r"v2/(fw|sw)/request/([0-9A-Za-z_-]{1,36})/chunk/([0-9]{1,9})")
CHILDREN = "v1/gateway/"
CHILD_ATTRIBUTES = "v1/gateway/attributes"
CHILD_ANSWER = "v1/gateway/attributes/response"
CHILD_RPC = "v1/gateway/rpc"
OBSERVATIONS = "v1.1/"  # SensorThings: of programs, and of no device

# A connection keeps what it subscribed to as bits. WANTS_* are those by which the district speaks first.
WANTS_ATTRIBUTES, WANTS_COMMANDS, CHILDREN_ATTRIBUTES, CHILDREN_COMMANDS = 1, 2, 4, 8
SURE = 16  # × a WANTS bit: with QoS 1
_OTHER = 1024
ERRORS = {"fw": 2048, "sw": 4096}

OWN = {
    "v1/devices/me/attributes": WANTS_ATTRIBUTES,
    "v1/devices/me/attributes/response/+": _OTHER,
    "v1/devices/me/rpc/request/+": WANTS_COMMANDS,
    "v1/devices/me/rpc/response/+": _OTHER,
}
for _word, _bit in ERRORS.items():
    # The SDK's own filter is the first, which by MQTT's rules hears nothing: answers are sent to who asked, as there.
    OWN |= dict.fromkeys((f"v2/{_word}/response/+", f"v2/{_word}/response/+/chunk/+"), _OTHER)
    OWN[f"v2/{_word}/error"] = _bit
FOR_CHILDREN = {CHILD_ATTRIBUTES: CHILDREN_ATTRIBUTES, CHILD_ANSWER: _OTHER, CHILD_RPC: CHILDREN_COMMANDS}


def wish(name: str, qos: int, *, gateway: bool, guest: bool = False) -> int:
    """The bits of a topic filter, 0 when it may not be subscribed to. A guest is who is no device yet."""
    if guest:
        return _OTHER if name == PROVISION_ANSWER else 0
    bit = OWN.get(name, 0) or (FOR_CHILDREN.get(name, 0) if gateway else 0)
    return bit | bit * SURE if qos and bit < _OTHER else bit
