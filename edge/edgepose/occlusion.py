"""The occlusion bridge: hidden joints of one person filled before a lifter sees them (seed_systems §6, row 23).

Every hidden joint is guessed relative to a joint nearer to the trunk: from the moments before and after (whose
weight falls with the time between), drawn towards where this player's joint usually is (or the other side's, or
proportion), never longer than the limb ever looked. What is guessed has a confidence below ``VISIBLE`` and above 0;
where nothing can be guessed a joint is NaN, NaN, 0. No (0, 0) comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from edgepose.bodyparts import LAYERS, TORSO, TORSO_PLACES, Layer, reference, usual_offsets
from edgepose.kriging import krige
from edgepose.skeletons import COCO17
from edgepose.types import Float32

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]
VISIBLE = 0.3
"""Joints with a lower confidence are hidden: GAST-Net's threshold."""
ABSENT_S = 0.5
"""A person of whom no shoulder and no hip is seen for longer is not there: nothing is guessed."""
_SIZE_S = 1.0
_FLOOR = 0.05
_SHOULDERS = COCO17.indices("left_shoulder", "right_shoulder")
_HIPS = COCO17.indices("left_hip", "right_hip")


class State(IntEnum):
    """Of one joint in one frame."""

    VISIBLE = 0
    OCCLUDED = 1
    OUTSIDE = 2
    """Beyond the edge of the frame, as far as one can tell."""
    UNKNOWN = 3
    """Hidden, and nothing to guess it from."""


@dataclass(frozen=True, slots=True)
class Bridged:
    """A person's keypoints with the hidden joints filled."""

    keypoints: Float32
    """(T, 17, 3) px."""
    states: NDArray[np.uint8]
    """(T, 17) ``State``."""


def fill(
    times_s: Float64,
    keypoints: Float32,
    frame_wh: tuple[int, int] | None = None,
    collapse: bool = False,
    least: float = 0.0,
) -> Bridged:
    """Fills the hidden joints of (T, 17, 3) coco17 px of one person at rising (T,) times.

    Over a whole track it sees past and future; over a window that ends now it is causal. With ``frame_wh`` joints
    beyond the edge are told apart (``State.OUTSIDE``); ``collapse`` puts them on the joint they hang on, as GAST-Net
    does with legs, instead of where they probably are. Guesses of less certainty than ``least`` (0..1, the share of the
    motion that the moments seen explain) stay unknown: for lifters that know of unknown joints. Raises ValueError for
    wrong shapes or times.
    """
    points, known = _checked(times_s, keypoints)
    size = _size_px(times_s, points, known)
    seen = known.copy()
    quality = np.zeros(known.shape)
    if np.isfinite(size).all():
        _fill_torso(times_s, points, known, size, quality)
        for layer in LAYERS:
            if not known[:, layer.joints].all():
                _fill_layer(layer, times_s, points, known, size, quality)
    filled = known & ~seen & (quality >= least)
    outside = filled & ~_inside(points, frame_wh)
    out = np.full((*known.shape, 3), (np.nan, np.nan, 0), np.float32)
    out[seen] = keypoints[seen]
    if collapse:
        _collapse(points, outside)
    out[filled, :2] = points[filled]
    if filled.any():
        out[filled, 2] = VISIBLE * (_FLOOR + (0.95 - _FLOOR) * np.clip(quality[filled], 0, 1))
    states = np.full(known.shape, State.UNKNOWN, np.uint8)
    states[seen], states[filled], states[outside] = State.VISIBLE, State.OCCLUDED, State.OUTSIDE
    return Bridged(out, states)


def visible(keypoints: Float32) -> Bool:
    """(..., K, 3) -> (..., K): finite and sure enough."""
    return np.asarray(np.isfinite(keypoints).all(axis=-1) & (keypoints[..., 2] >= VISIBLE))


def _checked(times_s: Float64, keypoints: Float32) -> tuple[Float64, Bool]:
    """Positions with NaN where hidden, and which are visible."""
    if keypoints.ndim != 3 or keypoints.shape[1:] != (len(COCO17), 3):
        raise ValueError(f"expected coco17 keypoints (T, 17, 3), got {keypoints.shape}")
    if times_s.shape != keypoints.shape[:1] or not np.all(np.diff(times_s) > 0):
        raise ValueError(f"expected {len(keypoints)} rising times, got {times_s.shape}")
    known = visible(keypoints)
    points = np.where(known[..., None], keypoints[..., :2], np.nan).astype(np.float64)
    return points, known


def _size_px(times_s: Float64, points: Float64, known: Bool) -> Float64:
    """(T,) torso length: medians of a second each, joined by lines; NaN when no torso is ever seen."""
    whole = known[:, TORSO].all(axis=1)
    length = np.linalg.norm(points[:, _SHOULDERS].mean(1) - points[:, _HIPS].mean(1), axis=-1)
    whole &= length > 0
    if not whole.any():
        return np.full(len(times_s), np.nan)
    when, length = times_s[whole], length[whole]
    second = ((when - when[0]) / _SIZE_S).astype(np.intp)
    bins = [second == number for number in np.unique(second)]
    medians = [np.median(length[chosen]) for chosen in bins]
    size: Float64 = np.interp(times_s, [when[chosen].mean() for chosen in bins], medians)
    return size


def _fill_torso(times_s: Float64, points: Float64, known: Bool, size: Float64, quality: Float64) -> None:
    """Shoulders and hips, relative to the middle that the seen ones of them point to."""
    torso, seen = points[:, TORSO], known[:, TORSO]
    whole = seen.all(axis=1)
    offsets = (torso - torso.mean(axis=1, keepdims=True)) / size[:, None, None]
    usual = np.median(offsets[whole], axis=0) if whole.any() else TORSO_PLACES
    votes = np.where(seen[..., None], torso - size[:, None, None] * usual, 0)
    count = seen.sum(axis=1)
    there = count > 0
    centre = np.full((len(times_s), 2), np.nan)
    centre[there] = votes[there].sum(axis=1) / count[there, None]
    _join(times_s, centre, there)
    offsets = (torso - centre[:, None]) / size[:, None, None]
    guess, share = krige(times_s, offsets, seen, usual)
    _put(points, known, quality, TORSO, centre[:, None] + guess * size[:, None, None], share)


def _join(times_s: Float64, centre: Float64, there: Bool) -> None:
    """Lines over short gaps of (T, 2), in place."""
    if not there.any():
        return
    gap = ~there
    order = np.arange(len(times_s))
    before = np.maximum.accumulate(np.where(there, order, -1))
    after = np.minimum.accumulate(np.where(there, order, len(order))[::-1])[::-1]
    since = np.where(before >= 0, times_s - times_s[before], np.inf)
    until = np.where(after < len(order), times_s[np.minimum(after, len(order) - 1)] - times_s, np.inf)
    short = gap & (np.minimum(since, until) <= ABSENT_S)
    for axis in range(2):
        centre[short, axis] = np.interp(times_s[short], times_s[there], centre[there, axis])


def _fill_layer(layer: Layer, times_s: Float64, points: Float64, known: Bool, size: Float64, quality: Float64) -> None:
    """Joints that hang on already filled ones; those between two seen ends first."""
    scale = size[:, None, None]
    for ends in (layer.ends, None):
        if ends is None or layer.ends is not None:
            base = reference(points, layer, ends)
            offsets = (points[:, layer.joints] - base) / scale
            seen = known[:, layer.joints] & np.isfinite(offsets).all(axis=-1)
            usual, longest = usual_offsets(layer, offsets, seen, points, size, ends is not None)
            guess, share = krige(times_s, offsets, seen, usual)
            length = np.linalg.norm(guess, axis=-1, keepdims=True)
            guess *= np.minimum(1, longest[:, None] / np.maximum(length, 1e-9))
            _put(points, known, quality, layer.joints, base + guess * scale, share)


def _put(
    points: Float64, known: Bool, quality: Float64, joints: NDArray[np.intp], guess: Float64, share: Float64
) -> None:
    hidden = ~known[:, joints] & np.isfinite(guess).all(axis=-1)
    frame, column = np.nonzero(hidden)
    points[frame, joints[column]] = guess[hidden]
    quality[frame, joints[column]] = share[hidden]
    known[frame, joints[column]] = True


def _inside(points: Float64, frame_wh: tuple[int, int] | None) -> Bool:
    if frame_wh is None:
        return np.ones(points.shape[:2], np.bool_)
    with np.errstate(invalid="ignore"):
        return np.asarray(((points >= 0) & (points <= np.array(frame_wh) - 1)).all(axis=-1))


def _collapse(points: Float64, outside: Bool) -> None:
    """Every joint beyond the edge onto its parent, in place, from the trunk outwards."""
    for layer in LAYERS:
        for joint, parents in zip(layer.joints, layer.parents, strict=True):
            frames = outside[:, joint]
            points[frames, joint] = points[frames][:, parents].mean(axis=1)
