"""A session's people for the page: pieces of a few seconds, wrist speed, who is there when."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose.conversions import convert
from edgepose.errors import SessionError
from edgepose.session import SessionInfo, read_info, read_poses
from edgepose.skeletons import COCO17
from edgepose.types import Float32
from edgepose_trainer.peaks import wrist_speed

PIECE_S = 10.0
"""Length of a piece; two hours are 720 pieces of some 100 kB."""
_BINS = 1200
_TORSO = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")


@dataclass(frozen=True)
class Motion:
    """All frames in time order and, by frame, the people in them."""

    info: SessionInfo
    frames: NDArray[np.int64]
    """(F,) frame numbers, those without people too."""
    times_s: NDArray[np.float64]
    """(F,) ascending."""
    at: NDArray[np.intp]
    """(N,) index into ``frames`` of each row, ascending."""
    track: NDArray[np.int32]
    """(N,)"""
    keypoints: Float32
    """(N, K, 3) px and confidence."""
    skipped_parts: tuple[str, ...]

    @cached_property
    def speed(self) -> NDArray[np.float64]:
        """(N,) torso lengths a second of the faster wrist; NaN where it is unknown, and for the untracked."""
        points = self.keypoints
        if self.info.skeleton != COCO17.name:
            points = convert(points, self.info.skeleton, COCO17.name)
        speed = np.full(len(self.track), np.nan)
        for rows in self._rows_of_tracks().values():
            own = points[rows, :, :2].astype(np.float64)
            speed[rows] = wrist_speed(self.times_s[self.at[rows]], own, None) / _torso(own)
        return speed

    def tracks(self) -> list[tuple[int, float, float, float]]:
        """Track, first and last second, how much its wrist moves in all; in the order of their coming."""
        rows_of = self._rows_of_tracks()
        times_s = self.times_s[self.at]
        moved = np.nan_to_num(self.speed)
        spans = [
            (one, float(times_s[rows[0]]), float(times_s[rows[-1]]), round(float(moved[rows].sum()), 1))
            for one, rows in rows_of.items()
        ]
        return sorted(spans, key=lambda span: span[1])

    def overview(self) -> list[float]:
        """The fastest wrist in each of at most 1200 equal stretches of the session."""
        span_s = self.times_s[-1] - self.times_s[0] + 1e-9
        bins = min(_BINS, len(self.frames))
        where = ((self.times_s[self.at] - self.times_s[0]) / span_s * bins).astype(np.intp)
        fastest = np.zeros(bins)
        np.maximum.at(fastest, where, np.nan_to_num(self.speed))
        return [round(float(one), 2) for one in fastest]

    def piece(self, number: int) -> bytes | None:
        """JSON of the frames from ``number`` · 10 s after the first on; None beyond the end.

        Per person "points" are x, y (px), confidence (%) of every joint, row after row; confidence 0: missing.
        """
        start_s = self.times_s[0] + number * PIECE_S
        if number < 0 or start_s > self.times_s[-1]:
            return None
        first, end = np.searchsorted(self.times_s, (start_s, start_s + PIECE_S))
        low, high = np.searchsorted(self.at, (first, end))
        piece = {
            "number": number,
            "frames": self.frames[first:end].tolist(),
            "times": np.round(self.times_s[first:end], 4).tolist(),
            "people": [self._person(int(t), low, high, first) for t in np.unique(self.track[low:high])],
        }
        return json.dumps(piece, separators=(",", ":")).encode()

    def _person(self, track: int, low: np.intp, high: np.intp, first: np.intp) -> dict[str, object]:
        rows = low + np.flatnonzero(self.track[low:high] == track)
        points = self.keypoints[rows] * np.array([1, 1, 100], np.float32)
        points[~np.isfinite(points).all(axis=2)] = 0
        speed = [None if np.isnan(one) else round(float(one), 2) for one in self.speed[rows]]
        return {
            "track": track,
            "at": (self.at[rows] - first).tolist(),
            "points": np.rint(points).astype(np.int64).reshape(len(rows), -1).tolist(),
            "speed": speed,
        }

    def _rows_of_tracks(self) -> dict[int, NDArray[np.intp]]:
        """Rows of every track, in time order."""
        order = np.argsort(self.track, kind="stable")
        names, starts = np.unique(self.track[order], return_index=True)
        rows = np.split(order, starts[1:])
        return {int(name): own for name, own in zip(names, rows, strict=True) if name >= 0}


def read(folder: Path) -> Motion:
    """Raises SessionError for a broken session, or one without a single frame or without joints."""
    info, poses = read_info(folder), read_poses(folder)
    if info.skeleton == "boxes":
        raise SessionError(f"{folder}: has boxes only; strokes are marked on poses")
    numbers = np.concatenate([poses.frame, poses.empty_frame])
    if not len(numbers):
        raise SessionError(f"{folder}: not a single frame in it")
    frames, first, index = np.unique(numbers, return_index=True, return_inverse=True)
    times_s = np.concatenate([poses.time_s, poses.empty_time_s])[first]
    order = np.argsort(times_s, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    at = place[index.reshape(-1)[: len(poses.frame)]]
    rows = np.argsort(at, kind="stable")
    return Motion(
        info, frames[order], times_s[order], at[rows], poses.track[rows], poses.keypoints[rows], poses.skipped_parts
    )


def _torso(points: NDArray[np.float64]) -> float:
    """Median length px from shoulders to hips of (N, 17, 2); of the whole body's size where no torso is known."""
    corners = points[:, COCO17.indices(*_TORSO)]
    lengths = np.linalg.norm(corners[:, :2].mean(axis=1) - corners[:, 2:].mean(axis=1), axis=1)
    if np.isfinite(lengths).any():
        return max(float(np.nanmedian(lengths)), 1.0)
    heights = np.fmax.reduce(points[..., 1], axis=1) - np.fmin.reduce(points[..., 1], axis=1)
    return max(0.3 * float(np.nanmedian(heights)), 1.0) if np.isfinite(heights).any() else 1.0
