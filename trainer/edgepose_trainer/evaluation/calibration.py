"""Are the probabilities true? Reliability by bins and the expected calibration error (Guo et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgepose_trainer.evaluation.stroke_events import Counts, per_cent

BINS = 10


@dataclass(frozen=True, slots=True)
class Reliability:
    """(B,) each; bins of equal width over 0..1, NaN where a bin is empty."""

    count: NDArray[np.float64]
    confidence: NDArray[np.float64]
    """Mean probability of the likeliest label, 0..1."""
    right: NDArray[np.float64]
    """Share of windows whose likeliest label is true, 0..1."""
    error: float
    """Expected calibration error, per cent: |right - confidence|, weighted by the bins' counts."""


def binned(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> Counts:
    """(3B,) windows, summed confidence and right ones a bin; such rows can be summed."""
    place = np.clip((np.asarray(confidence, np.float64) * BINS).astype(np.intp), 0, BINS - 1)
    parts = (None, confidence, right.astype(np.float64))
    return np.concatenate([np.bincount(place, part, BINS) for part in parts])


def error(counts: Counts) -> NDArray[np.float64]:
    """(..., 3B) -> expected calibration error, per cent; NaN of nothing."""
    count, confidence, right = np.split(counts, 3, axis=-1)
    total = count.sum(axis=-1)
    gaps = np.abs(right - confidence).sum(axis=-1)
    return per_cent(gaps, total)


def reliability(counts: Counts) -> Reliability:
    """Of summed ``binned`` rows (3B,)."""
    count, confidence, right = np.split(counts, 3)
    whole = np.where(count > 0, count, np.nan)
    return Reliability(count, confidence / whole, right / whole, float(error(counts)))
