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

from edgepose.card import ModelId, WindowSpec
from edgepose.errors import ModelError
from edgepose.models import load_card
from edgepose.skeletons import COCO17, Skeleton
from edgepose.types import Pose3D, Window

KINDS = MappingProxyType({"videopose3d": "sequence", "martinez": "zscore"})


class Lifting(Protocol):
    """What ``run`` needs of a lifter."""

    model: ModelId
    refused: int

    def lift(self, windows: Sequence[Window]) -> list[Pose3D]: ...


def load_lifter(
    folder: Path,
    window: WindowSpec | None = None,
    size_wh: tuple[int, int] | None = None,
    skeleton: Skeleton = COCO17,
    threads: int = 1,
) -> Lifting:
    """``window``, ``skeleton``: of what it will be given; ``size_wh``: of the pictures, px; None: not known yet.

    Raises ModelError when card, file and these do not fit together.
    """
    card = load_card(folder, "lifter")
    features = card.features or ""
    if features.startswith("lift-"):
        from edgepose.lifter import Lifter

        return Lifter(folder, window, threads=threads)
    if features not in KINDS:
        known = ", ".join(("lift-…", *KINDS))
        raise ModelError(f"{folder / 'card.json'}: features is {card.features!r}; lifters here know {known}")
    module = importlib.import_module(f"edgepose.lifting.{KINDS[features]}")
    return cast(Lifting, module.load(folder, card, skeleton, size_wh, threads))
