"""Raw picture formats: the yuv4mpeg header, and bytes of planes or packed pixels to BGR."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.types import Image

RAW_FORMATS = ("bgr24", "rgb24", "gray", "yuv420p")
_MOST_PIXELS = 16384
"""Of one side: a damaged header must not ask for gigabytes."""
Planes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class RawFormat:
    """One picture's layout in bytes."""

    width: int
    height: int
    bytes: int
    convert: Callable[[Planes, int, int], Image]
    """(bytes,) uint8, width, height -> a new (H, W, 3) BGR."""

    def to_bgr(self, buffer: bytearray) -> Image:
        """A new picture; the buffer may be filled again afterwards."""
        return self.convert(np.frombuffer(buffer, np.uint8), self.width, self.height)


def raw_format(pixels: str, width: int, height: int, full_range: bool = False) -> RawFormat:
    """The layout of "bgr24", "rgb24", "gray", "yuv420p", "yuv422p", "yuv444p"; KeyError otherwise."""
    if pixels in ("bgr24", "rgb24"):
        return RawFormat(width, height, 3 * width * height, _bgr if pixels == "bgr24" else _rgb)
    if pixels == "gray":
        return RawFormat(width, height, width * height, _gray)
    across, down = _CHROMA[pixels]
    chroma = -(-width // across) * -(-height // down)
    size = width * height + 2 * chroma
    if pixels == "yuv420p" and width % 2 == 0 and height % 2 == 0 and not full_range:
        return RawFormat(width, height, size, _i420)

    def convert(data: Planes, width: int, height: int) -> Image:
        return _planar(data, width, height, (across, down), full_range)

    return RawFormat(width, height, size, convert)


def parse_y4m_header(line: bytes) -> tuple[RawFormat, float | None]:
    """The stream header (yuv4mpeg(5)) without its newline -> layout and frames a second (None: unknown).

    Raises ValueError when it is no such header or more than 8 bits deep.
    """
    words = line.split()
    if not words or words[0] != b"YUV4MPEG2":
        raise ValueError(f"no yuv4mpeg: the output begins with {line[:24]!r}")
    tags = {word[:1]: word[1:] for word in words[1:] if word[:1] != b"X"}
    full_range = b"XCOLORRANGE=FULL" in words
    width, height = _side(tags.get(b"W")), _side(tags.get(b"H"))
    if width is None or height is None:
        raise ValueError(f"yuv4mpeg header without a size: {line[:60]!r}")
    colour = tags.get(b"C", b"420").decode("ascii", "replace")
    pixels = _Y4M.get(colour)
    if pixels is None:
        raise ValueError(f"yuv4mpeg colour space C{colour} is not known; known: {', '.join(_Y4M)}")
    rate = re.fullmatch(rb"([0-9]+):([0-9]+)", tags.get(b"F", b""))
    fps = int(rate[1]) / int(rate[2]) if rate and int(rate[1]) and int(rate[2]) else None
    return raw_format(pixels, width, height, full_range), fps


def _side(text: bytes | None) -> int | None:
    """A width or height that a picture can have."""
    if not text or not re.fullmatch(rb"[0-9]{1,5}", text) or not 0 < int(text) <= _MOST_PIXELS:
        return None
    return int(text)


def _bgr(data: Planes, width: int, height: int) -> Image:
    return data.reshape(height, width, 3).copy()


def _rgb(data: Planes, width: int, height: int) -> Image:
    return _uint8(cv2.cvtColor(data.reshape(height, width, 3), cv2.COLOR_RGB2BGR))


def _gray(data: Planes, width: int, height: int) -> Image:
    return _uint8(cv2.cvtColor(data.reshape(height, width), cv2.COLOR_GRAY2BGR))


def _i420(data: Planes, width: int, height: int) -> Image:
    return _uint8(cv2.cvtColor(data.reshape(height * 3 // 2, width), cv2.COLOR_YUV2BGR_I420))


def _planar(data: Planes, width: int, height: int, step: tuple[int, int], full_range: bool) -> Image:
    """The general case: odd sizes, 4:2:2, 4:4:4, full range (ITU-R BT.601)."""
    across, down = -(-width // step[0]), -(-height // step[1])
    luma: Planes = data[: width * height].reshape(height, width)
    chroma = data[width * height :].reshape(2, down, across)
    u, v = (np.repeat(np.repeat(plane, step[1], 0), step[0], 1)[:height, :width] for plane in chroma)
    if not full_range:
        luma = _stretch(luma, 16, 219.0, 0)
        u, v = _stretch(u, 128, 224.0, 128), _stretch(v, 128, 224.0, 128)
    return _uint8(cv2.cvtColor(cv2.merge([luma, v, u]), cv2.COLOR_YCrCb2BGR))


def _stretch(plane: Planes, zero: int, span: float, to: int) -> Planes:
    """Limited range -> full range."""
    table = (np.arange(256) - zero) * (255.0 / span) + to
    return _uint8(cv2.LUT(plane, np.clip(np.rint(table), 0, 255).astype(np.uint8)))


def _uint8(image: object) -> Image:
    return np.asarray(image, np.uint8)


_CHROMA = MappingProxyType({"yuv420p": (2, 2), "yuv422p": (2, 1), "yuv444p": (1, 1)})
_Y4M = MappingProxyType(
    {
        "420": "yuv420p",
        "420jpeg": "yuv420p",
        "420mpeg2": "yuv420p",
        "420paldv": "yuv420p",
        "422": "yuv422p",
        "444": "yuv444p",
        "mono": "gray",
    }
)
