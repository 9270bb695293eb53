"""Percentage of correct keypoints: PCK by the torso, PCKh by the head box, and who is whom in a picture.

Truth and prediction are (N, K, 2), px; NaN: not labelled, not found. A labelled joint that was not found is wrong,
a joint that is not labelled counts for nothing, found or not. Source: seed_systems.md §7.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from lap import lapjv

from edgepose.geometry import box_iou, box_of_keypoints
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Float32

_SAME_PERSON_IOU = 0.1
_TORSO = ("left_shoulder", "right_hip")


def torso_px(truth: Array, skeleton: Skeleton) -> Array:
    """(N,) distance from the left shoulder to the right hip; NaN where one is not labelled."""
    shoulder, hip = (skeleton.index(joint) for joint in _TORSO)
    return np.asarray(np.linalg.norm(truth[:, shoulder] - truth[:, hip], axis=1))


def correct(truth: Array, predicted: Array, scale_px: Array, threshold: float) -> Array:
    """(N, K) 1: within threshold · scale (N,), 0: not, NaN: not labelled, or the person has no scale."""
    with np.errstate(invalid="ignore"):
        error = np.linalg.norm(predicted - truth, axis=2) / scale_px[:, None]
        right = (error <= threshold).astype(np.float64)
    judged = np.isfinite(truth).all(axis=2) & (scale_px > 0)[:, None]
    return np.where(judged, right, np.nan)


def pck(truth: Array, predicted: Array, skeleton: Skeleton, threshold: float = 0.2) -> Array:
    """(K,) share of the labelled joints within ``threshold`` torsos; NaN for a joint that is nowhere labelled."""
    return share(correct(truth, predicted, torso_px(truth, skeleton), threshold))


def pckh(truth: Array, predicted: Array, head_xyxy: Array, head_factor: float = 0.6, threshold: float = 0.5) -> Array:
    """(K,) share within ``threshold`` · ``head_factor`` · the diagonal of the head box (N, 4).

    0.6 is MPII's own factor; the 3DAT article takes the whole diagonal, 1.0.
    """
    diagonal = np.linalg.norm(head_xyxy[:, 2:] - head_xyxy[:, :2], axis=1)
    return share(correct(truth, predicted, head_factor * diagonal, threshold))


def share(right: Array) -> Array:
    """(K,) mean over the judged people of (N, K); NaN where nobody is judged."""
    judged = np.isfinite(right)
    count = judged.sum(axis=0)
    return np.asarray(np.divide(np.nansum(right, axis=0), count, out=np.full(len(count), np.nan), where=count > 0))


def matched(truth: Array, people: Sequence[Float32]) -> Array:
    """(N, K, 2) for every true person of one picture the found one (K, 2 or 3) that overlaps most; NaN for nobody.

    The overlap is that of the boxes round the labelled joints, at least 0.1; one found person is one true person.
    """
    found = np.full(truth.shape, np.nan)
    if not people or not len(truth):
        return found
    overlap = np.array([[_overlap(true, one[:, :2]) for one in people] for true in truth])
    _, found_of, _ = lapjv(1 - overlap, extend_cost=True)
    for person, index in enumerate(found_of):
        if index >= 0 and overlap[person, index] >= _SAME_PERSON_IOU:
            found[person] = people[index][:, :2]
    return found


def _overlap(truth: Array, one: Array) -> float:
    labelled = np.isfinite(truth).all(axis=1)
    boxes = [box_of_keypoints(np.asarray(joints[labelled], np.float32))[None] for joints in (truth, one)]
    return 0.0 if np.isnan(boxes).any() else float(box_iou(*boxes)[0, 0])
