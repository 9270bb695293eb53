"""OpenPose's confidence maps and affinity fields: enlarged, searched for peaks, read along lines.

Maps are float32 (C, h, w), one cell per 8 px of the network's input. Peaks are found on maps enlarged to
``size_wh``; coordinates are x, y in pixels of that size, counted from the first pixel's centre.
Source: seed_systems.md §2.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.types import Array, Float32

_MOST_PEAKS = 127
_EARLIER = ((2, 2), (2, 3), (2, 4), (3, 2))  # of a 7×7 square's middle (3, 3), in reading order
_SQUARE = np.arange(-3, 4, dtype=np.float32)
_REMAP_SCALES = (1, 2, 4, 8, 16)  # cv2.remap knows positions to 1/32 of a cell: enough for these alone
_REMAP_SIDE = 32766  # px, of cv2.remap
_CELLS = 4096  # enlarged at once, so that they stay in the processor's cache


@dataclass(frozen=True, slots=True)
class Peaks:
    """Candidates of all joints, joint by joint; the row is the candidate's id."""

    joint: NDArray[np.intp]
    """(P,)"""
    xy: Float32
    """(P, 2) px."""
    score: Float32
    """(P,)"""

    @staticmethod
    def of_groups(groups: list[Float32]) -> Peaks:
        """One (n, 3) array of x, y, score for each joint."""
        rows = np.concatenate([*groups, np.zeros((0, 3), np.float32)]).astype(np.float32)
        joint = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        return Peaks(joint, rows[:, :2], rows[:, 2])


class Enlarged:
    """Maps as if enlarged to ``size_wh`` (bicubic or linear, as OpenCV does it), worked out only where asked."""

    def __init__(self, maps: Float32, size_wh: tuple[int, int], cubic: bool) -> None:
        self._maps, self._size_wh, self._cubic = maps, size_wh, cubic
        self._height, self._width = maps.shape[1] + 4, maps.shape[2] + 4
        scales = _scales(maps, size_wh)
        self._scales = scales or (0, 0)
        low = len(maps) * self._height < _REMAP_SIDE and self._width < _REMAP_SIDE
        if cubic and scales and low and set(scales) <= set(_REMAP_SCALES):
            # All maps in one picture, one below the other, each with its own edge repeated twice.
            self._tall: Float32 | None = _padded(maps).reshape(-1, self._width)
        else:
            self._tall = None
            self._x = _taps(size_wh[0], maps.shape[2], cubic)
            self._y = _taps(size_wh[1], maps.shape[1], cubic)

    def __call__(self, channel: Array, x: Array, y: Array) -> Float32:
        """Values (...) at whole pixels x, y (...) of the given maps; the three arrays broadcast."""
        if self._tall is None:
            return self._gathered(channel, x.astype(np.intp), y.astype(np.intp))
        column = (x + np.float32(0.5)) / np.float32(self._scales[0]) + np.float32(1.5)
        row = (y + np.float32(0.5)) / np.float32(self._scales[1]) + np.float32(1.5)
        row = row + (channel * self._height).astype(np.float32)
        column, row = np.broadcast_arrays(column, row)
        wanted, count = row.shape, row.size
        if not count:
            return np.zeros(wanted, np.float32)
        shape = (-(-count // 1024), 1024)  # no side may be too long for cv2.remap
        column, row = (np.resize(side.astype(np.float32), shape) for side in (column, row))
        values = cv2.remap(self._tall, column, row, cv2.INTER_CUBIC)
        return np.asarray(values, np.float32).ravel()[:count].reshape(wanted)

    def _gathered(self, channel: Array, x: Array, y: Array) -> Float32:
        (columns, x_weights), (rows, y_weights) = self._x, self._y
        cells = self._maps[channel[..., None, None], rows[y][..., :, None], columns[x][..., None, :]]
        lines = np.einsum("...ij,...j->...i", cells, x_weights[x])
        return np.asarray(np.einsum("...i,...i->...", lines, y_weights[y]), np.float32)


def sharp_peaks(maps: Float32, size_wh: tuple[int, int], threshold: float) -> Peaks:
    """OpenPose's own: maxima among 8 neighbours above the threshold, moved to the centroid of 7×7 px.

    At most 127 per joint, the best. Of two equal neighbours the first counts (OpenPose loses both); where
    nothing rises above float32's rounding there is no peak.
    """
    scales = _scales(maps, size_wh)
    read = Enlarged(maps, size_wh, cubic=True)
    parts = _of_cells(maps, scales, threshold) if scales else _of_whole_maps(maps, size_wh, threshold)
    found = [_moved(read, size_wh, threshold, *part) for part in parts]
    rows = np.concatenate([np.zeros((0, 4), np.float32), *found])
    rows = rows[np.lexsort((-rows[:, 3], rows[:, 0]))]
    joint = rows[:, 0].astype(np.intp)
    place = np.arange(len(rows)) - np.searchsorted(joint, joint)
    rows = rows[place < _MOST_PEAKS]
    return Peaks(rows[:, 0].astype(np.intp), rows[:, 1:3], rows[:, 3])


def blob_peaks(maps: Float32, size_wh: tuple[int, int], threshold: float = 0.1) -> Peaks:
    """The lecture's: one per blob of the smoothed map above the threshold, scored from the unsmoothed map."""
    return Peaks.of_groups([_blobs(small, size_wh, threshold) for small in maps])


def _of_cells(maps: Float32, scales: tuple[int, int], threshold: float) -> Iterator[tuple[Array, Array, Array]]:
    """Map, x, y of all pixels that may be peaks, of some thousand cells at a time.

    Only cells in which a value above the threshold is possible are enlarged, each with a ring of 1 px round it:
    bicubic enlargement is local, so that these are weighted sums of 5×5 cells.
    """
    weights = np.einsum("yj,xi->yxji", _ring(scales[1]), _ring(scales[0]))
    own = weights[1:-1, 1:-1].reshape(-1, 5, 5)
    padded, rounding = _padded(maps), _rounding(maps)
    joint, row, column = np.nonzero(_most(padded, own.max(axis=0), own.min(axis=0)) > threshold - rounding)
    corner = (joint * padded.shape[1] + row) * padded.shape[2] + column
    square = (np.arange(5)[:, None] * padded.shape[2] + np.arange(5)).reshape(25, 1)
    for part in (slice(start, start + _CELLS) for start in range(0, len(corner), _CELLS)):
        cells = padded.ravel()[corner[part] + square]
        rising = np.ptp(cells, axis=0) > rounding
        pixels = (weights.reshape(-1, 25) @ cells).reshape(*weights.shape[:2], -1)
        lines = np.maximum(np.maximum(pixels[:-2], pixels[1:-1]), pixels[2:])
        highest = np.maximum(np.maximum(lines[:, :-2], lines[:, 1:-1]), lines[:, 2:])
        may_be = (pixels[1:-1, 1:-1] >= np.maximum(highest, threshold) - rounding) & rising
        y, x, cell = np.unravel_index(np.flatnonzero(may_be), may_be.shape)
        yield joint[part][cell], column[part][cell] * scales[0] + x, row[part][cell] * scales[1] + y


def _of_whole_maps(maps: Float32, size_wh: tuple[int, int], threshold: float) -> Iterator[tuple[Array, Array, Array]]:
    """The same for sizes that are no whole multiple of the maps', one map at a time."""
    rounding = _rounding(maps)
    for joint, small in enumerate(maps):
        big = cv2.resize(small, size_wh, interpolation=cv2.INTER_CUBIC)
        highest = np.maximum(cv2.dilate(big, np.ones((3, 3), np.uint8)), threshold)
        y, x = np.nonzero((big >= highest - rounding) & (np.ptp(small) > rounding))
        yield np.full(len(x), joint), x, y


def _moved(read: Enlarged, size_wh: tuple[int, int], threshold: float, joint: Array, x: Array, y: Array) -> Float32:
    """(n, 4) map, x, y, score of those pixels that are peaks, moved to the centroid of 7×7 px as far as these exist."""
    inner = (x > 0) & (y > 0) & (x < size_wh[0] - 1) & (y < size_wh[1] - 1)
    joint, x, y = joint[inner], x[inner], y[inner]
    columns, rows = x[:, None] + _SQUARE, y[:, None] + _SQUARE
    width, height = size_wh
    near = read(joint[:, None, None], columns.clip(0, width - 1)[:, None], rows.clip(0, height - 1)[:, :, None])
    score = near[:, 3, 3]
    highest = (score > threshold) & (score >= near[:, 2:5, 2:5].max(axis=(1, 2), initial=-np.inf))
    for row, column in _EARLIER:
        highest &= score > near[:, row, column]
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None]
    mass = (np.maximum(near, 0) * inside)[highest]
    total = mass.sum(axis=(1, 2))
    shift_x, shift_y = (mass.sum(axis=axis) @ _SQUARE / total for axis in (1, 2))
    peaks = (joint[highest], x[highest] + shift_x, y[highest] + shift_y, score[highest])
    return np.column_stack(peaks).astype(np.float32)


def _most(padded: Float32, upper: Float32, lower: Float32) -> Float32:
    """(C, h, w) that no pixel of the cell exceeds, from the greatest and least weight of each of 5×5 cells."""
    tall = padded.reshape(-1, padded.shape[2])
    most = cv2.filter2D(np.maximum(tall, 0), -1, upper) + cv2.filter2D(np.minimum(tall, 0), -1, lower)
    return np.asarray(most.reshape(padded.shape)[:, 2:-2, 2:-2])


def _blobs(small: Float32, size_wh: tuple[int, int], threshold: float) -> Float32:
    big = cv2.resize(small, size_wh, interpolation=cv2.INTER_LINEAR)
    mask = (cv2.GaussianBlur(big, (3, 3), 0) > threshold).view(np.uint8)
    # Ten times faster than cv2.connectedComponentsWithStats. Contours with a parent are holes.
    contours, relatives = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    peaks = []
    for index, contour in enumerate(contours):
        if relatives[0, index, 3] >= 0:
            continue
        left, top, width, height = cv2.boundingRect(contour)
        part = np.s_[top : top + height, left : left + width]
        blob = np.zeros((height, width), np.uint8)
        cv2.drawContours(blob, contours, index, 1, cv2.FILLED, 8, relatives, 1, (-left, -top))
        _, score, _, (x, y) = cv2.minMaxLoc(big[part], blob & mask[part])
        if score > 0:  # else only its neighbours' light made it a blob
            peaks.append((left + x, top + y, score))
    return np.array(peaks, np.float32).reshape(-1, 3)


def _scales(maps: Float32, size_wh: tuple[int, int]) -> tuple[int, int] | None:
    """Pixels per cell across and down; None when they are not whole."""
    height, width = maps.shape[1:]
    if size_wh[0] % width or size_wh[1] % height:
        return None
    return size_wh[0] // width, size_wh[1] // height


def _rounding(maps: Float32) -> np.float32:
    """What two ways to the same enlarged pixel may differ by."""
    return np.float32(2e-6 * max(1.0, float(np.abs(maps).max(initial=0))))


def _padded(maps: Float32) -> Float32:
    """(C, h + 4, w + 4): the edges repeated twice on every side."""
    return np.pad(maps, ((0, 0), (2, 2), (2, 2)), mode="edge")


def _ring(scale: int) -> Float32:
    """(scale + 2, 5) weights of the cells -2 to 2 in the pixels of cell 0 and one more on either side."""
    at = (np.arange(-1, scale + 1) + 0.5) / scale - 0.5
    return _cubic(np.abs(at[:, None] - np.arange(-2, 3)))


def _taps(pixels: int, cells: int, cubic: bool) -> tuple[NDArray[np.intp], Float32]:
    """For every pixel the (pixels, T) cells that make it and their weights; T is 4 (bicubic) or 2."""
    at = (np.arange(pixels) + 0.5) * cells / pixels - 0.5
    reach = np.arange(-1, 3) if cubic else np.arange(2)
    cell = np.floor(at).astype(np.intp)[:, None] + reach
    distance = np.abs(at[:, None] - cell)
    weights = _cubic(distance) if cubic else (1 - distance).astype(np.float32)
    return np.clip(cell, 0, cells - 1), weights


def _cubic(distance: Array) -> Float32:
    """OpenCV's bicubic weights, a = -0.75, of cells at these distances."""
    near = (1.25 * distance - 2.25) * distance**2 + 1
    far = ((-0.75 * distance + 3.75) * distance - 6) * distance + 3
    return np.asarray(np.where(distance <= 1, near, np.where(distance < 2, far, 0)), np.float32)
