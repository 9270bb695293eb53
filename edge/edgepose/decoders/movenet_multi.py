"""MoveNet MultiPose: up to six people, (1, 6, 56) = 17 × (y, x, score), ymin, xmin, ymax, xmax, score.

Fractions of the padded input; long side 256, sides multiples of 32, padding right and bottom.
Source: seed_systems.md §3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgepose.decoders import DecoderSettings, Fit, View, chosen, people_in_frame
from edgepose.errors import ModelError
from edgepose.preprocess import InputSpec, Letterboxer, image_input
from edgepose.runtimes import Signature, Tensor
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Image, Pose

_LONG_SIDE = 256


class MoveNetMulti:
    """One view per frame. A dynamic input takes the frame's aspect, a fixed one is padded."""

    follows = False
    needs_boxes = False

    def __init__(self, tensor: Tensor, skeleton: Skeleton, settings: DecoderSettings) -> None:
        self.skeleton = skeleton
        self._tensor = tensor
        self._settings = settings
        self._frame_wh = (0, 0)

    def views(self, image: Image, people: object = None) -> list[View]:
        frame_wh = (image.shape[1], image.shape[0])
        if frame_wh != self._frame_wh:
            self._frame_wh = frame_wh
            width, height, nchw = image_input(self._tensor, _padded(frame_wh))
            spec = InputSpec(width, height, nchw, std=1.0, pad=0, centred=False)
            self._letterboxer = Letterboxer(spec, self._tensor)
            self._input_yx = np.array([height, width], np.float32)
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        rows = outputs[0][0]
        if not np.isfinite(rows).all():
            raise ModelError("the network's outputs are not finite: broken weights or wrong input range")
        rows = rows[rows[:, 55] >= self._settings.min_score][: self._settings.most_people]
        yx = rows[:, :51].reshape(len(rows), 17, 3)
        boxes = (rows[:, 51:55].reshape(len(rows), 2, 2) * self._input_yx)[..., ::-1].reshape(len(rows), 4)
        keypoints = np.concatenate([(yx[..., :2] * self._input_yx)[..., ::-1], yx[..., 2:]], axis=2)
        return people_in_frame(boxes, rows[:, 55], keypoints, view.place)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """One output that ends in (6, 56)."""
    one_each = len(network.inputs) == len(network.outputs) == 1
    fits = joints == 17 and one_each and network.outputs[0].shape[-2:] == (6, 56)
    return Fit.IS if fits else Fit.NO


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> MoveNetMulti:
    """Raises ModelError when the input is no image."""
    chosen(settings)
    image_input(network.inputs[0], (_LONG_SIDE, _LONG_SIDE))
    return MoveNetMulti(network.inputs[0], skeleton, settings)


def _padded(frame_wh: tuple[int, int]) -> tuple[int, int]:
    """The frame's aspect with a long side of 256, each side rounded up to a multiple of 32."""
    scale = _LONG_SIDE / max(frame_wh)
    width, height = (max(32, -32 * (round(side * scale) // -32)) for side in frame_wh)
    return width, height
