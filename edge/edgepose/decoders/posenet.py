"""PoseNet multi-person: heatmaps, offsets and displacements -> people, by walking the joint tree.

Outputs in any order, told apart by their channels: 17 heatmap logits, 34 offsets (17 y, 17 x), and
displacements over the 16 tree edges, forward and backward, as two maps of 32 (16 y, 16 x) or one of 64.
The file does not say which of the two backbones it has: option ``backbone``, mobilenet or resnet.
Source: seed_systems.md §3.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edgepose.decoders import DecoderSettings, Fit, View, chosen, people_in_frame
from edgepose.errors import ModelError
from edgepose.geometry import box_of_keypoints
from edgepose.preprocess import InputSpec, Letterboxer, image_input
from edgepose.runtimes import Signature
from edgepose.skeletons import COCO17, Skeleton
from edgepose.types import Array, Float32, Image, Pose

_ROOT_SCORE = 0.5
_SAME_PX = 20.0  # two people's same joint nearer than this (input px) is one person's
_WALKS = 4  # times the most people: maps of noise have a root in every second cell
_REFINEMENTS = 2
_RANGES: dict[str, tuple[float | tuple[float, float, float], float]] = {
    "mobilenet": (127.5, 127.5),
    "resnet": ((123.15, 115.90, 103.06), 1.0),
}
_EDGES = tuple(
    (COCO17.index(parent), COCO17.index(child))
    for side in ("left", "right")
    for parent, child in (
        ("nose", f"{side}_eye"),
        (f"{side}_eye", f"{side}_ear"),
        ("nose", f"{side}_shoulder"),
        (f"{side}_shoulder", f"{side}_elbow"),
        (f"{side}_elbow", f"{side}_wrist"),
        (f"{side}_shoulder", f"{side}_hip"),
        (f"{side}_hip", f"{side}_knee"),
        (f"{side}_knee", f"{side}_ankle"),
    )
)
# The networks were trained with the face edges first on both sides.
_TREE = (*_EDGES[0:2], *_EDGES[8:10], *_EDGES[2:8], *_EDGES[10:16])


class PoseNet:
    """One letterboxed view per frame."""

    follows = False
    needs_boxes = False

    def __init__(self, letterboxer: Letterboxer, spec: InputSpec, order: _Order, settings: DecoderSettings) -> None:
        self.skeleton = COCO17
        self._letterboxer = letterboxer
        self._spec = spec
        self._order = order
        self._settings = settings

    def views(self, image: Image, people: object = None) -> list[View]:
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        maps = self._order.maps(outputs, self._spec)
        if not all(np.isfinite(output).all() for output in outputs):
            raise ModelError("the network's maps are not finite: broken weights or wrong input range")
        accepted: list[Float32] = []
        people: list[tuple[float, Float32]] = []
        for part, row, column in maps.roots():
            start = maps.position(part, row, column)
            if any(_near(start, other[part]) for other in accepted):
                continue
            keypoints = maps.walk(part, start, float(maps.scores[row, column, part]))
            score = _score(keypoints, accepted)
            accepted.append(keypoints)
            if score >= self._settings.min_score:
                people.append((score, keypoints))
            if len(people) == self._settings.most_people or len(accepted) == _WALKS * self._settings.most_people:
                break
        return [self._person(score, keypoints, view) for score, keypoints in people]

    def _person(self, score: float, keypoints: Float32, view: View) -> Pose:
        (pose,) = people_in_frame(np.zeros((1, 4), np.float32), np.array([score]), keypoints[None], view.place)
        pose.box_xyxy = box_of_keypoints(pose.keypoints)
        return pose


class _Maps:
    """One picture's maps: (H, W, ·) arrays and the stride between their cells, input px."""

    def __init__(self, heat: Float32, offsets: Float32, forward: Float32, backward: Float32, stride: float) -> None:
        with np.errstate(over="ignore"):
            self.scores = 1.0 / (1.0 + np.exp(-heat))
        self._offsets, self._forward, self._backward, self._stride = offsets, forward, backward, stride

    def roots(self) -> list[tuple[int, int, int]]:
        """(part, row, column) of the local maxima (radius 1) of at least 0.5, best first."""
        peak = cv2.dilate(self.scores, np.ones((3, 3), np.uint8))
        rows, columns, parts = np.nonzero((self.scores >= _ROOT_SCORE) & (self.scores == peak))
        order = np.argsort(-self.scores[rows, columns, parts], kind="stable")
        return [(int(parts[i]), int(rows[i]), int(columns[i])) for i in order]

    def position(self, part: int, row: int, column: int) -> Float32:
        """(2,) x, y in input px."""
        offset = self._offsets[row, column]
        return np.array([column * self._stride + offset[part + 17], row * self._stride + offset[part]], np.float32)

    def walk(self, root: int, start: Float32, score: float) -> Float32:
        """(17, 3) keypoints in input px, reached from the root over the tree: backward, then forward."""
        keypoints = np.full((17, 3), np.nan, np.float32)
        keypoints[root] = (*start, score)
        for edge in reversed(range(16)):
            parent, child = _TREE[edge]
            self._step(keypoints, child, parent, self._backward, edge)
        for edge, (parent, child) in enumerate(_TREE):
            self._step(keypoints, parent, child, self._forward, edge)
        return keypoints

    def _step(self, keypoints: Float32, source: int, target: int, displacement: Float32, edge: int) -> None:
        if np.isnan(keypoints[source, 0]) or not np.isnan(keypoints[target, 0]):
            return
        row, column = self._cell(keypoints[source])
        point = keypoints[source, :2] + displacement[row, column, [edge + 16, edge]]
        for _ in range(_REFINEMENTS):
            row, column = self._cell(point)
            point = self.position(target, row, column)
        row, column = self._cell(point)
        keypoints[target] = (*point, self.scores[row, column, target])

    def _cell(self, point: Float32) -> tuple[int, int]:
        height, width = self.scores.shape[:2]
        return (
            round(min(max(float(point[1]) / self._stride, 0), height - 1)),
            round(min(max(float(point[0]) / self._stride, 0), width - 1)),
        )


class _Order:
    """Which output is which, found once by channel count."""

    def __init__(self, channels: Sequence[int | None]) -> None:
        self._heat, self._offsets = channels.index(17), channels.index(34)
        self._displacements = [i for i, count in enumerate(channels) if count in (32, 64)]

    def maps(self, outputs: Sequence[Array], spec: InputSpec) -> _Maps:
        heat = outputs[self._heat][0]
        stride = (spec.height - 1) / (heat.shape[0] - 1) if heat.shape[0] > 1 else float(spec.height)
        both = np.concatenate([outputs[i][0] for i in self._displacements], axis=2)
        return _Maps(heat, outputs[self._offsets][0], both[..., :32], both[..., 32:], float(round(stride)))


def recognise(network: Signature, joints: int = 17) -> Fit:
    """Four-dimensional outputs of 17, 34 and 64 (or twice 32) channels."""
    channels = sorted(t.shape[-1] or 0 for t in network.outputs if len(t.shape) == 4)
    fits = joints == 17 and len(network.inputs) == 1 and channels in ([17, 34, 64], [17, 32, 32, 34])
    return Fit.IS if fits else Fit.NO


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> PoseNet:
    """Raises ModelError for any skeleton but coco17: the tree of the displacements is COCO's."""
    backbone = chosen(settings, backbone=("mobilenet", "resnet"))["backbone"]
    if skeleton.name != COCO17.name:
        raise ModelError(f"PoseNet's joint tree is that of coco17, the card says {skeleton.name}")
    width, height, nchw = image_input(network.inputs[0], (513, 513))
    mean, std = _RANGES[backbone]
    spec = InputSpec(width, height, nchw, mean, std, pad=127, centred=False)
    return PoseNet(Letterboxer(spec, network.inputs[0]), spec, _Order([t.shape[-1] for t in network.outputs]), settings)


def _near(point: Float32, other: Float32) -> bool:
    return bool(np.hypot(*(point[:2] - other[:2])) <= _SAME_PX)


def _score(keypoints: Float32, accepted: Sequence[Float32]) -> float:
    """Sum of the scores of the joints that no earlier person has, over 17."""
    new = np.ones(17, bool)
    for other in accepted:
        new &= np.hypot(*(keypoints[:, :2] - other[:, :2]).T) > _SAME_PX
    return float(keypoints[new, 2].sum() / 17)
