"""Labelled recordings through a stroke model as the device runs it: windows, classifier, spotter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose.card import Card, SpotterSpec
from edgepose.classifier import StrokeClassifier
from edgepose.cli.progress import bars
from edgepose.errors import SettingsError
from edgepose.types import Float32, Scores, Window
from edgepose.window import windows_of
from edgepose_trainer.crossing import family_of
from edgepose_trainer.evaluation.spans import Span
from edgepose_trainer.reading import read
from edgepose_trainer.recordings import IDLE, UNSURE, Recording, Source
from edgepose_trainer.spotting import spot

HOP_S = 1 / 30
"""As on the device."""
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to judge on."""

    data: tuple[Path, ...]
    groups: tuple[str, ...] = ()
    """Only these players, videos or takes; none: all."""
    limit: int | None = None
    """At most so many recordings, evenly spread."""
    hands_unknown: bool = False
    """As on a device that nobody told who is left-handed."""
    reference: str | None = None
    """A group, or further data, to whose swings all others are likened."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One recording and what the model says of it, labels in the data set's own words."""

    recording: Recording
    centres: NDArray[np.intp]
    """(W,) frames that the windows are centred on."""
    probabilities: Float32
    """(W, L)"""
    told: list[Span]
    """With the card's thresholds."""
    unsure: list[Span]
    """As if nothing were too weak to tell."""


def data_of(wanted: Wanted, card: Card) -> tuple[list[Recording], list[str]]:
    """The recordings and remarks on what they can show; raises SettingsError where they cannot judge the model."""
    sources = read(wanted.data)
    recordings = [recording for source in sources for recording in source.recordings]
    remarks = [*_known_data(sources, card)]
    if wanted.groups:
        recordings = _of_groups(recordings, wanted.groups)
    if wanted.limit is not None and len(recordings) > wanted.limit:
        picked = np.linspace(0, len(recordings) - 1, wanted.limit).round().astype(int)
        remarks.append(f"{wanted.limit} of {len(recordings)} recordings, evenly spread.")
        recordings = [recordings[i] for i in picked]
    remarks += _labels(recordings, card)
    return recordings, remarks


def judge(model: Path, recordings: Sequence[Recording], wanted: Wanted) -> list[Judged]:
    """Every recording, one after the other."""
    classifier = StrokeClassifier(model)
    families = family_of(recordings, classifier.labels)
    judged = []
    with bars({"recordings": len(recordings)}) as advance:
        for number, recording in enumerate(recordings):
            judged.append(_judged(classifier, number, recording, families[recording.dataset], wanted.hands_unknown))
            if advance is not None:
                advance("recordings", number + 1)
    return judged


def merged(probabilities: Float32, labels: Sequence[str], family: Mapping[str, str]) -> Float32:
    """(W, L) with what a data set does not tell apart added up under its own label; the columns stay."""
    out = probabilities.copy()
    for label, own in family.items():
        out[:, labels.index(own)] += out[:, labels.index(label)]
        out[:, labels.index(label)] = 0
    return out


def _judged(
    classifier: StrokeClassifier, number: int, recording: Recording, family: Mapping[str, str], blind: bool
) -> Judged:
    card = classifier.card
    assert card.window is not None
    batch = windows_of(recording.times_s, recording.keypoints, card.window, HOP_S)
    rows = zip(batch.last.tolist(), batch.times_s, batch.keypoints, strict=True)
    hand = None if blind else recording.handedness
    scores = classifier.scores([Window(number, *row) for row in rows], {number: hand})
    labels, spec = classifier.labels, card.spotter or SpotterSpec()
    plain = np.array([score.probabilities for score in scores], np.float32).reshape(-1, len(labels))
    told, unsure = (
        list(_spans(scores, labels, one, family)) for one in (spec, spec.model_copy(update={"abstain": 0.0}))
    )
    return Judged(recording, batch.centre, merged(plain, labels, family), told, unsure)


def _spans(
    scores: Sequence[Scores], labels: Sequence[str], spec: SpotterSpec, family: Mapping[str, str]
) -> Iterator[Span]:
    for stroke in spot(scores, labels, spec):
        label = family.get(stroke.label, stroke.label)
        yield Span(label, stroke.start_s, stroke.peak_s, stroke.end_s, stroke.score)


def _of_groups(recordings: Sequence[Recording], groups: Sequence[str]) -> list[Recording]:
    there = sorted({recording.group for recording in recordings})
    wanted = {group for name in groups for group in named(name, there)}
    return [recording for recording in recordings if recording.group in wanted]


def named(name: str, groups: Sequence[str]) -> list[str]:
    """The groups called ``name``, with or without their data set's; raises SettingsError that lists what there is."""
    found = [group for group in groups if name in (group, group.partition("/")[2])]
    if not found:
        some = ", ".join(groups[:12]) + (f" and {len(groups) - 12} more" if len(groups) > 12 else "")
        raise SettingsError(f"no group {name!r} in the data; it has {some}")
    return found


def _known_data(sources: Sequence[Source], card: Card) -> Iterator[str]:
    """A model judged on what it has learnt from is flattered."""
    learnt = {part.sha256 for part in card.data if part.sha256}
    for source in sources:
        if source.card.sha256 in learnt:
            yield f"{source.card.name}: the model's card names these very data as training data, so they flatter it."


def _labels(recordings: Sequence[Recording], card: Card) -> list[str]:
    there = sorted({label for one in recordings for label in np.unique(one.labels).tolist()} - {IDLE, UNSURE})
    unknown = [label for label in there if label not in card.labels]
    if there and unknown == there:
        raise SettingsError(
            f"{card.name} knows none of the data's labels: {', '.join(there)}; it tells {', '.join(card.labels)}"
        )
    return [f"Labels that the model does not know count as wrong: {', '.join(unknown)}."] if unknown else []
