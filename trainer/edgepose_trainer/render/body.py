"""A player: joints and racket in metres, and how they look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgepose.skeletons import COCO17
from edgepose.types import Array, Float32

JOINTS = (*COCO17.joints, "head_top", "neck", "mid_hip")
"""The order of ``Body.joints``."""
Colour = tuple[int, int, int]
"""BGR, in full light."""

_SKINS = ((142, 182, 228), (132, 170, 220), (120, 160, 212), (98, 138, 192), (82, 116, 168), (64, 92, 136))
_HAIRS = ((24, 26, 30), (30, 40, 56), (40, 62, 94), (70, 116, 168), (110, 160, 200), (120, 124, 128))
_CLOTHES = (
    (236, 238, 240), (32, 30, 30), (150, 60, 30), (196, 130, 40), (60, 50, 190), (60, 150, 60), (70, 190, 230),
    (120, 60, 120), (200, 190, 90), (70, 130, 235), (150, 130, 235), (90, 60, 20), (160, 165, 170), (60, 30, 120),
)  # fmt: skip
_BOTTOMS = ((236, 238, 240), (34, 32, 32), (90, 50, 26), (60, 60, 64), (140, 140, 144), (150, 90, 50), (50, 46, 120))
_RACKETS = ((30, 30, 34), (40, 40, 200), (210, 120, 30), (60, 200, 230), (230, 230, 230), (60, 160, 60))


@dataclass(frozen=True, slots=True)
class Look:
    """Colours and build of a player; nothing in it depends on their height."""

    skin: Colour
    hair: Colour
    shirt: Colour
    bottoms: Colour
    shoes: Colour
    socks: Colour
    racket: Colour
    trim: Colour
    """Of cap, band and hem."""
    build: float
    """How thick limbs are; 1: usual."""
    sleeve: float
    """Share of the upper arm that the shirt covers."""
    leg: float
    """Share of the thigh that shorts or skirt cover."""
    skirt: bool
    headwear: str
    """"", "cap" or "band"."""
    long_hair: bool
    folds: int
    """Seed of the cloth's unevenness."""

    @staticmethod
    def of(seed: int) -> Look:
        """The same look for the same seed."""
        rng = np.random.default_rng([seed, 20])

        def one(colours: tuple[Colour, ...]) -> Colour:
            b, g, r = np.clip(np.array(colours[rng.integers(len(colours))]) * rng.uniform(0.9, 1.08, 3), 8, 248)
            return int(b), int(g), int(r)

        woman = bool(rng.random() < 0.45)
        skirt = woman and bool(rng.random() < 0.7)
        headwear = str(rng.choice(["", "cap", "band"], p=[0.7, 0.15, 0.15]))
        return Look(
            skin=one(_SKINS), hair=one(_HAIRS), shirt=one(_CLOTHES), bottoms=one(_BOTTOMS),
            shoes=one(_CLOTHES if rng.random() < 0.4 else _CLOTHES[:1]), socks=one(_CLOTHES[:1]), racket=one(_RACKETS),
            trim=one(_CLOTHES), build=float(rng.uniform(0.88, 1.02 if woman else 1.14)),
            sleeve=float(rng.uniform(0.12, 0.3) if woman else rng.uniform(0.42, 0.72)),
            leg=float(rng.uniform(0.3, 0.5) if woman else rng.uniform(0.55, 0.88)),
            skirt=skirt, headwear=headwear, long_hair=woman, folds=int(rng.integers(1 << 30)),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Body:
    """One person at one moment, world axes as in ``lens``."""

    joints: Float32
    """(20, 3) metres in the order of ``JOINTS``."""
    racket: Float32 | None
    """(2, 3) where it is held, and its tip."""
    look: Look


def completed(coco17: Array) -> Float32:
    """(..., 17, 3) -> (..., 20, 3): head_top, neck and mid_hip placed by proportion."""
    shoulders, hips, ears, eyes = (
        coco17[..., COCO17.indices(f"left_{part}", f"right_{part}"), :].mean(axis=-2)
        for part in ("shoulder", "hip", "ear", "eye")
    )
    aside = coco17[..., COCO17.index("left_ear"), :] - coco17[..., COCO17.index("right_ear"), :]
    ahead = coco17[..., COCO17.index("nose"), :] - ears
    up = np.cross(ahead, aside)
    up /= np.maximum(np.linalg.norm(up, axis=-1, keepdims=True), 1e-9)
    width = np.linalg.norm(aside, axis=-1, keepdims=True)
    top = ears + up * (0.9 * width + 0.1 * np.linalg.norm(eyes - ears, axis=-1, keepdims=True))
    neck = shoulders + 0.04 * (shoulders - hips)
    return np.asarray(np.concatenate([coco17, np.stack([top, neck, hips], axis=-2)], axis=-2), np.float32)


def held(coco17: Array, side: str = "right") -> Float32:
    """(17, 3) -> (2, 3) a racket held on in line with the forearm: for takes that have none."""
    wrist, elbow = (coco17[COCO17.index(f"{side}_{part}")] for part in ("wrist", "elbow"))
    axis = (wrist - elbow) / max(float(np.linalg.norm(wrist - elbow)), 1e-6)
    grip = wrist + 0.07 * axis
    return np.asarray(np.stack([grip, grip + 0.6 * axis]), np.float32)
