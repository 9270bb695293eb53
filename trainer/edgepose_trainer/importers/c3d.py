"""C3D marker files (c3d.org) by ezc3d: what Qualisys, Vicon, OptiTrack and OpenSim's tools exchange.

The only place that imports ezc3d (extra ``mocap``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgepose.errors import SourceError
from edgepose_trainer.importers.trc import Trc

_KEY = 0x50
"""Second byte of every C3D file."""


def fits(head: bytes) -> bool:
    """True for the first bytes of a C3D file."""
    return len(head) > 1 and head[1] == _KEY and head[0] in range(1, 32)


def read(path: Path) -> Trc:
    """The points; NaN where the file marks a point as not measured. Times count from the file's first frame.

    Raises SourceError for what is no C3D, holds no points, or when ezc3d is not installed.
    """
    ezc3d = _library(path)
    try:
        file = ezc3d.c3d(str(path))
        values, residuals = file["data"]["points"], file["data"]["meta_points"]["residuals"][0]
        point = file["parameters"]["POINT"]
        names, rate = list(point["LABELS"]["value"]), float(point["RATE"]["value"][0])
        units = str((point["UNITS"]["value"] or ["mm"])[0]).strip()
        first = int(file["header"]["points"]["first_frame"])
    except (OSError, RuntimeError, ValueError, KeyError, IndexError) as error:
        raise SourceError(f"{path}: no C3D file that can be read: {str(error).splitlines()[0]}") from None
    if not names or not values.shape[2] or rate <= 0:
        raise SourceError(f"{path}: no points in this C3D file")
    points = values[:3].transpose(2, 1, 0).copy()
    points[(residuals < 0).T] = np.nan
    frames = np.arange(len(points))
    return Trc(tuple(name.strip() for name in names[: points.shape[1]]), frames + first, frames / rate, points, units)


def write(path: Path, file: Trc) -> None:
    """Points at an even rate; a gap is written as one. Raises SourceError for uneven times."""
    ezc3d = _library(path)
    c3d: Any = ezc3d.c3d()
    point = c3d["parameters"]["POINT"]
    point["RATE"]["value"] = [rate_of(file, str(path))]
    point["LABELS"]["value"] = list(file.markers)
    point["UNITS"]["value"] = [file.units]
    known = np.asarray(np.isfinite(file.points).all(axis=-1))
    values = np.ones((4, len(file.markers), len(file.points)))
    values[:3] = np.where(known[..., None], file.points, np.nan).transpose(2, 1, 0)
    c3d["data"]["points"] = values
    c3d["data"]["meta_points"]["residuals"] = np.where(known, 0.0, -1.0).T[None]
    c3d.write(str(path))


def rate_of(file: Trc, where: str) -> float:
    """Hz; raises SourceError when the frames are not evenly spread, which neither format can say."""
    steps = np.diff(file.times_s)
    if not len(steps) or np.ptp(steps) > 0.01 * steps.mean():
        raise SourceError(f"{where}: expected two frames or more at an even rate, got steps of {_say(steps)}")
    return float(np.round(1 / steps.mean(), 4))


def _say(steps: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    return f"{steps.min():.4f} to {steps.max():.4f} s" if len(steps) else "nothing"


def _library(path: Path) -> Any:
    try:
        import ezc3d
    except ImportError:
        raise SourceError(f"{path}: C3D needs ezc3d: pip install 'edgepose[mocap]'") from None
    return ezc3d
