"""YOLO26 end-to-end, and Ultralytics exports with NMS inside: finished rows (1, max_det, 6 + K·n), zeros at the end.

Columns: x1, y1, x2, y2 in input pixels (TFLite: in fractions of the input), score, class,
then K × (x, y[, visibility]).
Source: seed_systems.md §1.1, rows "UL with NMS fused", "UL YOLO26 end-to-end", "UL TFLite end-to-end".
"""

from __future__ import annotations

from collections.abc import Sequence

from edgepose import yolo
from edgepose.decoders import DecoderSettings, Fit, View, chosen, in_input_pixels, people_in_frame
from edgepose.errors import ModelError
from edgepose.runtimes import Signature
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Image, Pose

_SIDE = 640


class YoloEnd2End:
    """One letterboxed view per frame; the network has suppressed duplicates, only the threshold is left."""

    follows = False
    needs_boxes = False

    def __init__(self, network: Signature, skeleton: Skeleton, values: int, settings: DecoderSettings) -> None:
        self.skeleton = skeleton
        self._input_wh = yolo.input_wh(network, _SIDE)
        self._letterboxer = yolo.rgb_letterboxer(network, _SIDE)
        self._values = values
        self._settings = settings

    def views(self, image: Image, people: object = None) -> list[View]:
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        rows = yolo.best_rows(outputs[0][0], self._settings)
        boxes = in_input_pixels(rows[:, :4].reshape(-1, 2, 2), self._input_wh).reshape(-1, 4)
        keypoints = rows[:, 6:].reshape(len(rows), len(self.skeleton), self._values).copy()
        keypoints[..., :2] = in_input_pixels(keypoints[..., :2], self._input_wh)
        return people_in_frame(boxes, rows[:, 4], keypoints, view.place)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """One output of rows with a box, score, class and the joints each, fewer than the network has cells."""
    shape = yolo.only_shape(network, 3)
    if shape is None or not joints or not yolo.is_for_pose(network.metadata):
        return Fit.NO
    rows, columns = shape[1:]
    exported = yolo.exported_joints(network.metadata)
    if exported:
        return Fit.IS if columns == 6 + exported[0] * exported[1] else Fit.NO
    if columns not in (6 + 2 * joints, 6 + 3 * joints):
        return Fit.NO
    a_row_per_cell = rows in yolo.rows_of_cells(network, 1) | yolo.rows_of_cells(network, 3)
    if rows is None or (rows <= yolo.FINISHED_ROWS) == a_row_per_cell:
        return Fit.MAY
    return Fit.NO if a_row_per_cell else Fit.IS


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> YoloEnd2End:
    """Raises ModelError when a row does not hold a box, score, class and the skeleton's keypoints."""
    chosen(settings)
    values = yolo.values_of_joints(network, skeleton, 6, 2)
    columns, expected = network.outputs[0].shape[2], 6 + values * len(skeleton)
    if columns not in (None, expected):
        raise ModelError(f"output {network.outputs[0].name!r}: {skeleton.name} needs {expected} columns, got {columns}")
    return YoloEnd2End(network, skeleton, values, settings)
