"""Pictures of a session's video by frame number, as JPEG.

The server decodes, not the browser: recordings are MPEG-4 part 2, which no browser plays, and a browser seeks in
seconds while the skeletons belong to frame numbers.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2

from edgepose.errors import SourceError
from edgepose.types import Image
from edgepose.videocapture import VideoCapture

_AHEAD = 90
"""Frames that are rather decoded and thrown away than jumped over: a jump lands on a key frame before."""
_QUALITY = 82


class Pictures:
    """Random access to one video; safe from several threads, one decodes at a time."""

    def __init__(self, path: Path) -> None:
        """Raises SourceError for a file that is no video that can be read."""
        self._capture = VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG)
        if not self._capture.opened:
            self._capture.close()
            raise SourceError(f"{path.name} cannot be read (cut off or damaged)")
        self._lock = threading.Lock()
        self._grabbed = -1
        self.frames = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))

    def packed(self, frames: Sequence[int], width: int) -> Iterator[bytes]:
        """For each frame its JPEG's length (4 bytes, little end first) and the JPEG, at most ``width`` px wide.

        A frame that the video does not have has length 0. The lock is given back between two of them.
        """
        for frame in frames:
            with self._lock:
                image = self._picture(frame)
            jpeg = b"" if image is None else _jpeg(image, width)
            yield struct.pack("<I", len(jpeg)) + jpeg

    def close(self) -> None:
        self._capture.close()

    def _picture(self, frame: int) -> Image | None:
        """Picture n of the video is frame n."""
        if frame < 0 or frame >= self.frames:
            return None
        if not self._grabbed < frame <= self._grabbed + _AHEAD:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, frame)
            self._grabbed = frame - 1
        while self._grabbed < frame:
            if not self._capture.grab():
                self._grabbed = self.frames  # the next one is found by a jump
                return None
            self._grabbed += 1
        return self._capture.retrieve()


def _jpeg(image: Image, width: int) -> bytes:
    height, native = image.shape[:2]
    size = (min(width, native), max(1, round(height * min(width / native, 1))))
    seen = image if size == (native, height) else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
