"""What VideoPose3D and its relatives see: screen units and repeated edges (seed_systems.md §6)."""

from __future__ import annotations

import numpy as np

from edgepose.types import Float32


def to_screen(points_px: Float32, size_wh: tuple[int, int]) -> Float32:
    """(..., 2) px -> x' = 2x/w - 1, y' = 2y/w - h/w: the width is 2, the middle of the picture 0, y down."""
    width, height = size_wh
    scaled: Float32 = points_px * np.float32(2 / width) - np.array([1, height / width], np.float32)
    return scaled


def padded(points: Float32, before: int, after: int) -> Float32:
    """(N, T, ...) -> (N, before + T + after, ...), first and last frame repeated."""
    widths = [(0, 0), (before, after)] + [(0, 0)] * (points.ndim - 2)
    return np.pad(points, widths, mode="edge")
