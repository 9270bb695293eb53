"""A network stream, rtsp:// or http(s)://, through OpenCV's FFmpeg.

RTSP goes over TCP where the server can (OpenCV's default, ``prefer_tcp``); other options of FFmpeg
are set by the environment variable OPENCV_FFMPEG_CAPTURE_OPTIONS.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import cv2

from edgepose.clock import FileClock, StreamClock
from edgepose.config import CaptureSettings
from edgepose.errors import SourceError, SourceLost
from edgepose.sources import SourceInfo, without_password
from edgepose.types import Frame
from edgepose.videocapture import VideoCapture


def open_source(address: str, settings: CaptureSettings) -> StreamSource:
    """Opens a stream; raises SourceError when nobody answers in time or what answers is no video."""
    shown = without_password(address)
    parameters = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(1000 * settings.open_timeout_s),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(1000 * settings.stall_s),
    ]  # fmt: skip
    capture = VideoCapture(address, cv2.CAP_FFMPEG, parameters)
    if not capture.opened or not capture.grab():
        capture.close()
        raise SourceError(
            f"{shown}: no video from there within {settings.open_timeout_s:g} s; "
            "check the address, the password and that the camera is on"
        )
    return StreamSource(shown, capture, settings.stall_s)


class StreamSource:
    """An open stream. A file behind http(s) (its length is known) is no live source: nothing drops."""

    def __init__(self, shown: str, capture: VideoCapture, stall_s: float) -> None:
        """``capture`` has its first frame grabbed already; ``shown`` is the address without password."""
        self._capture = capture
        self._stall_s = stall_s
        self.skipped = 0
        fps, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        is_file = shown.lower().startswith("http") and 1 < count < 1e9
        motion_jpeg = capture.get(cv2.CAP_PROP_FOURCC) == cv2.VideoWriter.fourcc(*"MJPG")
        # FFmpeg gives motion JPEG over HTTP 25 frames a second whatever the camera does.
        self._stamped = is_file or not (motion_jpeg and shown.lower().startswith("http"))
        self.info = SourceInfo(
            address=shown,
            width=int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            height=int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            fps=fps if self._stamped and 0.1 <= fps <= 1000.0 else None,
            live=not is_file,
            started_unix_s=time.time(),
            started_monotonic_s=time.monotonic(),
            frames=int(count) if is_file else None,
        )

    def frames(self) -> Iterator[Frame]:
        """Yields frames; a live stream that ends or stalls raises SourceLost, a file simply ends."""
        index = 0
        file_clock, clock = FileClock(self.info.fps), StreamClock()
        while True:
            arrival_s = time.monotonic()
            stamp_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
            image = self._capture.retrieve()
            if image is None:
                self.skipped += not self._capture.closing
            elif self.info.live:
                at_s = clock.stamp(stamp_s if self._stamped else None, arrival_s)
                yield Frame(index, at_s - self.info.started_monotonic_s, image)
            else:
                yield Frame(index, file_clock.stamp(stamp_s), image)
            index += 1
            asked_s = time.monotonic()
            if not self._capture.grab():
                break
        if self._capture.closing:
            return
        if self.info.live:
            stalled = time.monotonic() - asked_s >= 0.9 * self._stall_s
            what = f"nothing came for {self._stall_s:g} s" if stalled else "the stream ended"
            raise SourceLost(f"{self.info.address}: {what}")

    def close(self) -> None:
        """Hangs up; safe to call twice and from another thread."""
        self._capture.close()
