"""One decoder and one runtime, and a person detector where the network needs boxes: Frame -> list[Pose]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgepose.card import ModelId
from edgepose.decoders import Decoder, HasMaps, Maps, View
from edgepose.errors import ModelError, SettingsError
from edgepose.geometry import oks
from edgepose.looks import Look, Looker
from edgepose.runtimes import Runtime
from edgepose.skeletons import Skeleton
from edgepose.types import Image, Pose, Track

_SAME_PERSON_OKS = 0.5


@dataclass(frozen=True, slots=True)
class Estimator:
    """Finds the people of a picture. Raises ModelError when the network's outputs make no sense."""

    runtime: Runtime
    decoder: Decoder
    model: ModelId
    detector: Estimator | None = None
    """Gives the boxes to a top-down network; without it, ``people`` of the call are the boxes."""
    looker: Looker | None = None
    """Shows people who are followed more closely; without it, the decoder is shown the whole picture."""

    @property
    def skeleton(self) -> Skeleton:
        return self.decoder.skeleton

    def prepare(self, image: Image) -> list[View] | None:
        """Network inputs made ahead, in another thread; None when the decoder must follow people."""
        _check(image)
        if self.detector is not None:
            return self.detector.prepare(image)
        follows = self.decoder.follows or self.looker is not None
        return None if follows or self.decoder.needs_boxes else self.decoder.views(image, None)

    def __call__(
        self, image: Image, people: Sequence[Track] | None = None, views: list[View] | None = None
    ) -> list[Pose]:
        """People in pixels of the frame, (K, 3) keypoints each; ``views`` come from ``prepare``.

        Raises SettingsError when the picture is not (H, W, 3) uint8.
        """
        _check(image)
        if self.detector is not None:
            people, views = [Track(-1, pose) for pose in self.detector(image, None, views)], None
        if self.looker is not None and people and views is None:
            return self._closely(self.looker.looks(image, people))
        views = self.decoder.views(image, people) if views is None else views
        poses = [pose for view in views for pose in self._people(view)]
        return without_duplicates(poses, self.skeleton) if len(views) > 1 or self.decoder.needs_boxes else poses

    def _closely(self, looks: Sequence[Look]) -> list[Pose]:
        poses: list[Pose] = []
        for look in looks:
            views = self.decoder.views(look.picture, None)
            poses += look.people([pose for view in views for pose in self._people(view)])
        return without_duplicates(poses, self.skeleton) if len(looks) > 1 else poses

    def _people(self, view: View) -> list[Pose]:
        try:
            return self.decoder.decode(self.runtime.run(view.tensor), view)
        except ModelError as error:  # neither knows which model it is of
            raise ModelError(f"{self.model.name}: {error}") from None

    def maps(self, image: Image) -> Maps:
        """The network's maps of a picture, by a run of its own; raises ModelError for a network without them."""
        if not isinstance(self.decoder, HasMaps):
            raise ModelError(f"{self.model.name}: the network answers with people, not with maps that could be drawn")
        view = self.decoder.views(image, None)[0]
        return self.decoder.maps(self.runtime.run(view.tensor), view)


def _check(image: Image) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise SettingsError(f"expected a picture (H, W, 3) uint8 BGR, got {image.shape} {image.dtype}")


def without_duplicates(poses: Sequence[Pose], skeleton: Skeleton) -> list[Pose]:
    """Drops the weaker of two poses of one person that two crops found; order is kept.

    Two poses are one person when their OKS is above 0.5, measured on the smaller one's area.
    """
    sigmas = np.asarray(skeleton.sigmas if skeleton.sigmas else [0.08] * len(skeleton))
    kept: list[Pose] = []
    for pose in sorted(poses, key=lambda p: -p.score):
        if all(oks(pose.keypoints, other.keypoints, _area(pose, other), sigmas) <= _SAME_PERSON_OKS for other in kept):
            kept.append(pose)
    return [pose for pose in poses if any(pose is other for other in kept)]


def _area(a: Pose, b: Pose) -> float:
    return min(float((p.box_xyxy[2] - p.box_xyxy[0]) * (p.box_xyxy[3] - p.box_xyxy[1])) for p in (a, b))
