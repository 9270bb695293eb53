"""Drawings of a stroke report: reliability, importance, mean curves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgepose_trainer.evaluation.calibration import BINS, Reliability
from edgepose_trainer.evaluation.drawing import Box, Drawing, Line, Shape, Words, polylines
from edgepose_trainer.evaluation.importance import Importance
from edgepose_trainer.evaluation.likeness import JOINTS

_SIDE, _LEFT, _TOP = 320, 44, 8
_MANY = 30
"""Windows of a bin whose share means something; others are drawn faint."""
_ROW, _NAME, _CELL = 22, 128, 34
_MINE, _REFERENCE = "#d55e00", "bar"


def reliability(given: Reliability) -> Drawing:
    """Share of right windows over what the model said of them; on the diagonal the probabilities are true."""
    shapes: list[Shape] = [
        Box(_LEFT, _TOP, _SIDE, _SIDE, "card"),
    ]
    width = _SIDE / BINS
    for place, (count, right) in enumerate(zip(given.count, given.right, strict=True)):
        left = _LEFT + place * width + 2
        if np.isfinite(right):
            shapes.append(Words(left + width / 2 - 2, _TOP + _SIDE + 30, _short(int(count)), "middle", 10, "soft"))
            solid = 0.8 if count >= _MANY else 0.3
            shapes.append(Box(left, _TOP + _SIDE * (1 - right), width - 4, _SIDE * right, "bar", solid))
    for place in range(0, BINS + 1, 2):
        share = place / BINS
        shapes.append(Words(_LEFT - 6, _TOP + _SIDE * (1 - share) + 4, f"{share:.1f}", "end", 11, "soft"))
        shapes.append(Words(_LEFT + _SIDE * share, _TOP + _SIDE + 14, f"{share:.1f}", "middle", 11, "soft"))
    shapes.append(Line(((_LEFT, _TOP + _SIDE), (_LEFT + _SIDE, _TOP)), "ink", 1))
    shapes.append(Words(_LEFT + _SIDE, _TOP + _SIDE + 46, "probability said; below: windows", "end"))
    shapes.append(Words(_LEFT + 6, _TOP + 16, "share that is right"))
    return Drawing(_LEFT + _SIDE + 10, _TOP + _SIDE + 54, tuple(shapes), "reliability diagram")


def _short(count: int) -> str:
    return f"{count / 1000:.0f}k" if count >= 10_000 else str(count)


def importance(given: Importance) -> Drawing:
    """Per cent of the gains, the darker the more; the last column belongs to no moment."""
    table = np.column_stack([given.by_time, given.whole])
    totals = table.sum(axis=1)
    order = np.argsort(-totals, kind="stable")
    most = max(float(table.max()), 1e-9)
    shapes: list[Shape] = []
    count = table.shape[1]
    for row, thing in enumerate(order.tolist()):
        y = row * _ROW
        shapes.append(Words(_NAME - 6, y + 15, given.things[thing].replace("_", " "), "end"))
        for column, value in enumerate(table[thing].tolist()):
            x = _NAME + column * _CELL + (8 if column == count - 1 else 0)
            shapes.append(Box(x, y + 1, _CELL - 2, _ROW - 2, "card"))
            shapes.append(Box(x, y + 1, _CELL - 2, _ROW - 2, "bar", round(float(value / most) ** 0.7, 3)))
            if value >= 0.05:
                shapes.append(Words(x + _CELL / 2 - 1, y + 15, f"{value:.1f}", "middle", 10))
        shapes.append(Words(_NAME + count * _CELL + 14, y + 15, f"{totals[thing]:.1f} %"))
    bottom = len(order) * _ROW + 14
    for column, offset_s in enumerate(given.offsets_s):
        shapes.append(
            Words(_NAME + (column + 0.5) * _CELL - 1, bottom, f"{1000 * offset_s:+.0f}", "middle", 10, "soft")
        )
    shapes.append(Words(_NAME + (count - 0.5) * _CELL + 8, bottom, "all", "middle", 10, "soft"))
    shapes.append(Words(_NAME, bottom + 16, "ms from the middle of the window", size=11, colour="soft"))
    return Drawing(_NAME + count * _CELL + 66, bottom + 22, tuple(shapes), "importance by joint and time")


def mean_curves(
    mine: NDArray[np.float64], reference: NDArray[np.float64], title: str, names: tuple[str, str]
) -> Drawing:
    """The ways of both wrists and elbows, (27, 6, 2) each, seen from the hips; a dot where the stroke begins."""
    width, height, top = 300, 240, 40
    both = np.concatenate([mine, reference])
    low, high = np.nanmin(both, axis=(0, 1)), np.nanmax(both, axis=(0, 1))
    scale = float(min((width - 20) / max(high[0] - low[0], 1e-9), (height - 20) / max(high[1] - low[1], 1e-9)))
    shift = np.array([width / 2, top + height / 2]) - scale * (low + high) / 2
    shapes: list[Shape] = [Words(4, 14, title), Words(4, 31, names[0], colour=_MINE)]
    shapes.append(Words(width - 4, 31, names[1], "end", colour=_REFERENCE))
    for curve, colour in ((reference, _REFERENCE), (mine, _MINE)):
        for joint in ("right_wrist", "right_elbow", "left_wrist"):
            way = curve[:, JOINTS.index(joint)] * scale + shift
            shapes += polylines(way[:, 0], way[:, 1], colour, 2.5 if joint == "right_wrist" else 1)
            if np.isfinite(way[0]).all():
                shapes.append(Box(float(way[0, 0]) - 3, float(way[0, 1]) - 3, 6, 6, colour))
    return Drawing(width, top + height, tuple(shapes), f"{title}: {names[0]} and {names[1]}")
