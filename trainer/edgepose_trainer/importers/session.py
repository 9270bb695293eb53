"""Recorded sessions with labels.csv: every track is a recording, what is not labelled is idle."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgepose.card import Dataset, sha256_of
from edgepose.conversions import convert
from edgepose.errors import SettingsError
from edgepose.session import Label, Poses, SessionInfo, read_info, read_labels, read_poses
from edgepose.window import STEP_S
from edgepose_trainer.recordings import IDLE, UNSURE, Recording, Source
from edgepose_trainer.sessions import UNSURE_LABEL


def read(folder: Path) -> Source:
    """Raises SettingsError when the session has no labels or another skeleton, SessionError when broken."""
    return read_all(folder, [folder])


def read_all(path: Path, folders: Sequence[Path]) -> Source:
    """Several sessions as one source, e.g. the clips of a table; those without a stroke are idle throughout.

    A named player is a group of its own, over all sessions; else a session is. Raises as ``read``.
    """
    return joined(path, [one(folder) for folder in folders])


@dataclass(frozen=True, slots=True)
class Session:
    """What one session adds to its source."""

    recordings: list[Recording]
    labelled: int
    """Labels in labels.csv."""
    hashes: tuple[str, ...]
    """SHA-256 of its files, in order."""
    licence: str | None


def one(folder: Path) -> Session:
    """A session on its own, with or without a stroke. Raises as ``read``, but not for missing labels."""
    info, labels = read_info(folder), read_labels(folder)
    files = sorted([*(folder / "poses").glob("*.parquet"), *folder.glob("labels.csv")])
    hashes = tuple(sha256_of(file) for file in files)
    return Session(_recordings(folder, info, labels), len(labels), hashes, info.license)


def joined(path: Path | str, sessions: Sequence[Session]) -> Source:
    """One source of several sessions; raises SettingsError when none of them has a label."""
    if not any(session.labelled for session in sessions):
        raise SettingsError(f"{path}: labels.csv is missing or empty: nothing to learn from")
    digest = hashlib.sha256("".join(each for session in sessions for each in session.hashes).encode())
    licence = next((session.licence for session in reversed(sessions) if session.licence), "not stated")
    card = Dataset(name=Path(path).resolve().name, sha256=digest.hexdigest(), licence=licence, use="training")
    return Source([recording for session in sessions for recording in session.recordings], card)


def _recordings(folder: Path, info: SessionInfo, labels: list[Label]) -> list[Recording]:
    """One a track."""
    if info.skeleton in ("h36m17", "boxes"):
        raise SettingsError(f"{folder}: strokes are trained on coco17 poses, the session has {info.skeleton}")
    poses = read_poses(folder)
    if info.skeleton != "coco17":
        poses.keypoints = convert(poses.keypoints, info.skeleton, "coco17")
    name = folder.resolve().name
    return [_recording(name, info, poses, labels, int(t)) for t in np.unique(poses.track) if t >= 0]


def _recording(name: str, info: SessionInfo, poses: Poses, labels: list[Label], track: int) -> Recording:
    rows = np.flatnonzero(poses.track == track)
    rows = rows[np.argsort(poses.time_s[rows], kind="stable")]
    rows = rows[np.diff(poses.time_s[rows], prepend=-np.inf) >= STEP_S]
    times_s = poses.time_s[rows]
    names = np.full(len(rows), IDLE, dtype=object)
    for label in labels:
        if label.track is None or label.track == track:
            own = UNSURE if label.label == UNSURE_LABEL else label.label
            names[(times_s >= label.start_s) & (times_s <= label.end_s)] = own
    player = info.players.get(track)
    more = info.model_extra or {}
    dataset = str(more.get("dataset", name))
    group = f"{dataset}/{player.name}" if player and player.name else name
    return Recording(
        dataset, f"{name}/{track}", group, times_s, poses.keypoints[rows], names.astype(np.str_),
        handedness=player.handedness if player else None, aspect_lost=bool(more.get("aspect_lost")),
        kept_aside=bool(more.get("kept_aside")), clip=bool(more.get("clip")),
    )  # fmt: skip
