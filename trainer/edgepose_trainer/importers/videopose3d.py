"""VideoPose3D's custom 2D data sets (.npz), and the detections that they are made of (seed_systems.md §6).

Data set: ``positions_2d[video]["custom"][0]`` (T, 17, 2) px and ``metadata`` {layout_name, num_joints,
keypoints_symmetry, video_metadata}. Detections of one video: ``boxes`` and ``keypoints`` of each frame's people and
``metadata`` {w, h}; the person of the best box is taken, frames without one are interpolated.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import SourceError
from edgepose.geometry import box_of_keypoints
from edgepose.lifting.gaps import known_joints, whole
from edgepose.skeletons import COCO17, Skeleton, named
from edgepose.types import Float32, Pose, Track
from edgepose_trainer.frametimes import FrameTimes
from edgepose_trainer.sessions import Imported, info_of, plain_name, poses_of

INTERPOLATED = 0.1
"""Confidence of frames that nobody was found in."""
LAYOUTS = {"coco": "coco17", "h36m": "h36m17"}
"""Their names of joint sets -> ours."""
_ALLOWED = frozenset({"_reconstruct", "scalar", "ndarray", "dtype", "_frombuffer", "encode"})


class _Unpickler(pickle.Unpickler):
    """Knows arrays and plain containers: a data set has no business to bring anything else."""

    def find_class(self, module: str, name: str) -> Any:
        if name in _ALLOWED and module.split(".")[0] in ("numpy", "_codecs"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"holds {module}.{name}, which is no array")


def fits(path: Path) -> bool:
    """True for a .npz of this kind."""
    try:
        with zipfile.ZipFile(path) as file:
            names = set(file.namelist())
    except (OSError, zipfile.BadZipFile):
        return False
    return {"positions_2d.npy", "metadata.npy"} <= names or {"boxes.npy", "keypoints.npy", "metadata.npy"} <= names


def read(path: Path, times: FrameTimes | None = None, size_wh: tuple[int, int] | None = None) -> Iterator[Imported]:
    """A session a video; ``times`` where the file does not tell its rate. Raises SourceError."""
    held = _members(path)
    try:
        metadata = held["metadata"].item()
        if "positions_2d" in held:
            yield from _data_set(path, held["positions_2d"].item(), metadata, times, size_wh)
        else:
            keypoints, found = _best_people(held["boxes"], held["keypoints"])
            yield _session(path, path.stem, keypoints, COCO17, metadata, times, size_wh, found)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"{path}: no data of VideoPose3D's layout: {type(error).__name__}: {error}") from None


def _data_set(
    path: Path,
    positions: Mapping[str, Mapping[str, Any]],
    metadata: Mapping[str, Any],
    times: FrameTimes | None,
    size_wh: tuple[int, int] | None,
) -> Iterator[Imported]:
    layout = str(metadata["layout_name"])
    if layout not in LAYOUTS:
        raise SourceError(f"{path}: layout_name {layout!r}: expected {' or '.join(LAYOUTS)}")
    skeleton = named(LAYOUTS[layout])
    for video, actions in positions.items():
        known = metadata.get("video_metadata", {}).get(video, {})
        for action, cameras in actions.items():
            for number, positions_2d in enumerate(cameras):
                array = np.asarray(positions_2d, np.float32)
                if array.ndim != 3 or array.shape[1] != len(skeleton) or array.shape[2] < 2:
                    raise SourceError(f"{path}: {video}: expected (T, {len(skeleton)}, 2), got {array.shape}")
                name = video if (action, len(cameras)) == ("custom", 1) else f"{video}_{action}_{number}"
                yield _session(path, name, _certain(array[..., :2]), skeleton, known, times, size_wh)


def _best_people(boxes: Any, keypoints: Any) -> tuple[Float32, NDArray[np.bool_]]:
    """(T, 17, 3) of the best box of each frame, gaps closed, and (T,) where there was one."""
    frames = np.full((len(boxes), len(COCO17), 3), (np.nan, np.nan, 0), np.float32)
    for frame, (found, people) in enumerate(zip(boxes, keypoints, strict=True)):
        if len(found[1]) and len(people[1]):
            best = int(np.argmax(np.asarray(found[1])[:, 4]))
            frames[frame, :, :2] = np.asarray(people[1][best], np.float32)[:2].T
            frames[frame, :, 2] = 1
    seen = np.asarray(np.logical_or.reduce(known_joints(frames), axis=1))
    if not seen.any():
        raise ValueError("nobody in any frame")
    frames[..., :2] = whole(frames[None], COCO17)[0]
    frames[~seen, :, 2] = INTERPOLATED
    return frames, seen


def _certain(points: Float32) -> Float32:
    """(T, K, 2) -> (T, K, 3)."""
    known = known_joints(points)
    keypoints = np.concatenate([points, known[..., None].astype(np.float32)], axis=-1)
    keypoints[~known] = (np.nan, np.nan, 0)
    return keypoints


def _session(
    path: Path,
    name: str,
    keypoints: Float32,
    skeleton: Skeleton,
    known: Mapping[str, Any],
    times: FrameTimes | None,
    size_wh: tuple[int, int] | None,
    found: NDArray[np.bool_] | None = None,
) -> Imported:
    size = size_wh or ((int(known["w"]), int(known["h"])) if "w" in known else times.size_wh if times else None)
    fps = times.fps if times else float(known["fps"]) if "fps" in known else None
    if size is None or (times is None and fps is None):
        raise SourceError(f"{path}: {name}: give --{'size WxH' if size is None else 'fps or --video'}: it is not told")
    rows = [
        (
            frame,
            times.of(frame) if times else frame / (fps or 1),
            [_track(joints)] if known_joints(joints).any() else [],
        )
        for frame, joints in enumerate(keypoints)
    ]
    gone = 0 if found is None else int((~found).sum())
    notes = (f"{name}: nobody in {gone} of {len(keypoints)} frames, interpolated",) if gone else ()
    info = info_of(skeleton.name, size, f"VideoPose3D: {path.name}", fps)
    return Imported(plain_name(name), info, poses_of(rows, len(skeleton)), notes=notes)


def _track(keypoints: Float32) -> Track:
    return Track(0, Pose(keypoints, box_of_keypoints(keypoints), float(keypoints[keypoints[:, 2] > 0, 2].mean())))


def _members(path: Path) -> dict[str, Any]:
    """Arrays of the .npz; objects in them are opened by ``_Unpickler`` only."""
    try:
        with zipfile.ZipFile(path) as file:
            names = [name for name in file.namelist() if name.endswith(".npy")]
            return {name.removesuffix(".npy"): _array(file, name) for name in names}
    except (OSError, zipfile.BadZipFile, pickle.UnpicklingError, ValueError, EOFError) as error:
        raise SourceError(f"{path}: cannot be read: {error}") from None


def _array(file: zipfile.ZipFile, name: str) -> Any:
    with file.open(name) as member:
        version = np.lib.format.read_magic(member)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        if reader(member)[2].hasobject:
            return _Unpickler(member, encoding="latin1").load()
    with file.open(name) as member:
        return np.lib.format.read_array(member, allow_pickle=False)
