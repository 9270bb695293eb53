"""What a court and its surroundings are like: surface, fence, light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgepose.types import Array
from edgepose_trainer.render.body import Colour
from edgepose_trainer.render.painting import Light

_SURFACES: tuple[tuple[Colour, Colour], ...] = (
    ((150, 100, 52), (96, 128, 70)), ((168, 112, 50), (120, 78, 40)), ((96, 124, 60), (84, 100, 150)),
    ((70, 112, 186), (66, 106, 176)), ((62, 122, 92), (58, 112, 84)), ((130, 86, 110), (90, 120, 66)),
    ((132, 130, 124), (92, 108, 74)),
)  # fmt: skip
"""Inside and outside the lines."""
_WALLS: tuple[Colour, ...] = ((58, 70, 36), (96, 60, 34), (70, 74, 72), (50, 84, 54), (124, 116, 104), (46, 48, 52))


@dataclass(frozen=True, slots=True)
class Venue:
    """One court."""

    inside: Colour
    outside: Colour
    wall: Colour
    wall_m: float
    """Height of the windscreen on the fence."""
    trees: float
    """0..1 how high they stand over the fence."""
    sky: Colour
    light: Light
    grain: float
    """Of the picture: standard deviation, grey values."""
    softness_px: float
    """Of the lens: standard deviation."""
    seed: int

    @staticmethod
    def of(seed: int) -> Venue:
        """The same court for the same seed."""
        rng = np.random.default_rng([seed, 21])
        inside, outside = _SURFACES[rng.integers(len(_SURFACES))]
        azimuth, height = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(32, 68))
        sun = np.array([np.cos(azimuth) * np.cos(height), np.sin(height), np.sin(azimuth) * np.cos(height)])
        cloudy = float(rng.uniform(0, 0.8))
        warm = float(rng.uniform(-0.05, 0.06))
        bright = float(rng.uniform(0.9, 1.1))
        light = Light(sun, bright * 0.62 * (1 - 0.7 * cloudy), bright * (0.62 + 0.32 * cloudy),
                      np.array([1 - warm, 1.0, 1 + warm]))  # fmt: skip
        clear, grey = np.array([218, 176, 128]), np.array([214, 208, 204])
        b, g, r = (clear + cloudy * (grey - clear)).astype(int)
        return Venue(
            _varied(rng, inside), _varied(rng, outside), _varied(rng, _WALLS[rng.integers(len(_WALLS))]),
            float(rng.uniform(1.8, 3.6)), float(rng.uniform(0, 1)), (int(b), int(g), int(r)), light,
            float(rng.uniform(1.2, 3.0)), float(rng.uniform(0.3, 0.6)), seed,
        )  # fmt: skip


def _varied(rng: np.random.Generator, colour: Colour) -> Colour:
    b, g, r = np.clip(np.array(colour) * rng.uniform(0.9, 1.12, 3), 0, 250).astype(int)
    return int(b), int(g), int(r)


def cloud(rng: np.random.Generator, side: int, octaves: int) -> Array:
    """(side, side) float32 round 0, about 1 strong: noise of several sizes that repeats without a seam."""
    import cv2

    total = np.zeros((side, side), np.float32)
    for octave in range(octaves):
        cells = side >> octave
        if cells < 2:
            break
        noise = rng.standard_normal((cells, cells)).astype(np.float32)
        wrapped = np.pad(noise, 2, mode="wrap")
        grown = cv2.resize(wrapped, None, fx=1 << octave, fy=1 << octave, interpolation=cv2.INTER_LINEAR)
        edge = 2 << octave
        total += grown[edge : edge + side, edge : edge + side]
    return np.asarray(total / np.sqrt(octaves))
