"""What person detectors share: which class is a person, and from finished boxes to people without joints."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import numpy as np

from edgepose import yolo
from edgepose.decoders import DecoderSettings, people_in_frame
from edgepose.errors import ModelError
from edgepose.geometry import Letterbox
from edgepose.runtimes import Signature
from edgepose.types import Array, Float32, Pose

_PEOPLE = ("person", "people", "pedestrian", "human", "player")
_USUAL_CLASSES = (1, 20, 80, 91, 365)  # people only, VOC, COCO, COCO with its gaps, Objects365
_VOC_CLASSES, _VOC_PERSON = 20, 14
_BARE_FILE = 17  # joints that are asked for where no card names a skeleton
MOST_CLASSES = 365
"""Where the outputs do not tell how many classes there are."""


def wanted(network: Signature, joints: int) -> bool:
    """Whether a file may be a detector: nobody asks for other joints, and an Ultralytics export says nothing else."""
    detects = network.metadata.get("task", "detect") == "detect" and "kpt_shape" not in network.metadata
    return detects and joints in (0, _BARE_FILE) and len(network.inputs) == 1 and _is_image(network.inputs[0].shape)


def _is_image(shape: tuple[int | None, ...]) -> bool:
    return len(shape) == 4 and 3 in (shape[1], shape[3])


def has_a_row_per_cell(network: Signature, rows: int | None, columns: int, anchors: int) -> bool:
    """Whether there are so many rows for each cell; where the input's size is open: many, and more than columns."""
    counts = yolo.rows_of_cells(network, anchors)
    return rows is None or (rows in counts if counts else rows > max(columns, yolo.FINISHED_ROWS))


def is_usual(classes: int) -> bool:
    """Whether a row with so many classes is hardly a pose's."""
    return classes in _USUAL_CLASSES


def person_choices(metadata: Mapping[str, str], classes: int, settings: DecoderSettings) -> tuple[str, ...]:
    """The option ``person``: every class index, the default first.

    The default is the only class, or the one that the export's ``names`` call a person; without names
    it is COCO's 0, with 20 classes VOC's 14. Raises ModelError when the names have no person.
    """
    default = 0
    if classes > 1 and "person" not in settings.options:
        default = _named_person(metadata) if "names" in metadata else _VOC_PERSON if classes == _VOC_CLASSES else 0
    return (str(default), *(str(index) for index in range(classes) if index != default))


def _named_person(metadata: Mapping[str, str]) -> int:
    try:
        names = ast.literal_eval(metadata["names"])
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        by_name = {str(name).lower(): int(index) for index, name in pairs}
    except (ValueError, SyntaxError, TypeError):
        raise ModelError(
            f"metadata names {metadata['names'][:60]!r} are no class names: set its option person"
        ) from None
    found = list(by_name.values()) if len(by_name) == 1 else [by_name[name] for name in _PEOPLE if name in by_name]
    if not found:
        raise ModelError(f"its classes are {', '.join(by_name)[:120]}: none is a person: set its option person")
    return found[0]


def best(scores: Float32, is_person: Array, settings: DecoderSettings) -> Array:
    """(N,) scores of boxes without duplicates, (N,) which are people -> indices of those who count, best first.

    Raises ModelError when a score is not finite, of another class too: broken is not nobody.
    """
    yolo.over_threshold(scores, settings)
    found = np.flatnonzero(is_person)
    found = found[yolo.over_threshold(scores[found], settings)]
    return found[np.argsort(-scores[found], kind="stable")][: settings.most_people]


def people(boxes_xyxy: Float32, scores: Float32, place: Letterbox) -> list[Pose]:
    """(N, 4) boxes in input px -> people without joints; a box outside the frame is none.

    Raises ModelError when a box is not a number.
    """
    if np.isnan(boxes_xyxy).any():
        raise ModelError("the network's boxes are not finite: broken weights or wrong input range")
    poses = people_in_frame(boxes_xyxy, scores, np.zeros((len(boxes_xyxy), 0, 3), np.float32), place)
    return [pose for pose in poses if (pose.box_xyxy[2:] > pose.box_xyxy[:2]).all()]
