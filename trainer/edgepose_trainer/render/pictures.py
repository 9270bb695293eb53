"""Pictures for training and for judging pose networks: random moments of takes, players, cameras; exact labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from edgepose.errors import SettingsError
from edgepose.skeletons import COCO17
from edgepose.types import Array, Float32, Image
from edgepose_trainer.pose.pictures import ABSENT, GUESSED, SEEN
from edgepose_trainer.render import scene
from edgepose_trainer.render.body import Body, Look, completed, held
from edgepose_trainer.render.court import BEHIND_M, BESIDE_M, LENGTH_M, WIDTH_M
from edgepose_trainer.render.lens import Lens, View, looking

_LEAST_BOX_PX = 8.0
_OPAQUE = 0.7
_LEFT_HANDED = 0.3
_EMPTY_HANDED = 0.15
_BENT = 0.3
"""Share of pictures with a lens that bends lines."""
_ABOVE_M = (0.7, 6.0)
_AWAY_M = (4.0, 20.0)
_STEEPEST = 0.5
"""Height over distance on the ground: beside a court nobody looks down more steeply."""
# How far below the surface of a body in usual clothes its joints lie, metres; the face's lie on it.
_DEEP_M = np.array([0.05, 0.05, 0.05, 0.06, 0.06, *[0.13] * 2, *[0.1] * 4, *[0.18] * 2, *[0.12] * 2, *[0.1] * 2])


class Labelled(NamedTuple):
    """One picture and the N people in it, the nearest first."""

    image: Image
    """(H, W, 3) BGR."""
    boxes_xyxy: Float32
    """(N, 4) px, rackets left out, cut at the picture."""
    joints: Float32
    """(N, 17, 3) x, y px and ABSENT (outside the picture), GUESSED (hidden) or SEEN of ``pose.pictures``."""


def pictures(
    takes: Sequence[Array],
    count: int,
    seed: int,
    size_wh: tuple[int, int] = (640, 480),
    people: tuple[int, int] = (1, 4),
    heights_px: tuple[float, float] = (60.0, 320.0),
    alike: int = 1,
) -> Iterator[Labelled]:
    """``count`` pictures; the same for the same arguments. Each has players, court, light and camera of its own.

    ``takes``: (F, 17, 3) coco17 in metres with y up, at any place. ``people``: least and most in a picture.
    ``heights_px``: of the one whom the camera looks at, standing. ``alike``: so many pictures in succession share
    court, light and camera, which take most of the time. Raises SettingsError without takes.
    """
    usable = [np.asarray(take, np.float64) for take in takes if np.isfinite(take).all(axis=(1, 2)).any()]
    if not usable:
        raise SettingsError("no take with a moment at which all joints are known")
    for first in range(0, count, alike):
        rngs = [np.random.default_rng([seed, 24, number]) for number in range(first, min(first + alike, count))]
        yield from _alike(usable, rngs, size_wh, people, heights_px)


def _alike(takes: list[Array], rngs: Sequence[np.random.Generator], size_wh: tuple[int, int], people: tuple[int, int],
           heights_px: tuple[float, float]) -> Iterator[Labelled]:  # fmt: skip
    """A picture of other players for each generator; the first draws the rest."""
    first = rngs[0]
    spot = np.array([first.uniform(-1, 1) * (WIDTH_M / 2 + 1), first.uniform(-1, 1) * (LENGTH_M / 2 + 3)])
    camera = _camera(first, spot, size_wh, heights_px)
    renderer = None
    for rng in rngs:
        bodies = [_player(takes, rng, spot)]
        for _ in range(int(rng.integers(people[0], people[1] + 1)) - 1):
            bodies.append(_player(takes, rng, _beside(rng, camera, spot)))
        renderer = renderer or scene.Renderer(size_wh, int(rng.integers(1 << 30)))
        yield _labelled(renderer, camera, size_wh, bodies)


def _labelled(renderer: scene.Renderer, camera: View, size_wh: tuple[int, int], bodies: list[Body]) -> Labelled:
    eye = Lens.of(camera, size_wh).eye
    bodies = sorted(bodies, key=lambda body: float(np.linalg.norm(body.joints.mean(axis=0) - eye)))
    drawn = renderer.draw(camera, bodies, depth=True)
    joints = labels(Lens.of(camera, size_wh), bodies, drawn)
    boxes = scene.boxes(camera, size_wh, bodies).astype(np.float32)
    there = ((boxes[:, 2:] - boxes[:, :2]) > _LEAST_BOX_PX).all(axis=1) & (joints[..., 2] != ABSENT).any(axis=1)
    return Labelled(drawn.image, boxes[there], joints[there])


def _camera(rng: np.random.Generator, spot: Array, size_wh: tuple[int, int], heights_px: tuple[float, float]) -> View:
    """Somewhere inside the fences, turned to within half a picture of the player."""
    half = np.array([WIDTH_M / 2 + BESIDE_M, LENGTH_M / 2 + BEHIND_M]) + 4.0
    while True:
        angle, away = rng.uniform(0, 2 * np.pi), float(np.exp(rng.uniform(*np.log(_AWAY_M))))
        ground = spot + away * np.array([np.cos(angle), np.sin(angle)])
        if (np.abs(ground) < half).all():
            break
    above = min(float(np.exp(rng.uniform(*np.log(_ABOVE_M)))), _STEEPEST * away)
    place = np.array([ground[0], above, ground[1]])
    target = np.array([spot[0], 0.95, spot[1]])
    distance = float(np.linalg.norm(target - place))
    focal_px = float(rng.uniform(*heights_px)) / 1.75 * distance
    aside = rng.uniform(-0.3, 0.3, 2) * size_wh / focal_px * distance
    right = np.array([-(target - place)[2], 0.0, (target - place)[0]]) / away
    bent = np.array([rng.uniform(-0.25, 0.05), rng.uniform(-0.02, 0.05), *rng.normal(0, 0.001, 2), 0.0])
    # A long lens bends little: what is drawn is a share of the angle that it sees.
    bent *= min(1.0, float(np.max(size_wh)) / focal_px / 1.2)
    view = looking(place, target + aside[0] * right + (0, 0.6 * aside[1], 0), focal_px, size_wh,
                   bent if rng.random() < _BENT else None)  # fmt: skip
    roll = rng.normal(0, np.radians(1.5))
    turn = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return View(view.K, turn @ view.R, turn @ view.t, view.distortion)


def _beside(rng: np.random.Generator, camera: View, spot: Array) -> Array:
    """Another player's place: in the line of sight, near it, or anywhere on the court."""
    eye = (-camera.R.T @ camera.t)[[0, 2]]
    kind = rng.random()
    if kind < 0.4:
        return np.asarray(spot + (spot - eye) * rng.uniform(-0.35, 0.6) + rng.normal(0, 0.25, 2))
    if kind < 0.75:
        return np.asarray(spot + rng.normal(0, 1.6, 2))
    return np.array([rng.uniform(-1, 1) * WIDTH_M / 2, rng.uniform(-1, 1) * LENGTH_M / 2])


def _player(takes: list[Array], rng: np.random.Generator, spot: Array) -> Body:
    """A moment of a take, turned about, at a place of the court; some are mirrored, some carry no racket."""
    take = takes[int(rng.integers(len(takes)))]
    moments = np.flatnonzero(np.isfinite(take).all(axis=(1, 2)))
    points = take[moments[int(rng.integers(len(moments)))]].copy()
    points[:, (0, 2)] -= points[COCO17.indices("left_hip", "right_hip")].mean(axis=0)[[0, 2]]
    left_handed = rng.random() < _LEFT_HANDED
    if left_handed:
        points = points[COCO17.mirror] * (-1, 1, 1)
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    points = points @ turn.T * rng.uniform(0.9, 1.12) + (spot[0], 0, spot[1])
    racket = None if rng.random() < _EMPTY_HANDED else held(points, "left" if left_handed else "right")
    return Body(completed(points), racket, Look.of(int(rng.integers(1 << 30))))


def labels(lens: Lens, people: Sequence[Body], drawn: scene.Drawn) -> Float32:
    """(N, 17, 3) of a picture drawn with ``depth``: where each joint is, and whether the picture shows it.

    A joint is seen when nothing lies clearly before it: neither another person, nor its own body, nor the net's band.
    """
    width, height = lens.size_wh
    nearest = np.full((height, width), np.inf, np.float32)
    for patch in drawn.patches:
        if patch is not None and patch.depth_m is not None:
            region = patch.region(nearest)
            np.minimum(region, patch.depth_m, out=region)
    joints = np.zeros((len(people), 17, 3), np.float32)
    for row, body, veil in zip(joints, people, drawn.veils, strict=True):
        points, depth, ahead = lens.project(body.joints[:17].astype(np.float64))
        x, y = np.round(points).T.clip(-1, max(width, height)).astype(int)
        inside = ahead & (x >= 0) & (y >= 0) & (x < width) & (y < height)
        at = y.clip(0, height - 1), x.clip(0, width - 1)
        hidden = nearest[at] < depth - _DEEP_M
        if veil is not None:
            net = np.zeros((height, width), np.float32)
            veil.region(net)[:] = veil.cover[..., 0]
            hidden |= net[at] > _OPAQUE
        row[:, :2] = np.where(inside[:, None], points, 0)
        row[:, 2] = np.where(inside, np.where(hidden, GUESSED, SEEN), ABSENT)
    return joints
