"""How people move between two looks: a damped constant velocity with its uncertainty, for many people at once.

Position and velocity are px and px/s; variances are in (person sizes)² and (sizes/s)², the same for
both axes, so a state is ``at`` (N, 2), ``velocity`` (N, 2) and ``variance`` (N, 3): position,
position-velocity, velocity.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Tuning:
    """Numbers chosen on the training seeds of ``bench/tracker.py``; lengths in person sizes (the box's longer side)."""

    velocity_memory_s: float = 1.0
    """A velocity is forgotten over so long."""
    acceleration: float = 2.0
    """Spectral density of the acceleration, sizes²/s³."""
    first_speed: float = 0.8
    """Standard deviation of an unknown velocity, sizes/s."""
    look_noise: float = 0.015
    """Standard deviation of where a pose is seen."""
    shape_noise: float = 0.03
    """How much the joints move against each other from one look to the next at once."""
    shape_change: float = 0.07
    """... and after a long time."""
    shape_memory_s: float = 0.4
    shape_points: float = 4.0
    """How many independent joints a shape is worth."""
    score_weight: float = 2.0
    """Cost of a pose with score 0 against one with 1."""
    tentative_cost: float = 1.0
    limit: float = 6.0
    """Highest cost of a match (negative log-likelihood)."""
    shape_lag_s: float = 0.05
    """The remembered posture follows the looks with this delay, the size with ``size_lag_s``."""
    size_lag_s: float = 0.3
    near: float = 0.12
    """A pose no further than this from a tracked person is a duplicate."""
    trial_s: float = 0.25
    """An unconfirmed person who is not seen for so long (or two frames) was none."""
    trust: float = 0.5
    """A person followed for T seconds is remembered for trial_s + trust * T, at most memory_s."""


def step(dt: float, tuning: Tuning) -> tuple[float, float, float, float, float]:
    """(reach s, keep, q position, q position-velocity, q velocity) of a step of ``dt`` seconds."""
    memory, accel = tuning.velocity_memory_s, tuning.acceleration
    keep = exp(-dt / memory)
    reach = memory * (1.0 - keep)
    # The integrated Ornstein-Uhlenbeck process, exact, so that 10 and 60 fps agree.
    q_v = accel * memory / 2 * (1 - keep * keep)
    q_xv = accel * reach * reach / 2
    q_x = accel * memory * memory * max(dt - reach - reach * reach / (2 * memory), 0.0)
    return reach, keep, q_x, q_xv, q_v


def predict(at: Float64, velocity: Float64, variance: Float64, dt: float, tuning: Tuning) -> None:
    """Move the states ``dt`` seconds ahead, in place."""
    reach, keep, q_x, q_xv, q_v = step(dt, tuning)
    at += velocity * reach
    velocity *= keep
    matrix = np.array([[1.0, 0.0, 0.0], [2 * reach, keep, 0.0], [reach * reach, reach * keep, keep * keep]])
    np.matmul(variance, matrix, out=variance)
    variance += (q_x, q_xv, q_v)


def correct(
    at: Float64, velocity: Float64, variance: Float64, rows: NDArray[np.intp], shift: Float64, tuning: Tuning
) -> None:
    """Take in what was seen: ``shift`` (len(rows), 2) px from the predicted position, in place."""
    v = variance[rows]
    gain = v[:, :2] / (v[:, :1] + tuning.look_noise**2)
    at[rows] += gain[:, :1] * shift
    velocity[rows] += gain[:, 1:] * shift
    x, xv, g_x, g_v = v[:, 0], v[:, 1], gain[:, 0], gain[:, 1]
    variance[rows] = np.stack([x * (1 - g_x), xv * (1 - g_x), v[:, 2] - g_v * xv], axis=1)
