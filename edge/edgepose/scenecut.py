"""Scene cuts: whether a picture shows another scene than the one before."""

from __future__ import annotations

import cv2
import numpy as np

from edgepose.types import Float32, Image

_SMALL_WH = (32, 18)
_SHIFT = 3
"""Small pixels by which a moving camera may shift the scene from picture to picture."""
_UNLIKE = 0.27
"""Neighbours of one scene stay below 0.12 (0.24 where only every fifth frame is seen), other scenes begin at 0.30:
nine clips, one of a shaken camera. Changes of brightness do not count."""
_LEAST_LEVELS = 3.0
"""Mean change of 0..255: the noise of a dark or covered camera is no cut."""


class SceneCuts:
    """Compares each picture, small and grey, with the one before."""

    def __init__(self) -> None:
        self._before: Float32 | None = None

    def __call__(self, image: Image) -> bool:
        """True when (H, W, 3) is the first picture of another scene; False for the very first.

        Another scene: 1 - correlation is above 0.27 however the picture is shifted by up to a tenth of its width.
        """
        small = cv2.resize(image, _SMALL_WH, interpolation=cv2.INTER_AREA)
        now = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.float32)
        before, self._before = self._before, now
        if before is None or np.abs(now - before).mean() < _LEAST_LEVELS:
            return False
        middle = before[_SHIFT:-_SHIFT, _SHIFT:-_SHIFT]
        if middle.std() == 0:
            return True
        return 1 - float(cv2.matchTemplate(now, middle, cv2.TM_CCOEFF_NORMED).max()) > _UNLIKE
