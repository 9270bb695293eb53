"""Motion capture (BVH, Acclaim): takes called ``<player>_<stroke>…``, seen by virtual cameras round the court."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose.card import Dataset, sha256_of
from edgepose.errors import SettingsError, SourceError
from edgepose.skeletons import COCO17
from edgepose.types import Handedness
from edgepose_trainer import asf, bvh, jumps
from edgepose_trainer.labelnames import KNOWN, canonical
from edgepose_trainer.recordings import Source
from edgepose_trainer.takes import Take, of_one_stroke, seen
from edgepose_trainer.views import Detector

Float64 = NDArray[np.float64]
_FILE = re.compile(r"\.(bvh|amc)(\.xz)?$", re.IGNORECASE)
_VIEWS = 12
_OVERHEAD = frozenset({"serve", "smash"})
_UNITS_M = (1.0, 0.0254, 0.01, 0.001)
_STATURE_M = (0.7, 2.0)
"""From the ankles to the shoulders, in the take's median."""


@dataclass(frozen=True, slots=True)
class Motion:
    """What one file holds."""

    times_s: Float64
    """(F,)."""
    points: Float64
    """(F, 17, 3) coco17 in metres, y up, the feet near y = 0; NaN round jumps."""
    notes: tuple[str, ...] = ()
    """What was cut."""


def files_of(path: Path) -> list[Path]:
    """A .bvh or .amc file (or .xz of one), or those of a folder in name order; none is an empty list."""
    found = sorted(path.iterdir()) if path.is_dir() else [path]
    return [file for file in found if _FILE.search(file.name)]


def stem_of(path: Path) -> str:
    """The file's name without .bvh, .amc and .xz."""
    return _FILE.sub("", path.name)


def takes(path: Path, names: Mapping[str, str] | None = None, hand: Handedness | None = "right") -> list[Take]:
    """Every take of a file or folder; ``names`` maps words of file names to labels before the table does.

    Raises SettingsError for a file name without a known stroke, SourceError for what is no BVH.
    """
    return [take(file, names, hand) for file in files_of(path)]


def take(path: Path, names: Mapping[str, str] | None = None, hand: Handedness | None = "right") -> Take:
    """One file, in metres with y up, whichever unit and axis it uses."""
    stem = stem_of(path)
    label = stroke_in(stem, names)
    if label is None:
        raise SettingsError(f"{path}: no stroke in the name {stem!r}; expected <player>_<stroke>, or --map WORD=LABEL")
    moved = motion(path)
    player, overhead = stem.partition("_")[0], label in _OVERHEAD
    return of_one_stroke("mocap", stem, player, moved.times_s, moved.points, label, hand, overhead=overhead)


def stroke_in(stem: str, names: Mapping[str, str] | None = None) -> str | None:
    """The longest run of words after the player's name that is a label: ``ann_forehand_slice_2`` is a slice."""
    words = stem.split("_")[1:]
    runs = [(start, end) for start in range(len(words)) for end in range(start + 1, len(words) + 1)]
    for start, end in sorted(runs, key=lambda run: run[0] - run[1]):
        label = canonical("_".join(words[start:end]), names)
        if label in KNOWN or label in (names or {}).values():
            return label
    return None


def motion(path: Path) -> Motion:
    """One file, whichever unit and axis it uses; raises SourceError."""
    times_s, points = _acclaim(path) if ".amc" in path.name.lower() else _bvh(path)
    return Motion(times_s, *jumps.cut(times_s, upright(points, str(path))))


def _bvh(path: Path) -> tuple[Float64, Float64]:
    take = bvh.read(path)
    try:
        points, _ = bvh.body(take)
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from None
    return np.arange(len(points), dtype=np.float64) * take.frame_s, points


def _acclaim(path: Path) -> tuple[Float64, Float64]:
    """The skeleton lies beside the motion: 03.asf for 03_02.amc, or the only one in the folder."""
    subject = stem_of(path).partition("_")[0]
    beside = sorted(file for file in path.parent.iterdir() if re.search(r"\.asf(\.xz)?$", file.name, re.IGNORECASE))
    own = [file for file in beside if file.name.partition(".")[0] == subject] or beside
    if len(own) != 1:
        raise SourceError(f"{path}: expected its skeleton {subject}.asf beside it, got {len(own)} .asf files")
    skeleton = asf.parse_asf(asf.text_of(own[0]), str(own[0]))
    points = asf.coco17(skeleton, asf.parse_amc(asf.text_of(path), skeleton, str(path)), str(own[0]))
    return np.arange(len(points), dtype=np.float64) / asf.RATE_HZ, points


def upright(points: Float64, where: str) -> Float64:
    """Metres with y up: the unit and the axis are those that make the person stand as tall as people are."""
    ankles = points[:, COCO17.indices("left_ankle", "right_ankle")].mean(axis=1)
    shoulders = points[:, COCO17.indices("left_shoulder", "right_shoulder")].mean(axis=1)
    tall = np.nanmedian(shoulders - ankles, axis=0)
    axis = int(np.argmax(np.abs(tall)))
    length = float(np.linalg.norm(tall))  # not the height alone: a sprinter leans forward
    units = [unit for unit in _UNITS_M if _STATURE_M[0] <= length * unit <= _STATURE_M[1]]
    if not units or axis == 0 or tall[axis] < 0:
        raise SourceError(f"{where}: nobody who stands upright: ankles to shoulders is {np.round(tall, 2).tolist()}")
    metres = points * units[0]
    return grounded(turned_up(metres) if axis == 2 else metres)


def turned_up(points: Float64) -> Float64:
    """(..., 3) with z up -> y up, turned about x."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


def grounded(points: Float64) -> Float64:
    """(F, 17, 3) y up, shifted so that the ankles, at their lowest, are near y = 0."""
    low = float(np.nanpercentile(points[:, COCO17.indices("left_ankle", "right_ankle"), 1], 5))
    return np.asarray(points - np.array([0.0, low, 0.0]))


def read(path: Path, views: int = _VIEWS, seed: int = 1) -> Source:
    """``views`` recordings a take, each by another camera; one group a player."""
    rng = np.random.default_rng(seed)
    found = takes(path)
    recordings = [seen(one, rng, Detector(), number).recording for one in found for number in range(views)]
    digest = hashlib.sha256()
    for file in files_of(path):
        digest.update(sha256_of(file).encode())
    card = Dataset(
        name=f"{path.resolve().name} ({len(found)} takes of motion capture)",
        sha256=digest.hexdigest(),
        licence="as stated beside the takes",
        use=f"training, {views} virtual cameras a take",
    )
    return Source(recordings, card)
