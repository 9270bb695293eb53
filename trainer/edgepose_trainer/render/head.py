"""Head and neck: a face that a network can find, hair, cap or band."""

from __future__ import annotations

import numpy as np

from edgepose.types import Array
from edgepose_trainer.render.anatomy import Anatomy
from edgepose_trainer.render.body import Look
from edgepose_trainer.render.mesh import Mesh, capped, ellipsoid, limb, tube

_SIDES = 16
_HEIGHTS = np.array([-1.0, -0.93, -0.75, -0.5, -0.2, 0.1, 0.4, 0.65, 0.85, 0.97, 1.0])
_WIDTHS = np.array([0.1, 0.42, 0.66, 0.82, 0.94, 1.0, 0.96, 0.84, 0.6, 0.28, 0.02])
_LENGTHS = np.array([0.1, 0.4, 0.66, 0.86, 0.97, 1.02, 1.0, 0.86, 0.62, 0.28, 0.02])
_FORWARD = np.array([0.42, 0.4, 0.26, 0.1, 0.02, -0.02, -0.05, -0.08, -0.08, -0.08, -0.08])
"""Of the skull's half length: the chin stands in front."""
_DECAL_M = 0.025


def head(body: Anatomy, look: Look) -> list[Mesh]:
    """Neck, skull and what is on it."""
    pieces = [_neck(body, look), _skull(body, look), *_face(body, look)]
    if look.long_hair:
        pieces.append(_tail(body, look))
    if look.headwear == "cap":
        pieces.append(_brim(body, look))
    return pieces


def _neck(body: Anatomy, look: Look) -> Mesh:
    radius = 0.052 * look.build * body.scale
    top = body.head_middle - 0.35 * body.head_half[2] * body.head_up - 0.02 * body.scale * body.head_ahead
    base = body.at["neck"] - 0.02 * body.scale * body.up
    return limb(base, top, capped([0, 0.3, 1], [1.2 * radius, radius, radius]), np.array(look.skin) * 0.93)


def _skull(body: Anatomy, look: Look) -> Mesh:
    wide, long, top = body.head_half
    tall = np.where(_HEIGHTS < 0, 1.42 * wide, top)
    colours, grown = _cover(look)
    centres = (
        body.head_middle + (_HEIGHTS * tall)[:, None] * body.head_up + (_FORWARD * long)[:, None] * body.head_ahead
    )
    return tube(centres, body.head_ahead, body.head_left, long * _LENGTHS * grown, wide * _WIDTHS * grown, colours,
                 sides=_SIDES)  # fmt: skip


def _cover(look: Look) -> tuple[Array, Array]:
    """(rings - 1, sides, 3) skin, hair or cap, and how much hair adds to each ring."""
    angle = np.degrees(np.abs((np.arange(_SIDES) + 0.5) * 2 * np.pi / _SIDES))
    angle = np.minimum(angle, 360 - angle)[None]
    height = ((_HEIGHTS[1:] + _HEIGHTS[:-1]) / 2)[:, None]
    low = -0.9 if look.long_hair else -0.35
    hair = (height > 0.62) | ((angle > 100) & (height > low)) | ((angle > 62) & (height > 0.15))
    colours = np.where(hair[..., None], np.array(look.hair), np.array(look.skin)).astype(np.float32)
    if look.headwear == "cap":
        colours[np.broadcast_to(height > 0.42, hair.shape)] = look.trim
    if look.headwear == "band":
        colours[np.broadcast_to((height > 0.4) & (height < 0.62), hair.shape)] = look.trim
    return colours, np.where(_HEIGHTS > 0.3, 1.06, 1.0)


def _face(body: Anatomy, look: Look) -> list[Mesh]:
    """Eyes with brows, nose, mouth and ears, at the joints."""
    skin = np.array(look.skin, np.float64)
    wide = body.head_half[0]
    up, left, ahead = body.head_up, body.head_left, body.head_ahead
    nose = body.at["nose"]
    pieces = [
        ellipsoid(nose + 0.1 * wide * up - 0.14 * wide * ahead, up, left, (0.3 * wide, 0.17 * wide, 0.2 * wide), skin),
        ellipsoid(nose - 0.2 * wide * up - 0.14 * wide * ahead, left, up, (0.2 * wide, 0.05 * wide, 0.1 * wide),
                  0.55 * skin, _DECAL_M, 6),
        ellipsoid(nose - 0.5 * wide * up - 0.2 * wide * ahead, left, up, (0.32 * wide, 0.09 * wide, 0.12 * wide),
                  skin * (0.62, 0.58, 0.82), _DECAL_M, 6),
    ]  # fmt: skip
    dark = np.array([28, 26, 26])
    brow = 0.5 * np.array(look.hair) + 0.25 * skin
    for side in ("left", "right"):
        eye, ear = body.at[f"{side}_eye"], body.at[f"{side}_ear"]
        outward = left if side == "left" else -left
        socket, pupil = eye + 0.02 * wide * ahead, eye + 0.08 * wide * ahead
        above, shell = eye + wide * (0.24 * up + 0.04 * ahead), ear + 0.04 * wide * outward
        pieces += [
            ellipsoid(socket, left, up, (0.26 * wide, 0.15 * wide, 0.1 * wide), 0.7 * skin, _DECAL_M, 6),
            ellipsoid(pupil, left, up, (0.12 * wide, 0.11 * wide, 0.1 * wide), dark, 1.6 * _DECAL_M, 6),
            ellipsoid(above, left, up, (0.3 * wide, 0.06 * wide, 0.1 * wide), brow, _DECAL_M, 6),
            ellipsoid(shell, up, ahead, (0.36 * wide, 0.2 * wide, 0.13 * wide), 0.9 * skin, 0.4 * _DECAL_M, 6),
        ]
    return pieces


def _tail(body: Anatomy, look: Look) -> Mesh:
    """Hair tied behind the head."""
    wide, long, _ = body.head_half
    root = body.head_middle + 0.25 * wide * body.head_up - 1.05 * long * body.head_ahead
    end = root - 2.2 * wide * (0.85 * body.head_up + 0.45 * body.head_ahead)
    return limb(root, end, capped([0, 0.4, 1], [0.3 * wide, 0.38 * wide, 0.15 * wide]), np.array(look.hair))


def _brim(body: Anatomy, look: Look) -> Mesh:
    wide, long, top = body.head_half
    middle = body.head_middle + 0.42 * top * body.head_up + 1.05 * long * body.head_ahead
    return ellipsoid(middle, body.head_ahead, body.head_left, (0.75 * long, 0.85 * wide, 0.1 * wide),
                     0.9 * np.array(look.trim))  # fmt: skip
