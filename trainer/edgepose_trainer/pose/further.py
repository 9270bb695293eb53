"""People whom no label names: a finder proposes them from the whole picture, the teacher must agree on a crop.

Both must place the same joints in the same box, and nobody known may be there already: a wrong person teaches
that background is a body, while somebody left out is only ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from edgepose import build
from edgepose.card import ModelId
from edgepose.config import PoseSettings
from edgepose.errors import ModelError
from edgepose.geometry import box_iou, oks
from edgepose.skeletons import COCO17, Skeleton
from edgepose.types import Array, Float32, Image, Pose
from edgepose_trainer.pose.pictures import AREA_OF_BOX, GUESSED, TORSO, UNKNOWN, Person, box_round, places
from edgepose_trainer.pose.table import Further
from edgepose_trainer.pose.teacher import Teacher, ask

_FOUND = 0.2  # confidence of a finder's joint that has a place
_SHARED = 4
_SIGMAS = np.asarray(COCO17.sigmas)


@dataclass(frozen=True, slots=True)
class Rules:
    """What makes a proposal a person; the table keeps them."""

    least_px: float = 24.0
    """Longer side of the box."""
    sure: float = 0.4
    """The teacher's confidence in a joint that counts ..."""
    steady: float = 0.06
    """... and the most that its crops may differ about it, of the box's longer side."""
    seen: float = 0.2
    """Confidence of a joint that only makes the box larger."""
    joints: int = 6
    """Sure ones, at least; of them so many of shoulders and hips:"""
    torso: int = 2
    agree_iou: float = 0.4
    """Of the finder's and the teacher's box, at least."""
    agree_oks: float = 0.4
    """Of their joints, where the finder has joints."""
    same_iou: float = 0.4
    """Two people with more in common are one: of the boxes, ..."""
    same_part: float = 0.65
    """... of the smaller box, ..."""
    same_oks: float = 0.3
    """... or of the joints, left and right as they are or exchanged."""


RULES = Rules()


class Finder(Protocol):
    """Finds people in whole pictures, as edgepose.estimator.Estimator does."""

    @property
    def model(self) -> ModelId: ...

    @property
    def skeleton(self) -> Skeleton: ...

    def __call__(self, image: Image) -> Sequence[Pose]: ...


def finder(model: str, models_dir: Path | None, least: float) -> Finder:
    """A pose model or person detector by name, folder or weights file; raises SettingsError and ModelError."""
    settings = PoseSettings(model=model, threads=1, min_score=least)
    found = build.estimator(settings, models_dir, boxes=True)
    if found.decoder.needs_boxes and found.detector is None:
        raise ModelError(f"{model}: needs boxes itself: it cannot find people in whole pictures")
    return found


def search(finder: Finder, teacher: Teacher, image: Image, known: Sequence[Person], least: float) -> list[Further]:
    """People in ``image`` who are none of ``known``, those of whom the finder is surest first."""
    taken, found = list(known), []
    size_wh = np.array(image.shape[1::-1], np.float32)
    for pose in sorted(finder(image), key=lambda pose: -pose.score):
        proposed = _proposed(pose, finder.skeleton, size_wh)
        if pose.score < least or proposed is None or any(_same(proposed, other) for other in taken):
            continue
        answer = ask(teacher, image, replace(proposed, box_xyxy=pose.box_xyxy))
        further = _agreed(answer, proposed, pose.score, size_wh)
        if further is not None and not any(_same(person(further), other) for other in taken):
            found.append(further)
            taken.append(person(further))
    return found


def person(further: Further) -> Person:
    """For the trainer: joints of which the teacher is sure are guesses, all others unknown."""
    sure = _sure(further.answer, further.box_xyxy)
    joints = np.where(sure[:, None], np.column_stack([further.answer[:, :2], np.full(17, GUESSED)]), [0, 0, UNKNOWN])
    return Person(further.box_xyxy, joints.astype(np.float32))


def _proposed(pose: Pose, skeleton: Skeleton, size_wh: Float32) -> Person | None:
    """The finder's person, boxed round the joints where it has COCO's; None: too small, or no box at all."""
    joints = np.full((17, 3), (0, 0, UNKNOWN), np.float32)
    box = pose.box_xyxy
    if not np.isfinite(box).all() or float((box[2:] - box[:2]).max()) < RULES.least_px:
        return None
    if skeleton.name == COCO17.name:
        placed = pose.keypoints[:, 2] > _FOUND
        joints[placed] = np.column_stack([pose.keypoints[placed, :2], np.full(int(placed.sum()), GUESSED)])
        box = box_round(pose.keypoints[placed, :2], size_wh) if placed.any() else box
    return Person(box, joints)


def _sure(answer: Float32, box_xyxy: Float32) -> Array:
    length = float((box_xyxy[2:] - box_xyxy[:2]).max())
    return np.asarray((answer[:, 2] > RULES.sure) & (answer[:, 3] < RULES.steady * length))


def _agreed(answer: Float32, proposed: Person, score: float, size_wh: Float32) -> Further | None:
    """The person as the teacher sees them; None where it is not sure enough, or means something else."""
    seen = answer[:, 2] > RULES.seen
    if seen.sum() < RULES.joints:
        return None
    box = box_round(answer[seen, :2], size_wh)
    inside = np.logical_and(answer[:, :2] >= 0, answer[:, :2] < size_wh).all(axis=1)
    answer = np.column_stack([answer[:, :2], answer[:, 2] * inside, answer[:, 3]]).astype(np.float32)
    sure = _sure(answer, box)
    if sure.sum() < RULES.joints or sure[TORSO].sum() < RULES.torso:
        return None
    if float((box[2:] - box[:2]).max()) < RULES.least_px:
        return None
    if box_iou(box[None], proposed.box_xyxy[None])[0, 0] < RULES.agree_iou:
        return None
    if proposed.located.any():
        told = np.where(sure[:, None], answer[:, :2], np.float32("nan"))
        if oks(told, places(proposed.joints), AREA_OF_BOX * _area(box), _SIGMAS) < RULES.agree_oks:
            return None
    return Further(answer, box, score)


def _area(box_xyxy: Float32) -> float:
    return float((box_xyxy[2:] - box_xyxy[:2]).prod())


def _same(a: Person, b: Person) -> bool:
    """Whether two are one, by their boxes or by the joints that both have."""
    if box_iou(a.box_xyxy[None], b.box_xyxy[None])[0, 0] > RULES.same_iou:
        return True
    sides = np.minimum(a.box_xyxy[2:], b.box_xyxy[2:]) - np.maximum(a.box_xyxy[:2], b.box_xyxy[:2])
    smaller = min(_area(a.box_xyxy), _area(b.box_xyxy))
    if np.maximum(sides, 0).prod() > RULES.same_part * smaller:
        return True
    mine, other = places(a.joints), places(b.joints)
    return any(_alike(mine[order], other, smaller) for order in (np.arange(17), COCO17.mirror))


def _alike(a: Float32, b: Float32, area: float) -> bool:
    """By the OKS of the shared joints, when there are enough: two hands that touch are not one person."""
    shared = np.isfinite(a[:, 0]) & np.isfinite(b[:, 0])
    return bool(shared.sum() >= _SHARED and oks(a, b, AREA_OF_BOX * area, _SIGMAS) > RULES.same_oks)
