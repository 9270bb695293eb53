"""A calibrated camera: from world to picture and back.

World: metres, y up, origin on the ground under the net's middle, x along the net, z along the court. Picture: px, whole
numbers are the middles of pixels. Camera axes: x right, y down, z away from the camera. Distortion is OpenCV's
(k1, k2, p1, p2, k3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from edgepose.types import Array

_NEAR_M = 0.15
_BEYOND = 1.3
"""How far outside the picture, in squared tangents, distortion is trusted: further out it may fold back."""


class Camera(Protocol):
    """What the renderer reads of a camera."""

    @property
    def K(self) -> Array:
        """(3, 3) px, without skew."""
        ...

    @property
    def R(self) -> Array:
        """(3, 3) world -> camera axes."""
        ...

    @property
    def t(self) -> Array:
        """(3,) metres: the world's origin in camera axes."""
        ...

    @property
    def distortion(self) -> Array | None:
        """(5,)."""
        ...


@dataclass(frozen=True, slots=True)
class View:
    """A camera as plain numbers."""

    K: Array
    R: Array
    t: Array
    distortion: Array | None = None


def looking(
    position: Array, target: Array, focal_px: float, size_wh: tuple[int, int], distortion: Array | None = None
) -> View:
    """An upright camera at ``position`` with ``target`` (both (3,) metres) in the middle of its picture."""
    z = (np.asarray(target, np.float64) - position) / np.linalg.norm(np.asarray(target, np.float64) - position)
    x = np.cross(z, (0.0, 1.0, 0.0))
    x /= np.linalg.norm(x)
    rotation = np.stack([x, np.cross(z, x), z])
    width, height = size_wh
    k = np.array([[focal_px, 0, (width - 1) / 2], [0, focal_px, (height - 1) / 2], [0, 0, 1]])
    return View(k, rotation, -rotation @ position, distortion)


@dataclass(frozen=True, slots=True)
class Lens:
    """A camera with what follows from it."""

    size_wh: tuple[int, int]
    focal_xy: Array
    centre_xy: Array
    rotation: Array
    shift: Array
    distortion: Array | None
    eye: Array
    """(3,) where the camera stands, world."""
    reach: float
    """Largest squared tangent from the axis that can be in the picture."""

    @staticmethod
    def of(camera: Camera, size_wh: tuple[int, int]) -> Lens:
        k = np.asarray(camera.K, np.float64)
        rotation, shift = np.asarray(camera.R, np.float64), np.asarray(camera.t, np.float64)
        told = camera.distortion
        distortion = None if told is None or not np.any(told) else np.asarray(told, np.float64)
        focal, centre = k[(0, 1), (0, 1)], k[:2, 2]
        lens = Lens(size_wh, focal, centre, rotation, shift, distortion, -rotation.T @ shift, np.inf)
        if distortion is None:
            return lens
        width, height = size_wh
        edge = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], np.float64)
        reach = _BEYOND * float((lens.tangents(edge) ** 2).sum(axis=1).max())
        return Lens(size_wh, focal, centre, rotation, shift, distortion, lens.eye, reach)

    def project(self, points: Array) -> tuple[Array, Array, Array]:
        """(N, 3) world -> (N, 2) px, (N,) metres away along the axis, (N,) whether px means anything."""
        placed = points @ self.rotation.T + self.shift
        depth = placed[:, 2]
        ahead = depth > _NEAR_M
        flat = placed[:, :2] / np.where(ahead, depth, 1.0)[:, None]
        if self.distortion is not None:
            squared = (flat**2).sum(axis=1)
            ahead &= squared < self.reach
            flat = self._distorted(flat, squared)
        return flat * self.focal_xy + self.centre_xy, depth, ahead

    def _distorted(self, flat: Array, squared: Array) -> Array:
        k1, k2, p1, p2, k3 = np.asarray(self.distortion)
        radial = 1 + squared * (k1 + squared * (k2 + squared * k3))
        x, y = flat[:, 0], flat[:, 1]
        bent_x = x * radial + 2 * p1 * x * y + p2 * (squared + 2 * x * x)
        bent_y = y * radial + p1 * (squared + 2 * y * y) + 2 * p2 * x * y
        return np.stack([bent_x, bent_y], axis=1)

    def tangents(self, points_px: Array) -> Array:
        """(N, 2) px -> (N, 2) x / z and y / z of the rays in camera axes."""
        flat = (points_px - self.centre_xy) / self.focal_xy
        if self.distortion is None:
            return np.asarray(flat)
        return np.asarray(cv2.undistortPoints(flat[:, None], np.eye(3), self.distortion)[:, 0])

    def rays(self, first_row: int, rows: int) -> Array:
        """(rows, W, 3) directions in world axes, 1 m along the camera's axis long."""
        width = self.size_wh[0]
        if self.distortion is None:
            across = (np.arange(width) - self.centre_xy[0]) / self.focal_xy[0]
            down = (np.arange(first_row, first_row + rows) - self.centre_xy[1]) / self.focal_xy[1]
            x, y, z = self.rotation.astype(np.float32)
            far = down.astype(np.float32)[:, None, None] * y + z
            return np.asarray(across.astype(np.float32)[:, None] * x + far)
        grid = np.stack(np.meshgrid(np.arange(width), np.arange(first_row, first_row + rows)), axis=-1)
        flat = self.tangents(grid.reshape(-1, 2).astype(np.float64))
        camera = np.column_stack([flat, np.ones(len(flat))])
        return np.asarray((camera @ self.rotation).reshape(rows, width, 3), np.float32)
