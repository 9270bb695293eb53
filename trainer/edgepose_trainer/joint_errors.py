"""MPJPE of the 3DAT article: errors a joint and a heat map, frame × joint, where joints may be unknown.

Two ways of counting (seed_systems.md §7). ``seed`` reproduces the article with its defects: an unknown joint of
either side stands at the origin, so a labelled joint that was not found is as wrong as it is far from there, and an
exact answer is left out like an unlabelled joint, for both have distance 0. ``corrected`` measures what both sides
know and counts the rest apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgepose_trainer.errors3d import Float64


@dataclass(frozen=True, slots=True)
class JointErrors:
    """Errors in the unit of the poses, of N frames and J joints."""

    heat_map: Float64
    """(N, J). Corrected: NaN where the joint is not labelled or not found. Seed: 0 where it is not labelled."""
    per_joint: Float64
    """(J,) mean over the frames that count; NaN where none does."""
    labelled: NDArray[np.intp]
    """(J,) frames in which the joint is labelled."""
    missing: NDArray[np.intp]
    """(J,) of those, frames in which it was not found."""

    @property
    def mean_of_joints(self) -> float:
        """Every joint counts alike, however often it is labelled."""
        return _mean(self.per_joint)

    @property
    def mean_of_entries(self) -> float:
        """Every measured joint of every frame counts alike."""
        return _mean(self.heat_map)


def joint_errors(found: Float64, truth: Float64, seed: bool = False) -> JointErrors:
    """Of (N, J, 2) px or (N, J, 3) poses, frame by frame, NaN where unknown; raises ValueError for unequal shapes."""
    if found.shape != truth.shape or found.ndim != 3:
        raise ValueError(f"expected two (N, J, D) arrays of one shape, got {found.shape} and {truth.shape}")
    labelled, known = (np.asarray(np.isfinite(points).all(axis=-1)) for points in (truth, found))
    missing = labelled & ~known
    if seed:
        at_origin = [np.where(there[..., None], points, 0.0) for there, points in ((labelled, truth), (known, found))]
        heat_map = np.where(labelled, np.linalg.norm(at_origin[1] - at_origin[0], axis=-1), 0.0)
        counted = heat_map != 0
    else:
        heat_map = np.linalg.norm(found - truth, axis=-1)
        heat_map = np.where(labelled & known, heat_map, np.nan)
        counted = labelled & known
    total, count = np.where(counted, heat_map, 0.0).sum(axis=0), counted.sum(axis=0)
    per_joint = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return JointErrors(heat_map, per_joint, labelled.sum(axis=0), missing.sum(axis=0))


def _mean(values: Float64) -> float:
    known = np.isfinite(values)
    return float(values[known].mean()) if known.any() else float("nan")
