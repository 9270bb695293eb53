"""What a pose model is judged on: kept-aside pictures of the trainer's folder, or any folder with COCO keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgepose.errors import SettingsError, SourceError
from edgepose_trainer.pose import coco, labels, sources
from edgepose_trainer.pose.pictures import AREA_OF_BOX, Picture, spread

_COCO_SOURCE = "coco_train_kp"


@dataclass(frozen=True, slots=True)
class Judged:
    """Pictures, and the annotations file that OKS-AP goes by, where one labels everybody."""

    pictures: tuple[Picture, ...]
    words: str
    table: coco.Table | None
    image_ids: tuple[Any, ...]
    """Of the table, one for each picture of ``source_of_table`` in the same order."""
    source_of_table: str = ""
    remarks: tuple[str, ...] = ()


def read(folder: Path, annotations: Path | None, teacher: Path | None, everything: bool, limit: int | None) -> Judged:
    """Raises SourceError and SettingsError, in one line, for a folder without labels."""
    if not folder.is_dir():
        raise SettingsError(f"{folder}: expected a folder of labelled pictures")
    if annotations is None and sources.files(folder):
        judged = _of_trainer(folder, teacher, everything, limit)
    elif teacher is not None:
        raise SettingsError("--labels belongs to pose pictures as for `train pose`, which are not judged here")
    else:
        judged = _of_coco(folder, annotations or _only_json(folder), limit)
    if not any(person.located.any() for picture in judged.pictures for person in picture.people):
        raise SourceError(f"{folder}: {len(judged.pictures)} pictures to judge by, and no labelled joint in them")
    return judged


def _of_trainer(folder: Path, teacher: Path | None, everything: bool, limit: int | None) -> Judged:
    found = sources.read(folder)
    found = labels.merged(found, labels.load(teacher)) if teacher else found
    chosen = [p for p in found if everything or p.validation or _empty(p)]
    chosen = spread(chosen, limit) if limit else chosen
    names = [picture.name for picture in chosen if picture.source == _COCO_SOURCE]
    table = coco.load(folder / _COCO_SOURCE / "annotations.json") if names else None
    by_name = {image["file_name"]: image["id"] for image in table.images} if table else {}
    words = "all pictures, those trained on too" if everything else "pictures that `train pose` keeps aside"
    return Judged(
        tuple(chosen), words, table, tuple(by_name[n] for n in names), _COCO_SOURCE, _remarks(chosen, teacher)
    )


def _empty(picture: Picture) -> bool:
    return picture.everyone and not picture.people and not len(picture.crowds)


def _remarks(pictures: Sequence[Picture], teacher: Path | None) -> tuple[str, ...]:
    there = {picture.source for picture in pictures}
    known = {
        "lspet": "lspet labels one person a picture and no faces; other people are neither right nor wrong.",
        "stanford40": "stanford40's joints were found by a large network, hidden ones are its guesses.",
        "courtside": "courtside's frames come from one or two videos and are much alike: its intervals are too narrow.",
        "coco_nopeople": "coco_nopeople (pictures without people) is among the training pictures of `train pose`.",
    }
    filled = ["Joints that a source leaves open are a teacher network's, where it was sure."] if teacher else []
    return tuple([text for source, text in known.items() if source in there] + filled)


def _only_json(folder: Path) -> Path:
    found = [*sorted(folder.glob("*.json")), *sorted(folder.glob("annotations/*.json"))]
    if not found:
        raise SettingsError(
            f"{folder}: no labels in it: expected COCO keypoints (.json, or --annotations FILE) or the pictures of "
            "`train pose`"
        )
    if len(found) > 1:
        raise SettingsError(f"{folder}: {len(found)} .json files: say which with --annotations")
    return found[0]


def _of_coco(folder: Path, path: Path, limit: int | None) -> Judged:
    table = coco.load(path)
    images = spread(table.images, limit) if limit else table.images
    places = [folder, folder / "images", path.parent, path.parent / "images"]
    places += sorted(child for child in folder.iterdir() if child.is_dir())
    pictures = coco.pictures(table, places, path.stem, images)
    remarks = []
    if table.guessed_areas:
        remarks.append(f"{table.guessed_areas} annotations have no area: {AREA_OF_BOX} of their box is taken, for OKS.")
    ids = tuple(image["id"] for image in images)
    return Judged(tuple(pictures), f"all pictures of {path.name}", table, ids, path.stem, tuple(remarks))
