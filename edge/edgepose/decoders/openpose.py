"""OpenPose's networks (COCO-18, BODY_25, MPI-15): confidence maps and affinity fields -> people.

Told apart by their 57, 78 or 44 channels. Input BGR, x / 256 - 0.5, 368 px high unless the file says otherwise.
Source: seed_systems.md §2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgepose.conversions import convert
from edgepose.decoders import DecoderSettings, Fit, Maps, View, people_in_frame
from edgepose.errors import ModelError
from edgepose.geometry import box_of_keypoints
from edgepose.openpose import BODY25, COCO18, MPI15, people
from edgepose.preprocess import InputSpec, Letterboxer, image_input
from edgepose.runtimes import Signature, Tensor
from edgepose.skeletons import COCO17, Skeleton, named
from edgepose.types import Array, Image, Pose

_HEIGHT = 368
_WIDEST = 4  # times the height
_NETWORKS = {57: ("openpose18", COCO18), 78: ("body25", BODY25), 44: ("mpi15", MPI15)}


class OpenPose:
    """One view per frame, top left; people in the network's own skeleton or in coco17."""

    follows = False
    needs_boxes = False

    def __init__(self, tensor: Tensor, channels: int, skeleton: Skeleton, settings: DecoderSettings) -> None:
        self.skeleton = skeleton
        self._own, self._layout = _NETWORKS[channels]
        self._channels, self._tensor, self._settings = channels, tensor, settings
        self._frame_wh = (0, 0)

    def views(self, image: Image, people: object = None) -> list[View]:
        frame_wh = (image.shape[1], image.shape[0])
        if frame_wh != self._frame_wh:
            self._frame_wh = frame_wh
            width, height, nchw = image_input(self._tensor, _size(frame_wh))
            spec = InputSpec(width, height, nchw, mean=128.0, std=256.0, pad=0, centred=False, bgr=True)
            self._letterboxer = Letterboxer(spec, self._tensor)
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        maps = self._checked(outputs)
        found = [one for one in people(maps, self._layout, _input_wh(view)) if one[1] >= self._settings.min_score]
        if not found:
            return []
        found = sorted(found, key=lambda one: -one[1])[: self._settings.most_people]
        keypoints = np.stack([points for points, _ in found])
        scores = np.array([score for _, score in found], np.float32)
        poses = people_in_frame(np.zeros((len(found), 4), np.float32), scores, keypoints, view.place)
        for pose in poses:
            pose.box_xyxy = box_of_keypoints(pose.keypoints)
            if self.skeleton.name != self._own:
                pose.keypoints = convert(pose.keypoints, self._own, self.skeleton.name)
        return poses

    def maps(self, outputs: Sequence[Array], view: View) -> Maps:
        """The confidence maps and affinity fields that people are made of; raises ModelError as ``decode`` does."""
        confidence, fields = self._layout.split(self._checked(outputs))
        x = np.array(self._layout.fields)
        place, (width, height) = view.place, _input_wh(view)
        corners = (np.array([(0, 0), (width, height)]) - (place.pad_x, place.pad_y)) / place.scale_xy
        left, top, right, bottom = corners.ravel().tolist()
        joints = named(self._own).joints
        return Maps(
            joints,
            confidence,
            self._layout.links,
            np.stack([fields[x], fields[x + 1]], axis=1),
            (left, top, right, bottom),
        )

    def _checked(self, outputs: Sequence[Array]) -> Array:
        """(channels, h, w)"""
        maps: Array = outputs[0][0]
        if len(maps) != self._channels:
            raise ModelError(f"expected {self._channels} maps, the network answered {len(maps)}")
        if not np.isfinite(maps).all():
            raise ModelError("the network's maps are not finite: broken weights or wrong input range")
        return maps


def recognise(network: Signature, joints: int = 17) -> Fit:
    """One output of (1, 57 | 78 | 44, h, w), wanted as the network's own joints or as coco17."""
    shapes = [tensor.shape for tensor in network.outputs]
    if len(network.inputs) != 1 or len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][1] not in _NETWORKS:
        return Fit.NO
    return Fit.IS if joints in (17, _NETWORKS[shapes[0][1]][1].joints) else Fit.NO


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> OpenPose:
    """Raises ModelError for a skeleton that is neither the network's own nor coco17."""
    channels = network.outputs[0].shape[1] or 0
    own = _NETWORKS[channels][0]
    if skeleton.name not in (own, COCO17.name):
        raise ModelError(f"{channels} maps are {own}, which coco17 can be made of; the card says {skeleton.name}")
    image_input(network.inputs[0], (_HEIGHT, _HEIGHT))
    return OpenPose(network.inputs[0], channels, skeleton, settings)


def _size(frame_wh: tuple[int, int]) -> tuple[int, int]:
    """368 px high, the frame's aspect to a multiple of 16, at most four times as wide as high."""
    width = 16 * round(_HEIGHT * frame_wh[0] / frame_wh[1] / 16)
    return min(max(width, 16), _WIDEST * _HEIGHT), _HEIGHT


def _input_wh(view: View) -> tuple[int, int]:
    shape = view.tensor.shape
    height, width = shape[2:] if shape[1] == 3 else shape[1:3]
    return width, height
