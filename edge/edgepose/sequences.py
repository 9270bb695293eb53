"""The people of a recorded session as whole motions: from its 3D poses, else from its 2D."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgepose import session as sessions
from edgepose.errors import SessionError, SettingsError
from edgepose.kinematics import UP_CAMERA, Motion, motion_2d, motion_3d
from edgepose.resampling import resampled
from edgepose.skeletons import named
from edgepose.types import Array
from edgepose.window import STEP_S

Up = tuple[float, float, float]
_UP_WORLD = (0.0, 1.0, 0.0)
"""As the takes of the trainer have it; no session says it."""


@dataclass(frozen=True, slots=True)
class Motions:
    """Track -> motion, and what the user should know."""

    motions: dict[int, Motion]
    notes: tuple[str, ...]


def of_session(folder: Path, poses3d: Path | None = None, up: Up | None = None, track: int | None = None) -> Motions:
    """Every track (or one) with two frames or more; raises SessionError, and SettingsError for an unknown track."""
    if poses3d is not None or any((folder / "poses3d").glob("*.parquet")):
        found = _of_3d(poses3d or folder, up)
    else:
        found = _of_2d(folder)
    if track is not None:
        if track not in found.motions:
            raise SettingsError(f"{folder}: no track {track}; tracks here: {', '.join(map(str, found.motions))}")
        found = Motions({track: found.motions[track]}, found.notes)
    if not found.motions:
        raise SessionError(f"{folder}: nobody with a track in it: run `edgepose track` first")
    return found


def at_rate(motion: Motion, rate_hz: float) -> tuple[Motion, tuple[str, ...]]:
    """The same motion with so many frames a second, and the note of ``resampled``."""
    even = resampled(motion.times_s, motion.points, rate_hz)
    return Motion(even.times_s, even.points, motion.skeleton, motion.up), even.notes


def _of_3d(path: Path, up: Up | None) -> Motions:
    poses = sessions.read_poses3d(path)
    skeleton = named(poses.skeleton)
    upwards = up or (_UP_WORLD if poses.space == "world" else UP_CAMERA)
    notes = [f"skipped {part}" for part in poses.skipped_parts]
    if poses.space == "root":
        notes.append("poses are relative to the hips: so are all speeds; steps need one direction and an even pace")
    if poses.space == "world" and up is None:
        notes.append("world axes: y is taken to point up; --up says another")
    rows = _rows(poses.track, poses.time_s)
    motions = {one: motion_3d(poses.time_s[at], poses.keypoints[at], skeleton, upwards) for one, at in rows.items()}
    return Motions(motions, tuple(notes))


def _of_2d(folder: Path) -> Motions:
    skeleton = named(sessions.read_info(folder).skeleton)
    poses = sessions.read_poses(folder)
    notes = [f"skipped {part}" for part in poses.skipped_parts]
    notes.append("no poses3d: from 2D, lengths in torso lengths, angles as in the picture")
    rows = _rows(poses.track, poses.time_s)
    motions = {one: motion_2d(poses.time_s[at], poses.keypoints[at], skeleton) for one, at in rows.items()}
    return Motions(motions, tuple(notes))


def _rows(track: Array, time_s: Array) -> dict[int, Array]:
    """Track -> its rows in time order, each time once."""
    found = {}
    for one in np.unique(track).tolist():
        at = np.flatnonzero(track == one)
        at = at[np.argsort(time_s[at], kind="stable")]
        at = at[np.diff(time_s[at], prepend=-np.inf) >= STEP_S]
        if one >= 0 and len(at) > 1:
            found[one] = at
    return found
