"""Person boxes of MMDetection networks by MMDeploy, as rtmlib and Sports2D use them: dets (1, n, 5), labels (1, n).

Rows: x1, y1, x2, y2 in input pixels, score; best first, duplicates are suppressed inside. The picture lies top left,
padded with 114, BGR. YOLOX wants 0..255, RTMDet ImageNet's mean and deviation, and the file does not say which it is:
option ``input = yolox | rtmdet``. Option ``person``: the class index (default 0).
Source: MMDetection configs rtmdet and yolox (data_preprocessor), MMDeploy docs/en/04-supported-codebases/mmdet.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgepose import person_boxes
from edgepose.decoders import DecoderSettings, Fit, View, chosen
from edgepose.preprocess import IMAGENET_MEAN, IMAGENET_STD, InputSpec, Letterboxer, image_input
from edgepose.runtimes import Signature, Tensor
from edgepose.skeletons import BOXES, Skeleton
from edgepose.types import Array, Image, Pose

_SIDE = 640


class BoxesMmdet:
    """One view per frame, top left."""

    skeleton = BOXES
    follows = False
    needs_boxes = False

    def __init__(self, tensor: Tensor, person: int, rtmdet: bool, settings: DecoderSettings) -> None:
        width, height, nchw = image_input(tensor, (_SIDE, _SIDE))
        mean, std = (_bgr(IMAGENET_MEAN), _bgr(IMAGENET_STD)) if rtmdet else (0.0, 1.0)
        self._letterboxer = Letterboxer(InputSpec(width, height, nchw, mean, std, centred=False, bgr=True), tensor)
        self._person = person
        self._settings = settings

    def views(self, image: Image, people: object = None) -> list[View]:
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        rows, labels = outputs[0][0], outputs[1][0]
        rows = rows[person_boxes.best(rows[:, 4], labels == self._person, self._settings)]
        return person_boxes.people(rows[:, :4], rows[:, 4], view.place)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """Rows of a box and a score, and a label for each; masks would be a third output."""
    shapes = [tensor.shape for tensor in network.outputs]
    if not person_boxes.wanted(network, joints) or [len(shape) for shape in shapes] != [3, 2]:
        return Fit.NO
    return Fit.IS if shapes[0][2] == 5 and shapes[0][1] == shapes[1][1] else Fit.NO


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> BoxesMmdet:
    """Raises SettingsError for an input or class that is not offered."""
    people = person_boxes.person_choices(network.metadata, person_boxes.MOST_CLASSES, settings)
    options = chosen(settings, person=people, input=("yolox", "rtmdet"))
    return BoxesMmdet(network.inputs[0], int(options["person"]), options["input"] == "rtmdet", settings)


def _bgr(rgb: tuple[float, float, float]) -> tuple[float, float, float]:
    return rgb[2], rgb[1], rgb[0]
