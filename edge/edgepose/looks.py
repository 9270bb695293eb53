"""Closer looks: people whom the tracker follows get a square of the frame each, enlarged for the network.

A camera that sees a whole court shows players of 40 px in a network's input; enlarged they are 140 px long. The whole
picture is still searched now and then for people whom nobody follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edgepose.geometry import box_iou
from edgepose.types import Array, Float32, Image, Pose, Track

PEOPLE, PICTURE = "people", "picture"
"""Option ``look``: closely at everybody followed, or at the whole picture once a frame."""
GREY = (114, 114, 114)
_SIDE = 2.0
"""Of a person's longer side: courtpose-n knows people of 140 px in its input of 288 best (bench/pose.md)."""
_LEAST_PX = 32.0
_MOST = 4
"""People with a look of their own; in larger crowds everybody shares the whole picture."""
_GAIN = 1.25
"""A closer look enlarges by at least so much, else the whole picture shows as much."""
_SEARCH_EVERY = 5
"""Frames between searches of the whole picture, while everybody known has a closer look."""
_SAME_IOU = 0.3
_MARGIN = 0.02


@dataclass(frozen=True, slots=True)
class Look:
    """One picture for the network."""

    picture: Image
    """(H, W, 3) BGR: the frame itself, or a square of it enlarged."""
    frame_wh: tuple[int, int]
    square_xyxy: tuple[float, float, float, float] | None = None
    """The part of the frame; it may reach over the edge. None: all of it."""
    followed: Float32 | None = None
    """(N, 4) boxes of people who have looks of their own."""

    def people(self, found: Sequence[Pose]) -> list[Pose]:
        """The poses in px of the frame; without people cut off by the square's edge or seen better by another look."""
        if self.square_xyxy is None:
            return [pose for pose in found if not self._elsewhere(pose)]
        left, top, right, _ = self.square_xyxy
        scale = self.picture.shape[1] / (right - left)
        placed = [_placed(pose, scale, (left, top), self.frame_wh) for pose in found]
        return [pose for pose in placed if not _cut(pose.box_xyxy, self.square_xyxy, self.frame_wh)]

    def _elsewhere(self, pose: Pose) -> bool:
        if self.followed is None or not len(self.followed):
            return False
        return bool(box_iou(pose.box_xyxy[None], self.followed).max() >= _SAME_IOU)


class Looker:
    """What a network of one input size is shown of each frame."""

    def __init__(self, input_wh: tuple[int, int]) -> None:
        self._input_wh = input_wh
        self._turn = 0

    def looks(self, image: Image, people: Sequence[Track]) -> list[Look]:
        """One per person whom it shows better, and the whole picture when that must be searched."""
        frame_wh = (image.shape[1], image.shape[0])
        boxes = np.array([track.pose.box_xyxy for track in people], np.float32).reshape(-1, 4)
        boxes = boxes[np.isfinite(boxes).all(axis=1)]
        small = self._small(boxes, frame_wh)
        if not small.any() or len(boxes) > _MOST:
            return [Look(image, frame_wh)]
        looks = [self._closer(image, square) for square in _squares(boxes[small])]
        self._turn = (self._turn + 1) % _SEARCH_EVERY
        return looks if self._turn and small.all() else [*looks, Look(image, frame_wh, followed=boxes[small])]

    def _small(self, boxes: Float32, frame_wh: tuple[int, int]) -> Array:
        """(N,) whether a closer look enlarges somebody enough."""
        whole = max(frame_wh[0] / self._input_wh[0], frame_wh[1] / self._input_wh[1])
        return np.asarray(_sides(boxes) / min(self._input_wh) * _GAIN <= whole)

    def _closer(self, image: Image, square: Array) -> Look:
        left, top, side = square.tolist()
        pixels = min(self._input_wh)
        scale = pixels / side
        onto = np.array([[scale, 0, -left * scale + (scale - 1) / 2], [0, scale, -top * scale + (scale - 1) / 2]])
        part = cv2.warpAffine(image, onto, (pixels, pixels), flags=cv2.INTER_LINEAR, borderValue=GREY)
        return Look(np.asarray(part, np.uint8), (image.shape[1], image.shape[0]), (left, top, left + side, top + side))


def _sides(boxes: Float32) -> Array:
    """(N,) of the squares, px."""
    return np.asarray(np.maximum(_SIDE * (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0), _LEAST_PX))


def _squares(boxes: Float32) -> Array:
    """(N, 3) left, top and side, px."""
    side = _sides(boxes).astype(np.float64)
    return np.column_stack([(boxes[:, :2] + boxes[:, 2:] - side[:, None]) / 2, side])


def _placed(pose: Pose, scale: float, corner: tuple[float, float], frame_wh: tuple[int, int]) -> Pose:
    """A square's pose in the frame, cut at its edge."""
    keypoints = pose.keypoints.copy()
    keypoints[:, :2] = np.clip(keypoints[:, :2] / scale + corner, 0, frame_wh)
    box = np.clip(pose.box_xyxy.reshape(2, 2) / scale + corner, 0, frame_wh)
    return Pose(keypoints, box.reshape(4).astype(np.float32), pose.score)


def _cut(box: Float32, square: tuple[float, float, float, float], frame_wh: tuple[int, int]) -> bool:
    """Whether the box reaches the square's edge where the frame goes on."""
    margin = _MARGIN * (square[2] - square[0])
    low, high = np.array(square[:2]) + margin, np.array(square[2:]) - margin
    beyond_low = (box[:2] < low) & (low > margin)
    beyond_high = (box[2:] > high) & (high < np.array(frame_wh) - margin)
    return bool((beyond_low | beyond_high).any())
