"""Person boxes of Ultralytics v8, 11 and 12 detectors: one raw map (1, 4 + classes, N), to be suppressed here.

Columns: cx, cy, w, h in input pixels (TFLite: in fractions of the input), a score per class (sigmoid done).
Option ``person``: the class index (default: by the export's names, else COCO's or VOC's).
Source: Ultralytics, docs.ultralytics.com/modes/export.
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
_LEAST_OF_POSE = 5 + 2 * 17


class BoxesYolo:
    """One letterboxed view per frame; of the class scores only the person's are read, whatever else scores higher."""

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
        columns = outputs[0][0]
        scores = columns[4 + self._person]
        candidates = yolo.over_threshold(scores, self._settings)
        scores = scores[candidates]
        corners = yolo.corners(columns[:4, candidates].T)
        boxes = in_input_pixels(corners.reshape(-1, 2, 2), self._input_wh).reshape(-1, 4)
        keep = yolo.kept(boxes, scores, self._settings)
        return person_boxes.people(boxes[keep], scores[keep], view.place)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """One output with a box and class scores along axis 1, one column per cell of the input."""
    shape = yolo.only_shape(network, 3)
    if shape is None or not person_boxes.wanted(network, joints):
        return Fit.NO
    channels, cells = shape[1:]
    if channels is None or channels < 5 or not person_boxes.has_a_row_per_cell(network, cells, channels, 1):
        return Fit.NO
    certain = not joints or "task" in network.metadata or channels < _LEAST_OF_POSE
    return Fit.IS if certain or person_boxes.is_usual(channels - 4) else Fit.MAY


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> BoxesYolo:
    """Raises ModelError when no class is a person."""
    channels = network.outputs[0].shape[1]
    if channels is None or channels < 5:
        raise ModelError(f"output {network.outputs[0].name!r}: expected (1, 4 + classes, N), got {channels} channels")
    options = chosen(settings, person=person_boxes.person_choices(network.metadata, channels - 4, settings))
    return BoxesYolo(network, int(options["person"]), settings)
