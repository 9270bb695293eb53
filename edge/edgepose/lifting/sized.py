"""Poses as tall as the people: lifters answer for a person of 1.75 m, here every track gets its own height."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgepose.lifting import CARD_HEIGHT_M, Lifting
from edgepose.types import Pose3D, Window


class Sized:
    """A lifter whose metres are those of each window's track."""

    def __init__(self, lifter: Lifting, height_of: Callable[[int], float]) -> None:
        """``height_of``: track -> metres."""
        self._lifter, self._height_of = lifter, height_of
        self.model, self.skeleton = lifter.model, lifter.skeleton

    @property
    def refused(self) -> int:
        """Of the lifter."""
        return self._lifter.refused

    def lift(self, windows: Sequence[Window]) -> list[Pose3D]:
        """As the lifter's."""
        return [
            Pose3D(pose.skeleton, pose.keypoints * np.float32(self._height_of(window.track) / CARD_HEIGHT_M))
            for window, pose in zip(windows, self._lifter.lift(windows), strict=True)
        ]
