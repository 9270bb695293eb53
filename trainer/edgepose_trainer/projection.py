"""One calibrated camera: world to camera axes, and to pixels, as ``calibration`` of a session says (contracts §1).

x_camera = R x_world + t in metres (x right, y down, z away), x_px = K x_camera / z, with OpenCV's distortion
k1, k2, p1, p2, k3. Qualisys states the camera's place C instead of t: t = -R C.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from edgepose.errors import SourceError
from edgepose.session import Calibration

Float64 = NDArray[np.float64]
_ROTATION_ERROR = 1e-2
"""A matrix given to a few digits is a rotation still."""
_NEAREST_M = 0.05
"""What is nearer, or behind the camera, has no pixel."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A calibration that was checked."""

    matrix: Float64
    """(3, 3) K."""
    rotation: Float64
    """(3, 3) world -> camera."""
    shift: Float64
    """(3,) metres."""
    distortion: Float64
    """(5,) k1, k2, p1, p2, k3."""

    def into(self, points: Float64) -> Float64:
        """(..., 3) world -> camera axes, metres."""
        return np.asarray(points @ self.rotation.T + self.shift)

    def project(self, points: Float64) -> Float64:
        """(..., 3) camera axes -> (..., 2) px; NaN for what is not in front of the camera."""
        z = np.where(points[..., 2] > _NEAREST_M, points[..., 2], np.nan)
        x, y = points[..., 0] / z, points[..., 1] / z
        k1, k2, p1, p2, k3 = self.distortion
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        bent_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        bent_y = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
        bent = np.stack([bent_x, bent_y, np.ones_like(bent_x)], axis=-1)
        return np.asarray((bent @ self.matrix.T)[..., :2])


def camera(calibration: Calibration, where: str) -> Camera:
    """Raises SourceError for matrices of another size and for an R that is no rotation."""
    if calibration.R is None or calibration.t is None:
        raise SourceError(f"{where}: a calibration needs K, R and t")
    given = [*(calibration.distortion or []), 0.0, 0.0, 0.0, 0.0, 0.0][:5]
    try:
        matrix, rotation = (np.array(rows, np.float64).reshape(3, 3) for rows in (calibration.K, calibration.R))
        shift, distortion = np.array(calibration.t, np.float64).reshape(3), np.array(given, np.float64)
    except ValueError as error:
        raise SourceError(f"{where}: expected K and R as 3 × 3 and t as 3 numbers: {error}") from None
    off = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if not off < _ROTATION_ERROR or np.linalg.det(rotation) < 0:
        turned = "a reflection" if off < _ROTATION_ERROR else f"R Rᵀ differs from 1 by {off:.2g}"
        raise SourceError(f"{where}: R is not a rotation: {turned}")
    return Camera(matrix, rotation, shift, distortion)


def read(path: Path) -> tuple[Calibration, tuple[int, int]]:
    """JSON with K, R, t, width, height and perhaps distortion; raises SourceError."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        calibration = Calibration.model_validate(table)
        size_wh = int(table["width"]), int(table["height"])
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, ValidationError, KeyError, TypeError) as error:
        raise SourceError(f"{path}: expected JSON with K, R, t, width, height: {str(error).splitlines()[0]}") from None
    camera(calibration, str(path))
    return calibration, size_wh
