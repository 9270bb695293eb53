"""Repetitions of an exercise, per person and per side: an angle that closes and opens again.

After the bicep counter of seed_systems.md §9 without its defects: the angle is the inner one, 0..180 degrees, so it
does not matter from which side the arm is seen; every track has counters of its own; a joint that is not sure gives
no reading. The seed's limits are 17 and 150 degrees. From the front, where the forearm comes to lie over the upper
arm, a bent arm shows less (5 to 20 in bicep_curls.mp4); from the side no less than the 30 to 40 degrees at which an
elbow is closed, and the seed would never count. Hence 60.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from edgepose.config import CounterSettings
from edgepose.errors import SettingsError
from edgepose.geometry import angle_deg
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Bend, Float32, Rep, Track

CORNERS = MappingProxyType({"bicep_curl": ("shoulder", "elbow", "wrist")})
"""Exercise -> joints without their side; the angle is at the second."""
SIDES = ("left", "right")
_FORGET_S = 60.0
"""A track unseen for so long will not come back."""
_FEWEST = 3
"""Readings of a median: one that is wrong cannot win."""
_MOST_BENT = 64
"""Bent readings that are kept to find the middle one; when there are more, every other goes."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at one arm."""

    time_s: float
    angle_deg: float
    confidence: float
    keypoints: Float32


class RepCounter:
    """Counts the repetitions of everybody whom one camera sees. Not thread-safe."""

    def __init__(self, skeleton: Skeleton, settings: CounterSettings) -> None:
        """Raises SettingsError when the skeleton lacks a joint that the exercise needs."""
        self._settings = settings
        try:
            corners = [[skeleton.index(f"{side}_{joint}") for joint in CORNERS[settings.exercise]] for side in SIDES]
        except KeyError as error:
            raise SettingsError(f"counter.exercise: {settings.exercise} cannot be counted: {error.args[0]}") from None
        self._corners = np.array(corners, np.intp)
        self._people: dict[int, list[Arm]] = {}
        self._seen_s: dict[int, float] = {}
        self.bends: list[Bend] = []
        """Of the newest frame's people, both sides each."""

    def add(self, tracks: Sequence[Track], time_s: float) -> list[Rep]:
        """The people of the next frame -> the repetitions that ended with it."""
        people = [track for track in tracks if track.id >= 0]
        self._forget(people, time_s)
        reps, self.bends = [], []
        angles, confidences = self._read(people)
        for person, track in enumerate(people):
            for side, arm in enumerate(self._arms(track.id)):
                confidence = float(confidences[person, side])
                if confidence >= self._settings.min_confidence and np.isfinite(angles[person, side]):
                    reading = Reading(time_s, float(angles[person, side]), confidence, track.pose.keypoints)
                    reps += arm.add(reading)
                self.bends.append(arm.bend(time_s))
        return reps

    def _read(self, people: Sequence[Track]) -> tuple[Array, Array]:
        """(P, 2) inner angles in degrees and the confidences of their weakest joints; NaN where unknown."""
        if not people:
            return np.zeros((0, 2)), np.zeros((0, 2))
        points = np.stack([track.pose.keypoints for track in people])[:, self._corners]
        wide = points[..., :2].astype(np.float64)
        return angle_deg(wide[:, :, 0], wide[:, :, 1], wide[:, :, 2]), points[..., 2].min(-1)

    def _arms(self, track: int) -> list[Arm]:
        if track not in self._people:
            labels = [f"{self._settings.exercise}_{side}" for side in SIDES]
            self._people[track] = [Arm(track, label, self._settings) for label in labels]
        return self._people[track]

    def _forget(self, people: Sequence[Track], time_s: float) -> None:
        self._seen_s.update({track.id: time_s for track in people})
        for track in [track for track, seen_s in self._seen_s.items() if time_s - seen_s > _FORGET_S]:
            del self._seen_s[track]
            self._people.pop(track, None)


class Arm:
    """One side of one person: extended, then bent, then extended again is one repetition."""

    def __init__(self, track: int, label: str, settings: CounterSettings) -> None:
        self._track, self._label, self._settings = track, label, settings
        self._readings: deque[Reading] = deque()
        self._count = 0
        self._reset()

    def _reset(self) -> None:
        """Nothing is known of what the arm does: it must be seen extended before anything counts."""
        self._readings.clear()
        self._start_s: float | None = None
        self._bent: list[Reading] = []
        self._angle_deg = float("nan")
        self._highest_deg = 0.0
        self._confidence, self._summed = 0.0, 0

    def add(self, reading: Reading) -> list[Rep]:
        """The next reading -> the repetition that it ended, if it did."""
        if self._readings and reading.time_s - self._readings[-1].time_s > self._settings.gap_s:
            self._reset()
        self._readings.append(reading)
        while len(self._readings) > _FEWEST and reading.time_s - self._readings[0].time_s > self._settings.smooth_s:
            self._readings.popleft()
        if len(self._readings) < _FEWEST:
            return []
        self._confidence += reading.confidence
        self._summed += 1
        return self._move(self._smoothed())

    def _smoothed(self) -> Reading:
        """The median angle, at the time of the reading in the middle."""
        self._angle_deg = sorted(reading.angle_deg for reading in self._readings)[len(self._readings) // 2]
        middle = self._readings[len(self._readings) // 2]
        return Reading(middle.time_s, self._angle_deg, middle.confidence, middle.keypoints)

    def _move(self, now: Reading) -> list[Rep]:
        self._highest_deg = max(self._highest_deg, now.angle_deg)
        if now.angle_deg >= self._settings.extended_deg:
            ended = self._ended(now)
            self._start_s, self._bent = now.time_s, []
            self._confidence, self._summed = 0.0, 0
            return ended
        if self._start_s is not None and now.angle_deg <= self._settings.bent_deg:
            self._bent = [*(self._bent if len(self._bent) < _MOST_BENT else self._bent[::2]), now]
        return []

    def _ended(self, now: Reading) -> list[Rep]:
        if self._start_s is None or not self._bent or now.time_s - self._start_s < self._settings.least_s:
            return []
        self._count += 1
        middle_s = 0.5 * (self._bent[0].time_s + self._bent[-1].time_s)
        peak = min(self._bent, key=lambda reading: abs(reading.time_s - middle_s))
        rep = Rep(
            label=self._label,
            track=self._track,
            count=self._count,
            score=self._confidence / self._summed,
            start_s=self._start_s,
            peak_s=peak.time_s,
            end_s=now.time_s,
            angle_min_deg=min(reading.angle_deg for reading in self._bent),
            angle_max_deg=self._highest_deg,
            keypoints=peak.keypoints,
        )
        self._highest_deg = now.angle_deg
        return [rep]

    def bend(self, time_s: float) -> Bend:
        """Where the arm is now, for bars on a picture."""
        extended, bent = self._settings.extended_deg, self._settings.bent_deg
        stale = not self._readings or time_s - self._readings[-1].time_s > self._settings.gap_s
        fraction = float("nan") if stale else float(np.clip((extended - self._angle_deg) / (extended - bent), 0, 1))
        return Bend(self._track, self._label, fraction, self._count)
