"""The first bars (to be raised): what `make bench` holds its figures against, and says line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Bar:
    """`path` leads to the figure in the bench's result; `at_most` or `at_least` is the bar."""

    what: str
    path: tuple[str, ...]
    bar: float
    unit: str
    at_most: bool = True


TELEMETRY = ("telemetry", "at_the_bar")
BARS = (
    Bar("`linli up` to ready, first time with the demo", ("startup", "first_time_s"), 20, "s"),
    Bar("`linli up` to ready again", ("startup", "again_s"), 8, "s"),
    Bar("memory idle, all processes (PSS)", ("memory_idle_mb", "total"), 1200, "MB"),
    Bar("locate one point, p99", ("locate", "single_us_p99"), 100, "µs"),
    Bar("locate in bulk", ("locate", "bulk_points_per_cpu_second"), 100_000, "points/CPU-s", at_most=False),
    Bar("MQTT connections", (*TELEMETRY, "connections"), 2_000, "", at_most=False),
    Bar("MQTT QoS 1, rules and history on", (*TELEMETRY, "messages_per_s"), 8_000, "messages/s", at_most=False),
    Bar("the same in points", (*TELEMETRY, "points_per_s"), 24_000, "points/s", at_most=False),
    Bar("server CPU per message", (*TELEMETRY, "server_cpu_us_per_message", "all"), 100, "CPU-µs"),
    Bar("publish to alarm at a listener, p95", (*TELEMETRY, "alarm_ms", "p95"), 80, "ms"),
    *(
        Bar(f"{name}, {where}", ("cases", door, what, "cpu_ms_web_and_postgres"), bar, "CPU-ms")
        for door, where in (("web", "straight to web"), ("front_door", "through the front door"))
        for what, name, bar in (("list_50", "list of 50", 6), ("get", "get a case", 2), ("create", "create a case", 8))
    ),
)  # fmt: skip


def figure(result: dict[str, Any], path: tuple[str, ...]) -> float | None:
    """The figure at a path, or None when that part was not measured."""
    found: Any = result
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return None
        found = found[name]
    return float(found)


def judged(result: dict[str, Any], bars: tuple[Bar, ...] = BARS) -> list[dict[str, Any]]:
    """Each bar whose figure was measured, with the figure and whether it is met."""
    lines = []
    for bar in bars:
        value = figure(result, bar.path)
        if value is not None:
            met = value <= bar.bar if bar.at_most else value >= bar.bar
            sign = "≤" if bar.at_most else "≥"
            lines.append(
                {"what": bar.what, "figure": value, "bar": f"{sign} {bar.bar:g}", "unit": bar.unit, "met": met}
            )
    return lines


def against(line: dict[str, Any]) -> str:
    """A line of `judged` in words."""
    word = "met   " if line["met"] else "MISSED"
    return f"{word} {line['what']}: {line['figure']:g} {line['unit']} ({line['bar']})"
