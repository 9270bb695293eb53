"""BVH takes called ``<player>_<stroke>…``, one stroke repeated, seen by virtual cameras round the court."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose.card import Dataset, sha256_of
from edgepose.errors import SettingsError, SourceError
from edgepose.skeletons import COCO17
from edgepose.types import Handedness
from edgepose_trainer import bvh
from edgepose_trainer.labelnames import KNOWN, canonical
from edgepose_trainer.recordings import Source
from edgepose_trainer.takes import Take, of_one_stroke, seen
from edgepose_trainer.views import Detector

Float64 = NDArray[np.float64]
_VIEWS = 4
_UNITS_M = (1.0, 0.0254, 0.01, 0.001)
_STATURE_M = (0.9, 2.4)
"""From the ankles to the eyes of a standing person, in the take's median."""


def files_of(path: Path) -> list[Path]:
    """A .bvh or .bvh.xz file, or those of a folder in name order; none is an empty list."""
    found = sorted(path.iterdir()) if path.is_dir() else [path]
    return [file for file in found if re.search(r"\.bvh(\.xz)?$", file.name, re.IGNORECASE)]


def takes(path: Path, names: Mapping[str, str] | None = None, hand: Handedness | None = "right") -> list[Take]:
    """Every take of a file or folder; ``names`` maps words of file names to labels before the table does.

    Raises SettingsError for a file name without a known stroke, SourceError for what is no BVH.
    """
    return [take(file, names, hand) for file in files_of(path)]


def take(path: Path, names: Mapping[str, str] | None = None, hand: Handedness | None = "right") -> Take:
    """One file, in metres with y up, whichever unit and axis it uses."""
    stem = re.sub(r"\.bvh(\.xz)?$", "", path.name, flags=re.IGNORECASE)
    label = stroke_in(stem, names)
    if label is None:
        raise SettingsError(f"{path}: no stroke in the name {stem!r}; expected <player>_<stroke>, or --map WORD=LABEL")
    times_s, points = motion(path)
    return of_one_stroke("mocap", stem, stem.partition("_")[0], times_s, points, label, hand)


def stroke_in(stem: str, names: Mapping[str, str] | None = None) -> str | None:
    """The first word after the player's name that is a label."""
    words = stem.split("_")[1:]
    for word in words:
        label = canonical(word, names)
        if label in KNOWN or label in (names or {}).values():
            return label
    return None


def motion(path: Path) -> tuple[Float64, Float64]:
    """(F,) seconds and (F, 17, 3) coco17 in metres, y up, the lowest foot near y = 0; raises SourceError."""
    read = bvh.read(path)
    try:
        points, _ = bvh.body(read)
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from None
    return np.arange(len(points), dtype=np.float64) * read.frame_s, upright(points, str(path))


def upright(points: Float64, where: str) -> Float64:
    """Metres with y up: the unit and the axis are those that make the person stand as tall as people are."""
    ankles = points[:, COCO17.indices("left_ankle", "right_ankle")].mean(axis=1)
    eyes = points[:, COCO17.indices("left_eye", "right_eye")].mean(axis=1)
    tall = np.median(eyes - ankles, axis=0)
    axis = int(np.argmax(np.abs(tall)))
    units = [unit for unit in _UNITS_M if _STATURE_M[0] <= abs(tall[axis]) * unit <= _STATURE_M[1]]
    if not units or axis == 0 or tall[axis] < 0:
        raise SourceError(f"{where}: nobody who stands upright: ankles to eyes is {np.round(tall, 2).tolist()}")
    metres = points * units[0]
    if axis == 2:  # z up: turned about x
        metres = np.stack([metres[..., 0], metres[..., 2], -metres[..., 1]], axis=-1)
    metres[..., 1] -= np.percentile(metres[:, COCO17.indices("left_ankle", "right_ankle"), 1], 5)
    return metres


def read(path: Path, views: int = _VIEWS, seed: int = 1) -> Source:
    """``views`` recordings a take, each by another camera; one group a player."""
    rng = np.random.default_rng(seed)
    found = takes(path)
    recordings = [seen(one, rng, Detector(), number).recording for one in found for number in range(views)]
    digest = hashlib.sha256()
    for file in files_of(path):
        digest.update(sha256_of(file).encode())
    card = Dataset(
        name=f"{path.resolve().name} ({len(found)} BVH takes)",
        sha256=digest.hexdigest(),
        licence="as stated beside the takes",
        use=f"training, {views} virtual cameras a take",
    )
    return Source(recordings, card)
