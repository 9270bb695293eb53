"""Motion capture as one pool: windows of any rate round any moment, and bodies made longer and shorter.

All windows of a batch at once; float32, metres, world axes with y up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgepose.card import WindowSpec
from edgepose.skeletons import COCO17, H36M17, Skeleton
from edgepose.types import Array, Float32

Float64 = NDArray[np.float64]
_SIDES = ("left", "right")
_LOWER = ("hip", "knee", "ankle", "pelvis", "spine")
_SPREAD = 0.08
"""Standard deviation of the logarithm of a limb's length: a fifth of all limbs are 10 % longer or shorter."""
_MOST = 0.22


@dataclass(frozen=True, slots=True)
class Take:
    """One motion-capture take in metres, world axes with y up."""

    player: str
    coco17: Float64
    """(F, 17, 3)."""
    h36m17: Float64
    """(F, 17, 3); NaN: the recording does not say."""
    frame_s: float
    height_m: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """Windows of N moments."""

    seen: Float32
    """(N, T, 17, 3) coco17."""
    centre: Float32
    """(N, 17, 3) h36m17 in the middle of the window; NaN: the recording does not say."""
    newest: Float32
    """(N, 17, 3) the same of the last sample."""
    height_m: Float64
    """(N,)."""

    def take(self, rows: Array) -> Drawn:
        """Some of them."""
        return Drawn(self.seen[rows], self.centre[rows], self.newest[rows], self.height_m[rows])


@dataclass(slots=True)
class Pool:
    """Recordings one behind the other."""

    takes: Sequence[Take]
    shares: Sequence[float] | None = None
    """How often each is drawn; None: by its length."""
    _coco17: Float32 = field(init=False)
    _h36m17: Float32 = field(init=False)
    _frames: NDArray[np.intp] = field(init=False)
    _starts: NDArray[np.intp] = field(init=False)

    def __post_init__(self) -> None:
        self._coco17 = np.concatenate([take.coco17 for take in self.takes]).astype(np.float32)
        self._h36m17 = np.concatenate([take.h36m17 for take in self.takes]).astype(np.float32)
        self._frames = np.array([len(take.coco17) for take in self.takes])
        self._starts = np.concatenate([[0], np.cumsum(self._frames)[:-1]])

    def draw(
        self, count: int, window: WindowSpec, rng: np.random.Generator, faster: tuple[float, float] = (1.0, 1.0)
    ) -> Drawn:
        """``count`` windows at random moments; ``faster``: how many times as much time they may span.

        What lies beyond an end of the recording is held there.
        """
        frame_s = np.array([take.frame_s for take in self.takes])
        weights = self._frames * frame_s if self.shares is None else np.asarray(self.shares)
        take = rng.choice(len(self.takes), count, p=weights / weights.sum())
        steps = np.exp(rng.uniform(np.log(faster[0]), np.log(faster[1]), count)) / window.rate_hz / frame_s[take]
        half = (window.frames - 1) / 2 * steps
        last = self._frames[take] - 1
        middle = rng.uniform(np.minimum(half, last / 2), np.maximum(last - half, last / 2))
        offsets = np.arange(window.frames) - (window.frames - 1) / 2
        at = np.clip(middle[:, None] + offsets * steps[:, None], 0, last[:, None])
        seen = self._between(self._coco17, take, at)
        ends = np.stack([middle, at[:, -1]], axis=1)
        truth = self._between(self._h36m17, take, ends)
        height_m = np.array([each.height_m for each in self.takes])[take]
        return Drawn(seen, truth[:, 0], truth[:, 1], height_m)

    def _between(self, table: Float32, take: NDArray[np.intp], at: Float64) -> Float32:
        """(N, S) frames of takes, fractional -> (N, S, 17, 3)."""
        before = np.minimum(at.astype(np.intp), np.maximum(self._frames[take] - 2, 0)[:, None])
        weight = (at - before)[..., None, None].astype(np.float32)
        row = before + self._starts[take][:, None]
        start = table[row]
        return np.asarray(start + weight * (table[np.minimum(row + 1, len(table) - 1)] - start))


def resized(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Other bodies with the same motion: torso, width, upper arms, forearms, thighs and shanks longer or shorter."""
    count = len(drawn.seen)
    names = ("torso", "shoulders", "hips", "elbow", "wrist", "knee", "ankle")
    logs = np.clip(rng.normal(0, _SPREAD, (len(names), count)), -_MOST, _MOST)
    grown = dict(zip(names, (np.exp(logs) - 1).astype(np.float32), strict=True))
    seen = drawn.seen + _moved(drawn.seen, COCO17, grown)
    centre, newest = (truth + _moved(truth, H36M17, grown) for truth in (drawn.centre, drawn.newest))
    return Drawn(seen, centre, newest, drawn.height_m)


def _moved(points: Float32, skeleton: Skeleton, grown: dict[str, Float32]) -> Float32:
    """(N, ..., K, 3) -> how far each joint moves when the body grows about its mid-hips."""

    def at(name: str) -> Array:
        return points[..., skeleton.index(name), :]

    def growth(name: str) -> Array:
        return grown[name].reshape(-1, *(1,) * (points.ndim - 2))

    moved = np.zeros_like(points)
    hips, shoulders = ((at(f"left_{part}") + at(f"right_{part}")) / 2 for part in ("hip", "shoulder"))
    torso = (shoulders - hips) * growth("torso")
    upper = [i for i, joint in enumerate(skeleton.joints) if not joint.endswith(_LOWER)]
    moved[..., upper, :] += torso[..., None, :]
    if "spine" in skeleton.joints:
        moved[..., skeleton.index("spine"), :] += torso / 2
    for side in _SIDES:
        for middle, width, chain in (
            (shoulders, "shoulders", ("shoulder", "elbow", "wrist")),
            (hips, "hips", ("hip", "knee", "ankle")),
        ):
            joints = [skeleton.index(f"{side}_{part}") for part in chain]
            moved[..., joints, :] += ((at(f"{side}_{chain[0]}") - middle) * growth(width))[..., None, :]
            for above, part in ((0, 1), (1, 2)):
                limb = (points[..., joints[part], :] - points[..., joints[above], :]) * growth(chain[part])
                moved[..., joints[part:], :] += limb[..., None, :]
    return moved
