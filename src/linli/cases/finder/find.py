"""`python -m linli.cases.finder.find` < picture.jpg: rectangles that may be a face or a number plate, as JSON.

Imports OpenCV and is therefore never imported by Linli itself. It compares with nothing and writes no file.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import cv2
import numpy as np

FACES = "haarcascade_frontalface_alt2.xml"
SIDE = 800  # a picture is looked at in this size: a third of the time of 1600, faces from 4 % of the width on
STEP, AGREE, LEAST = 1.1, 4, 32
MOST, MARGIN, OVERLAP = 20, 0.12, 0.3
# Blue (small cars) and green (electric cars) in OpenCV's hue of 0 to 179, with enough colour and light.
COLOURS = (((98, 90, 50), (128, 255, 255)), ((40, 60, 60), (88, 255, 255)))
LONGEST, SHORTEST, FILLED = 6.0, 2.0, 0.55
Box = tuple[float, float, float, float]
Found = tuple[str, float, Box]


def faces(grey: Any) -> list[Found]:
    """Score: how far the last stage of the cascade was passed, from 0 to 1; no probability."""
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + FACES)  # type: ignore[attr-defined]
    boxes, _, weights = cascade.detectMultiScale3(grey, STEP, AGREE, minSize=(LEAST, LEAST), outputRejectLevels=True)
    found: list[Found] = []
    for box, weight in zip(boxes, np.ravel(weights), strict=True):
        x, y, w, h = (float(v) for v in box)
        found.append(("face", float(1 / (1 + np.exp(-weight / 2))), (x, y, w, h)))
    return found


def plates(picture: Any) -> list[Found]:
    """Blue or green patches in the shape of a plate with light or dark signs in it."""
    hsv, grey = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV), cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    found: list[Found] = []
    for low, high in COLOURS:
        mask = cv2.inRange(hsv, np.array(low), np.array(high))
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 9), np.uint8))
        shapes, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        for shape in shapes:
            x, y, w, h = cv2.boundingRect(shape)
            filled = cv2.contourArea(shape) / (w * h)
            if w < 2 * LEAST or not SHORTEST <= w / h <= LONGEST or filled < FILLED:
                continue
            signs = _strokes(grey[y : y + h, x : x + w])
            if signs >= 8:
                found.append(("plate", min(1.0, filled * signs / 16), (x, y, w, h)))
    return found


def _strokes(grey: Any) -> float:
    """How often the middle of a patch turns from dark to light or back: seven signs do it 8 times or more."""
    middle = grey[int(grey.shape[0] * 0.3) : int(grey.shape[0] * 0.7) + 1]
    _, black = cv2.threshold(middle, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    if float(middle.std()) < 12:
        return 0.0
    return float(np.median(np.abs(np.diff(black.astype(np.int8), axis=1)).sum(axis=1)))


def distinct(found: list[Found]) -> list[Found]:
    """The best of those that lie on each other, best first."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda f: -f[1]):
        if all(_shared(one[2], other[2]) < OVERLAP for other in kept):
            kept.append(one)
    return kept[:MOST]


def _shared(a: Box, b: Box) -> float:
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0.0, wide) * max(0.0, high) / min(a[2] * a[3], b[2] * b[3])


def find(data: bytes) -> list[dict[str, Any]]:
    """Each: `kind`, `score` from 0 to 1, and x, y, w, h as parts of the picture's sides, with a margin around."""
    cv2.setNumThreads(1)
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise SystemExit("not a picture")
    scale = min(1.0, SIDE / max(picture.shape[:2]))
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = picture.shape[:2]
    told = []
    for kind, score, (x, y, w, h) in distinct([*faces(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)), *plates(picture)]):
        left, top = max(0.0, x - w * MARGIN), max(0.0, y - h * MARGIN)
        right, bottom = min(width, x + w * (1 + MARGIN)), min(height, y + h * (1 + MARGIN))
        told.append({"kind": kind, "score": round(score, 2), "x": round(left / width, 4), "y": round(top / height, 4),
                     "w": round((right - left) / width, 4), "h": round((bottom - top) / height, 4)})  # fmt: skip
    return told


if __name__ == "__main__":
    sys.stdout.write(json.dumps(find(sys.stdin.buffer.read())))
