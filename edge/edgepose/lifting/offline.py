"""A whole session lifted after the event: past and future count, track by track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.calming import calm
from edgepose.errors import SessionError, SettingsError
from edgepose.lifter import Lifter
from edgepose.lifting import CARD_HEIGHT_M, Lifting, LiftsTracks
from edgepose.lifting.gaps import known_joints
from edgepose.occlusion import fill
from edgepose.pinhole import Camera
from edgepose.session import Poses, Poses3D
from edgepose.skeletons import COCO17, Skeleton
from edgepose.swaps import unswap
from edgepose.types import Float32
from edgepose.window import STEP_S, windows_at

_HEIGHTS_M = (0.5, 2.6)
_SURE = 0.3
"""Guesses of hidden joints below this share of certainty stay unknown to a lifter that knows of unknown joints."""
_PIECE = 1024
"""Windows at once: bounds the memory that a long track takes."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is done beside lifting."""

    heights_m: Mapping[int, float] = field(default_factory=dict)
    """Of tracks whose player's height is known."""
    height_m: float = CARD_HEIGHT_M
    """Of all others."""
    fill: bool = True
    smooth: bool = True


@dataclass(frozen=True, slots=True)
class Lifted:
    """The poses, and what the user should know."""

    poses: Poses3D
    said: str


def lifted(poses: Poses, skeleton: Skeleton, lifter: Lifting, wanted: Wanted) -> Lifted:
    """Every tracked row of ``poses`` in 3D, sorted by track and time; NaN where the lifter refused.

    Frames of a track that are less than a millisecond apart count once. Raises SessionError when nobody is tracked,
    SettingsError for a height that no person has.
    """
    for height_m in (*wanted.heights_m.values(), wanted.height_m):
        if not _HEIGHTS_M[0] <= height_m <= _HEIGHTS_M[1]:
            raise SettingsError(f"height {height_m:g} m: expected {_HEIGHTS_M[0]} to {_HEIGHTS_M[1]}")
    tracks = np.unique(poses.track[poses.track >= 0]).tolist()
    if not tracks:
        raise SessionError("nobody is tracked in this session: edgepose track gives its people ids")
    rows = [_rows(poses, track) for track in tracks]
    answers = [_track(poses, each, skeleton, lifter, wanted, track) for track, each in zip(tracks, rows, strict=True)]
    order = np.concatenate(rows)
    keypoints = np.concatenate(answers)
    refused = int(np.isnan(keypoints).all(axis=(1, 2)).sum())
    without = int((poses.track < 0).sum())
    said = f"{len(order)} poses of {len(tracks)} people"
    said += f", {refused} of them unknown (less than half of the joints seen)" if refused else ""
    said += f"; {without} rows without a track left out" if without else ""
    found = Poses3D(
        poses.frame[order], poses.time_s[order], poses.track[order], keypoints, lifter.skeleton.name, "root"
    )
    return Lifted(found, said)


def undistorted(keypoints: Float32, lens: Camera, distortion: Sequence[float]) -> Float32:
    """(N, K, 3) px as the lens without its distortion (OpenCV's k1, k2, p1, p2, k3 …) would give them."""
    if not any(distortion):
        return keypoints
    matrix = np.array([[lens.fx, 0, lens.cx], [0, lens.fy, lens.cy], [0, 0, 1]])
    out, known = keypoints.copy(), known_joints(keypoints)
    if known.any():
        points = keypoints[known][:, None, :2].astype(np.float64)
        out[known, :2] = cv2.undistortPoints(points, matrix, np.array(distortion, np.float64), P=matrix)[:, 0]
    return out


def _rows(poses: Poses, track: int) -> NDArray[np.intp]:
    """Of one track in time order; of two rows at one time the first."""
    rows = np.flatnonzero(poses.track == track)
    rows = rows[np.argsort(poses.time_s[rows], kind="stable")]
    keep, last_s = [], -np.inf
    for row, time_s in zip(rows.tolist(), poses.time_s[rows].tolist(), strict=True):
        if time_s >= last_s + STEP_S:
            keep.append(row)
            last_s = time_s
    return np.array(keep, np.intp)


def _track(
    poses: Poses, rows: NDArray[np.intp], skeleton: Skeleton, lifter: Lifting, wanted: Wanted, track: int
) -> Float32:
    """(F, J, 3) metres."""
    times_s, keypoints = poses.time_s[rows], poses.keypoints[rows]
    if wanted.fill and skeleton == COCO17:
        keypoints = unswap(times_s, keypoints).keypoints
        keypoints = fill(times_s, keypoints, least=_SURE if isinstance(lifter, Lifter) else 0.0).keypoints
    if isinstance(lifter, Lifter):
        answers = _windowed(lifter, times_s, keypoints)
    else:
        answers = cast(LiftsTracks, lifter).lift_sequence(times_s, keypoints)
    if wanted.smooth:
        answers = calm(times_s, answers)
    height_m = wanted.heights_m.get(track, wanted.height_m)
    return np.asarray(answers * np.float32(height_m / CARD_HEIGHT_M), np.float32)


def _windowed(lifter: Lifter, times_s: NDArray[np.float64], keypoints: Float32) -> Float32:
    """(F, 17, 3) by a lifter of windows, one round every frame; NaN where too little of the window is known."""
    poses = np.full((len(times_s), len(lifter.skeleton), 3), np.nan, np.float32)
    late_s = (lifter.window.frames - 1) / 2 / lifter.window.rate_hz if lifter.newest else 0.0
    for start in range(0, len(times_s), _PIECE):
        now_s = times_s[start : start + _PIECE]
        until_s = now_s if lifter.newest else None
        rows, windows = windows_at(times_s, keypoints, lifter.window, now_s - late_s, until_s)
        poses[start + rows] = lifter.lift_array(windows)
    return poses
