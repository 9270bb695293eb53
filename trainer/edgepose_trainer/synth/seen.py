"""What one camera sees of people, exactly: keypoints, boxes, who is hidden by whom and by the net's posts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgepose.types import Float32
from edgepose_trainer.motionmodel.body import JOINTS
from edgepose_trainer.motionmodel.movement import Seen
from edgepose_trainer.render.court import NET_AT_POSTS_M, POSTS_M
from edgepose_trainer.render.lens import Lens

Float64 = NDArray[np.float64]
Bools = NDArray[np.bool_]
HIDDEN = 0.5
"""Confidence of a joint that is in the picture and covered; its place is exact all the same."""
_LEAST_JOINTS = 4
"""Fewer joints in the picture are nobody."""
_MOST_HIDDEN = 0.8
"""Of the joints in the picture: more and the person is not seen."""
_POST_M = 0.06
_NEARER_M = 0.25
_COCO = 17
_SEGMENTS = tuple((JOINTS.index(a), JOINTS.index(b), width_m) for a, b, width_m in (
    ("neck", "mid_hip", 0.16), ("neck", "head_top", 0.10), ("left_shoulder", "right_shoulder", 0.09),
    ("left_hip", "right_hip", 0.13), ("left_shoulder", "left_hip", 0.10), ("right_shoulder", "right_hip", 0.10),
    *((f"{side}_{a}", f"{side}_{b}", width) for side in ("left", "right") for a, b, width in (
        ("shoulder", "elbow", 0.05), ("elbow", "wrist", 0.045), ("hip", "knee", 0.08), ("knee", "ankle", 0.055))),
))  # fmt: skip
"""What covers others: capsules round these lines, with their radius."""


@dataclass(frozen=True, slots=True)
class View2D:
    """P people in F frames of one camera."""

    keypoints: Float32
    """(P, F, 17, 3) x, y px, confidence 1, or ``HIDDEN``; outside the picture NaN, NaN, 0."""
    boxes: Float32
    """(P, F, 4) x1, y1, x2, y2 px round the body, within the picture; NaN where nothing is in it."""
    present: Bools
    """(P, F) whether somebody is seen."""


def see(people: Sequence[Seen], lens: Lens) -> View2D:
    """Exact: the projection of the joints with the lens's distortion."""
    joints = np.stack([one.joints for one in people])
    points, depth, ahead = _projected(joints, lens)
    inside = ahead & (points >= 0).all(axis=-1) & (points <= np.array(lens.size_wh) - 1).all(axis=-1)
    covered = _by_people(points, depth, ahead, lens) | _by_posts(joints, depth, lens)
    keypoints = np.concatenate([points, np.where(covered, HIDDEN, 1.0)[..., None]], axis=-1)[:, :, :_COCO]
    keypoints[~inside[:, :, :_COCO]] = (np.nan, np.nan, 0.0)
    count = inside[:, :, :_COCO].sum(axis=-1)
    hidden = (inside & covered)[:, :, :_COCO].sum(axis=-1)
    present = (count >= _LEAST_JOINTS) & (hidden <= _MOST_HIDDEN * count)
    return View2D(keypoints.astype(np.float32), _boxes(people, lens), present)


def _projected(points: Float64, lens: Lens) -> tuple[Float64, Float64, Bools]:
    px, depth, ahead = lens.project(points.reshape(-1, 3))
    shape = points.shape[:-1]
    return px.reshape(*shape, 2), depth.reshape(shape), ahead.reshape(shape)


def _by_people(points: Float64, depth: Float64, ahead: Bools, lens: Lens) -> Bools:
    """(P, F, 20) whether somebody nearer covers the joint."""
    covered = np.zeros(depth.shape, bool)
    focal = float(lens.focal_xy[0])
    for who in range(len(points)):
        for other in range(len(points)):
            if who == other:
                continue
            near = (depth[other, :, -1] < depth[who, :, -1] - _NEARER_M) & ahead[other].all(axis=-1)
            close = np.abs(points[other, :, -1, 0] - points[who, :, -1, 0]) < 1.6 * focal / np.maximum(
                depth[other, :, -1], 0.5
            )
            rows = np.flatnonzero(near & close)
            for a, b, width_m in _SEGMENTS if len(rows) else ():
                radius = width_m * focal / depth[other, rows, a]
                away = _distance(points[who, rows], points[other, rows, a], points[other, rows, b])
                covered[who, rows] |= away < radius[:, None]
    return covered


def _distance(points: Float64, start: Float64, end: Float64) -> Float64:
    """(N, K, 2) px to lines (N, 2)–(N, 2) -> (N, K)."""
    way = (end - start)[:, None]
    along = np.sum((points - start[:, None]) * way, axis=-1) / np.maximum(np.sum(way * way, axis=-1), 1e-9)
    nearest = start[:, None] + np.clip(along, 0, 1)[..., None] * way
    return np.asarray(np.linalg.norm(points - nearest, axis=-1))


def _by_posts(joints: Float64, depth: Float64, lens: Lens) -> Bools:
    """(P, F, 20) whether one of the net's two posts stands before the joint."""
    covered = np.zeros(depth.shape, bool)
    rays = joints - lens.eye
    for x in (-POSTS_M, POSTS_M):
        post = np.array((x, 0.0)) - lens.eye[[0, 2]]
        flat = rays[..., [0, 2]]
        share = (flat @ post) / np.maximum(np.sum(flat * flat, axis=-1), 1e-9)
        away = np.linalg.norm(flat * share[..., None] - post, axis=-1)
        height = lens.eye[1] + share * rays[..., 1]
        covered |= (share > 0) & (share < 1) & (away < _POST_M) & (height < NET_AT_POSTS_M) & (height > 0)
    return covered


def _boxes(people: Sequence[Seen], lens: Lens) -> Float32:
    """Round the joints, the feet and the hands, with a body's thickness about them."""
    out = np.full((len(people), len(people[0].joints), 4), np.nan, np.float32)
    for row, one in zip(out, people, strict=True):
        thick = [(one.joints, _THICK_M), (one.toes, 0.05), (one.heels, 0.05), (one.racket[:, :1], 0.09)]
        low, high = np.full((len(row), 2), np.inf), np.full((len(row), 2), -np.inf)
        for points, around_m in thick:
            px, depth, ahead = _projected(points, lens)
            margin = (around_m * lens.focal_xy[0] / np.maximum(depth, 0.3))[..., None]
            low = np.minimum(low, np.where(ahead[..., None], px - margin, np.inf).min(axis=1))
            high = np.maximum(high, np.where(ahead[..., None], px + margin, -np.inf).max(axis=1))
        low, high = np.clip(low, 0, lens.size_wh), np.clip(high, 0, lens.size_wh)
        some = (high - low > 1).all(axis=1)
        row[some] = np.concatenate([low, high], axis=1)[some]
    return out


_THICK_M = np.array([0.04 if joint in ("nose", "head_top") else 0.03 if "eye" in joint else 0.06 if joint != "mid_hip"
                     else 0.1 for joint in JOINTS])  # fmt: skip
