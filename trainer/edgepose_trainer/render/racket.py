"""A racket between where it is held and its tip."""

from __future__ import annotations

import numpy as np

from edgepose.types import Array, Float32
from edgepose_trainer.render.body import Look
from edgepose_trainer.render.mesh import Mesh, capped, frame, limb, tube

_HEAD_SHARE = 0.54
"""Of the way from the grip to the tip."""
_HALF_WIDTH_M = 0.125
_FRAME_M = 0.011
_STRINGS = (9, 7)
_STRING = np.array([205, 210, 212])


def racket(ends: Float32, ahead: Array, look: Look) -> list[Mesh]:
    """Handle, throat, frame and strings; the face stands upright where the shaft is level.

    ``ends``: (2, 3) metres, ``ahead``: where the face looks when the shaft is upright.
    """
    grip, tip = np.asarray(ends, np.float64)
    length = float(np.linalg.norm(tip - grip))
    if length < 0.05:
        return []
    shaft = (tip - grip) / length
    level = float(np.hypot(shaft[0], shaft[2]))
    normal = level * np.cross(shaft, (0.0, 1.0, 0.0)) + (1 - level) * (ahead if ahead @ ahead > 0 else np.eye(3)[2])
    across, face = frame(shaft, np.cross(normal, shaft))
    half = _HEAD_SHARE * length / 2
    middle = tip - half * shaft
    base = grip - 0.05 * shaft
    handle = limb(base, grip + 0.1 * length * shaft, capped([0, 1], [0.018, 0.017]), np.array([40, 40, 44]), sides=8)
    colour = np.array(look.racket)
    pieces = [handle, _ring(middle, shaft, across, face, half, colour), _strings(middle, shaft, across, face, half)]
    fork = grip + 0.25 * length * shaft
    pieces.append(limb(grip + 0.08 * length * shaft, fork, capped([0, 1], [0.014, 0.013]), colour, sides=8))
    for sign in (-1, 1):
        end = middle - 0.8 * half * shaft + sign * 0.6 * _HALF_WIDTH_M * across
        pieces.append(limb(fork, end, capped([0, 1], [0.011, 0.01]), colour, sides=6))
    return pieces


def _ring(middle: Array, shaft: Array, across: Array, face: Array, half: float, colour: Array) -> Mesh:
    angles = np.linspace(0, 2 * np.pi, 29)
    way = np.cos(angles)[:, None] * shaft * half + np.sin(angles)[:, None] * across * _HALF_WIDTH_M
    tangent = -np.sin(angles)[:, None] * shaft * half + np.cos(angles)[:, None] * across * _HALF_WIDTH_M
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    outward = np.cross(tangent, face)
    thick = np.full(len(angles), _FRAME_M)
    return tube(middle + way, outward, np.cross(tangent, outward), thick, thick, colour, sides=6)


def _strings(middle: Array, shaft: Array, across: Array, face: Array, half: float) -> Mesh:
    """Lines without width, seen from both sides."""
    lines = []
    for count, along, over, long, wide in (
        (_STRINGS[0], across, shaft, half, _HALF_WIDTH_M),
        (_STRINGS[1], shaft, across, _HALF_WIDTH_M, half),
    ):
        for share in np.linspace(-0.85, 0.85, count):
            reach = long * np.sqrt(1 - share**2)
            centre = middle + share * wide * along
            thin = 0.0006 * along
            lines.append([centre - reach * over - thin, centre + reach * over - thin, centre + reach * over + thin,
                          centre - reach * over + thin])  # fmt: skip
    front = np.array(lines, np.float32)
    quads = np.concatenate([front, front[:, ::-1]])
    colours = np.broadcast_to(_STRING.astype(np.float32), (len(quads), 3))
    return Mesh(quads, colours, np.zeros(len(quads), np.float32), np.zeros(len(quads), np.intp))
