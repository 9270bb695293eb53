"""Windows: every track's keypoints, resampled in time around each of its frames (contracts §6).

A joint is interpolated linearly between its two neighbouring observations when these are at most
``GAP_S`` apart; otherwise it is NaN, NaN, 0. ``Windows`` works on a live stream, ``windows_of`` on
one whole track at once; both give the same numbers.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgepose.card import WindowSpec
from edgepose.types import Float32, Track, Window

GAP_S = 0.2
"""Observations further apart are not joined."""
HIT_S = 1e-4
"""A sample so near to an observation is that observation."""
STEP_S = 1e-3
"""Frames nearer together are one frame."""


@dataclass(slots=True)
class Batch:
    """All windows of one track, in time order."""

    centre: NDArray[np.intp]
    """(W,) index of the observation that the window is centred on."""
    last: NDArray[np.intp]
    """(W,) index of the last frame of the stream that the window could see."""
    times_s: NDArray[np.float64]
    """(W, T) sample times."""
    keypoints: Float32
    """(W, T, K, 3) px; NaN, NaN, 0 where unknown."""


class Windows:
    """Every track's ring buffer in time; gives each window once, as soon as its end is reached."""

    def __init__(self, spec: WindowSpec, joints: int, hop_s: float = 1 / 30) -> None:
        """``hop_s``: least time between the centres of two windows of a track; 0: every frame."""
        self._offsets_s = _offsets(spec)
        self._joints = joints
        self._hop_s = hop_s
        self._keep_s = 2 * float(self._offsets_s[-1]) + GAP_S + STEP_S
        self._histories: dict[int, _History] = {}
        self._newest_s = -math.inf
        self._frame = 0
        self.skipped = 0
        """Frames left out because their time is no time or does not go on."""

    def add(self, tracks: Sequence[Track], frame: int, time_s: float, ended: Sequence[int] = ()) -> list[Window]:
        """Takes one frame's people, returns every window now due, per track in time order.

        ``ended``: tracks that will not come back; their last windows are due at once. When time jumps
        back by more than ``GAP_S`` the stream has begun anew and every track ends. Raises ValueError
        when a track has another number of joints.
        """
        due: list[Window] = []
        if not time_s >= self._newest_s + STEP_S or math.isinf(time_s):
            if not self._newest_s - time_s > GAP_S:
                self.skipped += 1
                return due
            due = self.flush()
        self._newest_s, self._frame = time_s, frame
        for track in tracks:
            if track.id >= 0:
                self._history(track).add(time_s, track.pose.keypoints)
        for track_id in list(self._histories):
            history = self._histories[track_id]
            due += self._emit(track_id, history, math.inf if track_id in ended else time_s)
            if track_id in ended or time_s - history.newest_s > self._keep_s:
                del self._histories[track_id]
        return due

    def flush(self) -> list[Window]:
        """The end of the stream: every track's last windows; the next frame starts anew."""
        due: list[Window] = []
        for track_id, history in self._histories.items():
            due += self._emit(track_id, history, math.inf)
        self._histories.clear()
        self._newest_s = -math.inf
        return due

    def _history(self, track: Track) -> _History:
        if track.pose.keypoints.shape != (self._joints, 3):
            raise ValueError(
                f"track {track.id}: expected keypoints ({self._joints}, 3), got {track.pose.keypoints.shape}"
            )
        if track.id not in self._histories:
            self._histories[track.id] = _History(self._joints, self._hop_s, self._keep_s)
        return self._histories[track.id]

    def _emit(self, track_id: int, history: _History, now_s: float) -> list[Window]:
        """The windows that end at or before ``now_s``."""
        centres = history.due(now_s, self._offsets_s[-1])
        if not centres:
            return []
        times_s = np.array(centres)[:, None] + self._offsets_s
        observed_s, keypoints, known = history.observations()
        newest = np.full(len(centres), len(observed_s) - 1)
        samples, enough = _sample(observed_s, keypoints, known, times_s, newest)
        return [Window(track_id, self._frame, times_s[w], samples[w]) for w in np.flatnonzero(enough)]


def windows_of(
    times_s: NDArray[np.float64],
    keypoints: Float32,
    spec: WindowSpec,
    hop_s: float = 0.0,
    stream_s: NDArray[np.float64] | None = None,
) -> Batch:
    """All windows of one whole track.

    ``times_s`` (N,) ascending by at least ``STEP_S``, ``keypoints`` (N, K, 3), ``stream_s`` the times of
    all frames of the stream when the track is not in every one. Raises ValueError when time does not
    go on.
    """
    if np.any(np.diff(times_s) < STEP_S):
        raise ValueError(f"times of a track must rise by at least {STEP_S:g} s from frame to frame")
    stream_s = times_s if stream_s is None else stream_s
    pace = _Pace(hop_s)
    centre = np.array([i for i, time_s in enumerate(times_s.tolist()) if pace.takes(time_s)], dtype=np.intp)
    sampled_s = times_s[centre][:, None] + _offsets(spec)
    last = np.searchsorted(stream_s, sampled_s[:, -1] - HIT_S, side="left")
    last = np.minimum(last, len(stream_s) - 1)
    newest = np.searchsorted(times_s, stream_s[last], side="right") - 1
    keypoints, known = _clean(keypoints)
    samples, enough = _sample(times_s, keypoints, known, sampled_s, newest)
    return Batch(centre[enough], last[enough], sampled_s[enough], samples[enough])


def windows_at(
    times_s: NDArray[np.float64],
    keypoints: Float32,
    spec: WindowSpec,
    centres_s: NDArray[np.float64],
    until_s: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.intp], Float32]:
    """Windows of one whole track round any ascending times.

    Returns the rows of ``centres_s`` of which enough is known, and their (W, T, K, 3) samples; otherwise as
    ``windows_of``. ``until_s``: each window sees nothing later; None: the whole track, so that a joint missing at a
    window's end is found between the moments before and after.
    """
    offsets_s = _offsets(spec)
    first, last = np.searchsorted(times_s, (centres_s[0] + offsets_s[0] - GAP_S, centres_s[-1] + offsets_s[-1] + GAP_S))
    part = slice(max(first - 1, 0), last + 1)
    observed, known = _clean(keypoints[part])
    sampled_s = centres_s[:, None] + offsets_s
    newest = np.full(len(centres_s), len(observed) - 1)
    if until_s is not None:
        newest = np.searchsorted(times_s[part], until_s + HIT_S, side="right") - 1
    samples, enough = _sample(times_s[part], observed, known, sampled_s, newest)
    return np.flatnonzero(enough), samples[enough]


def _offsets(spec: WindowSpec) -> NDArray[np.float64]:
    return np.asarray((np.arange(spec.frames) - (spec.frames - 1) / 2) / spec.rate_hz, np.float64)


def _clean(keypoints: Float32) -> tuple[Float32, NDArray[np.bool_]]:
    """(..., K, 3) with every half-known joint made NaN, NaN, 0; (..., K) which are known."""
    known = np.isfinite(keypoints[..., 0]) & np.isfinite(keypoints[..., 1])
    clean = np.where(known[..., None], keypoints, np.array([np.nan, np.nan, 0], np.float32))
    np.copyto(clean[..., 2], 0, where=~np.isfinite(clean[..., 2]))
    return clean, known


def _sample(
    observed_s: NDArray[np.float64],
    keypoints: Float32,
    known: NDArray[np.bool_],
    wanted_s: NDArray[np.float64],
    newest: NDArray[np.intp],
) -> tuple[Float32, NDArray[np.bool_]]:
    """Interpolates (N, K, 3) observations at (W, T) times; window w sees observations <= newest[w].

    Returns (W, T, K, 3) samples and (W,) whether at least half of a window's samples are known.
    """
    count = len(observed_s)
    order = np.arange(count)[:, None]
    known_before = np.maximum.accumulate(np.where(known, order, -1), axis=0)
    known_after = np.minimum.accumulate(np.where(known, order, count)[::-1], axis=0)[::-1]
    before = np.searchsorted(observed_s, wanted_s + HIT_S, side="right") - 1
    after = np.searchsorted(observed_s, wanted_s - HIT_S, side="left")
    a = known_before[np.maximum(before, 0)]
    b = known_after[np.minimum(after, count - 1)]
    inside = (before >= 0) & (after < count)
    good = inside[..., None] & (a >= 0) & (b <= newest[:, None, None])
    a, b = np.where(good, a, 0), np.where(good, b, 0)
    a_s = observed_s[a]
    gap_s = observed_s[b] - a_s
    good &= gap_s <= GAP_S + HIT_S
    weight = np.clip((wanted_s[..., None] - a_s) / np.where(gap_s > 0, gap_s, 1.0), 0, 1).astype(np.float32)
    joint = np.arange(keypoints.shape[1])
    start = keypoints[a, joint]
    samples = start + weight[..., None] * (keypoints[b, joint] - start)
    samples[~good] = (np.nan, np.nan, 0)
    return samples, 2 * good.any(axis=2).sum(axis=1) >= wanted_s.shape[1]


class _Pace:
    """Picks the frames that windows are centred on: on average at most one in ``hop_s``."""

    def __init__(self, hop_s: float) -> None:
        self._hop_s = hop_s
        self._due_s = -math.inf

    def takes(self, time_s: float) -> bool:
        if time_s < self._due_s - 0.25 * self._hop_s:
            return False
        # Jitter is carried over to the next frame; a late frame (half a hop) starts a new beat.
        late = time_s - self._due_s > 0.5 * self._hop_s
        self._due_s = (time_s if late else self._due_s) + self._hop_s
        return True


class _History:
    """One track's observations of the last ``keep_s`` seconds and the centres still to be emitted."""

    def __init__(self, joints: int, hop_s: float, keep_s: float) -> None:
        self._times_s = np.empty(64)
        self._keypoints = np.empty((64, joints, 3), np.float32)
        self._known = np.empty((64, joints), np.bool_)
        self._start = self._stop = 0
        self._keep_s = keep_s
        self._pace = _Pace(hop_s)
        self._centres: deque[float] = deque()
        self.newest_s = -math.inf

    def add(self, time_s: float, keypoints: Float32) -> None:
        if self._stop == len(self._times_s):
            self._make_room()
        self._times_s[self._stop] = self.newest_s = time_s
        self._keypoints[self._stop], self._known[self._stop] = _clean(keypoints)
        self._stop += 1
        if self._pace.takes(time_s):
            self._centres.append(time_s)

    def due(self, now_s: float, half_s: float) -> list[float]:
        """Takes the centres of windows that end at or before ``now_s`` off the list."""
        centres = []
        while self._centres and self._centres[0] + half_s - HIT_S <= now_s:
            centres.append(self._centres.popleft())
        return centres

    def observations(self) -> tuple[NDArray[np.float64], Float32, NDArray[np.bool_]]:
        """Views of (N,) times, (N, K, 3) keypoints, (N, K) known."""
        live = slice(self._start, self._stop)
        return self._times_s[live], self._keypoints[live], self._known[live]

    def _make_room(self) -> None:
        """Moves what is still needed to the front, of a larger buffer when it is more than half."""
        horizon_s = min(self.newest_s, *self._centres, math.inf) - self._keep_s
        self._start += int(np.searchsorted(self._times_s[self._start : self._stop], horizon_s))
        count = self._stop - self._start
        for name in ("_times_s", "_keypoints", "_known"):
            old = getattr(self, name)
            new = np.empty((2 * len(old), *old.shape[1:]), old.dtype) if 2 * count > len(old) else old
            new[:count] = old[self._start : self._stop].copy()
            setattr(self, name, new)
        self._start, self._stop = 0, count
