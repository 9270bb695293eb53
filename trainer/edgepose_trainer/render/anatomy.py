"""The axes of a body that its joints imply: which way trunk, head and feet point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgepose.types import Array, Float32
from edgepose_trainer.render.body import JOINTS

_UP = np.array([0.0, 1.0, 0.0])
_USUAL_M = 0.52 + 0.44 + 0.42
"""Trunk, thigh and shank of somebody 1.8 m tall: what the widths below are meant for."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Joints by name, and unit axes; left is the person's own."""

    at: dict[str, Array]
    scale: float
    """Size against somebody 1.8 m tall."""
    up: Array
    """From hips to neck."""
    hips_left: Array
    shoulders_left: Array
    ahead: Array
    """Where the pelvis faces."""
    chest_ahead: Array
    head_up: Array
    head_left: Array
    head_ahead: Array
    head_middle: Array
    head_half: tuple[float, float, float]
    """Half width, half length, half height, metres."""


def unit(vector: Array, fallback: Array) -> Array:
    """Of length one; ``fallback`` for next to nothing."""
    size = float(np.linalg.norm(vector))
    return vector / size if size > 1e-6 else fallback


def anatomy(joints: Float32) -> Anatomy:
    """Of (20, 3) joints, ``body.JOINTS``."""
    at = dict(zip(JOINTS, np.asarray(joints, np.float64), strict=True))
    up = unit(at["neck"] - at["mid_hip"], _UP)
    hips_left = unit(at["left_hip"] - at["right_hip"], np.array([1.0, 0, 0]))
    shoulders_left = unit(at["left_shoulder"] - at["right_shoulder"], hips_left)
    head_left = unit(at["left_ear"] - at["right_ear"], shoulders_left)
    ears = (at["left_ear"] + at["right_ear"]) / 2
    toward = at["nose"] - ears
    head_ahead = unit(toward - head_left * float(toward @ head_left), np.cross(head_left, up))
    head_up = np.cross(head_ahead, head_left)
    half_width = float(np.clip(np.linalg.norm(at["left_ear"] - at["right_ear"]) / 2, 0.055, 0.095))
    # The nose of the takes is level with the ears' middle or a little higher: the skull goes on above both.
    middle = ears + (0.22 * head_up + 0.12 * head_ahead) * half_width
    top = float(np.clip((at["head_top"] - middle) @ head_up, 1.2 * half_width, 1.75 * half_width))
    length = float(np.clip(0.86 * (toward @ head_ahead), 1.05 * half_width, 1.4 * half_width))
    return Anatomy(
        at, _scale(at), up, hips_left, shoulders_left, unit(np.cross(hips_left, up), head_ahead),
        unit(np.cross(shoulders_left, up), head_ahead), head_up, head_left, head_ahead, middle,
        (1.02 * half_width, length, top),
    )  # fmt: skip


def _scale(at: dict[str, Array]) -> float:
    def long(a: str, b: str) -> float:
        return float(np.linalg.norm(at[a] - at[b]))

    legs = sum(long(f"{s}_hip", f"{s}_knee") + long(f"{s}_knee", f"{s}_ankle") for s in ("left", "right")) / 2
    return float(np.clip((long("neck", "mid_hip") + legs) / _USUAL_M, 0.4, 1.6))


def foot(body: Anatomy, side: str) -> tuple[Array, Array]:
    """Middle of the heel and of the toes, (3,) each: along the knee's bend, flat while the ankle is low."""
    hip, knee, ankle = (body.at[f"{side}_{part}"] for part in ("hip", "knee", "ankle"))
    bend = knee - (hip + ankle) / 2
    ahead = bend + 0.12 * body.ahead
    flat = unit(ahead * (1, 0, 1), body.ahead)
    shank = unit(ankle - knee, -_UP)
    square = unit(ahead - shank * float(ahead @ shank), flat)
    lifted = float(np.clip((ankle[1] - 0.16 * body.scale) / 0.14, 0, 1))
    along = unit((1 - lifted) * flat + lifted * (square + 0.35 * shank), flat)
    down = (1 - lifted) * -_UP + lifted * shank
    heel = ankle + (0.055 * down - 0.035 * along) * body.scale
    toes = heel + 0.2 * body.scale * along
    for point in (heel, toes):
        point[1] = max(point[1], 0.04 * body.scale)
    return heel, toes
