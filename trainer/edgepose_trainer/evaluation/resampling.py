"""Figures from counts, with bootstrap intervals over whole groups (players, videos, takes)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgepose_trainer.evaluation.figures import Figure
from edgepose_trainer.evaluation.stroke_events import Counts, per_cent

Statistic = Callable[[Counts], NDArray[np.float64]]
"""(..., C) summed counts -> (...) values."""
_DRAWS = 1000


def figure(
    name: str, counts: Counts, units: NDArray[np.str_], statistic: Statistic, count: int, of: str, unit: str = "%"
) -> Figure:
    """``counts`` (R, C) of recordings that belong to ``units`` (R,), which are drawn whole."""
    low, high = interval(counts, units, statistic)
    return Figure(name, float(statistic(counts.sum(axis=0))), low, high, unit, count, of)


def interval(
    counts: Counts, units: NDArray[np.str_], statistic: Statistic, seed: int = 1, draws: int = _DRAWS
) -> tuple[float, float]:
    """95 % bootstrap interval, drawing units with replacement; NaN where there are fewer than two."""
    names, unit = np.unique(units, return_inverse=True)
    if len(names) < 2:
        return math.nan, math.nan
    summed = np.zeros((len(names), counts.shape[1]))
    np.add.at(summed, unit, counts)
    drawn = np.random.default_rng(seed).integers(0, len(names), (draws, len(names)))
    weights = np.zeros((draws, len(names)))
    np.add.at(weights, (np.arange(draws)[:, None], drawn), 1)
    values = statistic(weights @ summed)
    values = values[np.isfinite(values)]
    if not len(values):
        return math.nan, math.nan
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def share(counts: Counts) -> NDArray[np.float64]:
    """Per cent: first of second column; NaN of nothing."""
    return per_cent(counts[..., 0], counts[..., 1])


def mean_recall(counts: Counts) -> NDArray[np.float64]:
    """Per cent: the mean over labels of right of all; (..., 2L), right first. Labels that do not occur are left out."""
    right, total = np.split(counts, 2, axis=-1)
    each = np.nan_to_num(per_cent(right, total))
    return per_cent(each.sum(axis=-1) / 100, (total > 0).sum(axis=-1))
