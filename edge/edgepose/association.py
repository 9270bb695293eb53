"""How unlikely it is that a pose belongs to a person, and the best one-to-one assignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lap
import numpy as np
from numpy.typing import NDArray

from edgepose.geometry import box_of_keypoints
from edgepose.motion import Float64, Tuning
from edgepose.types import Pose

REFUSED = 1e6
"""The cost of what must not be matched; finite, as the solver wants it."""


@dataclass(slots=True)
class Looks:
    """The poses of one frame as arrays; the two corners of the box count as two more points."""

    points: Float64
    """(M, K + 2, 2) px; 0 where unknown."""
    weights: Float64
    """(M, K + 2) confidence; 0 where unknown."""
    scores: Float64
    sizes: Float64
    """(M,) longer side of the box, px; 0: nothing is known of this pose."""

    @staticmethod
    def of(poses: Sequence[Pose], joints: int) -> Looks:
        """Missing boxes come from the keypoints; a pose with neither gets size 0 and weights 0."""
        count = len(poses)
        points = np.empty((count, joints + 2, 2))
        weights = np.empty((count, joints + 2))
        if count:
            keypoints = np.array([pose.keypoints for pose in poses], np.float64)
            boxes = np.array([pose.box_xyxy for pose in poses], np.float64)
            if not np.isfinite(boxes.sum()):
                _fill_boxes(boxes, poses)
            points[:, :joints] = keypoints[:, :, :2]
            points[:, joints:] = boxes.reshape(count, 2, 2)
            weights[:, :joints] = keypoints[:, :, 2]
            weights[:, joints:] = 0.5
            known = np.isfinite(points[:, :, 0] + points[:, :, 1] + weights)
            if not known.all():
                points[~known] = 0.0
                weights[~known] = 0.0
            np.maximum(weights, 0.0, out=weights)
        span = points[:, joints + 1] - points[:, joints]
        scores = np.array([pose.score for pose in poses], np.float64)
        if not np.isfinite(scores).all():
            scores[~np.isfinite(scores)] = 0.0
        return Looks(points, weights, scores, span.max(axis=1, initial=0.0))


def _fill_boxes(boxes: Float64, poses: Sequence[Pose]) -> None:
    for row in np.flatnonzero(~np.isfinite(boxes).all(axis=1)).tolist():
        boxes[row] = box_of_keypoints(poses[row].keypoints)


def compare(points: Float64, weights: Float64, looks: Looks) -> tuple[Float64, Float64, Float64]:
    """Expected points (N, K + 2, 2) against the looks: mean shift (N, M, 2) px, its square, rest.

    The square and the rest, which is the difference in shape, are (N, M) px². All are weighted by the
    confidence of either side; NaN for a pair with no common point.
    """
    weight = weights[:, None] * looks.weights[None]
    apart = looks.points[None] - points[:, None]
    total = np.add.reduce(weight, axis=2)
    total[total == 0.0] = np.nan
    shift = np.matmul(weight[:, :, None, :], apart)[:, :, 0] / total[:, :, None]
    far = np.einsum("nmd,nmd->nm", shift, shift)
    return shift, far, np.einsum("nmk,nmkd,nmkd->nm", weight, apart, apart) / total - far


def negative_log_likelihood(
    far: Float64, shape: Float64, sizes: Float64, spread: Float64, gaps_s: Float64, tuning: Tuning
) -> Float64:
    """(N, M) cost of squared shifts and shape differences (N, M) px² for persons of ``sizes`` (N,) px.

    ``spread`` (N,) is the variance of the predicted position in sizes², ``gaps_s`` (N,) the time unseen.
    """
    area = sizes * sizes
    look, still = tuning.look_noise**2, tuning.shape_noise**2
    spread = spread + look
    fade = np.exp(gaps_s * (-1.0 / tuning.shape_memory_s))
    loose = tuning.shape_change**2 + (still - tuning.shape_change**2) * fade
    tail, points = tuning.motion_tail, tuning.shape_points
    # Heavy-tailed (Student's t): people do turn at once.
    cost = np.log1p(far / (tail * spread * area)[:, None])
    cost *= 0.5 * tail + 1.0
    # Heavy-tailed too: exchanged sides or one wild joint must not rule a person out.
    cost += points * np.log1p(shape / (2.0 * area * loose)[:, None])
    cost += (np.log(spread * (1.0 / look)) + (0.5 * points) * np.log(loose * (1.0 / still)))[:, None]
    return np.asarray(cost)


def assign(cost: Float64, limit: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the cheapest one-to-one matching of an (N, M) cost; no pair above ``limit``."""
    if cost.shape[0] == 0 or cost.shape[1] == 0:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    best = cost.argmin(axis=1)
    rows = (np.minimum.reduce(cost, axis=1) <= limit).nonzero()[0]
    columns = best[rows]
    # When everybody's first choice is another pose, no assignment can be cheaper.
    if len(set(columns.tolist())) == len(columns):
        return rows, columns
    _, match, _ = lap.lapjv(np.where(cost <= limit, cost, REFUSED), extend_cost=True, cost_limit=limit)
    rows = np.flatnonzero(match >= 0)
    return rows, match[rows].astype(np.intp)
