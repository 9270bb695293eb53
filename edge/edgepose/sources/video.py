"""A video file through OpenCV's FFmpeg: every frame, with the file's own timestamps."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from edgepose.clock import FileClock
from edgepose.config import CaptureSettings
from edgepose.errors import SourceError
from edgepose.sources import SourceInfo
from edgepose.types import Frame
from edgepose.videocapture import VideoCapture

_log = logging.getLogger(__name__)
_MISSING_S = 0.5
"""A file that ends so much before its declared end was cut off."""


def open_source(address: str, settings: CaptureSettings) -> VideoSource:
    """Opens a video file; raises SourceError when it is missing, empty or no video."""
    del settings  # a file has its own size and rate
    path = Path(address)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise SourceError(f"{address}: cannot open the video: {error.strerror}") from None
    if not path.is_file():
        raise SourceError(f"{address}: not a file; give a video file, or a folder of pictures")
    if size == 0:
        raise SourceError(f"{address}: the file is empty (0 bytes)")
    # Absolute, because FFmpeg takes what stands before a colon for a protocol.
    capture = VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG)
    if not capture.opened or not capture.grab():
        capture.close()
        raise SourceError(f"{address}: no video that can be read (cut off, damaged or another kind of file)")
    return VideoSource(address, capture)


class VideoSource:
    """An open video file; rotation metadata is obeyed. ``skipped`` counts frames that were cut off."""

    def __init__(self, address: str, capture: VideoCapture) -> None:
        """``capture`` has its first frame grabbed already."""
        self._capture = capture
        self.skipped = 0
        fps, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.info = SourceInfo(
            address=address,
            width=int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            height=int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            fps=fps if 0.1 <= fps <= 1000.0 else None,
            live=False,
            started_unix_s=time.time(),
            frames=int(count) if 0 < count < 1e9 else None,
        )

    def frames(self) -> Iterator[Frame]:
        """Yields every frame with the file's timestamp, then says so when the file was cut off."""
        clock, index, time_s = FileClock(self.info.fps), 0, 0.0
        while True:
            image = self._capture.retrieve()
            if image is None:
                self.skipped += not self._capture.closing
            else:
                time_s = clock.stamp(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0)
                yield Frame(index, time_s, image)
            index += 1
            if not self._capture.grab():
                break
        if not self._capture.closing:
            self._check_end(index, time_s)

    def _check_end(self, read: int, last_s: float) -> None:
        """The frame count may be an estimate (Matroska, MPEG-TS), so the time decides."""
        count, fps = self.info.frames, self.info.fps
        if count is None or fps is None or read >= count or last_s + 1.0 / fps + _MISSING_S > count / fps:
            return
        if whole_mp4(Path(self.info.address)):
            return  # trimmed without encoding anew: frames before the cut are counted but hidden
        self.skipped += count - read
        _log.warning(
            "%s: ends early: %d of about %d frames could be read; the file is cut off or damaged",
            self.info.address, read, count,
        )  # fmt: skip

    def close(self) -> None:
        """Closes the file; safe to call twice and from another thread."""
        self._capture.close()


def whole_mp4(path: Path) -> bool:
    """True when the file is MP4 or MOV and each of its boxes lies within it (ISO 14496-12 §4.2)."""
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            head = file.read(16)
            if len(head) < 8 or (at == 0 and head[4:8] != b"ftyp"):
                return False
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:], "big")
            at = at + length if length >= 8 else size  # 0: to the end of the file
    return at == size
