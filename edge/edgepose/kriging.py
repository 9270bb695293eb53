"""Guesses values between and beyond observations in time: two-sided, with a share of certainty.

Simple kriging (a Gaussian process at single points) with a Matérn 5/2 covariance over the nearest observations
before and after; far from all of them the guess is the usual value and the certainty 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]
LENGTH_S = 0.3
"""Covariance length: limbs in sport (tuned on tennis takes, bench/occlusion.py)."""
NUGGET = 0.01
"""Variance of the observations' own error, as a share of the variance of the motion."""
_EACH_SIDE = 2


def krige(times_s: Float64, values: Float64, known: Bool, usual: Float64) -> tuple[Float64, Float64]:
    """(T, J, D) values at rising (T,) times, known or not (T, J), and usual (J, D) -> guesses (T, J, D), share (T, J).

    Known values come back as they are with share 1. The share is how much of the motion's variance the observations
    explain: 0 far from all, where the guess is the usual value.
    """
    guess = np.where(known[..., None], values, usual)
    share = known.astype(np.float64)
    frame, joint = np.nonzero(~known)
    if len(frame) == 0 or not known.any():
        return guess, share
    near = _neighbours(known, frame, joint)
    there = near >= 0
    at_s = times_s[near]
    apart = _matern(np.abs(at_s[:, :, None] - at_s[:, None, :])) + NUGGET * np.eye(near.shape[1])
    both = there[:, :, None] & there[:, None, :]
    apart = np.where(both, apart, np.eye(near.shape[1]))
    to = np.where(there, _matern(np.abs(at_s - times_s[frame, None])), 0.0)
    weights = np.linalg.solve(apart, to[..., None])[..., 0]
    beyond = np.where(there[..., None], values[near, joint[:, None]] - usual[joint][:, None], 0.0)
    guess[frame, joint] = usual[joint] + (weights[..., None] * beyond).sum(axis=1)
    share[frame, joint] = (weights * to).sum(axis=1)
    return guess, share


def _neighbours(known: Bool, frame: NDArray[np.intp], joint: NDArray[np.intp]) -> NDArray[np.intp]:
    """(M, 2 · _EACH_SIDE) nearest known frames before and after; -1 where there are no more."""
    count = len(known)
    order = np.arange(count)[:, None]
    padded = np.pad(np.maximum.accumulate(np.where(known, order, -1), axis=0), ((1, 0), (0, 0)), constant_values=-1)
    later = np.minimum.accumulate(np.where(known, order, count)[::-1], axis=0)[::-1]
    later = np.pad(later, ((0, 1), (0, 0)), constant_values=count)
    found = []
    before, after = frame, frame
    for _ in range(_EACH_SIDE):
        before = padded[np.maximum(before, 0), joint]  # row f: the last known before f
        after = later[np.minimum(after + 1, count), joint]
        found += [before, np.where(after < count, after, -1)]
    return np.stack(found, axis=1)


def _matern(apart_s: Float64) -> Float64:
    """Matérn 5/2 correlation."""
    d = np.sqrt(5) * apart_s / LENGTH_S
    return np.asarray((1 + d + d * d / 3) * np.exp(-d))
