"""TI edgeai YOLOX-pose without its detection part: (1, N, 5 + classes + 3·K), one row per cell.

Rows: raw cx, cy, w, h, objectness and a score per class (sigmoid done), then K × raw (x, y, confidence).
Source: seed_systems.md §1.1, row "TX without detection"; formulas §1.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgepose import yolo
from edgepose.decoders import DecoderSettings, Fit, View, chosen, people_in_frame
from edgepose.errors import ModelError
from edgepose.runtimes import Signature
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Image, Pose

_SIDE = 640


class YoloXPose:
    """One view per frame, top left; score = objectness · best class, NMS over all classes together."""

    follows = False
    needs_boxes = False

    def __init__(self, network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> None:
        self.skeleton = skeleton
        self._cells, self._strides = yolo.cells(yolo.input_wh(network, _SIDE))
        self._letterboxer = yolo.bgr_letterboxer(network, _SIDE)
        self._settings = settings

    def views(self, image: Image, people: object = None) -> list[View]:
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        rows = outputs[0][0]
        if len(rows) != len(self._cells):
            raise ModelError(f"expected a row for each of {len(self._cells)} cells, the network answered {len(rows)}")
        first_keypoint = rows.shape[1] - 3 * len(self.skeleton)
        scores = yolo.product(rows[:, 4], rows[:, 5:first_keypoint].max(axis=1))
        candidates = yolo.over_threshold(scores, self._settings)
        people, scores, cells, strides = (a[candidates] for a in (rows, scores, self._cells, self._strides))
        with np.errstate(over="ignore"):  # a size or place past all numbers is infinite: the frame's edge, or missing
            centres, sizes = (people[:, :2] + cells) * strides, np.exp(people[:, 2:4]) * strides
            boxes = yolo.corners(np.concatenate([centres, sizes], axis=1))
            keep = yolo.kept(boxes, scores, self._settings)
            joints = people[keep, first_keypoint:].reshape(len(keep), len(self.skeleton), 3)
            cells, strides = cells[keep, None], strides[keep, None]
            xy = (2 * joints[..., :2] - 0.5 + cells) * strides
            logits = (2 * joints[..., 2:] - 0.5) * strides
        keypoints = np.concatenate([xy, yolo.probability(logits)], axis=2)
        return people_in_frame(boxes[keep], scores[keep], keypoints, view.place)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """One output with as many rows as the input has cells at strides 8, 16 and 32."""
    shape = yolo.only_shape(network, 3)
    if shape is None or not yolo.finds_joints(shape[2], joints) or yolo.exported_joints(network.metadata):
        return Fit.NO
    rows, columns = shape[1:]
    if rows is not None and rows not in yolo.rows_of_cells(network, 1):
        return Fit.NO
    certain = rows is not None and rows > yolo.FINISHED_ROWS and columns == 6 + 3 * joints
    return Fit.IS if certain else Fit.MAY  # or few finished rows, or a detector's


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> YoloXPose:
    """Raises ModelError when a row does not hold a box, objectness, a class and the skeleton's keypoints."""
    chosen(settings)
    yolo.needs_columns(network, 6 + 3 * len(skeleton), skeleton)
    return YoloXPose(network, skeleton, settings)
