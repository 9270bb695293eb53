"""A pinhole camera without distortion: read from a file, or assumed; pixels <-> metres in camera axes.

Camera axes: x right, y down, z away from the camera.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgepose.errors import SourceError
from edgepose.types import Array

ASSUMED_FOCAL_PX = 1500.0
"""3DMPPE's for pictures of unknown cameras; depths scale with it (seed_systems.md §5)."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Focal lengths and principal point, px."""

    fx: float
    fy: float
    cx: float
    cy: float
    assumed: bool = False

    @staticmethod
    def guess(frame_wh: tuple[int, int], focal_px: float = ASSUMED_FOCAL_PX) -> Camera:
        """A camera that looks at the picture's centre."""
        return Camera(focal_px, focal_px, frame_wh[0] / 2, frame_wh[1] / 2, assumed=True)

    def project(self, points_m: Array) -> Array:
        """(..., 3) metres in front of the camera -> (..., 2) px."""
        flat = points_m[..., :2] / points_m[..., 2:]
        return np.asarray(flat * np.array([self.fx, self.fy]) + np.array([self.cx, self.cy]))

    def back_project(self, points_px: Array, depth_m: Array) -> Array:
        """(..., 2) px at (...) depths, metres -> (..., 3) metres."""
        rays = (points_px - np.array([self.cx, self.cy])) / np.array([self.fx, self.fy])
        return np.concatenate([rays * depth_m[..., None], depth_m[..., None]], axis=-1)


def read(path: Path) -> Camera:
    """A JSON file with ``K``, 3 x 3, alone or under ``calibration`` (a session.json). Raises SourceError."""
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot read the camera: {error}") from None
    for key in ("calibration", "K"):
        found = found.get(key, found) if isinstance(found, dict) else found
    try:
        k = np.array(found, np.float64)
    except (TypeError, ValueError):
        k = np.empty(0)
    if k.shape != (3, 3) or not np.isfinite(k).all() or not (k[0, 0] > 0 and k[1, 1] > 0):
        raise SourceError(f'{path}: expected {{"K": [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]}} in px, got no such matrix')
    if np.abs(k[[0, 1, 2, 2], [1, 0, 0, 1]]).max() > 1e-6 or k[2, 2] != 1:
        raise SourceError(f"{path}: K has skew or is scaled: expected [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]")
    return Camera(float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2]))
