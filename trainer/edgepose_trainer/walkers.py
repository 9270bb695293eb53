"""Bodies and paths of the simulated scenes: who is how tall, where the feet go, how the limbs swing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Float64: TypeAlias = NDArray[np.float64]
Motion: TypeAlias = Literal["walk", "court", "street", "crossing", "bounce"]


@dataclass(frozen=True)
class Body:
    """Lengths as fractions of the height; side (half widths) and up (above the ground)."""

    side: Float64
    """(17,) person's left is positive when facing away."""
    up: Float64
    """(17,)"""
    cadence_hz: float
    """Steps of one leg per second at walking speed."""
    swing: float

    @staticmethod
    def random(rng: np.random.Generator) -> Body:
        shoulder, hip = 0.125 * rng.normal(1, 0.09), 0.09 * rng.normal(1, 0.09)
        hip_up = 0.53 * rng.normal(1, 0.03)
        shoulder_up = 0.82 * rng.normal(1, 0.015)
        arm = (shoulder_up - 0.47) * rng.normal(1, 0.05)
        half = np.array([0.0, 0.018, 0.035, shoulder, shoulder * 1.1, shoulder * 1.15, hip, hip, hip])
        side = np.concatenate([half[:1], *([[h, -h]] for h in half[1:, None].ravel())], axis=None)
        rise = [
            0.95,
            0.94,
            shoulder_up,
            shoulder_up - arm * 0.5,
            shoulder_up - arm,
            hip_up,
            hip_up * 0.53,
            0.04,
        ]
        up = np.concatenate([[0.93], np.repeat(rise, 2)])
        return Body(side, up, rng.uniform(0.8, 1.2), rng.uniform(0.08, 0.16))


def draw_body(rng: np.random.Generator, body: Body, times_s: Float64, feet: Float64, heights: Float64) -> Float64:
    """(F, 17, 2) px: legs and arms swing with the distance walked; the body turns to where it goes."""
    steps = np.gradient(feet, axis=0) if len(feet) > 1 else np.zeros_like(feet)
    dt = times_s[1] - times_s[0] if len(times_s) > 1 else 1.0
    speed = _smooth(np.hypot(*(steps / dt).T) / heights, 0.3 / dt)
    heading = _smooth(np.arctan2(steps[:, 1] * 3, steps[:, 0] + 1e-9), 0.5 / dt)
    phase = np.cumsum((0.3 + speed * body.cadence_hz) * dt) * 2 * np.pi + rng.uniform(0, 2 * np.pi)
    amount = body.swing * np.clip(speed, 0.15, 1.2)
    facing = np.abs(np.sin(heading)) * 0.6 + 0.4
    x = body.side[None, :] * facing[:, None]
    y = np.broadcast_to(body.up, x.shape).copy()
    wave, across = np.sin(phase) * amount, np.cos(heading)
    for joint, part in (
        (15, 1.0),
        (16, -1.0),
        (13, 0.5),
        (14, -0.5),
        (9, -0.8),
        (10, 0.8),
        (7, -0.35),
        (8, 0.35),
    ):
        x[:, joint] += part * wave * across
        y[:, joint] += np.maximum(part * wave, 0) * 0.35
    # The arms do things of their own: reach, wave, swing a racket.
    reach = _wander(rng, len(times_s), dt, 0.5) * 0.08
    for joint, part in ((10, 1.0), (8, 0.5)):
        x[:, joint] += part * reach
        y[:, joint] += part * np.abs(reach)
    return np.stack([feet[:, 0, None] + x * heights[:, None], feet[:, 1, None] - y * heights[:, None]], axis=2)


def paths(
    rng: np.random.Generator,
    motion: Motion,
    people: int,
    times_s: Float64,
    size_wh: tuple[int, int],
    pace: float,
) -> tuple[Float64, Float64]:
    """Feet (P, F, 2) px and heights (P, F) px; the lower in the picture, the taller.

    ``pace`` 2: everybody moves twice as fast.
    """
    width, height = size_wh
    dt = pace * (float(times_s[1] - times_s[0]) if len(times_s) > 1 else 1.0)
    tall = height * rng.uniform(0.14, 0.32)
    kinds = {"walk": _walk, "court": _court, "street": _street, "crossing": _crossing, "bounce": _bounce}
    move = kinds[motion]
    floor = np.array([[0.04 * width, 0.5 * height], [0.96 * width, 0.98 * height]])
    feet = np.stack([move(rng, p, len(times_s), dt, tall, floor) for p in range(people)])
    own = rng.normal(1, 0.08, people)[:, None]
    perspective = 0.75 + 0.5 * (feet[:, :, 1] - floor[0, 1]) / (floor[1, 1] - floor[0, 1])
    return feet, tall * own * np.clip(perspective, 0.6, 1.4)


def _walk(rng: np.random.Generator, person: int, frames: int, dt: float, tall: float, floor: Float64) -> Float64:
    """Wanders: the velocity drifts, now and then it turns at once; the edge of the floor turns it back."""
    at, speed = rng.uniform(floor[0], floor[1]), tall * rng.uniform(0.3, 1.0)
    angle = rng.uniform(0, 2 * np.pi)
    out = np.empty((frames, 2))
    for f in range(frames):
        angle += rng.normal(0, 0.9 * np.sqrt(dt))
        speed = float(np.clip(speed + rng.normal(0, 0.4 * tall * np.sqrt(dt)), 0, 1.5 * tall))
        if rng.random() < 0.15 * dt:
            angle += rng.choice([-1, 1]) * rng.uniform(1, np.pi)
        step = np.array([np.cos(angle), 0.35 * np.sin(angle)]) * speed * dt
        for axis in (0, 1):
            if not floor[0, axis] <= at[axis] + step[axis] <= floor[1, axis]:
                step[axis] *= -1
                angle = np.pi - angle if axis == 0 else -angle
        at = at + step
        out[f] = at
    return out


def _court(rng: np.random.Generator, person: int, frames: int, dt: float, tall: float, floor: Float64) -> Float64:
    """Runs to a spot, brakes, waits, runs to the next: strong accelerations."""
    at, velocity = rng.uniform(floor[0], floor[1]), np.zeros(2)
    goal, wait = at.copy(), 0.0
    top, pull = tall * rng.uniform(1.0, 2.0), rng.uniform(3.0, 5.0)
    out = np.empty((frames, 2))
    for f in range(frames):
        wait -= dt
        if wait <= 0 and np.hypot(*(goal - at)) < 0.15 * tall:
            goal, wait = rng.uniform(floor[0], floor[1]) * [1, 0.3] + at * [0, 0.7], rng.uniform(0.2, 1.0)
        want = (goal - at) * 2.5 if wait <= 0 else np.zeros(2)
        size = np.hypot(*want)
        velocity = velocity + (want * min(1.0, top / max(size, 1e-9)) - velocity) * (1 - np.exp(-pull * dt))
        at = at + velocity * dt
        out[f] = at
    return out


def _street(rng: np.random.Generator, person: int, frames: int, dt: float, tall: float, floor: Float64) -> Float64:
    """Crosses the picture at an even pace, leaves through the side, comes back later from there."""
    side = rng.choice([-1.0, 1.0])
    speed = tall * rng.uniform(0.5, 1.2) * side
    x0 = rng.uniform(floor[0, 0], floor[1, 0])
    margin = 0.6 * tall
    low, high = floor[0, 0] - margin, floor[1, 0] + margin
    times = np.arange(frames) * dt
    x = x0 + speed * times + 0.25 * tall * _wander(rng, frames, dt, 1.5)
    fold = np.mod(x - low, 2 * (high - low))
    x = low + np.where(fold < high - low, fold, 2 * (high - low) - fold)
    y = rng.uniform(floor[0, 1], floor[1, 1]) + 0.1 * tall * _wander(rng, frames, dt, 2.0)
    return np.column_stack([x, y])


def _crossing(rng: np.random.Generator, person: int, frames: int, dt: float, tall: float, floor: Float64) -> Float64:
    """Pairs go to and fro through each other at nearly the same depth; one in four turns back instead."""
    middle = floor.mean(axis=0) + np.array([person // 2 % 3 - 1, person // 2 - 2]) * [1.8 * tall, 0.3 * tall]
    direction = 1.0 if person % 2 else -1.0
    reach, period = tall * rng.uniform(0.8, 1.6), rng.uniform(4.0, 8.0)
    times = np.arange(frames) * dt
    turn = np.pi * times / period * 2
    sweep = np.cos(turn + rng.normal(0, 0.3))
    if rng.random() < 0.25:
        sweep = np.abs(sweep)
    x = middle[0] + direction * reach * sweep + 0.15 * tall * _wander(rng, frames, dt, 1.0)
    y = middle[1] + rng.normal(0, 0.06 * tall) + 0.05 * tall * _wander(rng, frames, dt, 1.5)
    return np.column_stack([x, y])


def _bounce(rng: np.random.Generator, person: int, frames: int, dt: float, tall: float, floor: Float64) -> Float64:
    """Straight lines at even speed, thrown back by the edges of the floor like a billiard ball."""
    angle, speed = rng.uniform(0, 2 * np.pi), tall * rng.uniform(0.3, 1.2)
    side = floor[1] - floor[0]
    velocity = speed * np.array([np.cos(angle), 0.5 * np.sin(angle)])
    run = rng.uniform(0, 2 * side) + np.arange(frames)[:, None] * dt * velocity
    return np.asarray(floor[0] + side - np.abs(np.mod(run, 2 * side) - side))


def _wander(rng: np.random.Generator, frames: int, dt: float, memory_s: float) -> Float64:
    """(F,) smooth random motion of unit size with the given memory, the same statistics at any frame rate."""
    keep = np.exp(-dt / memory_s)
    out, state = np.empty(frames), rng.normal()
    for f, kick in enumerate(rng.normal(0, np.sqrt(1 - keep**2), frames)):
        state = keep * state + kick
        out[f] = state
    return _smooth(out, 0.5 * memory_s / dt)


def _smooth(values: Float64, frames: float) -> Float64:
    """(F,) moving average over about that many frames, edges repeated."""
    width = 2 * int(frames / 2) + 1
    if width < 3:
        return values
    padded = np.pad(values, width // 2, mode="edge")
    return np.convolve(padded, np.full(width, 1.0 / width), mode="valid")
