"""How well a pose network sees drawn players: its keypoints against the exact ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from edgepose.estimator import Estimator
from edgepose.geometry import box_iou
from edgepose.skeletons import COCO17
from edgepose.types import Array, Float32, Image
from edgepose_trainer import pck
from edgepose_trainer.pose.pictures import ABSENT, SEEN
from edgepose_trainer.pose.teacher import Teacher
from edgepose_trainer.render.pictures import Labelled

Finder = Callable[[Image, Float32], Float32]
"""A picture and a person's (4,) box -> (17, 3) x, y px, confidence; NaN, NaN, 0 where nothing was found."""
_CROP_SIDE = 192
_CROP_FACTOR = 1.25


@dataclass(frozen=True, slots=True)
class Judged:
    """P people."""

    score: Array
    """(P, 17) the network's."""
    right: Array
    """(P, 17) 1 within 0.2 torsos of the truth, 0 not; NaN: outside the picture."""
    seen: Array
    """(P, 17) bool: not hidden."""
    height_px: Array
    """(P,) of the box."""


def judged(find: Finder, drawn: Iterable[Labelled]) -> Judged:
    """Everybody of whom the picture shows shoulders and hips, hidden or not."""
    score, right, seen, height_px = [], [], [], []
    torso = COCO17.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    for picture in drawn:
        for box, joints in zip(picture.boxes_xyxy, picture.joints, strict=True):
            if (joints[torso, 2] == ABSENT).any():
                continue
            truth = np.where(joints[:, 2:] == ABSENT, np.nan, joints[:, :2])
            found = find(picture.image, box)
            score.append(found[:, 2])
            right.append(pck.pck(truth[None], found[None, :, :2], COCO17)[0])
            seen.append(joints[:, 2] == SEEN)
            height_px.append(float(box[3] - box[1]))
    return Judged(np.array(score), np.array(right, np.float64), np.array(seen), np.array(height_px))


def in_crop(teacher: Teacher) -> Finder:
    """A top-down network, given a square round the true box."""

    def find(image: Image, box: Float32) -> Float32:
        middle = (box[:2] + box[2:]) / 2
        scale = _CROP_SIDE / (_CROP_FACTOR * float((box[2:] - box[:2]).max()))
        shrink = np.column_stack([np.eye(2) * scale, _CROP_SIDE / 2 - scale * middle])
        crop = cv2.warpAffine(image, shrink, (_CROP_SIDE, _CROP_SIDE), flags=cv2.INTER_LINEAR)
        told = teacher(np.asarray(crop, np.uint8))
        places = (told[:, :2] * _CROP_SIDE - _CROP_SIDE / 2) / scale + middle
        return np.column_stack([places, told[:, 2]]).astype(np.float32)

    return find


def by_itself(estimator: Estimator, least_iou: float = 0.3) -> Finder:
    """A network that finds people in the whole picture: of its answers, the one whose box fits best."""

    def find(image: Image, box: Float32) -> Float32:
        poses = estimator(image)
        fit = [float(box_iou(pose.box_xyxy[None], box[None])[0, 0]) for pose in poses]
        if not fit or max(fit) < least_iou:
            return np.tile(np.array([np.nan, np.nan, 0], np.float32), (17, 1))
        return poses[int(np.argmax(fit))].keypoints

    return find
