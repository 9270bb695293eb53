"""What cameras do to pictures: light, colour, blur, motion, compression, low resolution, things in front."""

from __future__ import annotations

import cv2
import numpy as np

from edgepose.types import Array, Image


def spoil(image: Image, rng: np.random.Generator) -> Image:
    """A random, mostly mild, mixture; the picture keeps its size."""
    chances = rng.random(7)
    if chances[0] < 0.8:
        image = _colour(image, rng)
    if chances[1] < 0.12:
        image = _coarse(image, rng)
    if chances[2] < 0.08:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.5)), np.uint8)
    if chances[3] < 0.08:
        image = np.asarray(
            cv2.filter2D(image, -1, motion_kernel(int(rng.integers(3, 9)), rng.uniform(0, 180))), np.uint8
        )
    if chances[4] < 0.06:
        noise = rng.normal(0, rng.uniform(2, 12), image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if chances[5] < 0.12:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 85))]
        image = np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR), np.uint8)
    if chances[6] < 0.25:
        _cut_out(image, rng)
    return image


def _colour(image: Image, rng: np.random.Generator) -> Image:
    gain = rng.uniform(0.65, 1.4) * rng.uniform(0.92, 1.08, 3)
    gamma = np.exp(rng.uniform(-0.35, 0.35))
    offset = rng.uniform(-18, 18)
    levels = np.arange(256)[:, None] / 255
    table = np.clip(255 * levels**gamma * gain + offset, 0, 255).astype(np.uint8)
    image = np.asarray(cv2.LUT(image, table[None]), np.uint8)
    if rng.random() < 0.5:
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        colour = rng.choice([0.0, 1.4]) if rng.random() < 0.1 else rng.uniform(0.4, 1.5)
        image = np.asarray(cv2.addWeighted(image, colour, grey, 1 - colour, 0), np.uint8)
    return image


def _coarse(image: Image, rng: np.random.Generator) -> Image:
    small = cv2.resize(image, None, fx=(f := rng.uniform(0.4, 0.8)), fy=f, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (image.shape[1], image.shape[0])), np.uint8)


def motion_kernel(length: int, angle_deg: float) -> Array:
    """(length, length) a line through the middle; sums to 1."""
    kernel = np.zeros((length, length), np.float32)
    middle = (length - 1) / 2
    reach = middle * np.array([np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))])
    ends = np.round(middle + np.array([-reach, reach])).astype(int)
    cv2.line(kernel, tuple(ends[0].tolist()), tuple(ends[1].tolist()), 1.0)
    return np.asarray(kernel / kernel.sum())


def _cut_out(image: Image, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    for _ in range(rng.integers(1, 4)):
        w, h = (rng.uniform(0.03, 0.18, 2) * (width, height)).astype(int)
        x, y = rng.integers(0, width - w), rng.integers(0, height - h)
        image[y : y + h, x : x + w] = rng.integers(0, 256, 3)
