"""Reads the pose data folder: which files are there, what each labels and what it leaves open."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from edgepose.errors import SourceError
from edgepose.skeletons import COCO17
from edgepose_trainer.pose.pictures import (
    ABSENT,
    FACE,
    GUESSED,
    LIMBS,
    NO_CROWDS,
    SEEN,
    UNKNOWN,
    Person,
    Picture,
    box_round,
    torso_px,
)

HELD_OUT_VIDEO = "a"
"""Of courtside_tennis: kept aside whole."""
_BORDER_PX = 4.0  # a large network squeezes joints that it cannot see to the border
_STANFORD_PER_CENT, _COCO_PER_CENT = 7, 20


def read(folder: Path) -> list[Picture]:
    """All sources found in ``folder``, in a fixed order; raises SourceError when there is none."""
    readers = {
        "lspet224.parquet": _lspet,
        "stanford40_pose.parquet": _stanford,
        "coco_train_kp/annotations.json": _coco,
        "coco_nopeople/annotations.json": _coco,
        "courtside_tennis/annotations.json": _courtside,
    }
    found = [(folder / name, reader) for name, reader in readers.items() if (folder / name).is_file()]
    if not found:
        raise SourceError(f"{folder}: no pose data here; expected one of {', '.join(readers)}")
    return [picture for path, reader in found for picture in reader(path)]


def files(folder: Path) -> list[Path]:
    """What ``read`` reads, for the card's hashes."""
    tables = sorted(folder.glob("*.parquet")) + sorted(folder.glob("*/annotations.json"))
    return [path for path in tables if path.name in ("lspet224.parquet", "stanford40_pose.parquet", "annotations.json")]


def _share(name: str, per_cent: int) -> bool:
    """A fixed share of names, the same on every machine."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % 100 < per_cent


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{path}: no readable parquet table: {str(error).splitlines()[0]}") from None
    return rows


def _lspet(path: Path) -> list[Picture]:
    """14 joints of one person: limbs known, face open, other people unlabelled."""
    pictures = []
    for row in _rows(path):
        joints = np.zeros((17, 3), np.float32)
        joints[FACE, 2] = UNKNOWN
        for index in LIMBS:
            name = COCO17.joints[index]
            seen = row[f"{name}_v"] > 0
            joints[index] = (row[f"{name}_x"], row[f"{name}_y"], SEEN) if seen else (0, 0, UNKNOWN)
        if row["torso_cross"]:  # left and right are in doubt: the box still counts
            joints[:, 2] = UNKNOWN
        ends = [(row[f"{n}_x"], row[f"{n}_y"]) for n in _LSP_JOINTS if row[f"{n}_v"] > 0]
        box = box_round(np.array(ends, np.float32), (row["width"], row["height"]), 0.07)
        person = Person(box, joints, _upright(joints))
        validation = row["split"] == "val"
        pictures.append(Picture("lspet", row["image"], row["webp"], (person,), False, NO_CROWDS, validation))
    return pictures


_LSP_JOINTS = (*(COCO17.joints[i] for i in LIMBS), "neck", "head_top")


def _stanford(path: Path) -> list[Picture]:
    """A network's COCO-17 joints of one boxed person; what lies at the border is taken as not in the picture."""
    pictures = []
    for row in _rows(path):
        joints = np.array([(row[f"{n}_x"], row[f"{n}_y"], GUESSED) for n in COCO17.joints], np.float32)
        size = np.array([row["width"], row["height"]], np.float32)
        box = np.array([row[f"box_{side}"] for side in ("x0", "y0", "x1", "y1")], np.float32)
        inside = ((joints[:, :2] > _BORDER_PX) & (joints[:, :2] < size - _BORDER_PX)).all(axis=1)
        joints[~inside, 2] = ABSENT
        reach = 0.25 * float((box[2:] - box[:2]).max())
        near = ((joints[:, :2] > box[:2] - reach) & (joints[:, :2] < box[2:] + reach)).all(axis=1)
        joints[inside & ~near, 2] = UNKNOWN
        validation = _share(row["image"], _STANFORD_PER_CENT)
        person = Person(box, joints, _upright(joints))
        pictures.append(Picture("stanford40", row["image"], row["webp"], (person,), False, NO_CROWDS, validation))
    return pictures


def _annotations(path: Path) -> tuple[list[Mapping[str, Any]], Mapping[int, list[Mapping[str, Any]]]]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        people = defaultdict(list)
        for annotation in table["annotations"]:
            people[annotation["image_id"]].append(annotation)
        return table["images"], people
    except (OSError, ValueError, KeyError) as error:
        raise SourceError(f"{path}: no COCO annotations: {error}") from None


def _corners(bbox: list[float]) -> np.ndarray[Any, np.dtype[np.float32]]:
    x, y, width, height = bbox
    return np.array([x, y, x + width, y + height], np.float32)


def _coco(path: Path) -> list[Picture]:
    """Everybody labelled; a person without joints (too small, too many) and a crowd are ignored."""
    images, annotations = _annotations(path)
    source = path.parent.name
    pictures = []
    for image in images:
        people, crowds = [], []
        for annotation in annotations.get(image["id"], ()):
            box = _corners(annotation["bbox"])
            if annotation["iscrowd"] or not annotation["num_keypoints"]:
                crowds.append(box)
                continue
            joints = np.array(annotation["keypoints"], np.float32).reshape(17, 3)
            people.append(Person(box, joints, _upright(joints)))
        encoded = (path.parent / "images" / image["file_name"]).read_bytes()
        validation = source == "coco_train_kp" and _share(image["file_name"], _COCO_PER_CENT)
        boxes = np.array(crowds, np.float32).reshape(-1, 4)
        pictures.append(Picture(source, image["file_name"], encoded, tuple(people), True, boxes, validation))
    return pictures


def _courtside(path: Path) -> list[Picture]:
    """One box round the near player, no joints; other people unlabelled."""
    images, annotations = _annotations(path)
    pictures = []
    for image in images:
        unknown = np.zeros((17, 3), np.float32)
        unknown[:, 2] = UNKNOWN
        people = tuple(Person(_corners(a["bbox"]), unknown) for a in annotations.get(image["id"], ()))
        encoded = (path.parent / "images" / image["file_name"]).read_bytes()
        validation = image["video"] == HELD_OUT_VIDEO
        pictures.append(Picture("courtside", image["file_name"], encoded, people, False, NO_CROWDS, validation))
    return pictures


def _upright(joints: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, np.dtype[np.float32]] | None:
    """From mid-hips to mid-shoulders where all four are located."""
    if not np.isfinite(torso_px(joints)):
        return None
    shoulders, hips = joints[[5, 6]], joints[[11, 12]]
    if not ((shoulders[:, 2] > 0).all() and (hips[:, 2] > 0).all()):
        return None
    return np.asarray(shoulders[:, :2].mean(axis=0) - hips[:, :2].mean(axis=0), np.float32)
