"""Every indicator by its name: a small world made by hand, and the value that a hand works out of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from tests.insight.small import NOW, T0, case, total

from linli.cases.contracts import CaseFacts
from linli.insight import tables
from linli.insight.rules import facts, wilson
from linli.insight.rules.indicators import Place, figure

World = Callable[[], list[CaseFacts]]
INTAKE = {"intake": 1.0}


def intake() -> list[CaseFacts]:
    """Ten reports. Public: 1 filed, 1 rejected, 1 cancelled. Staff: 3 filed, 1 born filed by an alarm, 1 accepted and
    waiting, 1 checked on site and found, 1 checked on site and not found."""
    return [
        case("filed", (0.5, "accept"), (0.8, "file"), channel="qr", due=INTAKE, urgent=True),  # all in time
        case("rejected", (0.5, "accept"), (2, "reject"), channel="web", due=INTAKE),  # accepted, and that was wrong
        case("cancelled", (0.2, "cancel"), channel="hotline", due=INTAKE),
        case("filed", (2, "file"), due=INTAKE),  # late
        case("filed", (0.5, "file"), (0.7, "reclassify", {"class": "200101"}), due=INTAKE),  # filed as the wrong class
        case("cancelled", (0.5, "file"), (0.6, "cancel"), due=INTAKE),  # filed, and that was wrong
        case("filed", filed_at=T0, channel="device"),  # began filed
        case("accepted", (0.5, "accept"), due=INTAKE),
        case("accepted", (0.1, "ask_check"), (0.9, "confirm_true"), due=INTAKE),
        case("cancelled", (0.1, "ask_check"), (3, "confirm_false"), due=INTAKE),  # late
    ]


def dispatch() -> list[CaseFacts]:
    """Eight filed: 3 dispatched well (one of them late), 1 returned, 1 recalled and sent again, 1 taken back within
    seconds, 1 waiting, 1 handled on the spot, which needs no dispatch."""
    due = {"dispatch": 2.0}
    return [
        case("dispatched", (0.5, "file"), (1, "dispatch"), due=due),
        case("dispatched", (0.5, "file"), (1.5, "dispatch"), due=due),
        case("dispatched", (0.5, "file"), (3, "dispatch"), due=due),  # late
        case("filed", (0.5, "file"), (1, "dispatch"), (2, "return", {"team_id": str(facts_team())}), due=due),
        case("dispatched", (0.5, "file"), (1, "dispatch"), (1.2, "recall"), (1.4, "dispatch"), due=due),
        case("filed", (0.5, "file"), (1, "dispatch"), (1.01, "undo_dispatch"), team_id=None),
        case("filed", (0.5, "file")),
        case("handled", (0.5, "self_handle")),
    ]


def facts_team() -> str:
    return "00000000-0000-0000-0000-000000000007"


def handling() -> list[CaseFacts]:
    """Ten sent: 4 done in time (one with more time), 1 done late, 2 past their limit (one with more time), 1 within it,
    2 handled on the spot in time."""
    due = {"dispatch": 2.0, "handle": 48.0}
    sent = ((0.5, "file"), (1, "dispatch"))
    return [
        *[case("handled", *sent, (24, "finish"), due=due) for _ in range(3)],
        case("handled", *sent, (40, "extend"), (60, "finish"), due={"handle": 72.0}, extended=True),
        case("handled", *sent, (72, "finish"), due=due),
        case("handling", *sent, due=due),
        case("handling", *sent, due=due, extended=True),
        case("handling", *sent, due={"handle": 24.0 * 90}),
        *[case("handled", (2, "self_handle")) for _ in range(2)],
    ]


def closing() -> list[CaseFacts]:
    """Eight at work: 4 closed (3 in time, 1 of those reworked; 1 late), 1 checked only, 1 waiting to be verified beyond
    its limit, 1 late and not closed, 1 rejected long ago, which is nothing to close."""
    due = {"handle": 48.0, "verify": 30.0, "closing": 52.0}
    done = ((1, "dispatch"), (24, "finish"))
    return [
        *[case("closed", *done, (26, "check"), (27, "close"), due=due) for _ in range(2)],
        case("closed", (1, "dispatch"), (10, "finish"), (12, "rework"), (24, "finish"), (29, "close"), due=due),
        case("closed", *done, (60, "close"), due=due),  # verified and closed late
        case("checked", *done, (26, "check"), due={**due, "closing": 24.0 * 90}),
        case("handled", *done, due={**due, "closing": 24.0 * 90}),
        case("handling", (1, "dispatch"), due={"handle": 48.0, "closing": 52.0}),
        case("rejected", (0.5, "reject")),
    ]


def visits() -> list[CaseFacts]:
    """Five closed: asked 4 of them; very satisfied 1, satisfied 2 (one in part), dissatisfied 1; one not reached."""
    ends = ((1, "dispatch"), (24, "finish"), (27, "close"))
    said = [("evaluate", {"score": 5}), ("follow_up", {"satisfaction": "satisfied"}),
            ("follow_up", {"satisfaction": "partly"}), ("follow_up", {"satisfaction": "dissatisfied"}),
            ("follow_up", {"satisfaction": "unreached"})]  # fmt: skip
    return [case("closed", *ends, (50, act, detail)) for act, detail in said]


# code → (world, value): worked out by hand from the words above
EXPECTED: dict[str, tuple[World, float]] = {
    "report": (intake, 10),
    "validReport": (intake, 4),  # filed and not turned away: 1 public, 1 late, 1 corrected, 1 of the alarm
    "validReportRate": (intake, 4 / 10),
    "publicReport": (intake, 3),
    "validPublicReport": (intake, 1),
    "urgent": (intake, 1),
    "cancel": (intake, 3),
    "needVerify": (intake, 2),
    "verify": (intake, 2),
    "inTimeVerify": (intake, 1),
    "inTimeVerifyRate": (intake, 1 / 2),
    "accept": (intake, 8),  # all but the one cancelled at once and the one not found
    "inTimeAccept": (intake, 7),
    "inTimeAcceptRate": (intake, 7 / 8),
    "accurAcceptRate": (intake, 6 / 8),  # not the rejected one, not the one cancelled after filing
    "register": (intake, 5),
    "inTimeRegister": (intake, 4),
    "inTimeRegisterRate": (intake, 4 / 5),
    "accurRegisterRate": (intake, 3 / 5),
    "filingRate": (intake, 5 / 8),
    "needDispatch": (dispatch, 7),
    "dispatch": (dispatch, 5),
    "dispatchRate": (dispatch, 5 / 8),
    "inTimeDispatch": (dispatch, 4),
    "inTimeDispatchRate": (dispatch, 4 / 7),
    "accurDispatch": (dispatch, 3),
    "accurDispatchRate": (dispatch, 3 / 7),
    "back": (dispatch, 1),
    "needDispose": (handling, 9),  # all but the one within its limit
    "dispose": (handling, 7),
    "disposeRate": (handling, 7 / 9),
    "inTimeDispose": (handling, 6),
    "inTimeDisposeRate": (handling, 6 / 9),
    "overtimeDispose": (handling, 1),
    "toDispose": (handling, 3),
    "overtimeToDispose": (handling, 2),
    "overdueToDisposeRate": (handling, 2 / 9),
    "extensionRate": (handling, 2 / 9),
    "patrolDeal": (handling, 2),
    "needCheck": (closing, 6),
    "check": (closing, 5),
    "inTimeCheck": (closing, 4),
    "inTimeCheckRate": (closing, 4 / 6),
    "needArchive": (closing, 5),
    "archive": (closing, 4),
    "archiveRate": (closing, 4 / 5),
    "inTimeArchive": (closing, 3),
    "inTimeArchiveRate": (closing, 3 / 5),
    "overtimeArchive": (closing, 1),
    "overTimeArchiveRate": (closing, 1 / 5),
    "overtimeToArchive": (closing, 1),
    "toArchive": (closing, 3),
    "toArchiveRate": (closing, 3 / 8),
    "rework": (closing, 1),
    "reworkRate": (closing, 1 / 5),
    "zz_archiveRate": (closing, 4 / 5),
    "zz_inTimeArchive": (closing, 3 / 5),
    "zz_rework": (closing, 1 / 5),
    "zz_ext": (lambda: [*handling()[:5], *closing()], 1 / 5),  # one extended, of five to be closed
    "returnVisit": (visits, 4),
    "verySatisfied": (visits, 1),
    "satisfied": (visits, 2),
    "dissatisfied": (visits, 1),
    # closing(): handled 6 of 7, in time 6 of 7, reworked 1 of 5, late and waiting 1 of 7, extended none
    "jinniu_digital_cg": (closing, 30 * 6 / 7 + 20 * 6 / 7 + 20 * 4 / 5 + 20 * 6 / 7 + 10),
    # five complaints, 2 km² and 5 × 10,000 people; 3 of 4 content; a day of handling; 1 place again; none late
    "jinniu_wllz": (lambda: [*[case("filed", (0.5, "file"), channel="qr") for _ in range(5)], *visits()],
                    (30 - 5 * 0.002 / 10) + 30 * 3 / 4 + 10 + (20 - 1) + 10),
}  # fmt: skip


@pytest.mark.parametrize("code", EXPECTED)
def test_indicator(code: str) -> None:
    world, expected = EXPECTED[code]
    known = tables.table().indicators
    found = figure(known[code], known, total(world(), place=Place(2, 5), repeats=(5, 4)))
    assert found.value == pytest.approx(expected)


def test_no_indicator_without_a_test() -> None:
    assert set(tables.table().indicators) == set(EXPECTED)


@pytest.mark.parametrize("code", EXPECTED)
def test_of_no_cases(code: str) -> None:
    """A count of nothing is 0; what would divide by it is —."""
    known = tables.table().indicators
    found = figure(known[code], known, total([]))
    assert found.value == (0 if known[code].kind == "count" else None)


def test_what_the_table_has_no_act_for_is_not_zero() -> None:
    known = tables.table().indicators
    found = total(visits(), missing=frozenset({"returnVisit", "satisfied"}))
    assert figure(known["satisfied"], known, found).value is None
    assert figure(known["satisfied"], known, found).why == "acts"


def test_another_denominator() -> None:
    known = tables.table().indicators
    found = figure(known["reworkRate"], known, total(closing(), bases={"reworkRate": "archive"}))
    assert (found.of, found.base, found.value) == (1, 4, 1 / 4)
    ignored = figure(known["reworkRate"], known, total(closing(), bases={"reworkRate": "report"}))
    assert ignored.base == 5


def test_without_area_and_population_the_score_is_not_computed() -> None:
    known = tables.table().indicators
    assert figure(known["jinniu_wllz"], known, total(visits())).why == "place"


def test_days_of_measures() -> None:
    """What is done early counts on its day, what is late on the day its limit ran out."""
    late = case("handled", (1, "dispatch"), (24 * 6, "finish"), due={"handle": 48.0})
    assert total([late], start=date(2026, 11, 4), end=date(2026, 11, 4)).counts["overtimeDispose"] == 1
    early = case("handled", (1, "dispatch"), (24, "finish"), due={"handle": 24.0 * 30})
    assert total([early], start=date(2026, 11, 3), end=date(2026, 11, 3)).counts["inTimeDispose"] == 1


def test_a_deadline_ahead_says_when_to_look_again() -> None:
    waiting = case("handling", (1, "dispatch"), due={"handle": 48.0, "closing": 52.0})
    before = facts.count(waiting, tables.meaning(), T0 + timedelta(hours=47))
    assert before.next_at == T0 + timedelta(hours=48)
    after = facts.count(waiting, tables.meaning(), before.next_at + timedelta(seconds=1))
    assert any("overtimeToDispose" in names for names in after.rows.values())
    assert after.next_at == T0 + timedelta(hours=52)
    assert facts.count(waiting, tables.meaning(), NOW).next_at is None


def test_wilson() -> None:
    low, high = wilson.interval(8, 10) or (0, 0)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)  # Newcombe 1998
    assert wilson.interval(0, 0) is None and wilson.interval(3, 2) is None
    assert (wilson.interval(0, 5) or (1, 1))[0] == 0 and (wilson.interval(5, 5) or (0, 0))[1] == 1
    assert not wilson.apart(wilson.interval(8, 10), wilson.interval(6, 10))
    assert wilson.apart(wilson.interval(800, 1000), wilson.interval(600, 1000))
