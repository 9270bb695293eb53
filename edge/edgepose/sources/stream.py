"""A network stream, rtsp:// or http(s)://, through OpenCV's FFmpeg.

RTSP goes over TCP where the server can (OpenCV's default, ``prefer_tcp``); other options of FFmpeg
are set by the environment variable OPENCV_FFMPEG_CAPTURE_OPTIONS.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import cv2

from edgepose.clock import FileClock, StreamClock
from edgepose.config import CaptureSettings
from edgepose.errors import SourceError, SourceLost
from edgepose.sources import SourceInfo, without_password
from edgepose.types import Frame
from edgepose.videocapture import VideoCapture

_FPS = 30.0
_log = logging.getLogger(__name__)
_OLD_S = 2.0
"""Longest search for the first frame that is not old."""


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
        self._more = True
        self._stalled_s = float("-inf")
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
            started_monotonic_s=0.0 if is_file else time.monotonic(),
            frames=int(count) if is_file else None,
        )

    def frames(self) -> Iterator[Frame]:
        """Yields frames; a live stream that ends or stalls raises SourceLost, a file simply ends."""
        index = self._drop_old() if self.info.live and self._stamped else 0
        file_clock, clock = FileClock(self.info.fps), StreamClock()
        while self._more:
            arrival_s, stamp_s = time.monotonic(), self._stamp_s()
            image = self._capture.retrieve()
            if image is None:
                self.skipped += not self._capture.closing
            elif self.info.live:
                at_s = clock.stamp(stamp_s if self._stamped else None, arrival_s)
                yield Frame(index, at_s - self.info.started_monotonic_s, image)
            else:
                yield Frame(index, file_clock.stamp(stamp_s), image)
            index += 1
            self._grab()
        if self._capture.closing:
            return
        if not self.info.live:
            self._check_end(index)
        else:
            stalled = time.monotonic() - self._stalled_s < 1.0
            what = f"nothing came for {self._stall_s:g} s" if stalled else "the stream ended"
            raise SourceLost(f"{self.info.address}: {what}")

    def _check_end(self, read: int) -> None:
        """The length may be an estimate; half a second less than that is no rounding."""
        missing = (self.info.frames or 0) - read
        if missing > 0.5 * (self.info.fps or _FPS):
            self.skipped += missing
            _log.warning("%s: ends early: %d of about %d frames came", self.info.address, read, self.info.frames)

    def _grab(self) -> bool:
        """After a stall FFmpeg still gives the frames that its decoder holds, then ends."""
        asked_s = time.monotonic()
        self._more = self._capture.grab()
        now_s = time.monotonic()
        if now_s - asked_s >= 0.9 * self._stall_s:
            self._stalled_s = now_s
        return self._more

    def _stamp_s(self) -> float:
        return self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0

    def _drop_old(self) -> int:
        """Passes what FFmpeg had read ahead while opening, until two running had to be waited for.

        Those pictures are old, and nothing says how old: they would make the clock run ahead of arrival.
        Returns how many were passed; the frame after them is grabbed.
        """
        start_s = before_s = time.monotonic()
        stamp_s, passed, waited = self._stamp_s(), 0, 0
        while waited < 2 and before_s - start_s < _OLD_S and self._grab():
            now_s, now_stamp_s = time.monotonic(), self._stamp_s()
            waited = waited + 1 if now_s - before_s >= 0.5 * (now_stamp_s - stamp_s) else 0
            before_s, stamp_s, passed = now_s, now_stamp_s, passed + 1
        return passed

    def close(self) -> None:
        """Hangs up; safe to call twice and from another thread."""
        self._capture.close()
