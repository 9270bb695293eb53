"""What the YOLO decoders share: the threshold, finished rows, cells, and what an export says of itself.

Source: seed_systems.md §1.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

import numpy as np

from edgepose.decoders import DecoderSettings, people_in_frame
from edgepose.errors import ModelError
from edgepose.geometry import Letterbox, non_maximum_suppression
from edgepose.preprocess import InputSpec, Letterboxer, image_input
from edgepose.runtimes import Signature
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Float32, Pose

STRIDES = (8, 16, 32)
RESIZE = ("letterbox", "squash")
"""Option ``resize`` of YOLOv7 and TI YOLOv5: TI's own sample fills the input and loses the aspect."""
FINISHED_ROWS = 300
"""Ultralytics' own number of rows after suppression."""
_CANDIDATES = 3000  # more than this above the threshold is noise; the best are kept
_COCO_CLASSES = 80


def over_threshold(scores: Float32, settings: DecoderSettings) -> Array:
    """(N,) -> indices of the scores that count, at most 3000; raises ModelError when one is not finite."""
    if not np.isfinite(scores.sum(dtype=np.float64)):
        raise ModelError("the network's scores are not finite: broken weights or wrong input range")
    chosen = np.flatnonzero((scores >= settings.min_score) & (scores > 0))
    if len(chosen) > _CANDIDATES:
        chosen = chosen[np.argpartition(-scores[chosen], _CANDIDATES)[:_CANDIDATES]]
    return chosen


def corners(boxes_cxcywh: Float32) -> Float32:
    """(N, 4) centre and size -> (N, 4) x1, y1, x2, y2."""
    half = boxes_cxcywh[:, 2:] / 2
    with np.errstate(invalid="ignore"):  # a broken box stays NaN; its score is what counts
        return np.concatenate([boxes_cxcywh[:, :2] - half, boxes_cxcywh[:, :2] + half], axis=1)


def kept(boxes_xyxy: Float32, scores: Float32, settings: DecoderSettings) -> Array:
    """Indices of the people who stay, best first: all classes together, a person is a person."""
    with np.errstate(invalid="ignore", over="ignore"):
        return non_maximum_suppression(boxes_xyxy, scores, settings.iou, settings.most_people)


def suppressed_inside(rows: Float32, skeleton: Skeleton, place: Letterbox, settings: DecoderSettings) -> list[Pose]:
    """(N, 6 + 3K) x1, y1, x2, y2, score, class, keypoints in input px, not to be suppressed again -> people."""
    rows = best_rows(rows, settings)
    return people_in_frame(rows[:, :4], rows[:, 4], rows[:, 6:].reshape(len(rows), len(skeleton), 3), place)


def best_rows(rows: Float32, settings: DecoderSettings) -> Float32:
    """The finished rows (score in column 4) over the threshold, best first; rows of zeros are padding."""
    rows = rows[over_threshold(rows[:, 4], settings)]
    return rows[np.argsort(-rows[:, 4], kind="stable")][: settings.most_people]


def product(objectness: Float32, classes: Float32) -> Float32:
    """Objectness · class score; may be no number."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is told by ``over_threshold``
        return np.asarray(objectness * classes, np.float32)


def probability(logits: Float32) -> Float32:
    """Sigmoid; NaN where the logit is not finite, which a sigmoid would hide."""
    with np.errstate(over="ignore"):
        return np.where(np.isfinite(logits), 1 / (1 + np.exp(-logits)), np.nan).astype(np.float32)


def cell_count(input_wh: tuple[int, int], strides: Sequence[int] = STRIDES) -> int:
    """Cells of all levels together."""
    return sum((input_wh[0] // stride) * (input_wh[1] // stride) for stride in strides)


def rows_of_cells(network: Signature, anchors: int) -> frozenset[int]:
    """How many rows three levels or four would give, so many for each cell; none when the input's size is open."""
    shape = network.inputs[0].shape
    height, width = (None, None) if len(shape) != 4 else shape[2:] if shape[1] == 3 else shape[1:3]
    if width is None or height is None:
        return frozenset()
    levels = (STRIDES, (*STRIDES, 64), (4, *STRIDES))
    return frozenset(anchors * cell_count((width, height), strides) for strides in levels)


def cells(input_wh: tuple[int, int]) -> tuple[Float32, Float32]:
    """((N, 2) column and row, (N, 1) stride) of every cell: level by level, row by row."""
    levels = []
    for stride in STRIDES:
        y, x = np.mgrid[: input_wh[1] // stride, : input_wh[0] // stride].reshape(2, -1)
        levels.append(np.stack([x, y, np.full_like(x, stride)], axis=1))
    table = np.concatenate(levels).astype(np.float32)
    return table[:, :2], table[:, 2:]


def input_wh(network: Signature, default: int) -> tuple[int, int]:
    """The input's size; ``default`` stands in for dynamic sides. Raises ModelError when it is no image."""
    width, height, _ = image_input(network.inputs[0], (default, default))
    return width, height


def rgb_letterboxer(network: Signature, default: int, resize: str = RESIZE[0]) -> Letterboxer:
    """RGB / 255, padded with 114 on both sides, or squashed."""
    width, height, nchw = image_input(network.inputs[0], (default, default))
    return Letterboxer(InputSpec(width, height, nchw, stretched=resize == "squash"), network.inputs[0])


def bgr_letterboxer(network: Signature, default: int) -> Letterboxer:
    """YOLOX: BGR 0..255, the picture top left, padded with 114 right and below."""
    width, height, nchw = image_input(network.inputs[0], (default, default))
    return Letterboxer(InputSpec(width, height, nchw, std=1.0, centred=False, bgr=True), network.inputs[0])


def only_shape(network: Signature, axes: int) -> tuple[int | None, ...] | None:
    """The shape of the only output of a network with one input; None when it is not of so many axes."""
    if len(network.inputs) != 1 or len(network.outputs) != 1 or len(network.outputs[0].shape) != axes:
        return None
    return network.outputs[0].shape


def has_rows_without_batch(network: Signature, joints: int) -> bool:
    """Whether the first output is rows of box, score, class and joints; others may follow, they are not read."""
    if len(network.inputs) != 1 or not network.outputs or len(network.outputs[0].shape) != 2:
        return False
    return joints > 0 and network.outputs[0].shape[1] == 6 + 3 * joints


def finds_joints(columns: int | None, joints: int) -> bool:
    """Whether a box, objectness, class scores and the joints fill a row; 80 classes are a detector's."""
    return joints > 0 and columns is not None and columns >= 6 + 3 * joints and columns != 5 + _COCO_CLASSES


def needs_columns(network: Signature, least: int, skeleton: Skeleton) -> None:
    """Raises ModelError when a row of the first output is known to be too short for the skeleton."""
    columns = network.outputs[0].shape[-1]
    if columns is not None and columns < least:
        raise ModelError(f"output {network.outputs[0].name!r}: {skeleton.name} needs {least} columns, got {columns}")


def exported_joints(metadata: Mapping[str, str]) -> tuple[int, int] | None:
    """(joints, 2 for x, y or 3 with visibility) as an Ultralytics export says in ``kpt_shape``; None: it does not.

    Raises ModelError when it says nonsense.
    """
    if "kpt_shape" not in metadata:
        return None
    try:
        joints, values = (int(number) for number in ast.literal_eval(metadata["kpt_shape"]))
    except (ValueError, SyntaxError, TypeError):
        joints, values = 0, 0
    if joints < 1 or values not in (2, 3):
        raise ModelError(f"metadata kpt_shape {metadata['kpt_shape']!r} is not [joints, 2 or 3]")
    return joints, values


def is_for_pose(metadata: Mapping[str, str]) -> bool:
    """An Ultralytics export says its task; others do not."""
    return metadata.get("task", "pose") == "pose"


def values_of_joints(network: Signature, skeleton: Skeleton, before: int, axis: int) -> int:
    """2 or 3: how many values the export has for each joint of the skeleton, behind ``before`` others.

    Raises ModelError when the metadata or the output's length along ``axis`` speak of other joints.
    """
    output = network.outputs[0]
    exported = exported_joints(network.metadata)
    if exported and exported[0] != len(skeleton):
        raise ModelError(
            f"the export has {exported[0]} joints, skeleton {skeleton.name} has {len(skeleton)}: "
            "name its skeleton in a card"
        )
    length = output.shape[axis]
    values = exported[1] if exported else (2 if length == before + 2 * len(skeleton) else 3)
    if length is not None and length < before + values * len(skeleton):
        raise ModelError(
            f"output {output.name!r}: {skeleton.name} needs {before + values * len(skeleton)} values per person, "
            f"got {length}"
        )
    return values
