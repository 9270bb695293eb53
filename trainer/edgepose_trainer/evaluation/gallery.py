"""The worst cases, some in the middle and people who are not there, drawn: labels left, answers right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edgepose import draw
from edgepose.geometry import Letterbox
from edgepose.skeletons import COCO17
from edgepose.types import Array, Float32, Image, Pose, Track
from edgepose_trainer import pck
from edgepose_trainer.evaluation.people import People, strangers
from edgepose_trainer.pose.pictures import Picture, decoded
from edgepose_trainer.pose.validation import Found

_PANEL_WH = (200, 240)
_JPEG_QUALITY = 72
_AROUND = 0.2
"""Of the larger side of the people, shown beyond them."""


@dataclass(frozen=True, slots=True)
class Case:
    """One drawn case."""

    words: str
    jpeg: bytes
    size_wh: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Group:
    """Cases of one kind."""

    title: str
    cases: tuple[Case, ...]


def groups(people: People, pictures: Sequence[Picture], found: Sequence[Found], most: int) -> list[Group]:
    """At most ``most`` of each: missed, worst, middling people, strangers; empty groups are left out."""
    share = np.array([np.nanmean(row) if np.isfinite(row).any() else np.nan for row in people.right])
    judged = np.flatnonzero(np.isfinite(share))
    missed = judged[people.answer[judged] < 0]
    met = judged[people.answer[judged] >= 0]
    met = met[np.lexsort((-_error(people)[met], share[met]))]
    middle = max(0, (len(met) - most) // 2)
    chosen = (
        ("Missed, the tallest first", missed[np.argsort(-people.height_px[missed], kind="stable")][:most]),
        ("Found, with the most joints wrong", met[:most]),
        ("In the middle of all who were found", met[middle : middle + most]),
    )
    made = [Group(title, tuple(_person(people, i, pictures, found) for i in rows)) for title, rows in chosen]
    made.append(Group("Found, but nobody is there: the surest", tuple(_strangers(pictures, found, most))))
    return [group for group in made if group.cases]


def _error(people: People) -> Array:
    """(N,) mean distance of the labelled joints, in torsos, at most 2 each; what was not found counts 2."""
    torso = pck.torso_px(people.truth, COCO17)
    distance = np.linalg.norm(people.joints - people.truth, axis=2) / torso[:, None]
    labelled = np.isfinite(people.truth).all(axis=2)
    counted = np.where(labelled, np.clip(np.nan_to_num(distance, nan=2.0), 0, 2), 0)
    return np.asarray(counted.sum(axis=1) / np.maximum(labelled.sum(axis=1), 1))


def _person(people: People, index: int, pictures: Sequence[Picture], found: Sequence[Found]) -> Case:
    picture, seen = pictures[people.picture[index]], found[people.picture[index]]
    truth = np.column_stack([people.truth[index], np.isfinite(people.truth[index, :, 0])]).astype(np.float32)
    box = people.boxes[index]
    answer = int(people.answer[index])
    if answer >= 0:
        box = np.concatenate([np.minimum(box[:2], seen.boxes[answer, :2]), np.maximum(box[2:], seen.boxes[answer, 2:])])
    right = people.right[index]
    verdict = "missed" if answer < 0 else f"{int(np.nansum(right))} of {int(np.isfinite(right).sum())} joints right"
    drawn = [answer] if answer >= 0 else list(range(len(seen.boxes)))
    words = f"{verdict}, {people.height_px[index]:.0f} px tall, {picture.key}"
    return _case(words, picture, box, truth[None], seen.joints[drawn])


def _strangers(pictures: Sequence[Picture], found: Sequence[Found], most: int) -> list[Case]:
    """Of pictures without anybody."""
    alone = [
        (float(seen.scores[row]), index, row)
        for index, (picture, seen) in enumerate(zip(pictures, found, strict=True))
        if picture.everyone and not picture.people
        for row in np.flatnonzero(strangers(picture, seen))
    ]
    nobody = np.empty((0, 17, 3), np.float32)
    return [
        _case(f"score {score:.2f}, {pictures[i].key}", pictures[i], found[i].boxes[row], nobody, found[i].joints[[row]])
        for score, i, row in sorted(alone, key=lambda one: (-one[0], *one[1:]))[:most]
    ]


def _case(words: str, picture: Picture, box: Float32, truth: Float32, answers: Float32) -> Case:
    """``truth`` and ``answers`` are (P, 17, 3) px of the picture."""
    image = decoded(picture)
    low, high = _cut(box, (image.shape[1], image.shape[0]))
    part = image[low[1] : high[1], low[0] : high[0]]
    place = Letterbox.fit((part.shape[1], part.shape[0]), _PANEL_WH)
    panels = [_panel(part, place, people - np.array([*low, 0], np.float32)) for people in (truth, answers)]
    gap = np.full((panels[0].shape[0], 4, 3), 128, np.uint8)
    joined = np.hstack([panels[0], gap, panels[1]])
    _, encoded = cv2.imencode(".jpg", joined, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return Case(words, encoded.tobytes(), (joined.shape[1], joined.shape[0]))


def _cut(box: Float32, size_wh: tuple[int, int]) -> tuple[list[int], list[int]]:
    """Corners of what is shown: a good part of the surroundings, inside the picture, at least 16 px."""
    around = max(8.0, _AROUND * float((box[2:] - box[:2]).max()))
    low = [max(0, int(side - around)) for side in box[:2]]
    high = [min(most, int(side + around) + 1) for side, most in zip(box[2:], size_wh, strict=True)]
    return low, [max(top, bottom + 1) for top, bottom in zip(high, low, strict=True)]


def _panel(part: Image, place: Letterbox, people: Float32) -> Image:
    """The cut, enlarged, with skeletons; all joints, also unsure ones: they are judged too."""
    way = cv2.INTER_AREA if place.height < part.shape[0] else cv2.INTER_CUBIC
    image = np.asarray(cv2.resize(part, (place.width, place.height), interpolation=way), np.uint8)
    scale = np.array([*place.scale_xy, 1], np.float32)
    nowhere = np.full(4, np.nan, np.float32)
    shown = [np.where(joints[:, 2:] > 0, joints * scale, np.float32("nan")) for joints in people]
    draw.tracks(image, [Track(-1, Pose(joints, nowhere, 1.0)) for joints in shown], COCO17, 0.0)
    return image
