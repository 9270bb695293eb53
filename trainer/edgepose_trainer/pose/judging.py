"""What a model folder is worth on pictures kept aside: the device's own path, from picture to people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgepose import models
from edgepose.decoders import DecoderSettings
from edgepose.estimator import Estimator
from edgepose.types import Array, Float32, Pose
from edgepose_trainer.pck import per_cent
from edgepose_trainer.pose import validation
from edgepose_trainer.pose.pictures import LIMBS, Person, Picture, decoded
from edgepose_trainer.pose.validation import Found, average_precision, share_found

_ALL_SCORES = 0.01
"""For OKS-AP, which ranks all answers; other figures use the device's threshold."""
_SMALL_PX = 64.0


@dataclass(frozen=True, slots=True)
class Line:
    """One figure."""

    name: str
    value: float
    unit: str
    data: str


def estimator(folder: Path, settings: DecoderSettings | None = None) -> Estimator:
    """As the device builds it, one thread."""
    runtime, decoder, model = models.load_pose(folder, models.Engine(threads=1), settings or DecoderSettings())
    return Estimator(runtime, decoder, model)


def search(find: Estimator, pictures: Sequence[Picture]) -> list[Found]:
    """What the model finds in each picture by itself."""
    return [in_order(find(decoded(picture))) for picture in pictures]


def in_order(poses: Sequence[Pose]) -> Found:
    """The best first."""
    poses = sorted(poses, key=lambda pose: -pose.score)
    boxes = np.array([pose.box_xyxy for pose in poses], np.float32).reshape(-1, 4)
    joints = np.array([pose.keypoints for pose in poses], np.float32).reshape(-1, 17, 3)
    return Found(boxes, np.array([pose.score for pose in poses], np.float32), joints)


def outcomes(pictures: Sequence[Picture], found: Sequence[Found], least_px: float = 0.0) -> Array:
    """(people, 17) 1 right, 0 wrong, NaN not labelled, of people whose box is at least ``least_px`` high."""
    rows = [
        validation.outcomes(picture, seen)[[_height(person) >= least_px for person in picture.people]]
        for picture, seen in zip(pictures, found, strict=True)
        if picture.people
    ]
    return np.concatenate(rows) if rows else np.empty((0, 17))


def judge(find: Estimator, aside: Sequence[Picture]) -> list[Line]:
    """The figures of the card; sources that are not there, or without labelled joints, are left out."""
    lines = []
    for source, data, least_px in (
        ("lspet", "LSPET kept aside, whole picture, 12 limb joints", 0.0),
        ("stanford40", "Stanford 40 kept aside (keypoints by a network), 12 limb joints", 0.0),
        ("coco_train_kp", f"COCO pictures kept aside, people of at least {_SMALL_PX:.0f} px", _SMALL_PX),
        ("courtside", "court-level tennis, a video kept aside, joints of which the teacher is sure", 0.0),
        ("synthetic", f"rendered pictures kept aside, people of at least {_SMALL_PX:.0f} px", _SMALL_PX),
    ):
        chosen = [picture for picture in aside if picture.source == source and picture.people]
        if not chosen:
            continue
        found = search(find, chosen)
        right = per_cent(outcomes(chosen, found, least_px)[:, LIMBS])
        if np.isfinite(right):
            lines.append(Line("PCK@0.2", round(right, 1), "%", data))
        lines.append(Line("people found (IoU >= 0.4)", round(share_found(chosen, found), 1), "%", data))
    return lines


def coco_ap(folder: Path, aside: Sequence[Picture]) -> float:
    """OKS-AP .50:.95 on the COCO pictures kept aside."""
    chosen = [picture for picture in aside if picture.source == "coco_train_kp"]
    return average_precision(chosen, search(estimator(folder, DecoderSettings(min_score=_ALL_SCORES)), chosen))


def _height(person: Person) -> float:
    box: Float32 = person.box_xyxy
    return float(box[3] - box[1])
