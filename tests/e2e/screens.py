"""The named screens: who looks, where, and what must be there before the picture is taken."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Screen:
    """`path` may hold {unit}, {ticket}, {case}, {device}. `ready` is a selector; sizes as in `browser.SIZES`."""

    name: str
    path: str
    account: str = ""
    ready: str = "h1"
    sizes: tuple[str, ...] = ("laptop", "phone")
    themes: tuple[str, ...] = ("light", "dark")


SCREENS = (
    Screen("portal-home", "/"),
    Screen("portal-unit", "/q/{unit}"),
    Screen("portal-map", "/map"),
    Screen("portal-privacy", "/privacy"),
    Screen("portal-ticket", "/t/{ticket}"),
    Screen("console-sign-in", "/console/", ready="input[name=username]"),
    Screen("console-live", "/console/", "dispatcher", "[data-testid=live-view]", ("laptop", "wall")),
    Screen("console-cases", "/console/cases", "dispatcher", "[data-testid=case-list]", ("laptop", "wall")),
    Screen("console-case", "/console/cases/{case}", "dispatcher", "[data-testid=case-page]", ("laptop",)),
    Screen("console-devices", "/console/devices", "dispatcher", "[data-testid=device-list]", ("laptop", "wall")),
    Screen("console-device", "/console/devices/{device}", "dispatcher", "[data-testid=device-page]", ("laptop",)),
    Screen("console-alarms", "/console/alarms", "dispatcher", "[data-testid=alarm-list]", ("laptop",)),
    Screen("console-rules", "/console/rules", "dispatcher", "h1", ("laptop",)),
    Screen("console-grids", "/console/grids", "dutylead", "h1", ("laptop",)),
    Screen("console-people", "/console/people", "admin", "h1", ("laptop",)),
    Screen("console-audit", "/console/audit", "auditadmin", "h1", ("laptop",)),
    Screen("console-wall", "/console/wall", "dispatcher", "[data-testid=wall]", ("wall",), ("dark",)),
    Screen("field-today", "/field/", "crew", "[data-testid=report]", ("phone",)),
    Screen("field-report", "/field/report", "member", "[data-testid=report-send]", ("phone",)),
    Screen("field-map", "/field/map", "member", "h1", ("phone",)),
    Screen("field-outbox", "/field/outbox", "member", "h1", ("phone",)),
    Screen("field-me", "/field/me", "member", "[data-testid=duty]", ("phone",)),
)
