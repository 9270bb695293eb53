"""YOLO-Pose with joint maps beside the rows, as ``edgepose train pose`` writes it.

Outputs: the rows of ``yolo_pose``, and maps (1, K, h, w) of probabilities, one per joint. A person's cell says roughly
where each joint is; the joint moves to the highest place of its map near there, as in CenterNet (arXiv:1904.07850 §4)
and MoveNet, but only where the map is sure of something.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgepose import yolo
from edgepose.decoders import DecoderSettings, Fit, View, chosen, in_input_pixels, people_in_frame
from edgepose.errors import ModelError
from edgepose.runtimes import Signature
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Float32, Image, Pose

_SIDE = 320
_NEAR, _TRUNK_NEAR = 0.13, 0.04
"""Standard deviation of a cell's guess, in longer sides of the person's box: of limbs and face; of shoulders and hips,
which a cell places well and whose other side is near."""
_TRUNK = ("shoulder", "hip")
_NEAR_PX = (4.0, 24.0)
"""The same in input px: at least, at most. Two standard deviations to either side are looked at."""
_SURE = 0.1
"""A map lower than this all around says nothing: the cell's guess stays."""
_DOUBTFUL, _CERTAIN = 0.15, 0.55
"""Heights of peaks that are hardly ever, and nearly always, within 0.2 torso of the joint (bench/pose.md)."""
_LEAST_TRUST = 0.05
_VALUES = 3


class YoloPoseMaps:
    """One letterboxed view per frame; suppression as in ``yolo_pose``, then the maps."""

    follows = False
    needs_boxes = False

    def __init__(self, network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> None:
        self.skeleton = skeleton
        self._input_wh = yolo.input_wh(network, _SIDE)
        self._letterboxer = yolo.rgb_letterboxer(network, _SIDE)
        self._near = near_of(skeleton)
        self._settings = settings

    def views(self, image: Image, people: object = None) -> list[View]:
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        rows, maps = outputs[0][0], outputs[1][0]
        if not np.isfinite(maps.sum(dtype=np.float64)):
            raise ModelError("the network's joint maps are not finite: broken weights or wrong input range")
        candidates = yolo.over_threshold(rows[4], self._settings)
        people = rows[:, candidates].T
        boxes = in_input_pixels(yolo.corners(people[:, :4]).reshape(-1, 2, 2), self._input_wh).reshape(-1, 4)
        keep = yolo.kept(boxes, people[:, 4], self._settings)
        keypoints = people[keep, 5:].reshape(len(keep), len(self.skeleton), _VALUES)
        keypoints[..., :2] = in_input_pixels(keypoints[..., :2], self._input_wh)
        keypoints = settled(keypoints, boxes[keep], maps, self._input_wh[0] / maps.shape[2], self._near)
        return people_in_frame(boxes[keep], people[keep, 4], keypoints, view.place)


def near_of(skeleton: Skeleton) -> Float32:
    """(K,) how far a cell's guess may be off, in longer sides of the box."""
    return np.array([_TRUNK_NEAR if j.endswith(_TRUNK) else _NEAR for j in skeleton.joints], np.float32)


def settled(keypoints: Float32, boxes_xyxy: Float32, maps: Float32, stride: float, near: Float32) -> Float32:
    """(P, K, 3) input px, (P, 4), (K, h, w), (K,) -> (P, K, 3) with x, y at the maps' peaks near by.

    ``near``: as ``near_of``. A joint whose map is not sure of anything there stays. The confidence is that of the cell
    times what the peak's height is worth: a cell says whether a joint is in sight, not whether it is where it says.
    """
    joints, height, width = maps.shape
    long = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).max(axis=1, initial=0)
    spread = np.clip(near * long[:, None], *_NEAR_PX)[..., None] / stride
    reach = math.ceil(2 * spread.max(initial=0))
    cells = np.clip(np.nan_to_num(keypoints[..., :2]) / stride - 0.5, -reach, max(height, width) + reach)
    around = np.arange(-reach, reach + 1)
    x, y = (np.rint(cells[..., axis, None]).astype(np.intp) + around for axis in (0, 1))
    every = np.arange(joints)[None, :, None, None]
    values = maps[every, y.clip(0, height - 1)[..., :, None], x.clip(0, width - 1)[..., None, :]]
    away_x, away_y = (((each - cells[..., axis, None]) / spread) ** 2 for axis, each in enumerate((x, y)))
    inside = ((y >= 0) & (y < height))[..., :, None] & ((x >= 0) & (x < width))[..., None, :]
    likely = values * inside * np.exp(-0.5 * (away_y[..., :, None] + away_x[..., None, :]))
    best = likely.reshape(*likely.shape[:2], len(around) ** 2).argmax(axis=2)
    row, column = np.divmod(best, len(around))
    peak_y, peak_x = (np.take_along_axis(each, at[..., None], 2)[..., 0] for each, at in ((y, row), (x, column)))
    peak = maps[every[..., 0, 0], peak_y.clip(0, height - 1), peak_x.clip(0, width - 1)]
    middle = _middle(maps, peak_x, peak_y)
    result = keypoints.copy()
    result[..., :2] = np.where(peak[..., None] >= _SURE, (middle + 0.5) * stride, keypoints[..., :2])
    result[..., 2] *= ((peak - _DOUBTFUL) / (_CERTAIN - _DOUBTFUL)).clip(_LEAST_TRUST, 1)
    return result


def _middle(maps: Float32, x: Array, y: Array) -> Array:
    """(P, K) cells of peaks -> (P, K, 2) x, y: mean of the nine cells round each, by the square of their values."""
    joints, height, width = maps.shape
    step = np.arange(-1, 2)
    rows, columns = ((each[..., None] + step).clip(0, most - 1) for each, most in ((y, height), (x, width)))
    weights = maps[np.arange(joints)[None, :, None, None], rows[..., :, None], columns[..., None, :]] ** 2 + 1e-9
    total = weights.sum(axis=(2, 3))
    at_x = (weights.sum(axis=2) * columns).sum(axis=2) / total
    at_y = (weights.sum(axis=3) * rows).sum(axis=2) / total
    return np.stack([at_x, at_y], axis=2)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """Rows of box, score and joints, and as many maps as joints."""
    shapes = [tensor.shape for tensor in network.outputs]
    if len(shapes) != 2 or [len(shape) for shape in shapes] != [3, 4] or not joints:
        return Fit.NO
    return Fit.IS if shapes[0][1] == 5 + _VALUES * joints and shapes[1][1] == joints else Fit.NO


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> YoloPoseMaps:
    """Raises ModelError when the outputs are not the skeleton's rows and maps."""
    chosen(settings)
    if recognise(network, len(skeleton)) is Fit.NO:
        got = ", ".join(f"{tensor.name} {tensor.shape}" for tensor in network.outputs)
        rows, maps = 5 + _VALUES * len(skeleton), len(skeleton)
        raise ModelError(f"outputs: expected (1, {rows}, N) and (1, {maps}, h, w) for {skeleton.name}, got {got}")
    return YoloPoseMaps(network, skeleton, settings)
