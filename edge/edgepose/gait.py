"""Steps from feet over time: contact, cadence, step and contact time (feature row 56; docs/kinematics.md).

A foot stands while it is low, against its lowest of the last and next stride, and goes with the ground. The ground's
own speed is taken from the feet that are low, so it may be a treadmill's belt, or the floor moving backwards where
poses are relative to the hips.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edgepose.kinematics import Motion, slopes

Float64 = NDArray[np.float64]
_LOW = 0.2
"""Of the foot's lift (98th percentile): lower is low."""
_LEAST_LOW_M = 0.03
_SLOW = 0.25
"""Of the foot's high speed against the ground (its 95th percentile): slower stands."""
_STRIDE_S = 0.8
"""A foot that goes touches the ground at least once within so long."""
_BRIEF_S = 0.04
"""Shorter contacts and shorter gaps within one are noise."""
_FEET = ("forefoot", "toe", "big_toe", "ankle")
"""Joints that stand for a foot, best first."""


@dataclass(frozen=True, slots=True)
class Contact:
    """One foot on the ground; the times of its first and last frame there."""

    side: str
    start_s: float
    end_s: float
    whole: bool
    """Neither its beginning nor its end is cut off by the recording or a gap."""


@dataclass(frozen=True, slots=True)
class Gait:
    """NaN where there were too few steps to say."""

    foot: str
    """The joint that stood for the foot."""
    contacts: tuple[Contact, ...]
    """In time order."""
    cadence_steps_min: float
    """60 s over the mean step time."""
    step_time_s: float
    """From one foot's touch-down to the other's, mean."""
    contact_time_s: float
    """Of whole contacts, mean."""
    flight_share: float
    """Of the time between the first and the last touch-down: 0 walking, above it running. NaN for ankles, which rise
    before the toes do."""
    ground_speed: float
    """Of the feet that stand, m/s in the axes of the poses: 0 over ground, the belt's on a treadmill."""


def gait(motion: Motion) -> Gait | None:
    """Of 3D joints, metres; None where the joint set has no feet, or they are never seen."""
    foot = next((part for part in _FEET if f"left_{part}" in motion.skeleton.joints), None)
    if foot is None or motion.flat:
        return None
    feet = np.stack([motion.joint(f"{side}_{foot}") for side in ("left", "right")], axis=1)
    if not np.isfinite(feet).all(axis=-1).any(axis=0).all():
        return None
    standing, ground = _standing(motion.times_s, feet, np.array(motion.up))
    known = np.asarray(np.isfinite(feet).all(axis=-1))
    contacts = sorted(
        (contact for index, side in enumerate(("left", "right"))
         for contact in _contacts(side, motion.times_s, standing[:, index], known[:, index])),
        key=lambda contact: contact.start_s,
    )  # fmt: skip
    return _summary(foot, tuple(contacts), float(np.linalg.norm(ground)))


def _standing(times_s: Float64, feet: Float64, up: Float64) -> tuple[NDArray[np.bool_], Float64]:
    """(T, 2) which foot of (T, 2, 3) is on the ground; (3,) how the ground moves."""
    height = feet @ up
    above = height - _level(times_s, height)
    low = above < np.maximum(_LOW * np.nanpercentile(above, 98, axis=0), _LEAST_LOW_M)
    velocity = slopes(times_s, feet)
    along = velocity - (velocity @ up)[..., None] * up
    lowest = low & np.isfinite(along).all(axis=-1)
    ground = np.median(along[lowest], axis=0) if lowest.any() else np.zeros(3)
    against = np.linalg.norm(velocity - ground, axis=-1)
    fast = [np.percentile(known, 95) if len(known := one[np.isfinite(one)]) else 0.0 for one in against.T]
    return np.asarray(low & (against < _SLOW * np.array(fast))), np.asarray(ground)


def _level(times_s: Float64, height: Float64) -> Float64:
    """(T, 2) lowest height of each foot within ``_STRIDE_S`` before and after: stairs and slopes go along."""
    known = np.where(np.isfinite(height), height, np.inf)
    starts = np.searchsorted(times_s, times_s - _STRIDE_S)
    ends = np.searchsorted(times_s, times_s + _STRIDE_S, side="right")
    return np.stack([known[start:end].min(axis=0) for start, end in zip(starts, ends, strict=True)])


def _contacts(side: str, times_s: Float64, standing: NDArray[np.bool_], known: NDArray[np.bool_]) -> list[Contact]:
    runs = [list(run) for run in _runs(standing)]
    joined: list[list[int]] = []
    for start, end in runs:
        gap = slice(joined[-1][1] + 1, start) if joined else slice(0, 0)
        if joined and times_s[start] - times_s[joined[-1][1]] < _BRIEF_S and known[gap].all():
            joined[-1][1] = end
        else:
            joined.append([start, end])
    found = []
    for start, end in joined:
        if times_s[end] - times_s[start] >= _BRIEF_S:
            whole = start > 1 and end < len(times_s) - 2 and bool(known[start - 1] and known[end + 1])
            found.append(Contact(side, float(times_s[start]), float(times_s[end]), whole))
    return found


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(start), int(end) - 1) for start, end in edges.reshape(-1, 2)]


def _summary(foot: str, contacts: tuple[Contact, ...], ground_speed: float) -> Gait:
    starts = [contact for contact in contacts if contact.start_s > contacts[0].start_s or contact.whole]
    steps_s = [b.start_s - a.start_s for a, b in pairwise(starts) if a.side != b.side]
    whole_s = [contact.end_s - contact.start_s for contact in contacts if contact.whole]
    step_s = float(np.mean(steps_s)) if steps_s else float("nan")
    return Gait(
        foot, contacts, 60 / step_s, step_s, float(np.mean(whole_s)) if whole_s else float("nan"),
        _flight(starts) if foot != _FEET[-1] else float("nan"), ground_speed,
    )  # fmt: skip


def _flight(contacts: list[Contact]) -> float:
    """Share of the time from the first to the last touch-down in which no foot stands."""
    if len(contacts) < 2:
        return float("nan")
    flown, until_s = 0.0, contacts[0].start_s
    for contact in contacts:
        flown += max(0.0, contact.start_s - until_s)
        until_s = max(until_s, contact.end_s)
    return flown / (contacts[-1].start_s - contacts[0].start_s)
