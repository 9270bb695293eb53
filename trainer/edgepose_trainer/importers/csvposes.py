"""CSV of 2D poses: our own documented columns, or DeepLabCut's (and early Sports2D's) four header rows.

Columns: ``time_s`` (or ``frame``, with --video or --fps), ``track`` and ``score`` if wanted, and for every joint
``<joint>_x``, ``<joint>_y`` and, if wanted, ``<joint>_c``: the confidence. An empty cell is unknown.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgepose.errors import SourceError
from edgepose.geometry import box_of_keypoints
from edgepose.skeletons import COCO17
from edgepose.types import Float32, Pose, Track
from edgepose_trainer.frametimes import FrameTimes
from edgepose_trainer.importers.labels.rows import cells
from edgepose_trainer.joints import joint_of
from edgepose_trainer.sessions import Imported, info_of, plain_name, poses_of

_AXES = {"x": 0, "y": 1, "c": 2, "confidence": 2, "likelihood": 2, "score": 2}
_LEAST_JOINTS = 5
_DLC = ("scorer", "bodyparts")
Columns = dict[int, tuple[str, int]]
"""Column -> (joint, axis)."""


def fits(head: str) -> bool:
    """True when the first lines name columns of joints."""
    try:
        rows = [row for _, row in zip(range(4), (row for _, row in cells(head)), strict=False)]
    except csv.Error:
        return False
    return bool(rows) and (rows[0][0].lower() in _DLC or len(_columns(rows[0])) >= 2 * _LEAST_JOINTS)


def read(path: Path, times: FrameTimes | None = None, size_wh: tuple[int, int] | None = None) -> Imported:
    """One session in coco17; joints without columns stay unknown. Raises SourceError naming the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = cells(text)
        header = next(rows, (0, [""]))[1]
        if header[0].lower() in _DLC:
            columns, names = _deeplabcut(header, rows, path)
        else:
            columns, names = _columns(header), {name.lower(): index for index, name in enumerate(header)}
        seen = [_person(row, columns, names, f"{path}:{line}", times) for line, row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read: {error}") from None
    if not seen:
        raise SourceError(f"{path}: a header and no rows")
    poses = poses_of(_frames(seen, path), len(COCO17))
    right, bottom = (int(np.ceil(np.nanmax(poses.keypoints[..., axis], initial=1.0))) for axis in (0, 1))
    size = size_wh or (times.size_wh if times else None) or (right, bottom)
    return Imported(plain_name(path.stem), info_of("coco17", size, f"CSV: {path.name}"), poses)


def has_times(path: Path) -> bool:
    """True when the file itself tells when."""
    with path.open(encoding="utf-8-sig") as file:
        head = [line.lower() for _, line in zip(range(4), file, strict=False)]
    return any("time_s" in line or "seconds" in line for line in head)


def _columns(header: list[str]) -> Columns:
    found: Columns = {}
    for index, name in enumerate(header):
        joint_name, _, axis = name.strip().lower().rpartition("_")
        joint = joint_of(joint_name)
        if axis in _AXES and joint in COCO17.joints:
            found[index] = joint, _AXES[axis]
    return found


def _deeplabcut(first: list[str], rows: Iterator[tuple[int, list[str]]], path: Path) -> tuple[Columns, dict[str, int]]:
    """Rows scorer, individuals (if there), bodyparts, coords; the first column counts frames."""
    levels = {first[0].lower(): first}
    while "coords" not in levels:
        line, row = next(rows, (0, [""]))
        if not line or len(levels) > len(_DLC) + 1:
            raise SourceError(f"{path}: expected the header rows scorer, bodyparts, coords")
        levels[row[0].lower()] = row
    people = set(levels.get("individuals", ["", ""])[1:]) - {""}
    if len(people) > 1:
        raise SourceError(f"{path}: {len(people)} individuals; expected a file for each")
    columns: Columns = {}
    names = {"frame": 0}
    for index, (part, axis) in enumerate(zip(levels["bodyparts"], levels["coords"], strict=False)):
        joint = joint_of(part)
        if axis.lower() == "seconds":
            names["time_s"] = index
        elif axis.lower() in _AXES and joint in COCO17.joints:
            columns[index] = joint, _AXES[axis.lower()]
    return columns, names


def _person(
    row: list[str], columns: Columns, names: dict[str, int], at: str, times: FrameTimes | None
) -> tuple[int | None, float, Track]:
    """Frame if there is one, time and track of one line."""

    def number(name: str) -> float | None:
        index = names.get(name)
        return _number(row[index], at) if index is not None and index < len(row) and row[index] else None

    frame, time_s, track, score = (number(name) for name in ("frame", "time_s", "track", "score"))
    if time_s is None:
        if frame is None or times is None:
            raise SourceError(f"{at}: expected a time_s, or a frame with --video or --fps")
        time_s = times.of(int(frame))
    keypoints = np.zeros((len(COCO17), 3), np.float32)
    keypoints[:, :2] = np.nan
    keypoints[[COCO17.index(joint) for joint, axis in columns.values() if axis == 0], 2] = 1
    for index, (joint, axis) in columns.items():
        cell = row[index] if index < len(row) else ""
        keypoints[COCO17.index(joint), axis] = _number(cell, at) if cell else (0 if axis == 2 else math.nan)
    keypoints = _clean(keypoints)
    own = float(keypoints[keypoints[:, 2] > 0, 2].mean()) if (keypoints[:, 2] > 0).any() else 0.0
    pose = Pose(keypoints, box_of_keypoints(keypoints), own if score is None else score)
    return None if frame is None else int(frame), time_s, Track(0 if track is None else int(track), pose)


def _frames(seen: list[tuple[int | None, float, Track]], path: Path) -> list[tuple[int, float, list[Track]]]:
    """Without frame numbers, every new time is a new frame."""
    order = {time_s: number for number, time_s in enumerate(sorted({time_s for _, time_s, _ in seen}))}
    people: dict[int, tuple[float, list[Track]]] = {}
    for frame, time_s, track in seen:
        number = order[time_s] if frame is None else frame
        held_s, tracks = people.setdefault(number, (time_s, []))
        if held_s != time_s:
            raise SourceError(f"{path}: frame {number} is at {held_s:g} s and at {time_s:g} s")
        tracks += [track] if np.isfinite(track.pose.keypoints[:, 0]).any() else []
    return [(number, *people[number]) for number in sorted(people)]


def _number(cell: str, at: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise SourceError(f"{at}: expected a number, got {cell!r}") from None


def _clean(keypoints: Float32) -> Float32:
    known = np.isfinite(keypoints).all(axis=1) & (keypoints[:, 2] > 0)
    return np.where(known[:, None], keypoints, np.array((np.nan, np.nan, 0), np.float32))
