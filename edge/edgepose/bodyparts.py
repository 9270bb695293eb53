"""Which coco17 joint hangs on which, how long limbs are, and where a player's joints usually are.

Lengths are in torso lengths (mid-shoulders to mid-hips), those of the tennis takes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgepose.skeletons import COCO17

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

TORSO = COCO17.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")
TORSO_PLACES = np.array([[0.36, -0.5], [-0.36, -0.5], [0.21, 0.5], [-0.21, 0.5]])
"""Of TORSO round its middle, a person seen from the front."""
_ENOUGH = 10
_SIDE_ON, _FRONT_ON = 0.15, 0.5
_LONGEST = 0.98
"""Quantile of the lengths seen: the longest are errors."""
_STRETCHED = 1.1
_CALM = 3
"""Passes of a 1-2-1 filter over the frames."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Joints that hang on joints of earlier layers: first all left ones, then their right twins."""

    joints: NDArray[np.intp]
    parents: NDArray[np.intp]
    """(J, P): each joint hangs on the mean of these."""
    ends: NDArray[np.intp] | None
    """(J,) the joints beyond (wrist for the elbow), where there are any."""
    places: Float64
    """(J, 2) offset of a person who stands upright, seen from the front."""
    between: Float64
    """(J, 2) offset from the middle of parent and end."""
    twins: NDArray[np.intp]
    """(J,) position in the layer of the other side's joint; its own where there is one only."""


def _layer(joints: str, parents: str, places: list[tuple[float, float]], ends: str = "") -> Layer:
    names = joints.split()
    chosen = COCO17.indices(*names)
    on = np.array([COCO17.indices(*parent.split("+")) for parent in parents.split()])
    beyond = COCO17.indices(*ends.split()) if ends else None
    twins = np.array([list(chosen).index(COCO17.mirror[joint]) for joint in chosen])
    return Layer(chosen, on, beyond, np.array(places), np.zeros((len(names), 2)), twins)


LAYERS = (
    _layer("left_elbow right_elbow", "left_shoulder right_shoulder", [(0.1, 0.42), (-0.1, 0.42)],
           "left_wrist right_wrist"),
    _layer("left_wrist right_wrist", "left_elbow right_elbow", [(0.05, 0.4), (-0.05, 0.4)]),
    _layer("left_knee right_knee", "left_hip right_hip", [(0.05, 0.69), (-0.05, 0.69)], "left_ankle right_ankle"),
    _layer("left_ankle right_ankle", "left_knee right_knee", [(0.0, 0.7), (0.0, 0.7)]),
    _layer("nose", "left_shoulder+right_shoulder", [(0.0, -0.45)]),
    _layer("left_eye right_eye", "nose nose", [(0.06, -0.06), (-0.06, -0.06)]),
    _layer("left_ear right_ear", "nose nose", [(0.14, -0.03), (-0.14, -0.03)]),
)  # fmt: skip


def reference(points: Float64, layer: Layer, ends: NDArray[np.intp] | None) -> Float64:
    """(T, J, 2) what the layer's joints are measured from: their parents, or the middle between parent and end.

    Parents are calmed a little: their errors would become errors of everything that hangs on them.
    """
    parents: Float64 = points[:, layer.parents].mean(axis=2)
    return _calm(parents) if ends is None else (parents + points[:, ends]) / 2


def _calm(points: Float64) -> Float64:
    calm = points
    for _ in range(_CALM if len(points) > 1 else 0):
        wider = np.pad(calm, ((1, 1), (0, 0), (0, 0)), mode="edge")
        calm = 0.25 * wider[:-2] + 0.5 * wider[1:-1] + 0.25 * wider[2:]
    return np.where(np.isfinite(calm), calm, points)


def usual_offsets(
    layer: Layer, offsets: Float64, seen: Bool, points: Float64, size: Float64, between: bool
) -> tuple[Float64, Float64]:
    """(J, 2) usual offsets and (J,) longest, in torso lengths, from (T, J, 2) offsets where they are seen.

    A joint hardly ever seen takes the other side's: mirrored when the person faces the camera, as it is from the side;
    when that is not seen either, the proportions of a standing person.
    """
    default = layer.between if between else layer.places
    count = seen.sum(axis=0)
    found = [offsets[seen[:, j], j] for j in range(len(count))]
    own = np.array([_median(values) if len(values) else default[j] for j, values in enumerate(found)])
    width = np.abs(points[:, TORSO[0], 0] - points[:, TORSO[1], 0]) / size
    known = width[np.isfinite(width)]
    front = np.clip((float(_median(known)) - _SIDE_ON) / (_FRONT_ON - _SIDE_ON), 0, 1) if len(known) else 1.0
    twin = own[layer.twins] * np.array([1 - 2 * front, 1.0])
    usual = np.where((count >= _ENOUGH)[:, None], own, np.where((count[layer.twins] >= _ENOUGH)[:, None], twin, own))
    longest = np.linalg.norm(default, axis=-1) * _STRETCHED
    for j, twin_of in enumerate(layer.twins):
        either = np.concatenate([found[j], found[twin_of]])
        if len(either) >= _ENOUGH:
            lengths = np.sort(np.linalg.norm(either, axis=-1))
            longest[j] = lengths[int(_LONGEST * (len(lengths) - 1))]
    return usual, longest


def _median(values: Float64) -> Float64:
    """Of the first axis; numpy's own does much else."""
    middle = np.sort(values, axis=0)[(len(values) - 1) // 2 : len(values) // 2 + 1]
    return np.asarray(middle.mean(axis=0))
