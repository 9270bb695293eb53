"""The body that moves: rotating bones as in the takes, joints from rotations, a player's measures.

Axes of a player: x to the own left, y up, z to the net. Rotations are of every bone against those axes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgepose.skeletons import COCO17, H36M17
from edgepose_trainer.bvh import FACE
from edgepose_trainer.motionmodel.rotations import matrices, reach

Float64 = NDArray[np.float64]
BONES = (
    "Hips", "Chest", "Neck", "Head", "LeftCollar", "LeftShoulder", "LeftElbow", "LeftWrist",
    "RightCollar", "RightShoulder", "RightElbow", "RightWrist",
    "LeftHip", "LeftKnee", "LeftAnkle", "RightHip", "RightKnee", "RightAnkle",
)  # fmt: skip
"""Names as in the takes; "LeftShoulder" turns the left upper arm."""
ALONG_X = np.array([bone.endswith(("Shoulder", "Elbow")) for bone in BONES])
"""Arms lie along x, all else along y: that axis is what a joint's place depends on."""
JOINTS = (*COCO17.joints, "head_top", "neck", "mid_hip")
"""What a generated body is handed on as; ``neck`` is the middle of the shoulders."""
RACKET_M = 0.68
_GRIP = 0.55
"""The racket is held so far along the hand."""
LENGTHS = ("chest", "neck", "head", "crown", "collar", "shoulder", "upper_arm", "forearm", "hand", "hip", "thigh",
           "shin", "heel", "foot")  # fmt: skip
_TREE: tuple[tuple[str, str, str, str, int, float], ...] = (
    ("Chest", "Hips", "Hips", "chest", 1, 1.0),
    ("Neck", "Chest", "Chest", "neck", 1, 1.0),
    ("Head", "Neck", "Neck", "head", 1, 1.0),
    ("Crown", "Head", "Head", "crown", 1, 1.0),
    ("LeftCollar", "Chest", "Chest", "collar", 1, 1.0),
    ("LeftShoulder", "LeftCollar", "LeftCollar", "shoulder", 0, 1.0),
    ("LeftElbow", "LeftShoulder", "LeftShoulder", "upper_arm", 0, 1.0),
    ("LeftWrist", "LeftElbow", "LeftElbow", "forearm", 0, 1.0),
    ("LeftHand", "LeftWrist", "LeftWrist", "hand", 1, -1.0),
    ("LeftHip", "Hips", "Hips", "hip", 0, 1.0),
    ("LeftKnee", "LeftHip", "LeftHip", "thigh", 1, -1.0),
    ("LeftAnkle", "LeftKnee", "LeftKnee", "shin", 1, -1.0),
    ("LeftHeel", "LeftAnkle", "LeftAnkle", "heel", 1, -1.0),
    ("LeftToe", "LeftHeel", "LeftAnkle", "foot", 2, 1.0),
    ("RightCollar", "Chest", "Chest", "collar", 1, 1.0),
    ("RightShoulder", "RightCollar", "RightCollar", "shoulder", 0, -1.0),
    ("RightElbow", "RightShoulder", "RightShoulder", "upper_arm", 0, -1.0),
    ("RightWrist", "RightElbow", "RightElbow", "forearm", 0, -1.0),
    ("RightHand", "RightWrist", "RightWrist", "hand", 1, -1.0),
    ("RightHip", "Hips", "Hips", "hip", 0, -1.0),
    ("RightKnee", "RightHip", "RightHip", "thigh", 1, -1.0),
    ("RightAnkle", "RightKnee", "RightKnee", "shin", 1, -1.0),
    ("RightHeel", "RightAnkle", "RightAnkle", "heel", 1, -1.0),
    ("RightToe", "RightHeel", "RightAnkle", "foot", 2, 1.0),
)
"""Joint, the joint before it, the bone between them, its length, and which way it lies on the bone: axis, sign."""
_LEFT_FIRST = ("Left", "Right")


@dataclass(frozen=True, slots=True)
class Measures:
    """Lengths of one player's bones in metres, in the order of ``LENGTHS``."""

    lengths: Mapping[str, float]

    @property
    def leg(self) -> float:
        """Hip to ankle."""
        return self.lengths["thigh"] + self.lengths["shin"]

    @property
    def height(self) -> float:
        """Of the standing player, from the ground to the crown."""
        parts = ("crown", "head", "neck", "chest", "thigh", "shin", "heel")
        return sum(self.lengths[part] for part in parts) + TOE_M


TOE_M = 0.03
"""Height of the toe joint above the ground when the foot stands."""


def turns_of(sixes: Float64) -> Float64:
    """(N, 18 · 6 or more) -> (N, 18, 3, 3)."""
    return matrices(sixes[:, : len(BONES) * 6].reshape(len(sixes), len(BONES), 6), ALONG_X)


def joints_of(rotations: Float64, root: Float64, measures: Measures) -> dict[str, Float64]:
    """(N, 18, 3, 3) of ``BONES`` and (N, 3) hips -> every joint's (N, 3)."""
    places = {"Hips": root}
    for joint, before, bone, length, axis, sign in _TREE:
        turn = rotations[:, BONES.index(bone)]
        places[joint] = places[before] + sign * measures.lengths[length] * turn[:, :, axis]
    return places


def step_on(places: dict[str, Float64], rotations: Float64, ankles: Mapping[str, Float64], measures: Measures) -> None:
    """Puts the ankles at (N, 3) each, as far as the legs reach; knees bend as the thighs face, toes go along."""
    for side in _LEFT_FIRST:
        facing = rotations[:, BONES.index(f"{side}Hip"), :, 2]
        knee, ankle = reach(
            places[f"{side}Hip"], ankles[side], measures.lengths["thigh"], measures.lengths["shin"], facing
        )
        for part in ("Toe", "Heel"):
            places[f"{side}{part}"] = places[f"{side}{part}"] + ankle - places[f"{side}Ankle"]
        places[f"{side}Knee"], places[f"{side}Ankle"] = knee, ankle


def handed_on(places: Mapping[str, Float64], rotations: Float64, measures: Measures) -> tuple[Float64, Float64]:
    """(N, 20, 3) in the order of ``JOINTS``, and (N, 2, 3) grip and tip of the racket in the right hand."""
    points = _limbs(places)
    head = rotations[:, BONES.index("Head")]
    for name, place in FACE.items():
        points[name] = places["Head"] + head @ (measures.lengths["crown"] * np.array(place))
    points["head_top"] = places["Crown"]
    points["neck"] = (points["left_shoulder"] + points["right_shoulder"]) / 2
    points["mid_hip"] = places["Hips"]
    hand = -rotations[:, BONES.index("RightWrist"), :, 1]
    grip = places["RightWrist"] + _GRIP * measures.lengths["hand"] * hand
    racket = np.stack([grip, grip + RACKET_M * hand], axis=1)
    return np.stack([points[joint] for joint in JOINTS], axis=1), racket


def h36m17(joints: Float64, necks: Float64) -> Float64:
    """(N, 20, 3) and (N, 2, 3) lower and upper neck -> (N, 17, 3), as ``bvh.body`` makes it of a take."""
    named = dict(zip(JOINTS, np.moveaxis(joints, 1, 0), strict=True))
    thorax = necks[:, 0]
    named |= {"pelvis": named["mid_hip"], "thorax": thorax, "spine": (named["mid_hip"] + thorax) / 2,
              "neck": necks[:, 1], "head": named["head_top"]}  # fmt: skip
    return np.stack([named[joint] for joint in H36M17.joints], axis=1)


def necks_of(places: Mapping[str, Float64]) -> Float64:
    """(N, 2, 3) lower and upper end of the neck."""
    return np.stack([places["Neck"], places["Head"]], axis=1)


def mirrored_joints(joints: Float64) -> Float64:
    """(N, 20, 3) of a right-hander -> of a left-hander, x negated."""
    order = [*COCO17.mirror, len(COCO17), len(COCO17) + 1, len(COCO17) + 2]
    return np.asarray(joints[:, order] * np.array((-1.0, 1.0, 1.0)))


def _limbs(places: Mapping[str, Float64]) -> dict[str, Float64]:
    parts = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    return {f"{side.lower()}_{part}": places[side + part.capitalize()] for side in _LEFT_FIRST for part in parts}
