"""Tables of kinematics: CSV, Parquet and OpenSim's MOT, one row a frame, the unit in every column's name."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgepose.errors import SettingsError
from edgepose.kinematics import Curve, Float64
from edgepose.parquet import replace_file, write_table

_FLEXION = {"elbow": "elbow_flex", "knee": "knee_angle"}
"""Coordinates of OpenSim's full-body models (Rajagopal 2016) that are 180 minus an angle of ours."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One track."""

    track: int
    times_s: Float64
    curves: Sequence[Curve]


def write(path: Path, sheets: Sequence[Sheet]) -> None:
    """The format is the file's ending; raises SettingsError for another ending, or several tracks in one MOT."""
    writers = {".csv": _csv, ".parquet": _parquet, ".mot": _mot}
    if path.suffix not in writers:
        raise SettingsError(f"{path}: give a file that ends in {', '.join(writers)}")
    if path.suffix == ".mot" and len(sheets) != 1:
        tracks = ", ".join(str(sheet.track) for sheet in sheets)
        raise SettingsError(f"{path}: a MOT file holds one person; tracks here: {tracks}; choose with --track")
    writers[path.suffix](path, sheets)


def _csv(path: Path, sheets: Sequence[Sheet]) -> None:
    def write(partial: Path) -> None:
        with partial.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["track", "time_s", *(curve.column for curve in sheets[0].curves)])
            for sheet in sheets:
                values = np.stack([curve.values for curve in sheet.curves], axis=1)
                for time_s, row in zip(sheet.times_s.tolist(), values.tolist(), strict=True):
                    rows.writerow([sheet.track, f"{time_s:.4f}", *("" if x != x else f"{x:.4f}" for x in row)])

    replace_file(path, write)


def _parquet(path: Path, sheets: Sequence[Sheet]) -> None:
    columns = {
        "track": np.concatenate([np.full(len(sheet.times_s), sheet.track, np.int32) for sheet in sheets]),
        "time_s": np.concatenate([sheet.times_s for sheet in sheets]),
    }
    for number, curve in enumerate(sheets[0].curves):
        columns[curve.column] = np.concatenate([sheet.curves[number].values for sheet in sheets]).astype(np.float32)
    write_table(path, columns, {"edgepose.kinematics": "1"})


def _mot(path: Path, sheets: Sequence[Sheet]) -> None:
    sheet = sheets[0]
    columns = {curve.column: curve.values for curve in sheet.curves}
    for curve in sheet.curves:
        side, _, rest = curve.name.partition("_")
        part = rest.removesuffix("_angle")
        if part in _FLEXION and curve.name.endswith("_angle"):
            columns[f"{_FLEXION[part]}_{side[0]}"] = 180.0 - curve.values
    values = np.stack([sheet.times_s, *columns.values()], axis=1)
    head = [path.stem, "version=1", f"nRows={len(values)}", f"nColumns={values.shape[1]}", "inDegrees=yes", "endheader"]
    lines = [*head, "\t".join(["time", *columns])]
    lines += ["\t".join("NaN" if x != x else f"{x:.6f}" for x in row) for row in values.tolist()]
    replace_file(path, lambda partial: _write_text(partial, "\n".join(lines) + "\n"))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
