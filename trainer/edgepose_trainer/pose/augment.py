"""Training samples: one picture, a mosaic of several, or people cut out and pasted on pictures without anybody."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from edgepose.geometry import box_iou
from edgepose.types import Array, Float32, Image
from edgepose_trainer.pose.canvas import Canvas, Sample, similarity
from edgepose_trainer.pose.photometric import spoil
from edgepose_trainer.pose.pictures import Person, Picture, decoded

SHARES = {
    "lspet": 0.255, "stanford40": 0.2, "coco_train_kp": 0.07, "courtside": 0.055, "coco_nopeople": 0.03,
    "synthetic": 0.39,
}  # fmt: skip
"""Of the pictures drawn; sources that are not there leave theirs to the others."""
_PASTED, _MOSAIC, _WHOLE = 0.08, 0.4, 0.37
"""Samples that are pasted scenes, mosaics, and whole pictures as a device sees them. The rest: one scaled picture."""
_TILES = ((2, 0.8), (3, 0.18), (4, 0.02))
"""Tiles along a mosaic's side, and how often: many people for the pixels, most of them large enough to show limbs."""
_SURROUNDED = 0.8
"""Of scaled pictures and mosaics: the rest of the canvas shows a picture without people, else it is grey."""
_PEOPLE_PX = (44.0, 260.0)
"""Longer side of a person on a 320 px canvas."""
_MOST_ENLARGED = 3.0
"""Of somebody in the distance: beyond it they are a blot with joints."""


class PictureCache:
    """Decoded pictures, up to a number of bytes; beyond it they are decoded anew each time."""

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes
        self._images: dict[str, Image] = {}

    def __call__(self, picture: Picture) -> Image:
        image = self._images.get(picture.key)
        if image is None:
            image = decoded(picture)
            if image.nbytes <= self._left:
                self._left -= image.nbytes
                self._images[picture.key] = image
        return image


class Augmenter:
    """Draws samples of ``size`` px; all chance comes from the generator that each call is given."""

    def __init__(self, pictures: Sequence[Picture], size: int, cache: PictureCache) -> None:
        self._size, self._cache = size, cache
        self._all = (0, 0, size, size)
        by_source: dict[str, list[Picture]] = {}
        for picture in pictures:
            by_source.setdefault(picture.source, []).append(picture)
        self._sources = list(by_source.values())
        shares = np.array([SHARES.get(name, 0.1) for name in by_source])
        self._shares = shares / shares.sum()
        self._empty = [picture for picture in pictures if picture.everyone and not picture.people]
        self._cut = [picture for picture in pictures if picture.people and _untouched(picture)]

    def __call__(self, rng: np.random.Generator) -> Sample:
        kind = rng.random()
        canvas = Canvas(self._size)
        if self._empty and self._cut and kind < _PASTED:
            self._scene(canvas, rng)
        elif kind > 1 - _WHOLE:
            self._place(canvas, self._draw(rng), self._all, rng, True)
        else:
            if self._empty and rng.random() < _SURROUNDED:
                self._surround(canvas, rng)
            if kind < _PASTED + _MOSAIC:
                self._mosaic(canvas, rng)
            else:
                self._place(canvas, self._draw(rng), self._all, rng, False)
        return canvas.sample(spoil(canvas.image, rng))

    def _draw(self, rng: np.random.Generator) -> Picture:
        source = self._sources[rng.choice(len(self._sources), p=self._shares)]
        return source[rng.integers(len(source))]

    def _place(
        self,
        canvas: Canvas,
        picture: Picture,
        tile: tuple[int, int, int, int],
        rng: np.random.Generator,
        whole: bool,
        long_px: float | None = None,
    ) -> None:
        """A picture in a tile: all of it, or round a person who becomes ``long_px`` long."""
        image = self._cache(picture)
        corner, wide = np.array(tile[:2], float), np.array([tile[2] - tile[0], tile[3] - tile[1]], float)
        size = np.array([image.shape[1], image.shape[0]], float)
        mirrored = bool(rng.random() < 0.5)
        if whole or not picture.people:
            scale = (wide / size).min() * rng.uniform(0.8, 1.1)
            angle = rng.normal(0, 6)
            onto = corner + wide / 2 + rng.uniform(-0.08, 0.08, 2) * wide
            canvas.place(picture, image, similarity(scale, angle, size / 2, onto, mirrored), tile)
            return
        person = picture.people[rng.integers(len(picture.people))]
        anchor, length = _middle(person.box_xyxy)
        long_px = long_px or min(self._length(rng), 1.15 * float(wide.max()))
        long_px = min(long_px, _MOST_ENLARGED * length)
        free = np.maximum(wide - long_px * 0.8, 0.15 * wide)
        onto = corner + wide / 2 + rng.uniform(-0.5, 0.5, 2) * free
        matrix = similarity(long_px / length, _angle(rng), anchor, onto, mirrored)
        canvas.place(picture, image, matrix, tile)

    def _length(self, rng: np.random.Generator) -> float:
        low, high = np.log(_PEOPLE_PX)
        return float(np.exp(rng.uniform(low, high))) * self._size / 320

    def _mosaic(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Tiles round uneven lines, most of them filled by one person."""
        count = int(rng.choice([n for n, _ in _TILES], p=[share for _, share in _TILES]))
        xs, ys = (_lines(self._size, count, rng) for _ in range(2))
        for x1, x2 in pairwise(xs):
            for y1, y2 in pairwise(ys):
                fill = rng.uniform(0.6, 1.15) * max(x2 - x1, y2 - y1) if rng.random() < 0.8 else None
                self._place(canvas, self._draw(rng), (x1, y1, x2, y2), rng, bool(rng.random() < 0.15), fill)

    def _surround(self, canvas: Canvas, rng: np.random.Generator) -> None:
        empty = self._empty[rng.integers(len(self._empty))]
        image = self._cache(empty)
        size = np.array([image.shape[1], image.shape[0]], float)
        scale = (self._size / size).max() * rng.uniform(1.0, 1.8)
        middle = size / 2 + rng.uniform(-0.15, 0.15, 2) * size
        at = np.full(2, self._size / 2)
        matrix = similarity(scale, rng.normal(0, 4), middle, at, bool(rng.random() < 0.5))
        canvas.place(empty, image, matrix, self._all)

    def _scene(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """A picture without people, with cut-out people on it, and cut-outs of nobody so that cuts tell nothing."""
        self._surround(canvas, rng)
        length = self._length(rng)
        for _ in range(rng.integers(1, 5)):
            cut = self._cut[rng.integers(len(self._cut))]
            person = cut.people[0]
            anchor, long = _middle(person.box_xyxy)
            scale = length * rng.uniform(0.75, 1.35) / long
            onto = rng.uniform(0.1, 0.9, 2) * self._size
            turn = similarity(scale, _angle(rng), anchor, onto, bool(rng.random() < 0.5))
            around = np.concatenate([onto - length * 0.3, onto + length * 0.3]).astype(np.float32)
            if len(canvas.boxes) and box_iou(around[None], canvas.boxes).max() > 0.15:
                continue
            source = self._cache(cut)
            mask = _cut_mask(person, source.shape[:2], rng)
            if rng.random() < 0.25:
                other = self._cache(self._empty[rng.integers(len(self._empty))])
                canvas.cover(np.asarray(cv2.resize(other, source.shape[1::-1]), np.uint8), turn, mask)
            else:
                canvas.paste(person, source, turn, mask)


def _untouched(picture: Picture) -> bool:
    """Whether the first person can be cut out alone."""
    first, *others = (person.box_xyxy for person in picture.people)
    return not others or float(box_iou(first[None], np.stack(others)).max()) == 0


def _lines(size: int, count: int, rng: np.random.Generator) -> list[int]:
    """0, … , ``size``: the borders of ``count`` tiles, each line moved by up to a fifth of a tile."""
    moved = np.arange(1, count) + rng.uniform(-0.2, 0.2, count - 1)
    return [0, *(moved * size / count).astype(int).tolist(), size]


def _middle(box: Float32) -> tuple[Array, float]:
    """Centre and longer side."""
    return (box[:2] + box[2:]).astype(float) / 2, max(float((box[2:] - box[:2]).max()), 4.0)


def _angle(rng: np.random.Generator) -> float:
    """Mostly nearly upright, at times well turned, seldom upside down."""
    kind = rng.random()
    if kind < 0.75:
        return float(rng.normal(0, 8))
    return float(rng.uniform(-45, 45)) if kind < 0.98 else float(rng.uniform(-180, 180))


def _cut_mask(person: Person, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """(H, W) 0..255: the box, or the joints' hull made wider; soft at the edge."""
    mask = np.zeros(shape[:2], np.uint8)
    length = float((person.box_xyxy[2:] - person.box_xyxy[:2]).max())
    located = person.located
    if located.sum() >= 8 and rng.random() < 0.5:
        hull = cv2.convexHull(np.round(person.joints[located, :2]).astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 255)
        cv2.polylines(mask, [hull], True, 255, max(1, round(0.2 * length)))
    else:
        x1, y1, x2, y2 = np.round(person.box_xyxy + 0.03 * length * np.array([-1, -1, 1, 1])).astype(int).tolist()
        cv2.rectangle(mask, (x1, y1), (x2, y2), 255, -1)
    soft = max(1, round(length * rng.uniform(0.005, 0.03)))
    return np.asarray(cv2.blur(mask, (2 * soft + 1, 2 * soft + 1)), np.uint8)
