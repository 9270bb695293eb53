"""Rotations as six numbers, and limbs of two bones.

A rotation is kept as its first two columns (Zhou et al. 2019, "On the Continuity of Rotation Representations"):
sums of such sixes are a rotation again once they are straightened, so means, principal components and blends work.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
_TINY = 1e-9


def six(rotations: Float64) -> Float64:
    """(..., 3, 3) -> (..., 6): the x axis, then the y axis."""
    return np.concatenate([rotations[..., 0], rotations[..., 1]], axis=-1)


def matrices(sixes: Float64, along_x: NDArray[np.bool_] | None = None) -> Float64:
    """(..., 6) -> (..., 3, 3) by Gram-Schmidt: the y axis keeps its direction, where ``along_x`` the x axis does."""
    x, y = unit(sixes[..., :3]), unit(sixes[..., 3:])
    cosine = np.sum(x * y, axis=-1, keepdims=True)
    first = np.zeros_like(cosine, bool) if along_x is None else np.broadcast_to(along_x[..., None], cosine.shape)
    x, y = np.where(first, x, unit(x - y * cosine)), np.where(first, unit(y - x * cosine), y)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def unit(vectors: Float64) -> Float64:
    """(..., 3) of length 1."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), _TINY))


def about_y(angle_rad: Float64) -> Float64:
    """(...) -> (..., 3, 3): positive turns z to x, to the player's left."""
    cos, sin, zero, one = np.cos(angle_rad), np.sin(angle_rad), np.zeros_like(angle_rad), np.ones_like(angle_rad)
    rows = [np.stack(row, axis=-1) for row in ((cos, zero, sin), (zero, one, zero), (-sin, zero, cos))]
    return np.stack(rows, axis=-2)


def about(axis: Float64, angle_rad: Float64) -> Float64:
    """(..., 3) unit axes, (...) -> (..., 3, 3), Rodrigues."""
    cos, sin = np.cos(angle_rad)[..., None, None], np.sin(angle_rad)[..., None, None]
    x, y, z = np.moveaxis(axis, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([np.stack([zero, -z, y], -1), np.stack([z, zero, -x], -1), np.stack([-y, x, zero], -1)], -2)
    return np.asarray(cos * np.eye(3) + sin * cross + (1 - cos) * axis[..., :, None] * axis[..., None, :])


def between(start: Float64, end: Float64) -> Float64:
    """(..., 3), (..., 3) -> (..., 3, 3): the shortest turn from one direction to the other."""
    start, end = unit(start), unit(end)
    axis = np.cross(start, end)
    sine = np.linalg.norm(axis, axis=-1)
    return about(unit(axis), np.arctan2(sine, np.sum(start * end, axis=-1)))


def reach(
    root: Float64, target: Float64, upper: float, lower: float, pole: Float64, straight: float = 0.998
) -> tuple[Float64, Float64]:
    """(N, 3) middle and end of a limb from ``root`` towards ``target``, the middle bent towards ``pole``.

    A target out of reach is met as far as ``straight`` times the limb's length goes; both bones keep their length.
    """
    way = target - root
    longest, shortest = (upper + lower) * straight, abs(upper - lower) + 0.25 * min(upper, lower)
    distance = np.clip(np.linalg.norm(way, axis=-1, keepdims=True), shortest, longest)
    along = unit(way)
    aside = unit(pole - along * np.sum(pole * along, axis=-1, keepdims=True))
    base = (upper**2 - lower**2 + distance**2) / (2 * distance)
    height = np.sqrt(np.maximum(upper**2 - base**2, 0))
    return root + along * base + aside * height, root + along * distance
