"""Person boxes of YOLOv5 and YOLOv7 detectors with their grid: (1, N, 5 + classes); raw maps may follow.

Rows: cx, cy, w, h in input pixels (TFLite: in fractions of the input), objectness, a score per class; sigmoid done.
YOLOv6's rows are such too, one for each cell instead of three; by shape they are YOLOX's: its card names this decoder.
Option ``person``: the class index (default: by the export's names, else COCO's or VOC's).
Source: github.com/ultralytics/yolov5 export.py, github.com/WongKinYiu/yolov7 export.py (--grid).
"""

from __future__ import annotations

from collections.abc import Sequence

from edgepose import person_boxes, yolo
from edgepose.decoders import DecoderSettings, Fit, View, chosen, in_input_pixels
from edgepose.errors import ModelError
from edgepose.runtimes import Signature
from edgepose.skeletons import BOXES, Skeleton
from edgepose.types import Array, Image, Pose

_SIDE = 640
_ANCHORS = 3
_LEAST_OF_POSE = 6 + 3 * 17


class BoxesYoloV5:
    """One letterboxed view per frame; score = objectness · the person's."""

    skeleton = BOXES
    follows = False
    needs_boxes = False

    def __init__(self, network: Signature, person: int, settings: DecoderSettings) -> None:
        self._input_wh = yolo.input_wh(network, _SIDE)
        self._letterboxer = yolo.rgb_letterboxer(network, _SIDE)
        self._person = person
        self._settings = settings

    def views(self, image: Image, people: object = None) -> list[View]:
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        rows = outputs[0][0]
        scores = yolo.product(rows[:, 4], rows[:, 5 + self._person])
        candidates = yolo.over_threshold(scores, self._settings)
        scores = scores[candidates]
        corners = yolo.corners(rows[candidates, :4])
        boxes = in_input_pixels(corners.reshape(-1, 2, 2), self._input_wh).reshape(-1, 4)
        keep = yolo.kept(boxes, scores, self._settings)
        return person_boxes.people(boxes[keep], scores[keep], view.place)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """Three rows for each cell of the input, or rows followed by the maps that they are from."""
    if not network.outputs or len(network.outputs[0].shape) != 3 or not person_boxes.wanted(network, joints):
        return Fit.NO
    rows, columns = network.outputs[0].shape[1:]
    maps = network.outputs[1:]
    if columns is None or columns < 6 or not all(len(t.shape) == 5 and t.shape[4] in (None, columns) for t in maps):
        return Fit.NO
    if person_boxes.has_a_row_per_cell(network, rows, columns, _ANCHORS):
        sure = not joints or columns < _LEAST_OF_POSE or person_boxes.is_usual(columns - 5)
        return Fit.IS if sure and (rows or columns > 6) else Fit.MAY
    return Fit.MAY if not maps and person_boxes.has_a_row_per_cell(network, rows, columns, 1) else Fit.NO


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> BoxesYoloV5:
    """Raises ModelError when no class is a person."""
    columns = network.outputs[0].shape[2]
    if columns is None or columns < 6:
        raise ModelError(f"output {network.outputs[0].name!r}: expected (1, N, 5 + classes), got {columns} columns")
    options = chosen(settings, person=person_boxes.person_choices(network.metadata, columns - 5, settings))
    return BoxesYoloV5(network, int(options["person"]), settings)
