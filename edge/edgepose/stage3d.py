"""Draws people in metres as a camera sees them that goes round them: ground, skeletons, nothing else.

Stage axes: x right, y away from the recording camera, z up; metres, the ground at z = 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.draw import LEFT, MIDDLE, RIGHT, Colour
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Image

Float64 = NDArray[np.float64]
GROUND: Colour = (0, 0, 0)
_GRID: Colour = (85, 72, 72)
"""Both are in the palette of GIF files, which have few colours."""
_ABOVE = math.radians(12)
_HALF_ANGLE = math.radians(16)
_NEAREST_M = 0.1
_LEAST_REACH_M = 0.7
_GRID_M = 8
_THICK_M = 0.028
"""Of a bone."""
_SETTLE = 5
"""Frames over whose median a foot's height is taken: noise must not make the ground shake."""


@dataclass(frozen=True, slots=True)
class Eye:
    """Where the picture is taken from."""

    centre: Float64
    """(3,) what it looks at."""
    reach_m: float
    """How far people are from the centre, at most."""
    azimuth_rad: float = 0.0
    """0: from where the recording camera stands; positive: to the right of it."""


def basis(up: Array) -> Float64:
    """(3, 3) rows are the stage's axes in the poses' own, of which ``up`` (one of ±x, ±y, ±z) points upwards."""
    upward = np.asarray(up, np.float64)
    across = np.array([0.0, 1.0, 0.0]) if abs(upward[0]) > 0.5 else np.array([1.0, 0.0, 0.0])
    return np.stack([across, np.cross(upward, across), upward])


def on_ground(points: Array) -> Float64:
    """(N, K, 3) of one person in stage axes, each frame lowered so that the lowest joint is at 0."""
    lowest = np.fmin.reduce(points[..., 2], axis=1).astype(np.float64)
    known = np.flatnonzero(np.isfinite(lowest))
    if not len(known):
        return np.asarray(points)
    held = np.interp(np.arange(len(lowest)), known, lowest[known])
    padded = np.pad(held, _SETTLE // 2, mode="edge")
    lowered = np.array(points, np.float64)
    lowered[..., 2] -= np.median(np.lib.stride_tricks.sliding_window_view(padded, _SETTLE), axis=1)[:, None]
    return lowered


def eye_for(points: Array) -> Eye:
    """An eye that sees (N, K, 3) points of a whole clip; NaN ones are left out."""
    known = points.reshape(-1, 3)[np.isfinite(points.reshape(-1, 3)).all(axis=1)]
    if not len(known):
        return Eye(np.array([0.0, 0.0, 0.8]), 1.0)
    low, high = np.percentile(known, [0.5, 99.5], axis=0)
    centre = (low + high) / 2
    reach_m = float(np.percentile(np.linalg.norm(known - centre, axis=1), 99.5))
    return Eye(centre, max(reach_m, _LEAST_REACH_M))


def seen(points: Array, eye: Eye, side_px: int) -> Float64:
    """(..., 3) stage axes -> (..., 3): px of a square picture and depth in metres; NaN behind the eye."""
    turn, up = eye.azimuth_rad, _ABOVE
    outward = np.array([math.sin(turn) * math.cos(up), -math.cos(turn) * math.cos(up), math.sin(up)])
    right = np.array([math.cos(turn), math.sin(turn), 0.0])
    upward = np.cross(right, -outward)
    away_m = eye.reach_m / math.sin(_HALF_ANGLE)
    offset = points - (eye.centre + outward * away_m)
    depth = offset @ -outward
    depth = np.where(depth > _NEAREST_M, depth, np.nan)
    focal_px = side_px / 2 / math.tan(_HALF_ANGLE)
    x = side_px / 2 + focal_px * (offset @ right) / depth
    y = side_px / 2 - focal_px * (offset @ upward) / depth
    return np.stack([x, y, depth], axis=-1)


def picture(people: Sequence[Array], skeleton: Skeleton, eye: Eye, side_px: int) -> Image:
    """(K, 3) of everybody in stage axes -> (side, side, 3) BGR; bones with an unknown end are left out."""
    image = np.full((side_px, side_px, 3), GROUND, np.uint8)
    _grid(image, eye)
    bones = [
        (float(places[[a, b], 2].mean()), places[[a, b]], colour)
        for places in (seen(person, eye, side_px) for person in people)
        for (a, b), colour in zip(skeleton.edges, side_colours(skeleton), strict=True)
        if np.isfinite(places[[a, b]]).all()
    ]
    focal_px = side_px / 2 / math.tan(_HALF_ANGLE)
    for depth, ends, colour in sorted(bones, key=lambda bone: -bone[0]):
        width = max(1, round(_THICK_M * focal_px / depth))
        _line(image, ends, colour, width)
    return image


def side_colours(skeleton: Skeleton) -> list[Colour]:
    """Of every edge: the person's own left blue, the own right orange, what is neither grey."""
    sides = [
        {skeleton.joints[joint].partition("_")[0] for joint in edge} & {"left", "right"} for edge in skeleton.edges
    ]
    return [LEFT if side == {"left"} else RIGHT if side == {"right"} else MIDDLE for side in sides]


def _grid(image: Image, eye: Eye) -> None:
    """Lines of the ground, a metre apart."""
    across = np.arange(-_GRID_M, _GRID_M + 1, dtype=np.float64)
    lines = np.stack(np.meshgrid(across, across, indexing="ij"), axis=-1)  # one at each x, a point at each z
    lines = np.concatenate([lines, lines[..., ::-1]]) + np.round(eye.centre[:2])
    places = seen(np.concatenate([lines, np.zeros((*lines.shape[:2], 1))], axis=-1), eye, image.shape[0])[..., :2]
    pieces = np.stack([places[:, :-1], places[:, 1:]], axis=2).reshape(-1, 2, 2)
    pieces = pieces[np.isfinite(pieces).all(axis=(1, 2))]
    cv2.polylines(image, list(_quarters(pieces)), False, _GRID, 1, cv2.LINE_AA, 2)


def _quarters(points_px: Float64) -> NDArray[np.int32]:
    """Whole quarters of a pixel: with less precision slow movements jump."""
    return np.asarray((points_px * 4).round().clip(-60_000, 60_000), np.int32)


def _line(image: Image, ends: Float64, colour: Colour, width: int) -> None:
    start, end = _quarters(ends[:, :2]).tolist()
    cv2.line(image, start, end, colour, width, cv2.LINE_AA, 2)
