"""A training canvas: pictures placed on it, with their people and with where people may be unlabelled."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edgepose.skeletons import COCO17
from edgepose.types import Array, Float32, Image
from edgepose_trainer.pose.pictures import ABSENT, UNKNOWN, Person, Picture, box_round

GREY = 114
_LEAST_PART = 0.35
"""Of a person's box that must lie on the canvas for them to count."""
_LEAST_PX = 8.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One training picture."""

    image: Image
    """(S, S, 3) BGR."""
    boxes: Float32
    """(M, 4) xyxy px."""
    joints: Float32
    """(M, 17, 3) x, y px, state."""
    ignored: Array
    """(S, S) uint8, 1 where unlabelled people may be."""


def similarity(scale: float, angle_deg: float, anchor: Array, onto: Array, mirrored: bool) -> Array:
    """(2, 3) map of a picture onto the canvas that takes the point ``anchor`` to ``onto``."""
    turn = np.radians(angle_deg)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    if mirrored:
        matrix = matrix @ np.diag([-1.0, 1.0])
    return np.column_stack([matrix, onto - matrix @ anchor])


def moved(person: Person, matrix: Array, size: int) -> Person:
    """A person through the map; the box is that of the turned ellipse in the old box, and holds the joints."""
    joints = person.joints.copy()
    joints[:, :2] = joints[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    if np.linalg.det(matrix[:, :2]) < 0:
        joints = joints[COCO17.mirror]
    middle = (person.box_xyxy[:2] + person.box_xyxy[2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    half = np.sqrt((((person.box_xyxy[2:] - person.box_xyxy[:2]) / 2 * matrix[:, :2]) ** 2).sum(axis=1))
    box = np.concatenate([middle - half, middle + half]).astype(np.float32)
    located = joints[:, 2] > 0
    if located.any():
        tight = box_round(joints[located, :2] + size, (10 * size, 10 * size), 0.02) - size
        box = np.concatenate([np.minimum(box[:2], tight[:2]), np.maximum(box[2:], tight[2:])])
    return Person(box.astype(np.float32), joints)


class Canvas:
    """Grey, ``size`` px square; pictures placed later cover what lies there, and must not cover people."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.image = np.full((size, size, 3), GREY, np.uint8)
        self._ignored = np.zeros((size, size), np.uint8)
        self._people: list[Person] = []

    def place(self, picture: Picture, image: Image, matrix: Array, tile: tuple[int, int, int, int]) -> None:
        """The part of a picture that falls into the tile (x1, y1, x2, y2); its people, and who may be unlabelled."""
        x1, y1, x2, y2 = tile
        height, width = image.shape[:2]
        into = matrix.copy()
        into[:, 2] -= (x1, y1)
        below = self.image[y1:y2, x1:x2].copy()
        self.image[y1:y2, x1:x2] = _warped(image, into, (x2 - x1, y2 - y1), cv2.BORDER_TRANSPARENT, below)
        ignored = self._ignored[y1:y2, x1:x2].copy()
        _fill(ignored, np.array([[0, 0], [width, 0], [width, height], [0, height]]), into, int(not picture.everyone))
        for crowd in picture.crowds:
            _fill(ignored, _corners(crowd), into, 1)
        self._ignored[y1:y2, x1:x2] = ignored
        people = [moved(person, matrix, self.size) for person in picture.people]
        inside = [(person, _within(person, np.array(tile, np.float32))) for person in people]
        for whole, part in inside:
            self._clear(whole.box_xyxy if part is None else part.box_xyxy, tile, 1 if part is None else 0)
        self._people += [part for _, part in inside if part is not None]

    def paste(self, person: Person, image: Image, matrix: Array, mask: Array) -> None:
        """A cut-out person over what is there; ``mask`` (H, W) 0..255 lies over ``image``."""
        self.cover(image, matrix, mask)
        part = _within(moved(person, matrix, self.size), np.array([0, 0, self.size, self.size], np.float32))
        if part is not None:
            self._clear(part.box_xyxy, (0, 0, self.size, self.size), 0)
            self._people.append(part)

    def cover(self, image: Image, matrix: Array, mask: Array) -> None:
        """Blends a cut-out in; joints under it are no longer known, people mostly under it no longer there."""
        size = (self.size, self.size)
        alpha = cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_LINEAR)
        x, y, width, height = cv2.boundingRect(alpha)
        if width == 0 or height == 0:
            return
        into = matrix.copy()
        into[:, 2] -= (x, y)
        rows, columns = slice(y, y + height), slice(x, x + width)
        above = _warped(image, into, (width, height), cv2.BORDER_REPLICATE)
        part = alpha[rows, columns, None].astype(np.uint16)
        below = self.image[rows, columns]
        self.image[rows, columns] = ((above * part + below * (255 - part)) // 255).astype(np.uint8)
        self._people = [kept for person in self._people if (kept := self._uncovered(person, alpha)) is not None]

    def _uncovered(self, person: Person, alpha: Array) -> Person | None:
        x1, y1, x2, y2 = np.clip(person.box_xyxy, 0, self.size).astype(int)
        if x2 <= x1 or y2 <= y1:
            return None
        if (alpha[y1:y2:2, x1:x2:2] > 128).mean() > 0.5:
            self._clear(person.box_xyxy, (0, 0, self.size, self.size), 1)
            return None
        joints = person.joints.copy()
        place = np.clip(joints[:, :2], 0, self.size - 1).astype(int)
        under = (alpha[place[:, 1], place[:, 0]] > 128) & (joints[:, 2] > 0)
        joints[under, 2] = UNKNOWN
        return Person(person.box_xyxy, joints)

    def _clear(self, box: Float32, tile: tuple[int, int, int, int], value: int) -> None:
        low = np.maximum(box[:2], tile[:2]).astype(int)
        high = np.minimum(np.ceil(box[2:]), tile[2:]).astype(int)
        self._ignored[low[1] : max(high[1], low[1]), low[0] : max(high[0], low[0])] = value

    def sample(self, image: Image) -> Sample:
        """``image``: the canvas after colour and blur."""
        boxes = np.array([person.box_xyxy for person in self._people], np.float32).reshape(-1, 4)
        joints = np.array([person.joints for person in self._people], np.float32).reshape(-1, 17, 3)
        return Sample(image, boxes, joints, self._ignored)

    @property
    def boxes(self) -> Float32:
        """(M, 4) of the people so far."""
        return np.array([person.box_xyxy for person in self._people], np.float32).reshape(-1, 4)


def _warped(image: Image, matrix: Array, size_wh: tuple[int, int], border: int, onto: Image | None = None) -> Image:
    """Halved first where it shrinks by much: linear sampling would leave out pixels."""
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    while scale < 0.6 and min(image.shape[:2]) > 16:
        height, width = image.shape[:2]
        image = np.asarray(cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)
        matrix = matrix * np.array([width / (width // 2), height / (height // 2), 1.0])
        scale *= 2
    return np.asarray(
        cv2.warpAffine(image, matrix, size_wh, dst=onto, flags=cv2.INTER_LINEAR, borderMode=border), np.uint8
    )


def _corners(box: Float32) -> Array:
    x1, y1, x2, y2 = box
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])


def _fill(mask: Array, corners: Array, matrix: Array, value: int) -> None:
    cv2.fillConvexPoly(mask, np.round(corners @ matrix[:, :2].T + matrix[:, 2]).astype(np.int32), value)


def _within(person: Person, tile: Float32) -> Person | None:
    """The part inside the tile, joints outside it absent; None when too little is left."""
    box = np.concatenate([np.maximum(person.box_xyxy[:2], tile[:2]), np.minimum(person.box_xyxy[2:], tile[2:])])
    size, whole = box[2:] - box[:2], person.box_xyxy[2:] - person.box_xyxy[:2]
    if (size <= 0).any() or size.max() < _LEAST_PX or size.prod() < _LEAST_PART * whole.prod():
        return None
    joints = person.joints.copy()
    outside = ((joints[:, :2] < tile[:2]) | (joints[:, :2] >= tile[2:])).any(axis=1) & (joints[:, 2] > 0)
    joints[outside, 2] = ABSENT
    return Person(box, joints)
