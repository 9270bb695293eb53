"""Draws people in metres: their skeletons over the picture, and the same scene from above beside it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edgepose import draw
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Image, Pose, Track

_PLATE = (32, 32, 32)
_LINES = (72, 72, 72)
_WORDS = (176, 176, 176)
_LEAST_SIDE_M = 4.0
_STEPS_M = (1, 2, 5, 10, 20, 50, 100)


def scene(image: Image, people: Sequence[Pose], points_m: Array, skeleton: Skeleton) -> Image:
    """(H, W, 3) BGR and people with (N, K, 3) metres in camera axes -> (H, W + H, 3): the picture, then from above."""
    seen = image.copy()
    draw.tracks(seen, [Track(number, pose) for number, pose in enumerate(people)], skeleton, min_confidence=0.0)
    for number, pose in enumerate(people):
        depth = f"{np.nanmean(points_m[number, :, 2]):.1f} m"
        draw.label(seen, pose, [depth], draw.person_colour(number), min_confidence=0.0)
    return np.concatenate([seen, above(points_m, skeleton, image.shape[0])], axis=1)


def above(points_m: Array, skeleton: Skeleton, side_px: int) -> Image:
    """(N, K, 3) metres in camera axes -> (side, side, 3): the camera at the middle of the lower edge."""
    picture = np.full((side_px, side_px, 3), _PLATE, np.uint8)
    known = points_m[np.isfinite(points_m).all(axis=-1)]
    reach = max((float(known[:, 2].max()), 2.2 * float(np.abs(known[:, 0]).max()))) if len(known) else 0.0
    reach = max(1.1 * reach, _LEAST_SIDE_M)
    scale = side_px / reach
    step = next((step for step in _STEPS_M if reach / step <= 8), _STEPS_M[-1])
    for metres in range(0, int(reach) + 1, step):
        y = round(side_px - 1 - metres * scale)
        cv2.line(picture, (0, y), (side_px, y), _LINES, 1)
        if metres:
            draw.text(picture, f"{metres} m", (4, y - 2), _WORDS, plate=False)
    for number, points in enumerate(points_m):
        places = np.stack([side_px / 2 + points[:, 0] * scale, side_px - 1 - points[:, 2] * scale], axis=1)
        _person(picture, places, skeleton, draw.person_colour(number))
    camera = np.array([[side_px / 2 - 8, side_px - 1], [side_px / 2 + 8, side_px - 1], [side_px / 2, side_px - 14]])
    cv2.fillPoly(picture, [camera.astype(np.int32)], draw.WHITE)
    return picture


def _person(picture: Image, places: Array, skeleton: Skeleton, colour: draw.Colour) -> None:
    for a, b in skeleton.edges:
        if np.isfinite(places[[a, b]]).all():
            start, end = (tuple(int(v) for v in places[joint].round()) for joint in (a, b))
            cv2.line(picture, start, end, colour, 2, cv2.LINE_AA)
    for place in places[np.isfinite(places).all(axis=1)]:
        cv2.circle(picture, (round(place[0]), round(place[1])), 2, colour, -1, cv2.LINE_AA)
