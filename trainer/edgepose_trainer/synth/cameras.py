"""Where the cameras stand: one at the side or anywhere, a row along the side line, or the corners of a box.

World axes: origin on the ground under the net's middle, x across, y up, z along the court, metres.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import SettingsError
from edgepose_trainer.render.court import BEHIND_M, BESIDE_M, LENGTH_M, WIDTH_M
from edgepose_trainer.render.lens import Lens, View, looking

Float64 = NDArray[np.float64]
Setup = Literal["line", "box"]
SPACING_M = 3.0
"""From camera to camera of a row."""
_SIDE_M = -(WIDTH_M / 2 + 7.0)
"""Of the row, and of the one camera: the fence's line of a court with room beside it."""
_HIGH_M = 2.6
_TARGET_M = (0.0, 1.0, 0.0)
_ANGLE_DEG = {"one": 62.0, "line": 72.0, "box": 74.0}
"""Horizontal opening angle."""
_CORNER_M = (WIDTH_M / 2 + BESIDE_M - 0.3, 4.0, LENGTH_M / 2 + BEHIND_M - 0.6)
DISTORTION = np.array([-0.14, 0.03, 0.0006, -0.0004, 0.0])
"""k1, k2, p1, p2, k3 of a cheap wide lens."""
_ROOM = 1.09
"""Round people in a picture that is framed to hold them: 1 would touch its edges."""
_FRAMINGS = 20


def cameras(count: int, setup: Setup, size_wh: tuple[int, int], distorted: bool) -> list[View]:
    """Raises SettingsError for more cameras than a box has corners."""
    bent = DISTORTION if distorted else np.zeros(5)
    if count == 1:
        return [_camera((_SIDE_M, _HIGH_M, 0.6), _TARGET_M, "one", size_wh, bent)]
    if setup == "box":
        if count > 4:
            raise SettingsError(f"--setup box has 4 corners, got --cameras {count}")
        x, y, z = _CORNER_M
        corners = [(x, y, z), (-x, y, -z), (-x, y, z), (x, y, -z)]
        return [_camera(corner, _TARGET_M, "box", size_wh, bent) for corner in corners[:count]]
    places = (np.arange(count) - (count - 1) / 2) * SPACING_M
    return [_camera((_SIDE_M, _HIGH_M, z), (0.0, 1.0, z), "line", size_wh, bent) for z in places.tolist()]


def framed(place: tuple[float, float, float], points: Float64, size_wh: tuple[int, int], distorted: bool) -> View:
    """A camera at ``place`` whose picture just holds all of (N, 3) points, metres.

    Raises SettingsError when one of them is beside or behind it.
    """
    eye, target = np.array(place), points.mean(axis=0)
    for _ in range(_FRAMINGS):
        lens = Lens.of(looking(eye, target, 1.0, (1, 1)), (1, 1))
        tangents, _, ahead = lens.project(points)
        if not ahead.all():
            raise SettingsError(f"--from {','.join(f'{metres:g}' for metres in place)}: that is among the players")
        low, high = tangents.min(axis=0), tangents.max(axis=0)
        away_m = float(np.linalg.norm(target - eye))
        target = target + away_m * np.append((low + high) / 2, 0.0) @ lens.rotation
    focal_px = float((np.array(size_wh) / ((high - low) * _ROOM)).min())
    return looking(eye, target, focal_px, size_wh, DISTORTION if distorted else np.zeros(5))


def _camera(
    place: tuple[float, float, float],
    target: tuple[float, float, float],
    angle: str,
    size_wh: tuple[int, int],
    bent: Float64,
) -> View:
    focal_px = size_wh[0] / 2 / np.tan(np.radians(_ANGLE_DEG[angle] / 2))
    return looking(np.array(place), np.array(target), float(focal_px), size_wh, bent)
