"""Learning which class a report is, from the district's own closed cases: public ones, by the reporter's words only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson

import linli
from linli.cases.models import Case, ClassModel
from linli.cases.rules import classmodel
from linli.kernel import audit, clock, services
from linli.kernel.actor import SYSTEM

MIN_CASES, MIN_PER_CLASS, MAX_CASES, NEW_CASES, KEPT = 200, 5, 50_000, 25, 2
LANGUAGES = (classmodel.CHINESE, classmodel.OTHER)
SECONDS = 900
Pair = tuple[str, str]


def learn_all(*, force: bool = False) -> dict[str, dict[str, Any]]:
    """A model per language for which there are enough cases, unless hardly any came since the last one."""
    told = {}
    pairs = examples()
    for language in LANGUAGES:
        mine = [p for p in pairs if classmodel.language(p[0]) == language]
        if found := _learn(language, enough(mine), force):
            told[language] = found
    return told


def examples() -> list[Pair]:
    """(words of the report, class it was closed with), oldest first. Text does not change after intake; what staff
    wrote later stands elsewhere. Private cases and alarms are left out."""
    rows = (
        Case.objects.filter(source="linli", state__in=("closed", "evaluated"), private=False)
        .exclude(class_code="").exclude(text="").exclude(kind="device")
        .order_by("-closed_at").values_list("created_at", "text", "class_code")[:MAX_CASES]
    )  # fmt: skip
    return [(text, code) for _, text, code in sorted(rows)]


def enough(pairs: Sequence[Pair]) -> list[Pair]:
    """Those of classes with some cases; none when there are too few in all, or of one class only."""
    often = Counter(code for _, code in pairs)
    kept = [p for p in pairs if often[p[1]] >= MIN_PER_CLASS]
    return kept if len(kept) >= MIN_CASES and len({code for _, code in kept}) > 1 else []


def _learn(language: str, pairs: list[Pair], force: bool) -> dict[str, Any] | None:
    last = ClassModel.objects.filter(language=language).order_by("-trained_at").only("cases").first()
    if not pairs or (last and not force and len(pairs) - last.cases < NEW_CASES):
        return None
    told, weights = run_child(language, pairs)
    with services.unit(SYSTEM):
        made = ClassModel.objects.create(
            language=language, trained_at=clock.now(), cases=len(pairs), classes=len({c for _, c in pairs}),
            measured=told, weights=weights,
        )  # fmt: skip
        kept = ClassModel.objects.filter(language=language).order_by("-trained_at").values_list("id", flat=True)[:KEPT]
        ClassModel.objects.filter(language=language).exclude(id__in=list(kept)).delete()
        audit.record(actor=SYSTEM, action="case.learn", kind="class_model", ref=made.id,
                     detail={"language": language, "cases": len(pairs), **told})  # fmt: skip
    return told


def run_child(language: str, pairs: Iterable[Pair], *, measure: bool = False) -> tuple[dict[str, Any], bytes]:
    """What was measured, and the model, from a process of its own: the libraries for learning never load here."""
    source = str(Path(linli.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH", ""))))
    command = [sys.executable, "-m", "linli.cases.learning.train", language, *(["--measure"] if measure else [])]
    done = subprocess.run(
        command, input=b"\n".join(orjson.dumps(p) for p in pairs), capture_output=True, timeout=SECONDS, check=False,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"learning failed: {done.stderr.decode(errors='replace')[-500:]}")
    told, _, weights = done.stdout.partition(b"\n")
    return orjson.loads(told), weights
