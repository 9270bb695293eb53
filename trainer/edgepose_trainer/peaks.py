"""Repeated strokes in a take without boundaries: where the hitting wrist is fastest, and labels round there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgepose.skeletons import COCO17
from edgepose.types import Handedness
from edgepose_trainer.recordings import IDLE, UNSURE

Float64 = NDArray[np.float64]
HALF_STROKE_S = 0.43
"""A stroke is the moment of the hit and so much before and after, as in the seed system (26 frames at 30 fps)."""
DOUBT_S = 0.3
"""Beyond the stroke on either side: neither stroke nor idle for sure."""
_SPAN_S = 0.15
"""Speed is distance over this time: longer than a sensor's jitter, shorter than a swing."""
_GAP_S = 0.2
"""Observations further apart are not joined, as in windows."""
_APART_S = 1.0
"""Two strokes of one player are at least so far apart; volleys in the data come every 1.3 s."""
_OF_THIRD = 0.55
"""A stroke is at least so fast, as a share of the third fastest: a take-back is slower, a glitch faster."""
_CALM = 0.4
"""Below this share of the slowest stroke's speed nobody strikes."""


def wrist_speed(times_s: Float64, points: Float64, hand: Handedness | None) -> Float64:
    """(N,) speed of the hitting wrist against the hips, in units of ``points`` (N, 17, 2 or 3) coco17 a second.

    ``hand`` None: the faster of both. NaN where wrist or hips are unknown nearby.
    """
    hips = points[:, COCO17.indices("left_hip", "right_hip")].mean(axis=1)
    sides = (hand,) if hand else ("left", "right")
    speeds = [_speed(times_s, points[:, COCO17.index(f"{side}_wrist")] - hips) for side in sides]
    return np.asarray(np.fmax.reduce(speeds), np.float64)


def find(times_s: Float64, points: Float64, hand: Handedness | None) -> Float64:
    """Times of the swings' peaks in a take of one stroke repeated, ascending; none when nothing is known.

    A peak is the fastest moment within a second on either side, and more than half as fast as the third fastest
    such moment (as the fastest, when there are fewer).
    """
    speed = np.nan_to_num(wrist_speed(times_s, points, hand))
    left = speed.copy()
    tops: list[int] = []
    while left.max(initial=0.0) > 0:
        tops.append(int(left.argmax()))
        left[np.abs(times_s - times_s[tops[-1]]) < _APART_S] = 0
        if speed[tops[-1]] < _OF_THIRD * speed[tops[min(len(tops), 3) - 1]]:
            break
    if not tops:
        return np.zeros(0)
    least = _OF_THIRD * speed[tops[2 if len(tops) > 2 else 0]]
    return np.sort(times_s[[top for top in tops if speed[top] >= least]])


def labels_round(
    times_s: Float64, points: Float64, hand: Handedness | None, peaks_s: Float64, label: str
) -> NDArray[np.str_]:
    """(N,) ``label`` round the peaks, ``IDLE`` where the wrist stays calm, ``UNSURE`` elsewhere."""
    if not len(peaks_s):
        return np.full(len(times_s), UNSURE)
    speed = wrist_speed(times_s, points, hand)
    slowest = np.interp(peaks_s, times_s, np.nan_to_num(speed)).min()
    busy_s = times_s[~(speed < _CALM * slowest)]
    idle = (_away(times_s, peaks_s) > HALF_STROKE_S + DOUBT_S) & (_away(times_s, busy_s) > HALF_STROKE_S)
    return np.where(_away(times_s, peaks_s) <= HALF_STROKE_S, label, np.where(idle, IDLE, UNSURE))


def _speed(times_s: Float64, place: Float64) -> Float64:
    known = np.isfinite(place).all(axis=1)
    if known.sum() < 2:
        return np.full(len(times_s), np.nan)
    ends_s = np.stack([times_s - _SPAN_S / 2, times_s + _SPAN_S / 2])
    seen_s = times_s[known]
    ends = np.stack([np.interp(ends_s, seen_s, axis, np.nan, np.nan) for axis in place[known].T], axis=-1)
    after = np.searchsorted(seen_s, ends_s).clip(1, len(seen_s) - 1)
    ends[seen_s[after] - seen_s[after - 1] > _GAP_S] = np.nan
    return np.asarray(np.linalg.norm(ends[1] - ends[0], axis=-1) / _SPAN_S, np.float64)


def _away(times_s: Float64, others_s: Float64) -> Float64:
    """(N,) seconds to the nearest of ``others_s``, ascending; infinite when there is none."""
    bounded = np.concatenate([[-np.inf], others_s, [np.inf]])
    after = np.searchsorted(bounded, times_s).clip(1, len(bounded) - 1)
    return np.asarray(np.minimum(times_s - bounded[after - 1], bounded[after] - times_s), np.float64)
