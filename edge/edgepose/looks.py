"""Closer looks: people whom the tracker follows get a square of the frame each, enlarged to the network's input.

A camera that sees a whole court shows players of 40 px in a network's input; enlarged they are 180 px long. The whole
picture is still searched now and then for people whom nobody follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edgepose.decoders import View
from edgepose.geometry import Letterbox, box_iou
from edgepose.preprocess import Letterboxer
from edgepose.types import Array, Float32, Image, Pose, Track

GREY = (114, 114, 114)
_SIDE = 1.6
"""Of a person's longer side: room for the next step, and for an arm and a racket."""
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
    """What one input shows."""

    place: Letterbox
    square_xyxy: tuple[float, float, float, float] | None = None
    """The part of the frame; None: all of it."""
    followed: Float32 | None = None
    """(N, 4) boxes of people who have looks of their own."""

    def admits(self, pose: Pose) -> bool:
        """Not somebody cut off by the square's edge, nor, in the whole picture, somebody seen better elsewhere."""
        if self.square_xyxy is not None:
            return not _cut(pose.box_xyxy, self.square_xyxy, self.place.frame_wh)
        if self.followed is None or not len(self.followed):
            return True
        return bool(box_iou(pose.box_xyxy[None], self.followed).max() < _SAME_IOU)


class Looker:
    """Views for a network that is made for whole, letterboxed pictures."""

    def __init__(self, letterboxer: Letterboxer, input_wh: tuple[int, int], closer: bool) -> None:
        """``letterboxer``: of whole pictures; without ``closer`` looks it is all that is used."""
        self._whole, self._input_wh, self._closer = letterboxer, input_wh, closer
        self._enlarged = letterboxer.another()
        self._turn = 0

    def views(self, image: Image, people: Sequence[Track] | None) -> list[View]:
        """One per person whom a closer look shows better, and the whole picture when it must be searched."""
        boxes = np.array([track.pose.box_xyxy for track in people or ()], np.float32).reshape(-1, 4)
        squares = self._squares(boxes, image) if self._closer else np.empty((0, 3))
        if not len(squares):
            return [self._view(image, None)]
        views = [self._look(image, *square) for square in squares.tolist()]
        self._turn = (self._turn + 1) % _SEARCH_EVERY
        if self._turn and len(squares) == len(boxes):
            return views
        return [*views, self._view(image, boxes[self._small(boxes, image)])]

    def _view(self, image: Image, followed: Float32 | None) -> View:
        tensor, place = self._whole(image)
        return View(tensor, Look(place, followed=followed))

    def _small(self, boxes: Float32, image: Image) -> Array:
        """(N,) whether a closer look enlarges somebody enough."""
        whole = max(image.shape[1] / self._input_wh[0], image.shape[0] / self._input_wh[1])
        long = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
        small = _sides(long) / min(self._input_wh) * _GAIN <= whole
        return np.asarray(small & np.isfinite(boxes).all(axis=1))

    def _squares(self, boxes: Float32, image: Image) -> Array:
        """(N, 3) left, top and side, px of the frame."""
        if len(boxes) > _MOST:
            return np.empty((0, 3))
        small = boxes[self._small(boxes, image)].astype(np.float64)
        side = _sides((small[:, 2:] - small[:, :2]).max(axis=1, initial=0))
        corner = (small[:, :2] + small[:, 2:] - side[:, None]) / 2
        return np.column_stack([corner, side])

    def _look(self, image: Image, left: float, top: float, side: float) -> View:
        width, height = self._input_wh
        scale = min(width, height) / side
        pad_x, pad_y = (width - side * scale) / 2 - left * scale, (height - side * scale) / 2 - top * scale
        shrink = np.array([[scale, 0, pad_x + (scale - 1) / 2], [0, scale, pad_y + (scale - 1) / 2]])
        part = cv2.warpAffine(image, shrink, (width, height), flags=cv2.INTER_LINEAR, borderValue=GREY)
        tensor, _ = self._enlarged(np.asarray(part, np.uint8))
        frame_wh = (image.shape[1], image.shape[0])
        place = Letterbox((scale, scale), pad_x, pad_y, width, height, frame_wh)
        return View(tensor, Look(place, (left, top, left + side, top + side)))


def _sides(long: Array) -> Array:
    return np.asarray(np.maximum(_SIDE * long, _LEAST_PX))


def _cut(box: Float32, square: tuple[float, float, float, float], frame_wh: tuple[int, int]) -> bool:
    """Whether the box reaches the square's edge where the frame goes on."""
    margin = _MARGIN * (square[2] - square[0])
    low, high = np.array(square[:2]) + margin, np.array(square[2:]) - margin
    beyond_low = (box[:2] < low) & (low > margin)
    beyond_high = (box[2:] > high) & (high < np.array(frame_wh) - margin)
    return bool((beyond_low | beyond_high).any())
