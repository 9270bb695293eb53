"""A tennis court as a camera sees it: ground with lines, fence, trees, sky, and the net as a layer of its own.

Measures are the rules': 23.77 m by 10.97 m, singles 8.23 m, service lines 6.40 m from the net, which is 0.914 m high
in its middle and 1.07 m at the posts 0.914 m outside the side lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edgepose.types import Array, Float32, Image
from edgepose_trainer.render.body import Colour
from edgepose_trainer.render.lens import Lens
from edgepose_trainer.render.painting import Patch
from edgepose_trainer.render.venue import Venue, cloud

LENGTH_M, WIDTH_M, SINGLES_M, SERVICE_M = 23.77, 10.97, 8.23, 6.40
NET_M, NET_AT_POSTS_M = 0.914, 1.07
POSTS_M = WIDTH_M / 2 + 0.914
BEHIND_M, BESIDE_M = 6.4, 3.66
"""Free ground behind the base lines and beside the side lines."""
_LINE_M, _BASE_LINE_M = 0.05, 0.10
_BAND_ROWS = 16
"""Few: a band without fence or without ground skips what it does not show."""
_FAR = 30_000.0
"""OpenCV's remapping counts in 16 bits."""
_TILE = 512
_FLAT = np.float32(1e-6)
_LEAST_M = 1e-3
_TREES_M = 45.0
_LEAST_TREES = 0.25
_CORD_M = 0.003
_HALF_L, _HALF_W, _HALF_S = LENGTH_M / 2, WIDTH_M / 2, SINGLES_M / 2
# Across the court (x from, to; z of the middle), along it (z from, to; x of the middle), widths.
_ACROSS = ((_HALF_W, _HALF_L, _BASE_LINE_M), (_HALF_S, SERVICE_M, _LINE_M))
_ALONG = ((_HALF_L, _HALF_W, _LINE_M), (_HALF_L, _HALF_S, _LINE_M), (SERVICE_M, 0.0, _LINE_M))


@dataclass(frozen=True, slots=True)
class Backdrop:
    """Everything that does not move, for one camera."""

    ground: Image
    """(H, W, 3) BGR without the net."""
    whole: Image
    """With it."""
    net: Patch | None


def backdrop(lens: Lens, venue: Venue) -> Backdrop:
    """Draws it in bands of rows: a 4K picture needs little memory."""
    width, height = lens.size_wh
    ground = np.empty((height, width, 3), np.uint8)
    net = np.zeros((height, width, 4), np.uint8)
    tile = cloud(np.random.default_rng([venue.seed, 22]), _TILE, 6)
    for first in range(0, height, _BAND_ROWS):
        rays = lens.rays(first, min(_BAND_ROWS, height - first))
        band = slice(first, first + len(rays))
        ground[band] = np.clip(_surroundings(lens, rays, venue, tile), 0, 255)
        colour, cover = _net(lens, rays, venue)
        net[band, :, :3] = np.clip(colour, 0, 255)
        net[band, :, 3] = 255 * cover
    softness = venue.softness_px + 0.2
    ground = np.asarray(cv2.GaussianBlur(ground, (0, 0), softness), np.uint8)
    layer = _cut_out(np.asarray(cv2.GaussianBlur(net, (0, 0), softness), np.uint8))
    whole = ground.copy()
    if layer is not None:
        layer.over(whole)
    return Backdrop(ground, whole, layer)


def _cut_out(net: Array) -> Patch | None:
    """The part of an (H, W, 4) layer that covers anything."""
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(net[..., 3]))
    if not width:
        return None
    part = net[y : y + height, x : x + width].astype(np.float32)
    return Patch(x, y, part[..., :3], part[..., 3:] / np.float32(255), None)


def _surroundings(lens: Lens, rays: Float32, venue: Venue, tile: Array) -> Float32:
    """(h, W, 3) BGR: sky, then trees, fence and ground where a ray meets them first."""
    x0, y0, z0 = (float(metres) for metres in lens.eye)
    dx, dy, dz = rays[..., 0], rays[..., 1], rays[..., 2]
    half_x, half_z = max(_HALF_W + BESIDE_M, abs(x0) + 1.0), max(_HALF_L + BEHIND_M, abs(z0) + 1.0)
    to_x = (half_x - np.sign(dx) * x0) / np.maximum(np.abs(dx), _FLAT)
    to_z = (half_z - np.sign(dz) * z0) / np.maximum(np.abs(dz), _FLAT)
    to_wall = np.minimum(to_x, to_z)
    to_ground = np.where(dy < -_FLAT, y0 / np.maximum(-dy, _FLAT), np.float32(np.inf))
    floor = to_ground < to_wall
    picture = np.zeros((*floor.shape, 3), np.float32)
    if not floor.all():
        sideways = to_x < to_z
        along = np.where(sideways, z0 + to_wall * dz, x0 + to_wall * dx + 100)
        picture = _upright(lens, venue, tile, rays, (along, y0 + to_wall * dy), sideways, to_wall)
    if floor.any():
        court = _ground(lens, rays, np.where(floor, to_ground, np.float32(0)), venue, tile)
        picture = np.where(floor[..., None], court, picture)
    return np.asarray(picture * venue.light.tint, np.float32)


def _upright(lens: Lens, venue: Venue, tile: Array, rays: Float32, fence_m: tuple[Array, Array], sideways: Array,
             away: Array) -> Array:  # fmt: skip
    """What stands round the court; ``fence_m``: where along and how high the rays meet the fence's plane."""
    along, high = fence_m
    low = high < venue.wall_m
    picture = np.zeros((*low.shape, 3), np.float32)
    if not low.all():
        picture = _above(rays, float(lens.eye[1]), venue, tile)
    if low.any():
        lit = np.where(sideways, *(np.float32(0.75 + 0.35 * abs(venue.light.sun[axis])) for axis in (0, 2)))
        fence = _fence(along, high, away / float(lens.focal_xy[0]), venue, tile) * lit[..., None]
        picture = np.where(low[..., None], fence, picture)
    return picture


def _noise(tile: Array, u: Array, v: Array, per_m: float) -> Array:
    """The tile spread over metres; it repeats."""
    at = [np.clip(np.asarray(axis, np.float32) * per_m, -_FAR, _FAR) for axis in (u, v)]
    return np.asarray(cv2.remap(tile, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))


def _above(rays: Float32, eye_m: float, venue: Venue, tile: Array) -> Array:
    """Sky, and trees ``_TREES_M`` away all round."""
    level = np.maximum(np.hypot(rays[..., 0], rays[..., 2]), _FLAT)
    high = eye_m + _TREES_M / level * rays[..., 1]
    # Mirrored at the seam: behind and ahead of the camera the noise meets itself.
    round_m = np.abs(np.arctan2(rays[..., 0], rays[..., 2])) * np.float32(_TREES_M)
    sky = _colour(venue.sky) * (1.05 - 0.25 * np.clip(rays[..., 1] / level, 0, 1))[..., None]
    sky = sky + 6 * _noise(tile, round_m, high * 3, 1.5)[..., None]
    if venue.trees < _LEAST_TREES:
        return np.asarray(sky)
    top = venue.wall_m + 10 * venue.trees + 1.8 * _noise(tile, round_m, np.zeros_like(round_m), 5)
    leaves = np.clip(1 + 0.35 * _noise(tile, round_m, high, 40), 0.3, 1.8)[..., None] * _colour((44, 84, 62))
    return np.asarray(np.where((high < top)[..., None], leaves, sky))


def _fence(along: Array, high: Array, footprint: Array, venue: Venue, tile: Array) -> Array:
    """A windscreen in panels with posts, a lighter rail, here and there a board."""
    post = _stripe(np.mod(along + 1.5, 3.0) - 1.5, 0.08, footprint)
    rail = _stripe(high - venue.wall_m, 0.1, footprint) + _stripe(high - 0.12, 0.06, footprint)
    board = (np.mod(np.floor(along / 3.0) * 7, 5) == 1) & (high > 0.3) & (high < 1.25)
    cloth = _colour(venue.wall) * (1 + 0.06 * _noise(tile, along, high, 40))[..., None]
    cloth = np.where(board[..., None], _colour(venue.inside) * 0.8 + 30, cloth)
    bare = np.clip(post + rail, 0, 1)[..., None]
    return np.asarray(cloth * (1 - 0.55 * bare) + 0.55 * bare * _colour((150, 150, 150)))


def _colour(bgr: Array | Colour) -> Float32:
    return np.asarray(bgr, np.float32)


def _stripe(distance: Array, width: float, footprint: Array) -> Array:
    """How much of a pixel ``footprint`` m wide a stripe covers whose middle is ``distance`` m away; 0..1."""
    footprint = np.maximum(footprint, np.float32(1e-4))
    inside = (np.minimum(distance + footprint / 2, width / 2) - np.maximum(distance - footprint / 2, -width / 2)) / (
        footprint
    )
    return np.clip(inside, 0, 1)


def _ground(lens: Lens, rays: Float32, reach: Array, venue: Venue, tile: Array) -> Array:
    x, z = float(lens.eye[0]) + reach * rays[..., 0], float(lens.eye[2]) + reach * rays[..., 2]
    wide, deep = _footprints(lens, rays, reach)
    edge_x = np.clip((_HALF_W - np.abs(x)) / np.maximum(wide, 1e-4) + 0.5, 0, 1)
    edge_z = np.clip((_HALF_L - np.abs(z)) / np.maximum(deep, 1e-4) + 0.5, 0, 1)
    court = (edge_x * edge_z)[..., None]
    colour = court * _colour(venue.inside) + (1 - court) * _colour(venue.outside)
    fade = 1 / (1 + 40 * (wide + deep))
    texture = 1 + 0.05 * fade * _noise(tile, x, z, 180) + 0.035 * _noise(tile, x, z, 9)
    worn = 1 + 0.06 * np.exp(-(((np.abs(z) - _HALF_L - 0.4) / 1.2) ** 2) - (x / 2.5) ** 2)
    lines = _lines(x, z, wide, deep)[..., None]
    colour = colour * (texture * worn)[..., None]
    lit = float(venue.light.direct * venue.light.sun[1] + venue.light.sky)
    return np.asarray((colour * (1 - lines) + lines * _colour((236, 238, 238))) * lit)


def _lines(x: Array, z: Array, wide: Array, deep: Array) -> Array:
    """How much of each pixel is line."""
    x, z = np.abs(x), np.abs(z)
    total = np.zeros_like(x)
    for until, middle, width in _ACROSS:
        total = np.maximum(total, _stripe(z - middle, width, deep) * (x < until + width / 2))
    for until, middle, width in _ALONG:
        total = np.maximum(total, _stripe(x - middle, width, wide) * (z < until + width / 2))
    mark = _stripe(x, _LINE_M, wide) * ((z > _HALF_L - 0.15) & (z < _HALF_L))
    return np.asarray(np.maximum(total, mark))


def _footprints(lens: Lens, rays: Float32, reach: Array) -> tuple[Array, Array]:
    """Metres in x and in z on the ground that a pixel spans."""
    per_u, per_v = ((lens.rotation[i] / lens.focal_xy[i]).astype(np.float32) for i in (0, 1))
    dy = np.minimum(rays[..., 1], -1e-6)
    spans = []
    for axis in (0, 2):
        slope = rays[..., axis] / dy
        spans.append(reach * sum(np.abs(step[axis] - slope * step[1]) for step in (per_u, per_v)))
    return spans[0], spans[1]


def _net(lens: Lens, rays: Float32, venue: Venue) -> tuple[Float32, Float32]:
    """(h, W, 3) colour times cover, and (h, W) cover."""
    shape = rays.shape[:2]
    x0, y0, z0 = (float(metres) for metres in lens.eye)
    toward = -np.sign(z0) * rays[..., 2]
    ahead = toward > _FLAT
    reach = abs(z0) / np.maximum(toward, _FLAT)
    x, y = x0 + reach * rays[..., 0], y0 + reach * rays[..., 1]
    ahead &= (np.abs(x) < POSTS_M + 1) & (y > -0.5) & (y < NET_AT_POSTS_M + 0.5)
    if abs(z0) < _LEAST_M or not ahead.any():
        return np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
    footprint = reach / float(lens.focal_xy[0])
    high = NET_M + (NET_AT_POSTS_M - NET_M) / POSTS_M * np.abs(x)
    between = np.clip((POSTS_M - np.abs(x)) / footprint + 0.5, 0, 1) * np.clip((high - y) / footprint + 0.5, 0, 1)
    between = between * np.clip(y / footprint + 0.5, 0, 1) * ahead
    band = between * np.clip((y - high + 0.06) / footprint + 0.5, 0, 1)
    strap = between * _stripe(x, 0.05, footprint)
    white = np.maximum(band, strap)
    mesh = np.maximum(*(_stripe(np.mod(axis + 0.022, 0.045) - 0.022, _CORD_M, footprint) for axis in (x, y)))
    dark = between * np.clip(2 * mesh, 0, 0.6) * (1 - white)
    post = ahead * _stripe(np.abs(x) - POSTS_M, 0.09, footprint) * ((y > 0) & (y < NET_AT_POSTS_M + 0.03))
    dark = np.maximum(dark, post)
    lit = (venue.light.direct * 0.6 + venue.light.sky) * venue.light.tint
    colour = white[..., None] * _colour(np.array([234, 236, 236]) * lit) + dark[..., None] * _colour((34, 36, 34))
    return colour.astype(np.float32), np.minimum(white + dark, 1).astype(np.float32)
