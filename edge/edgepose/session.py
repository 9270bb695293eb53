"""Reads and writes recorded sessions, format ``edgepose-session/1`` (contracts §1).

Every parquet part that we write carries, beside its rows, the frames in which nobody was seen: the
schema metadata key ``edgepose.empty_frames`` is JSON ``[[frame, time_s], …]``. So a replay knows them,
and readers that do not know the key lose nothing.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from edgepose.errors import ModelError, SessionError
from edgepose.parquet import Part, read_parts, replace_file, write_table
from edgepose.pinhole import Camera
from edgepose.skeletons import named
from edgepose.types import Array, Float32

_EMPTY_FRAMES = "edgepose.empty_frames"
_SKELETON = "edgepose.skeleton"
_SPACE = "edgepose.space"
_LABEL_COLUMNS = ("start_s", "end_s", "label", "track", "player")


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc)


class Player(BaseModel):
    """Who a track is."""

    name: str | None = None
    handedness: Literal["right", "left"] | None = None
    height_m: float | None = Field(None, ge=0.5, le=2.6)
    """Of the standing player; lifted poses are as large."""


class Calibration(BaseModel):
    """Pinhole camera: x_px = K (R X + t)."""

    model_config = ConfigDict(extra="allow")
    K: list[list[float]]
    R: list[list[float]] | None = None
    t: list[float] | None = None
    distortion: list[float] | None = None


_ROTATION_ERROR = 1e-3


class SessionInfo(BaseModel):
    """``session.json``; keys that we do not know are kept."""

    model_config = ConfigDict(extra="allow")
    format: Literal["edgepose-session/1"] = "edgepose-session/1"
    skeleton: str = "coco17"
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    fps: float | None = Field(None, gt=0)
    camera: str = "camera"
    device: str = "edgepose"
    started_at: Annotated[datetime, AfterValidator(_utc)]
    pose_model: dict[str, Any] | None = None
    players: dict[int, Player] = {}
    calibration: Calibration | None = None
    license: str | None = None
    source: str | None = None


@dataclass(slots=True)
class Poses:
    """Rows of ``poses/*.parquet`` as columns: one row per person and frame."""

    frame: NDArray[np.int64]
    """(N,)"""
    time_s: NDArray[np.float64]
    """(N,) seconds since ``started_at``."""
    track: NDArray[np.int32]
    """(N,) -1: not tracked."""
    score: Float32
    """(N,)"""
    box: Float32
    """(N, 4) x1, y1, x2, y2 px; NaN where unknown."""
    keypoints: Float32
    """(N, K, 3) x px, y px, confidence."""
    empty_frame: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """(M,) frames known to show nobody."""
    empty_time_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """(M,) their times."""
    skipped_parts: tuple[str, ...] = ()
    """"part: why" of every part that could not be read."""


@dataclass(slots=True)
class Poses3D:
    """Rows of ``poses3d/*.parquet`` as columns."""

    frame: NDArray[np.int64]
    time_s: NDArray[np.float64]
    track: NDArray[np.int32]
    keypoints: Float32
    """(N, K, 3) metres."""
    skeleton: str
    space: str
    """"camera", "root" or "world"."""
    skipped_parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Label:
    """One line of ``labels.csv``; both times belong to the label."""

    start_s: float
    end_s: float
    label: str
    track: int | None = None
    player: str | None = None


def read_info(folder: Path) -> SessionInfo:
    """Reads ``session.json``; raises SessionError naming the key that is wrong."""
    path = folder / "session.json"
    try:
        return SessionInfo.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SessionError(f"{path}: cannot read it: {error.strerror}; is this a session folder?") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SessionError(f"{path}: {f'{key}: ' if key else ''}{first['msg'].lower()}") from None


def lens_of(info: SessionInfo) -> Camera | None:
    """The calibrated camera; None without a calibration. Raises SessionError for one that cannot be."""
    if info.calibration is None:
        return None
    try:
        matrix = np.array(info.calibration.K, np.float64).reshape(3, 3)
        turn = np.eye(3) if info.calibration.R is None else np.array(info.calibration.R, np.float64).reshape(3, 3)
    except ValueError as error:
        raise SessionError(f"session.json: calibration: expected K and R as 3 × 3 numbers: {error}") from None
    if not np.isfinite(matrix).all() or not (matrix[0, 0] > 0 and matrix[1, 1] > 0):
        raise SessionError("session.json: calibration: K needs finite numbers and focal lengths above 0")
    if not np.abs(turn @ turn.T - np.eye(3)).max() < _ROTATION_ERROR or np.linalg.det(turn) < 0:
        raise SessionError("session.json: calibration: R is not a rotation")
    return Camera(matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2])


def write_info(folder: Path, info: SessionInfo) -> None:
    """Writes ``session.json``, whole or not at all."""
    text = json.dumps(info.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    replace_file(folder / "session.json", lambda path: _write_text(path, text))


def read_poses(path: Path) -> Poses:
    """Reads a session folder, or one parquet file of its kind.

    Parts that are cut off or damaged are named in ``skipped_parts``; raises SessionError when no part
    can be read, or when one is whole but not what the contract says (columns, types, joints).
    """
    width = 3 * _joints(read_info(path).skeleton, path) if path.is_dir() else None
    parts, skipped = read_parts(path, "poses")
    keypoints = [part.vectors("keypoints", 3, width) for part in parts]
    if len({array.shape[1] for array in keypoints if len(array)}) > 1:
        raise SessionError(f"{path}: its parts have different numbers of joints")
    empty = np.array([pair for part in parts for pair in _empty_frames(part)], np.float64).reshape(-1, 2)
    poses = Poses(
        frame=np.concatenate([part.numbers("frame", np.int64) for part in parts]),
        time_s=np.concatenate([part.numbers("time_s", np.float64) for part in parts]),
        track=np.concatenate([part.numbers("track", np.int32) for part in parts]),
        score=np.concatenate([part.numbers("score", np.float32) for part in parts]),
        box=np.concatenate([part.vectors("box", 4, 4) for part in parts]),
        keypoints=_stack(keypoints),
        empty_frame=empty[:, 0].astype(np.int64),
        empty_time_s=empty[:, 1],
        skipped_parts=skipped,
    )
    if not np.isfinite(poses.time_s).all():
        raise SessionError(f"{path}: column time_s holds values that are no times")
    return poses


def write_poses(path: Path, poses: Poses) -> None:
    """Writes one parquet file, whole or not at all: fsync, then rename. Raises OSError (disk full)."""
    empty = [[int(f), float(t)] for f, t in zip(poses.empty_frame, poses.empty_time_s, strict=True)]
    columns: dict[str, Array] = {
        "frame": np.asarray(poses.frame, np.int64),
        "time_s": np.asarray(poses.time_s, np.float64),
        "track": np.asarray(poses.track, np.int32),
        "score": np.asarray(poses.score, np.float32),
        "box": poses.box,
        "keypoints": poses.keypoints,
    }
    write_table(path, columns, {_EMPTY_FRAMES: json.dumps(empty)})


def read_poses3d(path: Path) -> Poses3D:
    """Reads ``poses3d`` of a session folder, or one parquet file; raises SessionError as ``read_poses``."""
    parts, skipped = read_parts(path, "poses3d")
    kinds = {(part.metadata.get(_SKELETON), part.metadata.get(_SPACE)) for part in parts}
    skeleton, space = kinds.pop()
    if kinds or skeleton is None or space not in ("camera", "root", "world"):
        raise SessionError(
            f"{path}: the metadata must name one {_SKELETON} and one {_SPACE} (camera, root or world); "
            f"got {skeleton}, {space}"
        )
    width = 3 * _joints(skeleton, path)
    return Poses3D(
        frame=np.concatenate([part.numbers("frame", np.int64) for part in parts]),
        time_s=np.concatenate([part.numbers("time_s", np.float64) for part in parts]),
        track=np.concatenate([part.numbers("track", np.int32) for part in parts]),
        keypoints=_stack([part.vectors("keypoints", 3, width) for part in parts]),
        skeleton=skeleton,
        space=space,
        skipped_parts=skipped,
    )


def write_poses3d(path: Path, poses: Poses3D) -> None:
    """Writes one parquet file, whole or not at all. Raises OSError (disk full)."""
    columns: dict[str, Array] = {
        "frame": np.asarray(poses.frame, np.int64),
        "time_s": np.asarray(poses.time_s, np.float64),
        "track": np.asarray(poses.track, np.int32),
        "keypoints": poses.keypoints,
    }
    write_table(path, columns, {_SKELETON: poses.skeleton, _SPACE: poses.space})


def read_labels(folder: Path) -> list[Label]:
    """Reads ``labels.csv``, [] when there is none; raises SessionError naming the line."""
    path = folder / "labels.csv"
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            missing = {"start_s", "end_s", "label"} - set(rows.fieldnames or ())
            if missing:
                raise SessionError(f"{path}: the header lacks {', '.join(sorted(missing))}")
            return [_label(f"{path}:{rows.line_num}", row) for row in rows]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SessionError(f"{path}: cannot read the labels: {error}") from None


def write_labels(folder: Path, labels: Iterable[Label]) -> None:
    """Writes ``labels.csv``, whole or not at all."""

    def write(path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(_LABEL_COLUMNS)
            for label in labels:
                track = "" if label.track is None else label.track
                rows.writerow([label.start_s, label.end_s, label.label, track, label.player or ""])

    replace_file(folder / "labels.csv", write)


def _joints(skeleton: str, path: Path) -> int:
    try:
        return len(named(skeleton))
    except ModelError as error:
        raise SessionError(f"{path}: {error}") from None


def _stack(keypoints: list[Float32]) -> Float32:
    """(N, K, 3); a part without rows does not know K."""
    filled = [array for array in keypoints if len(array)] or keypoints[:1]
    flat = np.concatenate(filled)
    return flat.reshape(len(flat), flat.shape[1] // 3, 3)


def _empty_frames(part: Part) -> list[tuple[int, float]]:
    text = part.metadata.get(_EMPTY_FRAMES, "[]")
    try:
        return [(int(frame), float(time_s)) for frame, time_s in json.loads(text)]
    except (ValueError, TypeError) as error:
        raise SessionError(f"{part.name}: metadata key {_EMPTY_FRAMES}: {error}") from None


def _label(where: str, row: dict[str, str | None]) -> Label:
    try:
        start_s, end_s = float(row["start_s"] or ""), float(row["end_s"] or "")
        track = int(row["track"]) if row.get("track") else None  # type: ignore[arg-type]
    except ValueError as error:
        raise SessionError(f"{where}: {error}") from None
    label = (row["label"] or "").strip()
    if not label or not end_s >= start_s:
        raise SessionError(f"{where}: expected a label and start_s <= end_s, got {label!r}, {start_s}, {end_s}")
    return Label(start_s, end_s, label, track, row.get("player") or None)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
