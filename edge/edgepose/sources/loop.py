"""A video file again and again at its own pace, as a camera would give it: ``loop:clip.mp4``."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from edgepose.clock import FileClock
from edgepose.config import CaptureSettings
from edgepose.errors import SourceError, SourceLost
from edgepose.sources import SourceInfo
from edgepose.types import Frame, Image
from edgepose.videocapture import VideoCapture

SCHEME = "loop:"
PAUSE_S = 2.5
"""Between two times: longer than a lost person is remembered, so that nobody jumps back to where they began."""
KEPT_S = 0.15
"""A frame that nobody has taken for so long is gone: drivers of cameras hold a few, not more."""


def open_source(address: str, settings: CaptureSettings) -> LoopSource:
    """Opens ``loop:FILE``; raises SourceError when the file is missing or no video."""
    del settings  # a file has its own size and rate
    path = Path(address.removeprefix(SCHEME))
    capture = _opened(path)
    if capture is None:
        missing = "no such file" if not path.is_file() else "no video that can be read"
        raise SourceError(f"{address}: {missing}; give {SCHEME} and a video file")
    return LoopSource(address, path, capture)


def _opened(path: Path) -> VideoCapture | None:
    """With its first frame grabbed; None when that cannot be."""
    if not path.is_file():
        return None
    # Absolute, because FFmpeg takes what stands before a colon for a protocol.
    capture = VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG)
    if capture.opened and capture.grab():
        return capture
    capture.close()
    return None


class LoopSource:
    """Live: frames come when they are due, whoever is late gets the newest."""

    def __init__(self, address: str, path: Path, capture: VideoCapture) -> None:
        """``capture`` has its first frame grabbed already."""
        self._path = path
        self._capture = capture
        self._closed = threading.Event()
        self.skipped = 0
        fps = capture.get(cv2.CAP_PROP_FPS)
        self.info = SourceInfo(
            address=address,
            width=int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            height=int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            fps=fps if 0.1 <= fps <= 1000.0 else None,
            live=True,
            started_unix_s=time.time(),
            started_monotonic_s=time.monotonic(),
        )

    def frames(self) -> Iterator[Frame]:
        """Yields frames until ``close``; raises SourceLost when the file cannot be opened again."""
        index = 0
        while True:
            for time_s, image in self._once(time.monotonic() - self.info.started_monotonic_s):
                if image is not None:
                    yield Frame(index, time_s, image)
                index += 1
            self._capture.close()
            if self._closed.wait(PAUSE_S):
                return
            again = _opened(self._path)
            if again is None:
                raise SourceLost(f"{self.info.address}: the file is gone")
            self._capture = again
            if self._closed.is_set():  # closed meanwhile: ``close`` closed the one before
                again.close()

    def _once(self, begun_s: float) -> Iterator[tuple[float, Image | None]]:
        """Each frame's time and picture, when it is due; no picture when whoever reads is late, as with a camera."""
        clock = FileClock(self.info.fps)
        while True:
            time_s = begun_s + clock.stamp(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0)
            late = time.monotonic() - (self.info.started_monotonic_s + time_s) > KEPT_S
            image = None if late else self._capture.retrieve()
            if self._closed.is_set():
                return
            self.skipped += image is None and not late
            if self._closed.wait(max(0.0, self.info.started_monotonic_s + time_s - time.monotonic())):
                return
            yield time_s, image
            if not self._capture.grab():
                return

    def close(self) -> None:
        """Ends the frames; safe to call twice and from another thread."""
        self._closed.set()
        self._capture.close()
