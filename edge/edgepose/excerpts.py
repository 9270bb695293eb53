"""Pictures out of a video for a page: crops at given moments, and the whole of it small and moving."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edgepose.errors import SourceError
from edgepose.types import Array, Image
from edgepose.videocapture import VideoCapture

SIDE_PX = 300
"""Of a crop."""
_ROUND = 2.0
"""A crop's side in heights of what it shows: a racket is long."""
_LEAST_PX = 40.0
_JPEG_QUALITY, _WEBP_QUALITY = 82, 42
MOST_PICTURES = 300
"""Of a moving picture: it is made in memory."""


@dataclass(frozen=True, slots=True)
class Spot:
    """What to cut out."""

    picture: int
    """Of the video, from 0."""
    box_xyxy: Array
    """(4,) px; NaN: the whole picture."""


def crops(video: Path, spots: Sequence[Spot]) -> list[bytes]:
    """A square JPEG for each spot, in their order; b"" where the video has no such picture. Raises SourceError."""
    wanted: dict[int, list[int]] = {}
    for number, spot in enumerate(spots):
        wanted.setdefault(spot.picture, []).append(number)
    found = [b""] * len(spots)
    for index, image in _pictures(video, wanted.keys()):
        for number in wanted[index]:
            found[number] = _jpeg(_cut(image, spots[number].box_xyxy))
    return found


def moving(video: Path, height_px: int, rate_hz: float) -> bytes | None:
    """The beginning of a video as animated WebP; None where this OpenCV writes none. Raises SourceError."""
    if not hasattr(cv2, "imencodeanimation"):  # OpenCV 4.12
        return None
    capture = _opened(video)
    fps = capture.get(cv2.CAP_PROP_FPS) or 30.0
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    capture.close()
    step = max(1, round(fps / rate_hz))
    chosen = range(0, int(min(max(count, 1), step * MOST_PICTURES)), step)
    animation = cv2.Animation()
    animation.frames = [_small(image, height_px) for _, image in _pictures(video, chosen)]
    animation.durations = [round(1000 * step / fps)] * len(animation.frames)
    done, data = cv2.imencodeanimation(".webp", animation, [cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY])
    return bytes(np.asarray(data)) if done and len(animation.frames) else None


def _pictures(video: Path, wanted: Iterable[int]) -> Iterator[tuple[int, Image]]:
    """The wanted ones in order."""
    left = set(wanted)
    capture = _opened(video)
    index = 0
    try:
        while left and capture.grab():
            if index in left:
                left.remove(index)
                image = capture.retrieve()
                if image is not None:
                    yield index, image
            index += 1
    finally:
        capture.close()


def _opened(video: Path) -> VideoCapture:
    capture = VideoCapture(str(video.resolve()), cv2.CAP_FFMPEG)
    if not capture.opened:
        capture.close()
        raise SourceError(f"{video}: no video that can be read")
    return capture


def _cut(image: Image, box_xyxy: Array) -> Image:
    """A square round the box, moved into the picture; black where it is larger than that."""
    high, wide = image.shape[:2]
    if not np.isfinite(box_xyxy).all():
        return _small(image, SIDE_PX)
    side = float(np.clip(_ROUND * (box_xyxy[2:] - box_xyxy[:2]).max(), _LEAST_PX, max(high, wide)))
    middle = (box_xyxy[:2] + box_xyxy[2:]) / 2
    x, y = (np.clip(at, side / 2, length - side / 2) if length > side else length / 2
            for at, length in zip(middle, (wide, high), strict=True))  # fmt: skip
    scale = SIDE_PX / side
    placed = np.array([[scale, 0, SIDE_PX / 2 - scale * x], [0, scale, SIDE_PX / 2 - scale * y]])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.warpAffine(image, placed, (SIDE_PX, SIDE_PX), flags=how), np.uint8)


def _small(image: Image, height_px: int) -> Image:
    high, wide = image.shape[:2]
    size = (max(1, round(wide * height_px / high)), height_px)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(image: Image) -> bytes:
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return bytes(np.asarray(data)) if done else b""
