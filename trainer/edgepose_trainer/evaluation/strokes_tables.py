"""The figures and tables of a stroke evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edgepose_trainer.evaluation import calibration, stroke_events
from edgepose_trainer.evaluation.figures import Figure, Row, Table, measured
from edgepose_trainer.evaluation.resampling import figure, mean_recall, share
from edgepose_trainer.evaluation.stroke_events import TOLERANCES, Counts
from edgepose_trainer.evaluation.strokes_counts import Tally
from edgepose_trainer.evaluation.strokes_judged import Judged

FRAMES = 10
"""Tolerance of the main figures."""
_ABSTAIN = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9)


def headline(tally: Tally) -> list[Figure]:
    """What the report begins with."""
    events = [f1_of(tally, frames) for frames in reversed(TOLERANCES)]
    every = np.ones(len(tally), np.bool_)
    windows = int(tally.windows[:, 1].sum())
    return [
        *_overall(tally, every)[:-1],
        *(one for one in events if one.count),
        figure("calibration error (ECE)", tally.bins, tally.units, calibration.error, windows, "windows"),
        *_quiet(tally),
    ]


def f1_of(tally: Tally, frames: int) -> Figure:
    """Right label and within so many frames of 30 Hz."""
    counts = tally.events[frames]
    count = int(counts[:, 2].sum())
    return figure(f"strokes F1, ±{frames} frames", counts, tally.units, stroke_events.f1, count, "strokes")


def tables(tally: Tally, judged: Sequence[Judged], labels: Sequence[str], abstain: float) -> list[Table]:
    """Those in which anything was measured."""
    made = [
        Table("by_dataset", "By data set", tuple(_rows(tally, tally.datasets))),
        Table("by_group", "By player, video or take", tuple(_rows(tally, tally.groups)), _GROUP_WORDS),
        Table("events", "Strokes found", tuple(_event_rows(tally, _events)), _EVENT_WORDS),
        Table("times", "When they are told, and wrong ones", tuple(_event_rows(tally, _times)), _TIME_WORDS),
        Table("by_label", f"By stroke, ±{FRAMES} frames", tuple(_label_rows(judged, labels)), _LABEL_WORDS),
        Table("abstention", "When to say nothing", tuple(_abstain_rows(tally, judged, abstain)), _ABSTAIN_WORDS),
    ]
    return [
        table for table in map(measured, made) if table.rows and (table.name != "by_dataset" or len(table.rows) > 1)
    ]


_GROUP_WORDS = "Clips: by the window that is surest to show a stroke. Strokes: right label within ±10 frames of 30 Hz."
_EVENT_WORDS = (
    "A frame is 1/30 s whatever the camera's rate. Found: right label, within the tolerance of the labelled peak, one "
    "to one. F1: the harmonic mean of precision and recall."
)
_TIME_WORDS = (
    "Again: strokes too many for one that is found already. Mislabelled: told there, with another label. Late: mean "
    "time from the labelled peak to the told one of found strokes, negative: too early; off: the same without its sign."
)
_LABEL_WORDS = "Precision of a stroke: how often it is right when told. Recall: how often it is told when it is there."
_ABSTAIN_WORDS = (
    "Strokes with a score below the threshold are not told: fewer wrong ones, fewer found. The model's own is marked. "
    "Right label within ±10 frames."
)


def _overall(tally: Tally, chosen: NDArray[np.bool_]) -> tuple[Figure, ...]:
    """The figures of some recordings."""
    units = tally.units[chosen] if len(set(tally.groups[chosen].tolist())) > 1 else tally.recordings[chosen]
    windows, clips, events = tally.windows[chosen], tally.clips[chosen], tally.events[FRAMES][chosen]
    of_windows, of_clips, strokes = int(windows[:, 1].sum()), int(clips[:, 1].sum()), int(events[:, 2].sum())
    return (
        figure("windows right", windows, units, share, of_windows, "windows"),
        figure("windows right, mean of labels", tally.by_label[chosen], units, mean_recall, of_windows, "windows"),
        *([figure("clips right", clips, units, share, of_clips, "clips")] if tally.clips[:, 1].any() else []),
        figure("strokes F1", events, units, stroke_events.f1, strokes, "strokes"),
    )


def _rows(tally: Tally, names: NDArray[np.str_]) -> list[Row]:
    return [Row(str(name), _overall(tally, names == name)) for name in np.unique(names)]


def _quiet(tally: Tally) -> list[Figure]:
    count = int(tally.quiet[:, 1].sum())
    name = "false strokes where none is"
    return [figure(name, tally.quiet, tally.units, share, count, "recordings")] if count else []


def _event_rows(tally: Tally, figures_of: Callable[[Counts, NDArray[np.str_]], tuple[Figure, ...]]) -> list[Row]:
    return [Row(f"±{frames} frames", figures_of(tally.events[frames], tally.units)) for frames in TOLERANCES]


def _events(counts: Counts, units: NDArray[np.str_]) -> tuple[Figure, ...]:
    told, true = counts[:, 1:3].sum(axis=0).astype(int).tolist()
    return (
        figure("precision", counts, units, stroke_events.precision, told, "told"),
        figure("recall", counts, units, stroke_events.recall, true, "labelled"),
        figure("F1", counts, units, stroke_events.f1, true, "labelled"),
    )


def _times(counts: Counts, units: NDArray[np.str_]) -> tuple[Figure, ...]:
    hits, told, _, again, mislabelled = counts[:, :5].sum(axis=0).astype(int).tolist()
    return (
        Figure("again", float(again), unit="count", count=told, of="told"),
        Figure("mislabelled", float(mislabelled), unit="count", count=told, of="told"),
        figure("late", counts, units, stroke_events.late_ms, hits, "found", "ms"),
        figure("off", counts, units, stroke_events.off_ms, hits, "found", "ms"),
    )


def _label_rows(judged: Sequence[Judged], labels: Sequence[str]) -> list[Row]:
    units = np.array([f"{one.recording.group}" for one in judged])
    rows = []
    for label in labels:
        counts = np.stack([_one_label(one, label) for one in judged])
        if not counts[:, 1:3].any():
            continue
        rows.append(Row(label.replace("_", " "), _events(counts, units)))
    return rows


def _one_label(one: Judged, label: str) -> Counts:
    match = stroke_events.matched(one.recording, one.told, FRAMES)
    hits = sum(match.there[i].label == label for i, _ in match.pairs)
    told, there = (sum(span.label == label for span in spans) for spans in (match.told, match.there))
    return np.array([hits, told, there, 0, 0, 0, 0], np.float64)


def _abstain_rows(tally: Tally, judged: Sequence[Judged], abstain: float) -> list[Row]:
    rows = []
    for threshold in sorted({*_ABSTAIN, abstain}):
        told = [[span for span in one.unsure if span.score >= threshold] for one in judged]
        counts = np.stack(
            [stroke_events.count(one.recording, spans, FRAMES) for one, spans in zip(judged, told, strict=True)]
        )
        quiet = np.stack([tally.quiet[:, 1] * [bool(spans) for spans in told], tally.quiet[:, 1]], axis=1)
        name = f"{threshold:g}" + (" (the model's)" if threshold == abstain else "")
        rows.append(Row(name, (*_events(counts, tally.units), *_false(quiet, tally.units))))
    return rows


def _false(quiet: Counts, units: NDArray[np.str_]) -> tuple[Figure, ...]:
    count = int(quiet[:, 1].sum())
    return (figure("false strokes where none is", quiet, units, share, count, "recordings"),) if count else ()
