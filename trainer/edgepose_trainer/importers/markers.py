"""Marker files (TRC, C3D, Qualisys text): Sports2D's pixels as one session, 3D markers through cameras."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import SettingsError, SourceError
from edgepose.geometry import box_of_keypoints
from edgepose.skeletons import COCO17
from edgepose.types import Pose, Track
from edgepose_trainer import joints, jumps
from edgepose_trainer.importers import c3d, qualisys, trc
from edgepose_trainer.importers.mocap import Motion, grounded, turned_up, upright
from edgepose_trainer.sessions import Imported, info_of, plain_name, poses_of

Float64 = NDArray[np.float64]
_FLAT = 1e-3
"""Share of the height by which markers move in z when there is no depth: Sports2D gives each side a constant."""
_METRE_PX = 200.0
"""Sports2D's metres, drawn at this size."""
_MOST_M = 20.0
_LEAST_JOINTS = 5


def files_of(path: Path) -> list[Path]:
    """The file, or the TRC files of a folder and of its ``pose-3d`` and ``*_Sports2D`` folders, its C3D, Qualisys text.

    Of a folder with pixels and metres of the same people, the pixels.
    """
    if path.is_file():
        return [path]
    patterns = ("*.trc", "pose-3d/*.trc", "*_Sports2D/*.trc")
    found = [file for pattern in patterns for file in sorted(path.glob(pattern))]
    found += sorted(path.glob("*.c3d"))
    found = found or [file for file in sorted(path.glob("*.txt")) if qualisys.fits(_head(file))]
    pixels = [file for file in found if "_px_" in file.name]
    return pixels or found


def table(path: Path, fps: float | None = None) -> trc.Trc:
    """Any marker file, told by its content; ``fps`` is the rate of Qualisys' text, which does not say it.

    Raises SourceError, and SettingsError where the rate is needed and not given.
    """
    head = _head(path)
    if c3d.fits(head.encode("latin-1")):
        return c3d.read(path)
    if not qualisys.fits(head):
        return trc.read(path)
    if fps is None:
        raise SettingsError(f"{path}: lines of markers tell no rate: give --fps (RunningPose recorded at 170)")
    return qualisys.read(path, fps)


def _head(path: Path) -> str:
    """The first bytes, one character each."""
    try:
        with path.open("rb") as file:
            return file.read(512).decode("latin-1")
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from None


def coco17(file: trc.Trc, where: str) -> Float64:
    """(F, 17, 3) of the markers that stand for joints, NaN for the others; raises SourceError for too few."""
    if qualisys.knows(file.markers):
        return qualisys.coco17(qualisys.joints18(file))
    known = joints.known(file.markers)
    points = np.full((len(file.times_s), len(COCO17), 3), np.nan)
    found = 0
    for index, joint in known.items():
        if joint in COCO17.joints:
            points[:, COCO17.index(joint)] = file.points[:, index]
            found += 1
    if found < _LEAST_JOINTS:
        raise SourceError(
            f"{where}: only {found} markers are joints (RShoulder, left_wrist …); it has "
            f"{', '.join(file.markers[:8])} …"
        )
    return points


def flat(points: Float64) -> bool:
    """True when nothing moves in z."""
    known = points[:, np.isfinite(points[..., 2]).any(axis=0)]
    if known.shape[1] == 0:
        return True
    tall = np.nanmax(known[..., 1]) - np.nanmin(known[..., 1])
    moved = np.nanmax(known[..., 2], axis=0) - np.nanmin(known[..., 2], axis=0)
    return bool(moved.max() <= _FLAT * tall)


def motion(path: Path, fps: float | None = None) -> Motion:
    """3D markers of one person, metres, y up."""
    file = table(path, fps)
    points = coco17(file, str(path))
    if qualisys.knows(file.markers):  # z is up, as Qualisys has it: a crouched start does not tell
        return Motion(file.times_s, *jumps.cut(file.times_s, grounded(turned_up(points))))
    return Motion(file.times_s, *jumps.cut(file.times_s, upright(points, str(path))))


def session(files: list[Path], size_wh: tuple[int, int] | None = None) -> Imported:
    """2D markers, a file a person, as one session; y is turned down where the file has it upwards."""
    rows: dict[int, tuple[float, list[Track]]] = {}
    for number, path in enumerate(files):
        file = trc.read(path)
        points = _px(coco17(file, str(path)))
        person = trc.person_in(path.name)
        for frame, time_s, keypoints in zip(file.frames.tolist(), file.times_s.tolist(), points, strict=True):
            people = rows.setdefault(frame, (time_s, []))[1]
            if np.isfinite(keypoints[:, 0]).any():
                pose = Pose(keypoints, box_of_keypoints(keypoints), 1.0)
                people.append(Track(number if person is None else person, pose))
    poses = poses_of([(frame, *rows[frame]) for frame in sorted(rows)], len(COCO17))
    right, bottom = (int(np.ceil(np.nanmax(poses.keypoints[..., axis], initial=1.0))) for axis in (0, 1))
    info = info_of("coco17", size_wh or (right, bottom), f"TRC, {len(files)} people: {files[0].name}")
    name = plain_name(files[0].stem.partition("_px_")[0])
    return Imported(name, info, poses, notes=("TRC files hold no confidence: 1 where a joint is known",))


def _px(points: Float64) -> NDArray[np.float32]:
    """(F, 17, 3) x, y down, confidence."""
    known = np.isfinite(points[..., :2]).all(axis=-1)
    scale = _METRE_PX if np.nanmax(np.abs(points[..., :2])) < _MOST_M else 1.0
    x, y = points[..., 0] * scale, points[..., 1] * scale
    shoulders, hips = (
        np.nanmedian(y[:, COCO17.indices(f"left_{part}", f"right_{part}")]) for part in ("shoulder", "hip")
    )
    y = np.nanmax(y) - y if shoulders > hips else y
    x = x - np.nanmin(x) if np.nanmin(x) < 0 else x
    stacked = np.stack([np.where(known, x, np.nan), np.where(known, y, np.nan), known.astype(float)], axis=-1)
    return stacked.astype(np.float32)
