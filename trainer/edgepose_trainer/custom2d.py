"""Recorded sessions as VideoPose3D's custom 2D data set (.npz), so that its own programs read them.

The layout is that of ``importers/videopose3d.py``; frames without the person are interpolated, ends are held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgepose.conversions import convert
from edgepose.errors import SettingsError
from edgepose.lifting.gaps import known_joints, whole
from edgepose.session import Poses, read_info, read_poses
from edgepose.skeletons import COCO17
from edgepose.types import Float32


@dataclass(frozen=True, slots=True)
class Sequence2D:
    """One video's one person."""

    name: str
    points: Float32
    """(T, 17, 2) coco17 px, a row for every frame from 0, without gaps."""
    size_wh: tuple[int, int]
    fps: float | None
    interpolated: int = 0
    """Frames in which the person was not seen."""


def of_session(folder: Path, track: int | None = None) -> Sequence2D:
    """``track``: whose; default the one with most frames. Raises SessionError, SettingsError for nobody."""
    info, poses = read_info(folder), read_poses(folder)
    tracks, rows = np.unique(poses.track, return_counts=True)
    if not len(tracks) or (track is not None and track not in tracks):
        raise SettingsError(f"{folder}: {'nobody in it' if not len(tracks) else f'has no track {track}'}")
    keypoints = _by_frame(poses, int(tracks[rows.argmax()]) if track is None else track)
    if info.skeleton != COCO17.name:
        keypoints = convert(keypoints, info.skeleton, COCO17.name)
    seen = np.logical_or.reduce(known_joints(keypoints), axis=1)
    if not seen.any():
        raise SettingsError(f"{folder}: no joint of coco17 in it")
    points = whole(keypoints[None], COCO17)[0]
    return Sequence2D(folder.resolve().name, points, (info.width, info.height), info.fps, int((~seen).sum()))


def write(path: Path, sequences: Sequence[Sequence2D]) -> None:
    """Writes the .npz, whole or not at all; raises SettingsError for two videos of one name."""
    names = [sequence.name for sequence in sequences]
    if twice := {name for name in names if names.count(name) > 1}:
        raise SettingsError(f"{path}: two sessions are called {sorted(twice)[0]}")
    sides = [[k for k, joint in enumerate(COCO17.joints) if joint.startswith(f"{s}_")] for s in ("left", "right")]
    metadata = {
        "layout_name": "coco",
        "num_joints": len(COCO17),
        "keypoints_symmetry": sides,
        "video_metadata": {
            one.name: {"w": one.size_wh[0], "h": one.size_wh[1], **({"fps": one.fps} if one.fps else {})}
            for one in sequences
        },
    }
    positions = {one.name: {"custom": [one.points.astype(np.float32)]} for one in sequences}
    partial = path.with_name(f".{path.name}.partial.npz")
    np.savez_compressed(partial, positions_2d=np.array(positions), metadata=np.array(metadata))
    partial.replace(path)


def _by_frame(poses: Poses, track: int) -> Float32:
    """(F, K, 3), a row for every frame from 0 to the recording's last; of two rows of a frame the better."""
    rows = np.flatnonzero(poses.track == track)
    rows = rows[np.argsort(poses.score[rows], kind="stable")]
    frames = 1 + int(max(poses.frame.max(), poses.empty_frame.max(initial=0)))
    keypoints = np.full((frames, *poses.keypoints.shape[1:]), (np.nan, np.nan, 0), np.float32)
    keypoints[poses.frame[rows]] = poses.keypoints[rows]
    return keypoints
