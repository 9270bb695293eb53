"""``edgepose train pose-labels``: a teacher fills in what the pictures' sources leave open.

It is asked about each labelled person and, with a finder, about people whom nobody labelled. ``merged`` decides
what of it to trust: where a label exists, it wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgepose import models
from edgepose.types import Array, Float32
from edgepose_trainer.pose import further, sources, table
from edgepose_trainer.pose.further import Finder
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
)
from edgepose_trainer.pose.table import NOBODY, Everyone, Further, Table
from edgepose_trainer.pose.teacher import VIEWS, ask, movenet

_SURE, _DOUBT = 0.45, 0.3
_AGREE = 0.2  # of the torso


def write(
    data: Path,
    teacher: Path,
    out: Path,
    say: Callable[[str], None] = print,
    finder: Finder | None = None,
    least: float = 0.0,
) -> Path:
    """Asks the teacher about every labelled person of ``data``, and about those whom ``finder`` finds beside them.

    No further people are looked for where everybody is labelled, nor in pictures kept aside: those are judged by
    their labels alone. ``least``: of the finder's scores. Writes an npz table, whole or not at all.
    """
    look = movenet(teacher)
    pictures = [picture for picture in sources.read(data) if picture.people or (finder and may_get_people(picture))]
    joints: dict[str, Float32] = {}
    added: dict[str, tuple[Further, ...]] = {}
    for count, picture in enumerate(pictures, start=1):
        image = decoded(picture)
        for number, person in enumerate(picture.people):
            joints[f"{picture.key}#{number}"] = ask(look, image, person)
        if finder and may_get_people(picture):
            known = merged([picture], joints)[0].people
            if found := further.search(finder, look, image, known, least):
                added[picture.key] = tuple(found)
        if count % 1000 == 0 or count == len(pictures):
            say(f"{count}/{len(pictures)} pictures{_counted(added)}")
    made_by: dict[str, Any] = {"teacher": models.identify(teacher).stamp, "views": VIEWS}
    if finder:
        made_by |= {"finder": finder.model.stamp, "finder_score": least, "rules": asdict(further.RULES)}
    return table.save(out, Table(joints, added, made_by))


def may_get_people(picture: Picture) -> bool:
    """Whether people may be in it whom nobody labelled, and it is not kept aside."""
    return not picture.everyone and not picture.validation


def _counted(added: Everyone) -> str:
    return f"; {sum(map(len, added.values()))} further people in {len(added)} of them" if added else ""


def load(path: Path) -> Mapping[str, Float32]:
    """Key of a labelled person -> (17, 4) as ``teacher.ask`` answers; raises SourceError for no such table."""
    return table.load(path).joints


def merged(pictures: Sequence[Picture], labels: Mapping[str, Float32], added: Everyone = NOBODY) -> list[Picture]:
    """The pictures with the teacher's joints where their source left them open, and with the people ``added``.

    Those kept aside get no people: they are judged by their labels.
    """
    rules = {"lspet": _fill_face, "courtside": _fill_all, "stanford40": _check}
    result = []
    for picture in pictures:
        rule = rules.get(picture.source)
        people = tuple(
            rule(person, labels[key]) if rule and (key := f"{picture.key}#{number}") in labels else person
            for number, person in enumerate(picture.people)
        )
        if may_get_people(picture):
            people += tuple(further.person(somebody) for somebody in added.get(picture.key, ()))
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
