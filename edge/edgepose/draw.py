"""Skeletons, ids, labels and bars on pictures: the one place that draws people.

Pictures are (H, W, 3) BGR and are drawn on in place; positions are px. Whatever is written stays inside the
picture: it is moved, then made smaller, then cut. Sizes follow the picture, so that 320×180 and 4K both read well.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.skeletons import Skeleton
from edgepose.types import Array, Float32, Image, Pose, Track

Colour: TypeAlias = tuple[int, int, int]
"""Blue, green, red."""
WHITE: Colour = (255, 255, 255)
# The person's own left is blue, the own right orange: told apart by colour-blind people too.
LEFT: Colour = (255, 176, 64)
RIGHT: Colour = (32, 144, 255)
MIDDLE: Colour = (225, 225, 225)
_DARK: Colour = (24, 24, 24)
_PEOPLE: tuple[Colour, ...] = (
    (96, 230, 96), (255, 160, 255), (80, 225, 255), (255, 230, 90), (120, 140, 255),
    (190, 255, 200), (255, 175, 130), (150, 255, 30), (200, 190, 255), (170, 220, 230),
)  # fmt: skip
_SEEN = 0.3
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SMALLEST = 0.3
"""Text below cannot be read."""
_FARTHEST_PX = 30_000
"""OpenCV's lines overflow with ends much farther out."""


def tracks(
    image: Image,
    people: Sequence[Track],
    skeleton: Skeleton,
    min_confidence: float = _SEEN,
    notes: Mapping[int, Sequence[str]] | None = None,
) -> None:
    """Draws bones and joints of everybody, then "#id" and the notes of that id over each head.

    Joints below ``min_confidence`` are left out; a skeleton without joints is drawn as boxes. An id of -1 (not
    tracked) has neither label nor colour of its own.
    """
    for track in people:
        _skeleton(image, track, skeleton, min_confidence)
    for track in people:
        if track.id >= 0:
            lines = [f"#{track.id}", *(notes or {}).get(track.id, ())]
            label(image, track.pose, lines, person_colour(track.id), min_confidence)


def person_colour(track_id: int) -> Colour:
    """The colour that an id keeps; grey for -1."""
    return _PEOPLE[track_id % len(_PEOPLE)] if track_id >= 0 else (160, 160, 160)


def label(
    image: Image, pose: Pose, lines: Sequence[str], colour: Colour = WHITE, min_confidence: float = _SEEN
) -> None:
    """Lines of text over a person's head, the first one on top; nothing for a person without a place."""
    extent = _extent(pose, min_confidence)
    if extent is None:
        return
    step = line_height(image)
    bottom = max(int(extent[1]) - step // 2, step * len(lines))
    for row, words in enumerate(reversed(lines)):
        text(image, words, (int(extent[0]), bottom - row * step), colour)


def scores(image: Image, pose: Pose, by_label: Mapping[str, float], most: int = 3, colour: Colour = WHITE) -> None:
    """The highest scores (0..1) as small bars with their names under a person."""
    extent = _extent(pose, _SEEN)
    best = sorted(by_label.items(), key=lambda item: -item[1])[:most]
    if extent is None or not best:
        return
    step = line_height(image)
    wide = max(_text_wh(image, _plain(f"{name} 0.00"))[0] for name, _ in best) + step
    x = _inside(int(extent[0]), wide, image.shape[1])
    y = _inside(int(extent[3]) + step // 2, step * len(best), image.shape[0])
    dim = (colour[0] // 2, colour[1] // 2, colour[2] // 2)
    for row, (name, score) in enumerate(best):
        top = y + row * step
        _meter(image, (x, top), (wide, step - 2), score, dim)
        text(image, f"{name} {score:.2f}", (x, top + step - 1), colour, plate=False)


def bar(
    image: Image,
    fraction: float,
    words: str,
    at_xy: tuple[int, int],
    size_wh: tuple[int, int] | None = None,
    colour: Colour = (96, 230, 96),
) -> None:
    """A progress bar with its percentage and ``words`` (a count); upright where ``size_wh`` is higher than wide.

    ``at_xy`` is the upper left corner of text and bar together. A fraction outside 0..1 is drawn as the nearest
    of both, NaN as an empty bar without a percentage.
    """
    step = line_height(image)
    wide, high = size_wh or (8 * step, step)
    share = f"{100 * min(max(fraction, 0.0), 1.0):.0f} %" if math.isfinite(fraction) else "-- %"
    lines = [words, share] if high > wide else [f"{words}  {share}" if words else share]
    lines = [line for line in lines if line]
    block = max(wide, *(_text_wh(image, _plain(line))[0] for line in lines))
    x = _inside(at_xy[0], block, image.shape[1])
    y = _inside(at_xy[1], high + step * len(lines), image.shape[0])
    for row, line in enumerate(lines):
        text(image, line, (x, y + (row + 1) * step), colour)
    _meter(image, (x, y + len(lines) * step), (wide, high), fraction, colour)


def text(image: Image, words: str, at_xy: tuple[int, int], colour: Colour = WHITE, plate: bool = True) -> None:
    """One line of text on a darkened plate; ``at_xy`` is the plate's lower left corner.

    OpenCV's letters are ASCII: accents are dropped, other signs become "?".
    """
    words, size = _fitted(image, _plain(words))
    if not words:
        return
    (wide, high), low = cv2.getTextSize(words, _FONT, size, _pen(size))
    pad = max(1, round(3 * size))
    x = _inside(at_xy[0], wide + 2 * pad, image.shape[1])
    y = _inside(at_xy[1] - (high + low + 2 * pad), high + low + 2 * pad, image.shape[0])
    if plate:
        image[y : y + high + low + 2 * pad, x : x + wide + 2 * pad] >>= 2
    cv2.putText(image, words, (x + pad, y + pad + high), _FONT, size, colour, _pen(size), cv2.LINE_AA)


def line_height(image: Image) -> int:
    """Height of a line of text with its plate, px."""
    return round(34 * _letters(image)) + 2


def lecture_people(
    image: Image, links: Sequence[tuple[int, int]], persons: Array, points: Array, colours: Sequence[Colour]
) -> None:
    """The lecture's drawSkeleton: every person's links, each in its own colour, on ``image``.

    ``links`` are pairs of joints (the lecture gives the first 17), ``persons`` (n, K + 1) point ids with -1 for
    missing ones, ``points`` (P, 2 or more) x, y px by id: as openpose_lecture's lecture_persons and lecture_points say.
    Raises ValueError when there are fewer colours than links. Source: seed_systems.md §2.2.
    """
    width = max(1, round(3 * _letters(image)))
    places = _places(np.asarray(points, np.float64).reshape(len(points), -1)[:, :2])
    for person in np.asarray(persons).astype(int):
        for (a, b), colour in zip(links, colours[: len(links)], strict=True):
            if person[a] >= 0 and person[b] >= 0:
                _bone(image, places[person[a]], places[person[b]], colour, width)


def _skeleton(image: Image, track: Track, skeleton: Skeleton, min_confidence: float) -> None:
    seen = _seen(track.pose.keypoints, min_confidence)
    places = _places(track.pose.keypoints[:, :2])
    width = _bone_width(image, track.pose, min_confidence)
    for (a, b), colour in zip(skeleton.edges, _side_colours(skeleton), strict=True):
        if seen[a] and seen[b]:
            _bone(image, places[a], places[b], colour, width)
    colour = person_colour(track.id) if track.id >= 0 else WHITE
    for x, y in places[seen].tolist():
        cv2.circle(image, (x, y), width, colour, -1, cv2.LINE_AA)
    if not len(skeleton) and np.isfinite(track.pose.box_xyxy).all():
        (x1, y1), (x2, y2) = _places(track.pose.box_xyxy.reshape(2, 2)).tolist()
        cv2.rectangle(image, (x1, y1), (x2, y2), colour, width, cv2.LINE_AA)


def _bone(image: Image, a: NDArray[np.int32], b: NDArray[np.int32], colour: Colour, width: int) -> None:
    """A line with a dark rim, which shows on light clothes."""
    ends = (int(a[0]), int(a[1])), (int(b[0]), int(b[1]))
    if width > 1:
        cv2.line(image, *ends, _DARK, width + max(2, width // 2), cv2.LINE_AA)
    cv2.line(image, *ends, colour, width, cv2.LINE_AA)


@lru_cache(maxsize=32)
def _side_colours(skeleton: Skeleton) -> tuple[Colour, ...]:
    """Colour of every edge by the side of its joints; edges between the sides are neither."""
    sides = [
        {joint.partition("_")[0] for joint in (skeleton.joints[a], skeleton.joints[b])} & {"left", "right"}
        for a, b in skeleton.edges
    ]
    return tuple(LEFT if side == {"left"} else RIGHT if side == {"right"} else MIDDLE for side in sides)


def _bone_width(image: Image, pose: Pose, min_confidence: float) -> int:
    """Of the person's size, but neither invisible nor thicker than the picture bears."""
    extent = _extent(pose, min_confidence)
    side = 0.0 if extent is None else float(max(extent[2] - extent[0], extent[3] - extent[1]))
    return round(min(max(0.011 * side, 1.0), max(2.0, 5 * _short_side(image) / 1080)))


def _extent(pose: Pose, min_confidence: float) -> Float32 | None:
    """(4,) x1 y1 x2 y2 of the joints that are seen, of the box where there is none; None without either."""
    seen = _seen(pose.keypoints, min_confidence)
    if seen.any():
        places = _places(pose.keypoints[seen, :2])
        return np.concatenate([places.min(axis=0), places.max(axis=0)]).astype(np.float32)
    return pose.box_xyxy if np.isfinite(pose.box_xyxy).all() else None


def _seen(keypoints: Float32, min_confidence: float) -> NDArray[np.bool_]:
    return np.isfinite(keypoints).all(axis=1) & (keypoints[:, 2] >= min_confidence)


def _places(points_xy: Array) -> NDArray[np.int32]:
    """(N, 2) whole px that OpenCV can take; what is not finite becomes 0."""
    return np.asarray(np.clip(np.nan_to_num(points_xy), -_FARTHEST_PX, _FARTHEST_PX).round(), np.int32)


def _meter(image: Image, at_xy: tuple[int, int], size_wh: tuple[int, int], fraction: float, colour: Colour) -> None:
    """A darkened frame filled from the left, or from below where it is higher than wide."""
    (x, y), (wide, high) = at_xy, size_wh
    share = min(max(fraction, 0.0), 1.0) if math.isfinite(fraction) else 0.0
    image[y : y + high, x : x + wide] >>= 2
    filled = round(share * (high if high > wide else wide))
    if high > wide:
        image[y + high - filled : y + high, x : x + wide] = colour
    else:
        image[y : y + high, x : x + filled] = colour
    cv2.rectangle(image, (x, y), (x + wide - 1, y + high - 1), WHITE, max(1, round(_letters(image))))


def _letters(image: Image) -> float:
    """OpenCV's font scale: 1 (22 px capitals) for 1080 px of the shorter side, never below what can be read."""
    return max(0.4, _short_side(image) / 1080)


def _short_side(image: Image) -> int:
    return int(min(image.shape[:2]))


def _pen(size: float) -> int:
    return max(1, round(2 * size))


def _text_wh(image: Image, words: str) -> tuple[int, int]:
    size = _letters(image)
    (wide, high), low = cv2.getTextSize(words, _FONT, size, _pen(size))
    return wide + 2 * max(1, round(3 * size)), high + low


def _fitted(image: Image, words: str) -> tuple[str, float]:
    """The words and the font scale at which they are not wider than the picture; cut where they would be too small."""
    size = _letters(image)
    room = image.shape[1] - 2 * max(1, round(3 * size))
    wide = cv2.getTextSize(words, _FONT, size, _pen(size))[0][0]
    if wide <= room:
        return words, size
    size = max(_SMALLEST, size * room / wide)
    while words and cv2.getTextSize(words, _FONT, size, _pen(size))[0][0] > room:
        words = words[:-1]
    return words, size


def _plain(words: str) -> str:
    """ASCII: ü -> u."""
    decomposed = unicodedata.normalize("NFKD", words)
    bare = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return bare.encode("ascii", "replace").decode("ascii")


def _inside(start: int, length: int, most: int) -> int:
    """``start`` moved so that ``length`` px from there lie within 0..most; 0 where they cannot."""
    return max(0, min(start, most - length))
