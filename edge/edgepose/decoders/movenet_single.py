"""MoveNet SinglePose: one person per square crop, (1, 1, 17, 3) = y, x, score as fractions of the crop.

Each known person gets a crop that follows them; one more crop per frame searches the picture for
people whom nobody follows yet. Source of the crop rule and its constants: seed_systems.md §3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from edgepose.decoders import DecoderSettings, Fit, View, chosen
from edgepose.errors import ModelError
from edgepose.geometry import box_of_keypoints
from edgepose.preprocess import image_input
from edgepose.runtimes import Signature, Tensor
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Float32, Image, Pose, Track

_SEEN = 0.2  # a joint below is not used for the crop or the person's score
_TORSO_REACH, _BODY_REACH = 1.9, 1.2
_CROP_ALPHA = 0.9  # weight of the new crop against the track's last one
# The mean over all 17 joints (not only the seen ones) must be surer the less a person is known: a door
# handle looks like somebody in a search crop, but no longer in the crop that follows it.
_SURE = {"searched": 0.3, "new": 0.35, "known": 0.15}


@dataclass(frozen=True, slots=True)
class Crop:
    """A square of the frame, px; it may reach over the border (black there)."""

    x: float
    y: float
    side: float
    least: float = _SURE["known"]
    """Mean confidence that a person in it must have."""
    cuts: tuple[float, float, float, float] | None = None
    """Of a search: a person who reaches beyond this x1, y1, x2, y2 is cut off by the crop."""


class MoveNetSingle:
    """Top-down by itself: the poses of the last frame say where to look in this one."""

    follows = True
    needs_boxes = False

    def __init__(self, tensor: Tensor, skeleton: Skeleton, settings: DecoderSettings) -> None:
        self.skeleton = skeleton
        self._settings = settings
        self._side = image_input(tensor, (192, 192))[0]
        self._dtype = np.dtype(tensor.dtype)
        self._torso = skeleton.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")
        self._crops: dict[int, Crop] = {}
        self._turn = 0

    def views(self, image: Image, people: Sequence[Track] | None) -> list[View]:
        search = _search_crops(image.shape[1], image.shape[0])
        if people is None:
            return [self._view(image, crop) for crop in search]
        self._turn = (self._turn + 1) % len(search)
        views = [self._view(image, self._follow(track, image)) for track in people]
        return [*views, self._view(image, search[self._turn], people)]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        yxs = outputs[0].reshape(-1, 3)
        crop: Crop = view.place
        keypoints = np.empty_like(yxs)
        with np.errstate(over="ignore"):  # infinite then, and refused below
            keypoints[:, 0] = crop.x + yxs[:, 1] * crop.side
            keypoints[:, 1] = crop.y + yxs[:, 0] * crop.side
        keypoints[:, 2] = yxs[:, 2]
        if not np.isfinite(keypoints).all():
            raise ModelError("the network's outputs are not finite: broken weights or wrong input range")
        seen = keypoints[:, 2] > _SEEN
        if not seen.any() or keypoints[:, 2].mean() < crop.least:
            return []
        if crop.cuts and not self._whole(keypoints, seen, crop.cuts):
            return []
        score = float(keypoints[seen, 2].mean())
        if score < self._settings.min_score:
            return []
        return [Pose(keypoints, box_of_keypoints(keypoints[seen]), score)]

    def _whole(self, keypoints: Float32, seen: Array, cuts: tuple[float, float, float, float]) -> bool:
        """Not cut off by the crop, and with a torso."""
        points = keypoints[seen, :2]
        inside = (points >= cuts[:2]).all() and (points <= cuts[2:]).all()
        return bool(inside and self._torso_seen(keypoints))

    def _torso_seen(self, keypoints: Float32) -> bool:
        """A shoulder and a hip."""
        left_shoulder, right_shoulder, left_hip, right_hip = keypoints[self._torso, 2] > _SEEN
        return bool((left_shoulder or right_shoulder) and (left_hip or right_hip))

    def _view(self, image: Image, crop: Crop, hidden: Sequence[Track] = ()) -> View:
        """``hidden`` people are painted over, so that a search finds others."""
        scale = self._side / crop.side
        shrink = np.array([[scale, 0, -crop.x * scale], [0, scale, -crop.y * scale]])
        view = cv2.warpAffine(image, shrink, (self._side, self._side), flags=cv2.INTER_LINEAR)
        for track in hidden:
            if not np.isnan(track.pose.box_xyxy).any():
                corners = (track.pose.box_xyxy.reshape(2, 2) - (crop.x, crop.y)) * scale
                (x1, y1), (x2, y2) = np.clip(corners, 0, self._side).astype(int)
                view[y1:y2, x1:x2] = 114
        return View(view[None, :, :, ::-1].astype(self._dtype), crop)

    def _follow(self, track: Track, image: Image) -> Crop:
        crop = self._next_crop(track.pose, image)
        if track.id < 0:
            return replace(crop, least=_SURE["new"])
        last = self._crops.get(track.id)
        if last is not None:
            new, old = _CROP_ALPHA, 1 - _CROP_ALPHA
            crop = Crop(new * crop.x + old * last.x, new * crop.y + old * last.y, new * crop.side + old * last.side)
        if len(self._crops) > 100:  # ids are never used again: forget the old ones
            self._crops.clear()
        self._crops[track.id] = crop
        return crop

    def _next_crop(self, pose: Pose, image: Image) -> Crop:
        height, width = image.shape[:2]
        keypoints = pose.keypoints
        seen = keypoints[:, 2] > _SEEN
        if not self._torso_seen(keypoints):
            x1, y1, x2, y2 = pose.box_xyxy
            side = max(_BODY_REACH * float(max(x2 - x1, y2 - y1)), 32.0)
            return Crop((x1 + x2 - side) / 2, (y1 + y2 - side) / 2, side)
        hips = self._torso[2:]
        centre = keypoints[hips, :2].mean(axis=0)
        reach = np.abs(keypoints[:, :2] - centre)
        torso = reach[self._torso][seen[self._torso]].max()
        half = max(_TORSO_REACH * float(torso), _BODY_REACH * float(reach[seen].max()))
        half = max(16.0, min(half, max(width, height) / 2))
        return Crop(float(centre[0]) - half, float(centre[1]) - half, 2 * half)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """One output that ends in (1, 17, 3)."""
    one_each = len(network.inputs) == len(network.outputs) == 1
    fits = joints == 17 and one_each and network.outputs[0].shape[-3:] == (1, 17, 3)
    return Fit.IS if fits else Fit.NO


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> MoveNetSingle:
    """Raises ModelError when the input is no square image."""
    chosen(settings)
    width, height, nchw = image_input(network.inputs[0], (192, 192))
    if nchw or width != height:
        raise ModelError(f"input: MoveNet takes (1, S, S, 3), got {network.inputs[0].shape}")
    return MoveNetSingle(network.inputs[0], skeleton, settings)


def _search_crops(width: int, height: int) -> list[Crop]:
    """Where people may be: the whole picture, and overlapping squares of the short side, and half of it."""
    long_side = float(max(width, height))
    squares = [((width - long_side) / 2, (height - long_side) / 2, long_side)]
    for side in (float(min(width, height)), min(width, height) / 2):
        squares += [(x, y, side) for y in _spread(height, side) for x in _spread(width, side)]
    least = _SURE["searched"]
    return [Crop(x, y, side, least, _cuts(x, y, side, width, height)) for x, y, side in squares]


def _cuts(x: float, y: float, side: float, width: int, height: int) -> tuple[float, float, float, float]:
    """A little inside the square, but nowhere along the picture's own border."""
    margin = 0.04 * side
    return (
        x + margin if x > 0 else -np.inf,
        y + margin if y > 0 else -np.inf,
        x + side - margin if x + side < width else np.inf,
        y + side - margin if y + side < height else np.inf,
    )


def _spread(length: float, side: float) -> list[float]:
    """Starts of squares that cover ``length`` and overlap by at least a third."""
    count = max(1, int(np.ceil((length - side) / (side * 2 / 3))) + 1) if length > side else 1
    return [float(start) for start in np.linspace(0, length - side, count)]
