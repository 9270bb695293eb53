"""Zero-lag smoothing of a whole track, 2D or 3D: long means while a joint rests, hardly any while it strikes.

A local parabola is fitted round every sample over several spans of time; the longest span is taken whose parabola
still agrees with those of all shorter ones within the joint's own noise (Katkovnik's intersection of confidence
intervals, IEEE Trans. Signal Processing 47, 1999). So a stroke's peak, which a fixed filter flattens, stays; nothing
lags, since past and future count alike. Frame times may vary; a gap is neither filled nor smoothed across. For a
live stream there is ``smoothing.OneEuro``. Feature row 27.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgepose.types import Array

Float64 = NDArray[np.float64]
SPANS_S = (0.07, 0.11, 0.17, 0.26, 0.4)
"""Half-widths of the fits; at 30 fps the first leaves a sample nearly as it is."""
STRENGTH = 1.5
"""Half-width of the confidence intervals in standard deviations of white noise (bench/jitter.py)."""
GAP_S = 0.2
_BLOCK = 2048
"""Frames at a time: a match of an hour shall not need gigabytes."""
_NOTHING = 1e-6
_MAD = 1.4826
_LEAST = 3
_SMALLEST = 0.1
"""Quantile of the steps that stands for one cell: nearly nothing where positions are not in cells."""
_STILL = 0.1
"""Least noise of an axis, as a share of the joint's noisiest: one that never leaves its cell is not exact."""


def calm(times_s: Float64, points: Array, strength: float = STRENGTH) -> Array:
    """(T, ..., D) positions at rising (T,) times, NaN where unknown -> smoothed, same shape and dtype, NaN kept.

    Every joint for itself, its D axes together. ``strength`` 0 leaves all as it is. Raises ValueError for times that
    do not rise.
    """
    if len(times_s) != len(points) or points.ndim < 2 or not np.all(np.diff(times_s) > 0):
        raise ValueError(f"expected {len(points)} rising times for points (T, ..., D), got {times_s.shape}")
    joints = np.asarray(points, np.float64).reshape(len(points), -1, points.shape[-1])
    smoothed = joints.copy()
    known = np.isfinite(joints).all(axis=-1)
    masks, of = np.unique(known, axis=1, return_inverse=True)  # joints known in the same frames share their fits
    for number, mask in enumerate(masks.T):
        if mask.sum() > _LEAST and strength > 0:
            chosen = np.flatnonzero(of.ravel() == number)
            rows = np.flatnonzero(mask)[:, None]
            smoothed[rows, chosen] = _smoothed(times_s[mask], joints[rows, chosen], strength)
    return smoothed.reshape(points.shape).astype(points.dtype)


def jitter(times_s: Float64, points: Array) -> float:
    """Mean speed that comes and goes from frame to frame: |second difference| / 2, in the points' unit a frame.

    (T, ..., D); only three neighbouring known samples count. It falls where a motion is calm, without a ground truth.
    """
    steps = np.diff(np.asarray(points, np.float64), axis=0)
    jerks = np.linalg.norm(np.diff(steps, axis=0), axis=-1) / 2
    return float(np.nanmean(jerks)) if np.isfinite(jerks).any() else float("nan")


def _smoothed(times_s: Float64, values: Float64, strength: float) -> Float64:
    """(T, J, D) finite -> (T, J, D)."""
    part = np.cumsum(np.concatenate([[False], np.diff(times_s) > GAP_S]))
    half = strength * _noise(values)
    answers, low, high = [values], values - half, values + half
    level = np.zeros(values.shape[:2])
    meets = np.ones(values.shape[:2], np.bool_)
    for span_s in SPANS_S:
        near, share = _parabolas(times_s, part, span_s)
        answer = _applied(values, near, share)
        deviation = np.sqrt((share**2).sum(axis=1))[:, None, None] * half
        low, high = np.maximum(low, answer - deviation), np.minimum(high, answer + deviation)
        meets &= np.logical_and.reduce(low <= high, axis=-1)
        level += meets
        answers.append(answer)
    return _between(np.stack(answers), _even(level))


def _noise(values: Float64) -> Float64:
    """(J, D) standard deviation of what changes from sample to sample, as if it were white.

    A network that answers in cells gives the same place again and again: then half a cell, not nothing.
    """
    change = np.diff(values, n=2, axis=0)
    white = np.asarray(_MAD * np.median(np.abs(change), axis=0) / np.sqrt(6))
    steps = np.abs(np.diff(values, axis=0))
    moved = np.where(steps > 0, steps, np.inf)
    rank = ((steps > 0).sum(axis=0, keepdims=True) * _SMALLEST).astype(np.intp)
    cell = np.take_along_axis(np.sort(moved, axis=0), rank, axis=0)[0]
    sigma = np.maximum(white, np.where(np.isfinite(cell), cell / 2, 0))
    return np.asarray(np.maximum(sigma, _STILL * sigma.max(axis=-1, keepdims=True)))


def _parabolas(times_s: Float64, part: NDArray[np.intp], span_s: float) -> tuple[NDArray[np.intp], Float64]:
    """(T, W) which samples make up the value of the parabola fitted round each, and (T, W) their shares."""
    count = len(times_s)
    reach = max(1, min(int(np.ceil(span_s / float(np.median(np.diff(times_s))))), count - 1))
    near = np.arange(count)[:, None] + np.arange(-reach, reach + 1)
    inside = (near >= 0) & (near < count)
    near = near.clip(0, count - 1)
    u = (times_s[near] - times_s[:, None]) / span_s
    weight = np.where(inside & (part[near] == part[:, None]), np.maximum(1 - u * u, 0), 0)
    powers = u[..., None] ** np.arange(3)
    normal = np.einsum("tw,twi,twj->tij", weight, powers, powers)
    enough = np.count_nonzero(weight, axis=1) >= _LEAST
    normal[~enough] = np.eye(3)
    solved = np.linalg.solve(normal + 1e-9 * np.eye(3), np.eye(3)[:1].T)[..., 0]
    share = weight * (powers @ solved[..., None])[..., 0]
    share[~enough] = np.arange(-reach, reach + 1) == 0
    return near, share


def _applied(values: Float64, near: NDArray[np.intp], share: Float64) -> Float64:
    """(T, J, D) the parabolas' values, never beyond the samples that they are made of: ends would overshoot."""
    answer = np.empty_like(values)
    for start in range(0, len(values), _BLOCK):
        block = slice(start, start + _BLOCK)
        samples = values[near[block]]
        used = (np.abs(share[block]) > _NOTHING)[..., None, None]
        low = np.where(used, samples, np.inf).min(axis=1)
        high = np.where(used, samples, -np.inf).max(axis=1)
        answer[block] = np.clip(np.einsum("tw,twjd->tjd", share[block], samples), low, high)
    return answer


def _even(level: Float64) -> Float64:
    """(T, J) levels without jumps from frame to frame, which would be jitter of their own."""
    for _ in range(2):
        wider = np.pad(level, ((1, 1), (0, 0)), mode="edge")
        level = 0.25 * wider[:-2] + 0.5 * wider[1:-1] + 0.25 * wider[2:]
    return level


def _between(answers: Float64, level: Float64) -> Float64:
    """(L, T, J, D) at fractional levels (T, J)."""
    low = np.minimum(level.astype(np.intp), len(answers) - 2)
    frame, joint = np.indices(level.shape)
    weight = (level - low)[..., None]
    return np.asarray(answers[low, frame, joint] * (1 - weight) + answers[low + 1, frame, joint] * weight)
