"""GAST-Net's rule for hidden legs (tools/preprocess.py), for comparison: hidden joints on the joint above them.

seed_systems.md §6: only knees and ankles, only some combinations; everything else, and all arms, stay as they are.
"""

from __future__ import annotations

import numpy as np

from edgepose.skeletons import COCO17
from edgepose.types import Float32

_R_HIP, _R_KNEE, _R_ANKLE, _L_HIP, _L_KNEE, _L_ANKLE = (
    COCO17.index(f"{side}_{joint}") for side in ("right", "left") for joint in ("hip", "knee", "ankle")
)
_LEGS = (_R_KNEE, _R_ANKLE, _L_KNEE, _L_ANKLE)
# Low joints -> (joint, copied from) for the combinations that the rule knows.
_RULES: tuple[tuple[tuple[int, ...], tuple[tuple[int, int], ...]], ...] = (
    (_LEGS, ((_R_KNEE, _R_HIP), (_R_ANKLE, _R_HIP), (_L_KNEE, _L_HIP), (_L_ANKLE, _L_HIP))),
    ((_R_KNEE, _R_ANKLE, _L_ANKLE), ((_R_KNEE, _R_HIP), (_R_ANKLE, _R_HIP), (_L_ANKLE, _L_KNEE))),
    ((_L_KNEE, _R_ANKLE, _L_ANKLE), ((_L_KNEE, _L_HIP), (_L_ANKLE, _L_HIP), (_R_ANKLE, _R_KNEE))),
    ((_R_ANKLE, _L_ANKLE), ((_R_ANKLE, _R_KNEE), (_L_ANKLE, _L_KNEE))),
    ((_R_ANKLE,), ((_R_ANKLE, _R_KNEE),)),
    ((_L_ANKLE,), ((_L_ANKLE, _L_KNEE),)),
)


def collapse_legs(keypoints: Float32, least: float = 0.3) -> Float32:
    """(..., 17, 3) coco17 -> a copy with hidden (confidence below ``least``) knees and ankles on the joint above.

    Positions are copied, confidences kept; a frame without any position is left as it is.
    """
    out = np.array(keypoints, np.float32)
    low = ~(np.nan_to_num(out[..., 2]) >= least)
    skip = np.nan_to_num(out[..., :2]).sum(axis=(-2, -1)) == 0
    for chosen, copies in _RULES:
        pattern = np.array([joint in chosen for joint in _LEGS])
        rows = (low[..., _LEGS] == pattern).all(axis=-1) & ~skip
        for joint, source in copies:
            out[rows, joint, :2] = keypoints[rows, source, :2]
    return out
