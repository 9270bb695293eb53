"""A folder of OpenPose's JSON, one file a frame, as a recorded session."""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path

from edgepose import openpose_json
from edgepose.conversions import convert
from edgepose.errors import SettingsError
from edgepose.recorder import Recorder
from edgepose.session import SessionInfo
from edgepose.skeletons import named
from edgepose.types import Pose, Track

_MOST_GAP = 1000
"""Frames without a file in a row; a number that jumps further is no frame number."""


def record(
    folder: Path, out: Path, fps: float, size_wh: tuple[int, int], skeleton: str = "body25", into: str = "coco17"
) -> int:
    """Writes the session ``out`` and returns its number of frames.

    The files name neither the video's rate and size in px nor their joint set; time is frame / fps. A frame without a
    file is one that was dropped. ``into`` is the session's skeleton. OpenPose's person ids become tracks where it
    gave some. Raises SettingsError for a rate or a new folder that is wrong, SourceError for files that are.
    """
    if not 0 < fps <= 1000:
        raise SettingsError(f"{folder}: {fps:g} frames a second: expected more than 0 and at most 1000")
    frames = list(openpose_json.read_folder(folder, named(skeleton)))
    for (before, _), (frame, _) in pairwise(frames):
        if frame - before > _MOST_GAP:
            raise SettingsError(f"{folder}: after frame {before} comes {frame}: one video a folder, nothing else in it")
    info = SessionInfo(
        skeleton=into,
        width=size_wh[0],
        height=size_wh[1],
        fps=fps,
        camera="openpose",
        device="openpose",
        started_at=datetime.fromtimestamp(0, timezone.utc),
        source=f"OpenPose JSON, {skeleton}",
    )
    recorder = Recorder(out, info)
    try:
        for frame, people in frames:
            recorder.add(frame, frame / fps, [_converted(track, skeleton, into) for track in people])
    finally:
        recorder.close()
    return len(frames)


def _converted(track: Track, skeleton: str, into: str) -> Track:
    pose = track.pose
    return Track(track.id, Pose(convert(pose.keypoints, skeleton, into), pose.box_xyxy, pose.score))
