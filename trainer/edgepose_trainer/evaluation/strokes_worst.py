"""The strokes that a model gets most wrong, as rows of stick figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgepose_trainer.evaluation import stick_figures, stroke_events
from edgepose_trainer.evaluation.drawing import Drawing
from edgepose_trainer.evaluation.strokes_judged import Judged


@dataclass(frozen=True, slots=True)
class Case:
    """One stroke."""

    words: str
    drawing: Drawing


@dataclass(frozen=True, slots=True)
class Group:
    """Cases of one kind."""

    title: str
    count: int
    """How many there are."""
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    one: Judged
    time_s: float
    words: str
    badness: float


def groups(judged: Sequence[Judged], labels: Sequence[str], frames: int, most: int) -> list[Group]:
    """At most ``most`` of each kind, the worst first; empty kinds are left out."""
    kinds: dict[str, list[_Found]] = {"Told as another stroke": [], "Not told": [], "Told, but nothing is labelled": []}
    wrong, missed, invented = kinds.values()
    for one in judged:
        match = stroke_events.matched(one.recording, one.told, frames, any_label=True)
        met, used = dict(match.pairs), {j for _, j in match.pairs}
        for i, there in enumerate(match.there):
            if i not in met:
                missed.append(_missed(one, labels, there.label, there.peak_s))
            elif match.told[met[i]].label != there.label:
                told = match.told[met[i]]
                wrong.append(
                    _Found(one, there.peak_s, f"{there.label}, told {told.label} {told.score:.2f}", told.score)
                )
        for j, told in enumerate(match.told):
            if j not in used:
                invented.append(_Found(one, told.peak_s, f"told {told.label} {told.score:.2f}", told.score))
    return [
        Group(title, len(found), tuple(map(_case, sorted(found, key=lambda f: -f.badness)[:most])))
        for title, found in kinds.items()
        if found
    ]


def _missed(one: Judged, labels: Sequence[str], label: str, peak_s: float) -> _Found:
    """The less the model believes in the stroke near its peak, the worse."""
    near = abs(one.recording.times_s[one.centres] - peak_s) <= 1 / 6
    known = label in labels and bool(near.any())
    believed = float(one.probabilities[near, list(labels).index(label)].max()) if known else 0.0
    return _Found(one, peak_s, f"{label}, its own probability {believed:.2f} at most", 1 - believed)


def _case(found: _Found) -> Case:
    recording = found.one.recording
    words = f"{found.words.replace('_', ' ')} — {recording.group}, {recording.name} at {found.time_s:.2f} s"
    return Case(words, stick_figures.drawn(recording, found.time_s, words))
