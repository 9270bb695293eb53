"""Pictures with people as the pose trainer knows them: encoded bytes, boxes, COCO-17 joints, what is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from edgepose.errors import SourceError
from edgepose.skeletons import COCO17
from edgepose.types import Float32, Image
from edgepose_trainer import pck

Some = TypeVar("Some")
UNKNOWN, ABSENT, GUESSED, SEEN = -1, 0, 1, 2
"""States of a joint: nobody said; outside the picture or not to be found; hidden; visible."""
LIMBS = COCO17.indices(
    *(
        f"{side}_{joint}"
        for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    )
)
FACE = np.arange(5)
TORSO = COCO17.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")
AREA_OF_BOX = 0.53
"""Of a person's box that they fill: OKS is measured against the area of the person."""


@dataclass(frozen=True, slots=True)
class Person:
    """One labelled person, px of their picture."""

    box_xyxy: Float32
    """(4,)."""
    joints: Float32
    """(17, 3): x, y and one of UNKNOWN, ABSENT, GUESSED, SEEN; x, y count only for the last two."""
    head_px: float = float("nan")
    """Length of the head, neck to crown, or diagonal of its box; NaN where it is not labelled. For PCKh."""

    @property
    def located(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """(17,) joints with a place."""
        return np.asarray(self.joints[:, 2] > 0)


@dataclass(frozen=True, slots=True)
class Picture:
    """One encoded picture of one source."""

    source: str
    name: str
    encoded: bytes
    people: tuple[Person, ...]
    everyone: bool
    """All people are labelled: what is outside their boxes is background, else it may hold anybody."""
    crowds: Float32
    """(N, 4) boxes in which people are not told apart: ignored."""
    validation: bool = False

    @property
    def key(self) -> str:
        return f"{self.source}/{self.name}"


NO_CROWDS = np.empty((0, 4), np.float32)


def decoded(picture: Picture) -> Image:
    """(H, W, 3) BGR; raises SourceError for broken bytes."""
    image = cv2.imdecode(np.frombuffer(picture.encoded, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise SourceError(f"{picture.key}: not a picture that OpenCV can read")
    return np.asarray(image, np.uint8)


def torso_px(joints: Float32) -> float:
    """The length that PCK measures by; NaN when too little is located."""
    return float(pck.torso_px(places(joints)[None], COCO17)[0])


def places(joints: Float32) -> Float32:
    """(..., 17, 3) -> (..., 17, 2): NaN where a joint is not located."""
    return np.where(joints[..., 2:] > 0, joints[..., :2], np.float32("nan"))


def upwards(joints: Float32) -> Float32:
    """(2,) unit vector from the hips to the shoulders; that of the picture where not all four are located."""
    way = joints[TORSO[:2], :2].mean(axis=0) - joints[TORSO[2:], :2].mean(axis=0)
    length = float(np.hypot(*way))
    if (joints[TORSO, 2] <= 0).any() or length < 1:
        return np.array([0, -1], np.float32)
    return np.asarray(way / length, np.float32)


def box_round(points_xy: Float32, size_wh: tuple[int, int] | Float32, margin: float = 0.1) -> Float32:
    """(4,) box round joints, wider by ``margin`` of its longer side for hands, feet and crown, cut at the picture."""
    low, high = points_xy.min(axis=0), points_xy.max(axis=0)
    extra = margin * float((high - low).max())
    box = np.concatenate([np.maximum(low - extra, 0), np.minimum(high + extra, size_wh)])
    return box.astype(np.float32)


def spread(pictures: Sequence[Some], most: int) -> list[Some]:
    """At most so many, evenly over all sources."""
    step = max(1.0, len(pictures) / most)
    return [pictures[int(i * step)] for i in range(min(most, len(pictures)))]
