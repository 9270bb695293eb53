"""Labelled recordings: what every importer gives and the stroke trainer takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgepose.card import Dataset
from edgepose.features import mirror
from edgepose.skeletons import COCO17
from edgepose.types import Float32, Handedness

UNSURE = ""
"""Label of frames that are neither stroke nor idle for sure; no training window is centred there."""
IDLE = "idle"


@dataclass(frozen=True)
class Recording:
    """One person over time, label per frame."""

    dataset: str
    name: str
    group: str
    """Who or which video: groups are held out whole."""
    times_s: NDArray[np.float64]
    """(N,)"""
    keypoints: Float32
    """(N, 17, 3) coco17."""
    labels: NDArray[np.str_]
    """(N,) a label, ``IDLE`` or ``UNSURE``."""
    handedness: Handedness | None = None
    aspect_lost: bool = False
    """True: x and y are not in the same unit."""
    kept_aside: bool = False
    """Published as test part: never trained on."""
    clip: bool = False
    """One action, its moment near the middle; else a continuous recording."""

    @property
    def action(self) -> str:
        """What a clip shows: its most frequent stroke label, idle when there is none."""
        strokes, counts = np.unique(self.labels[~np.isin(self.labels, (IDLE, UNSURE))], return_counts=True)
        return str(strokes[counts.argmax()]) if len(strokes) else IDLE

    def right_handed(self) -> Recording:
        """A known left-hander's recording seen in the mirror."""
        if self.handedness != "left":
            return self
        return replace(self, keypoints=mirror(self.keypoints, COCO17), handedness="right")


@dataclass(frozen=True)
class Source:
    """One ``--data`` argument, read."""

    recordings: list[Recording]
    card: Dataset
