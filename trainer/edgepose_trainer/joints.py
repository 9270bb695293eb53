"""Other people's names of joints and markers -> ours."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edgepose.skeletons import SKELETONS, Skeleton

_SIDED = re.compile(
    r"(l|r|left|right)(shoulder|elbow|wrist|hip|knee|ankle|bigtoe|smalltoe|heel|eye|ear)|"
    r"(shoulder|elbow|wrist|hip|knee|ankle|bigtoe|smalltoe|heel|eye|ear)(left|right|l|r)"
)
_OTHER = {"bigtoe": "big_toe", "smalltoe": "small_toe"}
_SINGLE = {"nose": "nose", "neck": "neck", "head": "head_top", "hip": "mid_hip", "midhip": "mid_hip", "chip": "mid_hip",
           "pelvis": "mid_hip"}  # fmt: skip


def joint_of(name: str) -> str | None:
    """ "RWrist", "right_wrist", "Left Ankle", "wrist_r" -> our joint; None for what we have no joint for."""
    plain = re.sub(r"[^a-z]", "", name.lower())
    if plain in _SINGLE:
        return _SINGLE[plain]
    match = _SIDED.fullmatch(plain)
    if not match:
        return None
    side, part = (match[1], match[2]) if match[1] else (match[4], match[3])
    return f"{'left' if side[0] == 'l' else 'right'}_{_OTHER.get(part, part)}"


def skeleton_of(count: int) -> Skeleton | None:
    """The joint set of OpenPose-like files with that many joints; None when no or several sets have as many."""
    found = [s for s in SKELETONS.values() if len(s) == count and s.name not in ("h36m17",)]
    return found[0] if len(found) == 1 else None


def known(names: Sequence[str]) -> dict[int, str]:
    """Position -> joint, for the names that we know; of two with one joint the first."""
    joints: dict[int, str] = {}
    for index, name in enumerate(names):
        joint = joint_of(name)
        if joint is not None and joint not in joints.values():
            joints[index] = joint
    return joints
