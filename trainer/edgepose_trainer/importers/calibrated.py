"""3D markers seen by one calibrated camera: exact 2D by projection, the truth in the camera's axes.

Source: feature row 54 (world to camera) and contracts §1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgepose.errors import SourceError
from edgepose.geometry import box_of_keypoints
from edgepose.session import Poses3D
from edgepose.skeletons import COCO17
from edgepose.types import Float32, Pose, Track
from edgepose_trainer import projection
from edgepose_trainer.importers import markers, qualisys, trc
from edgepose_trainer.sessions import Imported, info_of, plain_name, poses_of


def session(path: Path, file: trc.Trc, calibration: Path) -> Imported:
    """The frames of a marker file as a session with 2D and 3D; a joint out of the picture is unknown in 2D only.

    The 3D joints are runningpose18 where the markers allow, else coco17. Raises SourceError when nobody is ever in
    the picture.
    """
    given, size_wh = projection.read(calibration)
    camera = projection.camera(given, str(calibration))
    coco = markers.coco17(file, str(path))
    if qualisys.knows(file.markers):
        joints, skeleton = qualisys.joints18(file), "runningpose18"
    else:
        coco = coco * _unit_m(path, file)
        joints, skeleton = coco, "coco17"
    keypoints = _seen(camera, camera.into(coco), size_wh)
    truth = camera.into(joints).astype(np.float32)
    if not np.isfinite(keypoints[..., 0]).any():
        raise SourceError(f"{path}: nobody is in the picture of {calibration}")
    numbers = file.frames.tolist()
    rows = [
        (frame, time_s, [Track(0, Pose(one, box_of_keypoints(one), 1.0))] if np.isfinite(one[:, 0]).any() else [])
        for frame, time_s, one in zip(numbers, file.times_s.tolist(), keypoints, strict=True)
    ]
    known = np.flatnonzero(np.isfinite(truth).any(axis=(1, 2)))
    info = info_of("coco17", size_wh, path.name, fps=_fps(file), calibration=given)
    poses3d = Poses3D(
        file.frames[known], file.times_s[known], np.zeros(len(known), np.int32), truth[known], skeleton, "camera"
    )
    return Imported(plain_name(path.stem), info, poses_of(rows, len(COCO17)), truth=poses3d)


def _seen(camera: projection.Camera, points: projection.Float64, size_wh: tuple[int, int]) -> Float32:
    """(F, 17, 3) camera axes -> px and confidence 1."""
    px = camera.project(points)
    with np.errstate(invalid="ignore"):
        inside = np.asarray(((px >= 0) & (px <= np.array(size_wh))).all(axis=-1))
    seen = np.concatenate([px, np.ones((*px.shape[:-1], 1))], axis=-1)
    return np.where(inside[..., None], seen, (np.nan, np.nan, 0)).astype(np.float32)


def _unit_m(path: Path, file: trc.Trc) -> float:
    if file.unit_m is None:
        raise SourceError(f"{path}: markers in {file.units!r}: expected mm, cm or m")
    return file.unit_m


def _fps(file: trc.Trc) -> float | None:
    steps = np.diff(file.times_s)
    return float(1 / np.median(steps)) if len(steps) else None
