"""Short gaps of joints joined, as windows do it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgepose.window import GAP_S


def bridged(times_s: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, D) with every column interpolated over gaps of at most 0.2 s; longer ones and the ends stay NaN."""
    out = values.copy()
    for column in out.T:
        known = np.flatnonzero(np.isfinite(column))
        if len(known) < 2:
            continue
        after = np.searchsorted(known, np.arange(len(column))).clip(1, len(known) - 1)
        gap_s = times_s[known[after]] - times_s[known[after - 1]]
        inside = np.isnan(column) & (gap_s <= GAP_S) & (np.arange(len(column)) > known[0])
        inside &= np.arange(len(column)) < known[-1]
        column[inside] = np.interp(times_s[inside], times_s[known], column[known])
    return out
