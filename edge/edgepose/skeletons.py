"""Named joint sets: joints, edges to draw, mirror pairs, OKS sigmas."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import ModelError


@dataclass(frozen=True)
class Skeleton:
    """A joint set. Left and right are the person's own."""

    name: str
    joints: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...] | None = None
    """COCO's per-joint standard deviation, as a fraction of sqrt(area); None: not published."""

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Position of a joint; raises KeyError with the skeleton's name when it has none."""
        try:
            return self.joints.index(joint)
        except ValueError:
            raise KeyError(f"skeleton {self.name} has no joint {joint!r}") from None

    def indices(self, *joints: str) -> NDArray[np.intp]:
        return np.array([self.index(joint) for joint in joints], dtype=np.intp)

    @cached_property
    def mirror(self) -> NDArray[np.intp]:
        """(K,) permutation that swaps left and right joints."""

        def twin(joint: str) -> str:
            side, _, rest = joint.partition("_")
            other = {"left": "right", "right": "left"}.get(side)
            return f"{other}_{rest}" if other else joint

        return self.indices(*(twin(joint) for joint in self.joints))


def _edges(joints: tuple[str, ...], *chains: str) -> tuple[tuple[int, int], ...]:
    """Edges along chains such as "left_hip-left_knee-left_ankle"."""
    pairs = []
    for chain in chains:
        names = chain.split("-")
        pairs += [(joints.index(a), joints.index(b)) for a, b in pairwise(names)]
    return tuple(pairs)


_COCO17 = tuple(
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow "
    "left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle".split()
)
_H36M17 = tuple(
    "pelvis right_hip right_knee right_ankle left_hip left_knee left_ankle spine thorax neck head "
    "left_shoulder left_elbow left_wrist right_shoulder right_elbow right_wrist".split()
)

COCO17 = Skeleton(
    name="coco17",
    joints=_COCO17,
    edges=_edges(
        _COCO17,
        "left_ear-left_eye-nose-right_eye-right_ear",
        "left_wrist-left_elbow-left_shoulder-right_shoulder-right_elbow-right_wrist",
        "left_shoulder-left_hip-left_knee-left_ankle",
        "right_shoulder-right_hip-right_knee-right_ankle",
        "left_hip-right_hip",
    ),
    sigmas=(0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072,
            0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
)  # fmt: skip
H36M17 = Skeleton(
    name="h36m17",
    joints=_H36M17,
    edges=_edges(
        _H36M17,
        "pelvis-spine-thorax-neck-head",
        "thorax-left_shoulder-left_elbow-left_wrist",
        "thorax-right_shoulder-right_elbow-right_wrist",
        "pelvis-left_hip-left_knee-left_ankle",
        "pelvis-right_hip-right_knee-right_ankle",
    ),
)

SKELETONS = MappingProxyType({s.name: s for s in (COCO17, H36M17)})


def named(name: str) -> Skeleton:
    """The skeleton of that name; raises ModelError with the known names."""
    try:
        return SKELETONS[name]
    except KeyError:
        raise ModelError(f"unknown skeleton {name!r}; known: {', '.join(SKELETONS)}") from None
