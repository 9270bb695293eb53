"""Whole sequences at another frame rate: by time, gaps kept, and told what was done (feature row 52).

85 or 50 frames a second become a model's 30 or 25 this way; ``window`` does the same for the live stream.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import SettingsError
from edgepose.types import Array
from edgepose.window import GAP_S, HIT_S, STEP_S

Float64 = NDArray[np.float64]
_SAME = 0.02
"""Rates that differ by less are one rate."""


@dataclass(frozen=True, slots=True)
class Resampled:
    """A sequence at an even rate."""

    times_s: Float64
    """(M,)."""
    points: Float64
    """(M, K, D); NaN where unknown."""
    notes: tuple[str, ...]
    """What the user should know; () where the rate was right already."""


def rate_of(times_s: Float64) -> float:
    """Frames a second, by the median step; NaN for less than two frames."""
    return float(1 / np.median(np.diff(times_s))) if len(times_s) > 1 else float("nan")


def resampled(
    times_s: Float64, points: Array, rate_hz: float, start_s: float | None = None, end_s: float | None = None
) -> Resampled:
    """(N,) rising times and (N, K, D) -> samples every 1 / ``rate_hz`` seconds from ``start_s`` to ``end_s``.

    Linear between a joint's neighbouring observations at most ``GAP_S`` apart, NaN elsewhere; an observation at a
    sample's time is that sample. Raises SettingsError for a rate or a span that is none, ValueError when time does
    not go on.
    """
    if not rate_hz > 0:
        raise SettingsError(f"a frame rate is more than 0, got {rate_hz}")
    if np.any(np.diff(times_s) < STEP_S):
        raise ValueError(f"times must rise by at least {STEP_S:g} s from frame to frame")
    first = float(times_s[0]) if start_s is None else max(start_s, float(times_s[0]))
    last = float(times_s[-1]) if end_s is None else min(end_s, float(times_s[-1]))
    if last < first:
        raise SettingsError(f"nothing between {first:g} and {last:g} s: the sequence lasts to {times_s[-1]:g} s")
    wanted_s = first + np.arange(int((last - first) * rate_hz + 1e-6) + 1) / rate_hz
    flat = np.asarray(points, np.float64).reshape(len(times_s), -1, points.shape[-1])
    sampled = np.stack([_joint(times_s, flat[:, joint], wanted_s) for joint in range(flat.shape[1])], axis=1)
    return Resampled(wanted_s, sampled.reshape(-1, *points.shape[1:]), _notes(rate_of(times_s), rate_hz))


def _joint(times_s: Float64, points: Float64, wanted_s: Float64) -> Float64:
    """(N, D) -> (M, D)."""
    known = np.flatnonzero(np.isfinite(points).all(axis=1))
    found = np.full((len(wanted_s), points.shape[1]), np.nan)
    if not len(known):
        return found
    at_s = times_s[known]
    before = np.clip(np.searchsorted(at_s, wanted_s + HIT_S, side="right") - 1, 0, len(at_s) - 1)
    after = np.clip(np.searchsorted(at_s, wanted_s - HIT_S, side="left"), 0, len(at_s) - 1)
    gap_s = at_s[after] - at_s[before]
    inside = (at_s[before] <= wanted_s + HIT_S) & (at_s[after] >= wanted_s - HIT_S) & (gap_s <= GAP_S + HIT_S)
    weight = np.clip((wanted_s - at_s[before]) / np.where(gap_s > 0, gap_s, 1.0), 0, 1)[:, None]
    values = points[known[before]] * (1 - weight) + points[known[after]] * weight
    found[inside] = values[inside]
    return found


def _notes(had_hz: float, wanted_hz: float) -> tuple[str, ...]:
    if not abs(had_hz / wanted_hz - 1) > _SAME:
        return ()
    if had_hz < wanted_hz:
        return (f"{had_hz:.3g} frames a second made {wanted_hz:g}: what moves faster between two frames is not there",)
    return (f"{had_hz:.3g} frames a second resampled to {wanted_hz:g}",)
