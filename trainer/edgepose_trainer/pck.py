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


def matched(truth_xyxy: Float32, found_xyxy: Float32) -> tuple[Array, Array]:
    """For every true person (N, 4) of one picture which of the found ones (P, 4), or -1; and their overlap (IoU).

    One found person is one true person; the overlaps are as large as they can be together, none below 0.3.
    """
    nobody = np.full(len(truth_xyxy), -1), np.zeros(len(truth_xyxy))
    if not len(truth_xyxy) or not len(found_xyxy):
        return nobody
    overlap = box_iou(truth_xyxy, found_xyxy)
    overlap = np.where(overlap >= SAME_PERSON_IOU, overlap, 0)
    _, index, _ = lapjv(1.0 - overlap.astype(np.float64), extend_cost=True)
    own = np.where(index >= 0, overlap[np.arange(len(index)), index], 0)
    return np.where(own > 0, index, -1), own
