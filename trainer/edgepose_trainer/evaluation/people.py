"""All labelled people side by side with what a model found of them, and people who are not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgepose.geometry import box_iou
from edgepose.skeletons import COCO17
from edgepose.types import Array, Float32
from edgepose_trainer import pck
from edgepose_trainer.pose.pictures import Picture
from edgepose_trainer.pose.validation import Found, answers

FOUND_IOU = 0.4
"""Overlap of boxes from which somebody counts as found in the table of people found."""
_IN_CROWD = 0.5


@dataclass(frozen=True, slots=True)
class People:
    """N labelled people of all pictures."""

    picture: Array
    """(N,) index of their picture."""
    source: Array
    """(N,) its source."""
    truth: Array
    """(N, 17, 2) px, NaN: not labelled."""
    joints: Array
    """(N, 17, 2) px as found, NaN: not found, or the person was missed."""
    answer: Array
    """(N,) index of the found person in their picture, -1: missed."""
    found: Array
    """(N, 1) 1: overlaps by ``FOUND_IOU``, 0: not."""
    boxes: Float32
    """(N, 4) xyxy."""
    share: Array
    """(N,) height of the box, of the picture's height."""
    head_px: Array
    """(N,) NaN: no head labelled."""
    right: Array
    """(N, 17) PCK@0.2."""

    @property
    def height_px(self) -> Array:
        return np.asarray(self.boxes[:, 3] - self.boxes[:, 1])

    def pckh(self, factor: float) -> Array:
        """(N, 17) PCKh@0.5."""
        return pck.pckh(self.truth, self.joints, self.head_px, factor)


def side_by_side(pictures: Sequence[Picture], found: Sequence[Found], heights_px: Sequence[int]) -> People:
    """Everybody labelled and matched; ``heights_px`` are the pictures'."""
    met = [answers(picture, seen) for picture, seen in zip(pictures, found, strict=True)]
    truth, joints, index = (np.concatenate(parts) for parts in zip(*met, strict=True))
    everybody = [(number, person) for number, picture in enumerate(pictures) for person in picture.people]
    picture_of = np.array([number for number, _ in everybody], int)
    boxes = np.array([person.box_xyxy for _, person in everybody], np.float32).reshape(-1, 4)
    return People(
        picture=picture_of,
        source=np.array([pictures[number].source for number in picture_of]),
        truth=truth,
        joints=joints,
        answer=index,
        found=(_iou(boxes, found, picture_of, index) >= FOUND_IOU).astype(float)[:, None],
        boxes=boxes,
        share=(boxes[:, 3] - boxes[:, 1]) / np.array(heights_px)[picture_of],
        head_px=np.array([person.head_px for _, person in everybody], float),
        right=pck.pck(truth, joints, COCO17),
    )


def _iou(boxes: Float32, found: Sequence[Found], picture_of: Array, answer: Array) -> Array:
    """(N,) overlap of the labelled box with that of the person's answer; 0 without one."""
    pairs = zip(boxes, picture_of, answer, strict=True)
    return np.array([box_iou(box[None], found[of].boxes[[row]])[0, 0] if row >= 0 else 0.0 for box, of, row in pairs])


def strangers(picture: Picture, seen: Found) -> Array:
    """(P,) which found people are nobody who is labelled, doubles included; in a crowd nobody can tell."""
    mine = answers(picture, seen)[2]
    alone = np.ones(len(seen.boxes), bool)
    alone[mine[mine >= 0]] = False
    return alone & (_covered(seen.boxes, picture.crowds) < _IN_CROWD)


def _covered(boxes: Float32, crowds: Float32) -> Array:
    """(P,) largest part of each box that lies in one of the crowds."""
    if not len(crowds) or not len(boxes):
        return np.zeros(len(boxes))
    low = np.maximum(boxes[:, None, :2], crowds[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], crowds[None, :, 2:])
    inside = np.clip(high - low, 0, None).prod(axis=2).max(axis=1)
    return np.asarray(inside / np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-6))
