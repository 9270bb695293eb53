"""From one joint set to another: what both name is copied, what follows from other joints is derived.

Two joints are the same when they mean the same place, not when data sets call them alike: OpenPose's and
Halpe's neck is the middle of the shoulders, that of LSP and MPII lies higher. What a source cannot know is
NaN, NaN, 0; nothing is guessed. Lifters have a bridge of their own from coco17 to h36m17, which does guess.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from edgepose.skeletons import Skeleton, named
from edgepose.types import Float32

_SHOULDERS = ("left_shoulder", "right_shoulder")
_HIPS = ("left_hip", "right_hip")

# seed_systems §2.3 (neck), §5 (pelvis, thorax, spine); OpenPose trains MPI's chest as the middle of MPII's pelvis
# and thorax, which is the same place as the spine here.
_DERIVED = MappingProxyType(
    {
        "neck": _SHOULDERS,
        "thorax": _SHOULDERS,
        "mid_hip": _HIPS,
        "chest": _SHOULDERS + _HIPS,
    }
)

_SAME_PLACE = MappingProxyType({"pelvis": "mid_hip", "spine": "chest"})

# Human3.6M by way of MPII (seed_systems §5, MPII16 -> H36M): its neck is the upper one, its head the crown.
_H36M_PLACE = MappingProxyType({"neck": "upper_neck", "head": "head_top"})


def convert(keypoints: Float32, source: str, target: str) -> Float32:
    """Keypoints of one skeleton in the joint order of another.

    `keypoints` is (..., K, 3) x, y, confidence in the order of `source`; the answer is float32 (..., K', 3) in
    that of `target`. A derived joint is the mean of its parents, its confidence their smallest; it is known only
    when every parent is. A joint with confidence 0 or a non-finite number is missing. Raises ModelError for an
    unknown skeleton and ValueError for a wrong shape.
    """
    parents = _parents(named(source), named(target))
    joints = len(named(source))
    given = np.asarray(keypoints, np.float32)
    if given.ndim < 2 or given.shape[-2:] != (joints, 3):
        raise ValueError(f"{source} keypoints must be (..., {joints}, 3), got {given.shape}")
    known = np.isfinite(given).all(-1) & (given[..., 2] > 0)
    converted = np.full((*given.shape[:-2], len(parents), 3), (np.nan, np.nan, 0.0), np.float32)
    for joint, chosen in enumerate(parents):
        if not len(chosen):
            continue
        usable = known[..., chosen].all(-1)
        of_joint = given[..., chosen, :][usable]
        converted[usable, joint, :2] = of_joint[..., :2].mean(-2)
        converted[usable, joint, 2] = of_joint[..., 2].min(-1)
    return converted


def missing(source: str, target: str) -> tuple[str, ...]:
    """Joints of `target`, in its order, that can never be known from `source`; raises ModelError if unknown."""
    wanted = named(target)
    parents = _parents(named(source), wanted)
    return tuple(joint for joint, chosen in zip(wanted.joints, parents, strict=True) if not len(chosen))


def _parents(source: Skeleton, target: Skeleton) -> list[NDArray[np.intp]]:
    """Per joint of the target, the source's joints whose mean it is: one, several, or none."""
    at = {_place(source, joint): index for index, joint in enumerate(source.joints)}
    chosen = []
    for joint in target.joints:
        place = _place(target, joint)
        names = (place,) if place in at else _DERIVED.get(place, ())
        indices = [at[name] for name in names if name in at]
        chosen.append(np.array(indices if len(indices) == len(names) else [], np.intp))
    return chosen


def _place(skeleton: Skeleton, joint: str) -> str:
    """The one name of a place on the body, whatever the skeleton calls it."""
    if skeleton.name == "h36m17":
        joint = _H36M_PLACE.get(joint, joint)
    return _SAME_PLACE.get(joint, joint)
