"""All labelled people side by side with what a model found of them, and people who are not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgepose.skeletons import COCO17
from edgepose.types import Array, Float32
from edgepose_trainer import pck
from edgepose_trainer.pose.pictures import Picture, places
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
    pairs = [answers(picture, seen) for picture, seen in zip(pictures, found, strict=True)]
    everybody = [(index, person) for index, picture in enumerate(pictures) for person in picture.people]
    picture_of = np.array([index for index, _ in everybody], int)
    truth = places(np.array([person.joints for _, person in everybody], np.float32).reshape(-1, 17, 3))
    joints = np.concatenate([pair[0] for pair in pairs])
    boxes = np.array([person.box_xyxy for _, person in everybody], np.float32).reshape(-1, 4)
    return People(
        picture=picture_of,
        source=np.array([pictures[index].source for index in picture_of]),
        truth=truth,
        joints=joints,
        answer=np.concatenate([pair[1] for pair in pairs]),
        found=(np.concatenate([pair[2] for pair in pairs]) >= FOUND_IOU).astype(float)[:, None],
        boxes=boxes,
        share=(boxes[:, 3] - boxes[:, 1]) / np.array(heights_px)[picture_of],
        head_px=np.array([person.head_px for _, person in everybody], float),
        right=pck.pck(truth, joints, COCO17),
    )


def strangers(picture: Picture, seen: Found) -> Array:
    """(P,) which found people are nobody who is labelled, doubles included; in a crowd nobody can tell."""
    mine = answers(picture, seen)[1]
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
