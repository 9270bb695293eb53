"""Following people from frame to frame: their state, and which look is whose. No ids, only serial numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgepose.association import REFUSED, Looks, assign, compare, negative_log_likelihood
from edgepose.config import TrackerSettings
from edgepose.motion import Float64, Tuning, corrected, moved_variance, transition

Rows = NDArray[np.intp]
Serials = NDArray[np.int64]
NOBODY = -1
_CLOCK_RESET_S = 1.0


class People:
    """State of N people, a row each; every person has a serial number that is never used again."""

    _columns = (
        "serials", "hits", "born_s", "seen_s", "sizes", "at", "velocity", "variance", "shape", "weights",
    )  # fmt: skip

    def __init__(self, points: int) -> None:
        self.serials = np.empty(0, np.int64)
        self.hits = np.empty(0, np.int64)
        self.born_s = np.empty(0)
        self.seen_s = np.empty(0)
        self.sizes = np.empty(0)
        """Longer side of the box, px."""
        self.at = np.empty((0, 2))
        self.velocity = np.empty((0, 2))
        self.variance = np.empty((0, 3))
        self.shape = np.empty((0, points, 2))
        """Points relative to ``at``, px."""
        self.weights = np.empty((0, points))
        self._next = 0

    def move(self, dt: Float64 | float, tuning: Tuning) -> None:
        """Predict everybody ``dt`` seconds (a number or (N,)) ahead."""
        reach, keep, *_ = transition(dt, tuning)
        self.at += self.velocity * reach[..., None]
        self.velocity *= keep[..., None]
        self.variance = moved_variance(self.variance, dt, tuning)

    def expected(self) -> Float64:
        """(N, P, 2) px where the points should be now."""
        return self.shape + self.at[:, None]

    def see(
        self,
        rows: Rows | slice,
        columns: Rows,
        looks: Looks,
        shift: Float64,
        time_s: float | Float64,
        tuning: Tuning,
    ) -> None:
        """Take in the matched looks; ``shift`` (len(columns), 2) px from where they were expected."""
        gain, self.variance[rows] = corrected(self.variance[rows], shift / self.sizes[rows, None], tuning)
        self.at[rows] += gain[:, :1] * shift
        self.velocity[rows] += gain[:, 1:] * shift
        gap_s = np.maximum(time_s - self.seen_s[rows], 1e-3)
        follow = 1.0 - np.exp(gap_s * (-1.0 / tuning.shape_lag_s))
        seen, held = looks.weights[columns], self.weights[rows]
        share = np.where(held > 0, follow[:, None], 1.0) * (seen > 0)
        points = looks.points[columns] - self.at[rows, None]
        self.shape[rows] += share[:, :, None] * (points - self.shape[rows])
        self.weights[rows] += share * (seen - held)
        grown = looks.sizes[columns] - self.sizes[rows]
        self.sizes[rows] += (1.0 - np.exp(gap_s * (-1.0 / tuning.size_lag_s))) * grown
        self.seen_s[rows] = time_s
        self.hits[rows] += 1

    def add(self, columns: Rows, looks: Looks, time_s: float | Float64, tuning: Tuning) -> Serials:
        """New people, one per look; their serial numbers."""
        count = len(columns)
        points, weights = looks.points[columns], looks.weights[columns]
        at = (points * weights[:, :, None]).sum(axis=1) / weights.sum(axis=1, keepdims=True)
        variance = [tuning.look_noise**2, 0.0, tuning.first_speed**2]
        serials = np.arange(self._next, self._next + count)
        self._next += count
        new = (
            serials, np.ones(count, np.int64), np.full(count, time_s), np.full(count, time_s),
            np.maximum(looks.sizes[columns], 1.0), at, np.zeros((count, 2)), np.tile(variance, (count, 1)),
            points - at[:, None], weights,
        )  # fmt: skip
        for name, rows in zip(self._columns, new, strict=True):
            setattr(self, name, np.concatenate([getattr(self, name), rows]))
        return serials

    def keep(self, stay: NDArray[np.bool_]) -> None:
        """Forget the others."""
        for name in self._columns:
            setattr(self, name, getattr(self, name)[stay])


class Follower:
    """Follows everybody in view; ``follow`` is called once a frame."""

    def __init__(self, joints: int, settings: TrackerSettings, tuning: Tuning) -> None:
        self.people = People(joints + 2)
        """State right after the last frame."""
        self.lost: Serials = np.empty(0, np.int64)
        """Who was given up in the last frame."""
        self._settings, self._tuning = settings, tuning
        self._time_s: float | None = None

    def follow(self, looks: Looks, time_s: float) -> Serials:
        """(M,) serial number of each look's person; NOBODY: no points, or a second pose of someone.

        A clock that goes back by more than a second (the source started again) ends everybody.
        """
        people, tuning = self.people, self._tuning
        self._advance(time_s)
        shift, far, shape = compare(people.expected(), people.weights, looks)
        rows, columns = assign(self._cost(far, shape, looks, time_s), tuning.limit)
        out = np.full(len(looks.scores), NOBODY, np.int64)
        out[columns] = people.serials[rows]
        fresh = np.flatnonzero((out == NOBODY) & (looks.sizes > 0))
        if len(fresh):
            fresh = self._not_doubled(fresh, rows, far + shape, looks)
        if len(rows):
            # A slice is faster than indices; everybody in their order is the usual case.
            whom = slice(None) if len(rows) == len(people.serials) else rows
            people.see(whom, columns, looks, shift[rows, columns], time_s, tuning)
        if len(fresh):
            out[fresh] = people.add(fresh, looks, time_s, tuning)
        return out

    def _advance(self, time_s: float) -> None:
        """Predict everybody at ``time_s`` and give up those unseen for too long."""
        people, tuning, memory_s = self.people, self._tuning, self._settings.memory_s
        dt = 0.0 if self._time_s is None else time_s - self._time_s
        self._time_s = time_s
        if dt > 0:
            people.move(dt, tuning)
        trial_s = max(tuning.trial_s, 2.5 * dt)
        earned = np.minimum(trial_s + tuning.trust * (people.seen_s - people.born_s), memory_s)
        patience = np.where(people.hits >= self._settings.confirm, earned, trial_s)
        late = (time_s - people.seen_s > patience) | (dt < -_CLOCK_RESET_S)
        self.lost = people.serials[late]
        if len(self.lost):
            people.keep(~late)

    def _cost(self, far: Float64, shape: Float64, looks: Looks, time_s: float) -> Float64:
        people, tuning = self.people, self._tuning
        gaps_s = np.maximum(time_s - people.seen_s, 0.0)
        cost = negative_log_likelihood(far, shape, people.sizes, people.variance[:, 0], gaps_s, tuning)
        cost += tuning.score_weight * (1.0 - looks.scores)
        cost += (tuning.tentative_cost * (people.hits < self._settings.confirm))[:, None]
        furthest = self._settings.gate * people.sizes[:, None]
        # NaN (nothing in common) compares false and is refused too.
        return np.where(far <= furthest * furthest, cost, REFUSED)

    def _not_doubled(self, fresh: Rows, rows: Rows, square: Float64, looks: Looks) -> Rows:
        """Without the looks that are a second pose of someone already matched or of a better look.

        ``square`` (N, M) px² is how far looks are from the people.
        """
        near = self._tuning.near * self.people.sizes[rows, None]
        fresh = fresh[~(square[rows][:, fresh] < near * near).any(axis=0)]
        if len(fresh) < 2:
            return fresh
        fresh = fresh[np.argsort(-looks.scores[fresh], kind="stable")]
        points, weights = looks.points[fresh], looks.weights[fresh]
        _, far, shape = compare(points, weights, Looks(points, weights, looks.scores[fresh], looks.sizes[fresh]))
        near = self._tuning.near * looks.sizes[fresh, None]
        doubled = np.triu(far + shape < near * near, 1).any(axis=0)
        return np.sort(fresh[~doubled])
