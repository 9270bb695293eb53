"""How people move between two looks: a damped constant velocity with its uncertainty.

The state of N people is ``motion`` (N, 2, 2), place in px and velocity in px/s, x and y each, and
``covariance`` (N, 2, 2) of place and velocity, the same for both axes, in person sizes and seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Tuning:
    """Numbers chosen on training seeds (``bench/tracker.md``); lengths in person sizes (longer box side)."""

    velocity_memory_s: float = 0.4
    """A velocity is forgotten over so long."""
    acceleration: float = 1.1
    """Spectral density of the acceleration, sizes²/s³."""
    first_speed: float = 0.85
    """Standard deviation of an unknown velocity, sizes/s."""
    look_noise: float = 0.015
    """Standard deviation of where a pose is seen."""
    motion_tail: float = 6.0
    """Degrees of freedom of where people turn up: few expect sudden turns, many an even pace."""
    surprise: float = 16.0
    """Squared deviation, in variances, from which a velocity is taken as unknown again."""
    shape_noise: float = 0.027
    """How much the joints move against each other from one look to the next at once."""
    shape_change: float = 0.05
    """... and after a long time."""
    shape_memory_s: float = 0.5
    shape_points: float = 3.0
    """How many independent joints a shape is worth."""
    score_weight: float = 2.4
    """Cost of a pose with score 0 against one with 1."""
    tentative_cost: float = 4.5
    limit: float = 16.0
    """Highest cost of a match (negative log-likelihood)."""
    shape_lag_s: float = 0.03
    """The remembered posture follows the looks with this delay ..."""
    size_share: float = 0.13
    """... and the size with this share of it."""
    near: float = 0.18
    """A pose no further than this from a tracked person is a duplicate."""
    trial_s: float = 0.2
    """An unconfirmed person who is not seen for so long (or two frames) was none."""
    trust: float = 1.5
    """A person followed for T seconds is remembered for trial_s + trust * T, at most memory_s."""


def transition(dt: Float64 | float, tuning: Tuning) -> tuple[Float64, Float64]:
    """Transition and added covariance over ``dt`` seconds: (2, 2) each, or (N, 2, 2) for ``dt`` (N,).

    The integrated Ornstein-Uhlenbeck process, exact, so that 10 and 60 fps agree.
    """
    memory, accel = tuning.velocity_memory_s, tuning.acceleration
    keep = np.exp(dt / -memory)
    reach = memory * (1.0 - keep)
    q_x = accel * memory * memory * np.maximum(dt - reach - reach * reach / (2 * memory), 0.0)
    q_xv = accel / 2 * reach * reach
    q_v = accel * memory / 2 * (1.0 - keep * keep)
    # Written by columns: the transpose brings N to the front.
    return (
        np.array([[keep * 0.0 + 1.0, keep * 0.0], [reach, keep]]).T,
        np.array([[q_x, q_xv], [q_xv, q_v]]).T,
    )


def moved(motion: Float64, covariance: Float64, dt: Float64 | float, tuning: Tuning) -> tuple[Float64, Float64]:
    """State and covariance ``dt`` seconds (a number or (N,)) later."""
    forward, noise = transition(dt, tuning)
    return forward @ motion, forward @ covariance @ np.swapaxes(forward, -1, -2) + noise


def corrected(covariance: Float64, far: Float64, tuning: Tuning) -> tuple[Float64, Float64]:
    """After a look at a squared distance ``far`` (N,) sizes²: gain (N, 2) of place and velocity, covariance left."""
    spread = covariance[:, 0, 0] + tuning.look_noise**2
    surprised = far > tuning.surprise * spread
    if surprised.any():
        # As if the person had been seen here for the first time, but a moment ago.
        covariance = covariance.copy()
        covariance[surprised, 0, 0] += far[surprised]
        covariance[surprised, 1, 1] += tuning.first_speed**2
        spread = covariance[:, 0, 0] + tuning.look_noise**2
    gain = covariance[:, 0] / spread[:, None]
    return gain, covariance - gain[:, :, None] * covariance[:, None, 0]
