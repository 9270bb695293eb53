"""New players: measures, hand, skill and an own style of every stroke; and new strokes of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgepose.types import Handedness
from edgepose_trainer.motionmodel.body import LENGTHS, Measures, joints_of, turns_of
from edgepose_trainer.motionmodel.clips import SAMPLES, times_of
from edgepose_trainer.motionmodel.curves import looked_up
from edgepose_trainer.motionmodel.model import BASE_OF_SLICE, MotionModel, StrokeKind
from edgepose_trainer.motionmodel.slices import sliced

Float64 = NDArray[np.float64]
_HEIGHT_M, _HEIGHT_SPREAD_M, _SHORTEST_M, _TALLEST_M = 1.76, 0.08, 1.55, 1.98
_LEFT_HANDED = 0.12
_FURTHEST = 1.5
"""Styles and strokes further from the mean than so many root mean squares are drawn nearer."""
_TRIES, _FINER = 12, 4
_FASTEST_M_S = 12.0
"""Of wrists and elbows against the hips; the fastest in the takes is 10."""
_SLOWEST_M_S = 3.3
"""Of the hitting wrist at the peak: beginners in the takes go down to 2, but not against a ball."""
_NEAR_S, _OFF_S = 0.45, 0.09
_MOST_SKILL = 2.0
"""In standard deviations of the takes' wrist speeds."""
_PROPORTION = 0.6
"""Share of the takes' differences in proportion that new players have: some of it is how markers were put on."""


@dataclass(frozen=True, slots=True)
class Player:
    """Who moves."""

    measures: Measures
    handedness: Handedness
    skill: float
    """0 as the mean of the takes' players … 1 expert: faster, and less different from stroke to stroke."""
    build: float
    """0 thin … 1 heavy: only its looks."""
    styles: Mapping[str, Float64]
    """Scores of the player's mean stroke, by label."""

    @property
    def height_m(self) -> float:
        return self.measures.height


@dataclass(frozen=True, slots=True)
class Clip:
    """One stroke of a player."""

    label: str
    samples: Float64
    """(SAMPLES, CHANNELS)."""
    before_s: float
    after_s: float


def draw_player(model: MotionModel, rng: np.random.Generator, handedness: Handedness | None = None) -> Player:
    """The same generator state gives the same player."""
    logs = rng.normal(0, 1, len(LENGTHS)).clip(-2, 2) * model.proportion_spread * _PROPORTION
    logs[LENGTHS.index("collar")] = logs[LENGTHS.index("neck")]  # both end at the shoulders' height
    lengths = Measures(dict(zip(LENGTHS, model.proportions * np.exp(logs), strict=True)))
    height_m = float(np.clip(rng.normal(_HEIGHT_M, _HEIGHT_SPREAD_M), _SHORTEST_M, _TALLEST_M))
    scale = height_m / lengths.height
    measures = Measures({name: length * scale for name, length in lengths.lengths.items()})
    skill, build, left = rng.beta(2, 2), rng.beta(2, 3), rng.random() < _LEFT_HANDED
    styles = {
        label: _drawn(kind.between, rng) + _MOST_SKILL * skill * kind.skill for label, kind in model.strokes.items()
    }
    return Player(measures, handedness or ("left" if left else "right"), float(skill), float(build), styles)


def draw_clip(model: MotionModel, player: Player, label: str, rng: np.random.Generator) -> Clip:
    """A new stroke; a slice is a plain stroke of the player with a slice's wrists."""
    base = BASE_OF_SLICE.get(label, label)
    kind: StrokeKind = model.strokes[base]
    steadiness = 1.0 - 0.5 * player.skill
    scores = player.styles[base] + steadiness * _drawn(kind.within, rng)
    gain = rng.uniform(0.85, 1.15)
    for _ in range(_TRIES):
        samples, before_s, after_s = kind.clip(scores)
        if label in model.slices:
            samples = sliced(samples, model.slices[label] * gain, player.measures)
        clip = Clip(label, samples, before_s, after_s)
        if _plausible(clip, player):
            break
        scores = 0.85 * scores + 0.3 * kind.skill
    return clip


def _plausible(clip: Clip, player: Player) -> bool:
    """No arm faster than people's, and the hitting wrist fastest, and fast, near the peak."""
    u = np.linspace(-1, 1, _FINER * (SAMPLES - 1) + 1)
    samples = looked_up(clip.samples, (u + 1) / 2 * (SAMPLES - 1))
    places = joints_of(turns_of(samples), np.zeros((len(u), 3)), player.measures)
    times_s = times_of(u, clip.before_s, clip.after_s)
    speeds = [
        np.linalg.norm(np.diff(places[joint], axis=0), axis=1) / np.diff(times_s)
        for joint in ("RightWrist", "LeftWrist", "RightElbow", "LeftElbow")
    ]
    middles_s = (times_s[1:] + times_s[:-1]) / 2
    near = np.where(np.abs(middles_s) < _NEAR_S, speeds[0], 0)
    on_time = abs(float(middles_s[np.argmax(near)])) < _OFF_S and float(near.max()) > _SLOWEST_M_S
    return on_time and float(np.max(speeds)) < _FASTEST_M_S


def _drawn(covariance: Float64, rng: np.random.Generator) -> Float64:
    """(K,) normal scores, not further out than people were."""
    sizes, ways = np.linalg.eigh(covariance)
    unit = rng.normal(0, 1, len(sizes))
    distance = float(np.sqrt(np.mean(unit**2)))
    unit *= min(1.0, _FURTHEST / max(distance, 1e-9))
    return np.asarray(ways @ (np.sqrt(np.maximum(sizes, 0)) * unit.clip(-2, 2)))
