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

_COCO_CHAINS = (
    "left_ear-left_eye-nose-right_eye-right_ear",
    "left_wrist-left_elbow-left_shoulder-right_shoulder-right_elbow-right_wrist",
    "left_shoulder-left_hip-left_knee-left_ankle",
    "right_shoulder-right_hip-right_knee-right_ankle",
    "left_hip-right_hip",
)
_COCO_SIGMAS = (0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072,
                0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089)  # fmt: skip

COCO17 = Skeleton(name="coco17", joints=_COCO17, edges=_edges(_COCO17, *_COCO_CHAINS), sigmas=_COCO_SIGMAS)
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

_LIMBS = (
    "left_shoulder-left_elbow-left_wrist",
    "right_shoulder-right_elbow-right_wrist",
    "left_hip-left_knee-left_ankle",
    "right_hip-right_knee-right_ankle",
)
_FACE = ("left_ear-left_eye-nose-right_eye-right_ear",)
_COCO_FEET = ("left_big_toe-left_ankle-left_heel", "left_big_toe-left_small_toe",
              "right_big_toe-right_ankle-right_heel", "right_big_toe-right_small_toe")  # fmt: skip

# Meaning of two words that data sets use differently: `neck` lies midway between the shoulders (OpenPose,
# Halpe), `upper_neck` at the top of the cervical spine (LSP, MPII); `head_top` is the crown.
_OPENPOSE18 = tuple(
    "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist right_hip right_knee "
    "right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear".split()
)
_BODY25 = (
    *_OPENPOSE18[:8],
    *"mid_hip right_hip right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear "
    "left_big_toe left_small_toe left_heel right_big_toe right_small_toe right_heel".split(),
)
_BODY21A = (*_BODY25[:19], "upper_neck", "head_top")
_MPI15 = ("head_top", "upper_neck", *_OPENPOSE18[2:14], "chest")
_HALPE26 = (
    *_COCO17,
    *"head_top neck mid_hip left_big_toe right_big_toe left_small_toe right_small_toe left_heel right_heel".split(),
)
_COCO_WHOLEBODY_FEET = (
    *_COCO17,
    *"left_big_toe left_small_toe left_heel right_big_toe right_small_toe right_heel".split(),
)
_LSP14 = tuple(
    "right_ankle right_knee right_hip left_hip left_knee left_ankle right_wrist right_elbow right_shoulder "
    "left_shoulder left_elbow left_wrist upper_neck head_top".split()
)
_MPII16 = (*_LSP14[:6], "pelvis", "thorax", "upper_neck", "head_top", *_LSP14[6:12])
_BLAZEPOSE33 = tuple(
    "nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer left_ear right_ear "
    "left_mouth right_mouth left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist left_pinky "
    "right_pinky left_index right_index left_thumb right_thumb left_hip right_hip left_knee right_knee left_ankle "
    "right_ankle left_heel right_heel left_foot_index right_foot_index".split()
)

OPENPOSE18 = Skeleton(
    name="openpose18",  # CMU OpenPose, poseParameters.cpp, as are BODY_25 and MPI
    joints=_OPENPOSE18,
    edges=_edges(
        _OPENPOSE18,
        "left_shoulder-neck-right_shoulder",
        "left_hip-neck-right_hip",
        "nose-neck",
        *_LIMBS,
        *_FACE,
    ),
)
BODY25 = Skeleton(
    name="body25",
    joints=_BODY25,
    edges=_edges(
        _BODY25,
        "left_shoulder-neck-right_shoulder",
        "nose-neck-mid_hip",
        "left_hip-mid_hip-right_hip",
        *_LIMBS,
        *_FACE,
        *_COCO_FEET,
    ),
)
BODY21A = Skeleton(
    name="body21a",  # OpenPose's staf branch, which calls mid_hip "lower abs" and upper_neck "real neck"
    joints=_BODY21A,
    edges=_edges(
        _BODY21A,
        "left_shoulder-neck-right_shoulder",
        "nose-neck-mid_hip",
        "neck-upper_neck-head_top",
        "left_hip-mid_hip-right_hip",
        *_LIMBS,
        *_FACE,
    ),
)
MPI15 = Skeleton(
    name="mpi15",
    joints=_MPI15,
    edges=_edges(
        _MPI15,
        "left_shoulder-upper_neck-right_shoulder",
        "head_top-upper_neck-chest",
        "left_hip-chest-right_hip",
        *_LIMBS,
    ),
)
HALPE26 = Skeleton(
    name="halpe26",  # github.com/Fang-Haoshu/Halpe-FullBody; sigmas: MMPose, datasets/halpe26.py
    joints=_HALPE26,
    edges=_edges(
        _HALPE26,
        "left_shoulder-neck-right_shoulder",
        "head_top-neck-mid_hip",
        "left_hip-mid_hip-right_hip",
        *_LIMBS,
        *_FACE,
        *_COCO_FEET,
    ),
    sigmas=(*_COCO_SIGMAS, 0.026, 0.026, 0.066, 0.079, 0.079, 0.079, 0.079, 0.079, 0.079),
)
COCO_WHOLEBODY_FEET = Skeleton(
    name="coco_wholebody_feet",  # github.com/jin-s13/COCO-WholeBody, its first 23 points
    joints=_COCO_WHOLEBODY_FEET,
    edges=_edges(_COCO_WHOLEBODY_FEET, *_COCO_CHAINS, *_COCO_FEET),
    sigmas=(*_COCO_SIGMAS, 0.068, 0.066, 0.066, 0.092, 0.094, 0.094),
)
LSP14 = Skeleton(
    name="lsp14",  # sam.johnson.io/research/lsp.html
    joints=_LSP14,
    edges=_edges(
        _LSP14,
        "head_top-upper_neck",
        "left_shoulder-upper_neck-right_shoulder",
        "left_shoulder-left_hip-right_hip-right_shoulder",
        *_LIMBS,
    ),
)
MPII16 = Skeleton(
    name="mpii16",  # human-pose.mpi-inf.mpg.de
    joints=_MPII16,
    edges=_edges(
        _MPII16,
        "head_top-upper_neck-thorax-pelvis",
        "left_shoulder-thorax-right_shoulder",
        "left_hip-pelvis-right_hip",
        *_LIMBS,
    ),
)
BLAZEPOSE33 = Skeleton(
    name="blazepose33",  # ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker
    joints=_BLAZEPOSE33,
    edges=_edges(
        _BLAZEPOSE33,
        "left_ear-left_eye_outer-left_eye-left_eye_inner-nose",
        "nose-right_eye_inner-right_eye-right_eye_outer-right_ear",
        "left_mouth-right_mouth",
        "left_shoulder-left_hip-right_hip-right_shoulder-left_shoulder",
        *_LIMBS,
        "left_wrist-left_thumb",
        "left_wrist-left_index-left_pinky-left_wrist",
        "right_wrist-right_thumb",
        "right_wrist-right_index-right_pinky-right_wrist",
        "left_ankle-left_heel-left_foot_index-left_ankle",
        "right_ankle-right_heel-right_foot_index-right_ankle",
    ),
)

_H36M18 = (*_H36M17[:7], "torso", "neck", "nose", "head", *_H36M17[11:], "thorax")
_MUCO21 = tuple(
    "head_top thorax right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist right_hip right_knee "
    "right_ankle left_hip left_knee left_ankle pelvis spine head right_hand left_hand right_toe left_toe".split()
)
_H36M19 = (*_H36M17[:4], "right_toe", *_H36M17[4:7], "left_toe", *_H36M17[7:])

H36M18 = Skeleton(
    name="h36m18",  # 3DMPPE's Human3.6M: `thorax` is the middle of the shoulders, added last and not evaluated
    joints=_H36M18,
    edges=_edges(_H36M18, "pelvis-torso-neck-nose-head", "left_shoulder-neck-right_shoulder",
                 "left_hip-pelvis-right_hip", *_LIMBS),
)  # fmt: skip
MUCO21 = Skeleton(
    name="muco21",  # 3DMPPE's MuCo-3DHP; the first 17 are MuPoTS-3D's
    joints=_MUCO21,
    edges=_edges(_MUCO21, "head_top-head-thorax-spine-pelvis", "left_hip-pelvis-right_hip",
                 "left_shoulder-thorax-right_shoulder", *_LIMBS, "left_wrist-left_hand", "right_wrist-right_hand",
                 "left_ankle-left_toe", "right_ankle-right_toe"),
)  # fmt: skip
H36M19 = Skeleton(
    name="h36m19",  # GAST-Net with toes (seed_systems §6)
    joints=_H36M19,
    edges=_edges(_H36M19, "pelvis-spine-thorax-neck-head", "left_shoulder-thorax-right_shoulder",
                 "left_hip-pelvis-right_hip", *_LIMBS, "left_ankle-left_toe", "right_ankle-right_toe"),
)  # fmt: skip

_RUNNINGPOSE18 = tuple(
    "head_front spine_thoracic_2 spine_thoracic_12 left_shoulder_top right_shoulder_top waist_back "
    "left_trochanter_major left_forefoot right_trochanter_major right_forefoot left_elbow right_elbow left_wrist "
    "right_wrist left_knee right_knee left_ankle right_ankle".split()
)
RUNNINGPOSE18 = Skeleton(
    name="runningpose18",  # RunningPose's Qualisys markers (seed_systems §6); root: waist_back
    joints=_RUNNINGPOSE18,
    edges=_edges(
        _RUNNINGPOSE18,
        "head_front-spine_thoracic_2-spine_thoracic_12-waist_back",
        *(
            chain.replace("*", side)
            for side in ("left", "right")
            for chain in (
                "spine_thoracic_2-*_shoulder_top-*_elbow-*_wrist",
                "waist_back-*_trochanter_major-*_knee-*_ankle-*_forefoot",
            )
        ),
    ),
)

BOXES = Skeleton("boxes", (), ())
"""Of networks that find people and no joints."""

SKELETONS = MappingProxyType(
    {
        s.name: s
        for s in (
            COCO17, H36M17, OPENPOSE18, BODY25, BODY21A, MPI15, HALPE26, COCO_WHOLEBODY_FEET, LSP14, MPII16,
            BLAZEPOSE33, BOXES
        )
    }
)  # fmt: skip
SKELETONS_3D = MappingProxyType({s.name: s for s in (H36M17, H36M18, H36M19, MUCO21, RUNNINGPOSE18)})
"""Joint sets of 3D networks; apart, so that a 2D network of 18 or 21 joints is not taken for one of these."""


def named(name: str) -> Skeleton:
    """The skeleton of that name; raises ModelError with the known names."""
    known = {**SKELETONS, **SKELETONS_3D}
    try:
        return known[name]
    except KeyError:
        raise ModelError(f"unknown skeleton {name!r}; known: {', '.join(known)}") from None
