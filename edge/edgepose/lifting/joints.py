"""From the joints that a pose network gives to those that a lifter sees, and the root of those that it answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgepose.bridge import coco_to_h36m, wholebody_to_h36m19
from edgepose.conversions import convert, missing
from edgepose.errors import ModelError
from edgepose.skeletons import COCO17, COCO_WHOLEBODY_FEET, H36M17, H36M19, Skeleton
from edgepose.types import Float32

_BRIDGED = {H36M17.name: (COCO17, coco_to_h36m), H36M19.name: (COCO_WHOLEBODY_FEET, wholebody_to_h36m19)}
_HIPS = (("left_hip", "right_hip"), ("left_trochanter_major", "right_trochanter_major"))


class Joints:
    """Keypoints of ``given`` in the joints of ``wanted``, by the bridges of ``edgepose.bridge`` where needed."""

    def __init__(self, given: Skeleton, wanted: Skeleton) -> None:
        """Raises ModelError when ``given`` does not have what ``wanted`` needs."""
        self._given, self._wanted = given, wanted
        self._over = wanted if given == wanted else _BRIDGED.get(wanted.name, (wanted, None))[0]
        if given != self._over and (lacking := missing(given.name, self._over.name)):
            raise ModelError(f"this lifter sees {wanted.name}; poses of {given.name} have no {', '.join(lacking)}")

    def __call__(self, points: Float32) -> Float32:
        """(..., K, 2) px without gaps -> (..., J, 2) px."""
        if self._given == self._wanted:
            return points
        keypoints = np.concatenate([points, np.ones_like(points[..., :1])], axis=-1)
        if self._given != self._over:
            keypoints = convert(keypoints, self._given.name, self._over.name)
        if self._over != self._wanted:
            keypoints = _BRIDGED[self._wanted.name][1](keypoints)
        return keypoints[..., :2]


def hips_of(skeleton: Skeleton) -> NDArray[np.intp]:
    """(2,) the joints whose middle is the origin of an answer; raises ModelError for a skeleton without any."""
    for pair in _HIPS:
        if set(pair) <= set(skeleton.joints):
            return skeleton.indices(*pair)
    raise ModelError(f"skeleton {skeleton.name} has no hips to be the origin")


def mirrored(values: Float32, swap: NDArray[np.intp]) -> Float32:
    """(..., K, 2 or 3) as seen in a mirror: x negated, left and right joints swapped."""
    twin = values[..., swap, :].copy()
    twin[..., 0] *= -1
    return twin
