"""YOLOv7-w6-pose and TI YOLOv5-pose as they export by default: four raw maps (1, 3, ny, nx, 5 + classes + 3·K).

Logits of cx, cy, w, h, objectness, classes, then K × (x, y, visibility), of which x and y are linear.
Source: seed_systems.md §1.1, row "Y7 / T5 default export"; formulas and anchors §1.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgepose import yolo
from edgepose.decoders import DecoderSettings, Fit, View, chosen, people_in_frame
from edgepose.errors import ModelError
from edgepose.runtimes import Signature
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Float32, Image, Pose

_SIDE = 960
_ANCHORS_WH = {
    8: ((19, 27), (44, 40), (38, 94)),
    16: ((96, 68), (86, 152), (180, 137)),
    32: ((140, 301), (303, 264), (238, 542)),
    64: ((436, 615), (739, 380), (925, 792)),
}
_ANCHORS = {stride: np.array(sizes, np.float32) for stride, sizes in _ANCHORS_WH.items()}


class YoloV7Raw:
    """One view per frame; score = objectness · best class, NMS over all classes together."""

    follows = False
    needs_boxes = False

    def __init__(self, network: Signature, skeleton: Skeleton, settings: DecoderSettings, resize: str) -> None:
        self.skeleton = skeleton
        self._input_wh = yolo.input_wh(network, _SIDE)
        self._letterboxer = yolo.rgb_letterboxer(network, _SIDE, resize)
        self._settings = settings

    def views(self, image: Image, people: object = None) -> list[View]:
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        levels = [self._level(maps[0]) for maps in outputs]
        scores, boxes, rows, places = (np.concatenate(parts) for parts in zip(*levels, strict=True))
        keep = yolo.kept(boxes, scores, self._settings)
        keypoints = rows[keep, -3 * len(self.skeleton) :].reshape(len(keep), len(self.skeleton), 3)
        cells, strides = places[keep, None, :2], places[keep, None, 2:]
        with np.errstate(over="ignore"):
            xy = (2 * keypoints[..., :2] - 0.5 + cells) * strides
        joints = np.concatenate([xy, yolo.probability(keypoints[..., 2:])], axis=2)
        return people_in_frame(boxes[keep], scores[keep], joints, view.place)

    def _level(self, maps: Array) -> tuple[Float32, Float32, Float32, Float32]:
        """(3, ny, nx, C) -> of N candidates: (N,) scores, (N, 4) boxes, (N, C) logits, (N, 3) column, row, stride."""
        stride = _stride(self._input_wh, (maps.shape[2], maps.shape[1]))
        classes = maps[..., 5 : maps.shape[3] - 3 * len(self.skeleton)].max(axis=3)
        scores = (yolo.probability(maps[..., 4]) * yolo.probability(classes)).ravel()
        candidates = yolo.over_threshold(scores, self._settings)
        anchor, y, x = np.unravel_index(candidates, maps.shape[:3])
        rows = maps[anchor, y, x]
        cells = np.stack([x, y], axis=1).astype(np.float32)
        centres = (2 * yolo.probability(rows[:, :2]) - 0.5 + cells) * stride
        sizes = (2 * yolo.probability(rows[:, 2:4])) ** 2 * _ANCHORS[stride][anchor]
        places = np.concatenate([cells, np.full((len(rows), 1), stride, np.float32)], axis=1)
        return scores[candidates], yolo.corners(np.concatenate([centres, sizes], axis=1)), rows, places


def recognise(network: Signature, joints: int = 17) -> Fit:
    """Nothing but raw maps of three anchors a cell."""
    if len(network.inputs) != 1 or len(network.outputs) < 2:
        return Fit.NO
    columns = network.outputs[0].shape[-1] if network.outputs[0].shape else None
    shapes = [tensor.shape for tensor in network.outputs]
    if not all(len(shape) == 5 and shape[1] in (None, 3) and shape[4] == columns for shape in shapes):
        return Fit.NO
    if not yolo.finds_joints(columns, joints):
        return Fit.NO
    return Fit.IS if columns == 6 + 3 * joints else Fit.MAY


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> YoloV7Raw:
    """Raises ModelError when there are not four maps that fit the input, or a row is too short for the skeleton."""
    options = chosen(settings, resize=yolo.RESIZE)
    yolo.needs_columns(network, 6 + 3 * len(skeleton), skeleton)
    if len(network.outputs) != len(_ANCHORS):
        raise ModelError(
            f"raw maps of {len(network.outputs)} levels: anchors are known of the w6 networks alone, which have "
            f"{len(_ANCHORS)}: export with the grid"
        )
    for tensor in network.outputs:
        height, width = tensor.shape[2:4]
        if width is not None and height is not None:
            _stride(yolo.input_wh(network, _SIDE), (width, height))
    return YoloV7Raw(network, skeleton, settings, options["resize"])


def _stride(input_wh: tuple[int, int], map_wh: tuple[int, int]) -> int:
    """Raises ModelError when a map is of no level that has anchors."""
    for stride in _ANCHORS:
        if (map_wh[0] * stride, map_wh[1] * stride) == input_wh:
            return stride
    expected = ", ".join(f"{input_wh[0] // stride}×{input_wh[1] // stride}" for stride in _ANCHORS)
    raise ModelError(
        f"input {input_wh[0]}×{input_wh[1]} needs maps of {expected} cells, the network has {map_wh[0]}×{map_wh[1]}"
    )
