"""Where an address leads: what somebody else names could be a machine of ours."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address


def addresses(host: str) -> set[IPv4Address | IPv6Address]:
    """All addresses of a host by name; OSError or ValueError for none. An IPv4 address in IPv6's clothes is itself."""
    found = {ip_address(str(info[4][0])) for info in socket.getaddrinfo(host, None)}
    return {one.ipv4_mapped or one if isinstance(one, IPv6Address) else one for one in found}
