"""The worst frames of a lifter evaluation, drawn: the 2D, then truth and answer from the camera and from the side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgepose.skeletons import H36M17, Skeleton
from edgepose_trainer.evaluation.drawing import Box, Drawing, Line, Shape, Words
from edgepose_trainer.evaluation.lifter_data import Float64
from edgepose_trainer.evaluation.lifter_judged import Judged
from edgepose_trainer.evaluation.skeleton_view import frame_errors

_CELL_WH = (150, 190)
_LEFT, _RIGHT = "#2e9bf0", "#f07d10"
_MOST_OF_A_TAKE = 2
_FOOT = 18


@dataclass(frozen=True, slots=True)
class Worst:
    """One frame."""

    words: str
    drawing: Drawing


def worst(judged: Sequence[Judged], most: int) -> list[Worst]:
    """At most ``most`` frames with the largest mean error, one of each recording, two of each take."""
    found = []
    for one in judged:
        errors = frame_errors(one)
        if np.isfinite(errors).any():
            frame = int(np.nanargmax(errors))
            found.append((float(errors[frame]), frame, one))
    found.sort(key=lambda each: -each[0])
    taken: dict[str, int] = {}
    chosen: list[Worst] = []
    for error, frame, one in found:
        taken[one.seen.take] = taken.get(one.seen.take, 0) + 1
        if taken[one.seen.take] <= _MOST_OF_A_TAKE and len(chosen) < most:
            chosen.append(Worst(_words(error, frame, one), _drawn(one, frame)))
    return chosen


def _words(error: float, frame: int, one: Judged) -> str:
    view = f", seen from {one.view_deg[frame]:.0f}°" if np.isfinite(one.view_deg[frame]) else ""
    return f"{error:.0f} mm, {one.seen.name}, {one.seen.times_s[frame]:.2f} s, {one.seen.condition}{view}"


def _drawn(one: Judged, frame: int) -> Drawing:
    width, height = _CELL_WH
    truth, found = one.seen.truth[frame], one.found[frame]
    shapes: list[Shape] = [Box(width, 0, width, height, "line", 0.35)]
    seen = one.seen.keypoints[frame, :, :2].astype(np.float64)
    shapes += _figure(_fitted(seen, seen, 0), one.seen.skeleton, 2)
    for cell, axes in ((1, [0, 1]), (2, [2, 1])):
        flat = np.concatenate([truth[:, axes], found[:, axes]])
        for points, width_px, plain in ((truth[:, axes], 2.0, "soft"), (found[:, axes], 2.5, "")):
            shapes += _figure(_fitted(points, flat, cell), H36M17, width_px, plain)
    for cell, says in enumerate(("2D as it came", "from the camera", "from the side")):
        shapes.append(Words((cell + 0.5) * width, height + 13, says, "middle", 11, "soft"))
    return Drawing(3 * width, height + _FOOT, tuple(shapes), "worst frame: 2D, truth grey, answer coloured")


def _fitted(points: Float64, all_points: Float64, cell: int) -> Float64:
    """(K, 2) -> px of a cell, in which everything has room in one scale."""
    width, height = _CELL_WH
    known = all_points[np.isfinite(all_points).all(axis=1)]
    if not len(known):
        return np.full_like(points, np.nan)
    low, high = known.min(axis=0), known.max(axis=0)
    scale = min(0.88 * width / max(high[0] - low[0], 1e-6), 0.92 * height / max(high[1] - low[1], 1e-6))
    return np.asarray((points - (low + high) / 2) * scale + ((cell + 0.5) * width, height / 2))


def _figure(places: Float64, skeleton: Skeleton, width: float, colour: str = "") -> list[Shape]:
    return [
        Line(_ends(places[[a, b]]), colour or _side(skeleton, a, b), width)
        for a, b in skeleton.edges
        if np.isfinite(places[[a, b]]).all()
    ]


def _ends(ends: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    return tuple((round(x, 1), round(y, 1)) for x, y in ends.tolist())


def _side(skeleton: Skeleton, a: int, b: int) -> str:
    sides = {skeleton.joints[joint].partition("_")[0] for joint in (a, b)} & {"left", "right"}
    return _LEFT if sides == {"left"} else _RIGHT if sides == {"right"} else "ink"
