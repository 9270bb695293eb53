"""How good the network is on pictures kept aside: PCK@0.2 of labelled people, OKS-AP where everybody is labelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edgepose.decoders.yolo_pose_maps import near_of, settled
from edgepose.geometry import Letterbox, box_iou, non_maximum_suppression
from edgepose.skeletons import COCO17
from edgepose.types import Array, Float32, Image
from edgepose_trainer import pck
from edgepose_trainer.pose.canvas import GREY
from edgepose_trainer.pose.network import MAP_STRIDE
from edgepose_trainer.pose.pictures import AREA_OF_BOX, LIMBS, Person, Picture, decoded, places

Predict = Callable[[Array], tuple[Array, Array]]
"""(B, S, S, 3) uint8 RGB -> (B, 56, N) rows and (B, 17, h, w) maps as exported."""
_LEAST_SCORE, _IOU = 0.05, 0.65
_THRESHOLDS = np.arange(0.5, 0.96, 0.05)


@dataclass(frozen=True, slots=True)
class Found:
    """People found in one picture, best first, px of the picture."""

    boxes: Float32
    """(P, 4) xyxy."""
    scores: Float32
    """(P,)."""
    joints: Float32
    """(P, 17, 3) x, y, confidence."""


def letterboxed(image: Image, size: int) -> tuple[Image, Letterbox]:
    """As the device does it: centred, grey border; RGB."""
    place = Letterbox.fit((image.shape[1], image.shape[0]), (size, size))
    canvas = np.full((size, size, 3), GREY, np.uint8)
    x, y = int(place.pad_x), int(place.pad_y)
    canvas[y : y + place.height, x : x + place.width] = cv2.resize(image, (place.width, place.height))[:, :, ::-1]
    return canvas, place


def people(rows: Array, maps: Array, place: Letterbox) -> Found:
    """(56, N), (17, h, w) of one picture -> the people that stay after suppression, their joints settled."""
    columns = rows[:, rows[4] >= _LEAST_SCORE].T.astype(np.float32)
    half = columns[:, 2:4] / 2
    boxes = np.concatenate([columns[:, :2] - half, columns[:, :2] + half], axis=1)
    keep = non_maximum_suppression(boxes, columns[:, 4], _IOU, 50)
    joints = settled(columns[keep, 5:].reshape(-1, 17, 3), boxes[keep], maps, MAP_STRIDE, near_of(COCO17))
    joints[..., :2] = place.to_frame(joints[..., :2])
    corners = place.to_frame(boxes[keep].reshape(-1, 2, 2))
    return Found(corners.reshape(-1, 4), columns[keep, 4], joints)


def search(pictures: Sequence[Picture], predict: Predict, size: int, batch: int = 16) -> list[Found]:
    """What the network finds in each picture by itself."""
    found = []
    for start in range(0, len(pictures), batch):
        views = [letterboxed(decoded(picture), size) for picture in pictures[start : start + batch]]
        rows, maps = predict(np.stack([view for view, _ in views]))
        found += [people(each, its, place) for each, its, (_, place) in zip(rows, maps, views, strict=True)]
    return found


def outcomes(picture: Picture, found: Found) -> Array:
    """(people, 17) PCK@0.2: 1 right, 0 wrong, NaN not labelled; somebody who is missed is wrong on every joint."""
    truth, joints, _ = answers(picture, found)
    return pck.pck(truth, joints, COCO17)


def answers(picture: Picture, found: Found) -> tuple[Array, Array, Array]:
    """Labelled people and what was found of each: (people, 17, 2) twice, NaN for what is not, and who, or -1."""
    truth = places(np.array([person.joints for person in picture.people], np.float32).reshape(-1, 17, 3))
    boxes = np.array([person.box_xyxy for person in picture.people], np.float32).reshape(-1, 4)
    index = pck.matched(pck.overlaps(boxes, truth, found.boxes, found.joints[..., :2]))
    joints = np.full(truth.shape, np.nan)
    joints[index >= 0] = found.joints[index[index >= 0], :, :2]
    return truth, joints, index


def pck_of(pictures: Sequence[Picture], found: Sequence[Found], joints: Array = LIMBS) -> float:
    """Per cent of labelled joints within 0.2 torso; NaN without people."""
    rows = [outcomes(picture, seen)[:, joints] for picture, seen in zip(pictures, found, strict=True)]
    return pck.per_cent(np.concatenate(rows)) if rows else float("nan")


def share_found(pictures: Sequence[Picture], found: Sequence[Found], iou: float = 0.4, score: float = 0.25) -> float:
    """Per cent of labelled people whom a detection of at least ``score`` overlaps by at least ``iou``."""
    result = []
    for picture, seen in zip(pictures, found, strict=True):
        boxes = seen.boxes[seen.scores >= score]
        result += [bool(len(boxes)) and bool(box_iou(p.box_xyxy[None], boxes).max() >= iou) for p in picture.people]
    return 100 * float(np.mean(result)) if result else float("nan")


def average_precision(pictures: Sequence[Picture], found: Sequence[Found]) -> float:
    """Per cent, mean over OKS .50:.95, everybody labelled; a quick stand-in for COCO's evaluation while training."""
    scores, matches, total = [], [], 0
    for picture, seen in zip(pictures, found, strict=True):
        total += len(picture.people)
        table = np.array([[_oks(person, joints) for person in picture.people] for joints in seen.joints])
        table = table.reshape(len(seen.joints), len(picture.people))
        scores.append(seen.scores)
        matches.append(_matched(table))
    if not total:
        return float("nan")
    order = np.argsort(-np.concatenate(scores), kind="stable")
    right = np.concatenate(matches)[order].cumsum(axis=0)
    precision = np.maximum.accumulate((right / np.arange(1, len(order) + 1)[:, None])[::-1])[::-1]
    gained = np.diff(right, axis=0, prepend=0) / total
    return 100 * float((precision * gained).sum(axis=0).mean()) if len(order) else 0.0


def _matched(table: Array) -> Array:
    """(P, T) which predictions take a person, best score first, per threshold."""
    result = np.zeros((len(table), len(_THRESHOLDS)))
    for column, threshold in enumerate(_THRESHOLDS):
        free = np.ones(table.shape[1], bool)
        for row, values in enumerate(table):
            candidates = np.where(free, values, -1.0)
            if len(candidates) and candidates.max() >= threshold:
                free[candidates.argmax()] = False
                result[row, column] = 1
    return result


def _oks(person: Person, joints: Float32) -> float:
    area = float((person.box_xyxy[2:] - person.box_xyxy[:2]).prod()) * AREA_OF_BOX
    d2 = ((person.joints[:, :2] - joints[:, :2]) ** 2).sum(axis=1)[person.located]
    variance = (2 * np.array(COCO17.sigmas)[person.located]) ** 2
    return float(np.exp(-d2 / (2 * area * variance)).mean()) if len(d2) else 0.0


def measure(pictures: Sequence[Picture], predict: Predict, size: int) -> dict[str, float]:
    """Figures per kept-aside source."""
    figures = {}
    for source in sorted({picture.source for picture in pictures}):
        chosen = [picture for picture in pictures if picture.source == source and picture.people]
        found = search(chosen, predict, size)
        figures[f"{source} PCK@0.2"] = pck_of(chosen, found)
        figures[f"{source} found"] = share_found(chosen, found)
        if source == "coco_train_kp":
            figures[f"{source} AP"] = average_precision(chosen, found)
    return {name: round(value, 2) for name, value in figures.items()}
