"""OpenPose's own files: one JSON a frame, a list of people with their `pose_keypoints_2d`.

Coordinates are px of the original frame (OpenPose's default `--keypoint_scale 0`). A missing joint is 0, 0, 0
there and NaN, NaN, 0 here. Format: CMU OpenPose, doc/02_output.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgepose.errors import SourceError
from edgepose.geometry import box_of_keypoints
from edgepose.skeletons import Skeleton
from edgepose.types import Float32, Pose, Track

_VERSION = 1.3
_NAME = re.compile(r"(?:.*_)?(\d+)(?:_keypoints)?\.json")
"""OpenPose's own, and Pose2Sim's `cam01_000042.json`."""
_UNUSED = ("face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d")


def write_frame(folder: Path, stem: str, frame: int, people: Sequence[Track]) -> Path:
    """Write `{stem}_{frame:012d}_keypoints.json` into a folder that exists; nobody is an empty list, not no file."""
    path = folder / f"{stem}_{frame:012d}_keypoints.json"
    content = {"version": _VERSION, "people": [_person(track) for track in people]}
    path.write_text(json.dumps(content, separators=(",", ":"), allow_nan=False), encoding="utf-8")
    return path


def read_frame(path: Path, skeleton: Skeleton) -> list[Track]:
    """The people of one file, their boxes round the known joints, their score the mean confidence of those.

    The file does not name its joint set: `skeleton` does. Raises SourceError when the file cannot be read, is no
    OpenPose JSON, or a person has another number of values than the skeleton.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"{path}: not readable as JSON: {error}") from error
    people = content.get("people") if isinstance(content, dict) else None
    if not isinstance(people, list):
        raise SourceError(f"{path}: no list 'people'; expected a file written by OpenPose's --write_json")
    return [_track(person, skeleton, f"{path}: person {number}") for number, person in enumerate(people)]


def read_folder(folder: Path, skeleton: Skeleton) -> Iterator[tuple[int, list[Track]]]:
    """(frame, people) of every `*_<frame>[_keypoints].json` in order of frames; SourceError for none."""
    files: dict[int, Path] = {}
    for path in sorted(folder.glob("*_keypoints.json")) or sorted(folder.glob("*.json")):
        match = _NAME.fullmatch(path.name)
        if not match:
            continue
        frame = int(match[1])
        if frame in files:
            raise SourceError(f"{folder}: frame {frame} twice, {files[frame].name} and {path.name}; one video a folder")
        files[frame] = path
    if not files:
        raise SourceError(f"{folder}: no file named *_<frame>_keypoints.json")
    for frame in sorted(files):
        yield frame, read_frame(files[frame], skeleton)


def _person(track: Track) -> dict[str, Any]:
    keypoints = np.asarray(track.pose.keypoints, np.float32)
    known = _known(keypoints)
    # The shortest digits that give the same float32 again.
    values = [float(str(value)) for value in np.where(known, keypoints, np.float32(0)).ravel()]
    return {"person_id": [track.id], "pose_keypoints_2d": values} | {key: [] for key in _UNUSED}


def _track(person: object, skeleton: Skeleton, where: str) -> Track:
    values = person.get("pose_keypoints_2d") if isinstance(person, dict) else None
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise SourceError(f"{where} has no list of numbers 'pose_keypoints_2d'")
    if len(values) != 3 * len(skeleton):
        raise SourceError(
            f"{where} has {len(values)} values, {skeleton.name} needs 3 x {len(skeleton)}; name the right skeleton"
        )
    keypoints = _float32(values, where).reshape(-1, 3)
    known = _known(keypoints)
    keypoints = np.where(known, keypoints, np.array((np.nan, np.nan, 0), np.float32)).astype(np.float32)
    score = float(keypoints[known[:, 0], 2].mean()) if known.any() else 0.0
    return Track(_identity(person), Pose(keypoints, box_of_keypoints(keypoints), score))


def _float32(values: list[float], where: str) -> Float32:
    try:
        wide = np.array(values, np.float64)
    except OverflowError as error:
        raise SourceError(f"{where} has a number that is too large") from error
    with np.errstate(over="ignore"):  # becomes infinite, and so missing
        return wide.astype(np.float32)


def _known(keypoints: Float32) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(K, 1) joints with finite numbers and a confidence."""
    known: np.ndarray[Any, np.dtype[np.bool_]] = np.isfinite(keypoints).all(1, keepdims=True) & (keypoints[:, 2:] > 0)
    return known


def _identity(person: object) -> int:
    """OpenPose writes a list of one id, -1 when it did not track; older versions write none."""
    ids = person.get("person_id") if isinstance(person, dict) else None
    return ids[0] if isinstance(ids, list) and len(ids) == 1 and type(ids[0]) is int else -1
