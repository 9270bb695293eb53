"""Feature sets: (N, T, K, 3) keypoint windows -> float32 (N, D). The trainer uses these very functions.

A set is named and versioned; a published set never changes, a better one gets a new name. All sets
but boxed-1 are free of scale and place. Unknown is NaN, never infinite; LightGBM takes NaN as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from edgepose import swing
from edgepose.errors import ModelError
from edgepose.skeletons import Skeleton
from edgepose.types import Float32

Extractor: TypeAlias = Callable[[Float32], Float32]
"""(N, T, K, 3) -> (N, D)."""


@dataclass(frozen=True)
class FeatureSet:
    """``compute`` gets (N, T, J, 2) px of the set's own ``joints``; ``names`` gets T."""

    joints: tuple[str, ...]
    compute: Callable[[Float32], Float32]
    names: Callable[[int], list[str]]


def features(keypoints: Float32, feature_set: str, skeleton: Skeleton) -> Float32:
    """(N, T, K, 3) px -> (N, D); raises ModelError for an unknown set or a joint that is not there."""
    return extractor(feature_set, skeleton)(keypoints)


def extractor(feature_set: str, skeleton: Skeleton) -> Extractor:
    """The set's function with everything looked up; raises ModelError as ``features`` does."""
    chosen = _named(feature_set)
    try:
        joints = skeleton.indices(*chosen.joints)
    except KeyError as error:
        raise ModelError(f"feature set {feature_set}: {error.args[0]}") from None

    def extract(keypoints: Float32) -> Float32:
        with np.errstate(all="ignore"):
            out = chosen.compute(keypoints[:, :, joints, :2])
        out[~np.isfinite(out)] = np.nan
        return out

    return extract


def names(feature_set: str, frames: int = 15) -> list[str]:
    """What every column means, for windows of ``frames`` samples; raises ModelError for an unknown set."""
    return _named(feature_set).names(frames)


def mirror(keypoints: Float32, skeleton: Skeleton) -> Float32:
    """(..., K, 3) as its left-handed twin would move: x negated, left and right joints swapped."""
    twin = keypoints[..., skeleton.mirror, :]
    np.negative(twin[..., 0], out=twin[..., 0])
    return twin


def _named(feature_set: str) -> FeatureSet:
    try:
        return FEATURE_SETS[feature_set]
    except KeyError:
        raise ModelError(f"unknown feature set {feature_set!r}; known: {', '.join(FEATURE_SETS)}") from None


_BODY: tuple[str, ...] = (
    "nose", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
_FACE: tuple[str, ...] = ("left_eye", "right_eye", "left_ear", "right_ear")
_SHOULDERS_TO_WRISTS, _ELBOWS_TO_WRISTS, _WRISTS = slice(1, 7), slice(3, 7), slice(5, 7)
# Vectors between joints, "from-to": first the limbs that the angles need, then relations of the wrists.
_VECTORS: tuple[str, ...] = (
    "left_shoulder-left_elbow", "right_shoulder-right_elbow", "left_elbow-left_wrist",
    "right_elbow-right_wrist", "left_shoulder-left_hip", "right_shoulder-right_hip",
    "left_hip-left_knee", "right_hip-right_knee", "left_knee-left_ankle", "right_knee-right_ankle",
    "left_wrist-right_wrist", "nose-left_wrist", "nose-right_wrist",
    "left_shoulder-right_shoulder", "left_hip-right_hip",
)  # fmt: skip
_TAIL, _HEAD = (np.array([_BODY.index(pair.split("-")[end]) for pair in _VECTORS], dtype=np.intp) for end in (0, 1))
# Cosines between vectors: elbows, shoulders, knees.
_FIRST, _SECOND = np.array([0, 1, 0, 1, 6, 7]), np.array([2, 3, 4, 5, 8, 9])
_COSINES = tuple(f"{side}_{part}" for part in ("elbow", "shoulder", "knee") for side in ("left", "right"))
_RELATIONS = slice(10, None)
_HALF = np.float32(0.5)


def _tennis_1(points: Float32) -> Float32:
    """Hip-centred positions, velocities, accelerations, wrist relations, cosines of joint angles.

    (N, T, 13, 2) -> (N, D). Origin: mid-hips of the sample, mid-shoulders where a hip is missing;
    unit: the median torso length of the window; y down. Velocities are per sample.
    """
    return _columns_of(*_body(points))


def _tennis_2(points: Float32) -> Float32:
    """tennis-1 and the swing as a whole (`swing.py`)."""
    body, torso = _body(points)
    wrists = body[:, 1:, _WRISTS] - body[:, :-1, _WRISTS]
    return np.concatenate([_columns_of(body, torso), swing.compute(body, _length(wrists))], axis=1)


def _body(points: Float32) -> tuple[Float32, Float32]:
    """(N, T, 13, 2) px -> joints round the origin in units of the torso, and (N, T) torso in its median."""
    neck = (points[:, :, 1] + points[:, :, 2]) * _HALF
    hips = (points[:, :, 7] + points[:, :, 8]) * _HALF
    torso = _length(neck - hips)
    unit = _median(torso)
    origin = np.where(np.isnan(hips), neck, hips)
    return (points - origin[:, :, None]) / unit[:, None, None, None], torso / unit[:, None]


def _columns_of(body: Float32, torso: Float32) -> Float32:
    count = len(body)
    velocity = body[:, 1:, _SHOULDERS_TO_WRISTS] - body[:, :-1, _SHOULDERS_TO_WRISTS]
    wrists = velocity[:, :, 4:]
    speed = _length(wrists)
    vectors = body[:, :, _HEAD] - body[:, :, _TAIL]
    length = _length(vectors)
    product = vectors[:, :, _FIRST] * vectors[:, :, _SECOND]
    cosine = (product[..., 0] + product[..., 1]) / (length[:, :, _FIRST] * length[:, :, _SECOND])
    arms = body[:, :, _ELBOWS_TO_WRISTS]
    parts = (
        body, velocity, wrists[:, 1:] - wrists[:, :-1], speed, vectors[:, :, _RELATIONS],
        length[:, :, _RELATIONS], cosine, torso,
        np.fmin.reduce(arms, axis=1), np.fmax.reduce(arms, axis=1), np.fmax.reduce(speed, axis=1),
    )  # fmt: skip
    return np.concatenate([part.reshape(count, -1) for part in parts], axis=1)


def _length(vectors: Float32) -> Float32:
    x, y = vectors[..., 0], vectors[..., 1]
    return np.sqrt(x * x + y * y)


def _median(values: Float32) -> Float32:
    """(N, T) -> (N,) lower median of the known values; NaN where none is known or it is not positive."""
    ordered = np.sort(values, axis=1)  # NaN sorts to the end
    known = np.count_nonzero(ordered == ordered, axis=1)
    middle: Float32 = ordered[np.arange(len(ordered)), np.maximum(known - 1, 0) // 2]
    middle[~(middle > 0)] = np.nan
    return middle


def _tennis_1_names(frames: int) -> list[str]:
    relations = _VECTORS[_RELATIONS]
    return [
        *_columns("position", _BODY, "xy", range(frames)),
        *_columns("velocity", _BODY[_SHOULDERS_TO_WRISTS], "xy", range(1, frames)),
        *_columns("acceleration", _BODY[_WRISTS], "xy", range(2, frames)),
        *_columns("speed", _BODY[_WRISTS], "", range(1, frames)),
        *_columns("vector", relations, "xy", range(frames)),
        *_columns("distance", relations, "", range(frames)),
        *_columns("cosine", _COSINES, "", range(frames)),
        *_columns("length", ("torso",), "", range(frames)),
        *_columns("least", _BODY[_ELBOWS_TO_WRISTS], "xy"),
        *_columns("most", _BODY[_ELBOWS_TO_WRISTS], "xy"),
        *_columns("most_speed", _BODY[_WRISTS], ""),
    ]


def _tennis_2_names(frames: int) -> list[str]:
    return _tennis_1_names(frames) + swing.names(frames)


def _columns(kind: str, things: tuple[str, ...], axes: str, samples: range | None = None) -> list[str]:
    """Names like position/left_wrist/x/07: sample by sample, thing by thing, axis by axis."""
    ends = [f"/{axis}" for axis in axes] or [""]
    times = [""] if samples is None else [f"/{sample:02d}" for sample in samples]
    return [f"{kind}/{thing}{end}{time}" for time in times for thing in things for end in ends]


_SEED = ("right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist")
_SEED_JOINTS = _SEED + tuple(joint for joint in _BODY if joint not in _SEED)


def _seed_180(points: Float32) -> Float32:
    """The seed lecture's 180: shoulders, elbows, wrists inside the box of all joints, 0..1 an axis.

    The seed used a person detector's box; here it is the tight box of the joints of each sample.
    """
    low = np.fmin.reduce(points, axis=2, keepdims=True)
    size = np.fmax.reduce(points, axis=2, keepdims=True) - low
    size[~(size > 0)] = np.nan
    inside: Float32 = (points[:, :, : len(_SEED)] - low) / size
    return inside.reshape(len(points), -1)


def _boxed_1(points: Float32) -> Float32:
    """tennis-2 and every joint's coordinates as they are: for keypoints that come inside the person's box, 0..1."""
    return np.concatenate([_tennis_2(points[:, :, : len(_BODY)]), points.reshape(len(points), -1)], axis=1)


def _boxed_1_names(frames: int) -> list[str]:
    return _tennis_2_names(frames) + _columns("box", _BODY + _FACE, "xy", range(frames))


def _seed_180_names(frames: int) -> list[str]:
    """As the seed wrote them: RShoulder_x_-14 .. LWrist_y_0."""
    short = [f"{joint[0].upper()}{joint.partition('_')[2].capitalize()}" for joint in _SEED]
    return [f"{joint}_{axis}_{t - frames + 1}" for t in range(frames) for joint in short for axis in "xy"]


FEATURE_SETS: Mapping[str, FeatureSet] = MappingProxyType(
    {
        "tennis-1": FeatureSet(_BODY, _tennis_1, _tennis_1_names),
        "tennis-2": FeatureSet(_BODY, _tennis_2, _tennis_2_names),
        "boxed-1": FeatureSet(_BODY + _FACE, _boxed_1, _boxed_1_names),
        "seed-180": FeatureSet(_SEED_JOINTS, _seed_180, _seed_180_names),
    }
)
