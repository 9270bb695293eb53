"""Spotted strokes against labelled ones: precision, recall, F1; and the choice of thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from edgepose.card import SpotterSpec
from edgepose.spotter import Spotter
from edgepose.types import Scores, Stroke
from edgepose_trainer.recordings import IDLE, UNSURE, Recording

TOLERANCE_S = 10 / 30
_GRID = ((0.5, 0.6, 0.4), (0.3, 0.2, 0.4), (0.5, 0.4, 0.6))
"""Of enter, leave and abstain; the middle first."""
_LEAST_S = 0.2
"""A stroke's evidence lasts about as long as its label, 0.86 s; what is over so much sooner is mostly a false alarm."""


@dataclass(frozen=True)
class Count:
    """Strokes found with the right label at the right time, strokes told, strokes there."""

    hits: int = 0
    told: int = 0
    true: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.hits + other.hits, self.told + other.told, self.true + other.true)

    @property
    def f1(self) -> float:
        return 2 * self.hits / max(self.told + self.true, 1)


def swings(recording: Recording) -> list[tuple[float, str]]:
    """(middle in seconds, label) of every run of one stroke label."""
    edges = np.flatnonzero(recording.labels[1:] != recording.labels[:-1]) + 1
    runs = np.split(np.arange(len(recording.labels)), edges)
    found = [(recording.times_s[run[[0, -1]]].mean(), str(recording.labels[run[0]])) for run in runs]
    return [(float(middle), label) for middle, label in found if label not in (IDLE, UNSURE)]


def spot(scores: Sequence[Scores], labels: Sequence[str], spec: SpotterSpec) -> list[Stroke]:
    """All strokes of one recording's scores in time order."""
    spotter = Spotter(labels, IDLE, spec)
    return [stroke for score in scores for stroke in spotter.add([score])] + spotter.flush()


def compare(strokes: Sequence[Stroke], recording: Recording, family: Mapping[str, str]) -> Count:
    """Greedy one-to-one match in time order; ``family`` maps told labels to the recording's vocabulary."""
    there = swings(recording)
    open_swings = list(there)
    hits = 0
    for stroke in sorted(strokes, key=lambda stroke: stroke.peak_s):
        label = family.get(stroke.label, stroke.label)
        near = [s for s in open_swings if abs(s[0] - stroke.peak_s) <= TOLERANCE_S and s[1] == label]
        if near:
            open_swings.remove(min(near, key=lambda s: abs(s[0] - stroke.peak_s)))
            hits += 1
    return Count(hits, len(strokes), len(there))


def choose(
    scored: Iterable[tuple[Recording, Sequence[Scores]]],
    labels: Sequence[str],
    family: Mapping[str, Mapping[str, str]],
) -> SpotterSpec:
    """The thresholds with the best mean F1 over the data sets; ties go to the middle of the grid."""
    grid = [
        SpotterSpec(enter=enter, leave=leave, abstain=abstain, min_length_s=_LEAST_S)
        for enter, leave, abstain in product(*_GRID)
    ]
    counts = tally_all(scored, labels, grid, family)
    f1 = [float(np.mean([count.f1 for count in count_of.values()])) if count_of else 0.0 for count_of in counts]
    return grid[int(np.argmax(np.round(f1, 9)))]


def tally(
    scored: Iterable[tuple[Recording, Sequence[Scores]]],
    labels: Sequence[str],
    spec: SpotterSpec,
    family: Mapping[str, Mapping[str, str]],
) -> dict[str, Count]:
    """Counts per data set."""
    return tally_all(scored, labels, [spec], family)[0]


def tally_all(
    scored: Iterable[tuple[Recording, Sequence[Scores]]],
    labels: Sequence[str],
    specs: Sequence[SpotterSpec],
    family: Mapping[str, Mapping[str, str]],
) -> list[dict[str, Count]]:
    """Counts per data set for each of several thresholds; the scores are gone through once."""
    counts: list[dict[str, Count]] = [{} for _ in specs]
    for recording, scores in scored:
        for spec, of in zip(specs, counts, strict=True):
            count = compare(spot(scores, labels, spec), recording, family[recording.dataset])
            of[recording.dataset] = of.get(recording.dataset, Count()) + count
    return counts
