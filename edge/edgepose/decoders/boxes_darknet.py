"""Person boxes of Darknet's YOLO by OpenCV DNN: (N, 5 + classes) for each [yolo] layer (507, 2028, 8112 rows at 416).

Rows: cx, cy, w, h in fractions of the input, objectness, a score per class that is multiplied by the objectness
already; OpenCV zeroes scores under the layer's ``thresh`` (0.2), so a lower ``min_score`` finds nothing more.
Options ``person``: the class index (default COCO's or VOC's); ``resize``: squash, as OpenCV's samples feed it.
Source: seed_systems.md §4; what OpenCV gives is measured in tests/edge/test_detectors.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgepose import person_boxes, yolo
from edgepose.decoders import DecoderSettings, Fit, View, chosen
from edgepose.preprocess import InputSpec, Letterboxer, image_input
from edgepose.runtimes import Signature
from edgepose.skeletons import BOXES, Skeleton
from edgepose.types import Array, Image, Pose

_SIDE = 416
_STRIDES = (8, 16, 32, 64)
_MOST_ANCHORS = 9


class BoxesDarknet:
    """One view per frame; duplicates are suppressed across the layers."""

    skeleton = BOXES
    follows = False
    needs_boxes = False

    def __init__(self, network: Signature, person: int, resize: str, settings: DecoderSettings) -> None:
        width, height, nchw = image_input(network.inputs[0], (_SIDE, _SIDE))
        self._letterboxer = Letterboxer(InputSpec(width, height, nchw, stretched=resize == "squash"), network.inputs[0])
        self._input_whwh = np.array([width, height, width, height], np.float32)
        self._person = person
        self._settings = settings

    def views(self, image: Image, people: object = None) -> list[View]:
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        scores = np.concatenate([output[:, 5 + self._person] for output in outputs])
        candidates = yolo.over_threshold(scores, self._settings)
        scores = scores[candidates]
        boxes = np.concatenate([output[:, :4] for output in outputs])[candidates]
        boxes = yolo.corners(boxes * self._input_whwh)
        keep = yolo.kept(boxes, scores, self._settings)
        return person_boxes.people(boxes[keep], scores[keep], view.place)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """Nothing but outputs of two axes, of equal columns, with a few rows for each cell of a stride."""
    shapes = [tensor.shape for tensor in network.outputs]
    if not shapes or not person_boxes.wanted(network, joints) or {len(shape) for shape in shapes} != {2}:
        return Fit.NO
    columns = {shape[1] for shape in shapes}
    least = min(shape[1] or 0 for shape in shapes)
    of_layers = all(_is_of_a_layer(network, shape[0]) for shape in shapes)
    return Fit.IS if len(columns) == 1 and least >= 6 and of_layers else Fit.NO


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> BoxesDarknet:
    """Raises SettingsError for a class that the network does not have."""
    classes = (network.outputs[0].shape[1] or 5 + person_boxes.MOST_CLASSES) - 5
    people = person_boxes.person_choices(network.metadata, classes, settings)
    options = chosen(settings, person=people, resize=("squash", "letterbox"))
    return BoxesDarknet(network, int(options["person"]), options["resize"], settings)


def _is_of_a_layer(network: Signature, rows: int | None) -> bool:
    width, height, _ = image_input(network.inputs[0], (_SIDE, _SIDE))
    cells = [yolo.cell_count((width, height), [stride]) for stride in _STRIDES]
    return rows in {anchors * count for count in cells if count for anchors in range(1, _MOST_ANCHORS + 1)}
