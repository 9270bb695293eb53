"""``edgepose synth --pose-images``: rendered pictures with exact joints, COCO person keypoints for ``train pose``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgepose.errors import SettingsError
from edgepose.skeletons import COCO17
from edgepose.types import Array
from edgepose_trainer.motionmodel.model import MotionModel
from edgepose_trainer.pose.pictures import ABSENT, AREA_OF_BOX, SEEN
from edgepose_trainer.pose.sources import RENDERED
from edgepose_trainer.render.pictures import Labelled, pictures
from edgepose_trainer.synth.scene import Court, Person, play
from edgepose_trainer.synth.sessions import LICENCE

_SIZES_WH = ((400, 300), (480, 270), (480, 360), (320, 400))
"""Small, so that some thousand decoded pictures fit into memory."""
_EACH, _ALIKE = 12, 4
"""Pictures of one size in a block, and of one court and camera."""
_PEOPLE = (1, 4)
_HEIGHTS_PX = (40.0, 320.0)
_PLAYERS, _SCENE_S, _DEPTH_M = 5, 30.0, 5.2
"""Whose motion a block shows: four play, one walks about."""
_SWING_S, _SWING_HZ, _REST_HZ = (-0.8, 0.5), 30.0, 10.0
_RESTS = 2
"""How often everybody's whole motion counts beside their single strokes: half to two thirds of moments are strokes."""
_MOST_HIDDEN = 0.8
"""Of the joints in the picture, as in sessions: somebody hidden more is ignored, neither person nor background."""
_QUALITY = 90


def write(folder: Path, count: int, seed: int, model: MotionModel, say: Callable[[str], None]) -> int:
    """``annotations.json`` and ``images/`` with ``count`` pictures; returns the number of people labelled.

    More pictures of the same seed begin with the same pictures. Raises SettingsError when a file cannot be written.
    """
    (folder / "images").mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, drawn in zip(range(1, count + 1), _drawn(seed, model), strict=False):
        name = f"{seed}-{number:06d}.jpg"
        if not cv2.imwrite(str(folder / "images" / name), drawn.image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]):
            raise SettingsError(f"{folder / 'images' / name}: cannot write the picture")
        height, width = drawn.image.shape[:2]
        images.append({"id": number, "file_name": name, "width": width, "height": height, "license": 1})
        for person in _people(drawn):
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": 1, **person})
        if number % 500 == 0 or number == count:
            say(f"{number}/{count} pictures, {len(annotations)} people")
    table = {**_head(seed), "images": images, "annotations": annotations}
    (folder / "annotations.json").write_text(json.dumps(table) + "\n", encoding="utf-8")
    return len(annotations)


def _drawn(seed: int, model: MotionModel) -> Iterator[Labelled]:
    """Without end: block after block, each with players of its own."""
    block = 0
    while True:
        own = int(np.random.default_rng([seed, 4, block]).integers(1 << 30))
        takes = moments(play(model, own, _PLAYERS, _SCENE_S, _DEPTH_M))
        for number, size_wh in enumerate(_SIZES_WH):
            yield from pictures(takes, _EACH, own + number, size_wh, _PEOPLE, _HEIGHTS_PX, _ALIKE)
        block += 1


def moments(court: Court) -> list[Array]:
    """(F, 17, 3) each: every stroke by itself and everybody's whole motion, all as right-handers' and in metres."""
    swing_s = np.arange(*_SWING_S, 1 / _SWING_HZ)
    strokes = [_joints(court.people[who], hit.time_s + swing_s) for who, hit in court.hits]
    whole_s = np.arange(0.0, court.duration_s, 1 / _REST_HZ)
    return strokes + _RESTS * [_joints(person, whole_s) for person in court.people]


def _joints(person: Person, times_s: Array) -> Array:
    joints = person.at(times_s).joints[:, : len(COCO17)]
    if person.player.handedness == "left":
        joints = joints[:, COCO17.mirror] * (-1, 1, 1)
    return np.asarray(joints)


def _people(drawn: Labelled) -> Iterator[dict[str, Any]]:
    for (x1, y1, x2, y2), joints in zip(drawn.boxes_xyxy.tolist(), drawn.joints, strict=True):
        there = joints[:, 2] > ABSENT
        hidden = float((joints[there, 2] < SEEN).mean()) > _MOST_HIDDEN
        yield {
            "bbox": [round(value, 2) for value in (x1, y1, x2 - x1, y2 - y1)],
            "area": round(AREA_OF_BOX * (x2 - x1) * (y2 - y1), 2),
            "iscrowd": int(hidden),
            "num_keypoints": int(there.sum()),
            "keypoints": [round(value, 2) for value in joints.ravel().tolist()],
        }


def _head(seed: int) -> dict[str, Any]:
    skeleton = [[a + 1, b + 1] for a, b in COCO17.edges]
    return {
        "info": {"description": f"{RENDERED} --seed {seed}", "version": "1"},
        "licenses": [{"id": 1, "name": LICENCE, "url": "https://creativecommons.org/licenses/by-sa/3.0/"}],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO17.joints), "skeleton": skeleton}],
    }
