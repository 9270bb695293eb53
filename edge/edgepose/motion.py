"""How people move between two looks: a damped constant velocity with its uncertainty.

Position and velocity are px and px/s; variances are in (person sizes)² and (sizes/s)², the same for
both axes, so a state is ``at`` (N, 2), ``velocity`` (N, 2) and ``variance`` (N, 3): position,
position-velocity, velocity.
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
    """The remembered posture follows the looks with this delay, the size with ``size_lag_s``."""
    size_lag_s: float = 0.35
    near: float = 0.12
    """A pose no further than this from a tracked person is a duplicate."""
    trial_s: float = 0.2
    """An unconfirmed person who is not seen for so long (or two frames) was none."""
    trust: float = 1.5
    """A person followed for T seconds is remembered for trial_s + trust * T, at most memory_s."""


def transition(dt: Float64 | float, tuning: Tuning) -> tuple[Float64, ...]:
    """(reach s, keep, variance added to position, to position-velocity, to velocity) after ``dt`` seconds.

    The integrated Ornstein-Uhlenbeck process, exact, so that 10 and 60 fps agree.
    """
    memory, accel = tuning.velocity_memory_s, tuning.acceleration
    keep = np.exp(np.asarray(dt) / -memory)
    reach = memory * (1.0 - keep)
    q_x = accel * memory * memory * np.maximum(dt - reach - reach * reach / (2 * memory), 0.0)
    return reach, keep, q_x, accel * reach * reach / 2, accel * memory / 2 * (1.0 - keep * keep)


def moved_variance(variance: Float64, dt: Float64 | float, tuning: Tuning) -> Float64:
    """(N, 3) variances ``dt`` seconds (a number or (N,)) later."""
    reach, keep, q_x, q_xv, q_v = transition(dt, tuning)
    x, xv, v = variance.T
    out = np.empty_like(variance)
    carried = xv + reach * v
    out[:, 0] = x + reach * (xv + carried) + q_x
    out[:, 1] = keep * carried + q_xv
    out[:, 2] = keep * keep * v + q_v
    return out


def corrected(variance: Float64, shift: Float64, tuning: Tuning) -> tuple[Float64, Float64]:
    """After a look ``shift`` (N, 2) sizes away: gains (N, 2) of position and velocity, variances (N, 3)."""
    far = np.einsum("nd,nd->n", shift, shift)
    spread = variance[:, 0] + tuning.look_noise**2
    surprised = far > tuning.surprise * spread
    if surprised.any():
        # As if the person had been seen here for the first time, but a moment ago.
        variance = variance.copy()
        variance[surprised, 0] += far[surprised]
        variance[surprised, 2] += tuning.first_speed**2
        spread = variance[:, 0] + tuning.look_noise**2
    gain = variance[:, :2] / spread[:, None]
    left = variance.copy()
    left[:, :2] *= (1.0 - gain[:, 0])[:, None]
    left[:, 2] -= gain[:, 1] * variance[:, 1]
    return gain, left
