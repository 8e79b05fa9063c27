"""What goes wrong with things, how often, and when somebody has mended it. Pure: time and chance come in.

Rates are set for a district of 2,000 devices: some twenty faults a day to look at, one or two of them urgent.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from linli.sim.things import Thing, busy

SILENT, STUCK = 0.0012, 0.0005  # chances a device and hour
# Model → property that trips → chance a device and hour, on the average of a day.
TRIPS = {
    "smoke_detector": {"alarm": 0.0001}, "lift": {"trapped": 0.0002, "fault": 0.0006},
    "manhole_cover": {"open": 0.0003}, "street_lamp": {"fault": 0.0005}, "gate": {"fault": 0.0008},
    "parking": {"fault": 0.0008},
}  # fmt: skip
URGENT = {("smoke_detector", "alarm"), ("lift", "trapped")}
MENDED_H = {True: (0.2, 1.0), False: (1.0, 5.0)}  # hours until somebody has mended it, by urgency
QUIET_H = (0.2, 2.0)


def fate(thing: Thing, at: datetime, hours: float, pace: float = 1.0) -> list[str]:
    """What begins with `thing` in the `hours` before local time `at`; what was mended by then has ended."""
    thing.faults = {name: end for name, end in thing.faults.items() if end > at}
    began = []
    for name, chance in (("silent", SILENT), ("stuck", STUCK)):
        if thing.rng.random() < chance * hours:
            began.append(_begin(thing, name, at, QUIET_H, pace))
    for name, chance in TRIPS.get(thing.model, {}).items():
        if thing.rng.random() < chance * hours * (0.15 + 1.5 * busy(at)):  # most where and when people are about
            began.append(_begin(thing, name, at, MENDED_H[(thing.model, name) in URGENT], pace))
    return began


def _begin(thing: Thing, name: str, at: datetime, hours: tuple[float, float], pace: float) -> str:
    thing.faults[name] = at + timedelta(hours=thing.rng.uniform(*hours) / pace)
    return name if name in ("silent", "stuck") else "tripped"
