"""A camera by number or /dev/videoN through V4L2."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from edgepose.clock import StreamClock
from edgepose.config import CaptureSettings
from edgepose.errors import SourceError, SourceLost
from edgepose.sources import SourceInfo
from edgepose.types import Frame
from edgepose.videocapture import VideoCapture

_NEWEST_STAMP_S = 1.0
"""The driver's timestamp is believed when it lies at most so long before arrival."""


def open_source(address: str, settings: CaptureSettings) -> CameraSource:
    """Opens "0" or "/dev/video0"; raises SourceError when there is no such camera or it gives no picture."""
    path = Path(f"/dev/video{address}" if re.fullmatch(r"[0-9]+", address) else address)
    if not path.exists():
        known = ", ".join(sorted(str(found) for found in Path("/dev").glob("video[0-9]*"))) or "none"
        raise SourceError(f"no camera {path}; cameras here: {known}")
    if not os.access(path, os.R_OK | os.W_OK):
        raise SourceError(f"no permission for camera {path}; add the user to the group 'video'")
    # OpenCV reads its V4L2 timeout (seconds, default 10) from the environment only.
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(max(1, round(settings.stall_s))))
    capture = VideoCapture(str(path), cv2.CAP_V4L2)
    if not capture.opened:
        capture.close()
        raise SourceError(f"camera {path} cannot be opened: in use by another program, or no camera")
    _ask(capture, settings)
    source = CameraSource(address, capture, settings)
    if not capture.grab():
        capture.close()
        raise SourceError(f"camera {path} gives no picture within {settings.stall_s:g} s")
    return source


def _ask(capture: VideoCapture, settings: CaptureSettings) -> None:
    """Asks for Motion JPEG first: most USB cameras reach 30 fps at 720p only with it.

    Asked after opening, because as opening parameters a wish that is refused makes opening fail.
    """
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    if settings.width:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width)
    if settings.height:
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height)
    if settings.fps:
        capture.set(cv2.CAP_PROP_FPS, settings.fps)


class CameraSource:
    """An open camera; times are the driver's where they are on the monotonic clock, else arrival."""

    def __init__(self, address: str, capture: VideoCapture, settings: CaptureSettings) -> None:
        self._capture = capture
        self._stall_s = settings.stall_s
        self.skipped = 0
        fps = capture.get(cv2.CAP_PROP_FPS)
        self.info = SourceInfo(
            address=address,
            width=int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            height=int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            fps=fps if fps > 0 else None,
            live=True,
            started_unix_s=time.time(),
            started_monotonic_s=time.monotonic(),
        )

    def frames(self) -> Iterator[Frame]:
        """Yields frames until closed; raises SourceLost when the camera is unplugged or stalls."""
        clock, index = StreamClock(), 0
        start_s = self.info.started_monotonic_s
        while self._capture.grab():
            arrival_s = time.monotonic()
            driver_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
            if 0.0 <= arrival_s - driver_s < _NEWEST_STAMP_S:
                arrival_s = driver_s
            image = self._capture.retrieve()
            if image is None:
                self.skipped += not self._capture.closing
                continue
            yield Frame(index, clock.stamp(None, arrival_s) - start_s, image)
            index += 1
        if not self._capture.closing:
            raise SourceLost(f"camera {self.info.address} gives no more pictures (unplugged or stalled)")

    def close(self) -> None:
        """Frees the camera; safe to call twice and from another thread."""
        self._capture.close()
