"""Cross-validation by group: the folds, the held-out scores, the figures they give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgepose.card import Figure
from edgepose.errors import SettingsError
from edgepose.types import Scores, Window
from edgepose_trainer.boosting import Fitted
from edgepose_trainer.recordings import IDLE, UNSURE, Recording
from edgepose_trainer.samples import Samples
from edgepose_trainer.spotting import Count, choose, tally

_FOLDS = 4
_FEW = 10
"""Groups that are named one by one in the figures."""
_NO_KEYPOINTS = np.zeros((0, 17, 3), np.float32)
"""One person alone: the spotter does not ask where."""
_PLAIN = {"forehand_volley": "forehand", "backhand_volley": "backhand", "smash": "serve"}


@dataclass(frozen=True)
class Crossed:
    """Every window's probabilities from the booster that has not seen its group."""

    recordings: list[Recording]
    samples: Samples
    labels: tuple[str, ...]
    folds: list[NDArray[np.bool_]]
    """(N,) held-out windows of each fold."""
    fitted: list[Fitted]
    rounds: list[int]
    """How many rounds of each booster judge its fold; the other folds said so."""
    probabilities: NDArray[np.float64]
    """(N, L)"""
    sparse: frozenset[str] = frozenset()
    """Data sets without a window round every frame: no events are looked for there."""

    @property
    def dense(self) -> NDArray[np.bool_]:
        """(N,) windows of all other data sets."""
        return np.array([r.dataset not in self.sparse for r in self.recordings])[self.samples.recording]

    @cached_property
    def family(self) -> dict[str, dict[str, str]]:
        """As ``family_of``."""
        return family_of(self.recordings, self.labels)

    def scored(self, which: NDArray[np.bool_] | None = None) -> Iterator[tuple[Recording, list[Scores]]]:
        """Recordings with their scores in time order, without keypoints; ``which`` picks windows."""
        rows_of: dict[int, list[int]] = {}
        for row in np.arange(len(self.samples)) if which is None else np.flatnonzero(which):
            rows_of.setdefault(int(self.samples.recording[row]), []).append(int(row))
        for i, rows in rows_of.items():
            times_s = self.samples.take(np.array(rows)).times_s
            windows = (Window(0, row, at_s, _NO_KEYPOINTS) for row, at_s in zip(rows, times_s, strict=True))
            yield (
                self.recordings[i],
                [Scores(window, self.probabilities[window.frame].astype(np.float32), "right") for window in windows],
            )


def family_of(recordings: Sequence[Recording], labels: Sequence[str]) -> dict[str, dict[str, str]]:
    """Per data set: labels of the model that it does not tell apart, as its own ("smash" -> "serve")."""
    own: dict[str, set[str]] = {}
    for recording in recordings:
        own.setdefault(recording.dataset, set()).update(np.unique(recording.labels).tolist())
    out = {}
    for dataset, names in own.items():
        plain = {label: _PLAIN.get(label, label.removesuffix("_slice")) for label in labels if label not in names}
        out[dataset] = {label: told for label, told in plain.items() if told != label and told in names}
    return out


def folds_of(samples: Samples, most: int | None = _FOLDS) -> list[NDArray[np.bool_]]:
    """Up to ``most`` folds; the groups of each data set are dealt out in turn. None: every group alone.

    Raises SettingsError for one group.
    """
    groups = sorted(set(samples.groups.tolist()))
    if len(groups) < 2:
        raise SettingsError(f"the data hold one group only ({groups[0]}): give two players or videos at least")
    if most is None:
        return [samples.groups == group for group in groups]
    folds: list[list[str]] = [[] for _ in range(min(most, len(groups)))]
    for i, group in enumerate(sorted(groups, key=lambda group: group.split("/"))):
        folds[i % len(folds)].append(group)  # sessions are data sets of one group each: they are dealt out, too
    return [np.isin(samples.groups, fold) for fold in folds]


def clip_label(probabilities: NDArray[np.float64], labels: Sequence[str]) -> str:
    """The label of a clip's best window: the one that is surest to show a stroke."""
    best = probabilities[int(np.argmin(probabilities[:, list(labels).index(IDLE)]))]
    return labels[int(np.argmax(best))]


def figures_of(crossed: Crossed, command: str, today: str) -> list[Figure]:
    """Per data set: frames, clips, events; all on groups that the judged booster has not seen."""
    out = []
    events = _events(crossed)
    for dataset in sorted(events):
        data = f"{dataset}, groups held out in turn"
        rows: list[tuple[str, float]] = [("window accuracy", _window_accuracy(crossed, dataset))]
        for name, central in (("best", False), ("central", True)):
            clips = clip_accuracy(crossed, dataset, central)
            rows += [(f"clip accuracy, {name} window, {group}", value) for group, value in clips.items()]
        rows += [("events F1 at 10 frames", events[dataset].f1)]
        out += [
            Figure(name=name, value=round(value, 4), data=data, command=command, date=today) for name, value in rows
        ]
    return out


def _window_accuracy(crossed: Crossed, dataset: str) -> float:
    samples = crossed.samples
    mine = np.array([r.dataset == dataset for r in crossed.recordings])[samples.recording]
    mine &= samples.labels != UNSURE
    told = np.array(crossed.labels)[crossed.probabilities[mine].argmax(axis=1)]
    family = crossed.family[dataset]
    return float(
        np.mean([family.get(t, t) == s for t, s in zip(told.tolist(), samples.labels[mine].tolist(), strict=True)])
    )


def clip_accuracy(crossed: Crossed, dataset: str, central: bool = False) -> dict[str, float]:
    """Best-window (or central-window) accuracy of the clips, all and per group; empty without clips."""
    right: dict[str, list[bool]] = {}
    for recording, scores in crossed.scored():
        if recording.dataset != dataset or not recording.clip:
            continue
        middle = len(scores) // 2
        judged = scores[middle : middle + 1] if central else scores
        told = clip_label(np.stack([s.probabilities for s in judged]), crossed.labels)
        truth = recording.action
        hit = crossed.family[dataset].get(told, told) == truth
        right.setdefault("all", []).append(hit)
        right.setdefault(recording.group, []).append(hit)
    few = len(right) <= _FEW
    return {group: float(np.mean(hits)) for group, hits in sorted(right.items()) if few or group == "all"}


def _events(crossed: Crossed) -> dict[str, Count]:
    """Each fold judged with thresholds that the other folds chose."""
    total: dict[str, Count] = {}
    for held_out in crossed.folds:
        spec = choose(crossed.scored(~held_out & crossed.dense), crossed.labels, crossed.family)
        held = crossed.scored(held_out & crossed.dense)
        for dataset, count in tally(held, crossed.labels, spec, crossed.family).items():
            total[dataset] = total.get(dataset, Count()) + count
    return total
