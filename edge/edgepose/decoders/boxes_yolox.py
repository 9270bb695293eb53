"""Person boxes of YOLOX: (1, N, 5 + classes), one row for each cell, to be decoded here.

Rows: raw cx, cy, w, h (centre = (raw + cell) · stride, size = exp(raw) · stride), objectness, a score per class
(sigmoid done). Input: BGR 0..255, the picture top left.
Options ``person``: the class index (default COCO's or VOC's); ``boxes = decoded``: in input pixels already
(exported with --decode_in_inference).
Source: github.com/Megvii-BaseDetection/YOLOX demo/ONNXRuntime; arXiv 2107.08430.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgepose import person_boxes, yolo
from edgepose.decoders import DecoderSettings, Fit, View, chosen
from edgepose.errors import ModelError
from edgepose.runtimes import Signature
from edgepose.skeletons import BOXES, Skeleton
from edgepose.types import Array, Image, Pose

_SIDE = 640
_LEAST_OF_POSE = 6 + 3 * 17


class BoxesYoloX:
    """One view per frame; score = objectness · the person's."""

    skeleton = BOXES
    follows = False
    needs_boxes = False

    def __init__(self, network: Signature, person: int, decoded: bool, settings: DecoderSettings) -> None:
        self._cells, self._strides = yolo.cells(yolo.input_wh(network, _SIDE))
        self._letterboxer = yolo.bgr_letterboxer(network, _SIDE)
        self._person = person
        self._decoded = decoded
        self._settings = settings

    def views(self, image: Image, people: object = None) -> list[View]:
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        rows = outputs[0][0]
        if len(rows) != len(self._cells):
            raise ModelError(f"expected a row for each of {len(self._cells)} cells, the network answered {len(rows)}")
        scores = yolo.product(rows[:, 4], rows[:, 5 + self._person])
        candidates = yolo.over_threshold(scores, self._settings)
        scores, boxes = scores[candidates], rows[candidates, :4]
        if not self._decoded:
            cells, strides = self._cells[candidates], self._strides[candidates]
            with np.errstate(over="ignore"):  # a size past all numbers is no number for ``people``
                boxes = np.concatenate([boxes[:, :2] + cells, np.exp(boxes[:, 2:])], axis=1) * strides
        boxes = yolo.corners(boxes)
        keep = yolo.kept(boxes, scores, self._settings)
        return person_boxes.people(boxes[keep], scores[keep], view.place)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """One output with as many rows as the input has cells at strides 8, 16 and 32."""
    shape = yolo.only_shape(network, 3)
    if shape is None or not person_boxes.wanted(network, joints):
        return Fit.NO
    rows, columns = shape[1:]
    if rows is None or columns is None or columns < 6 or rows != yolo.cell_count(yolo.input_wh(network, _SIDE)):
        return Fit.NO
    sure = not joints or columns < _LEAST_OF_POSE or person_boxes.is_usual(columns - 5)
    return Fit.IS if sure else Fit.MAY


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> BoxesYoloX:
    """Raises ModelError for an input that is no image."""
    columns = network.outputs[0].shape[2]
    if columns is None or columns < 6:
        raise ModelError(f"output {network.outputs[0].name!r}: expected (1, N, 5 + classes), got {columns} columns")
    classes = person_boxes.person_choices(network.metadata, columns - 5, settings)
    options = chosen(settings, person=classes, boxes=("raw", "decoded"))
    return BoxesYoloX(network, int(options["person"]), options["boxes"] == "decoded", settings)
