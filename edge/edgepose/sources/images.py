"""A folder of pictures in natural order (img2 before img10) at a chosen frame rate."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from edgepose.config import CaptureSettings
from edgepose.errors import SourceError
from edgepose.sources import SourceInfo
from edgepose.types import Frame, Image
from edgepose.videocapture import silence

SUFFIXES = frozenset((".bmp", ".jfif", ".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".tif", ".tiff", ".webp"))
_FPS = 30.0
_log = logging.getLogger(__name__)


def open_source(address: str, settings: CaptureSettings) -> ImagesSource:
    """Opens a folder; raises SourceError when it is missing or holds no picture that can be read."""
    silence()
    folder = Path(address)
    try:
        paths = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
    except OSError as error:
        raise SourceError(f"{address}: cannot open the folder: {error.strerror}") from None
    if not paths:
        raise SourceError(f"{address}: no pictures in this folder; known: {', '.join(sorted(SUFFIXES))}")
    paths.sort(key=lambda path: natural_key(path.name))
    first = next((image for image in map(read_image, paths) if image is not None), None)
    if first is None:
        raise SourceError(f"{address}: none of the {len(paths)} pictures in this folder can be read")
    return ImagesSource(address, paths, settings.fps or _FPS, first.shape[:2])


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that takes runs of digits as numbers."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name.lower())
    return [(0, int(part), part) if part[0] in "0123456789" else (1, 0, part) for part in parts]


def read_image(path: Path) -> Image | None:
    """(H, W, 3) BGR, turned as its EXIF data says; None when it cannot be read."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError:
        return None
    # imdecode raises on an empty buffer, and returns None on a broken picture.
    return cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None  # type: ignore[return-value]


class ImagesSource:
    """An open folder. A broken picture keeps its index and time, is skipped, named and counted."""

    def __init__(self, address: str, paths: list[Path], fps: float, shape: tuple[int, ...]) -> None:
        """``shape`` is (height, width) of the first picture; others may differ."""
        self._paths = paths
        self._fps = fps
        self._closed = False
        self.skipped = 0
        self.info = SourceInfo(
            address=address,
            width=shape[1],
            height=shape[0],
            fps=fps,
            live=False,
            started_unix_s=time.time(),
            frames=len(paths),
        )

    def frames(self) -> Iterator[Frame]:
        """Yields the pictures that can be read; index and time count the broken ones too."""
        for index, path in enumerate(self._paths):
            if self._closed:
                return
            image = read_image(path)
            if image is None:
                self.skipped += 1
                _log.warning("%s: not a picture that can be read; skipped", path)
            else:
                yield Frame(index, index / self._fps, image, file=path.name)

    def close(self) -> None:
        """Ends the iteration; safe to call twice and from another thread."""
        self._closed = True
