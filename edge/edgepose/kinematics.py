"""Joint angles, their rates, turns of the trunk and speeds of one person over time, with units (docs/kinematics.md).

In 3D lengths are metres and axes right-handed; from 2D keypoints lengths are torso lengths and angles those of the
picture, which is said in the unit. A value is NaN where a joint that it needs is unknown; nothing is filled.
Source: seed_systems.md, feature row 19.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgepose.skeletons import Skeleton
from edgepose.types import Array

Float64 = NDArray[np.float64]
UP_CAMERA = (0.0, -1.0, 0.0)
"""Camera and root axes have y down; a camera that is held level has its y along the vertical."""
SLOPE_S = 0.034
"""A rate is the slope of the line through the samples within so many seconds: three at 30 Hz."""
GAP_S = 0.2
"""No rate is taken over samples further apart (contracts §6)."""

_PLACES = {
    "shoulder": ("shoulder", "shoulder_top"),
    "hip": ("hip", "trochanter_major"),
}
"""What joint sets call the place, best first; other parts are called alike everywhere."""
_ANGLES = {
    "elbow": ("shoulder", "elbow", "wrist"),
    "shoulder": ("elbow", "shoulder", "hip"),
    "hip": ("shoulder", "hip", "knee"),
    "knee": ("hip", "knee", "ankle"),
}
_SIDES = ("left", "right")
_SHORT = 1e-9
"""A line shorter than this has no direction."""


@dataclass(frozen=True, slots=True)
class Motion:
    """One person's joints over time."""

    times_s: Float64
    """(T,) ascending."""
    points: Float64
    """(T, K, 3) metres, or (T, K, 2) torso lengths with y down; NaN where unknown."""
    skeleton: Skeleton
    up: tuple[float, ...] = UP_CAMERA

    @property
    def flat(self) -> bool:
        """From 2D keypoints."""
        return bool(self.points.shape[-1] == 2)

    @property
    def units(self) -> dict[Literal["length", "angle", "speed", "rate"], str]:
        if self.flat:
            return {"length": "torso", "angle": "deg (picture)", "speed": "torso/s", "rate": "deg/s (picture)"}
        return {"length": "m", "angle": "deg", "speed": "m/s", "rate": "deg/s"}

    def joint(self, name: str) -> Float64:
        """(T, D) of a joint by its plain name, "left_shoulder", "mid_hip"; all NaN where the joint set has none."""
        if name.startswith("mid_"):
            return np.asarray(0.5 * (self.joint(f"left_{name[4:]}") + self.joint(f"right_{name[4:]}")))
        side, _, part = name.partition("_")
        for place in _PLACES.get(part, (part,)):
            if f"{side}_{place}" in self.skeleton.joints:
                return self.points[:, self.skeleton.index(f"{side}_{place}")]
        return np.full((len(self.points), self.points.shape[-1]), np.nan)


@dataclass(frozen=True, slots=True)
class Curve:
    """One quantity over time."""

    name: str
    unit: str
    values: Float64
    """(T,)."""

    @property
    def column(self) -> str:
        """Name and unit as a table's column: right_wrist_speed_m_s."""
        unit = self.unit.replace(" (picture)", "_picture").replace("/", "_")
        return f"{self.name}_{unit}"


def motion_3d(
    times_s: Float64, points_m: Array, skeleton: Skeleton, up: tuple[float, float, float] = (0.0, -1.0, 0.0)
) -> Motion:
    """(T, K, 3) metres; raises ValueError for another shape."""
    _check(times_s, points_m, skeleton)
    return Motion(np.asarray(times_s, np.float64), np.asarray(points_m, np.float64), skeleton, up)


def motion_2d(times_s: Float64, keypoints: Array, skeleton: Skeleton) -> Motion:
    """(T, K, 3) px, px, confidence -> torso lengths: px over the median distance from mid-hips to mid-shoulders.

    Without any torso everything is NaN. Raises ValueError for another shape.
    """
    _check(times_s, keypoints, skeleton)
    px = Motion(np.asarray(times_s, np.float64), np.asarray(keypoints[..., :2], np.float64), skeleton, (0.0, -1.0))
    torsos = np.linalg.norm(px.joint("mid_shoulder") - px.joint("mid_hip"), axis=1)
    known = torsos[np.isfinite(torsos)]
    unit = float(np.median(known)) if len(known) else 0.0
    return Motion(px.times_s, px.points / (unit if unit > 0 else np.nan), skeleton, px.up)


def curves(motion: Motion) -> list[Curve]:
    """Every quantity of docs/kinematics.md, in its order, for the whole motion."""
    unit, times_s = motion.units, motion.times_s
    found = [Curve(f"{name}_angle", unit["angle"], values) for name, values in _angles(motion)]
    found += [Curve(f"{curve.name}_rate", unit["rate"], slopes(times_s, curve.values)) for curve in found]
    found.append(Curve("trunk_lean", unit["angle"], _between(_trunk(motion), np.array(motion.up))))
    if not motion.flat:
        found += _turns(motion)
    hips = motion.joint("mid_hip")
    for side in _SIDES:
        for part in ("wrist", "ankle"):
            joint = motion.joint(f"{side}_{part}")
            found.append(Curve(f"{side}_{part}_speed", unit["speed"], speed(times_s, joint)))
            found.append(Curve(f"{side}_{part}_speed_to_hips", unit["speed"], speed(times_s, joint - hips)))
    return found


def angle_at(a: Float64, middle: Float64, b: Float64) -> Float64:
    """(T,) degrees, 0..180, between the lines from ``middle`` (T, D) to ``a`` and to ``b``; 180: straight."""
    return _between(a - middle, b - middle)


def speed(times_s: Float64, points: Float64) -> Float64:
    """(T,) length of the velocity of (T, D)."""
    return np.asarray(np.linalg.norm(slopes(times_s, points), axis=-1))


def slopes(times_s: Float64, values: Float64, period: float | None = None) -> Float64:
    """(T, ...) values -> their rate per second: the slope of the line through the samples within ``SLOPE_S``.

    At least the neighbours count. NaN at both ends, where the sample or all on one of its sides is unknown, and
    where the neighbours are further than ``GAP_S``. With ``period`` (360 for headings) steps go the shorter way.
    """
    flat = np.asarray(values, np.float64).reshape(len(values), -1)
    if len(flat) < 3:
        return np.full(np.shape(values), np.nan)
    reach = max(1, int(SLOPE_S / float(np.median(np.diff(times_s))) + 1e-6))
    count, st, sx, stt, stx = (np.zeros(flat.shape) for _ in range(5))
    before, after = np.zeros(flat.shape, np.bool_), np.zeros(flat.shape, np.bool_)
    for offset in (*range(-reach, 0), *range(1, reach + 1)):
        dt, dx = _steps(times_s, flat, offset, period)
        limit_s = GAP_S if abs(offset) == 1 else SLOPE_S
        usable = np.isfinite(dx) & (np.abs(dt) <= limit_s + 1e-6)[:, None]
        if offset < 0:
            before |= usable
        else:
            after |= usable
        t, x = np.where(usable, dt[:, None], 0.0), np.where(usable, dx, 0.0)
        count, st, sx, stt, stx = count + usable, st + t, sx + x, stt + t * t, stx + t * x
    spread = (count + 1) * stt - st * st  # the sample itself is (0, 0)
    known = before & after & (spread > 0)
    rates = np.divide((count + 1) * stx - st * sx, spread, out=np.full(flat.shape, np.nan), where=known)
    return np.asarray(rates.reshape(np.shape(values)))


def _steps(times_s: Float64, flat: Float64, offset: int, period: float | None) -> tuple[Float64, Float64]:
    """(T,) and (T, N): time and value ``offset`` samples away, minus the sample's own; infinite, NaN outside."""
    dt, dx = np.full(len(flat), np.inf), np.full(flat.shape, np.nan)
    here, there = (slice(0, -offset), slice(offset, None)) if offset > 0 else (slice(-offset, None), slice(0, offset))
    dt[here], dx[here] = times_s[there] - times_s[here], flat[there] - flat[here]
    if period is not None:
        dx = (dx + period / 2) % period - period / 2
    return dt, dx


def _angles(motion: Motion) -> Iterator[tuple[str, Float64]]:
    for part, (a, middle, b) in _ANGLES.items():
        for side in _SIDES:
            ends = [motion.joint(f"{side}_{joint}") for joint in (a, middle, b)]
            yield f"{side}_{part}", angle_at(*ends)


def _trunk(motion: Motion) -> Float64:
    """(T, D) from mid-hips to mid-shoulders."""
    return np.asarray(motion.joint("mid_shoulder") - motion.joint("mid_hip"))


def _turns(motion: Motion) -> list[Curve]:
    """Headings of shoulders and pelvis about the vertical, and the turn of one against the other about the trunk."""
    times_s, up = motion.times_s, np.array(motion.up)
    across = {part: motion.joint(f"left_{part}") - motion.joint(f"right_{part}") for part in ("shoulder", "hip")}
    ahead = np.array([1.0, 0.0, 0.0])  # facing the camera, the person's left is on the picture's right
    found = []
    for name, part in (("shoulder_heading", "shoulder"), ("pelvis_heading", "hip")):
        values = _turned(np.broadcast_to(ahead, across[part].shape), across[part], np.broadcast_to(up, (1, 3)))
        found += [Curve(name, "deg", values), Curve(f"{name}_rate", "deg/s", slopes(times_s, values, 360.0))]
    twist = _turned(across["hip"], across["shoulder"], _trunk(motion))
    found.append(Curve("shoulder_hip_separation", "deg", twist))
    found.append(Curve("shoulder_hip_separation_rate", "deg/s", slopes(times_s, twist, 360.0)))
    return found


def _turned(start: Float64, end: Float64, axis: Float64) -> Float64:
    """(T,) degrees -180..180 from ``start`` to ``end`` about ``axis``, counterclockwise seen from its tip."""
    length = np.linalg.norm(axis, axis=-1, keepdims=True)
    axis = np.divide(axis, length, out=np.full(np.shape(axis), np.nan), where=length > 0)
    a, b = (line - (line * axis).sum(axis=-1, keepdims=True) * axis for line in (start, end))
    sine, cosine = (axis * np.cross(a, b)).sum(axis=-1), (a * b).sum(axis=-1)
    flat = (np.linalg.norm(a, axis=-1) < _SHORT) | (np.linalg.norm(b, axis=-1) < _SHORT)
    return np.where(flat, np.nan, np.degrees(np.arctan2(sine, cosine)))


def _between(a: Float64, b: Float64) -> Float64:
    """(T,) degrees between (T, D) and (T, D) or (D,); NaN where one has no length."""
    length = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    cosine = np.divide((a * b).sum(axis=-1), length, out=np.full(len(a), np.nan), where=length > _SHORT**2)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def _check(times_s: Float64, points: Array, skeleton: Skeleton) -> None:
    expected = (len(times_s), len(skeleton), 3)
    if points.shape != expected:
        raise ValueError(f"expected {skeleton.name} points {expected}, got {points.shape}")
    if len(times_s) > 1 and not (np.diff(times_s) > 0).all():
        raise ValueError("times must rise from frame to frame")
