"""A recorded session with labels.csv: every track is a recording, what is not labelled is idle."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from edgepose.card import Dataset, sha256_of
from edgepose.errors import SettingsError
from edgepose.session import Label, Poses, SessionInfo, read_info, read_labels, read_poses
from edgepose.window import STEP_S
from edgepose_trainer.recordings import IDLE, Recording, Source


def read(folder: Path) -> Source:
    """Raises SettingsError when the session has no labels or another skeleton, SessionError when broken."""
    info, labels = read_info(folder), read_labels(folder)
    if not labels:
        raise SettingsError(f"{folder}: labels.csv is missing or empty: nothing to learn from")
    if info.skeleton != "coco17":
        raise SettingsError(f"{folder}: strokes are trained on coco17 poses, the session has {info.skeleton}")
    poses = read_poses(folder)
    tracks = [int(track) for track in np.unique(poses.track) if track >= 0]
    recordings = [_recording(folder.resolve().name, info, poses, labels, track) for track in tracks]
    digest = hashlib.sha256()
    for part in sorted([*(folder / "poses").glob("*.parquet"), folder / "labels.csv"]):
        digest.update(sha256_of(part).encode())
    card = Dataset(
        name=folder.resolve().name,
        sha256=digest.hexdigest(),
        licence=info.license or "not stated",
        use="training",
    )
    return Source(recordings, card)


def _recording(name: str, info: SessionInfo, poses: Poses, labels: list[Label], track: int) -> Recording:
    rows = np.flatnonzero(poses.track == track)
    rows = rows[np.argsort(poses.time_s[rows], kind="stable")]
    rows = rows[np.diff(poses.time_s[rows], prepend=-np.inf) >= STEP_S]
    times_s = poses.time_s[rows]
    names = np.full(len(rows), IDLE, dtype=object)
    for label in labels:
        if label.track is None or label.track == track:
            names[(times_s >= label.start_s) & (times_s <= label.end_s)] = label.label
    player = info.players.get(track)
    group = f"{name}/{player.name}" if player and player.name else name
    return Recording(
        name, f"{name}/{track}", group, times_s, poses.keypoints[rows], names.astype(np.str_),
        handedness=player.handedness if player else None,
    )  # fmt: skip
