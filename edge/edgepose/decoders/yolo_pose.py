"""YOLO-Pose as Ultralytics v8/11 export it: one raw map (1, 4 + classes + K·n, N), to be suppressed here.

Columns: cx, cy, w, h in input pixels (TFLite: in fractions of the input), a score per class (sigmoid done),
then K × (x, y[, visibility]).
Source: seed_systems.md §1.1, rows "UL v8/11 pose ONNX", "UL v8/11 TFLite", "UL LiteRT".
"""

from __future__ import annotations

from collections.abc import Sequence

from edgepose import yolo
from edgepose.decoders import DecoderSettings, Fit, View, chosen, in_input_pixels, people_in_frame
from edgepose.runtimes import Signature
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Image, Pose

_SIDE = 640
_COCO_CLASSES = 80


class YoloPose:
    """One letterboxed view per frame; NMS over all classes together (a person is a person)."""

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
        rows = outputs[0][0]
        first_keypoint = len(rows) - self._values * len(self.skeleton)
        scores = rows[4:first_keypoint].max(axis=0)
        candidates = yolo.over_threshold(scores, self._settings)
        people, scores = rows[:, candidates].T, scores[candidates]
        boxes = in_input_pixels(yolo.corners(people[:, :4]).reshape(-1, 2, 2), self._input_wh).reshape(-1, 4)
        keypoints = people[:, first_keypoint:].reshape(len(people), len(self.skeleton), self._values)
        keypoints[..., :2] = in_input_pixels(keypoints[..., :2], self._input_wh)
        keep = yolo.kept(boxes, scores, self._settings)
        return people_in_frame(boxes[keep], scores[keep], keypoints[keep], view.place)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """One output with a box, class scores and the joints along axis 1, one column per cell."""
    shape = yolo.only_shape(network, 3)
    if shape is None or not joints or not yolo.is_for_pose(network.metadata):
        return Fit.NO
    channels, rows = shape[1:]
    exported = yolo.exported_joints(network.metadata)
    if exported:
        return Fit.NO if rows == 6 + exported[0] * exported[1] else Fit.IS
    if channels in (5 + 2 * joints, 5 + 3 * joints):
        return Fit.IS
    finished = rows in (6 + 2 * joints, 6 + 3 * joints)  # another family's columns
    transposed = channels is not None and rows is not None and channels > rows
    if channels is None or channels < 5 + 2 * joints or channels == 4 + _COCO_CLASSES or finished or transposed:
        return Fit.NO
    return Fit.MAY  # of several classes, or a detector of many


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> YoloPose:
    """Raises ModelError when the channels do not hold a box, a class and the skeleton's keypoints."""
    chosen(settings)
    return YoloPose(network, skeleton, yolo.values_of_joints(network, skeleton, 5, 1), settings)
