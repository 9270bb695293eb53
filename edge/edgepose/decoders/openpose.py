"""OpenPose's networks: 57 (COCO-18), 78 (BODY_25) or 44 (MPI-15) confidence maps and affinity fields -> people.

In one output, or as maps and fields apart, the last of several stages. Options: ``mode`` says who puts people
together, ``input`` what the network was trained to see. Source: seed_systems.md §2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgepose.conversions import convert
from edgepose.decoders import DecoderSettings, Fit, Maps, View, chosen, people_in_frame
from edgepose.errors import ModelError
from edgepose.geometry import box_of_keypoints
from edgepose.openpose import BODY25, COCO18, MPI15, people
from edgepose.openpose_lecture import lecture_people
from edgepose.preprocess import InputSpec, Letterboxer, image_input
from edgepose.runtimes import Signature, Tensor
from edgepose.skeletons import COCO17, Skeleton, named
from edgepose.types import Array, Float32, Image, Pose

_WIDEST = 4  # times the height
_FURTHEST = 1e4  # maps are meant to lie between -1 and 1
_NETWORKS = {57: ("openpose18", COCO18), 78: ("body25", BODY25), 44: ("mpi15", MPI15)}
_KNOWN = "OpenPose's networks have 57 (COCO-18), 78 (BODY_25) or 44 (MPI-15) maps and fields"


@dataclass(frozen=True, slots=True)
class _Input:
    """What a network was trained to see; real value = (byte - mean) / std."""

    height: int
    multiple: int
    """Of which the width is one."""
    mean: float
    std: float

    def size(self, frame_wh: tuple[int, int]) -> tuple[int, int]:
        """(w, h) for files with dynamic sides: the frame's aspect, at most four times as wide as high."""
        width = self.height / frame_wh[1] * frame_wh[0]
        width = int(width) if self.multiple == 1 else self.multiple * round(width / self.multiple)
        return min(max(width, 16), _WIDEST * self.height), self.height


_INPUTS = {
    "openpose": _Input(368, 16, 128.0, 256.0),
    "lecture": _Input(368, 1, 0.0, 255.0),
    "lightweight": _Input(256, 8, 128.0, 256.0),
}


class OpenPose:
    """One view per frame, top left; people in the network's own skeleton or in coco17."""

    follows = False
    needs_boxes = False

    def __init__(
        self,
        tensor: Tensor,
        place: tuple[int, tuple[int, ...]],
        skeleton: Skeleton,
        settings: DecoderSettings,
        options: Mapping[str, str],
    ) -> None:
        self.skeleton = skeleton
        self._channels, self._outputs = place
        self._own, self._layout = _NETWORKS[self._channels]
        self._tensor, self._settings = tensor, settings
        self._input, self._as_lecture = _INPUTS[options["input"]], options["mode"] == "lecture"
        self._frame_wh = (0, 0)

    def views(self, image: Image, people: object = None) -> list[View]:
        frame_wh = (image.shape[1], image.shape[0])
        if frame_wh != self._frame_wh:
            self._frame_wh = frame_wh
            given = self._input
            width, height, nchw = image_input(self._tensor, given.size(frame_wh))
            spec = InputSpec(width, height, nchw, given.mean, given.std, pad=0, centred=False, bgr=True)
            self._letterboxer = Letterboxer(spec, self._tensor)
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        maps = self._checked(outputs)
        found = [one for one in self._people(maps, view) if one[1] >= self._settings.min_score]
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

    def _people(self, maps: Float32, view: View) -> list[tuple[Float32, float]]:
        """Keypoints in px of the input, and scores. The lecture enlarges the maps to the frame's own size."""
        input_wh = _input_wh(view)
        if not self._as_lecture:
            return people(maps, self._layout, _whole(input_wh, (maps.shape[2], maps.shape[1])))
        scale = np.array(view.place.scale_xy)
        width, height = np.maximum(np.round(input_wh / scale), 1).astype(int).tolist()
        found = lecture_people(maps, self._layout, (width, height))
        for keypoints, _ in found:
            keypoints[:, :2] *= np.array(input_wh) / (width, height)
        return found

    def _checked(self, outputs: Sequence[Array]) -> Float32:
        """(channels, h, w)"""
        parts = [outputs[index] for index in self._outputs]
        if any(part.ndim != 4 or part.shape[2:] != parts[0].shape[2:] or not part.size for part in parts):
            raise ModelError(f"expected maps (1, {self._channels}, h, w), got {[part.shape for part in parts]}")
        maps: Array = parts[0][0] if len(parts) == 1 else np.concatenate([part[0] for part in parts])
        if len(maps) != self._channels:
            raise ModelError(f"expected {self._channels} maps, the network answered {len(maps)}; {_KNOWN}")
        furthest = float(np.abs(maps).max())
        if not np.isfinite(furthest):
            raise ModelError("the network's maps are not finite: broken weights or wrong input range")
        if furthest > _FURTHEST:
            raise ModelError(f"the network's maps reach {furthest:.3g}, not 1: broken weights or wrong input range")
        return maps


def recognise(network: Signature, joints: int = 17) -> Fit:
    """One output of (1, 57 | 78 | 44, h, w) or maps and fields apart, wanted as the own joints or as coco17."""
    place = _place(network)
    if len(network.inputs) != 1 or place is None:
        return Fit.NO
    return Fit.IS if joints in (17, _NETWORKS[place[0]][1].joints) else Fit.NO


def hint(network: Signature) -> str:
    """What is amiss with a network that could be meant for this family; "" when it could not."""
    maps = [tensor.shape for tensor in network.outputs if len(tensor.shape) == 4]
    return _KNOWN if maps and len(maps) == len(network.outputs) and _place(network) is None else ""


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> OpenPose:
    """Raises ModelError for a skeleton that is neither the network's own nor coco17, SettingsError for options."""
    place = _place(network)
    if place is None:
        raise ModelError(_KNOWN)
    own = _NETWORKS[place[0]][0]
    if skeleton.name not in (own, COCO17.name):
        raise ModelError(f"{place[0]} maps are {own}, which coco17 can be made of; the card says {skeleton.name}")
    options = chosen(settings, mode=("openpose", "lecture"), input=tuple(_INPUTS))
    image_input(network.inputs[0], (16, 16))
    return OpenPose(network.inputs[0], place, skeleton, settings, options)


def _place(network: Signature) -> tuple[int, tuple[int, ...]] | None:
    """Channels in all, and the outputs that hold them: all in one, or the last maps and the last fields."""
    shapes = [tensor.shape for tensor in network.outputs]
    if any(len(shape) != 4 for shape in shapes):
        return None
    channels = [shape[1] for shape in shapes]
    for count, (_, layout) in _NETWORKS.items():
        if channels == [count]:
            return count, (0,)
        maps, fields = layout.joints + 1, 2 * len(layout.links)
        if set(channels) == {maps, fields}:
            last = {number: index for index, number in enumerate(channels)}
            return count, (last[maps], last[fields])
    return None


def _whole(input_wh: tuple[int, int], maps_wh: tuple[int, int]) -> tuple[int, int]:
    """The maps enlarged by whole numbers, where the network rounded its input's size up or down to cells."""
    cells = [max(1, round(side / count)) for side, count in zip(input_wh, maps_wh, strict=True)]
    width, height = (
        count * cell if abs(count * cell - side) < cell else side
        for side, count, cell in zip(input_wh, maps_wh, cells, strict=True)
    )
    return width, height


def _input_wh(view: View) -> tuple[int, int]:
    shape = view.tensor.shape
    height, width = shape[2:] if shape[1] == 3 else shape[1:3]
    return width, height
