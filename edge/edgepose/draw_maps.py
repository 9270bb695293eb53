"""A network's confidence maps and affinity fields over the frame: one picture with a tile for each."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np

from edgepose import draw
from edgepose.decoders import Maps
from edgepose.types import Float32, Image

WIDEST_PX = 1920
_TILE_WH = (318, 240)
"""A tile is not larger, and has the frame's aspect."""
_CAPTION_PX = 18
_GAP_PX = 2
_DARKEN = 0.45


def sheet(image: Image, maps: Maps) -> Image:
    """(H, W ≤ 1920, 3): a legend, every joint's map as heat, every link's field as hue (direction) and strength.

    A tile's caption names joint or link and tells the highest value in its map. ``image`` stays as it is.
    """
    frame_wh = (image.shape[1], image.shape[0])
    scale = min(side / have for side, have in zip(_TILE_WH, frame_wh, strict=True))
    size_wh = (max(1, round(frame_wh[0] * scale)), max(1, round(frame_wh[1] * scale)))
    small = cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    ground = np.asarray(small * _DARKEN, np.float32)
    tiles = [_captioned(_legend(size_wh), "direction; strength 0 to 1")]
    for caption, picture, weight in _overlays(maps, frame_wh, size_wh):
        mixed = ground * (1 - weight[..., None]) + picture * weight[..., None]
        tiles.append(_captioned(np.asarray(mixed, np.uint8), caption))
    return _tiled(tiles)


def _overlays(maps: Maps, frame_wh: tuple[int, int], size_wh: tuple[int, int]) -> Iterator[tuple[str, Image, Float32]]:
    """Caption, (h, w, 3) colours and their (h, w) weight 0..1 of every tile."""
    for joint, cells in zip(maps.joints, maps.confidence, strict=True):
        value = _over_frame(cells, maps.area_xyxy, frame_wh, size_wh)
        yield f"{_short(joint)} {cells.max():.2f}", _heat(value), _weight(value)
    for (a, b), cells in zip(maps.links, maps.fields, strict=True):
        x, y = (_over_frame(part, maps.area_xyxy, frame_wh, size_wh) for part in cells)
        length = np.hypot(x, y)
        names = f"{_short(maps.joints[a])} > {_short(maps.joints[b])}"
        yield f"{names} {np.hypot(*cells).max():.2f}", _hue(x, y), _weight(length)


def _over_frame(
    cells: Float32, area_xyxy: tuple[float, float, float, float], frame_wh: tuple[int, int], size_wh: tuple[int, int]
) -> Float32:
    """(h, w) cells that lie at ``area_xyxy`` of the frame -> values at the pixels of the frame drawn at ``size_wh``."""
    left, top, right, bottom = area_xyxy
    height, width = cells.shape
    x = ((np.arange(size_wh[0]) + 0.5) * frame_wh[0] / size_wh[0] - left) * width / (right - left) - 0.5
    y = ((np.arange(size_wh[1]) + 0.5) * frame_wh[1] / size_wh[1] - top) * height / (bottom - top) - 0.5
    at_x, at_y = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    cells = np.ascontiguousarray(cells, np.float32)
    return np.asarray(cv2.remap(cells, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _heat(value: Float32) -> Image:
    return np.asarray(cv2.applyColorMap(np.asarray(np.clip(value, 0, 1) * 255, np.uint8), cv2.COLORMAP_TURBO), np.uint8)


def _hue(x: Float32, y: Float32) -> Image:
    """Colour of a direction: red to the right, then clockwise as on the screen."""
    degrees = np.degrees(np.arctan2(y, x)) % 360
    hsv = np.full((*x.shape, 3), 255, np.uint8)
    hsv[..., 0] = np.asarray(degrees / 2, np.uint8) % 180
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), np.uint8)


def _weight(value: Float32) -> Float32:
    """What is nearly nothing leaves the frame visible."""
    return np.asarray(np.sqrt(np.clip(value, 0, 1)) * 0.9, np.float32)


def _legend(size_wh: tuple[int, int]) -> Image:
    """A wheel of directions, each with its strength from the middle outward, and the scale of heat."""
    width, height = size_wh
    radius = min(width * 0.4, height * 0.32)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = (x - width / 2) / radius, (y - height * 0.42) / radius
    length = np.hypot(x, y)
    picture = np.asarray(_hue(x, y) * np.where(length <= 1, _weight(length), 0)[..., None], np.uint8)
    bar = np.s_[round(height * 0.85) : round(height * 0.93), round(width * 0.15) : round(width * 0.85)]
    ramp = np.linspace(0, 1, picture[bar].shape[1], dtype=np.float32)[None]
    picture[bar] = _heat(ramp) * _weight(ramp)[..., None]
    return picture


def _captioned(picture: Image, words: str) -> Image:
    """The picture under a strip with its name."""
    tile = np.zeros((picture.shape[0] + _CAPTION_PX, picture.shape[1], 3), np.uint8)
    draw.text(tile, words, (0, _CAPTION_PX))
    tile[_CAPTION_PX:] = picture
    return tile


def _tiled(tiles: list[Image]) -> Image:
    height, width = (side + _GAP_PX for side in tiles[0].shape[:2])
    columns = min(len(tiles), max(1, WIDEST_PX // width))
    page = np.zeros((height * math.ceil(len(tiles) / columns), width * columns, 3), np.uint8)
    for place, tile in enumerate(tiles):
        top, left = place // columns * height, place % columns * width
        page[top : top + height - _GAP_PX, left : left + width - _GAP_PX] = tile
    return page


def _short(joint: str) -> str:
    """right_shoulder -> R shoulder"""
    side, _, rest = joint.partition("_")
    return f"{side[0].upper()} {rest}" if side in ("left", "right") else joint
