"""Percentage of correct keypoints: PCK by the torso, PCKh by the head, who is whom in a picture, and how sure it is.

Truth and prediction are (N, K, 2), px; NaN: not labelled, not found. A labelled joint that was not found is wrong,
a joint that is not labelled counts for nothing, found or not. Source: seed_systems.md §7.
"""

from __future__ import annotations

import numpy as np
from lap import lapjv

from edgepose.geometry import box_iou
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Float32

SAME_PERSON_IOU = 0.3
"""An answer whose box overlaps a person's by less is not about them."""
HEAD_FACTORS = (1.0, 0.6)
"""Of PCKh: the 3DAT article takes the whole head, MPII's own evaluation 0.6 of its box's diagonal."""
_NULL_HEAD_PX = 1e-6
"""In the article's steps; its prose says 1e-5."""


def torso_px(truth: Array, skeleton: Skeleton) -> Array:
    """(N,) left shoulder to right hip; where one is not labelled right shoulder to left hip; NaN without either."""
    ends = [
        skeleton.indices(f"{side}_shoulder", f"{other}_hip") for side, other in (("left", "right"), ("right", "left"))
    ]
    first, second = (np.linalg.norm(truth[:, a] - truth[:, b], axis=1) for a, b in ends)
    return np.asarray(np.where(np.isfinite(first), first, second))


def pck(truth: Array, predicted: Array, skeleton: Skeleton, threshold: float = 0.2) -> Array:
    """(N, K) which joints lie within ``threshold`` torsos, as ``correct`` says it."""
    return correct(truth, predicted, torso_px(truth, skeleton), threshold)


def pckh(truth: Array, predicted: Array, head_px: Array, head_factor: float = 0.6, threshold: float = 0.5) -> Array:
    """(N, K) which joints lie within ``threshold`` · ``head_factor`` · ``head_px`` (N,), as ``correct`` says it.

    ``head_px``: diagonal of the head box, or length of the head where only its ends are labelled.
    """
    return correct(truth, predicted, head_factor * head_px, threshold)


def pckh_seed(truth: Array, predicted: Array, head_px: Array, threshold: float = 0.5) -> tuple[Array, Array]:
    """PCKh@0.5 of the 3DAT article with its defects: (N, K) 0 or 1, and (K,) its ratio a joint.

    Unknown joints of either side stand at the origin, and where one is not labelled the head is 1e-6 px: a joint
    that is neither labelled nor found is right (0 / 1e-6). The ratio's denominator counts the labelled joints only,
    so it can exceed 1; NaN where none is labelled. ``pckh`` with ``head_factor`` 1.0 is the measure that was meant.
    """
    labelled, found = (np.asarray(np.isfinite(points).all(axis=2)) for points in (truth, predicted))
    at_origin = [np.where(there[..., None], at, 0.0) for there, at in ((labelled, truth), (found, predicted))]
    scale = np.where(labelled, head_px[:, None], _NULL_HEAD_PX)
    right = (np.linalg.norm(at_origin[0] - at_origin[1], axis=2) / scale < threshold).astype(np.float64)
    count = labelled.sum(axis=0)
    return right, np.divide(right.sum(axis=0), count, out=np.full(len(count), np.nan), where=count > 0)


def correct(truth: Array, predicted: Array, scale_px: Array, threshold: float) -> Array:
    """(N, K) 1: within threshold · scale (N,), 0: not, NaN: not labelled, or the person has no scale."""
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.linalg.norm(predicted - truth, axis=2) / scale_px[:, None]
        right = (error <= threshold).astype(np.float64)
    judged = np.isfinite(truth).all(axis=2) & (scale_px > 0)[:, None]
    return np.where(judged, right, np.nan)


def share(right: Array) -> Array:
    """(K,) mean over the judged people of (N, K); NaN where nobody is judged."""
    judged = np.isfinite(right)
    count = judged.sum(axis=0)
    return np.asarray(np.divide(np.nansum(right, axis=0), count, out=np.full(len(count), np.nan), where=count > 0))


def per_cent(right: Array) -> float:
    """Right among judged of any shape, all joints alike; NaN when nothing is judged."""
    return 100 * float(np.nanmean(right)) if np.isfinite(right).any() else float("nan")


def interval(right: Array, groups: Array | None = None, seed: int = 1, draws: int = 1000) -> tuple[float, float]:
    """95 % bootstrap interval of ``per_cent`` of (N, ...); NaN when nothing is judged.

    Drawn with replacement: people, or ``groups`` (N,) of people, such as the pictures that they are in.
    """
    flat = right.reshape(len(right), int(np.prod(right.shape[1:])))
    judged = np.isfinite(flat).sum(axis=1)
    if not judged.any():
        return float("nan"), float("nan")
    names, group = np.unique(np.arange(len(flat)) if groups is None else groups, return_inverse=True)
    good, all_of = (np.bincount(group, weights, len(names)) for weights in (np.nansum(flat, axis=1), judged))
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(names), (draws, len(names)))
    totals = all_of[drawn].sum(axis=1)
    shares = 100 * good[drawn].sum(axis=1)[totals > 0] / totals[totals > 0]
    low, high = np.percentile(shares, [2.5, 97.5])
    return float(low), float(high)


def overlaps(truth_xyxy: Float32, truth: Array, found_xyxy: Float32, found: Array) -> Array:
    """(N, P) of true and found people, 0..1: IoU of their boxes or of those round the joints that are labelled.

    The larger counts: many networks give no box of their own but one round their surer joints.
    """
    result = box_iou(truth_xyxy, found_xyxy)
    for row, joints in enumerate(truth):
        labelled = np.isfinite(joints).all(axis=1)
        if labelled.any():
            own, others = joints[labelled], found[:, labelled]
            box = np.concatenate([own.min(axis=0), own.max(axis=0)]).astype(np.float32)
            boxes = np.concatenate([others.min(axis=1), others.max(axis=1)], axis=1).astype(np.float32)
            result[row] = np.fmax(result[row], box_iou(box[None], boxes)[0])
    return np.nan_to_num(result)


def matched(overlap: Array) -> Array:
    """(N,) which found person each true one is, or -1, by overlaps (N, P) within one picture.

    One found person is one true person; the overlaps are as large as they can be together, none below 0.3.
    """
    if not overlap.size:
        return np.full(len(overlap), -1)
    enough = np.where(overlap >= SAME_PERSON_IOU, overlap, 0.0)
    _, index, _ = lapjv(1.0 - enough.astype(np.float64), extend_cost=True)
    return np.where((index >= 0) & (enough[np.arange(len(index)), index] > 0), index, -1)
