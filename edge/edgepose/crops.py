"""Boxes of people -> one crop each in a network's input, and points of the crops back into the frame.

Two ways (seed_systems.md §4): "affine", as HRNet, SimplePose's training and RTMPose have it: the box made as wide or
as high as the input's aspect asks, × 1.25, black beyond the picture; "resize", SimplePose's demo: the box × 1.25,
clipped to the picture, its aspect lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from edgepose.decoders import View
from edgepose.errors import ModelError
from edgepose.preprocess import IMAGENET_MEAN, IMAGENET_STD, InputSpec, image_input, value_table
from edgepose.runtimes import Tensor
from edgepose.skeletons import SKELETONS, Skeleton
from edgepose.types import Array, Float32, Image, Pose, Track

PIXELS = ("imagenet", "unit", "bytes")
"""What a network wants: ImageNet's mean and deviation taken out, 0..1, or 0..255 (it does the rest itself)."""
COLOURS = ("rgb", "bgr")
WAYS = ("affine", "resize")

_ENLARGED = 1.25
_LEAST_SIDE_PX = 1.0
_COUNTS = 0.2  # HRNet's and MMPose's evaluation: joints below do not count for the person's score


@dataclass(frozen=True, slots=True)
class Crops:
    """The people of one frame that have a crop."""

    boxes_xyxy: Float32
    """(N, 4) as given."""
    scores: Float32
    """(N,) of the boxes."""
    areas_xywh: Array
    """(N, 4) float64, px of the frame; "affine" areas may reach over its edge."""

    def __len__(self) -> int:
        return len(self.scores)

    def part(self, start: int, stop: int) -> Crops:
        return Crops(self.boxes_xyxy[start:stop], self.scores[start:stop], self.areas_xywh[start:stop])

    def people(self, found: Float32, grid_wh: tuple[int, int]) -> list[Pose]:
        """(N, K, 3) x, y in cells of a grid over each crop, confidence -> people in px of the frame.

        A person's score is the box's score times the mean confidence of the joints above 0.2 (0 when there is none),
        as HRNet and MMPose evaluate it. Nobody is dropped: their box was sure enough for the detector.
        """
        keypoints = np.array(found, np.float32)
        keypoints[..., :2] = self.areas_xywh[:, None, :2] + found[..., :2] * (self.areas_xywh[:, None, 2:] / grid_wh)
        counts = found[..., 2] > _COUNTS
        mean = (found[..., 2] * counts).sum(axis=1) / counts.sum(axis=1).clip(1)
        return [
            Pose(points, box, float(score))
            for points, box, score in zip(keypoints, self.boxes_xyxy, self.scores * mean, strict=True)
        ]


@dataclass(slots=True)
class Shown:
    """What the rows of one or more views show: the crops, then their mirror images where these are wanted."""

    crops: Crops
    rows: int
    answers: list[Array] = field(default_factory=list)

    def complete(self, answer: Array) -> Array | None:
        """Takes the (B, ...) answer to one view -> (rows, ...) once all are there, without what only filled a batch."""
        self.answers.append(answer)
        if sum(map(len, self.answers)) < self.rows:
            return None
        whole = np.concatenate(self.answers)[: self.rows] if len(self.answers) > 1 else answer[: self.rows]
        self.answers.clear()
        return whole


class Cropper:
    """Inputs (B, 3, H, W) or (B, H, W, 3) of a network that looks at one person at a time.

    An open batch takes everybody in one view; a fixed one is filled, the rest with zeros. ``mirrored`` adds each crop's
    mirror image. A person without a usable box (not finite, or less than a pixel of it inside the picture) has no crop.
    Raises ModelError when the tensor is no image.
    """

    def __init__(self, tensor: Tensor, spec: InputSpec, way: str = "affine", mirrored: bool = False) -> None:
        self._size_wh = (spec.width, spec.height)
        self._nchw, self._way, self._mirrored = spec.nchw, way, mirrored
        self._channels = (0, 1, 2) if spec.bgr else (2, 1, 0)
        self._table = value_table(spec, tensor)
        self._batch = tensor.shape[0]

    def views(self, image: Image, people: Sequence[Track] | None) -> list[View]:
        """Views whose ``place`` is what they show; none when nobody has a box."""
        crops = self._crops(people or (), (image.shape[1], image.shape[0]))
        copies = 2 if self._mirrored else 1
        most = max(1, self._batch // copies) if self._batch else max(1, len(crops))
        return [
            view
            for start in range(0, len(crops), most)
            for view in self._views(image, crops.part(start, start + most), copies)
        ]

    def _crops(self, people: Sequence[Track], frame_wh: tuple[int, int]) -> Crops:
        boxes = np.array([track.pose.box_xyxy for track in people], np.float32).reshape(-1, 4)
        scores = np.array([track.pose.score for track in people], np.float32)
        inside = np.where(np.isfinite(boxes), boxes, 0).clip(0, (*frame_wh, *frame_wh)).astype(np.float64)
        usable = np.isfinite(boxes).all(axis=1) & (inside[:, 2:] - inside[:, :2] >= _LEAST_SIDE_PX).all(axis=1)
        areas = _affine(inside, self._size_wh) if self._way == "affine" else _resized(inside, frame_wh)
        return Crops(boxes[usable], scores[usable], areas[usable])

    def _views(self, image: Image, crops: Crops, copies: int) -> list[View]:
        rows = copies * len(crops)
        size = self._batch or rows
        shape = (3, *self._size_wh[::-1]) if self._nchw else (*self._size_wh[::-1], 3)
        tensor = np.zeros((-(-rows // size) * size, *shape), self._table.dtype)
        for row, area in enumerate(crops.areas_xywh):
            self._fill(tensor[row], self.cut(image, area))
        if copies == 2:
            plain = tensor[: len(crops)]
            tensor[len(crops) : rows] = plain[..., ::-1] if self._nchw else plain[:, :, ::-1]
        shown = Shown(crops, rows)
        return [View(tensor[start : start + size], shown) for start in range(0, len(tensor), size)]

    def cut(self, image: Image, area_xywh: Array) -> Image:
        """(H, W, 3) BGR: the area of the picture in the input's size."""
        x, y, width, height = area_xywh.tolist()
        if self._way == "resize":  # whole pixels, as the demo cuts them; points go back to the area itself
            left, top = min(int(x), image.shape[1] - 1), min(int(y), image.shape[0] - 1)
            right, bottom = max(int(x + width), left + 1), max(int(y + height), top + 1)
            picture = cv2.resize(image[top:bottom, left:right], self._size_wh, interpolation=cv2.INTER_LINEAR)
        else:
            scale_x, scale_y = self._size_wh[0] / width, self._size_wh[1] / height
            to_input = np.array([[scale_x, 0, -x * scale_x], [0, scale_y, -y * scale_y]])
            picture = cv2.warpAffine(image, to_input, self._size_wh, flags=cv2.INTER_LINEAR)
        return np.asarray(picture, np.uint8)

    def _fill(self, place: Array, picture: Image) -> None:
        for channel, source in enumerate(self._channels):
            values = cv2.LUT(cv2.extractChannel(picture, source), self._table[channel])
            if self._nchw:
                place[channel] = values
            else:
                place[..., channel] = values


def input_spec(tensor: Tensor, pixels: str, colour: str, default_wh: tuple[int, int] = (192, 256)) -> InputSpec:
    """What a top-down network wants to see. Raises ModelError when the tensor is no image.

    ImageNet's numbers are those of red, green, blue. With "bgr" they stay in that order beside blue, green, red: the
    networks that were trained on BGR pictures (Microsoft's SimplePose, issue 73 there) were trained so.
    """
    width, height, nchw = image_input(tensor, default_wh)
    if pixels == "imagenet":
        return InputSpec(width, height, nchw, IMAGENET_MEAN, IMAGENET_STD, bgr=colour == "bgr")
    return InputSpec(width, height, nchw, std=255.0 if pixels == "unit" else 1.0, bgr=colour == "bgr")


def check_joints(joints: int, skeleton: Skeleton) -> None:
    """Raises ModelError when a network's joints are not as many as the skeleton's."""
    if joints != len(skeleton):
        fitting = ", ".join(name for name, other in SKELETONS.items() if len(other) == joints) or "we know none"
        raise ModelError(
            f"the network has {joints} joints, skeleton {skeleton.name} has {len(skeleton)}: "
            f"name a skeleton of {joints} in a card ({fitting})"
        )


def checked(maps: Array, view: View, skeleton: Skeleton) -> Float32:
    """The (B, K, ...) answer to a view as it is.

    Raises ModelError when it is not finite, or of other joints or not as many people as the view.
    """
    check_joints(maps.shape[1], skeleton)
    if len(maps) != len(view.tensor):
        raise ModelError(f"the network was shown {len(view.tensor)} people at once and answered {maps.shape}")
    if not np.isfinite(maps).all():
        raise ModelError("the network's maps are not finite: broken weights or wrong input range")
    return maps


def _affine(boxes_xyxy: Array, size_wh: tuple[int, int]) -> Array:
    """(N, 4) x1, y1, x2, y2 -> (N, 4) x, y, w, h of the input's aspect round the same centre."""
    centre, side = 0.5 * (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]), boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    aspect = size_wh[0] / size_wh[1]
    side = np.stack([np.maximum(side[:, 0], side[:, 1] * aspect), np.maximum(side[:, 1], side[:, 0] / aspect)], axis=1)
    side = _ENLARGED * side
    return np.concatenate([centre - 0.5 * side, side], axis=1)


def _resized(boxes_xyxy: Array, frame_wh: tuple[int, int]) -> Array:
    """(N, 4) x1, y1, x2, y2 -> (N, 4) x, y, w, h inside the picture."""
    centre, half = 0.5 * (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]), 0.5 * (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2])
    low = (centre - _ENLARGED * half).clip(0)
    high = np.minimum(centre + _ENLARGED * half, frame_wh)
    return np.concatenate([low, high - low], axis=1)
