"""Gaps in keypoints closed before a network sees them: never (0, 0), never NaN."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edgepose.skeletons import Skeleton
from edgepose.types import Float32


def known_joints(keypoints: Float32) -> NDArray[np.bool_]:
    """(..., K, 3) px -> (..., K)."""
    return np.asarray(np.isfinite(keypoints[..., 0]) & np.isfinite(keypoints[..., 1]))


def filled(points: Float32, known: NDArray[np.bool_]) -> Float32:
    """(N, T, K, 2) with unknown samples interpolated in time, held at the ends; never known: as given."""
    frames = known.shape[1]
    order = np.arange(frames)[None, :, None]
    before = np.maximum.accumulate(np.where(known, order, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, order, frames)[:, ::-1], axis=1)[:, ::-1]
    start = np.where(before >= 0, before, np.minimum(after, frames - 1))
    end = np.where(after < frames, after, start)
    weight = ((order - start) / np.maximum(end - start, 1)).astype(np.float32)[..., None]
    first = np.take_along_axis(points, start[..., None], axis=1)
    last = np.take_along_axis(points, end[..., None], axis=1)
    closed: Float32 = first + np.clip(weight, 0, 1) * (last - first)
    return closed


def whole(keypoints: Float32, skeleton: Skeleton) -> Float32:
    """(N, T, K, 3) px -> (N, T, K, 2) px without gaps.

    In time first; a joint that is never known lies where the nearest known joints along the skeleton lie, else in
    the middle of all that is known. Nobody at all: zeros, which the caller does not show to a network.
    """
    known = known_joints(keypoints)
    points = np.where(known[..., None], keypoints[..., :2], np.float32(0))
    if known.all():
        return points
    points = filled(points, known)
    ever = np.logical_or.reduce(known, axis=1)
    for row, joint in np.argwhere(~ever & np.logical_or.reduce(ever, axis=1, keepdims=True)):
        points[row, :, joint] = points[row][:, _stand_ins(ever[row], joint, skeleton)].mean(axis=1)
    return points


def _stand_ins(ever: NDArray[np.bool_], joint: int, skeleton: Skeleton) -> NDArray[np.intp]:
    """The known joints at the least distance; all of them where none is connected."""
    away = np.where(ever, _distances(skeleton.name, len(skeleton), skeleton.edges)[joint], np.inf)
    return np.flatnonzero(away == away.min()) if np.isfinite(away.min()) else np.flatnonzero(ever)


@lru_cache
def _distances(name: str, joints: int, edges: tuple[tuple[int, int], ...]) -> NDArray[np.float64]:
    """(K, K) bones between two joints; infinite where none lead there."""
    away = np.full((joints, joints), np.inf)
    np.fill_diagonal(away, 0)
    for a, b in edges:
        away[a, b] = away[b, a] = 1
    for middle in range(joints):
        away = np.minimum(away, away[:, middle, None] + away[None, middle])
    return away
