"""People on the court in world axes at any time, and the ball between them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgepose_trainer.motionmodel.model import MotionModel
from edgepose_trainer.motionmodel.movement import Movement, Seen, move
from edgepose_trainer.motionmodel.path import Stroke
from edgepose_trainer.motionmodel.player import Player, draw_clip, draw_player
from edgepose_trainer.motionmodel.rotations import about_y
from edgepose_trainer.render.body import Look
from edgepose_trainer.synth.rally import Hit, Part, plan

Float64 = NDArray[np.float64]
_THINNEST, _HEAVIEST = 0.88, 1.14
"""How thick limbs are; 1: usual."""
_LOW_M, _GRAVITY = 0.033, 9.81
"""Of a ball that lies on the ground."""
_BOUNCE = 0.72
"""Share of the way to the other player at which the ball bounces."""
_LONGEST_FLIGHT_S = 2.0


@dataclass(frozen=True, slots=True)
class Person:
    """One player with all that they do."""

    player: Player
    look: Look
    part: Part
    movement: Movement

    def at(self, times_s: Float64) -> Seen:
        """World axes."""
        half_turn = about_y(np.array(0.0 if self.part.side < 0 else np.pi))
        return self.movement.at(times_s).moved(half_turn, np.zeros(3))


@dataclass(frozen=True, slots=True)
class Court:
    """A scene from 0 to ``duration_s``."""

    people: tuple[Person, ...]
    duration_s: float

    @property
    def hits(self) -> list[tuple[int, Hit]]:
        """Everybody's strokes in time order, with the number of who hits."""
        found = [(number, hit) for number, person in enumerate(self.people) for hit in person.part.hits]
        return sorted(found, key=lambda pair: pair[1].time_s)


def play(model: MotionModel, seed: int, players: int, duration_s: float, depth_m: float) -> Court:
    """The same model, seed and settings give the same scene."""
    return perform(model, seed, plan(np.random.default_rng([seed, 1]), players, duration_s, depth_m), duration_s)


def perform(model: MotionModel, seed: int, parts: Sequence[Part], duration_s: float) -> Court:
    """New players who do what ``parts`` say."""
    people = []
    for number, part in enumerate(parts):
        own = np.random.default_rng([seed, 2, number])
        player = draw_player(model, own)
        strokes = [Stroke(draw_clip(model, player, hit.label, own), hit.time_s, hit.place) for hit in part.hits]
        movement = move(model, player, strokes, part.stays, duration_s, own)
        people.append(Person(player, _look(player, int(own.integers(1 << 30))), part, movement))
    return Court(tuple(people), duration_s)


def _look(player: Player, seed: int) -> Look:
    return replace(Look.of(seed), build=_THINNEST + (_HEAVIEST - _THINNEST) * player.build)


def ball(court: Court, times_s: Float64) -> Float64:
    """(N, 3) from racket to racket with one bounce; NaN while nobody's ball is in the air."""
    found = np.full((len(times_s), 3), np.nan)
    hits = court.hits
    for (who, hit), (other, answer) in itertools.pairwise(hits):
        rows = (times_s >= hit.time_s) & (times_s <= answer.time_s)
        if hit.rally != answer.rally or answer.time_s - hit.time_s > _LONGEST_FLIGHT_S or not rows.any():
            continue
        start, end = (
            court.people[number].at(np.array([one.time_s])).racket[0, 1]
            for number, one in ((who, hit), (other, answer))
        )
        found[rows] = _flight(
            start, end, answer.time_s - hit.time_s, times_s[rows] - hit.time_s, "volley" in answer.label
        )
    return found


def _flight(start: Float64, end: Float64, span_s: float, since_s: Float64, direct: bool) -> Float64:
    """(N, 3) straight on from above; two parabolas, or one before a volley."""
    share = (since_s / span_s)[:, None]
    places = start + share * (end - start)
    bounce_s = span_s if direct else _BOUNCE * span_s
    down = since_s <= bounce_s
    legs = ((down, start[1], end[1] if direct else _LOW_M, 0.0, bounce_s), (~down, _LOW_M, end[1], bounce_s, span_s))
    for rows, low, high, begin_s, end_s in legs:
        long_s, t = end_s - begin_s, since_s[rows] - begin_s
        if long_s > 0:
            places[rows, 1] = low + (high - low) * t / long_s + _GRAVITY / 2 * t * (long_s - t)
    return np.asarray(np.maximum(places, (-np.inf, _LOW_M, -np.inf)))
