"""YOLOv7-w6-pose and TI YOLOv5-pose exported with NMS inside: (people, 6 + 3·K), without a batch axis.

Rows: x1, y1, x2, y2 in input pixels, objectness · class, class, then K × (x, y, visibility), sigmoid done.
TI's YOLOX-pose has the same shape and another input: a card tells which (``yolox_nms``).
Source: seed_systems.md §1.1, row "Y7 / T5 with NMS".
"""

from __future__ import annotations

from collections.abc import Sequence

from edgepose import yolo
from edgepose.decoders import DecoderSettings, Fit, View, chosen
from edgepose.preprocess import Letterboxer
from edgepose.runtimes import Signature
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Image, Pose

_SIDE = 960


class YoloV7Nms:
    """One view per frame; the network has suppressed duplicates, only the threshold is left."""

    follows = False
    needs_boxes = False

    def __init__(self, letterboxer: Letterboxer, skeleton: Skeleton, settings: DecoderSettings) -> None:
        self.skeleton = skeleton
        self._letterboxer = letterboxer
        self._settings = settings

    def views(self, image: Image, people: object = None) -> list[View]:
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        return yolo.suppressed_inside(outputs[0], self.skeleton, view.place, self._settings)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """Rows of two axes first, with a box, score, class and the joints each."""
    return Fit.IS if yolo.has_rows_without_batch(network, joints) else Fit.NO


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> YoloV7Nms:
    """Raises ModelError when the input is no image."""
    options = chosen(settings, resize=yolo.RESIZE)
    return YoloV7Nms(yolo.rgb_letterboxer(network, _SIDE, options["resize"]), skeleton, settings)
