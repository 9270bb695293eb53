"""COCO keypoint annotations: read, checked and completed once, as a table for pycocotools and as pictures."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgepose.errors import SourceError
from edgepose.skeletons import COCO17
from edgepose.types import Float32
from edgepose_trainer.pose.pictures import AREA_OF_BOX, Person, Picture

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """One annotations file; every annotation has what pycocotools reads."""

    path: Path
    images: list[Row]
    annotations: list[Row]
    guessed_areas: int
    """Annotations without an area of the person's outline: a share of their box is taken."""
    description: str = ""
    """Of the file, by itself."""


def load(path: Path) -> Table:
    """Raises SourceError when the file is no COCO annotations, or labels other joints than COCO's 17."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        images, annotations = list(table["images"]), list(table["annotations"])
        description = str(table.get("info", {}).get("description", ""))
        for category in table.get("categories", ()):
            _check_joints(path, category.get("keypoints"))
        if annotations and not any("keypoints" in annotation for annotation in annotations):
            raise SourceError(f"{path}: annotations without keypoints: boxes alone cannot judge a pose model")
        annotations = [annotation for annotation in annotations if "keypoints" in annotation]
        guessed = sum("area" not in annotation for annotation in annotations)
        rows = [_completed(path, annotation) for annotation in annotations]
    except OSError as error:
        raise SourceError(f"{path}: cannot read it: {error.strerror}") from None
    except KeyError as error:
        raise SourceError(f"{path}: no COCO keypoint annotations: {error} is missing") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise SourceError(f"{path}: no COCO keypoint annotations: {error}") from None
    ids = {row.get("id") for row in rows}
    if None in ids or len(ids) != len(rows):
        rows = [row | {"id": number} for number, row in enumerate(rows, 1)]
    return Table(path, images, rows, guessed, description)


def _check_joints(path: Path, names: Sequence[str] | None) -> None:
    if names and tuple(names) != COCO17.joints:
        raise SourceError(f"{path}: expected the 17 joints of COCO, got {len(names)}: {', '.join(names[:4])}, …")


def _completed(path: Path, annotation: Row) -> Row:
    """Area, crowd and count where they are missing; raises SourceError for another number of joints."""
    if len(annotation["keypoints"]) != 3 * len(COCO17):
        raise SourceError(f"{path}: expected 51 numbers for the joints, got {len(annotation['keypoints'])}")
    _, _, width, height = annotation["bbox"]
    row = {
        "category_id": 1,
        "iscrowd": 0,
        "area": AREA_OF_BOX * width * height,
        "num_keypoints": sum(state > 0 for state in annotation["keypoints"][2::3]),
    }
    return {**row, **annotation, "image_id": annotation["image_id"]}


def pictures(table: Table, folders: Sequence[Path], source: str, images: Sequence[Row] | None = None) -> list[Picture]:
    """Everybody labelled; a person without joints (too small, too many) and a crowd are ignored.

    Each file lies in one of ``folders``. Raises SourceError naming one that lies in none.
    """
    people: Mapping[object, list[Row]] = defaultdict(list)
    for row in table.annotations:
        people[row["image_id"]].append(row)
    found = []
    for image in table.images if images is None else images:
        name, rows = str(image["file_name"]), people[image["id"]]
        judged = [row for row in rows if row["num_keypoints"] and not row["iscrowd"]]
        crowds = [corners(row["bbox"]) for row in rows if row["iscrowd"] or not row["num_keypoints"]]
        boxes = np.array(crowds, np.float32).reshape(-1, 4)
        found.append(Picture(source, name, _bytes(table, folders, name), tuple(map(_person, judged)), True, boxes))
    return found


def _person(row: Row) -> Person:
    joints = np.array(row["keypoints"], np.float32).reshape(17, 3)
    head = row.get("bbox_head")  # PoseTrack's
    return Person(corners(row["bbox"]), joints, float(np.hypot(*head[2:])) if head else float("nan"))


def corners(bbox: Sequence[float]) -> Float32:
    """x, y, width, height -> (4,) xyxy."""
    x, y, width, height = bbox
    return np.array([x, y, x + width, y + height], np.float32)


def _bytes(table: Table, folders: Sequence[Path], name: str) -> bytes:
    for folder in folders:
        if (folder / name).is_file():
            return (folder / name).read_bytes()
    places = ", ".join(map(str, folders[:4]))
    raise SourceError(f"{table.path}: names the picture {name}, which lies in none of {places}")
