"""Labelled and told strokes as spans of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgepose_trainer.recordings import IDLE, UNSURE, Recording


@dataclass(frozen=True, slots=True)
class Span:
    """One stroke, labelled or told; times in seconds of its recording."""

    label: str
    start_s: float
    peak_s: float
    """Of a labelled stroke the middle: that is where importers and labellers put the hit."""
    end_s: float
    score: float = 1.0


def labelled(recording: Recording) -> list[Span]:
    """Every run of one stroke label, in time order."""
    names = recording.labels
    edges = np.flatnonzero(names[1:] != names[:-1]) + 1
    runs = np.split(np.arange(len(names)), edges) if len(names) else []
    ends = [(str(names[run[0]]), *recording.times_s[run[[0, -1]]].tolist()) for run in runs]
    return [Span(name, start, (start + end) / 2, end) for name, start, end in ends if name not in (IDLE, UNSURE)]


def doubtful(recording: Recording, time_s: float) -> bool:
    """Whether a continuous recording's labels leave open what happens then; a clip shows one action only."""
    nearest = int(np.abs(recording.times_s - time_s).argmin())
    return not recording.clip and recording.labels[nearest] == UNSURE
