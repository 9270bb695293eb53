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
_TOPS_S = 0.3
"""Moments that may be strokes are at least so far apart."""
_MOST_TOPS = 60
_ALIKE = 0.5
"""Least correlation of a stroke's wrist motion with the take's typical stroke: a take-back goes the other way."""
_WORTH = 0.3
"""Least correlation times speed, as a share of the typical stroke's speed."""
_SLOWEST = 0.25
"""Moments slower than this share of the fastest are not looked at."""
_AROUND_S = np.linspace(-0.3, 0.3, 19)
"""Where the motion round a peak is compared."""
_LAGS_S = np.linspace(-0.1, 0.1, 7)
_RAISED_S = 0.25
"""So near to its fastest moment the wrist of an overhead stroke is above the nose."""
_CALM = 0.4
"""Below this share of the slowest stroke's speed nobody strikes."""


def wrist_speed(times_s: Float64, points: Float64, hand: Handedness | None) -> Float64:
    """(N,) speed of the hitting wrist against the hips, in units of ``points`` (N, 17, 2 or 3) coco17 a second.

    ``hand`` None: the faster of both. NaN where wrist or hips are unknown nearby.
    """
    velocities = _velocities(times_s, points, hand)
    return np.asarray(np.fmax.reduce([np.linalg.norm(one, axis=1) for one in velocities]), np.float64)


def find(times_s: Float64, points: Float64, hand: Handedness | None, forward: Float64 | None = None) -> Float64:
    """Times of the swings in a take of one stroke repeated, ascending; none when nothing is known.

    The typical stroke is the fast moment whose motion comes again; strokes are the moments, a second or more
    apart, when the wrist moves like it, not much slower. ``forward`` (D,), where it is known, is the way
    the ball goes: it tells a swing from an equally fast return.
    """
    velocities = _velocities(times_s, points, hand)
    speed = np.nan_to_num(np.fmax.reduce([np.linalg.norm(one, axis=1) for one in velocities]))
    tops = _tops(times_s, speed)
    if not len(tops):
        return np.zeros(0)
    alike = _likeness(times_s, np.nan_to_num(np.concatenate(velocities, axis=1)), times_s[tops])
    pull = np.ones(len(tops))
    if forward is not None:
        fastest = np.array([max((one[top] for one in velocities), key=_length) for top in tops])
        pull += np.nan_to_num(fastest @ forward) / speed[tops]
    typical = _typical(times_s[tops], speed[tops], alike, pull)
    worth = alike[typical] * np.minimum(speed[tops] / speed[tops[typical]], 1)
    chosen: list[int] = []
    for one in np.argsort(-worth, kind="stable"):
        fits = alike[typical, one] >= _ALIKE and worth[one] >= _WORTH
        if fits and all(abs(times_s[tops[one]] - times_s[tops[other]]) >= _APART_S for other in chosen):
            chosen.append(int(one))
    return np.sort(times_s[tops[chosen]])


def raised(times_s: Float64, points: Float64, hand: Handedness | None, peaks_s: Float64) -> NDArray[np.bool_]:
    """(P,) whether the hitting wrist, either one for None, gets above the nose; where nothing is known it may have.

    ``points`` (N, 17, 3), y up.
    """
    sides = (hand,) if hand else ("left", "right")
    wrists = points[:, COCO17.indices(*(f"{side}_wrist" for side in sides)), 1]
    over_nose = np.fmax.reduce(wrists, axis=1) - points[:, COCO17.index("nose"), 1]
    near = np.abs(times_s - peaks_s[:, None]) <= _RAISED_S
    highest = np.fmax.reduce(np.where(near, over_nose, np.nan), axis=1)
    return np.asarray(~(highest <= 0), np.bool_)


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


def _tops(times_s: Float64, speed: Float64) -> NDArray[np.intp]:
    """(T,) frames of locally highest speed, fastest first; the take's ends are left out: a swing cut there."""
    left = np.where((times_s < times_s[0] + _SPAN_S) | (times_s > times_s[-1] - _SPAN_S), 0.0, speed)
    tops: list[int] = []
    while len(tops) < _MOST_TOPS and left.max() > _SLOWEST * speed[tops[:1]].max(initial=0.0):
        tops.append(int(left.argmax()))
        left[np.abs(times_s - times_s[tops[-1]]) < _TOPS_S] = 0
    return np.array(tops, np.intp)


def _likeness(times_s: Float64, velocity: Float64, tops_s: Float64) -> Float64:
    """(T, T) correlation of the motion round every two tops, at the best lag; 1 with itself."""
    wanted_s = tops_s[:, None, None] + _LAGS_S[:, None] + _AROUND_S
    pieces = np.stack([np.interp(wanted_s, times_s, axis, 0, 0) for axis in velocity.T], axis=-1)
    pieces = pieces.reshape(len(tops_s), len(_LAGS_S), -1)
    pieces /= np.linalg.norm(pieces, axis=-1, keepdims=True) + np.finfo(float).eps
    alike = np.einsum("id,jld->ijl", pieces[:, len(_LAGS_S) // 2], pieces).max(axis=2)
    np.fill_diagonal(alike, 1.0)
    return np.asarray(alike, np.float64)


def _typical(tops_s: Float64, speed: Float64, alike: Float64, pull: Float64) -> int:
    """The top that is fast and comes again, at least a second away, twice."""
    far = np.abs(tops_s[:, None] - tops_s) >= _APART_S
    again = np.where(far, alike * np.minimum(speed / speed[:, None], 1), 0.0)
    twice = np.sort(np.maximum(again, 0), axis=1)[:, -2:].sum(axis=1)
    return int(np.argmax(speed * pull * (twice + np.finfo(float).eps)))


def _length(vector: Float64) -> float:
    return float(np.nan_to_num(np.linalg.norm(vector)))


def _velocities(times_s: Float64, points: Float64, hand: Handedness | None) -> list[Float64]:
    """(N, D) of the hitting wrist against the hips, or of both wrists."""
    hips = points[:, COCO17.indices("left_hip", "right_hip")].mean(axis=1)
    sides = (hand,) if hand else ("left", "right")
    return [_velocity(times_s, points[:, COCO17.index(f"{side}_wrist")] - hips) for side in sides]


def _velocity(times_s: Float64, place: Float64) -> Float64:
    known = np.isfinite(place).all(axis=1)
    if known.sum() < 2:
        return np.full(place.shape, np.nan)
    ends_s = np.stack([times_s - _SPAN_S / 2, times_s + _SPAN_S / 2])
    seen_s = times_s[known]
    ends = np.stack([np.interp(ends_s, seen_s, axis, np.nan, np.nan) for axis in place[known].T], axis=-1)
    after = np.searchsorted(seen_s, ends_s).clip(1, len(seen_s) - 1)
    ends[seen_s[after] - seen_s[after - 1] > _GAP_S] = np.nan
    return np.asarray((ends[1] - ends[0]) / _SPAN_S, np.float64)


def _away(times_s: Float64, others_s: Float64) -> Float64:
    """(N,) seconds to the nearest of ``others_s``, ascending; infinite when there is none."""
    bounded = np.concatenate([[-np.inf], others_s, [np.inf]])
    after = np.searchsorted(bounded, times_s).clip(1, len(bounded) - 1)
    return np.asarray(np.minimum(times_s - bounded[after - 1], bounded[after] - times_s), np.float64)
