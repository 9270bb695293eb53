"""Who hits what, when and where: rallies of 1 to 6 players, pauses, and people who leave the picture."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edgepose_trainer.motionmodel.path import Stay

_FLIGHT_S = (1.2, 1.55)
"""From one side's stroke to the other's."""
_ALONE_S = (2.4, 3.1)
"""From stroke to stroke of a single player at a ball machine."""
_FIRST_S = 2.3
_LAST_S = 1.3
"""No stroke begins its swing before the session, none ends it afterwards."""
_RALLY = (5, 11)
_PAUSE_S, _LEAVE_S = (3.6, 5.0), (9.0, 11.0)
_LEAVES = 0.5
"""Chance that a pause is long, and someone walks out of the picture and comes back."""
_RUN_M_S = 2.0
"""Way per free second between two strokes."""
_STROKE_S = 1.9
"""What a stroke takes of the time between two."""
_HOME_S, _FREE_S = 4.0, 0.7
"""After so long players wait at home, until so much before the next stroke's swing."""
_HITTERS = 4
"""More people than these only walk about."""
_REST_S = 2.2
_NET_M, _VOLLEY_M = 3.2, 4.2
_GROUND = (("forehand", 0.40), ("backhand", 0.30), ("forehand_slice", 0.10), ("backhand_slice", 0.20))
_VOLLEYS = (("forehand_volley", 0.5), ("backhand_volley", 0.5))
_APPROACH, _SMASH = 0.12, 0.07


@dataclass(frozen=True, slots=True)
class Hit:
    """One stroke of the plan."""

    time_s: float
    label: str
    place: tuple[float, float]
    """x to the own left, z to the net, of the own half: the net is at z = 0 and the player at negative z."""
    rally: int


@dataclass(slots=True)
class Part:
    """What one player is to do."""

    side: int
    """-1 or 1: on which side of the net, the sign of their z."""
    home: tuple[float, float]
    hits: list[Hit] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)


def plan(rng: np.random.Generator, players: int, duration_s: float, depth_m: float) -> list[Part]:
    """A part for every player; ``depth_m``: how far from the net they play."""
    parts = [Part((-1) ** (number + 1), _home(number, min(players, _HITTERS), depth_m)) for number in range(players)]
    hitters = parts[:_HITTERS]
    time_s, rally, first = _FIRST_S + rng.uniform(0, 0.4), 0, int(rng.integers(2))
    while time_s < duration_s - _LAST_S:
        time_s = _play(rng, hitters, time_s, duration_s, rally, first)
        pause_s = rng.uniform(*_PAUSE_S)
        if rng.random() < _LEAVES and time_s + _LEAVE_S[1] < duration_s:
            pause_s = rng.uniform(*_LEAVE_S)
            _leave(rng, hitters[int(rng.integers(len(hitters)))], time_s, time_s + pause_s)
        time_s, rally, first = time_s + pause_s, rally + 1, 1 - first
    for part in parts[_HITTERS:]:
        _wander(rng, part, duration_s, depth_m)
    for part in hitters:
        _go_home(rng, part, duration_s)
    return parts


def _play(
    rng: np.random.Generator, parts: list[Part], time_s: float, duration_s: float, rally: int, first: int
) -> float:
    """One rally from its serve; returns the time of its last stroke."""
    sides = sorted({part.side for part in parts})
    side = sides[first % len(sides)]
    last_s = time_s
    for shot in range(int(rng.integers(*_RALLY))):
        if time_s > duration_s - _LAST_S:
            break
        rested = [part for part in parts if part.side == side and _since(part, time_s) >= _REST_S]
        if not rested:
            break
        part = rested[int(rng.integers(len(rested)))]
        place = _place(rng, part, time_s, shot)
        part.hits.append(Hit(round(time_s, 3), _label(rng, place, shot), place, rally))
        last_s = time_s
        time_s += rng.uniform(*(_FLIGHT_S if len(sides) == 2 else _ALONE_S))
        side = -side if len(sides) == 2 else side
    return last_s


def _since(part: Part, time_s: float) -> float:
    return time_s - part.hits[-1].time_s if part.hits else np.inf


def _place(rng: np.random.Generator, part: Part, time_s: float, shot: int) -> tuple[float, float]:
    """Where the ball is met: as far from the last stroke as there is time to run."""
    if shot == 0 or not part.hits:
        return part.home
    wish = np.array(part.home) + rng.normal(0, (1.7, 0.5))
    if shot > 3 and rng.random() < _APPROACH:
        wish[1] = -_NET_M
    since_s = time_s - part.hits[-1].time_s
    at_home = since_s > _HOME_S
    before = np.array(part.home if at_home else part.hits[-1].place)
    way = wish - before
    most = 0.3 + _RUN_M_S * (_FREE_S if at_home else max(since_s - _STROKE_S, 0.0))
    met = before + way * min(1.0, most / max(float(np.linalg.norm(way)), 1e-9))
    return round(float(met[0]), 3), round(float(met[1]), 3)


def _label(rng: np.random.Generator, place: tuple[float, float], shot: int) -> str:
    if shot == 0:
        return "serve"
    if shot > 2 and rng.random() < _SMASH:
        return "smash"
    names, chances = zip(*(_VOLLEYS if -place[1] < _VOLLEY_M else _GROUND), strict=True)
    return str(rng.choice(names, p=chances))


def _home(number: int, hitters: int, depth_m: float) -> tuple[float, float]:
    """Alone in the middle of a half, or two beside each other, one of them nearer to the net."""
    pair = number // 2
    if hitters <= 2 or number >= hitters:
        return 0.0, -depth_m
    return (2.0, -depth_m) if pair == 0 else (-2.0, -0.85 * depth_m)


def _leave(rng: np.random.Generator, part: Part, start_s: float, end_s: float) -> None:
    """Off behind the own base line and back for the next rally."""
    away = float(rng.uniform(-2, 2)), part.home[1] - float(rng.uniform(6, 7.5))
    middle_s = (start_s + end_s) / 2
    part.stays.append(Stay(middle_s - 0.9, middle_s - 0.1, away, walks=True))


def _wander(rng: np.random.Generator, part: Part, duration_s: float, depth_m: float) -> None:
    """To and fro behind the players or before the camera."""
    time_s, place = 0.0, np.array((rng.uniform(-7, 7), -depth_m - rng.uniform(1.5, 3)))
    while time_s < duration_s:
        stay_s = float(rng.uniform(0.5, 3))
        part.stays.append(Stay(time_s, time_s + stay_s, (float(place[0]), float(place[1])), walks=True))
        wish = np.array((rng.uniform(-8, 8), -depth_m - rng.uniform(1, 6)))
        time_s += stay_s + float(np.linalg.norm(wish - place)) / 1.3 + 0.5
        place = wish


def _go_home(rng: np.random.Generator, part: Part, duration_s: float) -> None:
    """Between strokes that are far apart in time players wait near their home."""
    busy = sorted(
        [(hit.time_s - (2.1 if hit.label == "serve" else 1.2), hit.time_s + 1.1) for hit in part.hits]
        + [(stay.start_s - 4.0, stay.end_s + 4.0) for stay in part.stays]
    )
    last_s = -1.0
    for start_s, end_s in [*busy, (duration_s + 1.0, duration_s + 1.0)]:
        if start_s - last_s > 2.0:
            x, z = (np.array(part.home) + rng.normal(0, 0.3, 2)).tolist()
            part.stays.append(Stay(last_s + 0.8 if last_s > 0 else -1.0, start_s - 0.8, (x, z)))
        last_s = max(last_s, end_s)
