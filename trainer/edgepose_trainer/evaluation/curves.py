"""The hitting wrist over time with the strokes as shaded spans, labels above, the model below, as in the lecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgepose.skeletons import COCO17
from edgepose_trainer import peaks
from edgepose_trainer.evaluation.drawing import SPAN_COLOURS, Box, Drawing, Line, Shape, Words, polylines, stacked
from edgepose_trainer.evaluation.gaps import bridged
from edgepose_trainer.evaluation.spans import Span, labelled
from edgepose_trainer.recordings import Recording
from edgepose_trainer.samples import hand_of

Float64 = NDArray[np.float64]
ROW_S = 15.0
"""Longer recordings are drawn in rows."""
_WIDTH, _LEFT, _RIGHT = 960, 46, 8
_PANEL, _STRIP, _HEAD, _FOOT = 92, 16, 21, 18
_SHORT_S = 3.0
"""Shorter recordings are drawn half as wide."""
_SHADE = 0.28
_LETTER_PX = 5.8
"""Where the stroke's name has no room, its initials are written."""
_TICKS_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_X, _Y, _SPEED = "#d63fb8", "#2a9d55", "bar"


@dataclass(frozen=True, slots=True)
class Curves:
    """One person's wrist and strokes over time."""

    title: str
    joint: str
    times_s: Float64
    """(N,)"""
    place: Float64
    """(N, 2) torso lengths from the middle of the hips, x right, y up; NaN: unknown."""
    speed: Float64
    """(N,) of the wrist against the hips, torso lengths a second."""
    labels: tuple[Span, ...]
    told: tuple[Span, ...] | None
    """None: no model was asked."""


def curves(recording: Recording, told: Sequence[Span] | None = None, joint: str | None = None) -> Curves:
    """A recording's curves; without ``joint`` those of the hitting wrist, by the known or the faster hand."""
    hand = hand_of(recording)
    own = joint or f"{hand}_wrist"
    points = recording.keypoints[..., :2].astype(np.float64)
    hips, torso_px = _hips_and_torso(points)
    place = (points[:, COCO17.index(own)] - hips) / torso_px * np.array([1.0, -1.0])
    speed = peaks.wrist_speed(recording.times_s, points, hand) / torso_px
    spans = None if told is None else tuple(told)
    place = bridged(recording.times_s, place)
    return Curves(recording.name, own, recording.times_s, place, speed, tuple(labelled(recording)), spans)


def drawn(
    given: Curves, colours: Mapping[str, str], first_s: float | None = None, last_s: float | None = None
) -> Drawing:
    """Rows of at most 15 s; ``colours`` of the labels (``colours_of``)."""
    start = float(given.times_s[0]) if first_s is None else first_s
    end = float(given.times_s[-1]) if last_s is None else last_s
    count = max(1, int(np.ceil((end - start) / ROW_S - 1e-6)))
    length = (end - start) / count
    rows = [_row(given, colours, start + n * length, start + (n + 1) * length) for n in range(count)]
    return stacked(rows)


def colours_of(labels: Sequence[str]) -> dict[str, str]:
    """A colour for every label, in their order."""
    return {label: SPAN_COLOURS[number % len(SPAN_COLOURS)] for number, label in enumerate(labels)}


def _hips_and_torso(points: Float64) -> tuple[Float64, float]:
    """(N, 2) middle of the hips and the median torso length, of (N, 17, 2) px."""
    shoulders, hips = (
        points[:, COCO17.indices(f"left_{part}", f"right_{part}")].mean(axis=1) for part in ("shoulder", "hip")
    )
    lengths = np.linalg.norm(shoulders - hips, axis=1)
    known = lengths[np.isfinite(lengths) & (lengths > 0)]
    return hips, float(np.median(known)) if len(known) else float("nan")


def _row(given: Curves, colours: Mapping[str, str], start: float, end: float) -> Drawing:
    width = _WIDTH if end - start > _SHORT_S else _WIDTH // 2 - 10
    edge = width - _RIGHT
    scale = (edge - _LEFT) / max(end - start, 1e-9)

    def at(time_s: float) -> float:
        return _LEFT + (time_s - start) * scale

    inside = (given.times_s >= start - 1e-9) & (given.times_s <= end + 1e-9)
    xs = _LEFT + (given.times_s[inside] - start) * scale
    joint = given.joint.replace("_", " ")
    place, speed = given.place[inside], given.speed[inside]
    low, high = _range(given.place)
    margin = 0.06 * (high - low)
    top = 2.0 * _HEAD
    shapes: list[Shape] = [
        Words(2, 14, given.title, size=13),
        Words(_LEFT, top - 6, f"{joint} from the hips, torso lengths; shaded: labels"),
        Words(edge - 20, top - 6, "across", "end", colour=_X),
        Words(edge, top - 6, "up", "end", colour=_Y),
        *_shaded(given.labels, colours, at, top, edge),
        *_panel(xs, [(place[:, 0], _X), (place[:, 1], _Y)], (low - margin, high + margin), top, edge),
    ]
    top += _PANEL + _STRIP + _HEAD
    told, who = (given.labels, "labels") if given.told is None else (given.told, "the model")
    shapes += [
        Words(_LEFT, top - 6, f"speed of the hitting wrist, torso lengths a second; shaded: {who}"),
        *_shaded(told, colours, at, top, edge),
        *_panel(xs, [(speed, _SPEED)], (0.0, 1.06 * _range(given.speed)[1]), top, edge),
    ]
    top += _PANEL + _STRIP
    shapes += _ticks(start, end, at, top, edge)
    return Drawing(width, top + _FOOT, tuple(shapes), f"{given.title}: {joint} over time, strokes shaded")


def _range(values: Float64) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    return low, max(high, low + 1e-6)


def _panel(
    xs: Float64, lines: Sequence[tuple[Float64, str]], span: tuple[float, float], top: float, edge: float
) -> list[Shape]:
    low, high = span
    bottom = top + _PANEL + _STRIP
    shapes: list[Shape] = [
        Line(((_LEFT, top), (_LEFT, bottom), (edge, bottom)), "soft", 1),
        Words(_LEFT - 5, top + 10, f"{high:.1f}", "end", 11, "soft"),
        Words(_LEFT - 5, top + _PANEL, f"{low:.1f}", "end", 11, "soft"),
    ]
    for values, colour in lines:
        shapes += polylines(xs, top + _PANEL * (high - values) / (high - low), colour)
    return shapes


def _shaded(
    spans: Sequence[Span], colours: Mapping[str, str], at: Callable[[float], float], top: float, edge: float
) -> list[Shape]:
    """Spans behind a panel, their names in the strip below the curves."""
    high = _PANEL + _STRIP
    shapes: list[Shape] = []
    for span in spans:
        left, peak, right = (at(time_s) for time_s in (span.start_s, span.peak_s, span.end_s))
        left, right = max(left, _LEFT), min(right, edge)
        if right <= left:
            continue
        colour = colours.get(span.label, SPAN_COLOURS[-1])
        shapes.append(Box(left, top, right - left, high, colour, _SHADE))
        if left <= peak <= right:
            shapes.append(Line(((peak, top), (peak, top + _PANEL)), colour, 1.5))
        name = span.label.replace("_", " ")
        if right - left >= _LETTER_PX * len(name):
            shapes.append(Words(left + 3, top + high - 4, name, size=11))
        elif right - left >= 2 * _LETTER_PX:
            shapes.append(Words(left + 2, top + high - 4, "".join(word[0] for word in name.split()), size=11))
    return shapes


def _ticks(start: float, end: float, at: Callable[[float], float], top: float, edge: float) -> list[Shape]:
    step = next((s for s in _TICKS_S if (end - start) / s <= (edge - _LEFT) / 55), 10.0)
    moments = np.arange(np.ceil(start / step - 1e-6), np.floor(end / step + 1e-6) + 1) * step
    shapes: list[Shape] = []
    for moment in moments.tolist():
        x = at(moment)
        shapes.append(Line(((x, top), (x, top + 4)), "soft", 1))
        anchor: Literal["end", "middle"] = "end" if x > edge - 14 else "middle"
        shapes.append(Words(x, top + 15, f"{moment + 0.0:.{0 if step >= 1 else 1}f} s", anchor, 11, "soft"))
    return shapes
