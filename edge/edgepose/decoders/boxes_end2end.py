"""Person boxes of YOLOv10, YOLO26 and Ultralytics exports with NMS inside: finished rows (1, max_det, 6).

Columns: x1, y1, x2, y2 in input pixels (TFLite: in fractions of the input), score, class; zeros at the end.
Option ``person``: the class index (default: by the export's names, else COCO's 0).
Source: Ultralytics, docs.ultralytics.com/modes/export.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgepose import person_boxes, yolo
from edgepose.decoders import DecoderSettings, Fit, View, chosen, in_input_pixels
from edgepose.runtimes import Signature
from edgepose.skeletons import BOXES, Skeleton
from edgepose.types import Array, Image, Pose

_SIDE = 640
_COLUMNS = 6


class BoxesEnd2End:
    """One letterboxed view per frame; the network has suppressed duplicates: class and threshold are left."""

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
        is_person = np.rint(rows[:, 5]) == self._person  # quantised networks give 0.02 for 0
        rows = rows[person_boxes.best(rows[:, 4], is_person, self._settings)]
        boxes = in_input_pixels(rows[:, :4].reshape(-1, 2, 2), self._input_wh).reshape(-1, 4)
        return person_boxes.people(boxes, rows[:, 4], view.place)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """One output of six columns with fewer rows than the input has cells."""
    shape = yolo.only_shape(network, 3)
    if shape is None or shape[2] != _COLUMNS or not person_boxes.wanted(network, joints):
        return Fit.NO
    rows = shape[1]
    if "task" in network.metadata or (rows is not None and rows <= yolo.FINISHED_ROWS):
        return Fit.IS
    of_cells = yolo.rows_of_cells(network, 1) | yolo.rows_of_cells(network, 3)
    return Fit.NO if rows in of_cells else Fit.MAY  # or a detector of one class with a row per cell


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> BoxesEnd2End:
    """Raises ModelError when no class is a person."""
    options = chosen(
        settings, person=person_boxes.person_choices(network.metadata, person_boxes.MOST_CLASSES, settings)
    )
    return BoxesEnd2End(network, int(options["person"]), settings)
