"""Folders of OpenPose-like JSON, one file a frame (OpenPose, Pose2Sim, RTMLib), as recorded sessions."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np

from edgepose import openpose_json
from edgepose.conversions import convert
from edgepose.errors import SettingsError, SourceError
from edgepose.retrack import retrack
from edgepose.skeletons import Skeleton, named
from edgepose.types import Float32, Pose, Track
from edgepose_trainer.frametimes import FrameTimes
from edgepose_trainer.joints import skeleton_of
from edgepose_trainer.sessions import Imported, info_of, plain_name, poses_of

Row = tuple[int, float, list[Track]]
_MOST_GAP = 1000
"""Frames without a file in a row; a number that jumps further is no frame number."""


def folders_in(path: Path) -> list[Path]:
    """The folder itself when it holds frames, else its folders that do (Pose2Sim's pose/<camera>_json)."""
    candidates = [path, *sorted(p for p in path.glob("*") if p.is_dir()), *sorted(path.glob("pose/*"))]
    return [folder for folder in candidates if folder.is_dir() and _sample(folder) is not None]


def read(
    folder: Path,
    times: FrameTimes,
    size_wh: tuple[int, int] | None = None,
    skeleton: str | None = None,
    into: str = "coco17",
) -> Imported:
    """One folder as a session in the skeleton ``into``.

    The files name neither times nor the picture's size nor their joint set. ``size_wh`` None: the video's, else
    just large enough; ``skeleton`` None: the one that has as many joints. A frame without a file is one that was
    dropped. People without ids are tracked. Raises SettingsError and SourceError, before anything is written.
    """
    source = named(skeleton) if skeleton else _skeleton(folder)
    frames = list(openpose_json.read_folder(folder, source))
    for (before, _), (frame, _) in pairwise(frames):
        if frame - before > _MOST_GAP:
            raise SettingsError(f"{folder}: after frame {before} comes {frame}: one video a folder, nothing else in it")
    rows = [(frame, times.of(frame), [_converted(t, source.name, into) for t in people]) for frame, people in frames]
    notes: tuple[str, ...] = ()
    if all(track.id < 0 for _, _, people in rows for track in people):
        rows, notes = _tracked(rows, into), ("nobody had an id: people were tracked",)
    poses = poses_of(rows, len(named(into)))
    size = size_wh or times.size_wh or _size(poses.keypoints)
    info = info_of(into, size, f"OpenPose JSON, {source.name}", fps=times.fps)
    return Imported(plain_name(folder.resolve().name.removesuffix("_json")), info, poses, notes=notes)


def _skeleton(folder: Path) -> Skeleton:
    """By the number of values of the first person."""
    for path in sorted(folder.glob("*.json")):
        for person in _people(path) or []:
            values = person.get("pose_keypoints_2d") if isinstance(person, dict) else None
            if isinstance(values, list) and values:
                found = skeleton_of(len(values) // 3) if len(values) % 3 == 0 else None
                if found is None:
                    raise SettingsError(f"{path}: {len(values)} values a person: name the joint set with --skeleton")
                return found
    raise SourceError(f"{folder}: nobody in any frame")


def _sample(folder: Path) -> Path | None:
    first = next(iter(sorted(folder.glob("*.json"))), None)
    return first if first and _people(first) is not None else None


def _people(path: Path) -> list[object] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    people = content.get("people") if isinstance(content, dict) else None
    return people if isinstance(people, list) else None


def _converted(track: Track, skeleton: str, into: str) -> Track:
    pose = track.pose
    return Track(track.id, Pose(convert(pose.keypoints, skeleton, into), pose.box_xyxy, pose.score))


def _tracked(rows: list[Row], skeleton: str) -> list[Row]:
    ids = retrack([(time_s, [t.pose for t in people]) for _, time_s, people in rows], named(skeleton))
    return [
        (frame, time_s, [Track(int(number), track.pose) for number, track in zip(own, people, strict=True)])
        for own, (frame, time_s, people) in zip(ids, rows, strict=True)
    ]


def _size(keypoints: Float32) -> tuple[int, int]:
    right, bottom = (int(np.ceil(np.nanmax(keypoints[..., axis], initial=1.0))) for axis in (0, 1))
    return right, bottom
