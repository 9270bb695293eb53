"""OpenPose's confidence maps and affinity fields: enlarged, searched for peaks, read along lines.

Maps are float32 (C, h, w), one cell per 8 px of the network's input. Peaks are found on maps enlarged to
``size_wh``; coordinates are x, y in pixels of that size, counted from the first pixel's centre.
Source: seed_systems.md §2.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.types import Array, Float32

_MOST_PEAKS = 127
_EARLIER = ((-1, -1), (-1, 0), (-1, 1), (0, -1))
_SQUARE = np.arange(-3, 4)


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
        self._maps = maps
        height, width = maps.shape[1:]
        self._x = _taps(size_wh[0], width, cubic)
        self._y = _taps(size_wh[1], height, cubic)

    def __call__(self, channel: Array, x: Array, y: Array) -> Float32:
        """Values (...) at whole pixels x, y (...) of the given maps."""
        (columns, x_weights), (rows, y_weights) = self._x, self._y
        cells = self._maps[channel[..., None, None], rows[y][..., :, None], columns[x][..., None, :]]
        lines = np.einsum("...ij,...j->...i", cells, x_weights[x])
        return np.asarray(np.einsum("...i,...i->...", lines, y_weights[y]), np.float32)


def sharp_peaks(maps: Float32, size_wh: tuple[int, int], threshold: float) -> Peaks:
    """OpenPose's own: maxima among 8 neighbours above the threshold, moved to the centroid of 7×7 px.

    At most 127 per joint, the best. Of two equal neighbours the first counts (OpenPose loses both).
    """
    return Peaks.of_groups([_sharp(small, size_wh, threshold) for small in maps])


def blob_peaks(maps: Float32, size_wh: tuple[int, int], threshold: float = 0.1) -> Peaks:
    """The lecture's: one per blob of the smoothed map above the threshold, scored from the unsmoothed map."""
    return Peaks.of_groups([_blobs(small, size_wh, threshold) for small in maps])


def _sharp(small: Float32, size_wh: tuple[int, int], threshold: float) -> Float32:
    big = cv2.resize(small, size_wh, interpolation=cv2.INTER_CUBIC)
    highest = cv2.compare(big, cv2.dilate(big, np.ones((3, 3), np.uint8)), cv2.CMP_GE)
    highest = cv2.bitwise_and(highest, (big > threshold).view(np.uint8))
    if not cv2.countNonZero(highest):
        return np.zeros((0, 3), np.float32)
    x, y = cv2.findNonZero(highest).reshape(-1, 2).T
    inside = (x > 0) & (y > 0) & (x < size_wh[0] - 1) & (y < size_wh[1] - 1)
    x, y = x[inside], y[inside]
    first = np.all([big[y, x] > big[y + dy, x + dx] for dy, dx in _EARLIER], axis=0)
    x, y = x[first], y[first]
    best = np.argsort(-big[y, x], kind="stable")[:_MOST_PEAKS]
    x, y = x[best], y[best]
    return np.column_stack([_centroids(big, x, y), big[y, x]])


def _centroids(big: Array, x: Array, y: Array) -> Float32:
    """(n, 2) centroid of the positive values in the 7×7 px around each peak, as far as they lie in the map."""
    rows, columns = y[:, None] + _SQUARE, x[:, None] + _SQUARE
    inside = ((rows >= 0) & (rows < big.shape[0]))[:, :, None] & ((columns >= 0) & (columns < big.shape[1]))[:, None]
    near = big[np.clip(rows, 0, big.shape[0] - 1)[:, :, None], np.clip(columns, 0, big.shape[1] - 1)[:, None]]
    near = np.where(inside, np.maximum(near, 0), 0)
    total = near.sum(axis=(1, 2))
    shift_x, shift_y = (near.sum(axis=axis) @ _SQUARE / total for axis in (1, 2))
    return np.column_stack([x + shift_x, y + shift_y]).astype(np.float32)


def _blobs(small: Float32, size_wh: tuple[int, int], threshold: float) -> Float32:
    big = cv2.resize(small, size_wh, interpolation=cv2.INTER_LINEAR)
    mask = (cv2.GaussianBlur(big, (3, 3), 0) > threshold).view(np.uint8)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask)
    peaks = np.empty((count - 1, 3), np.float32)
    for blob in range(1, count):
        left, top, width, height = (int(value) for value in boxes[blob, :4])
        part = np.s_[top : top + height, left : left + width]
        _, score, _, (x, y) = cv2.minMaxLoc(big[part], (labels[part] == blob).astype(np.uint8))
        peaks[blob - 1] = (left + x, top + y, score)
    return peaks


def _taps(pixels: int, cells: int, cubic: bool) -> tuple[NDArray[np.intp], Float32]:
    """For every pixel the (pixels, T) cells that make it and their weights; T is 4 (bicubic, a = -0.75) or 2."""
    at = (np.arange(pixels) + 0.5) * cells / pixels - 0.5
    reach = np.arange(-1, 3) if cubic else np.arange(2)
    cell = np.floor(at).astype(np.intp)[:, None] + reach
    distance = np.abs(at[:, None] - cell)
    near = (1.25 * distance - 2.25) * distance**2 + 1 if cubic else 1 - distance
    far = ((-0.75 * distance + 3.75) * distance - 6) * distance + 3
    weights = np.where(distance <= 1, near, far if cubic else 0)
    return np.clip(cell, 0, cells - 1), weights.astype(np.float32)
