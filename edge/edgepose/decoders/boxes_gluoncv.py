"""Person boxes of GluonCV's YOLOv3 and SSD: class ids (B, n, 1), scores (B, n, 1), boxes (B, n, 4); -1 is an empty row.

Boxes: x1, y1, x2, y2 in pixels of the resized picture; duplicates are suppressed inside. Input: RGB, ImageNet's
mean and deviation; a dynamic one gets the picture with its short side of ``short`` px and at most 1024 px long,
a fixed one the squashed picture, as in training.
Options ``short``: 416, GluonCV's default; 512 is SimplePose's demo; ``person = 14`` for weights trained on VOC
(0 is COCO's person, and the only class after reset_class).
Source: seed_systems.md §4, GluonCV data/transforms/presets/yolo.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgepose import person_boxes
from edgepose.decoders import DecoderSettings, Fit, View, chosen
from edgepose.preprocess import IMAGENET_MEAN, IMAGENET_STD, InputSpec, Letterboxer, image_input
from edgepose.runtimes import Signature, Tensor
from edgepose.skeletons import BOXES, Skeleton
from edgepose.types import Array, Image, Pose

_LONGEST = 1024


class BoxesGluonCv:
    """One view per frame, without padding."""

    skeleton = BOXES
    follows = False
    needs_boxes = False

    def __init__(self, tensor: Tensor, person: int, short: int, settings: DecoderSettings) -> None:
        self._tensor = tensor
        self._person = person
        self._short = short
        self._settings = settings
        self._frame_wh = (0, 0)

    def views(self, image: Image, people: object = None) -> list[View]:
        frame_wh = (image.shape[1], image.shape[0])
        if frame_wh != self._frame_wh:
            self._frame_wh = frame_wh
            width, height, nchw = image_input(self._tensor, _resized(frame_wh, self._short))
            spec = InputSpec(width, height, nchw, IMAGENET_MEAN, IMAGENET_STD, stretched=True)
            self._letterboxer = Letterboxer(spec, self._tensor)
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        ids, scores, boxes = (output[0] for output in outputs)
        best = person_boxes.best(scores[:, 0], ids[:, 0] == self._person, self._settings)
        return person_boxes.people(boxes[best], scores[best, 0], view.place)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """Three outputs of three axes: 1, 1 and 4 values in each of as many rows."""
    shapes = [tensor.shape for tensor in network.outputs]
    if not person_boxes.wanted(network, joints) or [len(shape) for shape in shapes] != [3, 3, 3]:
        return Fit.NO
    rows = {shape[1] for shape in shapes} - {None}
    return Fit.IS if [shape[2] for shape in shapes] == [1, 1, 4] and len(rows) <= 1 else Fit.NO


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> BoxesGluonCv:
    """Raises SettingsError for a side or class that is not offered."""
    people = person_boxes.person_choices(network.metadata, person_boxes.MOST_CLASSES, settings)
    options = chosen(settings, person=people, short=("416", "512", "320", "608"))
    return BoxesGluonCv(network.inputs[0], int(options["person"]), int(options["short"]), settings)


def _resized(frame_wh: tuple[int, int], short: int) -> tuple[int, int]:
    """Width and height with the wanted short side, unless the long one would get too long."""
    scale = min(short / min(frame_wh), _LONGEST / max(frame_wh))
    width, height = (max(1, round(side * scale)) for side in frame_wh)
    return width, height
