"""Paints surfaces as a camera sees them: far ones first, each quadrilateral in the light that falls on it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edgepose.types import Array, Float32
from edgepose_trainer.render.lens import Lens
from edgepose_trainer.render.mesh import Mesh

_FINE_PX = 520
"""A person's height in drawn pixels that is worth drawing finer than the picture for."""
_FINEST = 4
_BITS = 4
_GLOSS = 46.0
_KNEE, _ROOM = 175.0, 78.0
_MOST_PX = 1 << 14
"""Coordinates of drawn corners stay below: OpenCV's fixed-point ones are 32 bits wide."""


@dataclass(frozen=True, slots=True)
class Light:
    """Sun and sky."""

    sun: Array
    """(3,) unit vector towards it, world."""
    direct: float
    sky: float
    tint: Array
    """(3,) BGR factors."""

    def on(self, normals: Array) -> Array:
        """(Q, 3) unit normals -> (Q, 3) BGR factors."""
        toward = normals @ self.sun
        # Light that the ground and the fence throw back fills what the sun does not reach.
        shade = self.direct * np.maximum(0.85 * toward + 0.15, 0) + self.sky * (0.86 + 0.14 * normals[:, 1])
        return np.asarray(shade[:, None] * self.tint)

    def gloss(self, normals: Array, toward_eye: Array) -> Array:
        """(Q, 3) unit normals and directions to the camera -> (Q,) grey values of the sun's and sky's reflection."""
        half = toward_eye + self.sun
        half /= np.maximum(np.linalg.norm(half, axis=1, keepdims=True), 1e-6)
        glance = np.maximum((normals * half).sum(axis=1), 0) ** 8
        return np.asarray(_GLOSS * self.direct * glance + 0.3 * _GLOSS * self.sky * np.maximum(normals[:, 1], 0))


def exposed(colours: Array) -> Array:
    """Grey values as a camera records them: what is too bright fades to white instead of ending there."""
    over = np.maximum(colours - _KNEE, 0)
    return np.asarray(np.clip(np.where(over > 0, _KNEE + _ROOM * (1 - np.exp(-over / _ROOM)), colours), 2, 253))


@dataclass(frozen=True, slots=True)
class Patch:
    """Part of a picture that was painted on."""

    x: int
    y: int
    colour: Float32
    """(h, w, 3) BGR times ``cover``."""
    cover: Float32
    """(h, w, 1) 0..1."""
    depth_m: Float32 | None
    """(h, w) along the camera's axis; infinite where nothing is."""

    def region(self, image: Array) -> Array:
        """Its part of an (H, W, ...) array."""
        height, width = self.cover.shape[:2]
        return image[self.y : self.y + height, self.x : self.x + width]

    def over(self, image: Array) -> None:
        """Lays it on a picture."""
        region = self.region(image)
        region[:] = cv2.add(region * (1 - self.cover), self.colour, dtype=cv2.CV_8U)


def paint(mesh: Mesh, lens: Lens, light: Light, with_depth: bool = False) -> Patch | None:
    """None when nothing of it is in the picture."""
    count = len(mesh.quads)
    points, depth, ahead = lens.project(mesh.quads.reshape(-1, 3))
    points = points.reshape(count, 4, 2)
    first, second = mesh.quads[:, 2] - mesh.quads[:, 0], mesh.quads[:, 3] - mesh.quads[:, 1]
    normals = np.cross(first, second)
    size = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = normals / np.maximum(size, 1e-12)
    middles = mesh.quads.mean(axis=1)
    facing = ((middles - lens.eye) * normals).sum(axis=1) < 0
    shown = facing & ahead.reshape(count, 4).all(axis=1) & (np.abs(points) < _MOST_PX).all(axis=(1, 2))
    chosen = np.flatnonzero(shown)
    box = _box(points[chosen], lens.size_wh)
    if box is None:
        return None
    away = np.linalg.norm(middles[chosen] - lens.eye, axis=1) - mesh.bias_m[chosen]
    chosen = chosen[np.argsort(-away)]
    toward = lens.eye - middles[chosen]
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    colours = exposed(mesh.colours[chosen] * light.on(normals[chosen]) + light.gloss(normals[chosen], toward)[:, None])
    return _filled(points[chosen], colours, depth.reshape(count, 4).mean(axis=1)[chosen] if with_depth else None, box)


def _box(points: Array, size_wh: tuple[int, int], margin_px: float = 0.0) -> tuple[int, int, int, int] | None:
    """x1, y1, x2, y2 of the painted part of the picture."""
    if not len(points):
        return None
    low = np.maximum(np.floor(points.min(axis=(0, 1)) - margin_px) - 2, 0).astype(int)
    high = np.minimum(np.ceil(points.max(axis=(0, 1)) + margin_px) + 3, size_wh).astype(int)
    return None if (high <= low).any() else (int(low[0]), int(low[1]), int(high[0]), int(high[1]))


def _filled(points: Array, colours: Array, depth: Array | None, box: tuple[int, int, int, int]) -> Patch:
    """Draws finer than the picture, then shrinks."""
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    tallest = float(np.ptp(points[..., 1]))
    fine = int(np.clip(round(_FINE_PX / max(tallest, 1.0)), 1, _FINEST))
    corners = np.round((((points - (x1, y1)) + 0.5) * fine - 0.5) * (1 << _BITS)).astype(np.int32)
    canvas = np.zeros((height * fine, width * fine, 4), np.uint8)
    for corner, (b, g, r) in zip(corners, colours.tolist(), strict=True):
        cv2.fillConvexPoly(canvas, corner, (b, g, r, 255.0), cv2.LINE_8, _BITS)
    shrunk = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA) if fine > 1 else canvas
    soft = np.asarray(cv2.GaussianBlur(shrunk, (3, 3), 0.55), np.float32)
    away = None if depth is None else _depths(corners, depth, fine, (width, height))
    return Patch(x1, y1, soft[..., :3], soft[..., 3:] / np.float32(255), away)


def _depths(corners: Array, depth: Array, fine: int, size_wh: tuple[int, int]) -> Float32:
    width, height = size_wh
    canvas = np.full((height * fine, width * fine), np.inf, np.float32)
    for corner, metres in zip(corners, depth.tolist(), strict=True):
        cv2.fillConvexPoly(canvas, corner, metres, cv2.LINE_8, _BITS)
    return np.ascontiguousarray(canvas[fine // 2 :: fine, fine // 2 :: fine])


def cast_shadow(image: Array, mesh: Mesh, lens: Lens, light: Light, softness_px: float) -> None:
    """Darkens the ground where ``mesh`` keeps the sun off, each of its pieces taken as convex, and below the feet."""
    lifted = mesh.quads[:, (0, 2)].reshape(-1, 3)
    ground = lifted - lifted[:, 1:2] * (light.sun / light.sun[1])
    ground[:, 1] = 0
    points, _, ahead = lens.project(ground)
    ahead &= (np.abs(points) < _MOST_PX).all(axis=1)
    piece = mesh.part.repeat(2)
    hulls = []
    for number in range(int(piece.max()) + 1):
        own = (piece == number) & ahead
        if own.any():
            hulls.append(cv2.convexHull(points[own].astype(np.float32))[:, 0])
    box = _box(np.concatenate(hulls)[:, None], lens.size_wh, 3 * softness_px) if hulls else None
    if box is None:
        return
    x1, y1, x2, y2 = box
    mask = np.zeros((y2 - y1, x2 - x1), np.uint8)
    for hull in hulls:
        corners = np.round((hull - (x1, y1)) * (1 << _BITS)).astype(np.int32)
        cv2.fillConvexPoly(mask, corners, 255, cv2.LINE_AA, _BITS)
    soft = cv2.GaussianBlur(mask, (0, 0), max(softness_px, 0.5))
    kept = 1 - (light.direct * 0.75 / (light.direct + light.sky) / 255) * soft.astype(np.float32)
    region = image[y1:y2, x1:x2]
    region[:] = region * kept[..., None]
