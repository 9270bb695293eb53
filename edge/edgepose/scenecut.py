"""Scene cuts: whether a picture shows another scene than the one before."""

from __future__ import annotations

import cv2
import numpy as np

from edgepose.types import Float32, Image

_SMALL_WH = (32, 18)
_UNLIKE = 0.2
"""Neighbours of one scene stay below 0.12 (a shaken hand-held camera), other scenes begin at 0.29 (nine clips, see
tests/edge/test_staf.py). Changes of brightness do not count."""
_LEAST_LEVELS = 3.0
"""Mean change of 0..255: the noise of a dark or covered camera is no cut."""


class SceneCuts:
    """Compares each picture, small and grey, with the one before."""

    def __init__(self) -> None:
        self._before: Float32 | None = None

    def __call__(self, image: Image) -> bool:
        """True when (H, W, 3) is the first picture of another scene: 1 - correlation > 0.2; False for the first."""
        small = cv2.resize(image, _SMALL_WH, interpolation=cv2.INTER_AREA)
        now = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.float32)
        before, self._before = self._before, now
        if before is None or np.abs(now - before).mean() < _LEAST_LEVELS:
            return False
        return 1 - _correlation(now, before) > _UNLIKE


def _correlation(a: Float32, b: Float32) -> float:
    """Of the pixels' values, -1..1; 0 where one picture is of a single grey."""
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / spread if spread > 0 else 0.0
