"""From network outputs to people, one file per output family. They know nothing of runtimes.

A decoder module has two functions: ``recognise`` says whether a network's tensors are its own
(by shape and metadata, never by file name), ``create`` makes the decoder. A decoder for a network
that finds boxes and no joints is one like the others, of the skeleton "boxes".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol, runtime_checkable

import numpy as np

from edgepose.errors import SettingsError
from edgepose.geometry import Letterbox
from edgepose.runtimes import Signature
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Float32, Image, Pose, Track

_MOST_LISTED = 6
_MOST = 0.75  # of the coordinates: one joint guessed far outside shall not make pixels of all fractions
_MOST_NORMALISED = 2.0  # people reach over the edge of the picture, but not by a whole picture


@dataclass(slots=True)
class View:
    """One network input made from a frame, and what the decoder needs to undo it."""

    tensor: Array
    place: Any
    """The decoder's own: letterbox, crop, ..."""


@dataclass(frozen=True, slots=True)
class DecoderSettings:
    """Thresholds that a user may set; a decoder reads those that it has."""

    min_score: float = 0.25
    """People below are dropped."""
    iou: float = 0.7
    """Non-maximum suppression: boxes that overlap more are one person."""
    most_people: int = 50
    options: Mapping[str, str] = field(default_factory=dict)
    """The decoder's own choices, by name; ``chosen`` reads them."""


class Fit(IntEnum):
    """How well a layout fits a decoder; the best fit is taken, two equals are an error."""

    NO = 0
    MAY = 1
    """It could be: other families have such shapes too."""
    IS = 2


@dataclass(frozen=True, slots=True)
class Maps:
    """What a bottom-up network answered, before people are made of it."""

    joints: tuple[str, ...]
    confidence: Float32
    """(K, h, w) one map per joint."""
    links: tuple[tuple[int, int], ...]
    """Joints that each field joins."""
    fields: Float32
    """(L, 2, h, w) x, y of the direction along each link."""
    area_xyxy: tuple[float, float, float, float]
    """Where the maps lie, px of the frame; they may reach over its edge."""


@runtime_checkable
class HasMaps(Protocol):
    """A decoder whose network answers in maps that can be looked at."""

    def maps(self, outputs: Sequence[Array], view: View) -> Maps: ...


class Decoder(Protocol):
    """Frame -> views -> (network) -> people in pixels of the frame."""

    skeleton: Skeleton
    follows: bool
    """True: ``views`` needs the people of the frame before, so it cannot run ahead."""
    needs_boxes: bool
    """True: ``people`` are this frame's, from a person detector; only their boxes are read."""

    def views(self, image: Image, people: Sequence[Track] | None) -> list[View]:
        """The network inputs for this frame, one session run each.

        ``people`` are those of the frame before; None: nothing is known, search everywhere.
        """
        ...

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        """One run's outputs -> people; raises ModelError when the outputs are not finite."""
        ...


class DecoderModule(Protocol):
    """What ``edgepose.decoders.<name>`` offers."""

    def recognise(self, network: Signature, joints: int = 17) -> Fit: ...

    def create(self, network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> Decoder: ...


def chosen(settings: DecoderSettings, **allowed: tuple[str, ...]) -> dict[str, str]:
    """Option -> value; the first allowed value is the default.

    Raises SettingsError for an option or a value that is not allowed.
    """
    for name, value in settings.options.items():
        if name not in allowed:
            known = "; ".join(f"{key} = {_listed(values, ' | ')}" for key, values in allowed.items()) or "none"
            raise SettingsError(f"unknown option {name!r} of this network; it has {known}")
        if value not in allowed[name]:
            raise SettingsError(f"option {name} = {value!r}: give {_listed(allowed[name], ' or ')}")
    return {name: settings.options.get(name, values[0]) for name, values in allowed.items()}


def _listed(values: tuple[str, ...], between: str) -> str:
    """Of many, the first and the last: a class index may have 80 values."""
    return between.join(values if len(values) <= _MOST_LISTED else (values[0], values[1], f"... {values[-1]}"))


def people_in_frame(boxes_xyxy: Float32, scores: Float32, keypoints: Float32, place: Letterbox) -> list[Pose]:
    """(N, 4) boxes and (N, K, 2 or 3) keypoints in input pixels -> people in frame pixels."""
    boxes = place.to_frame(boxes_xyxy.reshape(-1, 2, 2)).reshape(-1, 4)
    full = np.ones((*keypoints.shape[:2], 3), np.float32)
    full[..., : keypoints.shape[2]] = keypoints
    missing = ~np.isfinite(full).all(axis=2)  # before the frame's edge makes infinite ones look known
    full[..., :2] = place.to_frame(full[..., :2])
    full[missing] = (np.nan, np.nan, 0)
    return [Pose(full[i], boxes[i], float(scores[i])) for i in range(len(full))]


def in_input_pixels(points_xy: Float32, input_wh: tuple[int, int]) -> Float32:
    """(..., 2) points in pixels or in fractions of the input (TFLite exports) -> the same in input pixels.

    Boxes and keypoints are given in separate calls: older exporters normalised only the boxes.
    """
    finite = points_xy[np.isfinite(points_xy)]
    if len(finite) == 0 or np.quantile(finite, _MOST) > _MOST_NORMALISED:
        return points_xy
    return np.asarray(points_xy * np.array(input_wh, np.float32), np.float32)
