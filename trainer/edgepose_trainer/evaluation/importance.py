"""What a stroke model looks at: its booster's gains by joint and moment of the window."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgepose.skeletons import COCO17

BODY = "body as a whole"
_SEED = re.compile(r"([RL])(Shoulder|Elbow|Wrist)_[xy]_(-?\d+)")
_RUN = 3
"""Samples of one mean of the arms (`swing.py`)."""
_JOINTS = sorted(COCO17.joints, key=len, reverse=True)
_JOINT = re.compile(f"({'|'.join(_JOINTS)})")


@dataclass(frozen=True, slots=True)
class Importance:
    """Per cent of all gains."""

    things: tuple[str, ...]
    """Joints that the model looks at, and ``BODY``."""
    offsets_s: tuple[float, ...]
    """(T,) of the samples from the window's middle."""
    by_time: NDArray[np.float64]
    """(K, T)"""
    whole: NDArray[np.float64]
    """(K,) columns that belong to no moment: extremes, paths, states round the fastest."""


def importance(gains: NDArray[np.float64], names: Sequence[str], frames: int, rate_hz: float) -> Importance:
    """``gains`` (D,) of columns called ``names``; a column of two joints counts half for each."""
    all_things = [*COCO17.joints, BODY]
    shares = np.zeros((len(all_things), frames + 1))
    for gain, name in zip(100 * gains / max(float(gains.sum()), 1e-12), names, strict=True):
        things, samples = place(name, frames)
        rows = [all_things.index(thing) for thing in things]
        columns = list(samples) or [frames]
        shares[np.ix_(rows, columns)] += gain / (len(rows) * len(columns))
    seen = np.flatnonzero(shares.sum(axis=1) > 0)
    offsets_s = (np.arange(frames) - (frames - 1) / 2) / rate_hz
    return Importance(
        tuple(all_things[row] for row in seen), tuple(offsets_s.tolist()), shares[seen, :-1], shares[seen, -1]
    )


def place(name: str, frames: int) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """(joints or ``BODY``, samples or none) of a column: ``vector/nose-left_wrist/x/07``, ``RWrist_x_-3``."""
    seed = _SEED.fullmatch(name)
    if seed:
        side = "right" if seed[1] == "R" else "left"
        return (f"{side}_{seed[2].lower()}",), (frames - 1 + int(seed[3]),)
    kind, *parts = name.split("/")
    joints = tuple(dict.fromkeys(_JOINT.findall(parts[0]))) or (BODY,)
    if parts[0].endswith("_from_shoulder"):
        joints = (joints[0], joints[0].replace("wrist", "shoulder"))
    if not re.fullmatch(r"\d\d", parts[-1]):
        return joints, ()
    first = int(parts[-1])
    return joints, tuple(range(_RUN * first, _RUN * first + _RUN)) if kind == "arm" else (first,)
