"""TRC marker files (Motion Analysis): Pose2Sim's and Sports2D's results, OpenSim's input, many systems' export."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import SourceError

Float64 = NDArray[np.float64]
_UNITS_M = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_HEAD = 5
"""Lines before the numbers."""


@dataclass(frozen=True, slots=True)
class Trc:
    """One file."""

    markers: tuple[str, ...]
    frames: NDArray[np.int64]
    """(F,) as numbered in the file."""
    times_s: Float64
    """(F,) ascending."""
    points: Float64
    """(F, M, 3) in the file's unit and axes; NaN where empty."""
    units: str
    """As written, e.g. "mm"; Sports2D writes "m" even for pixels."""

    @property
    def unit_m(self) -> float | None:
        """Metres of one unit; None when it is no length that we know."""
        return _UNITS_M.get(self.units.lower())


def fits(head: str) -> bool:
    """True for the first bytes of a TRC file."""
    return head.startswith("PathFileType")


def read(path: Path) -> Trc:
    """Raises SourceError for a file that cannot be read or is no TRC."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read: {error}") from None
    return parse(text, str(path))


def parse(text: str, where: str = "TRC") -> Trc:
    """Raises SourceError naming ``where`` and the line."""
    lines = text.splitlines()
    if not fits(text) or len(lines) <= _HEAD:
        raise SourceError(f"{where}: not a TRC file: expected PathFileType and five lines before the numbers")
    header = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=False))
    markers = tuple(name.strip() for name in lines[3].split("\t")[2:] if name.strip())
    rows = [(number, line) for number, line in enumerate(lines[_HEAD:], _HEAD + 1) if line.strip()]
    width = 2 + 3 * len(markers)
    values = np.array([_row(line, width, f"{where}:{number}") for number, line in rows]).reshape(len(rows), width)
    _check(values, markers, [number for number, _ in rows], where)
    points = values[:, 2:].reshape(len(rows), len(markers), 3)
    return Trc(markers, values[:, 0].astype(np.int64), values[:, 1], points, header.get("Units", "").strip())


def write(path: Path, file: Trc, rate_hz: float) -> None:
    """One file as OpenSim and Pose2Sim read it; a gap is three empty cells."""
    count, frames = len(file.markers), len(file.times_s)
    axes = [f"{axis}{number}" for number in range(1, count + 1) for axis in "XYZ"]
    rate = f"{rate_hz:g}"
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        "\t".join([rate, rate, str(frames), str(count), file.units, rate, str(file.frames[0]), str(frames)]),
        "\t".join(["Frame#", "Time", *(cell for name in file.markers for cell in (name, "", ""))]).rstrip("\t"),
        "\t".join(["", "", *axes]),
    ]
    for number, time_s, points in zip(file.frames.tolist(), file.times_s.tolist(), file.points, strict=True):
        known = np.isfinite(points).all(axis=1)
        cells = [f"{x:.6g}" if there else "" for point, there in zip(points, known, strict=True) for x in point]
        lines.append("\t".join([str(number), f"{time_s:.6f}", *cells]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(line: str, width: int, at: str) -> list[float]:
    """Frame, time and three numbers a marker; an empty or missing cell is NaN."""
    cells = [cell.strip() for cell in line.split("\t")]
    while len(cells) > width and not cells[-1]:
        cells.pop()
    if len(cells) > width:
        raise SourceError(f"{at}: expected {width} columns, got {len(cells)}")
    try:
        return [float(cell) if cell else np.nan for cell in cells] + [np.nan] * (width - len(cells))
    except ValueError as error:
        raise SourceError(f"{at}: {error}") from None


def _check(values: Float64, markers: tuple[str, ...], numbers: list[int], where: str) -> None:
    if not markers or not len(values):
        raise SourceError(f"{where}: no marker or no frame")
    wrong = np.flatnonzero(~np.isfinite(values[:, :2]).all(axis=1) | (np.diff(values[:, 1], prepend=-np.inf) <= 0))
    if len(wrong):
        raise SourceError(f"{where}:{numbers[wrong[0]]}: expected a frame number and a time after the one before")


def person_in(name: str) -> int | None:
    """Sports2D's ``…_person03.trc`` -> 3, Pose2Sim's ``…_P2_…`` -> 2; None when the name tells nobody."""
    found = re.search(r"person(\d+)", name, re.IGNORECASE) or re.search(r"_P(\d+)(?=[_.])", name)
    return int(found[1]) if found else None
