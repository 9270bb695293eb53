"""The numbers of one stroke: what angles, turns and speeds were at its peak and around it (docs/kinematics.md).

``stroke_kinematics`` computes them from a motion. ``StrokeMotions`` keeps the windows that the line made anyway and,
when a stroke was spotted, lifts those round its peak: so the 3D costs nothing while nobody strikes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from edgepose.kinematics import Float64, Motion, curves, motion_2d, motion_3d
from edgepose.skeletons import Skeleton, named
from edgepose.types import Handedness, Pose3D, Stroke, Window

HALF_S = 0.5
"""Numbers are of so many seconds before and after the peak."""
_AT_PEAK_S = 0.05
"""A value "at the peak" is that of the nearest sample, no further away than this."""
_KEEP_S = 4.0
_LEAST_SAMPLES = 5
Quantities = dict[str, tuple[float, str]]


class Lifts(Protocol):
    """The lifter's call."""

    def lift(self, windows: Sequence[Window]) -> list[Pose3D]: ...


def stroke_kinematics(motion: Motion, peak_s: float, handedness: Handedness | None = None) -> Quantities:
    """Name -> (value, unit) of ``HALF_S`` round the peak; NaN where the joints are not known.

    The racket arm is that of ``handedness``, else the one whose wrist is faster. From 2D there are no turns of the
    trunk, speeds are in torso lengths and angles those of the picture, as the units say.
    """
    near = np.abs(motion.times_s - peak_s) <= HALF_S + 1e-6
    if near.sum() < _LEAST_SAMPLES:
        return {}
    found = {curve.name: curve for curve in curves(motion)}
    racket = handedness or _faster(found["left_wrist_speed_to_hips"].values[near],
                                   found["right_wrist_speed_to_hips"].values[near])  # fmt: skip
    moment = _moment(motion.times_s, peak_s)

    def value(curve: str, of: Callable[[Float64], float]) -> tuple[float, str]:
        return of(found[curve].values[near]), found[curve].unit

    def at_peak(curve: str) -> tuple[float, str]:
        return (float(found[curve].values[moment]) if moment is not None else np.nan), found[curve].unit

    wrist = found[f"{racket}_wrist_speed_to_hips"].values
    numbers: Quantities = {
        "wrist_speed": at_peak(f"{racket}_wrist_speed_to_hips"),
        "wrist_speed_peak": value(f"{racket}_wrist_speed_to_hips", _most),
        "wrist_speed_peak_at": (_when(motion.times_s[near] - peak_s, wrist[near]), "s"),
        "elbow_angle": at_peak(f"{racket}_elbow_angle"),
        "elbow_rate_peak": value(f"{racket}_elbow_angle_rate", _fastest),
        "shoulder_angle": at_peak(f"{racket}_shoulder_angle"),
        "shoulder_rate_peak": value(f"{racket}_shoulder_angle_rate", _fastest),
        "knee_angle_min": (
            _least(np.concatenate([found[f"{side}_knee_angle"].values[near] for side in ("left", "right")])),
            found["left_knee_angle"].unit,
        ),
        "trunk_lean": at_peak("trunk_lean"),
        "ankle_speed_peak": (
            _most(np.concatenate([found[f"{side}_ankle_speed_to_hips"].values[near] for side in ("left", "right")])),
            found["left_ankle_speed_to_hips"].unit,
        ),
    }
    if not motion.flat:
        numbers |= {
            "trunk_rotation_range": (_turn_range(found["shoulder_heading"].values[near]), "deg"),
            "trunk_rotation_rate_peak": value("shoulder_heading_rate", _fastest),
            "shoulder_hip_separation": at_peak("shoulder_hip_separation"),
            "shoulder_hip_separation_peak": value("shoulder_hip_separation", _widest),
        }
    return numbers


class StrokeMotions:
    """Every track's last windows, at their centres a motion; not thread-safe, one camera's line owns it."""

    def __init__(self, skeleton: Skeleton, lifter: Lifts | None = None) -> None:
        self._skeleton = skeleton
        self._lifter = lifter
        self._windows: dict[int, deque[Window]] = {}

    def add(self, windows: Sequence[Window]) -> None:
        """Windows in time order per track, as the window cutter gives them."""
        for window in windows:
            kept = self._windows.setdefault(window.track, deque())
            if kept and window.centre_s <= kept[-1].centre_s:
                kept.clear()  # the stream began anew
            kept.append(window)
        if windows:
            oldest_s = max(window.centre_s for window in windows) - _KEEP_S
            for track, kept in list(self._windows.items()):
                while kept and kept[0].centre_s < oldest_s:
                    kept.popleft()
                if not kept:
                    del self._windows[track]

    def of(self, stroke: Stroke) -> Quantities:
        """The numbers of a stroke that was spotted in these windows; {} where too few are left."""
        kept = self._windows.get(stroke.window.track, ())
        near = [window for window in kept if abs(window.centre_s - stroke.peak_s) <= HALF_S]
        if len(near) < _LEAST_SAMPLES:
            return {}
        return stroke_kinematics(self._motion(near), stroke.peak_s, stroke.handedness)

    def _motion(self, windows: Sequence[Window]) -> Motion:
        times_s = np.array([window.centre_s for window in windows])
        if self._lifter is not None:
            poses = self._lifter.lift(windows)
            points = np.stack([pose.keypoints for pose in poses])
            if np.isfinite(points).any():
                return motion_3d(times_s, points, named(poses[0].skeleton))
        centres = np.stack([window.keypoints[len(window.times_s) // 2] for window in windows])
        return motion_2d(times_s, centres, self._skeleton)


def _moment(times_s: Float64, peak_s: float) -> int | None:
    nearest = int(np.abs(times_s - peak_s).argmin())
    return nearest if abs(times_s[nearest] - peak_s) <= _AT_PEAK_S else None


def _faster(left: Float64, right: Float64) -> Handedness:
    return "left" if np.nan_to_num(_most(left), nan=0.0) > np.nan_to_num(_most(right), nan=0.0) else "right"


def _most(values: Float64) -> float:
    return float(np.nanmax(values)) if np.isfinite(values).any() else np.nan


def _least(values: Float64) -> float:
    return float(np.nanmin(values)) if np.isfinite(values).any() else np.nan


def _fastest(values: Float64) -> float:
    """Of rates without their sign: which way is faster changes with little noise."""
    return _most(np.abs(values))


def _widest(values: Float64) -> float:
    """The value furthest from 0, with its sign."""
    return float(values[np.nanargmax(np.abs(values))]) if np.isfinite(values).any() else np.nan


def _when(times_s: Float64, values: Float64) -> float:
    return float(times_s[np.nanargmax(values)]) if np.isfinite(values).any() else np.nan


def _turn_range(headings: Float64) -> float:
    """Degrees between the outermost headings, going on through ±180."""
    known = headings[np.isfinite(headings)]
    return float(np.ptp(np.unwrap(known, period=360))) if len(known) else np.nan
