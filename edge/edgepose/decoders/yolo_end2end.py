"""YOLO26 end-to-end, and older Ultralytics exports with NMS inside: finished rows (1, ≤ 300, 6 + K·n).

Columns: x1, y1, x2, y2 in input pixels (TFLite: in fractions of the input), score, class,
then K × (x, y[, visibility]).
Source: seed_systems.md §1.1, rows "UL with NMS fused", "UL YOLO26 end-to-end", "UL TFLite end-to-end".
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
from edgepose.preprocess import InputSpec, Letterboxer, image_input
from edgepose.runtimes import Signature, Tensor
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Image, Pose


class YoloEnd2End:
    """One letterboxed view per frame; the network has suppressed duplicates, only the threshold is left."""

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
        if not np.isfinite(rows[:, 4]).all():
            raise ModelError("the network's scores are not finite: broken weights or wrong input range")
        rows = rows[rows[:, 4] >= self._settings.min_score]
        rows = rows[np.argsort(-rows[:, 4], kind="stable")][: self._settings.most_people]
        boxes = in_input_pixels(rows[:, :4].reshape(-1, 2, 2), self._input_wh).reshape(-1, 4)
        keypoints = rows[:, 6:].reshape(len(rows), len(self.skeleton), self._values).copy()
        keypoints[..., :2] = in_input_pixels(keypoints[..., :2], self._input_wh)
        return people_in_frame(boxes, rows[:, 4], keypoints, view.place)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """One output of at most 300 rows with a box, score, class and the joints each."""
    if len(network.inputs) != 1 or len(network.outputs) != 1 or len(network.outputs[0].shape) != 3:
        return Fit.NO
    rows, columns = network.outputs[0].shape[1:]
    fits = columns in (6 + 2 * joints, 6 + 3 * joints) and (rows is None or rows <= 300)
    return Fit.IS if fits else Fit.NO


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> YoloEnd2End:
    """Raises ModelError when a row does not hold a box, score, class and the skeleton's keypoints."""
    chosen(settings)
    width, height, nchw = image_input(network.inputs[0], (640, 640))
    values = exported_keypoint_values(network.metadata, skeleton)
    columns, expected = network.outputs[0].shape[2], 6 + values * len(skeleton)
    if columns != expected:
        raise ModelError(f"output {network.outputs[0].name!r}: {skeleton.name} needs {expected} columns, got {columns}")
    return YoloEnd2End(InputSpec(width, height, nchw), network.inputs[0], skeleton, values, settings)
