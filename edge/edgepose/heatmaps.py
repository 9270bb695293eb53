"""Heat maps -> joints: arg max, quarter offset, DARK; the flip test's mean; SimCC's two one-dimensional maps.

All people and joints at once. Positions are x, y in cells of the map, from the first cell's centre as HRNet counts
them (cell i of a map w wide is at i / w of the crop). A joint is (NaN, NaN, 0) where its map's highest value is not
above 0 or nothing rises: HRNet and rtmlib put such a joint on the crop's corner. Confidences end at 1.
Source: seed_systems.md §4; DARK: arxiv.org/abs/1910.06278.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.types import Array, Float32

_DARKEST = 1e-10
_MOST_STEP = 2.0  # cells: as far as DARK's differences reach


def peaks(maps: Float32, way: str = "quarter") -> Float32:
    """(N, K, h, w) finite maps -> (N, K, 3) x, y in cells, confidence 0..1; way: argmax, quarter or dark."""
    people, joints, height, width = maps.shape
    cells = maps.reshape(people, joints, height * width)
    at = cells.argmax(axis=2)
    score = np.take_along_axis(cells, at[..., None], axis=2)[..., 0]
    y, x = np.divmod(at, width)
    found = np.stack([x, y, score.clip(0, 1)], axis=2).astype(np.float32)
    if way == "quarter":
        found[..., :2] += _quarter(maps, x, y)
    elif way == "dark":
        found[..., :2] += _dark(maps, x, y)
    found[(score <= 0) | (score <= cells.min(axis=2))] = (np.nan, np.nan, 0)
    return found


def simcc_peaks(x_maps: Float32, y_maps: Float32) -> Float32:
    """(N, K, Wx), (N, K, Wy) -> (N, K, 3) x, y in their bins, confidence 0..1: the lower of the two maxima."""
    x, y = x_maps.argmax(axis=2), y_maps.argmax(axis=2)
    score = np.minimum(x_maps.max(axis=2), y_maps.max(axis=2))
    flat = (np.ptp(x_maps, axis=2) == 0) | (np.ptp(y_maps, axis=2) == 0)
    found = np.stack([x, y, score.clip(0, 1)], axis=2).astype(np.float32)
    found[(score <= 0) | flat] = (np.nan, np.nan, 0)
    return found


def with_mirrored(maps: Float32, mirrored: Float32, mirror: NDArray[np.intp]) -> Float32:
    """(N, K, h, w) twice -> mean of the maps and of the mirrored pictures' maps, turned back and one cell to the right.

    Their first column stays, as HRNet leaves it. ``mirror``: (K,) the joint that each one is in a mirror.
    """
    back = mirrored[:, mirror, :, ::-1]
    mean = maps + back
    mean[..., 1:] = maps[..., 1:] + back[..., :-1]
    return np.asarray(0.5 * mean, np.float32)


def blur_kernel(size_wh: tuple[int, int]) -> int:
    """DARK's kernel for maps of that size: 11 for 64×48, 17 for 96×72, as MMPose has them.

    The maps' Gaussians have sigma = longer side / 32; OpenCV's rule sigma = 0.3 ((k - 1) / 2 - 1) + 0.8, turned round.
    """
    half = (max(size_wh) / 32 - 0.8) / 0.3 + 1
    return 2 * max(int(half), 1) + 1


def _around(maps: Float32, x: Array, y: Array) -> Callable[[int, int], Array]:
    """(dx, dy) -> (N, K) values beside the cells; outside the map: its edge."""
    person, joint = np.ogrid[: len(x), : x.shape[1]]
    height, width = maps.shape[2:]

    def at(dx: int, dy: int) -> Array:
        return np.asarray(maps[person, joint, (y + dy).clip(0, height - 1), (x + dx).clip(0, width - 1)], np.float64)

    return at


def _quarter(maps: Float32, x: Array, y: Array) -> Array:
    """(N, K, 2) a quarter of a cell towards the higher neighbours, away from the map's edges only."""
    at = _around(maps, x, y)
    height, width = maps.shape[2:]
    inner = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
    slope = np.stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)], axis=2)
    return np.asarray(0.25 * np.sign(slope) * inner[..., None])


def _dark(maps: Float32, x: Array, y: Array) -> Array:
    """(N, K, 2) one Newton step on the logarithm of the blurred map.

    None near the edges, where the map is no hill, or where the step leads further than its differences reach.
    """
    value = _around(_blurred(maps), x, y)

    def at(dx: int, dy: int) -> Array:
        return np.asarray(np.log(np.maximum(value(dx, dy), _DARKEST)))

    height, width = maps.shape[2:]
    gx, gy = 0.5 * (at(1, 0) - at(-1, 0)), 0.5 * (at(0, 1) - at(0, -1))
    xx = 0.25 * (at(2, 0) - 2 * at(0, 0) + at(-2, 0))
    yy = 0.25 * (at(0, 2) - 2 * at(0, 0) + at(0, -2))
    xy = 0.25 * (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1))
    bend = xx * yy - xy * xy
    hill = (xx < 0) & (bend > 0) & (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)
    step = -np.stack([yy * gx - xy * gy, xx * gy - xy * gx], axis=2) / np.where(hill, bend, 1)[..., None]
    return np.where((hill & (np.abs(step).max(axis=2) <= _MOST_STEP))[..., None], step, 0)


def _blurred(maps: Float32) -> Float32:
    """(N, K, h, w) Gaussian blur with zeros round each map, each as high as before."""
    height, width = maps.shape[2:]
    side = blur_kernel((width, height))
    sigma, ring = 0.3 * ((side - 1) * 0.5 - 1) + 0.8, side // 2
    # All maps in one picture, one below the other, with zeros between them.
    tall = np.pad(maps.reshape(-1, height, width), ((0, 0), (ring, ring), (0, 0))).reshape(-1, width)
    smooth = cv2.GaussianBlur(tall, (side, side), sigma, borderType=cv2.BORDER_CONSTANT)
    blurred = np.asarray(smooth, np.float32).reshape(-1, height + 2 * ring, width)[:, ring : ring + height]
    blurred = blurred.reshape(maps.shape)
    most, new = (each.max(axis=(2, 3), keepdims=True) for each in (maps, blurred))
    return np.asarray(np.divide(blurred, new, out=np.zeros_like(blurred), where=new > 0) * most, np.float32)
