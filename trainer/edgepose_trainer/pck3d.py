"""Shares of 3D joints that are near enough: 3DPCK@150 mm, its AUC, AP of the root; metres, (N, J, 3).

Poses of 3DPCK are root-relative. A labelled joint that was not found is wrong, one that is not labelled counts for
nothing. Source: seed_systems.md §7; MPI-INF-3DHP (Mehta et al. 2017) for PCK and AUC, RootNet's MuPoTS evaluation
for AP of the root.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgepose_trainer.errors3d import Float64

PCK_LIMIT_M = 0.15
AUC_LIMITS_M: Float64 = np.arange(31, dtype=np.float64) * 0.005
"""0 to 150 mm in steps of 5."""
ROOT_LIMIT_M = 0.25


def pck3d(found: Float64, truth: Float64, limit_m: float = PCK_LIMIT_M) -> Float64:
    """(N, J) 1 where the distance is at most the limit, 0 where not, NaN where the joint is not labelled."""
    return np.asarray(_within(found, truth, np.array([limit_m]))[0])


def auc(found: Float64, truth: Float64) -> float:
    """Mean of 3DPCK over the limits 0, 5 … 150 mm, 0..1; NaN when nothing is labelled."""
    right = _within(found, truth, AUC_LIMITS_M)
    return float(np.nanmean(right)) if np.isfinite(right).any() else float("nan")


def ap_root(found: Float64, truth: Float64, scores: Float64, limit_m: float = ROOT_LIMIT_M) -> float:
    """Average precision, 0..1, of roots (N, 3) in camera axes, matched to their people already (``root_matches``).

    ``scores`` (N,) the sureness of each answer; ``found`` NaN: this person was not found; ``truth`` NaN: an answer
    for nobody. NaN when there are no people.
    """
    people = int(np.isfinite(truth).all(axis=1).sum())
    answered = np.isfinite(found).all(axis=1)
    if not people:
        return float("nan")
    with np.errstate(invalid="ignore"):
        right = np.linalg.norm(found - truth, axis=1) <= limit_m
    order = np.argsort(-scores[answered], kind="stable")
    hits = np.cumsum(right[answered][order])
    precision = hits / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((precision * np.diff(hits, prepend=0)).sum() / people)


def root_matches(found: Float64, truth: Float64) -> NDArray[np.intp]:
    """(P,) for each true root (P, 3) of one picture its found one of (Q, 3), or -1: the nearest free, nearest first."""
    match = np.full(len(truth), -1)
    if not len(found) or not len(truth):
        return match
    far = np.linalg.norm(truth[:, None] - found, axis=-1)
    far = np.where(np.isfinite(far), far, np.inf)
    while np.isfinite(far).any():
        person, answer = np.unravel_index(int(far.argmin()), far.shape)
        match[person] = answer
        far[person], far[:, answer] = np.inf, np.inf
    return match


def _within(found: Float64, truth: Float64, limits_m: Float64) -> Float64:
    """(L, N, J)."""
    with np.errstate(invalid="ignore"):
        near = np.linalg.norm(found - truth, axis=-1) <= limits_m[:, None, None]
    return np.where(np.isfinite(truth).all(axis=-1), near.astype(np.float64), np.nan)
