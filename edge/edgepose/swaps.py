"""Finds and undoes exchanges of left and right joints over a track: the detector's, not the player's.

The cheapest path through time (Viterbi over "as given" and "exchanged" in two neighbouring frames): joints move on
at their speed, an exchange has a price when it begins and ends and a small one for every frame that it lasts. Where
left and right lie closer together than ``APART``, nobody can tell, and nothing is changed (feature row 23).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgepose.occlusion import visible
from edgepose.skeletons import COCO17
from edgepose.types import Float32

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

GROUPS = ("trunk", "arms", "legs")
"""What a detector exchanges as one: shoulders and hips, elbows and wrists, knees and ankles."""
APART = 0.1
"""Mean distance of left and right joints, in torso lengths."""
TURN = 0.2
"""Price of a beginning or an end, in torso lengths per pair of joints."""
LASTS = 0.01
"""Price of every exchanged frame."""
GAP_S = 0.3
"""Over longer gaps a joint's movement says nothing."""
_MOST = 1.0
_PAIRS = tuple(
    COCO17.indices(*(f"{side}_{joint}" for side in ("left", "right") for joint in joints)).reshape(2, -1)
    for joints in (("shoulder", "hip"), ("elbow", "wrist"), ("knee", "ankle"))
)
_SHOULDERS, _HIPS = _PAIRS[0].T
_FACE = COCO17.indices("left_eye", "left_ear", "right_eye", "right_ear").reshape(2, -1)


@dataclass(frozen=True, slots=True)
class Unswapped:
    """A track with left and right as they were most of the time."""

    keypoints: Float32
    """(T, 17, 3)."""
    swapped: Bool
    """(T, 3) the frames in which the ``GROUPS`` had been exchanged."""


def unswap(times_s: Float64, keypoints: Float32) -> Unswapped:
    """Undoes exchanges in (T, 17, 3) coco17 px of one person; the face follows when all else was exchanged.

    An exchange of more than half of the track cannot be told from the rest. Raises ValueError for wrong shapes.
    """
    if keypoints.ndim != 3 or keypoints.shape[1:] != (len(COCO17), 3) or len(times_s) != len(keypoints):
        raise ValueError(f"expected coco17 keypoints (T, 17, 3) with T times, got {keypoints.shape}, {len(times_s)}")
    known = visible(keypoints)
    torso = np.linalg.norm(keypoints[:, _SHOULDERS, :2].mean(axis=1) - keypoints[:, _HIPS, :2].mean(axis=1), axis=-1)
    size = np.nanmedian(torso) if np.isfinite(torso).any() else np.nan
    out, swapped = keypoints.copy(), np.zeros((len(keypoints), len(GROUPS)), np.bool_)
    if size > 0:
        for group, pairs in enumerate(_PAIRS):
            points = np.where(known[:, pairs, None], keypoints[:, pairs, :2], np.nan) / size  # (T, 2, J, 2)
            swapped[:, group] = _exchanged(times_s, points)
            _exchange(out, swapped[:, group], pairs)
    _exchange(out, np.logical_and.reduce(swapped, axis=1), _FACE)
    return Unswapped(out, swapped)


def _exchange(keypoints: Float32, frames: Bool, pairs: NDArray[np.intp]) -> None:
    rows = np.flatnonzero(frames)[:, None]
    left, right = keypoints[rows, pairs[0]], keypoints[rows, pairs[1]]
    keypoints[rows, pairs[0]], keypoints[rows, pairs[1]] = right, left


def _exchanged(times_s: Float64, points: Float64) -> Bool:
    """(T, 2, J, 2) left and right joints in torso lengths -> (T,) frames in which they are exchanged."""
    count = len(points)
    apart = np.linalg.norm(points[:, 0] - points[:, 1], axis=-1)
    whole = np.flatnonzero(np.isfinite(apart).any(axis=1))
    if len(whole) < 3:
        return np.zeros(count, np.bool_)
    path = _path(_costs(times_s[whole], points[whole]))
    answer = np.zeros(count, np.bool_)
    with np.errstate(invalid="ignore"):
        answer[whole] = path & (np.nanmean(apart[whole], axis=1) > APART)
    return answer


def _costs(times_s: Float64, points: Float64) -> Float64:
    """(T, 2, 2, 2) cost of frame t for the states (s at t-2, s at t-1, s at t); 0: as given, 1: exchanged."""
    both = np.stack([points, points[:, ::-1]], axis=1)  # (T, state, side, J, 2)
    step = np.diff(times_s)
    ratio = np.concatenate([[0.0, 0.0], np.clip(step[1:] / step[:-1], 0, 2)])
    ratio[2:][step[:-1] > GAP_S] = 0.0
    costs = np.zeros((len(points), 2, 2, 2))
    for s2, s1, s0 in np.ndindex(2, 2, 2):
        old, last, new = both[:-2, s2], both[1:-1, s1], both[2:, s0]
        speed = np.where(np.isfinite(old), last - old, 0.0)
        away = np.linalg.norm(new - last - ratio[2:, None, None, None] * speed, axis=-1)
        away = np.minimum(np.where(np.isfinite(away), away, 0.0), _MOST).sum(axis=(1, 2))
        costs[2:, s2, s1, s0] = np.where(step[1:] > GAP_S, 0.0, away)
    pairs = points.shape[2]
    costs[:, :, 0, 1] += TURN * pairs
    costs[:, :, 1, 0] += TURN * pairs
    costs[..., 1] += LASTS * pairs
    return costs


def _path(costs: Float64) -> Bool:
    """(T,) the states of the cheapest path."""
    best = np.zeros((2, 2))  # (s at t-1, s at t)
    came = np.zeros((len(costs), 2, 2), np.intp)
    for t, cost in enumerate(costs):
        total = best[:, :, None] + cost
        came[t] = total.argmin(axis=0)
        best = total.min(axis=0)
    states = np.zeros(len(costs), np.bool_)
    before, now = np.unravel_index(best.argmin(), best.shape)
    for t in range(len(costs) - 1, -1, -1):
        states[t] = bool(now)
        before, now = came[t][before, now], before
    return states
