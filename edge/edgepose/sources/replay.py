"""A recorded session: frames of ready poses in frame order, optionally with the video's pictures."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgepose.card import ModelId
from edgepose.config import CaptureSettings
from edgepose.errors import SessionError, SourceError
from edgepose.session import Poses, SessionInfo, lens_of, read_info, read_poses
from edgepose.sources import SourceInfo
from edgepose.types import Frame, Image, Pose, Track
from edgepose.videocapture import VideoCapture

_log = logging.getLogger(__name__)


def open_source(address: str, settings: CaptureSettings, images: bool = False) -> ReplaySource:
    """Opens a session folder; raises SourceError when it is none, or has no video though ``images`` is set.

    A part that is cut off or damaged is skipped, named in the log and counted in ``skipped``.
    """
    del settings
    folder = Path(address)
    try:
        info, poses = read_info(folder), read_poses(folder)
    except SessionError as error:
        raise SourceError(str(error)) from None
    for part in poses.skipped_parts:
        _log.warning("%s: skipped %s", address, part)
    video = _open_video(folder / "video.mp4") if images else None
    return ReplaySource(address, info, poses, video)


def _open_video(path: Path) -> VideoCapture:
    if not path.is_file():
        raise SourceError(f"{path}: this session has no video")
    capture = VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG)
    if not capture.opened:
        capture.close()
        raise SourceError(f"{path}: no video that can be read (cut off or damaged)")
    return capture


class ReplaySource:
    """An open session. Frames without people come too where the recording knows them."""

    def __init__(self, address: str, info: SessionInfo, poses: Poses, video: VideoCapture | None) -> None:
        self._poses = poses
        self._video = video
        self._grabbed = -1
        self._closed = False
        self.skipped = len(poses.skipped_parts)
        self._order = np.argsort(poses.frame, kind="stable")
        frames = np.concatenate([poses.frame[self._order], poses.empty_frame])
        times_s = np.concatenate([poses.time_s[self._order], poses.empty_time_s])
        self._index, first = np.unique(frames, return_index=True)
        self._time_s = times_s[first]
        self.info = SourceInfo(
            address=address,
            width=info.width,
            height=info.height,
            fps=info.fps,
            live=False,
            started_unix_s=info.started_at.timestamp(),
            skeleton=info.skeleton,
            lens=lens_of(info),
            frames=len(self._index),
            players={track: player.model_dump() for track, player in info.players.items()},
            pose_model=_stamp(info.pose_model),
            tracked=bool((poses.track >= 0).any()),
        )

    def frames(self) -> Iterator[Frame]:
        """Yields frames with ``tracks`` in frame order; ``image`` is None without video."""
        ordered = self._poses.frame[self._order]
        low = np.asarray(np.searchsorted(ordered, self._index, "left"))
        high = np.asarray(np.searchsorted(ordered, self._index, "right"))
        for i, index in enumerate(int(index) for index in self._index):
            if self._closed:
                return
            tracks = [self._track(row) for row in self._order[low[i] : high[i]]]
            yield Frame(index, float(self._time_s[i]), self._picture(index), tracks)

    def _track(self, row: int) -> Track:
        poses = self._poses
        return Track(int(poses.track[row]), Pose(poses.keypoints[row], poses.box[row], float(poses.score[row])))

    def _picture(self, index: int) -> Image | None:
        """Picture n of the video is frame n."""
        if self._video is None:
            return None
        while self._grabbed < index:
            if not self._video.grab():
                return None
            self._grabbed += 1
        return self._video.retrieve()

    def close(self) -> None:
        """Ends the iteration; safe to call twice and from another thread."""
        self._closed = True
        if self._video is not None:
            self._video.close()


def _stamp(model: dict[str, Any] | None) -> str | None:
    """ "name@sha256[:12]", or None when the session does not say both."""
    if not model or not model.get("name") or not model.get("sha256"):
        return None
    return ModelId("pose", str(model["name"]), str(model["sha256"])).stamp
