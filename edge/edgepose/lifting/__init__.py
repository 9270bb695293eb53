"""Lifters chosen by their card: ``features`` names what a network sees, and so the file here that serves it.

lift-...     windows in torso lengths: our own courtlift (``edgepose.lifter``)
videopose3d  frames in screen units, (N, T, J, 2) -> (N, T - rf + 1, J', 3): ``sequence.py``
martinez     one frame as z-scores, (N, 32) -> (N, 48): ``zscore.py``
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from edgepose.card import ModelId, WindowSpec
from edgepose.errors import ModelError
from edgepose.models import load_card
from edgepose.pinhole import Camera
from edgepose.skeletons import COCO17, Skeleton
from edgepose.types import Float32, Pose3D, Window

CARD_HEIGHT_M = 1.75
"""Height of the person in whose metres lifters answer where they know no better."""
KINDS = MappingProxyType({"videopose3d": "sequence", "martinez": "zscore"})


class Lifting(Protocol):
    """What ``run`` needs of a lifter."""

    model: ModelId
    skeleton: Skeleton

    @property
    def refused(self) -> int:
        """Windows answered with NaN so far."""
        ...

    def lift(self, windows: Sequence[Window]) -> list[Pose3D]: ...


class LiftsTracks(Lifting, Protocol):
    """A lifter that sees a whole track at once."""

    def lift_sequence(self, times_s: NDArray[np.float64], keypoints: Float32) -> Float32: ...


def load_lifter(
    folder: Path,
    window: WindowSpec | None = None,
    size_wh: tuple[int, int] | None = None,
    skeleton: Skeleton = COCO17,
    threads: int = 1,
    camera: Camera | None = None,
    newest: bool = False,
) -> Lifting:
    """``window``, ``skeleton``: of what it will be given; ``size_wh``: of the pictures, px; None: not known yet.

    ``camera``: None is assumed from the pictures' size. ``newest``: the pose of a window's last sample, for lifters
    that can say both. Raises ModelError when card, file and these do not fit together.
    """
    card = load_card(folder, "lifter")
    features = card.features or ""
    if features.startswith("lift-"):
        from edgepose.lifter import Lifter
        from edgepose.lifting.ray import assumed

        if camera is None and size_wh is not None:
            camera = assumed(size_wh)
        return Lifter(folder, window, camera, threads, newest)
    if features not in KINDS:
        known = ", ".join(("lift-…", *KINDS))
        raise ModelError(f"{folder / 'card.json'}: features is {card.features!r}; lifters here know {known}")
    module = importlib.import_module(f"edgepose.lifting.{KINDS[features]}")
    return cast(Lifting, module.load(folder, card, skeleton, size_wh, threads))
