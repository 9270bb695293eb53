"""Smooth curves: through samples, and from one value to another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


def smoothstep(x: Float64) -> Float64:
    """0 up to 0, 1 from 1 on, smooth between."""
    held = np.clip(x, 0, 1)
    return np.asarray(held * held * (3 - 2 * held))


def looked_up(samples: Float64, at: Float64) -> Float64:
    """(S, D) at fractional rows (N,): Catmull-Rom, held at the ends."""
    row = np.clip(at.astype(np.intp), 0, len(samples) - 2)
    x = (at - row)[:, None]
    p0, p1, p2, p3 = (samples[np.clip(row + k, 0, len(samples) - 1)] for k in (-1, 0, 1, 2))
    m1, m2 = (p2 - p0) / 2, (p3 - p1) / 2
    x2, x3 = x * x, x * x * x
    return np.asarray((2 * x3 - 3 * x2 + 1) * p1 + (x3 - 2 * x2 + x) * m1 + (3 * x2 - 2 * x3) * p2 + (x3 - x2) * m2)


def hermite(x: Float64, start: Float64, end: Float64, start_slope: Float64, end_slope: Float64) -> Float64:
    """Cubic over x in 0..1."""
    x2, x3 = x * x, x * x * x
    return np.asarray(
        (2 * x3 - 3 * x2 + 1) * start + (x3 - 2 * x2 + x) * start_slope
        + (3 * x2 - 2 * x3) * end + (x3 - x2) * end_slope
    )  # fmt: skip
