"""Joining pieces of tracks across gaps: the end of one to the start of another, cheapest together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgepose.association import REFUSED, Looks, assign
from edgepose.config import TrackerSettings
from edgepose.following import NOBODY, People, Rows, Serials
from edgepose.motion import Float64, Tuning, moved, transition


@dataclass(frozen=True)
class Hindsight:
    """Numbers of the second look at a recording, chosen on the training seeds of ``bench/tracker.py``."""

    gap_s: float = 4.0
    """Longest time unseen that is bridged."""
    limit: float = 18.0
    """Highest cost of a join (negative log-likelihood against somebody new starting there)."""
    sure_looks: float = 4.0
    """Looks that make a piece surely a person's."""
    gap_cost: float = 0.3
    """Cost of every second unseen."""
    turn_cost: float = 2.0
    """Cost of a velocity that changed unseen."""
    shape_points: float = 3.0
    least_s: float = 0.15
    """A person is seen for at least so long ..."""
    least_share: float = 0.3
    """... and in this share of the frames from first to last look."""


@dataclass(slots=True)
class Clip:
    """All looks of a recording in time order."""

    times_s: Float64
    """(M,) capture time of each look."""
    looks: Looks
    frame_s: float
    """Usual time between frames."""

    @staticmethod
    def of(looks: Sequence[Looks], times_s: Sequence[float]) -> Clip:
        """Join the frames' looks."""
        joined = Looks(*(
            np.concatenate([getattr(look, name) for look in looks])
            for name in ("points", "scores", "sizes")
        ))  # fmt: skip
        steps = np.diff(times_s)
        return Clip(
            np.repeat(np.asarray(times_s, np.float64), [len(look.scores) for look in looks]),
            joined,
            float(np.median(steps)) if len(steps) else 0.0,
        )


def join(clip: Clip, pieces: Serials, tuning: Tuning, hindsight: Hindsight) -> Serials:
    """(M,) person of each look, given its piece (0..P-1, NOBODY stays): pieces that fit are one person."""
    order = np.argsort(pieces, kind="stable")[np.count_nonzero(pieces == NOBODY) :]
    ends = _last_state(clip, order, pieces, 1.0, tuning)
    starts = _last_state(clip, order[::-1], pieces, -1.0, tuning)
    before, after = _candidates(ends.seen_s, -starts.seen_s, hindsight.gap_s)
    cost = _join_cost(ends, starts, before, after, tuning, hindsight)
    # A piece of one or two looks may be no person at all, so joining it to something earns less.
    worth = np.minimum(ends.hits / hindsight.sure_looks, 1.0)
    cost += hindsight.limit * (1.0 - 0.5 * (worth[before] + worth[after]))
    good = cost <= hindsight.limit
    follows = np.arange(len(ends.hits))
    for rows, columns in _joined(before[good], after[good], cost[good], hindsight.limit):
        follows[columns] = rows
    return np.where(pieces == NOBODY, NOBODY, _first_of_chain(follows)[pieces])


def drop_short(clip: Clip, people: Serials, settings: TrackerSettings, hindsight: Hindsight) -> Serials:
    """NOBODY for those seen too rarely or too shortly to be a person."""
    known = people != NOBODY
    count = np.bincount(people[known], minlength=1)
    first, last = np.full(len(count), np.inf), np.full(len(count), -np.inf)
    np.minimum.at(first, people[known], clip.times_s[known])
    np.maximum.at(last, people[known], clip.times_s[known])
    span = last - first
    few = (count < settings.confirm) | (span + clip.frame_s < hindsight.least_s)
    few |= count * clip.frame_s < hindsight.least_share * span
    return np.where(known & ~few[people], people, NOBODY)


def _last_state(clip: Clip, order: Rows, pieces: Serials, direction: float, tuning: Tuning) -> People:
    """State of every piece at its last look of ``order`` (grouped by piece); direction -1: time runs back."""
    looks, times_s = clip.looks, clip.times_s * direction
    owner = pieces[order]
    begin = np.flatnonzero(np.diff(owner, prepend=-1))
    order = order[np.concatenate([np.arange(a, b) for a, b in _by_owner(owner, begin)])]
    length = np.bincount(pieces[order])
    begin = np.cumsum(length) - length
    people = People(looks.points.shape[1])
    people.add(looks.points[order[begin]], looks.sizes[order[begin]], times_s[order[begin]], tuning)
    longest = np.argsort(-length, kind="stable")
    for k in range(1, int(length.max())):
        rows = longest[: np.searchsorted(-length[longest], -k, side="left")]
        columns = order[begin[rows] + k]
        _see_at(people, rows, columns, looks, times_s[columns], tuning)
    return people


def _by_owner(owner: Serials, begin: Rows) -> list[tuple[int, int]]:
    """The stretches of ``owner`` in order of owner."""
    stop = np.append(begin[1:], len(owner))
    rank = np.argsort(owner[begin])
    return list(zip(begin[rank].tolist(), stop[rank].tolist(), strict=True))


def _see_at(people: People, rows: Rows, columns: Rows, looks: Looks, times_s: Float64, tuning: Tuning) -> None:
    """Every row sees its own look at its own time."""
    dt = np.maximum(times_s - people.seen_s[rows], 0.0)
    people.motion[rows], people.covariance[rows] = moved(people.motion[rows], people.covariance[rows], dt, tuning)
    seen, shape = looks.points[columns], people.shape[rows]
    apart = seen[:, :, :2] - shape[:, :, :2] - people.motion[rows, :1]
    shift, _ = _difference(apart, shape[:, :, 2] * seen[:, :, 2])
    people.see(rows, seen, looks.sizes[columns], np.nan_to_num(shift), times_s, tuning)


def _difference(apart: Float64, weight: Float64) -> tuple[Float64, Float64]:
    """(N, P, 2) distances of points: mean shift (N, 2) and what remains of the square (N,)."""
    total = weight.sum(axis=1)
    total[total == 0.0] = np.nan
    shift = (weight[:, :, None] * apart).sum(axis=1) / total[:, None]
    square = (weight * (apart * apart).sum(axis=2)).sum(axis=1) / total
    return shift, np.maximum(square - (shift * shift).sum(axis=1), 0.0)


def _candidates(end_s: Float64, start_s: Float64, gap_s: float) -> tuple[Rows, Rows]:
    """Pairs (piece that ended, piece that started later, by at most ``gap_s``)."""
    order = np.argsort(start_s, kind="stable")
    low = np.searchsorted(start_s[order], end_s, side="right")
    high = np.searchsorted(start_s[order], end_s + gap_s, side="right")
    before = np.repeat(np.arange(len(end_s)), high - low)
    within = np.arange(len(before)) - np.repeat(np.cumsum(high - low) - (high - low), high - low)
    return before, order[np.repeat(low, high - low) + within]


def _join_cost(
    ends: People, starts: People, before: Rows, after: Rows, tuning: Tuning, hindsight: Hindsight
) -> Float64:
    """(pairs,) negative log-likelihood that ``after`` goes on where ``before`` ended, against a newcomer."""
    gap_s = -starts.seen_s[after] - ends.seen_s[before]
    size = np.sqrt(ends.sizes[before] * starts.sizes[after])
    begin, end = starts.shape[after], ends.shape[before]
    begin_motion, end_motion = starts.motion[after], ends.motion[before]
    apart = begin[:, :, :2] + begin_motion[:, :1] - end[:, :, :2] - end_motion[:, :1]
    shift, shape = _difference(apart, end[:, :, 2] * begin[:, :, 2])
    # Seen backwards, a velocity and its covariance with the place change sign.
    walk = _Walk(
        gap_s, shift / size[:, None], end_motion[:, 1] / size[:, None], -begin_motion[:, 1] / size[:, None],
        ends.covariance[before], starts.covariance[after] * [[1.0, -1.0], [-1.0, 1.0]],
    )  # fmt: skip
    on, turned = _going_on(walk, tuning), _turning(walk, tuning)
    cost = np.minimum(on, turned + hindsight.turn_cost)
    fade = np.exp(gap_s / -tuning.shape_memory_s)
    loose = tuning.shape_noise**2 * fade + tuning.shape_change**2 * (1.0 - fade)
    cost += hindsight.shape_points * (
        np.log1p(shape / size**2 / (2 * loose)) + 0.5 * np.log(loose / tuning.shape_noise**2)
    )
    return np.asarray(np.nan_to_num(cost + hindsight.gap_cost * gap_s, nan=REFUSED))


@dataclass(slots=True)
class _Walk:
    """From the end of a piece to the start of another, R pairs; sizes and seconds."""

    gap_s: Float64
    went: Float64
    """(R, 2)"""
    leaving: Float64
    """(R, 2) velocity."""
    arriving: Float64
    end: Float64
    """(R, 2, 2) covariance."""
    start: Float64


def _going_on(walk: _Walk, tuning: Tuning) -> Float64:
    """(R,) cost of a walk with one damped velocity."""
    forward, noise = transition(walk.gap_s, tuning)
    spread = forward @ walk.end @ np.swapaxes(forward, 1, 2) + noise + walk.start
    x, xv, v = spread[:, 0, 0], spread[:, 0, 1], spread[:, 1, 1]
    shift = walk.went - walk.leaving * forward[:, :1, 1]
    jump = walk.arriving - walk.leaving * forward[:, 1:, 1]
    determinant = x * v - xv * xv
    far = v * (shift**2).sum(1) - 2 * xv * (shift * jump).sum(1) + x * (jump**2).sum(1)
    tail = tuning.motion_tail
    cost = (0.5 * tail + 2.0) * np.log1p(far / (tail * determinant))
    cost += np.log(determinant / (tuning.look_noise**2 * tuning.first_speed**2))
    newcomer = (0.5 * tail + 1.0) * np.log1p((walk.arriving**2).sum(1) / (tail * tuning.first_speed**2))
    return np.asarray(cost - newcomer)


def _turning(walk: _Walk, tuning: Tuning) -> Float64:
    """(R,) cost when the velocity changed unseen, so that only the places speak."""
    shift = walk.went - 0.5 * (walk.leaving + walk.arriving) * walk.gap_s[:, None]
    spread = walk.end[:, 0, 0] + walk.start[:, 0, 0] + tuning.look_noise**2 + (tuning.first_speed * walk.gap_s) ** 2
    tail = tuning.motion_tail
    cost = (0.5 * tail + 1.0) * np.log1p((shift**2).sum(1) / (tail * spread))
    return np.asarray(cost + np.log(spread / tuning.look_noise**2))


def _joined(before: Rows, after: Rows, cost: Float64, limit: float) -> list[tuple[Rows, Rows]]:
    """The cheapest joins, solved in groups of pieces that compete with each other."""
    groups: dict[int, list[int]] = {}
    for i, root in enumerate(_components(before, after)):
        groups.setdefault(root, []).append(i)
    out = []
    for members in groups.values():
        rows, row = np.unique(before[members], return_inverse=True)
        columns, column = np.unique(after[members], return_inverse=True)
        matrix = np.full((len(rows), len(columns)), REFUSED)
        matrix[row, column] = cost[members]
        chosen = assign(matrix, limit)
        out.append((rows[chosen[0]], columns[chosen[1]]))
    return out


def _components(before: Rows, after: Rows) -> list[int]:
    """For every pair the group of pairs that share, directly or through others, an end or a start."""
    parent: dict[int, int] = {}

    def root(node: int) -> int:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    # Starts are negative, so that an end and a start of one piece are two nodes.
    pairs = list(zip(before.tolist(), (-1 - after).tolist(), strict=True))
    for end, start in pairs:
        parent[root(end)] = root(start)
    return [root(end) for end, _ in pairs]


def _first_of_chain(follows: Rows) -> Rows:
    """(P,) first piece of each piece's chain; ``follows`` is the piece before, or itself."""
    while True:
        further = follows[follows]
        if (further == follows).all():
            return follows
        follows = further
