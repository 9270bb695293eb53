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
_BOX_CONFIDENCE = 0.5


@dataclass(slots=True)
class Looks:
    """The poses of one frame as arrays; the two corners of the box count as two more points."""

    points: Float64
    """(M, K + 2, 3) x px, y px, confidence; all 0 where unknown."""
    scores: Float64
    sizes: Float64
    """(M,) longer side of the box, px; 0: nothing is known of this pose."""

    @staticmethod
    def of(poses: Sequence[Pose], joints: int) -> Looks:
        """Missing boxes come from the keypoints; a pose with neither gets size 0 and confidence 0."""
        count = len(poses)
        points = np.empty((count, joints + 2, 3))
        scores = np.empty(count)
        for i, pose in enumerate(poses):
            points[i, :joints] = pose.keypoints
            points[i, joints:, :2] = pose.box_xyxy.reshape(2, 2)
            scores[i] = pose.score if pose.score == pose.score else 0.0
        points[:, joints:, 2] = _BOX_CONFIDENCE
        known = np.isfinite(points[:, :, 0] + points[:, :, 1])
        if not known.all():
            for row in np.flatnonzero(~known[:, joints:].all(axis=1)).tolist():
                points[row, joints:, :2] = box_of_keypoints(poses[row].keypoints).reshape(2, 2)
            points[~np.isfinite(points.sum(axis=2))] = 0.0
        span = points[:, joints + 1, :2] - points[:, joints, :2]
        return Looks(points, scores, np.maximum(span[:, 0], span[:, 1]))


def compare(expected: Float64, looks: Float64) -> tuple[Float64, Float64, Float64]:
    """Expected points (N, P, 3) against seen ones (M, P, 3): mean shift (N, M, 2) px, its square, rest.

    The square and the rest, which is the difference in shape, are (N, M) px². All are weighted by the
    confidence of either side; NaN for a pair with no common point.
    """
    weight = expected[:, None, :, 2] * looks[None, :, :, 2]
    apart = looks[None, :, :, :2] - expected[:, None, :, :2]
    total = np.add.reduce(weight, axis=2)
    total[total == 0.0] = np.nan
    shift = np.matmul(weight[:, :, None, :], apart)[:, :, 0] / total[:, :, None]
    far = np.einsum("nmd,nmd->nm", shift, shift)
    square = np.einsum("nmk,nmk->nm", weight, np.einsum("nmkd,nmkd->nmk", apart, apart))
    return shift, far, square / total - far


def negative_log_likelihood(
    far: Float64, shape: Float64, area: Float64, spread: Float64, gaps_s: Float64, tuning: Tuning
) -> Float64:
    """(N, M) cost of squared shifts and shape differences (N, M) px² for persons of ``area`` size² (N,) px².

    ``spread`` (N,) is the variance of the predicted place in sizes², ``gaps_s`` (N,) the time unseen.
    """
    look, still = tuning.look_noise**2, tuning.shape_noise**2
    change = tuning.shape_change**2
    spread = spread + look
    loose = change + (still - change) * np.exp(gaps_s * (-1.0 / tuning.shape_memory_s))
    tail, points = tuning.motion_tail, tuning.shape_points
    # Heavy-tailed (Student's t): people do turn at once.
    cost = np.log1p(far / (tail * spread * area)[:, None])
    cost *= 0.5 * tail + 1.0
    # Heavy-tailed too: exchanged sides or one wild joint must not rule a person out.
    cost += points * np.log1p(shape / (2.0 * loose * area)[:, None])
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
