"""Surfaces of quadrilaterals: tubes along a line of rings, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgepose.types import Array, Float32

SIDES = 12


@dataclass(frozen=True, slots=True)
class Mesh:
    """Q quadrilaterals, corners counter-clockwise seen from outside."""

    quads: Float32
    """(Q, 4, 3) metres."""
    colours: Float32
    """(Q, 3) BGR, 0..255, in full light."""
    bias_m: Float32
    """(Q,) how much nearer than it is a quad is painted: for what lies on another surface."""
    part: Array
    """(Q,) number of the convex piece that it belongs to; for shadows."""


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """All as one; each keeps its own piece for shadows."""
    return Mesh(
        np.concatenate([mesh.quads for mesh in meshes]),
        np.concatenate([mesh.colours for mesh in meshes]),
        np.concatenate([mesh.bias_m for mesh in meshes]),
        np.repeat(np.arange(len(meshes)), [len(mesh.quads) for mesh in meshes]),
    )


def tube(centres: Array, across: Array, over: Array, widths: Array, depths: Array, colours: Array, bias_m: float = 0.0,
         sides: int = SIDES) -> Mesh:  # fmt: skip
    """Elliptic rings at (M, 3) ``centres`` with half-axes ``widths`` along ``across`` and ``depths`` along ``over``.

    ``across`` x ``over`` points along the tube; both (3,) or (M, 3). ``colours``: (3,), (M - 1, 3) or
    (M - 1, sides, 3).
    """
    angles = np.arange(sides + 1) * (2 * np.pi / sides)
    angles[-1] = 0
    u = (across * np.asarray(widths)[:, None])[:, None] * np.cos(angles)[:, None]
    rings = centres[:, None] + u + (over * np.asarray(depths)[:, None])[:, None] * np.sin(angles)[:, None]
    quads = np.empty((len(centres) - 1, sides, 4, 3), np.float32)  # filled corner by corner: half the time of a stack
    quads[:, :, 0], quads[:, :, 1] = rings[:-1, :-1], rings[:-1, 1:]
    quads[:, :, 2], quads[:, :, 3] = rings[1:, 1:], rings[1:, :-1]
    painted = np.empty((len(centres) - 1, sides, 3), np.float32)
    painted[:] = colours if np.ndim(colours) != 2 else np.asarray(colours)[:, None]
    count = (len(centres) - 1) * sides
    return Mesh(
        quads.reshape(-1, 4, 3), painted.reshape(-1, 3), np.full(count, bias_m, np.float32), np.zeros(count, np.intp)
    )


@dataclass(frozen=True, slots=True)
class Profile:
    """A limb's rings: shares of its length, metres beyond them, radii."""

    shares: Array
    beyond_m: Array
    radii_m: Array


_CAP = ((-1.0, 0.05), (-0.85, 0.53), (-0.5, 0.87))


def capped(shares: Sequence[float], radii_m: Sequence[float]) -> Profile:
    """With half a ball at either end."""
    first, last = radii_m[0], radii_m[-1]
    return Profile(
        np.array([*(shares[0] for _ in _CAP), *shares, *(shares[-1] for _ in _CAP)]),
        np.array([*(along * first for along, _ in _CAP), *(0.0 for _ in shares), *(-a * last for a, _ in _CAP[::-1])]),
        np.array([*(wide * first for _, wide in _CAP), *radii_m, *(wide * last for _, wide in _CAP[::-1])]),
    )


def limb(start: Array, end: Array, profile: Profile, colours: Array, flat: float = 1.0, sideways: Array | None = None,
         bias_m: float = 0.0, sides: int = SIDES) -> Mesh:  # fmt: skip
    """Rings from ``start`` to ``end``, (3,) each; ``flat``: depth over width, the width being along ``sideways``.

    ``colours``: of all, or a row for each stretch between two rings of the profile without its caps.
    """
    axis = end - start
    length = float(np.linalg.norm(axis))
    axis = axis / length if length > 1e-6 else np.array([0.0, 1.0, 0.0])
    u, v = frame(axis, sideways)
    centres = start + profile.shares[:, None] * (end - start) + profile.beyond_m[:, None] * axis
    colours = np.asarray(colours, np.float32)
    if colours.ndim == 2:
        colours = np.concatenate([colours[:1].repeat(len(_CAP), 0), colours, colours[-1:].repeat(len(_CAP), 0)])
    return tube(centres, u, v, profile.radii_m, flat * profile.radii_m, colours, bias_m, sides)


def frame(axis: Array, sideways: Array | None = None) -> tuple[Array, Array]:
    """Two unit vectors u, v square to a unit ``axis`` with u x v = axis, u as near to ``sideways`` as can be."""
    if sideways is None:
        sideways = np.eye(3)[int(np.argmin(np.abs(axis)))]
    u = sideways - axis * float(axis @ sideways)
    size = float(np.linalg.norm(u))
    if size < 1e-6:
        return frame(axis)
    u = u / size
    (a, b, c), (x, y, z) = axis.tolist(), u.tolist()  # numpy's cross takes ten times as long for two vectors
    return u, np.array([b * z - c * y, c * x - a * z, a * y - b * x])


def ellipsoid(middle: Array, along: Array, across: Array, half_m: tuple[float, float, float], colour: Array,
              bias_m: float = 0.0, sides: int = 8) -> Mesh:  # fmt: skip
    """Half-axes: along, across, and square to both."""
    heights = np.cos(np.linspace(np.pi, 0, 7))
    wide = np.maximum(np.sqrt(1 - heights**2), 0.02)
    u, v = frame(along, across)
    centres = middle + (half_m[0] * heights)[:, None] * along
    return tube(centres, u, v, half_m[1] * wide, half_m[2] * wide, colour, bias_m, sides)
