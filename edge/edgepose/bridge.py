"""The bridge to lifters that want Human3.6M's joints: from coco17, mpii16 and coco_wholebody_feet.

The formulas are GAST-Net's (tools/mpii_coco_h36m.py; seed_systems.md §6, feature row 22); they guess what COCO does
not name: spine, thorax, neck and head are placed by proportion. ``conversions`` never guesses.
"""

from __future__ import annotations

import numpy as np

from edgepose.conversions import convert
from edgepose.skeletons import COCO17, COCO_WHOLEBODY_FEET, H36M17, H36M19, MPII16, Skeleton
from edgepose.types import Float32

SPINE = 0.3
"""GAST-Net's factor in its drawing and real-time code; its tools/ have 2, which throws the spine far out."""

_SHOULDERS = COCO17.indices("left_shoulder", "right_shoulder")
_HIPS = COCO17.indices("left_hip", "right_hip")
_EYES = COCO17.indices("left_eye", "right_eye")
_EYES_AND_EARS = COCO17.indices("left_eye", "right_eye", "left_ear", "right_ear")
_NOSE = COCO17.index("nose")
_PELVIS, _SPINE, _THORAX, _NECK, _HEAD = H36M17.indices("pelvis", "spine", "thorax", "neck", "head")
_LIMBS = tuple(joint for joint in H36M17.joints if joint in COCO17.joints)
_LIMBS_H36M, _LIMBS_COCO = H36M17.indices(*_LIMBS), COCO17.indices(*_LIMBS)
_BODY = np.array([H36M19.index(joint) for joint in H36M17.joints])
_TOES = H36M19.indices("right_toe", "left_toe")
_TOE_POINTS = COCO_WHOLEBODY_FEET.indices("right_big_toe", "left_big_toe", "right_small_toe", "left_small_toe")


def coco_to_h36m(keypoints: Float32, spine: float = SPINE) -> Float32:
    """(..., 17, 3) coco17 x, y (down), confidence -> float32 (..., 17, 3) h36m17.

    A joint that needs an unknown one (confidence 0 or not finite) is NaN, NaN, 0: thorax and neck need nose and
    shoulders, the thorax also the eyes, the head eyes, ears and nose. Confidences: pelvis, thorax, spine and head the
    mean of hips, shoulders, both pairs, eyes and ears; neck the nose's. Raises ValueError for a wrong shape.
    """
    points = _clean(keypoints, COCO17)
    nose, shoulders = points[..., _NOSE, :], points[..., _SHOULDERS, :].mean(axis=-2)
    eyes_y = points[..., _EYES, 1].mean(axis=-1)
    h36m = np.empty((*points.shape[:-2], len(H36M17), 3), np.float32)
    h36m[..., _LIMBS_H36M, :] = points[..., _LIMBS_COCO, :]
    h36m[..., _PELVIS, :] = points[..., _HIPS, :].mean(axis=-2)
    h36m[..., _THORAX, :] = shoulders
    h36m[..., _THORAX, :2] += (nose - shoulders)[..., :2] / 3
    h36m[..., _THORAX, 1] -= (eyes_y - nose[..., 1]) * 2 / 3
    h36m[..., _SPINE, :] = (h36m[..., _PELVIS, :] + shoulders) / 2
    lean = h36m[..., _SPINE, 0] - (h36m[..., _PELVIS, 0] + h36m[..., _THORAX, 0]) / 2
    h36m[..., _SPINE, 0] += spine * lean
    h36m[..., _NECK, :] = nose
    h36m[..., _NECK, :2] -= (nose - shoulders)[..., :2] / 4
    h36m[..., _HEAD, :] = points[..., _EYES_AND_EARS, :].mean(axis=-2)
    h36m[..., _HEAD, 1] = 2 * eyes_y - nose[..., 1]
    return _whole(h36m)


def mpii_to_h36m(keypoints: Float32) -> Float32:
    """(..., 16, 3) mpii16 -> (..., 17, 3) h36m17: 16 joints copied, spine = mean of hips and shoulders.

    Unknown joints stay so; the spine's confidence is the smallest of its four. Raises ValueError for a wrong shape.
    """
    return convert(keypoints, MPII16.name, H36M17.name)


def wholebody_to_h36m19(keypoints: Float32, spine: float = SPINE) -> Float32:
    """(..., 23 or more, 3) COCO-WholeBody, body and feet first -> (..., 19, 3) h36m19.

    The body as ``coco_to_h36m``; a toe is the mean of that foot's big and small toe. Raises ValueError for a wrong
    shape.
    """
    given = np.asarray(keypoints, np.float32)
    points = _clean(given[..., : len(COCO_WHOLEBODY_FEET), :] if given.ndim > 1 else given, COCO_WHOLEBODY_FEET)
    h36m = np.empty((*points.shape[:-2], len(H36M19), 3), np.float32)
    h36m[..., _BODY, :] = coco_to_h36m(points[..., : len(COCO17), :], spine)
    h36m[..., _TOES, :] = (points[..., _TOE_POINTS[:2], :] + points[..., _TOE_POINTS[2:], :]) / 2
    return _whole(h36m)


def _clean(keypoints: Float32, skeleton: Skeleton) -> Float32:
    """A copy in which every unknown joint is all NaN, so that it spreads to what is made of it."""
    points = np.array(keypoints, np.float32)
    if points.ndim < 2 or points.shape[-2:] != (len(skeleton), 3):
        raise ValueError(f"{skeleton.name} keypoints must be (..., {len(skeleton)}, 3), got {points.shape}")
    points[~(np.isfinite(points).all(axis=-1) & (points[..., 2] > 0))] = np.nan
    return points


def _whole(h36m: Float32) -> Float32:
    """Joints with anything unknown become NaN, NaN, 0."""
    h36m[~np.isfinite(h36m).all(axis=-1)] = (np.nan, np.nan, 0)
    return h36m
