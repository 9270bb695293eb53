"""Steps: which foot stands when, where it is put, and how it gets there; standing feet do not slide."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from edgepose_trainer.motionmodel.curves import hermite
from edgepose_trainer.motionmodel.path import RATE_HZ

Float64 = NDArray[np.float64]
Bools = NDArray[np.bool_]
_STANDING_M_S = 0.35
_SHORTEST_STAND_S, _SHORTEST_STEP_S = 0.09, 0.12
_STEP_S = 0.24
"""Of a step that is made because the body has moved away from a standing foot."""
_DRIFT_M = 0.2
LOWEST_M = 0.02
"""No part of a foot is lower."""


def gait(speed: Float64) -> tuple[Float64, Bools]:
    """(N,) m/s -> (N,) phase of the left foot in cycles, and (N, 2) whether left and right stand.

    The faster, the more cycles a second (1.1 walking, 2.2 in a short run) and the shorter the contact (62 to 36 %).
    """
    frequency = np.clip(1.0 + 0.27 * speed, 1.1, 2.2) * (speed > _STANDING_M_S)
    phase = np.cumsum(frequency) / RATE_HZ
    duty = np.clip(0.68 - 0.08 * speed, 0.36, 0.62)
    stands = np.stack([phase % 1 < duty, (phase + 0.5) % 1 < duty], axis=1)
    return phase, stands | (speed <= _STANDING_M_S)[:, None]


def stands(of_strokes: Float64, of_gait: Bools, stroke_share: Float64) -> Bools:
    """(N, 2) from the clips' contact channels and the gait, without stands and steps too short to be true."""
    standing = np.where(stroke_share[:, None] > 0.5, of_strokes > 0.5, of_gait)
    for foot in range(2):
        _drop_short(standing[:, foot], False, _SHORTEST_STEP_S)
        _drop_short(standing[:, foot], True, _SHORTEST_STAND_S)
    return standing


def planted(toes: Float64, standing: Bools, lift_m: Float64, toe_m: float) -> Float64:
    """(N, 3) shift of one foot, so that it stands still where it stands and swings smoothly between.

    ``toes`` (N, 3) where the pose alone would put it; ``lift_m`` (N,) how high a step lifts it.
    """
    shift = np.zeros_like(toes)
    spans = [part for span in _spans(standing) for part in _without_drift(toes, *span)]
    if not spans:
        shift[:, 1] = np.maximum(toe_m - toes[:, 1], 0)
        return shift
    for start, end in spans:
        middle = toes[start:end, [0, 2]].mean(axis=0)
        shift[start:end, 0], shift[start:end, 2] = (middle - toes[start:end, [0, 2]]).T
        shift[start:end, 1] = toe_m - toes[start:end, 1]
    slope = np.gradient(toes, axis=0)
    for (_, before), (after, _) in itertools.pairwise(spans):
        _swing(shift, toes, slope, before - 1, after, lift_m, toe_m)
    shift[: spans[0][0]], shift[spans[-1][1] :] = shift[spans[0][0]], shift[spans[-1][1] - 1]
    return shift


def _swing(shift: Float64, toes: Float64, slope: Float64, left: int, right: int, lift_m: Float64, toe_m: float) -> None:
    """From the last standing frame to the next: leaves and lands at rest."""
    span = right - left
    x = (np.arange(1, span) / span)[:, None]
    ends = -slope[left] * span, -slope[right] * span
    rows = slice(left + 1, right)
    shift[rows] = hermite(x, shift[left], shift[right], *ends)
    flat = 16 * (x[:, 0] * (1 - x[:, 0])) ** 2
    height = toes[rows, 1] + shift[rows, 1]
    lowest = toe_m + flat * np.minimum(lift_m[rows], 0.004 * span)
    shift[rows, 1] += np.maximum(lowest - height, 0)


def _without_drift(toes: Float64, start: int, end: int) -> list[tuple[int, int]]:
    """A stand is broken by a step where the body has moved too far from the foot."""
    step = round(_STEP_S * RATE_HZ)
    parts: list[tuple[int, int]] = []
    while True:
        away = np.linalg.norm(toes[start:end, [0, 2]] - toes[start, [0, 2]], axis=1)
        far = np.flatnonzero(away > _DRIFT_M)
        if not len(far) or end - (start + far[0]) < step or far[0] < step:
            return [*parts, (start, end)]
        parts.append((start, start + int(far[0])))
        start += int(far[0]) + step
        if end - start < step:
            return parts


def _spans(flags: Bools) -> list[tuple[int, int]]:
    """Runs of True: first row, row after the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _drop_short(flags: Bools, value: bool, least_s: float) -> None:
    """Runs of ``value`` that are shorter become the other, in place; the ends of the movement stay."""
    for start, end in _spans(flags == value):
        if end - start < least_s * RATE_HZ and start > 0 and end < len(flags):
            flags[start:end] = not value
