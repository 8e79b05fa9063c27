"""ThingsBoard's topics: what a device may publish to and subscribe to, and what a gateway may besides; and how a
program's topics begin."""

from __future__ import annotations

TELEMETRY = b"v1/devices/me/telemetry"
ATTRIBUTES = b"v1/devices/me/attributes"
ASK_ATTRIBUTES = "v1/devices/me/attributes/request/"
ANSWER_ATTRIBUTES = "v1/devices/me/attributes/response/"
RPC = "v1/devices/me/rpc/request/"
RPC_ANSWER = "v1/devices/me/rpc/response/"
CHILDREN = "v1/gateway/"
CHILD_ATTRIBUTES = "v1/gateway/attributes"
CHILD_ANSWER = "v1/gateway/attributes/response"
CHILD_RPC = "v1/gateway/rpc"
OBSERVATIONS = "v1.1/"  # SensorThings: of programs, and of no device

# A connection keeps what it subscribed to as bits. WANTS_* are those by which the district speaks first.
WANTS_ATTRIBUTES, WANTS_COMMANDS, CHILDREN_ATTRIBUTES, CHILDREN_COMMANDS = 1, 2, 4, 8
SURE = 16  # × a WANTS bit: with QoS 1
_OTHER = 1024

OWN = {
    "v1/devices/me/attributes": WANTS_ATTRIBUTES,
    "v1/devices/me/attributes/response/+": _OTHER,
    "v1/devices/me/rpc/request/+": WANTS_COMMANDS,
    "v1/devices/me/rpc/response/+": _OTHER,
}
FOR_CHILDREN = {CHILD_ATTRIBUTES: CHILDREN_ATTRIBUTES, CHILD_ANSWER: _OTHER, CHILD_RPC: CHILDREN_COMMANDS}


def wish(name: str, qos: int, *, gateway: bool) -> int:
    """The bits of a topic filter, 0 when it may not be subscribed to."""
    bit = OWN.get(name, 0) or (FOR_CHILDREN.get(name, 0) if gateway else 0)
    return bit | bit * SURE if qos and bit < _OTHER else bit
