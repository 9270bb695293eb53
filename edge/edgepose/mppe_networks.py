"""RootNet and PoseNet of 3DMPPE, loaded: a picture and people's boxes -> people in metres before the camera.

Exports that are understood: RootNet with inputs image and k (output x, y, depth = gamma k) or image alone (x, y,
gamma); PoseNet with points (B, J, 3) in cells, or with its volume (B, J * 64, 64, 64) before the soft-argmax.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edgepose import mppe
from edgepose.errors import ModelError
from edgepose.models import Engine, load_runtime, runtime_of
from edgepose.pinhole import Camera
from edgepose.preprocess import IMAGENET_MEAN, IMAGENET_STD, InputSpec, image_input, value_table
from edgepose.runtimes import Runtime, Tensor
from edgepose.types import Array, Float32, Image, Pose, Pose3D

_SIDE = mppe.INPUT_PX


@dataclass(frozen=True, slots=True)
class Person3D:
    """One person where they stand."""

    pose: Pose
    """The box as given; keypoints px with the box's score as confidence: PoseNet has none of its own."""
    pose3d: Pose3D
    """``space`` "camera": metres before the camera."""
    root_depth_m: float


class RootNet:
    """How far away each person's root is."""

    def __init__(self, path: Path, engine: Engine | None = None) -> None:
        """Raises ModelError when the file is no RootNet."""
        self._runtime = _loaded(path, engine)
        inputs, outputs = self._runtime.signature.inputs, self._runtime.signature.outputs
        k = inputs[1].shape if len(inputs) == 2 else (1, 1)
        if len(inputs) > 2 or len(k) != 2 or k[1] != 1 or len(outputs) != 1 or outputs[0].shape[1:] != (3,):
            got = ", ".join(str(tensor.shape) for tensor in (*inputs, *outputs))
            raise ModelError(f"{path}: a RootNet has image (1, 3, 256, 256) and k (1, 1) in, (1, 3) out; got {got}")
        self._crops = _Crops(path, inputs[0])
        self._takes_k = len(inputs) == 2

    def depths_m(self, image: Image, areas_xywh: Array, camera: Camera) -> Float32:
        """(N, 4) areas -> (N,) metres. Raises ModelError when one is not a distance."""
        k = mppe.k_m(areas_xywh, camera)
        found = np.empty(len(k), np.float32)
        for rows, crops in self._crops.batches(image, areas_xywh):
            given = _padded(k[rows], len(crops))[:, None]
            answer = self._runtime.run(crops, given)[0] if self._takes_k else self._runtime.run(crops)[0] * given
            found[rows] = answer[: len(k[rows]), 2]
        if not (np.isfinite(found) & (found > 0)).all():
            raise ModelError(f"RootNet answered {found.min():g} m: broken weights or wrong input range")
        return found


class PoseNet3D:
    """Where each joint is in the person's own box."""

    def __init__(self, path: Path, engine: Engine | None = None, flip: bool = False) -> None:
        """``flip``: the mean with the mirror image, twice the time. Raises ModelError when the file is no PoseNet."""
        self._runtime = _loaded(path, engine)
        inputs, outputs = self._runtime.signature.inputs, self._runtime.signature.outputs
        shape = outputs[0].shape if len(inputs) == len(outputs) == 1 else ()
        points = shape[1] if len(shape) == 3 and shape[2] == 3 else None
        volume = shape[1] if len(shape) == 4 and shape[2:] == (mppe.GRID, mppe.GRID) else None
        if points is None and (volume is None or volume % mppe.GRID):
            got = ", ".join(str(tensor.shape) for tensor in (*inputs, *outputs))
            raise ModelError(f"{path}: a PoseNet has (1, J, 3) or (1, J·64, 64, 64) out; got {got}")
        try:
            self.skeleton = mppe.skeleton_of(points if points is not None else (volume or 0) // mppe.GRID)
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from None
        self._crops, self._flip, self._volume = _Crops(path, inputs[0]), flip, volume is not None

    def points(self, image: Image, areas_xywh: Array) -> Float32:
        """(N, 4) areas -> (N, J, 3) x, y, z in cells. Raises ModelError when they are not finite."""
        plain = self._answers(image, areas_xywh, False)
        found = (
            mppe.with_mirrored(plain, self._answers(image, areas_xywh, True), self.skeleton) if self._flip else plain
        )
        if not np.isfinite(found).all():
            raise ModelError("PoseNet's joints are not finite: broken weights or wrong input range")
        return found

    def _answers(self, image: Image, areas_xywh: Array, mirrored: bool) -> Float32:
        found = np.empty((len(areas_xywh), len(self.skeleton), 3), np.float32)
        for rows, crops in self._crops.batches(image, areas_xywh, mirrored):
            answer = self._runtime.run(crops)[0]
            found[rows] = (mppe.soft_argmax(answer) if self._volume else answer)[: len(found[rows])]
        return found


def people(
    image: Image, boxes_xyxy: Float32, scores: Float32, camera: Camera, root: RootNet, pose: PoseNet3D
) -> list[Person3D]:
    """(N, 4) boxes -> the people in them, each at their own depth; a box without a picture inside gives nobody."""
    found, usable = mppe.areas(boxes_xyxy, (image.shape[1], image.shape[0]))
    found, rows = found[usable], np.flatnonzero(usable)
    if not len(found):
        return []
    root_depth_m = root.depths_m(image, found, camera)
    cells = pose.points(image, found)
    pixels, depth_m = mppe.in_frame(cells, found), mppe.depths(cells, root_depth_m)
    metres = camera.back_project(pixels, depth_m).astype(np.float32)
    answer = []
    for n, row in enumerate(rows):
        confidence = np.full((len(pose.skeleton), 1), scores[row])
        keypoints = np.concatenate([pixels[n], confidence], axis=1).astype(np.float32)
        person = Pose(keypoints, np.asarray(boxes_xyxy[row], np.float32), float(scores[row]))
        placed = Pose3D(pose.skeleton.name, metres[n], "camera")
        answer.append(Person3D(person, placed, float(root_depth_m[n])))
    return answer


class _Crops:
    """Squares of a picture as ImageNet's networks see them, as many at once as the network takes."""

    def __init__(self, path: Path, tensor: Tensor) -> None:
        width, height, nchw = image_input(tensor, (_SIDE, _SIDE))
        if (width, height) != (_SIDE, _SIDE):
            raise ModelError(f"{path}: expected an image input of {_SIDE} x {_SIDE}, got {tensor.shape}")
        spec = InputSpec(width, height, nchw, IMAGENET_MEAN, IMAGENET_STD)
        self._table, self._nchw, self._batch = value_table(spec, tensor), nchw, tensor.shape[0]

    def batches(self, image: Image, areas_xywh: Array, mirrored: bool = False) -> list[tuple[slice, Array]]:
        """Which areas, and their crops, filled up with zeros where the network's batch is fixed."""
        size = self._batch or max(len(areas_xywh), 1)
        return [
            (slice(start, start + size), self._crops(image, areas_xywh[start : start + size], size, mirrored))
            for start in range(0, len(areas_xywh), size)
        ]

    def _crops(self, image: Image, areas_xywh: Array, size: int, mirrored: bool) -> Array:
        tensor = np.zeros((size, 3, _SIDE, _SIDE), self._table.dtype)
        for row, (x, y, width, height) in enumerate(areas_xywh.tolist()):
            across, down = _SIDE / width, _SIDE / height
            to_input = np.array([[across, 0, -x * across], [0, down, -y * down]])
            picture = cv2.warpAffine(image, to_input, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR)
            picture = picture[:, ::-1] if mirrored else picture
            for channel in range(3):
                tensor[row, channel] = self._table[channel, picture[..., 2 - channel]]
        return tensor if self._nchw else np.ascontiguousarray(tensor.transpose(0, 2, 3, 1))


def _loaded(path: Path, engine: Engine | None) -> Runtime:
    if not path.is_file():
        raise ModelError(f"{path}: no such weights file")
    return load_runtime(runtime_of(path), path, engine or Engine())


def _padded(values: Float32, count: int) -> Float32:
    """(n,) -> (count,): the last rows of a fixed batch show nobody."""
    return np.asarray(np.concatenate([values, np.ones(count - len(values), np.float32)]), np.float32)
