"""Boxes, letterbox, crops, similarities, body frame: pure functions, pixels of the original frame.

Boxes are float32 (..., 4) as x1, y1, x2, y2 (``xyxy``). Keypoints are float32 (..., K, 3) with
NaN, NaN, 0 for a missing joint.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgepose.types import Array, Float32


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a (w, h) frame lies inside a network input: ``input = frame * scale + pad``."""

    scale_xy: tuple[float, float]
    pad_x: float
    pad_y: float
    width: int
    """Resized picture, px, without padding."""
    height: int
    frame_wh: tuple[int, int]

    @staticmethod
    def fit(frame_wh: tuple[int, int], input_wh: tuple[int, int], centred: bool = True) -> Letterbox:
        """The largest aspect-keeping fit; padding on both sides (Ultralytics) or right and bottom."""
        scale = min(input_wh[0] / frame_wh[0], input_wh[1] / frame_wh[1])
        width, height = (max(1, round(side * scale)) for side in frame_wh)
        # What the resize did after rounding to whole pixels: on 1270×717 the plain scale is 0.6 px off at the bottom.
        scale_xy = (width / frame_wh[0], height / frame_wh[1])
        if not centred:
            return Letterbox(scale_xy, 0.0, 0.0, width, height, frame_wh)
        # The exporter's own rounding: the odd pixel goes right and down.
        pad_x, pad_y = (round((input_wh[i] - s) / 2 - 0.1) for i, s in enumerate((width, height)))
        return Letterbox(scale_xy, float(pad_x), float(pad_y), width, height, frame_wh)

    @staticmethod
    def stretch(frame_wh: tuple[int, int], input_wh: tuple[int, int]) -> Letterbox:
        """The whole input without padding; the aspect is lost."""
        scale_xy = (input_wh[0] / frame_wh[0], input_wh[1] / frame_wh[1])
        return Letterbox(scale_xy, 0.0, 0.0, *input_wh, frame_wh)

    def to_frame(self, points_xy: Float32) -> Float32:
        """(..., 2) input pixels -> frame pixels, clipped to the frame; NaN stays."""
        pad = np.array([self.pad_x, self.pad_y], np.float32)
        points = (points_xy - pad) / np.array(self.scale_xy, np.float32)
        return np.asarray(np.clip(points, 0, np.array(self.frame_wh, np.float32)), np.float32)


def box_of_keypoints(keypoints: Float32) -> Float32:
    """(4,) tight box round the known joints; NaN where there is none."""
    known = keypoints[~np.isnan(keypoints[:, 0]), :2]
    if len(known) == 0:
        return np.full(4, np.nan, np.float32)
    return np.asarray(np.concatenate([known.min(axis=0), known.max(axis=0)]), np.float32)


def box_iou(a_xyxy: Float32, b_xyxy: Float32) -> Float32:
    """(N, 4), (M, 4) -> (N, M) intersection over union; empty boxes give 0."""
    low = np.maximum(a_xyxy[:, None, :2], b_xyxy[None, :, :2])
    high = np.minimum(a_xyxy[:, None, 2:], b_xyxy[None, :, 2:])
    inter = np.prod(np.clip(high - low, 0, None), axis=2)
    area_a = np.prod(np.clip(a_xyxy[:, 2:] - a_xyxy[:, :2], 0, None), axis=1)
    area_b = np.prod(np.clip(b_xyxy[:, 2:] - b_xyxy[:, :2], 0, None), axis=1)
    union = area_a[:, None] + area_b[None, :] - inter
    return np.asarray(np.divide(inter, union, out=np.zeros_like(inter), where=union > 0), np.float32)


def non_maximum_suppression(boxes_xyxy: Float32, scores: Float32, iou: float, most: int) -> Array:
    """Indices of the boxes that stay, best first: greedy, one drops when its IoU > ``iou``."""
    order = np.argsort(-scores, kind="stable")
    keep: list[int] = []
    while len(order) and len(keep) < most:
        best, order = int(order[0]), order[1:]
        keep.append(best)
        order = order[box_iou(boxes_xyxy[best : best + 1], boxes_xyxy[order])[0] <= iou]
    return np.array(keep, dtype=np.intp)


def oks(a: Float32, b: Float32, area: float, sigmas: Array) -> float:
    """Object keypoint similarity 0..1 of two (K, 3) poses over the joints that both have.

    COCO's form: mean over joints of exp(-d² / (2 · area · (2σ)²)); 0 when no joint is shared.
    """
    d2 = np.sum((a[:, :2] - b[:, :2]) ** 2, axis=1)
    both = ~np.isnan(d2)
    if not both.any() or not area > 0:
        return 0.0
    return float(np.mean(np.exp(-d2[both] / (2.0 * area * (2.0 * sigmas[both]) ** 2))))


def angle_deg(a: Array, b: Array, c: Array) -> Array:
    """Inner angle at ``b`` of the corner a-b-c, 0..180 degrees; points are (..., D), NaN stays."""
    u, v = a - b, c - b
    length = np.linalg.norm(u, axis=-1) * np.linalg.norm(v, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.degrees(np.arccos(np.clip(np.sum(u * v, axis=-1) / length, -1.0, 1.0))))
