"""The child process that learns: `python -m linli.cases.learning.train zh|en [--measure]`.

Reads lines of JSON `[text, class]`, oldest first. Writes one line of JSON, what it measured, and after it the model.
Measured on time: learnt from the older four fifths, asked about the newest fifth. Imports no Django.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import f1_score

from linli.cases.rules import classmodel
from linli.cases.rules.classmodel import ClassModel

MAX_FEATURES, OLDER, SEED = 24_000, 0.8, 20
Counts = Sequence[dict[int, int]]


def vocabulary(rows: Counts) -> tuple[Any, Any]:
    """The n-grams that stand in two texts at least, the most frequent first when there are too many; their rarity."""
    seen: Counter[int] = Counter()
    for row in rows:
        seen.update(row.keys())
    kept = sorted(g for g, n in seen.most_common(MAX_FEATURES) if n > 1)
    known = np.array(kept, dtype=np.uint32)
    often = np.array([seen[g] for g in kept], dtype=np.float32)
    return known, (np.log((1 + len(rows)) / (1 + often)) + 1).astype(np.float32)


def matrix(rows: Counts, known: Any, rarity: Any) -> Any:
    """TF-IDF, each text of length one: the same sums as `ClassModel.guess`."""
    place = {int(g): i for i, g in enumerate(known)}
    data, columns, starts = [], [], [0]
    for row in rows:
        there = [(place[g], n) for g, n in row.items() if g in place]
        at = np.array([i for i, _ in there], dtype=np.int32)
        values = (1 + np.log(np.array([n for _, n in there], dtype=np.float32))) * rarity[at]
        data.append(values / max(float(np.sqrt((values**2).sum())), 1e-9))
        columns.append(at)
        starts.append(starts[-1] + len(at))
    parts = (np.concatenate(data), np.concatenate(columns), np.array(starts))
    return sparse.csr_matrix(parts, shape=(len(rows), len(known)))


def learn(language: str, rows: Counts, labels: Sequence[str]) -> ClassModel:
    known, rarity = vocabulary(rows)
    judge = SGDClassifier(loss="log_loss", alpha=2e-6, max_iter=25, tol=1e-4, average=True, random_state=SEED)
    judge.fit(matrix(rows, known, rarity), np.array(labels))
    weights, bias = judge.coef_, judge.intercept_
    if len(judge.classes_) == 2:
        weights, bias = np.vstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    scale = np.maximum(np.abs(weights).max(axis=1), 1e-9) / 127
    whole = np.round(weights / scale[:, None]).astype(np.int8)
    return ClassModel(
        language=language, classes=tuple(str(c) for c in judge.classes_), known=known, rarity=rarity,
        weights=np.ascontiguousarray(whole.T), scale=scale.astype(np.float32), bias=bias.astype(np.float32),
        temperature=1.0,
    )  # fmt: skip


def scores(model: ClassModel, rows: Counts) -> Any:
    found = matrix(rows, model.known, model.rarity) @ (model.weights.astype(np.float32) * model.scale)
    return np.asarray(found) + model.bias


def temperature(found: Any, truth: Any) -> float:
    """What the scores are divided by so that “80 %” is right eight times of ten; `truth` -1: a class never seen."""
    seen = truth >= 0
    if not seen.any():
        return 1.0
    tried = np.geomspace(0.05, 10, 40)
    loss = [-np.log(np.maximum(classmodel.softmax(found[seen] / t)[np.arange(seen.sum()), truth[seen]], 1e-9)).mean()
            for t in tried]  # fmt: skip
    return float(tried[int(np.argmin(loss))])


def measure(language: str, rows: Counts, labels: Sequence[str]) -> dict[str, Any]:
    """Learnt from the older, asked about the newer; beside the answer that is always the commonest class."""
    cut = int(len(rows) * OLDER)
    model = learn(language, rows[:cut], labels[:cut])
    place = {c: i for i, c in enumerate(model.classes)}
    truth = np.array([place.get(c, -1) for c in labels[cut:]])
    found = scores(model, rows[cut:])
    order = np.argsort(-found, axis=1)[:, :3]
    said = [model.classes[i] for i in order[:, 0]]
    most = Counter(labels[:cut]).most_common(1)[0][0]
    newer = list(labels[cut:])
    return {
        "older": cut, "newer": len(newer), "classes": len(model.classes), "features": len(model.known),
        "top1": round(float((order[:, 0] == truth).mean()), 4),
        "top3": round(float((order == truth[:, None]).any(axis=1).mean()), 4),
        "macro_f1": round(float(f1_score(newer, said, average="macro", zero_division=0)), 4),
        "majority": round(sum(c == most for c in newer) / len(newer), 4),
        "majority_macro_f1": round(
            float(f1_score(newer, [most] * len(newer), average="macro", zero_division=0)), 4),
        "temperature": round(temperature(found, truth), 4),
    }  # fmt: skip


def main(argv: list[str]) -> int:
    os.nice(10)  # people's requests come first
    warnings.simplefilter("ignore", ConvergenceWarning)  # 25 rounds are enough, settled or not
    language, only_measure = argv[0], "--measure" in argv
    texts, labels = [], []
    for line in sys.stdin.buffer:
        text, label = orjson.loads(line)
        texts.append(classmodel.grams(text, language))
        labels.append(label)
    told = measure(language, texts, labels)
    out = sys.stdout.buffer
    out.write(orjson.dumps(told) + b"\n")
    if not only_measure:
        model = learn(language, texts, labels)
        out.write(classmodel.write(replace(model, temperature=told["temperature"])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
