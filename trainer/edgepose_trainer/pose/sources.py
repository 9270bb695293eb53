"""Reads the pose data folder: which files are there, what each labels and what it leaves open."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from edgepose.errors import SourceError
from edgepose.skeletons import COCO17
from edgepose.types import Array, Float32
from edgepose_trainer.pose import coco
from edgepose_trainer.pose.pictures import (
    ABSENT,
    GUESSED,
    LIMBS,
    NO_CROWDS,
    SEEN,
    UNKNOWN,
    Person,
    Picture,
    box_round,
)

HELD_OUT_VIDEO = "a"
"""Of courtside_tennis: kept aside whole."""
_BORDER_PX = 4.0  # a large network squeezes joints that it cannot see to the border
_STANFORD_PER_CENT, _COCO_PER_CENT, _SYNTHETIC_PER_CENT = 7, 20, 2
SYNTHETIC, RENDERED = "synthetic", "edgepose synth --pose-images"
"""Source of rendered pictures, and what their annotations' description begins with."""


def read(folder: Path, extra: Sequence[Path] = ()) -> list[Picture]:
    """All sources found in ``folder``, in a fixed order, and those of ``extra``, folders of COCO person keypoints.

    Raises SourceError when there is none, or two pictures have the same source and name.
    """
    readers = {
        "lspet224.parquet": _lspet,
        "stanford40_pose.parquet": _stanford,
        "coco_train_kp/annotations.json": _coco,
        "coco_nopeople/annotations.json": _coco,
        "courtside_tennis/annotations.json": _courtside,
        f"{SYNTHETIC}/annotations.json": _synthetic,
    }
    found = [(folder / name, reader) for name, reader in readers.items() if (folder / name).is_file()]
    if not found:
        raise SourceError(f"{folder}: no pose data here; expected one of {', '.join(readers)}")
    pictures = [picture for path, reader in found for picture in reader(path)]
    return _together([pictures, *(_synthetic(one / "annotations.json") for one in extra)]) if extra else pictures


def _together(parts: Sequence[Sequence[Picture]]) -> list[Picture]:
    known: dict[str, Picture] = {}
    for part in parts:
        before = len(known)
        known.update((picture.key, picture) for picture in part)
        if len(known) < before + len(part):
            twice = next(name for name, count in Counter(p.key for one in parts for p in one).items() if count > 1)
            raise SourceError(f"{twice}: in two folders of pictures; rendered ones need seeds of their own")
    return list(known.values())


def files(folder: Path) -> list[Path]:
    """What ``read`` reads, for the card's hashes."""
    tables = sorted(folder.glob("*.parquet")) + sorted(folder.glob("*/annotations.json"))
    return [path for path in tables if path.name in ("lspet224.parquet", "stanford40_pose.parquet", "annotations.json")]


def _share(name: str, per_cent: int) -> bool:
    """A fixed share of names, the same on every machine."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % 100 < per_cent


class _Columns:
    """A parquet table as numpy columns; raises SourceError when it is none, or lacks one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._table = pq.read_table(path)
        except (OSError, pa.ArrowException) as error:
            raise SourceError(f"{path}: no readable parquet table: {str(error).splitlines()[0]}") from None

    def __getitem__(self, name: str) -> Array:
        try:
            return np.asarray(self._table.column(name).to_numpy(zero_copy_only=False))
        except KeyError:
            raise SourceError(f"{self._path}: expected a column {name}, which is missing") from None

    def vectors(self, *names: str) -> Float32:
        """(N, len(names))."""
        return np.stack([self[name] for name in names], axis=1).astype(np.float32)

    def points(self, names: Sequence[str]) -> Float32:
        """(N, len(names), 2) of the columns <name>_x and <name>_y."""
        return np.stack([self.vectors(f"{name}_x", f"{name}_y") for name in names], axis=1)


def _lspet(path: Path) -> list[Picture]:
    """14 joints of one person: limbs known, face open, other people unlabelled; the head is neck to crown."""
    table = _Columns(path)
    points, seen = table.points(_LSP_JOINTS), table.vectors(*(f"{name}_v" for name in _LSP_JOINTS)) > 0
    joints = np.zeros((len(points), 17, 3), np.float32)
    joints[..., 2] = UNKNOWN
    limbs = seen[:, :12] & ~table["torso_cross"][:, None]  # left and right in doubt: the box still counts
    joints[:, LIMBS] = np.where(
        limbs[..., None], np.dstack([points[:, :12], np.full(limbs.shape, SEEN)]), [0, 0, UNKNOWN]
    )
    heads = np.where(seen[:, 12:].all(axis=1), np.linalg.norm(points[:, 12] - points[:, 13], axis=1), np.nan)
    sizes, names, splits, encoded = table.vectors("width", "height"), table["image"], table["split"], table["webp"]
    pictures = []
    for row, name in enumerate(names):
        person = Person(box_round(points[row, seen[row]], sizes[row], 0.07), joints[row], float(heads[row]))
        validation = splits[row] == "val"
        pictures.append(Picture("lspet", name, encoded[row], (person,), False, NO_CROWDS, validation))
    return pictures


_LSP_JOINTS = (*(COCO17.joints[i] for i in LIMBS), "neck", "head_top")


def _stanford(path: Path) -> list[Picture]:
    """A network's COCO-17 joints of one boxed person; what lies at the border is taken as not in the picture."""
    table = _Columns(path)
    points, sizes = table.points(COCO17.joints), table.vectors("width", "height")
    boxes = table.vectors("box_x0", "box_y0", "box_x1", "box_y1")
    inside = ((points > _BORDER_PX) & (points < sizes[:, None] - _BORDER_PX)).all(axis=2)
    reach = 0.25 * (boxes[:, 2:] - boxes[:, :2]).max(axis=1)[:, None, None]
    near = ((points > boxes[:, None, :2] - reach) & (points < boxes[:, None, 2:] + reach)).all(axis=2)
    states = np.where(inside, np.where(near, GUESSED, UNKNOWN), ABSENT)
    joints = np.dstack([points, states]).astype(np.float32)
    names, encoded = table["image"], table["webp"]
    return [
        Picture(
            "stanford40",
            name,
            encoded[row],
            (Person(boxes[row], joints[row]),),
            False,
            NO_CROWDS,
            _share(name, _STANFORD_PER_CENT),
        )
        for row, name in enumerate(names)
    ]


def _annotations(path: Path) -> tuple[list[Mapping[str, Any]], Mapping[int, list[Mapping[str, Any]]]]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        people = defaultdict(list)
        for annotation in table["annotations"]:
            people[annotation["image_id"]].append(annotation)
        return table["images"], people
    except (OSError, ValueError, KeyError) as error:
        raise SourceError(f"{path}: no COCO annotations: {error}") from None


def _coco(path: Path) -> list[Picture]:
    source = path.parent.name
    found = coco.pictures(coco.load(path), [path.parent / "images"], source)
    if source != "coco_train_kp":
        return found
    return [replace(picture, validation=_share(picture.name, _COCO_PER_CENT)) for picture in found]


def _synthetic(path: Path) -> list[Picture]:
    """Rendered pictures, or any others with COCO person keypoints, named by their folder; everybody is labelled."""
    table = coco.load(path)
    source = SYNTHETIC if table.description.startswith(RENDERED) else path.parent.resolve().name
    found = coco.pictures(table, [path.parent / "images", path.parent], source)
    return [replace(picture, validation=_share(picture.name, _SYNTHETIC_PER_CENT)) for picture in found]


def _courtside(path: Path) -> list[Picture]:
    """One box round the near player, no joints; other people unlabelled."""
    images, annotations = _annotations(path)
    pictures = []
    for image in images:
        unknown = np.zeros((17, 3), np.float32)
        unknown[:, 2] = UNKNOWN
        people = tuple(Person(coco.corners(a["bbox"]), unknown) for a in annotations.get(image["id"], ()))
        encoded = (path.parent / "images" / image["file_name"]).read_bytes()
        validation = image["video"] == HELD_OUT_VIDEO
        pictures.append(Picture("courtside", image["file_name"], encoded, people, False, NO_CROWDS, validation))
    return pictures
