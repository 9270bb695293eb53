"""``edgepose train pose-labels``: a teacher that needs a crop per person fills in the joints nobody labelled.

Each labelled person is seen in several crops (turned upright where the labels tell how, mirrored, shifted,
scaled); a joint's place is the mean weighted by the teacher's confidence, and how far the crops differ is
kept beside it. ``merged`` decides what of it to trust: where a label exists, it wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from edgepose.errors import SourceError
from edgepose.skeletons import COCO17
from edgepose.types import Array, Float32, Image
from edgepose_trainer.pose import sources
from edgepose_trainer.pose.pictures import (
    ABSENT,
    FACE,
    GUESSED,
    SEEN,
    UNKNOWN,
    Person,
    Picture,
    decoded,
    torso_px,
    upwards,
)

Teacher = Callable[[Image], Float32]
"""A square BGR crop -> (17, 3): x, y as fractions of the crop, confidence."""
_VIEWS = ((1.25, 0.0, 0.0, False), (1.25, 0.0, 0.0, True), (1.5, 0.06, -0.04, False), (1.4, -0.06, 0.04, True))
"""Side of the crop per longer side of the box, shift of its centre, mirrored."""
_SURE, _DOUBT = 0.45, 0.3
_AGREE = 0.2  # of the torso


def movenet(path: Path, side: int = 192) -> Teacher:
    """MoveNet SinglePose as the teacher (seed_systems.md §3); raises ModelError when LiteRT cannot load it."""
    from edgepose.runtimes import litert

    network = litert.load(path, 1, ())
    dtype = np.dtype(network.signature.inputs[0].dtype)

    def look(crop: Image) -> Float32:
        small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
        found = network.run(small[None, :, :, ::-1].astype(dtype))[0].reshape(17, 3)
        return np.asarray(found[:, [1, 0, 2]], np.float32)

    return look


def _crop(image: Image, person: Person, view: tuple[float, float, float, bool]) -> tuple[Image, Array]:
    """The person upright in a 192 px square, and the (2, 3) matrix from there back to the picture."""
    factor, dx, dy, mirrored = view
    size = person.box_xyxy[2:] - person.box_xyxy[:2]
    side = max(factor * float(size.max()), 8.0)
    centre = (person.box_xyxy[:2] + person.box_xyxy[2:]) / 2 + side * np.array([dx, dy])
    up = upwards(person.joints)
    right = np.array([-up[1], up[0]]) * (-1 if mirrored else 1)
    step = side / 192
    back = np.column_stack([right * step, -up * step, centre - 96 * step * (right - up)])
    crop = cv2.warpAffine(image, back, (192, 192), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(crop, np.uint8), back


def ask(teacher: Teacher, image: Image, person: Person) -> Float32:
    """(17, 4): x, y px, confidence, and the crops' rms disagreement px."""
    seen = []
    for view in _VIEWS:
        crop, back = _crop(image, person, view)
        joints = teacher(crop)
        joints[:, :2] = (joints[:, :2] * 192) @ back[:, :2].T + back[:, 2]
        seen.append(joints[COCO17.mirror] if view[3] else joints)
    views = np.stack(seen)
    weights = np.maximum(views[..., 2:], 1e-3)
    places = (views[..., :2] * weights).sum(axis=0) / weights.sum(axis=0)
    spread = np.sqrt((((views[..., :2] - places) ** 2).sum(axis=2, keepdims=True) * weights).sum(0) / weights.sum(0))
    return np.concatenate([places, views[..., 2].mean(axis=0)[:, None], spread], axis=1).astype(np.float32)


def write(data: Path, teacher: Path, out: Path, say: Callable[[str], None] = print) -> Path:
    """Asks the teacher about every labelled person of ``data``; writes an npz table, whole or not at all."""
    look = movenet(teacher)
    pictures = [picture for picture in sources.read(data) if picture.people]
    keys, answers = [], []
    for count, picture in enumerate(pictures, start=1):
        image = decoded(picture)
        for number, person in enumerate(picture.people):
            keys.append(f"{picture.key}#{number}")
            answers.append(ask(look, image, person))
        if count % 1000 == 0:
            say(f"{count}/{len(pictures)} pictures")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".partial.npz")
    np.savez_compressed(partial, keys=np.array(keys), joints=np.stack(answers))
    partial.replace(out)
    return out


def load(path: Path) -> dict[str, Float32]:
    """Person key -> (17, 4) as ``ask`` answers; raises SourceError when it is not such a table."""
    try:
        with np.load(path) as table:
            return dict(zip(table["keys"].tolist(), np.asarray(table["joints"], np.float32), strict=True))
    except (OSError, ValueError, KeyError) as error:
        raise SourceError(f"{path}: no teacher's labels (edgepose train pose-labels writes them): {error}") from None


def merged(pictures: Sequence[Picture], labels: Mapping[str, Float32]) -> list[Picture]:
    """The pictures with the teacher's joints filled in where their source left them open."""
    rules = {"lspet": _fill_face, "courtside": _fill_all, "stanford40": _check}
    result = []
    for picture in pictures:
        rule = rules.get(picture.source)
        people = tuple(
            rule(person, labels[key]) if rule and (key := f"{picture.key}#{number}") in labels else person
            for number, person in enumerate(picture.people)
        )
        result.append(replace(picture, people=people))
    return result


def _scale(person: Person) -> float:
    """The torso, or a fifth of the box where the torso is not known or seen end on."""
    size = float((person.box_xyxy[2:] - person.box_xyxy[:2]).max())
    torso = torso_px(person.joints)
    return max(torso, 0.2 * size) if np.isfinite(torso) else 0.25 * size


def _sure(answer: Float32, scale: float) -> Array:
    return np.asarray((answer[:, 2] > _SURE) & (answer[:, 3] < _AGREE * scale))


def _fill_face(person: Person, answer: Float32) -> Person:
    """Face joints, where the teacher found the labelled shoulders and is sure of the face."""
    joints, scale = person.joints.copy(), _scale(person)
    apart = np.linalg.norm(joints[[5, 6], :2] - answer[[5, 6], :2], axis=1)
    if not ((joints[[5, 6], 2] > 0).all() and (apart < 1.5 * _AGREE * scale).all()):
        return person
    face = FACE[_sure(answer, scale)[FACE]]
    joints[face] = np.column_stack([answer[face, :2], np.full(len(face), SEEN)])
    return replace(person, joints=joints)


def _fill_all(person: Person, answer: Float32) -> Person:
    """All joints of which the teacher is sure; when it is sure of too few, none."""
    sure = _sure(answer, _scale(person))
    if sure.sum() < 6:
        return person
    joints = person.joints.copy()
    joints[sure] = np.column_stack([answer[sure, :2], np.full(int(sure.sum()), SEEN)])
    return replace(person, joints=joints)


def _check(person: Person, answer: Float32) -> Person:
    """A network's joints: seen where the teacher agrees, open where it is sure of another place."""
    joints, scale = person.joints.copy(), _scale(person)
    apart = np.linalg.norm(joints[:, :2] - answer[:, :2], axis=1)
    located, sure = joints[:, 2] == GUESSED, answer[:, 2] > _DOUBT
    joints[located & sure & (apart <= _AGREE * scale), 2] = SEEN
    joints[located & _sure(answer, scale) & (apart > 2 * _AGREE * scale), 2] = UNKNOWN
    joints[(joints[:, 2] == ABSENT) & sure, 2] = UNKNOWN
    return replace(person, joints=joints)
