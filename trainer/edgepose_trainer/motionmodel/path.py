"""Where a player's hips go: through the strokes' own paths, and between them from one to the next."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgepose_trainer.motionmodel.clips import SAMPLES, own_time
from edgepose_trainer.motionmodel.curves import hermite, looked_up, smoothstep
from edgepose_trainer.motionmodel.player import Clip

Float64 = NDArray[np.float64]
RATE_HZ = 120.0
"""Movements are computed so often and looked up in between."""
_LEAST_WAY_S = 0.2
"""Time from the end of one stroke's path to the beginning of the next, at least."""
_SMOOTH_S = 0.06
_FADE_S = 0.3


@dataclass(frozen=True, slots=True)
class Stroke:
    """A clip at a time and a place."""

    clip: Clip
    time_s: float
    """Of the peak."""
    place: tuple[float, float]
    """Of the hips at the peak: x, z in metres, in the axes in which the player moves."""


@dataclass(frozen=True, slots=True)
class Stay:
    """Somewhere to be between strokes."""

    start_s: float
    end_s: float
    place: tuple[float, float]
    walks: bool = False
    """Goes there and on at ease, looking where they go."""


def smoothed(values: Float64, sigma_s: float) -> Float64:
    """(N, ...) at RATE_HZ through a Gaussian; the ends are held."""
    sigma = sigma_s * RATE_HZ
    half = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    flat = np.pad(values.reshape(len(values), -1), ((half, half), (0, 0)), mode="edge")
    return np.stack([np.convolve(one, kernel, "valid") for one in flat.T], axis=1).reshape(values.shape)


def played(stroke: Stroke, times_s: Float64) -> Float64:
    """(N, CHANNELS) of the stroke's clip, held before and after it."""
    u = own_time(times_s - stroke.time_s, stroke.clip.before_s, stroke.clip.after_s)
    return looked_up(stroke.clip.samples, (u + 1) / 2 * (SAMPLES - 1))


def weights(strokes: Sequence[Stroke], times_s: Float64) -> Float64:
    """(K, N) how much of the pose each stroke is; their sum is 1 at most."""
    if not strokes:
        return np.zeros((0, len(times_s)))
    rows = [
        smoothstep((times_s - one.time_s + one.clip.before_s) / _FADE_S)
        * smoothstep((one.time_s + one.clip.after_s - times_s) / _FADE_S)
        for one in strokes
    ]
    stacked = np.stack(rows)
    return np.asarray(stacked / np.maximum(stacked.sum(axis=0), 1))


def hips_path(strokes: Sequence[Stroke], stays: Sequence[Stay], times_s: Float64, leg_m: float, column: int) -> Float64:
    """(N, 2) x and z of the hips. ``column``: where a clip's channels have x, height, z of the hips."""
    both: list[Stroke | Stay] = [*strokes, *stays]
    anchors = sorted(both, key=_begin)
    ends = [[_begin(one), _end(one)] for one in anchors]
    for before, after in itertools.pairwise(ends):
        lacking = _LEAST_WAY_S - (after[0] - before[1])
        if lacking > 0:
            before[1] -= lacking / 2
            after[0] += lacking / 2
    path = np.empty((len(times_s), 2))
    known = np.zeros(len(times_s), bool)
    for one, (start_s, end_s) in zip(anchors, ends, strict=True):
        rows = (times_s >= start_s) & (times_s <= end_s)
        path[rows] = one.place
        if isinstance(one, Stroke):
            path[rows] += leg_m * played(one, times_s[rows])[:, [column, column + 2]]
        known |= rows
    return smoothed(_bridged(path, known, times_s), _SMOOTH_S)


def _bridged(path: Float64, known: NDArray[np.bool_], times_s: Float64) -> Float64:
    """Cubic between what is known, as fast at either end as the path is there; held before the first and after."""
    rows = np.flatnonzero(known)
    path[: rows[0]], path[rows[-1] + 1 :] = path[rows[0]], path[rows[-1]]
    for left, right in itertools.pairwise(rows):
        if right - left < 2:
            continue
        span = times_s[right] - times_s[left]
        start_v = (path[left] - path[left - 1]) * RATE_HZ if left and known[left - 1] else np.zeros(2)
        end_v = (path[right + 1] - path[right]) * RATE_HZ if right + 1 < len(path) and known[right + 1] else np.zeros(2)
        x = ((times_s[left + 1 : right] - times_s[left]) / span)[:, None]
        path[left + 1 : right] = hermite(x, path[left], path[right], start_v * span, end_v * span)
    return path


def _begin(one: Stroke | Stay) -> float:
    return one.time_s - one.clip.before_s if isinstance(one, Stroke) else one.start_s


def _end(one: Stroke | Stay) -> float:
    return one.time_s + one.clip.after_s if isinstance(one, Stroke) else one.end_s
