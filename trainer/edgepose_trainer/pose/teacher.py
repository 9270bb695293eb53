"""The teacher: a network that needs a crop per person, asked several times about each.

A person is seen in several crops (turned upright where their joints tell how, mirrored, shifted, scaled); a
joint's place is the mean weighted by the teacher's confidence, and how far the crops differ is kept beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from edgepose.skeletons import COCO17
from edgepose.types import Array, Float32, Image
from edgepose_trainer.pose.pictures import Person, upwards

Teacher = Callable[[Image], Float32]
"""A square BGR crop -> (17, 3): x, y as fractions of the crop, confidence."""
VIEWS = ((1.25, 0.0, 0.0, False), (1.25, 0.0, 0.0, True), (1.5, 0.06, -0.04, False), (1.4, -0.06, 0.04, True))
"""Side of the crop per longer side of the box, shift of its centre, mirrored."""


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
    for view in VIEWS:
        crop, back = _crop(image, person, view)
        told = teacher(crop)
        joints = np.column_stack([(told[:, :2] * 192) @ back[:, :2].T + back[:, 2], told[:, 2]])
        seen.append(joints[COCO17.mirror] if view[3] else joints)
    views = np.stack(seen)
    weights = np.maximum(views[..., 2:], 1e-3)
    places = (views[..., :2] * weights).sum(axis=0) / weights.sum(axis=0)
    spread = np.sqrt((((views[..., :2] - places) ** 2).sum(axis=2, keepdims=True) * weights).sum(0) / weights.sum(0))
    return np.concatenate([places, views[..., 2].mean(axis=0)[:, None], spread], axis=1).astype(np.float32)
