"""YOLO-Pose as Ultralytics v8/11 export it: one raw map (1, 4 + classes + K·n, N), to be suppressed here.

Columns: cx, cy, w, h in input pixels (TFLite: in fractions of the input), a score per class (sigmoid done),
then K × (x, y[, visibility]).
Source: seed_systems.md §1.1, rows "UL v8/11 pose ONNX", "UL v8/11 TFLite", "UL LiteRT".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgepose.decoders import (
    DecoderSettings,
    Fit,
    View,
    chosen,
    exported_keypoint_values,
    in_input_pixels,
    people_in_frame,
)
from edgepose.errors import ModelError
from edgepose.geometry import non_maximum_suppression
from edgepose.preprocess import InputSpec, Letterboxer, image_input
from edgepose.runtimes import Signature, Tensor
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Image, Pose

_CANDIDATES = 3000  # more than this above the threshold is noise; the best are kept


class YoloPose:
    """One letterboxed view per frame; NMS over all classes together (a person is a person)."""

    follows = False
    needs_boxes = False

    def __init__(self, spec: InputSpec, tensor: Tensor, skeleton: Skeleton, values: int, settings: DecoderSettings):
        self.skeleton = skeleton
        self._input_wh = (spec.width, spec.height)
        self._letterboxer = Letterboxer(spec, tensor)
        self._values = values
        self._settings = settings

    def views(self, image: Image, people: object = None) -> list[View]:
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        rows = outputs[0][0]
        first_keypoint = len(rows) - self._values * len(self.skeleton)
        scores = rows[4:first_keypoint].max(axis=0)
        if not np.isfinite(scores.sum(dtype=np.float64)):
            raise ModelError("the network's scores are not finite: broken weights or wrong input range")
        chosen = np.flatnonzero(scores >= self._settings.min_score)
        if len(chosen) > _CANDIDATES:
            chosen = chosen[np.argpartition(-scores[chosen], _CANDIDATES)[:_CANDIDATES]]
        candidates = rows[:, chosen].T
        half = candidates[:, 2:4] / 2
        corners = np.stack([candidates[:, :2] - half, candidates[:, :2] + half], axis=1)
        boxes = in_input_pixels(corners, self._input_wh).reshape(-1, 4)
        keep = non_maximum_suppression(boxes, scores[chosen], self._settings.iou, self._settings.most_people)
        keypoints = candidates[:, first_keypoint:].reshape(len(chosen), len(self.skeleton), self._values)
        keypoints[..., :2] = in_input_pixels(keypoints[..., :2], self._input_wh)
        keypoints = keypoints[keep]
        return people_in_frame(boxes[keep], scores[chosen][keep], keypoints, view.place)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """One output with a box, class scores and the joints along axis 1, one column per cell."""
    if len(network.inputs) != 1 or len(network.outputs) != 1 or len(network.outputs[0].shape) != 3:
        return Fit.NO
    channels, rows = network.outputs[0].shape[1:]
    finished = rows in (6 + 2 * joints, 6 + 3 * joints)  # another family's columns
    if channels is None or channels < 4 + 1 + 2 * joints or finished or network.metadata.get("task", "pose") != "pose":
        return Fit.NO
    one_class = channels in (5 + 2 * joints, 5 + 3 * joints)
    return Fit.IS if one_class or "kpt_shape" in network.metadata else Fit.MAY  # or a detector of many classes


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> YoloPose:
    """Raises ModelError when the channels do not hold a box, a class and the skeleton's keypoints."""
    chosen(settings)
    width, height, nchw = image_input(network.inputs[0], (640, 640))
    values = exported_keypoint_values(network.metadata, skeleton)
    channels, least = network.outputs[0].shape[1], 4 + 1 + values * len(skeleton)
    if channels is not None and channels < least:
        raise ModelError(
            f"output {network.outputs[0].name!r}: {skeleton.name} needs at least {least} channels, got {channels}"
        )
    return YoloPose(InputSpec(width, height, nchw), network.inputs[0], skeleton, values, settings)
