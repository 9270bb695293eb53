"""Drawings of boxes, lines and words that become SVG inside a page, an SVG file, or a PNG."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.types import Array

INKS: Mapping[str, str] = MappingProxyType(
    {"ink": "#1b1f24", "soft": "#5b6570", "line": "#d9dee4", "bar": "#2f6fb0", "card": "#f4f6f8"}
)
"""Names that follow the page's light or dark style; every other colour is #rrggbb."""
SPAN_COLOURS = ("#0072b2", "#e69f00", "#56b4e9", "#d55e00", "#009e73", "#cc79a7", "#b3a100", "#7a5195", "#8c8c8c")
"""Told apart by colour-blind people (Okabe & Ito), the last ones added."""
_PNG_SCALE = 2
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE = 0.036
"""Of OpenCV's font for one px of letter size."""


@dataclass(frozen=True, slots=True)
class Box:
    """Filled."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Line:
    """Through points."""

    points: tuple[tuple[float, float], ...]
    colour: str = "ink"
    width: float = 1.5
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Words:
    """On one line; (x, y) is the baseline at its anchor."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"] = "start"
    size: float = 12
    colour: str = "ink"


Shape: TypeAlias = Box | Line | Words


@dataclass(frozen=True, slots=True)
class Drawing:
    """Shapes in px, later ones on top."""

    width: float
    height: float
    shapes: tuple[Shape, ...]
    says: str
    """What is to be seen, for those who cannot see it."""


def polylines(xs: Array, ys: Array, colour: str, width: float = 1.5) -> Iterator[Line]:
    """Lines through (N,) points, broken where a point is NaN."""
    known = np.isfinite(xs) & np.isfinite(ys)
    starts = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    for first, last in zip(starts[::2], starts[1::2], strict=True):
        points = zip(xs[first:last].tolist(), ys[first:last].tolist(), strict=True)
        yield Line(tuple((round(x, 1), round(y, 1)) for x, y in points), colour, width)


def stacked(drawings: Sequence[Drawing], gap: float = 14) -> Drawing:
    """One below the other."""
    shapes: list[Shape] = []
    top = 0.0
    for one in drawings:
        shapes += [moved(shape, 0, top) for shape in one.shapes]
        top += one.height + gap
    width = max(one.width for one in drawings)
    return Drawing(width, top - gap, tuple(shapes), "; ".join(dict.fromkeys(one.says for one in drawings)))


def moved(shape: Shape, right: float, down: float) -> Shape:
    """The same elsewhere."""
    if isinstance(shape, Line):
        points = tuple((x + right, y + down) for x, y in shape.points)
        return Line(points, shape.colour, shape.width, shape.opacity)
    if isinstance(shape, Box):
        return Box(shape.x + right, shape.y + down, shape.width, shape.height, shape.colour, shape.opacity)
    return Words(shape.x + right, shape.y + down, shape.text, shape.anchor, shape.size, shape.colour)


def svg(drawing: Drawing, wide: bool = False) -> str:
    """For a page, whose style gives the inks; ``wide``: as wide as the page instead of a column."""
    style = f' style="width:{drawing.width:g}px;max-width:100%"' if wide else ""
    body = "".join(_element(shape, "var(--{})") for shape in drawing.shapes)
    return (
        f'<svg viewBox="0 0 {drawing.width:g} {drawing.height:g}" role="img"{style}'
        f' aria-label="{escape(drawing.says)}">{body}</svg>'
    )


def svg_file(drawing: Drawing) -> str:
    """A file of its own, dark on white."""
    size = f'width="{drawing.width:g}" height="{drawing.height:g}"'
    body = "".join(_element(shape, "") for shape in drawing.shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {drawing.width:g} {drawing.height:g}" '
        f'font-family="sans-serif" font-size="12"><title>{escape(drawing.says)}</title>'
        f'<rect width="100%" height="100%" fill="#fff"/>{body}</svg>\n'
    )


def png(drawing: Drawing) -> bytes:
    """The same picture in pixels, dark on white, twice as large."""
    size = (round(drawing.height * _PNG_SCALE), round(drawing.width * _PNG_SCALE), 3)
    image = np.full(size, 255, np.uint8)
    for shape in drawing.shapes:
        _paint(image, shape)
    _, encoded = cv2.imencode(".png", image)
    return bytes(encoded.tobytes())


def _element(shape: Shape, ink: str) -> str:
    colour = shape.colour
    if colour in INKS:
        colour = ink.format(colour) if ink else INKS[colour]
    if isinstance(shape, Words):
        style = f"fill:{colour};font-size:{shape.size:g}px"
        anchor = "" if shape.anchor == "start" else f' text-anchor="{shape.anchor}"'
        return f'<text x="{shape.x:.4g}" y="{shape.y:.4g}"{anchor} style="{style}">{escape(shape.text)}</text>'
    faint = f' opacity="{shape.opacity:g}"' if shape.opacity < 1 else ""
    if isinstance(shape, Box):
        place = f'x="{shape.x:.1f}" y="{shape.y:.1f}" width="{max(shape.width, 0):.1f}" height="{shape.height:.1f}"'
        return f'<rect {place} fill="{colour}"{faint}/>'
    path = "M" + "L".join(f"{x:g} {y:g}" for x, y in shape.points)
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{shape.width:g}"{faint}/>'


def _paint(image: NDArray[np.uint8], shape: Shape) -> None:
    colour = _bgr(shape.colour)
    if isinstance(shape, Box):
        first, last = ((np.array(p) * _PNG_SCALE).round().astype(int) for p in _corners(shape))
        part = image[max(first[1], 0) : max(last[1], 0), max(first[0], 0) : max(last[0], 0)]
        part[:] = np.round(part * (1 - shape.opacity) + np.array(colour) * shape.opacity).astype(np.uint8)
    elif isinstance(shape, Line):
        points = (np.array(shape.points) * _PNG_SCALE * 16).round().astype(np.int32)
        cv2.polylines(image, [points], False, colour, max(1, round(shape.width * _PNG_SCALE)), cv2.LINE_AA, 4)
    else:
        _write(image, shape, colour)


def _corners(box: Box) -> tuple[tuple[float, float], tuple[float, float]]:
    return (box.x, box.y), (box.x + max(box.width, 0), box.y + box.height)


def _write(image: NDArray[np.uint8], words: Words, colour: tuple[int, int, int]) -> None:
    """OpenCV's font knows ASCII only."""
    text = re.sub(r"[–—−]", "-", words.text).encode("ascii", "replace").decode()
    scale = words.size * _PNG_SCALE * _FONT_SCALE
    (width, _), _ = cv2.getTextSize(text, _FONT, scale, 1)
    left = words.x * _PNG_SCALE - {"start": 0, "middle": width / 2, "end": width}[words.anchor]
    cv2.putText(image, text, (round(left), round(words.y * _PNG_SCALE)), _FONT, scale, colour, 1, cv2.LINE_AA)


def _bgr(colour: str) -> tuple[int, int, int]:
    code = INKS.get(colour, colour).lstrip("#")
    red, green, blue = (int(code[place : place + 2], 16) for place in (0, 2, 4))
    return blue, green, red
