"""cv2.VideoCapture kept quiet, and closed safely from another thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

import cv2

from edgepose.types import Image


def silence() -> None:
    """Stops OpenCV and its FFmpeg from writing on stderr: our own one line says what is wrong."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


class VideoCapture:
    """One open cv2.VideoCapture; ``grab`` and ``retrieve`` belong to one thread, ``close`` to any."""

    def __init__(self, target: str | int, backend: int, parameters: Sequence[int] = ()) -> None:
        silence()
        self._lock = threading.Lock()
        self._closing = False
        self._capture = cv2.VideoCapture(target, backend, list(parameters))

    @property
    def opened(self) -> bool:
        return self._capture.isOpened()

    @property
    def closing(self) -> bool:
        """True once ``close`` was called."""
        return self._closing

    def get(self, prop: int) -> float:
        """A CAP_PROP_* value; 0 where unknown or closed."""
        with self._lock:
            return float(self._capture.get(prop))

    def set(self, prop: int, value: float) -> None:
        """Asks for a CAP_PROP_* value; the device decides."""
        self._capture.set(prop, value)

    def grab(self) -> bool:
        """Takes the next frame without converting it; False at the end, on a timeout or when closed."""
        with self._lock:
            if not self._closing:
                return self._capture.grab()
            self._capture.release()
            return False

    def retrieve(self) -> Image | None:
        """The grabbed frame as BGR; None when it cannot be decoded or the capture is closed."""
        with self._lock:
            if self._closing:
                self._capture.release()
                return None
            good, image = self._capture.retrieve()
        return image if good else None  # type: ignore[return-value]

    def close(self) -> None:
        """Frees the device now, or, while another thread reads, as soon as that read returns.

        cv2 crashes when a capture is released during a read, and a read can take as long as its
        timeout; so the reading thread releases it at its next call.
        """
        self._closing = True
        if self._lock.acquire(blocking=False):
            try:
                self._capture.release()
            finally:
                self._lock.release()
