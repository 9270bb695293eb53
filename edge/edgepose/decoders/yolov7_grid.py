"""YOLOv7-w6-pose and TI YOLOv5-pose exported with their grid: (1, N, 5 + classes + 3·K), the raw maps follow.

Rows: cx, cy, w, h in input pixels, objectness, a score per class, then K × (x, y, visibility); all sigmoid done.
Source: seed_systems.md §1.1, row "Y7 / T5 with grid".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgepose.decoders import DecoderSettings, Fit, View, chosen, people_in_frame
from edgepose.errors import ModelError
from edgepose.geometry import non_maximum_suppression
from edgepose.preprocess import InputSpec, Letterboxer, image_input
from edgepose.runtimes import Signature
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Image, Pose

_CANDIDATES = 3000  # more than this above the threshold is noise; the best are kept
_FINISHED_ROWS = 300  # another family's output has at most so many


class YoloV7Grid:
    """One letterboxed view per frame; score = objectness · best class, NMS over all classes together."""

    follows = False
    needs_boxes = False

    def __init__(self, letterboxer: Letterboxer, skeleton: Skeleton, settings: DecoderSettings) -> None:
        self.skeleton = skeleton
        self._letterboxer = letterboxer
        self._settings = settings

    def views(self, image: Image, people: object = None) -> list[View]:
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        rows = outputs[0][0]
        first_keypoint = rows.shape[1] - 3 * len(self.skeleton)
        scores = rows[:, 4] * rows[:, 5:first_keypoint].max(axis=1)
        if not np.isfinite(scores.sum(dtype=np.float64)):
            raise ModelError("the network's scores are not finite: broken weights or wrong input range")
        chosen = np.flatnonzero(scores >= self._settings.min_score)
        if len(chosen) > _CANDIDATES:
            chosen = chosen[np.argpartition(-scores[chosen], _CANDIDATES)[:_CANDIDATES]]
        candidates, scores = rows[chosen], scores[chosen]
        half = candidates[:, 2:4] / 2
        boxes = np.concatenate([candidates[:, :2] - half, candidates[:, :2] + half], axis=1)
        keep = non_maximum_suppression(boxes, scores, self._settings.iou, self._settings.most_people)
        keypoints = candidates[keep, first_keypoint:].reshape(len(keep), len(self.skeleton), 3)
        return people_in_frame(boxes[keep], scores[keep], keypoints, view.place)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """Rows of a box, objectness, classes and the joints, followed by the raw maps they were made from."""
    if len(network.inputs) != 1 or len(network.outputs) < 2 or len(network.outputs[0].shape) != 3:
        return Fit.NO
    rows, columns = network.outputs[0].shape[1:]
    maps = network.outputs[1:]
    fits = (
        (rows is None or rows > _FINISHED_ROWS)
        and columns is not None
        and columns >= 6 + 3 * joints
        and all(len(tensor.shape) == 5 and tensor.shape[-1] == columns for tensor in maps)
    )
    return Fit.IS if fits else Fit.NO


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> YoloV7Grid:
    """Raises ModelError when a row does not hold a box, objectness, a class and the skeleton's keypoints."""
    chosen(settings)
    width, height, nchw = image_input(network.inputs[0], (960, 960))
    columns, least = network.outputs[0].shape[-1], 6 + 3 * len(skeleton)
    if columns is None or columns < least:
        raise ModelError(f"output {network.outputs[0].name!r}: {skeleton.name} needs {least} columns, got {columns}")
    return YoloV7Grid(Letterboxer(InputSpec(width, height, nchw), network.inputs[0]), skeleton, settings)
