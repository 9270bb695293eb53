"""Qualisys marker text files of RunningPose: a line a marker, x, y, z of every frame in mm, names in another file.

Source: seed_systems.md §6 (RunningPose) and feature row 54. The files tell neither rate nor names: the names lie
beside them in a text file with one name for each line. RunningPose recorded at 170 Hz and kept every other frame.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import SourceError
from edgepose.skeletons import COCO17, RUNNINGPOSE18
from edgepose_trainer.importers.trc import Trc

Float64 = NDArray[np.float64]
_NUMBERS = re.compile(r"\s*-?(\d|nan\b)[^,\n]*,(\s*-?(\d|nan\b)[^,\n]*|),", re.IGNORECASE)
_SINGLE = {
    "head_front": "HeadFront", "spine_thoracic_2": "SpineThoracic2", "spine_thoracic_12": "SpineThoracic12",
    "waist_back": "WaistBack",
}  # fmt: skip
_PAIRED = {
    "shoulder_top": ("ShoulderTop",), "trochanter_major": ("Thigh2", "TrochanterMajor"),
    "forefoot": ("Forefoot2", "Forefoot"),
}  # fmt: skip
"""Names by which the exports call one marker; RunningPose's files say Thigh2 for the greater trochanter."""
_MEANS = ("elbow", "wrist", "knee", "ankle")
"""Joints that lie between an inner and an outer marker."""


def fits(head: str) -> bool:
    """True for the first bytes of lines of many numbers between commas."""
    return _NUMBERS.match(head) is not None


def knows(markers: tuple[str, ...]) -> bool:
    """True for marker names of which the 18 joints can be made."""
    return all(any(name in markers for name in choice) for names in _sources().values() for choice in names)


def read(path: Path, fps: float, names: Path | None = None) -> Trc:
    """``names``: file of the markers' names; None: the only ``*label*.txt`` beside. An empty or nan cell is a gap.

    Raises SourceError for another number of names, lines of unequal length and what is no number.
    """
    try:
        lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read: {error}") from None
    markers = _names(path, names or _names_beside(path), len(lines))
    rows = [_row(path, number, line) for number, line in enumerate(lines, 1)]
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or next(iter(lengths)) % 3 or not next(iter(lengths)):
        raise SourceError(
            f"{path}: expected x, y, z of every frame in each line, got lines of {sorted(lengths)} numbers"
        )
    points = np.stack(rows).reshape(len(rows), -1, 3).transpose(1, 0, 2)
    points[~np.isfinite(points).all(axis=-1)] = np.nan
    frames = np.arange(len(points))
    return Trc(markers, frames, frames / fps, points, "mm")


def joints18(file: Trc) -> Float64:
    """(F, 18, 3) metres in the order of runningpose18: elbow, wrist, knee and ankle the mean of two markers.

    A joint is NaN where one of its markers is. Raises SourceError when a marker is not in the file.
    """
    unit_m = file.unit_m
    if unit_m is None:
        raise SourceError(f"markers in {file.units!r}: expected mm, cm or m")
    points = np.empty((len(file.points), len(RUNNINGPOSE18), 3))
    for joint, sources in _sources().items():
        found = [next((name for name in choice if name in file.markers), None) for choice in sources]
        if None in found:
            raise SourceError(f"{joint}: no marker {' or '.join(sources[found.index(None)])} in the file")
        of_joint = file.points[:, [file.markers.index(str(name)) for name in found]]
        points[:, RUNNINGPOSE18.index(joint)] = of_joint.mean(axis=1) * unit_m
    return points


def coco17(joints: Float64) -> Float64:
    """(F, 18, 3) runningpose18 -> (F, 17, 3): tops of shoulders, trochanters for hips; nobody marked a face."""
    points = np.full((len(joints), len(COCO17), 3), np.nan)
    theirs = {"shoulder": "shoulder_top", "hip": "trochanter_major"}
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        for side in ("left", "right"):
            source = RUNNINGPOSE18.index(f"{side}_{theirs.get(part, part)}")
            points[:, COCO17.index(f"{side}_{part}")] = joints[:, source]
    return points


def _sources() -> dict[str, tuple[tuple[str, ...], ...]]:
    """Joint -> its markers, each with the names that it may have."""
    found: dict[str, tuple[tuple[str, ...], ...]] = {joint: ((name,),) for joint, name in _SINGLE.items()}
    for side in ("left", "right"):
        letter = side[0].upper()
        for part, names in _PAIRED.items():
            found[f"{side}_{part}"] = (tuple(f"{letter}{name}" for name in names),)
        for part in _MEANS:
            found[f"{side}_{part}"] = tuple((f"{letter}{part.capitalize()}{at}",) for at in ("In", "Out"))
    return found


def _row(path: Path, number: int, line: str) -> Float64:
    try:
        return np.array([float(cell) if cell.strip() else np.nan for cell in line.split(",")])
    except ValueError as error:
        raise SourceError(f"{path}:{number}: {error}") from None


def _names_beside(path: Path) -> Path:
    found = sorted(path.parent.glob("*label*.txt"))
    if len(found) != 1:
        raise SourceError(f"{path}: expected the markers' names in one *label*.txt beside it, got {len(found)}")
    return found[0]


def _names(path: Path, file: Path, count: int) -> tuple[str, ...]:
    try:
        names = tuple(file.read_text(encoding="utf-8-sig").split())
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{file}: cannot be read: {error}") from None
    if len(names) != count or len(set(names)) != count:
        raise SourceError(f"{path}: {count} lines, {file.name} names {len(set(names))} markers")
    return names
