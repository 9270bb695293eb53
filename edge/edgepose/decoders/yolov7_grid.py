"""YOLOv7-w6-pose and TI YOLOv5-pose exported with their grid: (1, N, 5 + classes + 3·K), the raw maps may follow.

Rows: cx, cy, w, h in input pixels, objectness, a score per class, then K × (x, y, visibility); all sigmoid done.
Source: seed_systems.md §1.1, row "Y7 / T5 with grid".
"""

from __future__ import annotations

from collections.abc import Sequence

from edgepose import yolo
from edgepose.decoders import DecoderSettings, Fit, View, chosen, people_in_frame
from edgepose.preprocess import Letterboxer
from edgepose.runtimes import Signature
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Image, Pose

_SIDE = 960
_ANCHORS = 3


class YoloV7Grid:
    """One view per frame; score = objectness · best class, NMS over all classes together."""

    follows = False
    needs_boxes = False

    def __init__(self, letterboxer: Letterboxer, skeleton: Skeleton, settings: DecoderSettings) -> None:
        self.skeleton = skeleton
        self._letterboxer = letterboxer
        self._settings = settings

    def views(self, image: Image, people: object = None) -> list[View]:
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        rows = outputs[0][0]
        first_keypoint = rows.shape[1] - 3 * len(self.skeleton)
        scores = yolo.product(rows[:, 4], rows[:, 5:first_keypoint].max(axis=1))
        candidates = yolo.over_threshold(scores, self._settings)
        people, scores = rows[candidates], scores[candidates]
        boxes = yolo.corners(people[:, :4])
        keep = yolo.kept(boxes, scores, self._settings)
        keypoints = people[keep, first_keypoint:].reshape(len(keep), len(self.skeleton), 3)
        return people_in_frame(boxes[keep], scores[keep], keypoints, view.place)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """Rows of a box, objectness, classes and the joints, three for each cell or followed by the maps they are from."""
    if len(network.inputs) != 1 or not network.outputs or len(network.outputs[0].shape) != 3:
        return Fit.NO
    rows, columns = network.outputs[0].shape[1:]
    maps = network.outputs[1:]
    if not yolo.finds_joints(columns, joints) or yolo.exported_joints(network.metadata):
        return Fit.NO
    if not all(len(tensor.shape) == 5 and tensor.shape[-1] in (None, columns) for tensor in maps):
        return Fit.NO
    if not maps and rows is not None and rows not in yolo.rows_of_cells(network, _ANCHORS):
        return Fit.NO
    return Fit.IS if columns == 6 + 3 * joints and (maps or rows) else Fit.MAY


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> YoloV7Grid:
    """Raises ModelError when a row does not hold a box, objectness, a class and the skeleton's keypoints."""
    options = chosen(settings, resize=yolo.RESIZE)
    yolo.needs_columns(network, 6 + 3 * len(skeleton), skeleton)
    return YoloV7Grid(yolo.rgb_letterboxer(network, _SIDE, options["resize"]), skeleton, settings)
