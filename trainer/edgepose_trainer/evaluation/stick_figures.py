"""A stroke as a row of stick figures."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from edgepose.skeletons import COCO17
from edgepose_trainer.evaluation.drawing import Box, Drawing, Line, Shape, Words
from edgepose_trainer.evaluation.gaps import bridged
from edgepose_trainer.recordings import Recording

AROUND_S = (-0.4, -0.27, -0.13, 0.0, 0.13, 0.27, 0.4)
_CELL_WH = (104, 140)
_HEAD_PX = 5
_FOOT = 16
_LEFT, _RIGHT, _MIDDLE = "#2e9bf0", "#f07d10", "soft"
_FAR_S = 0.1
"""A figure needs a frame so near."""


def drawn(recording: Recording, time_s: float, says: str) -> Drawing:
    """Seven moments round ``time_s``; own left blue, own right orange, all in one scale, each round its own hips."""
    wanted_s = time_s + np.array(AROUND_S)
    rows = np.abs(recording.times_s[:, None] - wanted_s).argmin(axis=0)
    near = np.abs(recording.times_s[rows] - wanted_s) <= _FAR_S
    flat = recording.keypoints[..., :2].astype(np.float64).reshape(len(recording.times_s), -1)
    low, high = (np.searchsorted(recording.times_s, time_s + end) for end in (-1.0, 1.0))
    flat[low:high] = bridged(recording.times_s[low:high], flat[low:high])
    points = flat[rows].reshape(len(rows), -1, 2)
    points[~near] = np.nan
    centred = points - _middles(points)
    scale, down = _scale(centred)
    width, height = _CELL_WH
    shapes: list[Shape] = [Box(3 * width, 0, width, height, "line", 0.5)]
    for cell, (figure, moment) in enumerate(zip(centred, AROUND_S, strict=True)):
        place = figure * scale + np.array([(cell + 0.5) * width, down])
        shapes += _bones(place)
        words = f"{moment:+.2f} s" if moment else f"{time_s:.2f} s"
        shapes.append(Words((cell + 0.5) * width, height + 12, words, "middle", 10, "soft"))
    return Drawing(width * len(AROUND_S), height + _FOOT, tuple(shapes), says)


def _middles(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(7, 1, 2) middle of the known joints' extent."""
    low = np.fmin.reduce(points, axis=1, keepdims=True)
    return np.asarray((low + np.fmax.reduce(points, axis=1, keepdims=True)) / 2)


def _scale(centred: NDArray[np.float64]) -> tuple[float, float]:
    width, height = _CELL_WH
    known = centred[np.isfinite(centred).all(axis=2)]
    if not len(known):
        return 1.0, height / 2
    reach = np.abs(known).max(axis=0)
    return float(min(0.48 * width / max(reach[0], 1e-9), 0.47 * height / max(reach[1], 1e-9))), height / 2


def _bones(place: NDArray[np.float64]) -> list[Shape]:
    shapes: list[Shape] = []
    for a, b in COCO17.edges:
        ends = place[[a, b]]
        if np.isfinite(ends).all():
            shapes.append(Line((_point(ends[0]), _point(ends[1])), _colour(COCO17.joints[a], COCO17.joints[b]), 2))
    nose, neck = place[COCO17.index("nose")], place[COCO17.indices("left_shoulder", "right_shoulder")].mean(axis=0)
    if np.isfinite(nose).all() and np.isfinite(neck).all():
        x, y = _point(nose)
        shapes.append(Line((_point(neck), (x, y)), _MIDDLE, 2))
        turn = np.linspace(0, 2 * np.pi, 13)
        ring = zip(x + _HEAD_PX * np.cos(turn), y + _HEAD_PX * np.sin(turn), strict=True)
        shapes.append(Line(tuple(map(_point, ring)), _MIDDLE, 2))
    return shapes


def _point(place: Iterable[float]) -> tuple[float, float]:
    x, y = place
    return round(float(x), 1), round(float(y), 1)


def _colour(one: str, other: str) -> str:
    sides = {one.partition("_")[0], other.partition("_")[0]}
    return _LEFT if sides == {"left"} else _RIGHT if sides == {"right"} else _MIDDLE
