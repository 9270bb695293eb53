"""Probabilities that mean what they say: a temperature fitted on held-out windows (Guo et al. 2017).

Data sets weigh the same, and labels that a data set does not tell apart are added up there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgepose.card import Figure
from edgepose.classifier import tempered
from edgepose_trainer.crossing import Crossed
from edgepose_trainer.recordings import UNSURE

Float64 = NDArray[np.float64]
_BINS = 15
_LEAST, _MOST = 0.2, 5.0
_GOLDEN = (5**0.5 - 1) / 2
_STEPS = 30


@dataclass(frozen=True, slots=True)
class Judged:
    """One data set's held-out windows whose label is sure."""

    probabilities: Float64
    """(N, L)"""
    family: Float64
    """(L, L) 0 or 1: told label (row) counts as (column)."""
    truth: NDArray[np.intp]
    """(N,)"""

    def at(self, temperature: float) -> Float64:
        """(N, L) what the data set's own labels get."""
        return np.asarray(tempered(self.probabilities, temperature) @ self.family, np.float64)


def judged(crossed: Crossed, which: NDArray[np.bool_] | None = None) -> list[Judged]:
    """Per data set; ``which`` (N,) picks windows. Labels that the model does not know are left out."""
    samples = crossed.samples
    number = {label: i for i, label in enumerate(crossed.labels)}
    known = np.isin(samples.labels, list(number)) & (samples.labels != UNSURE)
    known &= True if which is None else which
    dataset_of = np.array([r.dataset for r in crossed.recordings])[samples.recording]
    out = []
    for dataset in sorted(set(dataset_of[known].tolist())):
        rows = np.flatnonzero(known & (dataset_of == dataset))
        family = np.zeros((len(number), len(number)))
        for label, place in number.items():
            family[place, number[crossed.family[dataset].get(label, label)]] = 1
        truth = np.array([number[label] for label in samples.labels[rows].tolist()], dtype=np.intp)
        out.append(Judged(crossed.probabilities[rows], family, truth))
    return out


def log_loss(sets: Sequence[Judged], temperature: float = 1.0) -> float:
    """Mean over the data sets of the mean -log of what the true label got, nats."""
    return float(np.mean([np.mean(-np.log(np.maximum(_of_truth(one, temperature), 1e-12))) for one in sets]))


def calibration_error(sets: Sequence[Judged], temperature: float = 1.0) -> float:
    """Mean over the data sets of the expected calibration error, 0..1: |right - sure| over 15 even bins."""
    return float(np.mean([_error(one, temperature) for one in sets]))


def temperature_of(sets: Sequence[Judged]) -> float:
    """The temperature with the least log loss, 0.2..5 (golden section: it has one minimum), three decimals."""
    low, high = np.log(_LEAST), np.log(_MOST)
    for _ in range(_STEPS):
        a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if log_loss(sets, float(np.exp(a))) <= log_loss(sets, float(np.exp(b))):
            high = b
        else:
            low = a
    return round(float(np.exp((low + high) / 2)), 3)


def calibrated(crossed: Crossed) -> Crossed:
    """Every fold at the temperature that the windows of the other folds ask for."""
    probabilities = crossed.probabilities.copy()
    for held_out in crossed.folds:
        temperature = temperature_of(judged(crossed, ~held_out))
        probabilities[held_out] = tempered(crossed.probabilities[held_out], temperature)
    return replace(crossed, probabilities=probabilities)


def calibration_figures(raw: Crossed, crossed: Crossed, command: str, today: str) -> list[Figure]:
    """Log loss and calibration error before and after."""
    data = "mean of the data sets, groups held out in turn; temperature of the other folds"
    out = []
    for when, one in (("before", raw), ("after", crossed)):
        sets = judged(one)
        for name, value in (("log loss", log_loss(sets)), ("calibration error", calibration_error(sets))):
            out.append(
                Figure(name=f"{name} {when} calibration", value=round(value, 4), data=data, command=command, date=today)
            )
    return out


def _of_truth(one: Judged, temperature: float) -> Float64:
    return np.asarray(one.at(temperature)[np.arange(len(one.truth)), one.truth], np.float64)


def _error(one: Judged, temperature: float) -> float:
    told = one.at(temperature)
    sure, right = told.max(axis=1), told.argmax(axis=1) == one.truth
    place = np.minimum((sure * _BINS).astype(np.intp), _BINS - 1)
    gaps = np.bincount(place, right.astype(np.float64) - sure, _BINS)
    return float(np.abs(gaps).sum() / len(sure))
