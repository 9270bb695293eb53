"""Imported recordings as recorded sessions (contracts §1), ready to be written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from edgepose.errors import SettingsError
from edgepose.geometry import box_of_keypoints
from edgepose.recorder import columns
from edgepose.session import (
    Calibration,
    Label,
    Player,
    Poses,
    Poses3D,
    SessionInfo,
    write_info,
    write_labels,
    write_poses,
    write_poses3d,
)
from edgepose.types import Float32, Handedness, Pose, Track
from edgepose_trainer.recordings import IDLE, Recording
from edgepose_trainer.takes import View
from edgepose_trainer.views import CENTRE_PX

UNSURE_LABEL = "unsure"
"""In labels.csv: neither a stroke nor idle for sure; nothing is learnt from it."""
_EPOCH = datetime.fromtimestamp(0, timezone.utc)
_UNIT_PX = 1000
"""Coordinates of a unit square become px of a picture of this size."""


@dataclass(frozen=True, slots=True)
class Imported:
    """One session to be."""

    name: str
    info: SessionInfo
    poses: Poses
    labels: tuple[Label, ...] = ()
    truth: Poses3D | None = None
    notes: tuple[str, ...] = ()
    """What was cut or guessed, for the user."""


def info_of(skeleton: str, size_wh: tuple[int, int], source: str, fps: float | None = None, **more: Any) -> SessionInfo:
    """``session.json`` of a recording that was made elsewhere; when it was made is not known."""
    return SessionInfo(
        skeleton=skeleton, width=size_wh[0], height=size_wh[1], fps=fps, camera="imported", device="imported",
        started_at=_EPOCH, source=source, **more,
    )  # fmt: skip


def poses_of(rows: Sequence[tuple[int, float, Sequence[Track]]], joints: int) -> Poses:
    """Frames (number, time, people) in order; a frame without people is kept as one that shows nobody."""
    return columns(rows, joints)


def of_recording(recording: Recording, licence: str, unit: bool | None = None) -> Imported:
    """One person's recording; coordinates within a unit square are made px."""
    known = recording.keypoints[..., :2][np.isfinite(recording.keypoints[..., :2])]
    in_unit = bool(len(known) and np.abs(known).max() <= 2) if unit is None else unit
    keypoints = recording.keypoints * np.array([_UNIT_PX, _UNIT_PX, 1] if in_unit else [1, 1, 1], np.float32)
    more = {name: True for name in ("aspect_lost", "clip", "kept_aside") if getattr(recording, name)}
    info = info_of(
        "coco17",
        (_UNIT_PX, _UNIT_PX) if in_unit else _size(keypoints),
        f"{recording.dataset}: {recording.name}",
        players={0: Player(name=recording.group.partition("/")[2] or recording.group, handedness=recording.handedness)},
        license=licence,
        dataset=recording.dataset,
        **more,
    )
    rows = [
        (frame, float(time_s), [_track(joints)] if np.isfinite(joints[:, 0]).any() else [])
        for frame, (time_s, joints) in enumerate(zip(recording.times_s, keypoints, strict=True))
    ]
    return Imported(plain_name(recording.name), info, poses_of(rows, 17), labels_of(recording))


def of_view(view: View, licence: str) -> Imported:
    """A take seen by a virtual camera, with the truth in camera axes and the camera's calibration."""
    flat = of_recording(view.recording, licence, unit=False)
    focal, middle = float(view.camera.focal_px[0]), CENTRE_PX
    rotation = view.camera.rotation[0]
    info = flat.info.model_copy(
        update={
            "width": int(2 * middle[0]),
            "height": int(2 * middle[1]),
            "calibration": Calibration(
                K=[[focal, 0.0, middle[0]], [0.0, focal, middle[1]], [0.0, 0.0, 1.0]],
                R=rotation.tolist(),
                t=(-rotation @ view.camera.position[0]).tolist(),
            ),
        }
    )
    rows = np.flatnonzero(np.isfinite(view.points_m).any(axis=(1, 2)))
    truth = Poses3D(
        rows.astype(np.int64), view.recording.times_s[rows], np.zeros(len(rows), np.int32),
        view.points_m[rows], "coco17", "camera",
    )  # fmt: skip
    return replace(flat, info=info, truth=truth)


def labels_of(recording: Recording) -> tuple[Label, ...]:
    """Runs of frames with one label; idle is what is left."""
    names, times_s = recording.labels, recording.times_s
    ends = np.flatnonzero(names[1:] != names[:-1])
    starts = np.concatenate([[0], ends + 1])
    runs = zip(starts, [*ends, len(names) - 1], strict=True)
    return tuple(
        Label(float(times_s[first]), float(times_s[last]), str(names[first]) or UNSURE_LABEL, track=0)
        for first, last in runs
        if names[first] != IDLE
    )


def named_player(imported: Imported, name: str | None, handedness: Handedness | None) -> Imported:
    """The same with a player's name and hand on every track; raises SettingsError for several people."""
    if name is None and handedness is None:
        return imported
    tracks = sorted({int(track) for track in imported.poses.track})
    if len(tracks) > 1:
        raise SettingsError(
            f"{imported.name}: {len(tracks)} people, tracks {', '.join(map(str, tracks[:8]))}: --player and "
            "--handedness are for one; write players into session.json"
        )
    players: Mapping[int, Player] = {
        track: Player(
            name=name or imported.info.players.get(track, Player()).name,
            handedness=handedness or imported.info.players.get(track, Player()).handedness,
        )
        for track in tracks
    }
    return replace(imported, info=imported.info.model_copy(update={"players": dict(players)}))


def write(folder: Path, imported: Imported) -> None:
    """A session folder that is not there yet; raises OSError when the disk is full."""
    (folder / "poses").mkdir(parents=True)
    write_poses(folder / "poses" / "000000.parquet", imported.poses)
    if imported.truth is not None:
        (folder / "poses3d").mkdir()
        write_poses3d(folder / "poses3d" / "000000.parquet", imported.truth)
    if imported.labels:
        write_labels(folder, imported.labels)
    write_info(folder, imported.info)


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` that gets its name when everything in it is written, and is removed when not.

    Raises SettingsError when there is something in ``out`` already.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError(f"{out}: not empty; choose a new folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as work:
        yield Path(work) / "new"
        if out.exists():
            out.rmdir()
        (Path(work) / "new").rename(out)


def plain_name(name: str) -> str:
    """A folder name of letters, digits, dot, dash and underscore."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("._") or "session"


def _track(keypoints: Float32) -> Track:
    known = keypoints[:, 2] > 0
    return Track(0, Pose(keypoints, box_of_keypoints(keypoints), float(keypoints[known, 2].mean())))


def _size(keypoints: Float32) -> tuple[int, int]:
    """A picture that holds every joint, when nothing tells its size."""
    right, bottom = (np.nanmax(keypoints[..., axis], initial=1.0) for axis in (0, 1))
    return max(1, int(np.ceil(right))), max(1, int(np.ceil(bottom)))
