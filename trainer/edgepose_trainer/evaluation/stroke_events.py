"""Told strokes against labelled ones at several tolerances: who belongs to whom, and what that counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgepose_trainer.evaluation.spans import Span, doubtful, labelled
from edgepose_trainer.recordings import Recording

RATE_HZ = 30
"""A tolerance of one frame is this part of a second, whatever rate the recording has."""
TOLERANCES = (3, 5, 10)
COLUMNS = ("hits", "told", "true", "duplicates", "mislabelled", "late_s", "off_s")
"""``late_s``, ``off_s``: signed and unsigned times between the peaks of the hits, summed."""
Counts: TypeAlias = NDArray[np.float64]
"""(..., 7) in the order of ``COLUMNS``."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Which told stroke is which labelled one."""

    there: list[Span]
    told: list[Span]
    """Without those that fall where the labels leave it open."""
    pairs: list[tuple[int, int]]
    """(index into there, index into told), label and time right."""
    tolerance_s: float


def matched(recording: Recording, told: Sequence[Span], frames: int, any_label: bool = False) -> Matched:
    """One to one, the nearest first, at most ``frames`` of 30 Hz apart and of the same label."""
    there, tolerance_s = labelled(recording), frames / RATE_HZ
    judged = [span for span in told if near(there, span, tolerance_s) or not doubtful(recording, span.peak_s)]
    return Matched(there, judged, pairs_of(there, judged, tolerance_s, any_label), tolerance_s)


def near(there: Sequence[Span], told: Span, tolerance_s: float) -> bool:
    """Whether any labelled stroke is within the tolerance."""
    return any(abs(span.peak_s - told.peak_s) <= tolerance_s for span in there)


def pairs_of(
    there: Sequence[Span], told: Sequence[Span], tolerance_s: float, any_label: bool = False
) -> list[tuple[int, int]]:
    """(index into there, index into told), the nearest first."""
    apart = sorted(
        (abs(one.peak_s - other.peak_s), i, j)
        for i, one in enumerate(there)
        for j, other in enumerate(told)
        if (any_label or one.label == other.label) and abs(one.peak_s - other.peak_s) <= tolerance_s + 1e-9
    )
    pairs: list[tuple[int, int]] = []
    for _, i, j in apart:
        if all(i != a and j != b for a, b in pairs):
            pairs.append((i, j))
    return pairs


def count(recording: Recording, told: Sequence[Span], frames: int) -> Counts:
    """(7,) of one recording.

    A duplicate is a stroke too many for one that is already found: unmatched, and its peak within the tolerance
    of the labelled peak or inside the labelled span. Mislabelled: the only one there, with another label.
    """
    match = matched(recording, told, frames)
    found, used = {i for i, _ in match.pairs}, {j for _, j in match.pairs}
    others = [span for j, span in enumerate(match.told) if j not in used]
    duplicates = sum(any(_covers(match, i, span) for i in found) for span in others)
    open_ = [span for i, span in enumerate(match.there) if i not in found]
    mislabelled = len(pairs_of(open_, others, match.tolerance_s, any_label=True))
    late_s = np.array([match.told[j].peak_s - match.there[i].peak_s for i, j in match.pairs])
    sizes = (len(match.pairs), len(match.told), len(match.there), duplicates, mislabelled)
    return np.array([*sizes, late_s.sum(), np.abs(late_s).sum()], np.float64)


def _covers(match: Matched, index: int, span: Span) -> bool:
    there = match.there[index]
    inside = there.start_s <= span.peak_s <= there.end_s
    return inside or abs(there.peak_s - span.peak_s) <= match.tolerance_s


def precision(counts: Counts) -> NDArray[np.float64]:
    """Per cent of the told strokes that are hits; NaN when none was told."""
    return per_cent(counts[..., 0], counts[..., 1])


def recall(counts: Counts) -> NDArray[np.float64]:
    """Per cent of the labelled strokes that were told; NaN when there is none."""
    return per_cent(counts[..., 0], counts[..., 2])


def f1(counts: Counts) -> NDArray[np.float64]:
    """Per cent: hits among the mean of told and labelled; NaN when there is neither."""
    return per_cent(2 * counts[..., 0], counts[..., 1] + counts[..., 2])


def late_ms(counts: Counts) -> NDArray[np.float64]:
    """Mean signed time from the labelled to the told peak, ms."""
    return 10 * per_cent(counts[..., 5], counts[..., 0])


def off_ms(counts: Counts) -> NDArray[np.float64]:
    """Mean unsigned time between the peaks, ms."""
    return 10 * per_cent(counts[..., 6], counts[..., 0])


def per_cent(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Elementwise; NaN where the whole is 0."""
    out = np.full(np.shape(whole), np.nan)
    np.divide(100 * part, whole, out=out, where=whole > 0)
    return out
