"""Errors of 3D poses in the unit of the poses: MPJPE, N-MPJPE, P-MPJPE, MPJVE over (N, J, 3).

NaN is a joint that is not known on either side: it counts for nothing, in the error and in what is aligned.
Definitions: seed_systems.md §7; N as in Rhodin et al. (CVPR 2018), P as in Martinez et al. (ICCV 2017),
MPJVE as in Pavllo et al. (CVPR 2019). How errors with unknown joints are told apart: ``joint_errors``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgepose.skeletons import H36M17

Float64 = NDArray[np.float64]
EVALUATED = H36M17.indices(
    *(f"{side}_{limb}" for limb in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right"))
)
"""The 12 joints of contracts §7 in h36m17."""
_LEAST_POINTS = 3
"""Fewer common joints do not say how a pose is turned."""


def distances(found: Float64, truth: Float64) -> Float64:
    """(N, J) distance of every joint; NaN where either is unknown. Raises ValueError for unequal shapes."""
    if found.shape != truth.shape or found.ndim != 3:
        raise ValueError(f"expected two (N, J, 3) arrays of one shape, got {found.shape} and {truth.shape}")
    return np.asarray(np.linalg.norm(found - truth, axis=-1), np.float64)


def mpjpe(found: Float64, truth: Float64) -> float:
    """Mean distance of all joints known on both sides; both relative to the same root. NaN when there is none."""
    return _mean(distances(found, truth))


def n_mpjpe(found: Float64, truth: Float64) -> float:
    """MPJPE after the best scale of each pose."""
    return mpjpe(scaled(found, truth), truth)


def p_mpjpe(found: Float64, truth: Float64, scale: bool = True) -> float:
    """MPJPE after ``aligned``; ``scale`` False is the "PA MPJPE" of 3DMPPE, rotation and shift only."""
    return mpjpe(aligned(found, truth, scale), truth)


def mpjve(found: Float64, truth: Float64, fps: float | None = None) -> float:
    """Mean length of the difference of the steps from frame to frame: unit per frame, with ``fps`` unit per second.

    The N poses are consecutive frames of one person; a step counts where the joint is known at both its ends.
    """
    if len(found) < 2:
        return float("nan")
    per_frame = _mean(distances(np.diff(found, axis=0), np.diff(truth, axis=0)))
    return per_frame if fps is None else per_frame * fps


def scaled(found: Float64, truth: Float64) -> Float64:
    """(N, J, 3) each pose times sum(truth · found) / sum(found · found) over the common joints."""
    both = _both(found, truth)
    a, b = (np.where(both[..., None], points, 0.0) for points in (found, truth))
    return np.asarray(found * _divided((a * b).sum(axis=(1, 2)), (a * a).sum(axis=(1, 2)))[:, None, None])


def aligned(found: Float64, truth: Float64, scale: bool = True) -> Float64:
    """(N, J, 3) each pose turned, shifted and, with ``scale``, resized onto the truth (Procrustes, no reflection).

    A pose with less than three common joints is NaN: any such pose could be laid upon the truth.
    """
    both = _both(found, truth)
    weight = both[..., None].astype(np.float64)
    count = both.sum(axis=1)[:, None, None]
    a, b = (np.where(both[..., None], points, 0.0) for points in (found, truth))
    centre, goal = (_divided(points.sum(axis=1, keepdims=True), count) for points in (a, b))
    a, b = (a - np.nan_to_num(centre)) * weight, (b - np.nan_to_num(goal)) * weight
    u, s, vt = np.linalg.svd(a.transpose(0, 2, 1) @ b)
    sign = np.ones_like(s)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[:, None]) @ vt
    size = _divided((s * sign).sum(axis=1), (a**2).sum(axis=(1, 2))) if scale else np.ones(len(found))
    laid = size[:, None, None] * ((found - centre) @ rotation) + goal
    return np.asarray(np.where(count >= _LEAST_POINTS, laid, np.nan))


def _both(found: Float64, truth: Float64) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(found).all(axis=-1) & np.isfinite(truth).all(axis=-1))


def _divided(a: Float64, b: Float64 | NDArray[np.intp]) -> Float64:
    return np.asarray(np.divide(a, b, out=np.full(np.broadcast_shapes(a.shape, b.shape), np.nan), where=b > 0))


def _mean(values: Float64) -> float:
    known = np.isfinite(values)
    return float(values[known].mean()) if known.any() else float("nan")
