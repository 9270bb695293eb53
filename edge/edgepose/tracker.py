"""Who is who: gives every pose of a frame the id of its person.

Per-person tracking by the centre of the pose as in the seed lecture, one-to-one, with a gate in
person sizes and a memory for lost people. The centre is predicted (``motion``), and the cost of a
match (``association``) is how unlikely centre and posture are, so two people who cross are told
apart by where they were going and how they hold themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgepose.association import REFUSED, Looks, assign, compare, negative_log_likelihood
from edgepose.config import TrackerSettings
from edgepose.motion import Float64, Tuning, correct, predict
from edgepose.skeletons import Skeleton
from edgepose.types import Pose, Track

UNTRACKED = -1
_CLOCK_RESET_S = 1.0
Rows = NDArray[np.intp]


class Tracker:
    """Ids of one camera: they start at 0, belong to this object and are never used again."""

    def __init__(self, skeleton: Skeleton, settings: TrackerSettings, tuning: Tuning | None = None) -> None:
        self._settings = settings
        self._tuning = tuning or Tuning()
        self._joints = len(skeleton)
        self._people = _People(self._joints + 2)
        self._time_s: float | None = None
        self._next_id = 0
        self._ended: list[int] = []

    @property
    def ended(self) -> list[int]:
        """Ids that ended in the last ``update``: nobody will be seen under them again."""
        return self._ended

    def update(self, poses: Sequence[Pose], time_s: float) -> list[Track]:
        """One Track per pose, in the order given; id -1 while it is not sure that this is a person.

        ``time_s`` may run at any, even a changing, rate; when it goes back by more than a second
        (the source started again) everybody's track ends.
        """
        rows = self.follow(Looks.of(poses, self._joints), time_s)
        ids = self._people.ids[rows].tolist() if len(poses) else []
        known = (rows >= 0).tolist()
        return [
            Track(identity if there else UNTRACKED, pose)
            for identity, there, pose in zip(ids, known, poses, strict=True)
        ]

    def follow(self, looks: Looks, time_s: float) -> Rows:
        """(M,) row of each look's person in the state (-1: no person); new people get new rows."""
        people = self._people
        dt = self._advance(time_s)
        shift, shape = compare(people.expected(), people.weights, looks)
        cost = self._cost(shift, shape, looks, time_s)
        rows, columns = assign(cost, self._tuning.limit)
        people.see(rows, columns, looks, shift, time_s, self._tuning)
        self._confirm(rows)
        out = np.full(len(looks.scores), -1, np.intp)
        out[columns] = rows
        fresh = self._fresh(out, shift, shape, looks)
        out[fresh] = people.add(fresh, looks, time_s, self._tuning)
        if self._settings.confirm <= 1:
            self._confirm(out[fresh])
        self._trial_s = max(self._tuning.trial_s, 2.5 * dt)
        return out

    def _advance(self, time_s: float) -> float:
        """Predict everybody at ``time_s`` and forget those unseen for too long."""
        people = self._people
        dt = 0.0 if self._time_s is None else time_s - self._time_s
        self._time_s = time_s
        if dt > 0:
            predict(people.at, people.velocity, people.variance, dt, self._tuning)
        tuning, memory_s = self._tuning, self._settings.memory_s
        earned = np.minimum(tuning.trial_s + tuning.trust * (people.seen_s - people.born_s), memory_s)
        trial_s = max(tuning.trial_s, 2.5 * dt)
        patience = np.where(people.ids >= 0, np.maximum(earned, trial_s), trial_s)
        late = (time_s - people.seen_s > patience) | (dt < -_CLOCK_RESET_S)
        self._ended = people.drop(late) if late.any() else []
        return dt

    def _cost(self, shift: Float64, shape: Float64, looks: Looks, time_s: float) -> Float64:
        people, tuning = self._people, self._tuning
        gaps_s = np.maximum(time_s - people.seen_s, 0.0)
        cost = negative_log_likelihood(shift, shape, people.sizes, people.variance[:, 0], gaps_s, tuning)
        cost += tuning.score_weight * (1.0 - looks.scores)
        cost += (tuning.tentative_cost * (people.ids < 0))[:, None]
        furthest = self._settings.gate * people.sizes[:, None]
        # NaN (nothing in common) compares false and is refused too.
        return np.where((shift * shift).sum(axis=2) <= furthest * furthest, cost, REFUSED)

    def _confirm(self, rows: Rows) -> None:
        people = self._people
        for row in rows[(people.hits[rows] >= self._settings.confirm) & (people.ids[rows] < 0)]:
            people.ids[row] = self._next_id
            self._next_id += 1

    def _fresh(self, out: Rows, shift: Float64, shape: Float64, looks: Looks) -> Rows:
        """Looks that may be somebody new: not a second pose of someone already matched."""
        fresh = np.flatnonzero((out < 0) & (looks.sizes > 0))
        if not len(fresh) or not (out >= 0).any():
            return fresh
        taken = out[out >= 0]
        apart = shift[taken][:, fresh]
        square = (apart * apart).sum(axis=2) + np.maximum(shape[taken][:, fresh], 0.0)
        near = self._tuning.near * self._people.sizes[taken, None]
        return fresh[~(square < near * near).any(axis=0)]


class _People:
    """State of N people, a row each."""

    _columns = ("ids", "hits", "born_s", "seen_s", "sizes", "at", "velocity", "variance", "shape", "weights")

    def __init__(self, points: int) -> None:
        self.ids = np.empty(0, np.int64)
        """-1: unconfirmed."""
        self.hits = np.empty(0, np.int64)
        self.born_s = np.empty(0)
        self.seen_s = np.empty(0)
        self.sizes = np.empty(0)
        self.at = np.empty((0, 2))
        self.velocity = np.empty((0, 2))
        self.variance = np.empty((0, 3))
        self.shape = np.empty((0, points, 2))
        """Points relative to ``at``, px."""
        self.weights = np.empty((0, points))

    def expected(self) -> Float64:
        """(N, P, 2) px where the points should be now."""
        return self.shape + self.at[:, None]

    def see(
        self, rows: Rows, columns: Rows, looks: Looks, shift: Float64, time_s: float, tuning: Tuning
    ) -> None:
        """Take in the matched looks."""
        if not len(rows):
            return
        correct(self.at, self.velocity, self.variance, rows, shift[rows, columns], tuning)
        gap_s = np.maximum(time_s - self.seen_s[rows], 1e-3)
        follow = 1.0 - np.exp(gap_s / -tuning.shape_lag_s)[:, None]
        seen, held = looks.weights[columns], self.weights[rows]
        gain = np.where(held > 0, follow, 1.0) * (seen > 0)
        shape = self.shape[rows]
        self.shape[rows] = shape + gain[:, :, None] * (looks.points[columns] - self.at[rows, None] - shape)
        self.weights[rows] = held + gain * (seen - held)
        self.sizes[rows] += (1.0 - np.exp(gap_s / -tuning.size_lag_s)) * (looks.sizes[columns] - self.sizes[rows])
        self.seen_s[rows] = time_s
        self.hits[rows] += 1

    def add(self, columns: Rows, looks: Looks, time_s: float, tuning: Tuning) -> Rows:
        """New unconfirmed people, one per look; their rows."""
        count, first = len(columns), len(self.ids)
        if not count:
            return columns
        points, weights = looks.points[columns], looks.weights[columns]
        at = (points * weights[:, :, None]).sum(axis=1) / weights.sum(axis=1, keepdims=True)
        variance = [tuning.look_noise**2, 0.0, tuning.first_speed**2]
        new = (
            np.full(count, UNTRACKED), np.ones(count, np.int64), np.full(count, time_s), np.full(count, time_s),
            np.maximum(looks.sizes[columns], 1.0), at, np.zeros((count, 2)), np.tile(variance, (count, 1)),
            points - at[:, None], weights,
        )  # fmt: skip
        for name, rows in zip(self._columns, new, strict=True):
            setattr(self, name, np.concatenate([getattr(self, name), rows]))
        return np.arange(first, first + count)

    def drop(self, gone: NDArray[np.bool_]) -> list[int]:
        """Forget those people; the ids that end with them."""
        ended = self.ids[gone & (self.ids >= 0)].tolist()
        for name in self._columns:
            setattr(self, name, getattr(self, name)[~gone])
        return [int(identity) for identity in ended]
