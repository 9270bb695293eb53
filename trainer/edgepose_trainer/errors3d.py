"""Errors of 3D poses in the unit of the poses: MPJPE, N-MPJPE, P-MPJPE over (N, J, 3).

Definitions as in Rhodin et al. (CVPR 2018) for N and Martinez et al. (ICCV 2017) for P.
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


def mpjpe(found: Float64, truth: Float64) -> float:
    """Mean joint distance; both relative to the same root."""
    return float(np.linalg.norm(found - truth, axis=-1).mean())


def n_mpjpe(found: Float64, truth: Float64) -> float:
    """MPJPE after the best scale of each pose."""
    scale = (found * truth).sum(axis=(1, 2)) / (found**2).sum(axis=(1, 2))
    return mpjpe(found * scale[:, None, None], truth)


def p_mpjpe(found: Float64, truth: Float64) -> float:
    """MPJPE after the best rotation, scale and shift of each pose (Procrustes, no reflection)."""
    centre, goal = found.mean(axis=1, keepdims=True), truth.mean(axis=1, keepdims=True)
    a, b = found - centre, truth - goal
    u, s, vt = np.linalg.svd(a.transpose(0, 2, 1) @ b)
    sign = np.ones_like(s)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[:, None]) @ vt
    scale = (s * sign).sum(axis=1) / (a**2).sum(axis=(1, 2))
    return mpjpe(scale[:, None, None] * (a @ rotation) + goal, truth)
