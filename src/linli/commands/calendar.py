"""`linli calendar show|check|apply`: the district's working days, and the notice that settles a provisional year."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from linli import commands

WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def register(sub: Any) -> None:
    parser = sub.add_parser("calendar", help="working days: show or check a year, put its notice in force")
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    for name, help_text, run in (("show", "the days of a year that differ", show),
                                 ("check", "whether a year is settled and adds up", check)):  # fmt: skip
        one = what.add_parser(name, help=help_text)
        one.add_argument("year", type=int)
        one.add_argument("--json", action="store_true", help="as JSON")
        commands.add_home(one)
        one.set_defaults(run=run)
    put = what.add_parser("apply", help="put the notice of a year in force; open deadlines are recomputed")
    put.add_argument("file", type=Path, metavar="FILE", help="CSV: date,workday[,hours,zh,en,source], the whole year")
    put.add_argument("--year", type=int, required=True)
    commands.add_home(put)
    put.set_defaults(run=apply)


def facts(year: int) -> dict[str, Any]:
    """A year as the district counts it."""
    from linli.cases import calendars

    book = calendars.book()
    calendar, first = book.district, date(year, 1, 1)
    days = [first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days)]
    listed = [d for d in book.days if d.date.year == year]
    kinds = Counter("made_up" if d.workday and d.date.isoweekday() > 5 else "half" if d.hours else
                    "worked" if d.workday else "off" for d in listed)  # fmt: skip
    return {
        "year": year, "settled": days[-1] <= calendar.known_until and not any(d.provisional for d in listed),
        "working_days": sum(calendar.is_workday(d) for d in days), "listed": len(listed), **kinds,
        "days": [{"date": d.date.isoformat(), "weekday": d.date.isoweekday(), "workday": d.workday, "zh": d.zh,
                  "en": d.en, "provisional": d.provisional, "source": d.source,
                  "hours": " ".join(f"{calendars.clock_text(a)}-{calendars.clock_text(b)}" for a, b in d.hours or ())}
                 for d in listed],
    }  # fmt: skip


def _ready(args: argparse.Namespace) -> None:
    if not 1970 <= args.year <= 2200:
        raise commands.CommandError("the year is one of 1970 to 2200")
    commands.django_ready()


def show(args: argparse.Namespace) -> int:
    _ready(args)
    found = facts(args.year)
    if args.json:
        print(json.dumps(found, ensure_ascii=False))
        return 0
    for day in found["days"]:
        what = "worked" if day["workday"] else "off   "
        mark = " (provisional)" if day["provisional"] else ""
        print(f"{day['date']} {WEEK[day['weekday'] - 1]} {what} {day['hours']} {day['zh']} {day['en']}{mark}".rstrip())
    print(f"{found['year']}: {found['working_days']} working days, {'settled' if found['settled'] else 'PROVISIONAL'}")
    return 0


def problems(found: dict[str, Any]) -> list[str]:
    """What a settled year of a Chinese calendar would have: every statutory holiday."""
    wrong = [] if found["settled"] else ["provisional: the notice of this year is not in force"]
    if not found["listed"]:
        wrong.append("no day of this year is listed: only weekends are off")
    if not any(d["date"].endswith("-01-01") and not d["workday"] for d in found["days"]):
        wrong.append("1 January is not listed as off")
    return wrong


def check(args: argparse.Namespace) -> int:
    """Ends with 1 when the year is not settled or lacks its holidays."""
    _ready(args)
    found = facts(args.year)
    wrong = problems(found)
    if args.json:
        print(json.dumps({**{k: v for k, v in found.items() if k != "days"}, "problems": wrong}, ensure_ascii=False))
    else:
        print(f"{found['year']}: {found['working_days']} working days, {found['listed']} listed days")
        for line in wrong:
            print(f"  {line}")
    return 1 if wrong else 0


def apply(args: argparse.Namespace) -> int:
    if not args.file.is_file():
        raise commands.CommandError(f"{args.file} is not a file")
    _ready(args)
    from django.db import OperationalError

    from linli.cases.services import upkeep
    from linli.kernel.actor import SYSTEM
    from linli.kernel.errors import LinliError

    try:
        done = upkeep.correct_calendar(actor=SYSTEM, year=args.year, notice=args.file.read_bytes())
    except LinliError as error:
        raise commands.CommandError(error.detail) from error
    except UnicodeDecodeError as error:
        raise commands.CommandError(f"{args.file} is not UTF-8") from error
    except OperationalError as error:
        raise commands.CommandError(f"the district is not running ({error})") from error
    found = facts(args.year)
    print(f"{done['year']}: {done['days']} days in force, {found['working_days']} working days; "
          "open deadlines are being recomputed")  # fmt: skip
    return 0
