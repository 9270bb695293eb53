"""Following people from frame to frame: their state, and which look is whose. No ids, only serial numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgepose.association import REFUSED, Looks, assign, compare, negative_log_likelihood
from edgepose.config import TrackerSettings
from edgepose.motion import Float64, Tuning, corrected, moved

Rows = NDArray[np.intp]
Serials = NDArray[np.int64]
NOBODY = -1
_CLOCK_RESET_S = 1.0


class People:
    """State of N people, a row each; every person has a serial number that is never used again."""

    _columns = ("serials", "hits", "born_s", "seen_s", "sizes", "motion", "covariance", "shape")

    def __init__(self, points: int) -> None:
        self.serials = np.empty(0, np.int64)
        self.hits = np.empty(0, np.int64)
        self.born_s = np.empty(0)
        self.seen_s = np.empty(0)
        self.sizes = np.empty(0)
        """Longer side of the box, px."""
        self.motion: Float64 = np.empty((0, 2, 2))
        self.covariance: Float64 = np.empty((0, 2, 2))
        self.shape = np.empty((0, points, 3))
        """Points relative to the place, px, and their confidence."""
        self._next = 0

    def move(self, dt: float, tuning: Tuning) -> None:
        """Predict everybody ``dt`` seconds ahead."""
        self.motion, self.covariance = moved(self.motion, self.covariance, dt, tuning)

    def expected(self) -> Float64:
        """(N, P, 3) px where the points should be now, and their confidence."""
        points = self.shape.copy()
        points[:, :, :2] += self.motion[:, :1]
        return points

    def see(
        self,
        rows: Rows | slice,
        seen: Float64,
        sizes: Float64,
        shift: Float64,
        time_s: float | Float64,
        tuning: Tuning,
    ) -> None:
        """Take in matched looks: points (R, P, 3), sizes (R,) px, and how far from expected, (R, 2) px."""
        size = self.sizes[rows]
        far = np.einsum("rd,rd->r", shift, shift) / (size * size)
        gain, self.covariance[rows] = corrected(self.covariance[rows], far, tuning)
        self.motion[rows] += gain[:, :, None] * shift[:, None]
        gap_s = np.maximum(time_s - self.seen_s[rows], 1e-3)
        follow = 1.0 - np.exp(gap_s * (-1.0 / tuning.shape_lag_s))
        shape = self.shape[rows]
        share = np.where(shape[:, :, 2] > 0, follow[:, None], 1.0) * (seen[:, :, 2] > 0)
        change = seen - shape
        change[:, :, :2] -= self.motion[rows, :1]
        self.shape[rows] = shape + share[:, :, None] * change
        self.sizes[rows] += tuning.size_share * follow * (sizes - size)
        self.seen_s[rows] = time_s
        self.hits[rows] += 1

    def add(self, points: Float64, sizes: Float64, time_s: float | Float64, tuning: Tuning) -> Serials:
        """New people, from points (R, P, 3) and sizes (R,) px; their serial numbers."""
        count = len(points)
        at = np.einsum("rpd,rp->rd", points[:, :, :2], points[:, :, 2]) / points[:, :, 2].sum(axis=1)[:, None]
        motion = np.stack([at, np.zeros((count, 2))], axis=1)
        covariance = np.diag([tuning.look_noise**2, tuning.first_speed**2])
        shape = points.copy()
        shape[:, :, :2] -= at[:, None]
        serials = np.arange(self._next, self._next + count)
        self._next += count
        new = (
            serials, np.ones(count, np.int64), np.full(count, time_s), np.full(count, time_s),
            np.maximum(sizes, 1.0), motion, np.tile(covariance, (count, 1, 1)), shape,
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
        gaps_s = self._advance(time_s)
        shift, far, shape = compare(people.expected(), looks.points)
        rows, columns = assign(self._cost(far, shape, looks, gaps_s), tuning.limit)
        out = np.full(len(looks.scores), NOBODY, np.int64)
        out[columns] = people.serials[rows]
        fresh = columns[:0]
        if len(columns) < len(out):
            fresh = np.flatnonzero((out == NOBODY) & (looks.sizes > 0))
            fresh = self._not_doubled(fresh, rows, far + shape, looks)
        if len(rows):
            # A slice is faster than indices; everybody in their order is the usual case.
            whom = slice(None) if len(rows) == len(people.serials) else rows
            people.see(whom, looks.points[columns], looks.sizes[columns], shift[rows, columns], time_s, tuning)
        if len(fresh):
            out[fresh] = people.add(looks.points[fresh], looks.sizes[fresh], time_s, tuning)
        return out

    def _advance(self, time_s: float) -> Float64:
        """Predict everybody at ``time_s`` and give up those unseen for too long; (N,) seconds unseen."""
        people, tuning, memory_s = self.people, self._tuning, self._settings.memory_s
        dt = 0.0 if self._time_s is None else time_s - self._time_s
        self._time_s = time_s
        if dt > 0:
            people.move(dt, tuning)
        gaps_s = time_s - people.seen_s
        trial_s = min(max(tuning.trial_s, 2.5 * dt), memory_s)
        self.lost = people.serials[:0]
        # Nobody has earned less patience than a trial.
        if (gaps_s > trial_s).any() or dt < -_CLOCK_RESET_S:
            earned = np.minimum(trial_s + tuning.trust * (people.seen_s - people.born_s), memory_s)
            late = gaps_s > np.where(people.hits >= self._settings.confirm, earned, trial_s)
            late |= dt < -_CLOCK_RESET_S
            self.lost = people.serials[late]
            people.keep(~late)
            gaps_s = gaps_s[~late]
        return np.maximum(gaps_s, 0.0)

    def _cost(self, far: Float64, shape: Float64, looks: Looks, gaps_s: Float64) -> Float64:
        people, tuning = self.people, self._tuning
        area = people.sizes * people.sizes
        cost = negative_log_likelihood(far, shape, area, people.covariance[:, 0, 0], gaps_s, tuning)
        cost += tuning.score_weight * (1.0 - looks.scores)
        cost += (tuning.tentative_cost * (people.hits < self._settings.confirm))[:, None]
        # NaN (nothing in common) compares false and is refused too.
        return np.where(far <= (self._settings.gate**2 * area)[:, None], cost, REFUSED)

    def _not_doubled(self, fresh: Rows, rows: Rows, square: Float64, looks: Looks) -> Rows:
        """Without the looks that are a second pose of someone already matched or of a better look.

        ``square`` (N, M) px² is how far looks are from the people.
        """
        near = self._tuning.near * self.people.sizes[rows, None]
        fresh = fresh[~(square[rows][:, fresh] < near * near).any(axis=0)]
        if len(fresh) < 2:
            return fresh
        fresh = fresh[np.argsort(-looks.scores[fresh], kind="stable")]
        _, far, shape = compare(looks.points[fresh], looks.points[fresh])
        near = self._tuning.near * looks.sizes[fresh, None]
        doubled = np.triu(far + shape < near * near, 1).any(axis=0)
        return np.sort(fresh[~doubled])
