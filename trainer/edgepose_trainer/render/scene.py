"""Pictures of players on a court."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from edgepose.errors import SettingsError
from edgepose.types import Array, Image
from edgepose_trainer.render.body import JOINTS, Body
from edgepose_trainer.render.court import Backdrop, backdrop
from edgepose_trainer.render.figure import figure
from edgepose_trainer.render.lens import Camera, Lens
from edgepose_trainer.render.mesh import Mesh, ellipsoid, joined
from edgepose_trainer.render.painting import Patch, cast_shadow, paint
from edgepose_trainer.render.venue import Venue

_CAMERAS = 8
"""Whose courts are kept."""
_BALL_M = 0.034
_BALL = np.array([70, 235, 215])
_NOISE_PX = 512
_GRAINS = 61
"""Different noise pictures are one with its rows and columns moved."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture and what it was made of."""

    image: Image
    patches: list[Patch | None]
    """Of each person, in the caller's order; None: not in the picture."""
    veils: list[Patch | None]
    """What of the net lies before each person; None: nothing."""


class Renderer:
    """Draws one court; what never moves is drawn once for each camera.

    A picture depends on the seed, the camera and the people alone, not on what was drawn before.
    """

    def __init__(self, size_wh: tuple[int, int], seed: int) -> None:
        if min(size_wh) < 16:
            raise SettingsError(f"expected a picture of at least 16 by 16 px, got {size_wh}")
        self._size_wh = size_wh
        self._venue = Venue.of(seed)
        self._kept: dict[bytes, tuple[Lens, Backdrop]] = {}
        width, height = size_wh
        tile = np.random.default_rng([seed, 23]).standard_normal((_NOISE_PX, _NOISE_PX, 3), np.float32)
        soft = cv2.GaussianBlur(tile, (3, 3), 0.5) * (1.3 * self._venue.grain)
        times = (height + _GRAINS) // _NOISE_PX + 1, (width + _GRAINS) // _NOISE_PX + 1, 1
        self._noise = np.tile(np.clip(np.round(soft), -20, 20).astype(np.int8), times)

    def frame(self, camera: Camera, people: Sequence[Body], ball: Array | None = None) -> Image:
        """(H, W, 3) BGR. ``ball``: (3,) metres. Raises SettingsError for joints that are missing or misshapen."""
        return self.draw(camera, people, ball).image

    def draw(self, camera: Camera, people: Sequence[Body], ball: Array | None = None, depth: bool = False) -> Drawn:
        """The picture with each person's part of it; ``depth``: with how far away every pixel of them is."""
        for body in people:
            if body.joints.shape != (len(JOINTS), 3) or not np.isfinite(body.joints).all():
                raise SettingsError(f"expected ({len(JOINTS)}, 3) finite joints of a person, got {body.joints.shape}")
        lens, still = self._still(camera)
        meshes = [figure(body) for body in people]
        places = [body.joints.mean(axis=0, dtype=np.float64) for body in people]
        if ball is not None:
            meshes.append(_ball(ball))
            places.append(np.asarray(ball, np.float64))
        patches = [paint(mesh, lens, self._venue.light, depth) for mesh in meshes]
        image = self._composed(lens, still, meshes, places, patches)
        veils = [still.net if _beyond_net(place, lens) else None for place in places[: len(people)]]
        return Drawn(self._grained(image, people), patches[: len(people)], veils)

    def _still(self, camera: Camera) -> tuple[Lens, Backdrop]:
        told = (camera.K, camera.R, camera.t, () if camera.distortion is None else camera.distortion)
        key = b"|".join(np.asarray(each, np.float64).tobytes() for each in told)
        if key not in self._kept:
            if len(self._kept) >= _CAMERAS:
                self._kept.pop(next(iter(self._kept)))
            lens = Lens.of(camera, self._size_wh)
            self._kept[key] = lens, backdrop(lens, self._venue)
        return self._kept[key]

    def _composed(self, lens: Lens, still: Backdrop, meshes: list[Mesh], places: list[Array],
                  patches: list[Patch | None]) -> Image:  # fmt: skip
        """The far side of the net, the net, the near side; in each the farthest first."""
        order = sorted(range(len(meshes)), key=lambda i: -float(np.linalg.norm(places[i] - lens.eye)))
        beyond = [i for i in order if _beyond_net(places[i], lens)]
        image = (still.ground if beyond else still.whole).copy()
        if beyond:
            self._laid(image, lens, meshes, patches, beyond)
            if still.net is not None:
                still.net.over(image)
        self._laid(image, lens, meshes, patches, [i for i in order if i not in beyond])
        return image

    def _laid(
        self, image: Image, lens: Lens, meshes: list[Mesh], patches: list[Patch | None], which: list[int]
    ) -> None:
        for i in which:
            away = float(np.linalg.norm(meshes[i].quads[0, 0] - lens.eye))
            cast_shadow(image, meshes[i], lens, self._venue.light, 0.018 * float(lens.focal_xy[0]) / max(away, 0.5))
        for i in which:
            patch = patches[i]
            if patch is not None:
                patch.over(image)

    def _grained(self, image: Image, people: Sequence[Body]) -> Image:
        told = zlib.crc32(b"".join(np.asarray(body.joints, np.float32).tobytes() for body in people))
        x, y = told % _GRAINS, told // _GRAINS % _GRAINS
        height, width = image.shape[:2]
        grain = self._noise[y : y + height, x : x + width]
        return np.asarray(cv2.add(image, grain, dtype=cv2.CV_8U), np.uint8)


def boxes(camera: Camera, size_wh: tuple[int, int], people: Sequence[Body]) -> Array:
    """(N, 4) x1, y1, x2, y2 px round what a picture can show of each person, rackets left out; NaN: nothing."""
    lens = Lens.of(camera, size_wh)
    found = np.full((len(people), 4), np.nan)
    for row, body in zip(found, people, strict=True):
        points, _, ahead = lens.project(figure(replace(body, racket=None)).quads.reshape(-1, 3))
        if ahead.any():
            low, high = (np.clip(edge, 0, size_wh) for edge in (points[ahead].min(axis=0), points[ahead].max(axis=0)))
            if (high > low).all():
                row[:] = *low, *high
    return found


def _beyond_net(place: Array, lens: Lens) -> bool:
    return bool(place[2] * lens.eye[2] < 0)


def _ball(place: Array) -> Mesh:
    axes = np.eye(3)
    return joined([ellipsoid(np.asarray(place, np.float64), axes[1], axes[0], (_BALL_M,) * 3, _BALL)])
