"""Seen straight on: keypoints as a camera turned to the person would see them, and poses turned back.

A network that gets a person without their place in the picture cannot know how far they stand from its middle: the same
pose looks turned there, by 20 degrees at the side of a wide picture. With the camera known this is put right; with an
assumed one most of it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgepose.lifting.gaps import known_joints
from edgepose.pinhole import Camera
from edgepose.types import Float32

Float64 = NDArray[np.float64]
VIEW_FOCAL_PX = 1000.0
"""Of the turned camera; whoever scales by the person's size does not see it."""
_ASSUMED = 1.07
"""Focal length of an unknown camera in picture widths: 50 degrees from side to side."""
_LEAST_Z = 0.05
"""Nobody is seen further than 87 degrees from the person's middle."""


def assumed(size_wh: tuple[int, int]) -> Camera:
    """What a camera of such pictures usually is."""
    return Camera.guess(size_wh, _ASSUMED * size_wh[0])


def straight(keypoints: Float32, camera: Camera) -> tuple[Float32, Float64]:
    """(N, T, K, 3) px -> the same px of cameras turned to each window's middle, and (N, 3, 3) camera -> turned axes.

    The turned camera stays upright: about the vertical first, then up or down. The middle is the mean of the known
    joints of the window; a window without any is not turned.
    """
    known = known_joints(keypoints)
    rays = np.asarray((keypoints[..., :2] - (camera.cx, camera.cy)) / (camera.fx, camera.fy), np.float64)
    turn = _towards(_middles(rays, known))
    seen = np.concatenate([rays, np.ones((*rays.shape[:-1], 1))], axis=-1) @ turn[:, None].transpose(0, 1, 3, 2)
    out = keypoints.copy()
    out[..., :2] = VIEW_FOCAL_PX * seen[..., :2] / np.maximum(seen[..., 2:], _LEAST_Z)
    return out, turn


def back(poses: Float32, turn: Float64) -> Float32:
    """(N, J, 3) in turned axes -> camera axes."""
    return np.asarray(poses @ turn, np.float32)


def _middles(rays: Float64, known: NDArray[np.bool_]) -> Float64:
    """(N, T, K, 2), (N, T, K) -> (N, 2) means; 0 where nothing is known."""
    total = np.where(known[..., None], rays, 0).sum(axis=(1, 2))
    return np.asarray(total / np.maximum(known.sum(axis=(1, 2)), 1)[:, None])


def _towards(rays: Float64) -> Float64:
    """(N, 2) directions x / z, y / z -> (N, 3, 3): rows are the axes of a camera that looks there."""
    zx, zy = rays.T
    level = np.hypot(zx, 1)
    length = np.hypot(zy, level)
    axes = np.zeros((len(rays), 3, 3))
    axes[:, 0, 0], axes[:, 0, 2] = 1 / level, -zx / level  # (0, 1, 0) x z; np.cross takes longer than all the rest
    axes[:, 1, 0], axes[:, 1, 1], axes[:, 1, 2] = -zx * zy / level, level, -zy / level  # z x x, times the length
    axes[:, 2, 0], axes[:, 2, 1], axes[:, 2, 2] = zx, zy, 1
    axes[:, 1:] /= length[:, None, None]
    return axes
