"""What judged recordings count: windows, clips and strokes, as rows that can be summed over groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgepose_trainer.evaluation import calibration, stroke_events
from edgepose_trainer.evaluation.stroke_events import TOLERANCES, Counts
from edgepose_trainer.evaluation.strokes_judged import Judged
from edgepose_trainer.recordings import IDLE, UNSURE

MISSED, NOTHING = "not told", "nothing labelled"


@dataclass(frozen=True, slots=True)
class Tally:
    """One row a recording."""

    recordings: NDArray[np.str_]
    datasets: NDArray[np.str_]
    groups: NDArray[np.str_]
    windows: Counts
    """(R, 2) right, all; centred where the label is sure."""
    by_label: Counts
    """(R, 2L) right windows of each true label, then all of them."""
    clips: Counts
    """(R, 2) right, all: by the clip's surest window."""
    quiet: Counts
    """(R, 2) with a false stroke, all: recordings without any stroke."""
    events: dict[int, Counts]
    """Frames of tolerance -> (R, 7)."""
    bins: Counts
    """(R, 3B) as ``calibration.binned``."""

    def __len__(self) -> int:
        return len(self.recordings)

    @property
    def units(self) -> NDArray[np.str_]:
        """What is drawn for intervals: groups, or recordings where all are of one group."""
        return self.groups if len(set(self.groups.tolist())) > 1 else self.recordings


def tally(judged: Sequence[Judged], labels: Sequence[str]) -> Tally:
    """``labels`` of the data and the model, in the order of ``by_label``."""
    of = [one.recording for one in judged]
    windows = [_windows(one, labels) for one in judged]
    return Tally(
        recordings=np.array([f"{r.group} {r.name}" for r in of]),
        datasets=np.array([r.dataset for r in of]),
        groups=np.array([r.group for r in of]),
        windows=np.array([[right.sum(), len(right)] for right, _, _ in windows], np.float64),
        by_label=np.stack([row for _, row, _ in windows]),
        clips=np.array([_clip(one, labels) for one in judged], np.float64),
        quiet=np.array([_quiet(one) for one in judged], np.float64),
        events={
            frames: np.stack([stroke_events.count(one.recording, one.told, frames) for one in judged])
            for frames in TOLERANCES
        },
        bins=np.stack([row for _, _, row in windows]),
    )


def true_and_told(one: Judged, labels: Sequence[str]) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """(V,) labels and the model's likeliest, of the windows centred where the label is sure."""
    truth = one.recording.labels[one.centres]
    sure = truth != UNSURE
    told = np.array(labels)[one.probabilities[sure].argmax(axis=1)] if sure.any() else truth[sure]
    return truth[sure], told


def window_confusion(judged: Sequence[Judged], labels: Sequence[str]) -> NDArray[np.int64]:
    """(L, L) windows, truth by row."""
    pairs = [true_and_told(one, labels) for one in judged]
    return confusion(
        [(t, g) for truth, told in pairs for t, g in zip(truth.tolist(), told.tolist(), strict=True)], labels
    )


def stroke_confusion(judged: Sequence[Judged], labels: Sequence[str], frames: int) -> NDArray[np.int64]:
    """(S+1, S+1) strokes matched by time alone; last column not told, last row nothing labelled there."""
    names = [*labels, MISSED]
    pairs = []
    for one in judged:
        match = stroke_events.matched(one.recording, one.told, frames, any_label=True)
        met, used = dict(match.pairs), {j for _, j in match.pairs}
        for i, span in enumerate(match.there):
            pairs.append((span.label, match.told[met[i]].label if i in met else MISSED))
        pairs += [(MISSED, span.label) for j, span in enumerate(match.told) if j not in used]
    return confusion(pairs, names)


def confusion(pairs: Sequence[tuple[str, str]], names: Sequence[str]) -> NDArray[np.int64]:
    """(N, N) how often each (true, told) pair occurs, truth by row."""
    number = {name: i for i, name in enumerate(names)}
    table = np.zeros((len(names), len(names)), np.int64)
    for truth, told in pairs:
        table[number[truth], number[told]] += 1
    return table


def _windows(one: Judged, labels: Sequence[str]) -> tuple[NDArray[np.bool_], Counts, Counts]:
    truth, told = true_and_told(one, labels)
    right = truth == told
    number = {label: i for i, label in enumerate(labels)}
    place = np.array([number[label] for label in truth.tolist()], np.intp)
    by_label = [np.bincount(place[chosen], minlength=len(labels)) for chosen in (right, slice(None))]
    sure = one.recording.labels[one.centres] != UNSURE
    confidence = one.probabilities[sure].max(axis=1, initial=0.0).astype(np.float64)
    return right, np.concatenate(by_label).astype(np.float64), calibration.binned(confidence, right)


def _clip(one: Judged, labels: Sequence[str]) -> tuple[float, float]:
    if not one.recording.clip or not len(one.probabilities):
        return 0.0, float(one.recording.clip)
    surest = one.probabilities[one.probabilities[:, list(labels).index(IDLE)].argmin()]
    return float(labels[int(surest.argmax())] == one.recording.action), 1.0


def _quiet(one: Judged) -> tuple[float, float]:
    """Idle throughout, told as a stroke."""
    quiet = bool(np.isin(one.recording.labels, (IDLE, UNSURE)).all()) and IDLE in one.recording.labels
    return float(quiet and bool(one.told)), float(quiet)
