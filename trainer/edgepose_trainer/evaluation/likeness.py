"""How like two players swing: mean curves of the arms, compared by dynamic time warping (seed_systems.md §10).

A swing is 27 samples at 30 Hz, as in the seed system, round the time in which the hitting wrist is fast. Shoulders,
elbows and wrists are seen from the hips in units of the torso, left-handers in the mirror, so that neither size nor
place nor hand count. Cameras do: 2D curves of one swing seen from two sides differ.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgepose.card import WindowSpec
from edgepose.features import features, names
from edgepose.skeletons import COCO17
from edgepose.window import windows_of
from edgepose_trainer import peaks
from edgepose_trainer.evaluation.spans import Span, labelled
from edgepose_trainer.recordings import Recording
from edgepose_trainer.samples import hand_of

Float64 = NDArray[np.float64]
FRAMES, RATE_HZ = 27, 30.0
JOINTS = ("right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist")
_BAND = 6
"""Samples that one curve may run ahead of the other: 0.2 s."""
_SEARCH_S = 0.25
"""So much before and after the labelled hit the fast part is looked for."""


@dataclass(frozen=True, slots=True)
class Swing:
    """One stroke of one player."""

    player: str
    """The group: data set and player or video."""
    label: str
    recording: str
    time_s: float
    """Of the middle sample."""
    curve: Float64
    """(27, 6, 2) joints of ``JOINTS`` in torso lengths from the hips, y down; NaN: never seen."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """A player's stroke against the reference's."""

    player: str
    label: str
    swings: int
    distance: float
    """Between the mean curves, torso lengths; 0: the same."""
    typical: float
    """Median distance of the player's single swings to the reference's mean curve."""


def swings_of(recording: Recording) -> list[Swing]:
    """Every labelled stroke of which enough is seen, a left-hander's mirrored."""
    right = replace(recording, handedness=hand_of(recording)).right_handed()
    there = labelled(right)
    if not there:
        return []
    batch = windows_of(right.times_s, right.keypoints, WindowSpec(frames=FRAMES, rate_hz=RATE_HZ))
    if not len(batch.centre):
        return []
    speed = peaks.wrist_speed(right.times_s, right.keypoints[..., :2].astype(np.float64), "right")
    centres_s = right.times_s[batch.centre]
    rows = [int(np.abs(centres_s - _fast_part(right.times_s, speed, span)).argmin()) for span in there]
    curves = _normalised(batch.keypoints[rows])
    return [
        Swing(right.group, span.label, right.name, float(centres_s[row]), curve)
        for span, row, curve in zip(there, rows, curves, strict=True)
        if np.isfinite(curve).any()
    ]


def mean_curve(swings: Sequence[Swing]) -> Float64:
    """(27, 6, 2) mean where half of the swings at least know a joint, else NaN; raises ValueError for no swing."""
    if not swings:
        raise ValueError("a mean curve needs a swing at least")
    curves = np.stack([swing.curve for swing in swings])
    known = np.isfinite(curves)
    count = known.sum(axis=0)
    mean = np.where(known, curves, 0).sum(axis=0) / np.maximum(count, 1)
    return np.where(2 * count >= len(swings), mean, np.nan)


def distance(one: Float64, other: Float64) -> float:
    """DTW distance of two curves (N, J, 2), (M, J, 2): mean distance of the joints along the best way.

    Joints that one of them never shows are left out, as are ends where one is not known. NaN where less than half of
    a curve is left.
    """
    joints = np.isfinite(one).any(axis=(0, 2)) & np.isfinite(other).any(axis=(0, 2))
    parts = [curve[:, joints][np.isfinite(curve[:, joints]).all(axis=(1, 2))] for curve in (one, other)]
    if not joints.any() or any(2 * len(part) < len(whole) for part, whole in zip(parts, (one, other), strict=True)):
        return float("nan")
    apart = np.linalg.norm(parts[0][:, None] - parts[1][None], axis=-1)
    return warped(apart.mean(axis=-1), _BAND)


def warped(cost: Float64, band: int) -> float:
    """(N, M) local costs -> mean cost along the way of least total cost (Sakoe & Chiba 1978).

    Steps right, down and diagonally from corner to corner, at most ``band`` samples off the diagonal.
    """
    rows, columns = cost.shape
    slope = (columns - 1) / max(rows - 1, 1)
    reach = max(band, slope)
    nowhere = (math.inf, 0)
    above = [(0.0, 0), *[nowhere] * columns]
    for i, costs in enumerate(cost.tolist()):
        here = [nowhere] * (columns + 1)
        for j, local in enumerate(costs):
            if abs(j - i * slope) <= reach:
                total, steps = min(above[j], above[j + 1], here[j])
                here[j + 1] = (total + local, steps + 1)
        above = here
    total, steps = above[-1]
    return total / steps


def compared(swings: Iterable[Swing], reference: Sequence[Swing]) -> list[Likeness]:
    """Every player's strokes against the reference's mean curve of the same label, the most alike first."""
    models = {label: mean_curve([s for s in reference if s.label == label]) for label in {s.label for s in reference}}
    own: dict[tuple[str, str], list[Swing]] = {}
    for swing in swings:
        if swing.label in models:
            own.setdefault((swing.label, swing.player), []).append(swing)
    rows = [
        Likeness(
            player, label, len(mine), distance(mean_curve(mine), models[label]),
            _median([distance(swing.curve, models[label]) for swing in mine]),
        )
        for (label, player), mine in own.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row.label, row.distance))


def _median(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return float(np.median(known)) if known else math.nan


def _fast_part(times_s: Float64, speed: Float64, span: Span) -> float:
    """The middle of the fast part of the swing: steadier than the fastest frame, where before and after are alike."""
    heavy = np.where(np.abs(times_s - span.peak_s) <= _SEARCH_S, np.nan_to_num(speed), 0.0) ** 2
    return float(times_s @ heavy / heavy.sum()) if heavy.sum() > 0 else span.peak_s


def _normalised(keypoints: NDArray[np.float32]) -> Float64:
    """(N, 27, 17, 3) px -> (N, 27, 6, 2): the positions of tennis-1, gaps inside filled in time, ends left open."""
    columns = {name: number for number, name in enumerate(names("tennis-1", FRAMES))}
    wanted = [columns[f"position/{j}/{axis}/{t:02d}"] for t in range(FRAMES) for j in JOINTS for axis in "xy"]
    curves = features(keypoints, "tennis-1", COCO17)[:, wanted].astype(np.float64)
    curves = curves.reshape(len(keypoints), FRAMES, -1)
    for curve in curves:
        for values in curve.T:
            known = np.flatnonzero(np.isfinite(values))
            if len(known):
                inner = slice(known[0], known[-1] + 1)
                values[inner] = np.interp(np.arange(FRAMES)[inner], known, values[known])
    return curves.reshape(len(keypoints), FRAMES, len(JOINTS), 2)
