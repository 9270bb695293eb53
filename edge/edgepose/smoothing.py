"""One-Euro filter: calm keypoints when a person stands, no lag when they strike.

Casiez, Roussel, Vogel: "1€ Filter" (CHI 2012). The parameters are those of TensorFlow.js MoveNet
(cut-off 2.5 Hz, speed coefficient 300, derivative cut-off 2.5 Hz), except that its coordinates are
fractions of the picture and ours of the person's size, so that the distance to the camera does not
matter. In MoveNet's pictures a person is a few tenths of the side, which makes 300 about 100; 30
calms a still person better and a wrist at 3 sizes a second still gets a cut-off of 90 Hz.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

from edgepose.types import Float32

_LONG_GAP_S = 0.5


@dataclass(frozen=True)
class OneEuro:
    """Parameters: cut-off of a still point, Hz; Hz per person size/s of speed; cut-off of the speed, Hz."""

    cutoff_hz: float = 2.5
    beta: float = 30.0
    speed_cutoff_hz: float = 2.5


class KeypointSmoother:
    """Smooths the keypoints of one person; joints (K, 3), NaN where missing."""

    def __init__(self, joints: int, parameters: OneEuro | None = None) -> None:
        self._parameters = parameters or OneEuro()
        self._at = np.full((joints, 2), np.nan)
        self._speed = np.zeros((joints, 2))
        self._seen_s = np.full(joints, -np.inf)

    def smooth(self, keypoints: Float32, size_px: float, time_s: float) -> Float32:
        """(K, 3) smoothed, confidences kept; a joint unseen for half a second starts anew, NaN stays NaN."""
        points = keypoints[:, :2].astype(np.float64)
        known = np.isfinite(points).all(axis=1)
        dt = time_s - self._seen_s
        held = known & (dt > 0) & (dt < _LONG_GAP_S)
        fresh = known & ~held
        self._at[fresh], self._speed[fresh] = points[fresh], 0.0
        if held.any():
            self._follow(held, points[held], dt[held, None], max(size_px, 1.0))
        self._seen_s[known] = time_s
        out = keypoints.copy()
        out[known, :2] = self._at[known]
        return out

    def _follow(
        self, held: NDArray[np.bool_], points: NDArray[np.float64], dt: NDArray[np.float64], size_px: float
    ) -> None:
        p = self._parameters
        speed = (points - self._at[held]) / dt
        self._speed[held] += _share(p.speed_cutoff_hz, dt) * (speed - self._speed[held])
        cutoff_hz = p.cutoff_hz + p.beta * np.abs(self._speed[held]) / size_px
        self._at[held] += _share(cutoff_hz, dt) * (points - self._at[held])


def _share(cutoff_hz: float | NDArray[np.float64], dt: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight of the newest sample in a first-order low pass."""
    turns = 2 * pi * cutoff_hz * dt
    return np.asarray(turns / (turns + 1.0))
