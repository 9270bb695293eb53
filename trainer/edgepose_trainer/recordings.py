"""Labelled recordings: what every importer gives and the stroke trainer takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from edgepose.card import Dataset
from edgepose.errors import SettingsError
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


def read(paths: Sequence[Path]) -> list[Source]:
    """Tables and recorded sessions, each recognised by what is in it; raises SettingsError."""
    return [_read(path) for path in paths]


def _read(path: Path) -> Source:
    from edgepose_trainer.importers import hampen, keller, session

    if path.is_dir():
        return session.read(path)
    try:
        columns = frozenset(pq.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        raise SettingsError(f"{path}: no readable parquet table: {str(error).splitlines()[0]}") from None
    readers: list[tuple[frozenset[str], Callable[[Path], Source]]] = [
        (keller.COLUMNS, keller.read),
        (hampen.COLUMNS, hampen.read),
    ]
    for wanted, reader in readers:
        if wanted <= columns:
            return reader(path)
    raise SettingsError(
        f"{path}: no stroke table that I know: expected the columns of keller_clips or hampen_frames, "
        f"or a recorded session folder; got {', '.join(sorted(columns)[:8])} …"
    )
