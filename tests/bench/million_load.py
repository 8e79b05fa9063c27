"""Many at once: 8 users with a mix of questions, and 10,000 cases an hour with all that follows from each."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
from tests.bench import machine
from tests.bench.million_asks import API, Asks
from tests.district import District

USERS, SECONDS = 8, 30.0
AN_HOUR, FOR_S, LISTENERS = 10_050, 300.0, 20  # a little above the bar: pacing never catches up
MIX = {  # questions of a working day, by part and name; of these one after another, each user from another place
    "lists": ("open by deadline", "none", "street, open", "middle class", "mine, open", "to decide by deadline",
              "closed today"),
    "search": ("common word", "rare word", "two words"),
    "one": ("open case", "open case", "closed case", "nearby duplicates"),
    "map": ("district, zoom 11", "pins of a screen", "counts"),
    "create": ("with duplicate check",),
}  # fmt: skip


def together(web: str, keys: dict[str, str], ask: Asks, seconds: float = SECONDS) -> dict[str, Any]:
    """8 users without a pause between their questions."""
    took: dict[str, list[float]] = defaultdict(list)
    failed: list[str] = []
    began = time.perf_counter()
    threads = [threading.Thread(target=_user, args=(n, ask, began + seconds, took, failed)) for n in range(USERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.perf_counter() - began
    return {
        "requests_a_second": round(sum(map(len, took.values())) / spent, 1), "failed": len(failed),
        "all": machine.spread([t for ts in took.values() for t in ts]),
        "by_question": {name: {**machine.spread(ts), "n": len(ts)} for name, ts in sorted(took.items())},
    }  # fmt: skip


def _user(n: int, ask: Asks, end: float, took: dict[str, list[float]], failed: list[str]) -> None:
    parts = ask.by_part()
    questions = [(f"{part}: {name}", parts[part][name]) for part, names in MIX.items() for name in names]
    turn = n * 5
    while time.perf_counter() < end:
        name, question = questions[turn % len(questions)]
        began = time.perf_counter()
        answer = question()
        took[name].append((time.perf_counter() - began) * 1000)
        if answer.is_error:
            failed.append(f"{name}: {answer.status_code}")
        turn += 1


def sustained(
    district: District, web: str, keys: dict[str, str], ask: Asks, cpu: Callable[[], dict[str, float]],
    seconds: float = FOR_S,
) -> dict[str, Any]:  # fmt: skip
    """Cases at an even rate, each accepted or dispatched by rule and told to the listeners of the live stream."""
    stop, heard, listeners = threading.Event(), [0] * LISTENERS, []
    for n in range(LISTENERS):
        thread = threading.Thread(
            target=_listen, args=(district.origin, keys["dispatcher"], heard, n, stop), daemon=True
        )
        thread.start()
        listeners.append(thread)
    time.sleep(2)
    before, took, late, began = cpu(), [], 0.0, time.perf_counter()
    wanted = int(AN_HOUR / 3600 * seconds)
    for number in range(wanted):
        due = began + number * 3600 / AN_HOUR
        time.sleep(max(0.0, due - time.perf_counter()))
        late = max(late, time.perf_counter() - due)
        at = time.perf_counter()
        made = ask.create_only()
        made.raise_for_status()
        took.append((time.perf_counter() - at) * 1000)
        _move(ask, made.json()["id"], number)
    spent = time.perf_counter() - began
    waiting = _waiting(ask, district)
    after = cpu()
    stop.set()
    used = {
        n: round((after[n] - before.get(n, 0)) / wanted * 1000, 1) for n in after if after[n] - before.get(n, 0) > 0
    }
    return {
        "cases_an_hour": round(wanted / spent * 3600) if spent > seconds else round(wanted / seconds * 3600),
        "seconds": round(spent, 1), "create_ms": machine.spread(took), "latest_s": round(late, 2),
        "events_waiting": waiting, "cpu_ms_a_case": used,
        "share_of_one_core": round(sum(used.values()) * wanted / spent / 1000, 2),
        "listeners": LISTENERS, "heard_each": [min(heard), max(heard)],
    }  # fmt: skip


def _move(ask: Asks, case_id: str, number: int) -> None:
    """Every second one is accepted, every fourth dispatched: rules, tasks and notices follow."""
    act = {0: "dispatch", 2: "accept"}.get(number % 4)
    if act is None:
        return
    body = {"team": ask.teams[0], "version": 1} if act == "dispatch" else {"version": 1}
    who = ask.clients["dispatcher" if act == "dispatch" else "intake"]
    who.post(f"{API}/cases/{case_id}/actions/{act}", json=body).raise_for_status()


def _listen(origin: str, key: str, heard: list[int], n: int, stop: threading.Event) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    with (
        httpx.Client(headers=headers, verify=False, timeout=None) as client,
        client.stream("GET", f"{origin}/live/events") as stream,
    ):
        for line in stream.iter_lines():
            heard[n] += line.startswith("data:")
            if stop.is_set():
                return


def _waiting(ask: Asks, district: District) -> int:
    """Events that the consumers have not seen yet, a moment after the last case."""
    time.sleep(2)
    dsn = json.loads((district.home / "run" / "env.json").read_text())["LINLI_DATABASE_URL"]
    with psycopg.connect(dsn) as db:
        return int(db.execute("SELECT count(*) FROM kernel_outbox WHERE sent_at IS NULL").fetchone()[0])  # type: ignore[index]
