"""Jumps of motion capture: found by a speed that nobody reaches, cut out, and told."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
_MOST_M_S = 15.0
"""A professional's wrist reaches 11 m/s in a serve."""
_SPIKE_M_S = 6.0
"""Faster than in the frames before and after by so much: it was there in one frame only."""
_CUT_S = 0.11
"""Unknown before and after a jump: windows do not join what is more than 0.2 s apart."""


def cut(times_s: Float64, points: Float64) -> tuple[Float64, tuple[str, ...]]:
    """(F, J, 3) metres with NaN round every jump of a joint, and a line for each stretch that was cut."""
    if len(times_s) < 3:
        return points, ()
    speed = np.nan_to_num(np.linalg.norm(np.diff(points, axis=0), axis=2) / np.diff(times_s)[:, None])
    around = np.pad(speed, ((1, 1), (0, 0)))
    lone = speed - np.maximum(around[:-2], around[2:])
    jumped = (speed > _MOST_M_S) | (lone > _SPIKE_M_S)
    whole = points.copy()
    for joint in np.flatnonzero(jumped.any(axis=0)):
        jumps_s = times_s[:-1][jumped[:, joint]]
        away_s = np.abs(times_s[:, None] - jumps_s - np.diff(times_s).mean() / 2).min(axis=1)
        whole[away_s < _CUT_S, joint] = np.nan
    frames = np.flatnonzero(jumped.any(axis=1))
    stretches = np.split(frames, np.flatnonzero(np.diff(times_s[frames]) > _CUT_S) + 1) if len(frames) else []
    return whole, tuple(
        f"jump of {speed[stretch].max():.0f} m/s at {times_s[stretch[0] + 1]:.2f} s: "
        f"{int(jumped[stretch].any(axis=0).sum())} joints cut there"
        for stretch in stretches
    )
