"""A player's whole movement: strokes, and ready stance, running and walking between them, on feet that stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgepose_trainer.motionmodel import body, footwork
from edgepose_trainer.motionmodel.body import BONES, TOE_M
from edgepose_trainer.motionmodel.curves import looked_up, smoothstep
from edgepose_trainer.motionmodel.model import MotionModel
from edgepose_trainer.motionmodel.path import (
    RATE_HZ,
    Stay,
    Stroke,
    hips_path,
    played,
    smoothed,
    weights,
)
from edgepose_trainer.motionmodel.player import Player
from edgepose_trainer.motionmodel.rotations import about, about_y, six

Float64 = NDArray[np.float64]
_TURNS = len(BONES) * 6
_MARGIN_S = 0.5
_SIDES = ("Left", "Right")
_MOST_REACH = 0.985
"""Of a leg's length: hips sink before a leg is as straight as that."""
_RUN_LEAN_RAD, _ARM_SWING_RAD = 0.05, 0.13
"""Per m/s."""
_SWAY_RAD = 0.05


@dataclass(frozen=True, slots=True)
class Seen:
    """Moments of one player, in the axes in which the player moves or the world's."""

    joints: Float64
    """(N, 20, 3) metres, in the order of ``body.JOINTS``."""
    racket: Float64
    """(N, 2, 3) grip and tip."""
    necks: Float64
    """(N, 2, 3) lower and upper end of the neck."""
    toes: Float64
    """(N, 2, 3) left, right."""
    heels: Float64
    """(N, 2, 3)."""

    def moved(self, turn: Float64, shift: Float64) -> Seen:
        """Turned by (3, 3), then shifted by (3,)."""
        return Seen(*(part @ turn.T + shift for part in (self.joints, self.racket, self.necks, self.toes, self.heels)))


@dataclass(frozen=True, slots=True)
class Movement:
    """What a player does, at any time."""

    player: Player
    start_s: float
    sixes: Float64
    """(N, 18 · 6) at RATE_HZ from ``start_s``."""
    hips: Float64
    """(N, 3)."""
    ankles: Float64
    """(N, 2, 3) where the feet are to be."""

    def at(self, times_s: Float64) -> Seen:
        """Bones have their length to the rounding of floats; a left-hander is the mirror image of a right-hander."""
        rows = (times_s - self.start_s) * RATE_HZ
        turns = body.turns_of(_between(self.sixes, rows))
        places = body.joints_of(turns, _between(self.hips, rows), self.player.measures)
        ankles = _between(self.ankles.reshape(len(self.ankles), 6), rows).reshape(-1, 2, 3)
        body.step_on(places, turns, dict(zip(_SIDES, np.moveaxis(ankles, 1, 0), strict=True)), self.player.measures)
        joints, racket = body.handed_on(places, turns, self.player.measures)
        feet = [np.stack([places[f"{side}{part}"] for side in _SIDES], axis=1) for part in ("Toe", "Heel")]
        seen = Seen(joints, racket, body.necks_of(places), *feet)
        return seen if self.player.handedness == "right" else _mirrored(seen)


def move(
    model: MotionModel,
    player: Player,
    strokes: Sequence[Stroke],
    stays: Sequence[Stay],
    duration_s: float,
    rng: np.random.Generator,
) -> Movement:
    """From 0 to ``duration_s``; one stroke or stay at least. Places are where the player is seen: x to the left."""
    times_s = np.arange(-_MARGIN_S, duration_s + _MARGIN_S, 1 / RATE_HZ)
    if player.handedness == "left":
        strokes = [Stroke(one.clip, one.time_s, (-one.place[0], one.place[1])) for one in strokes]
        stays = [Stay(one.start_s, one.end_s, (-one.place[0], one.place[1]), one.walks) for one in stays]
    leg = player.measures.leg
    path = hips_path(strokes, stays, times_s, leg, _TURNS)
    share = weights(strokes, times_s)
    free = 1 - share.sum(axis=0)
    velocity = smoothed(np.gradient(path, 1 / RATE_HZ, axis=0), 0.06)
    speed = np.linalg.norm(velocity, axis=1)
    phase, of_gait = footwork.gait(speed)
    turns = _between_strokes(model, player, velocity, phase, _walking(stays, times_s), free, rng)
    channels = np.concatenate([six(turns).reshape(len(times_s), -1), _stance(model, speed, phase, free)], axis=1)
    channels *= free[:, None]
    for stroke, part in zip(strokes, share, strict=True):
        rows = part > 0
        channels[rows] += part[rows, None] * played(stroke, times_s[rows])
    turns = body.turns_of(channels)
    hips = np.stack([path[:, 0], leg * channels[:, _TURNS + 1], path[:, 1]], axis=1)
    standing = footwork.stands(channels[:, _TURNS + 3 :], of_gait, 1 - free)
    hips, ankles = _on_feet(player, turns, hips, standing, speed)
    return Movement(player, float(times_s[0]), channels[:, :_TURNS], hips, ankles)


def _on_feet(
    player: Player, turns: Float64, hips: Float64, standing: NDArray[np.bool_], speed: Float64
) -> tuple[Float64, Float64]:
    """Hips low enough for the legs, and (N, 2, 3) ankles whose feet stand still and never sink."""
    places = body.joints_of(turns, hips, player.measures)
    lift_m = 0.06 + 0.02 * speed
    ankles = []
    for number, side in enumerate(_SIDES):
        toe, heel = places[f"{side}Toe"], places[f"{side}Heel"]
        shift = footwork.planted(toe, standing[:, number], lift_m, TOE_M)
        lowest = np.minimum(toe[:, 1], heel[:, 1]) + shift[:, 1]
        shift[:, 1] += np.maximum(footwork.LOWEST_M - lowest, 0)
        ankles.append(places[f"{side}Ankle"] + shift)
    longest = _MOST_REACH * player.measures.leg
    drop = np.zeros(len(hips))
    for side, ankle in zip(_SIDES, ankles, strict=True):
        aside = np.linalg.norm((places[f"{side}Hip"] - ankle)[:, [0, 2]], axis=1)
        highest = ankle[:, 1] + np.sqrt(np.maximum(longest**2 - aside**2, 0.3 * longest**2))
        drop = np.maximum(drop, places[f"{side}Hip"][:, 1] - highest)
    half = round(0.05 * RATE_HZ)
    held = np.max([np.roll(drop, shift) for shift in range(-half, half + 1)], axis=0)
    return hips - np.stack([np.zeros_like(held), smoothed(held, 0.05), np.zeros_like(held)], axis=1), np.stack(
        ankles, 1
    )


def _between_strokes(
    model: MotionModel,
    player: Player,
    velocity: Float64,
    phase: Float64,
    walking: Float64,
    free: Float64,
    rng: np.random.Generator,
) -> Float64:
    """(N, 18, 3, 3): the ready stance, never quite still, turned and leaning where the player runs."""
    stance = body.turns_of(model.ready[None])[0]
    count = len(velocity)
    speed = np.linalg.norm(velocity, axis=1)
    heading = _heading(velocity, speed, walking, free)
    moving = smoothstep((speed - 0.5) / 2)
    upright = walking * 0.35
    lean = _RUN_LEAN_RAD * np.minimum(speed, 5) * moving * (1 - walking) - upright
    turns = np.broadcast_to(stance, (count, *stance.shape)).copy()
    sideways = np.broadcast_to((1.0, 0.0, 0.0), (count, 3))
    sway = _sway(rng, count)
    swing = np.minimum(_ARM_SWING_RAD * speed, 0.55) * np.sin(2 * np.pi * phase) * moving
    torso = about(sideways, lean + sway[:, 0]) @ about_y(sway[:, 1] - 0.25 * swing)
    for number, bone in enumerate(BONES):
        if bone.endswith(("Collar", "Shoulder", "Elbow", "Wrist")) or bone in ("Chest", "Neck", "Head"):
            side = 1.0 if bone.startswith("Left") else -0.5
            arm = swing * side * bone.endswith(("Shoulder", "Elbow", "Wrist")) + walking * 0.5 * bone.endswith("Elbow")
            turns[:, number] = torso @ about(sideways, arm) @ turns[:, number]
    return np.asarray(about_y(heading)[:, None] @ turns)


def _heading(velocity: Float64, speed: Float64, walking: Float64, free: Float64) -> Float64:
    """(N,) turn to the left of the net: with the run, but not backwards, and to the net for strokes."""
    way = velocity / np.maximum(speed, 0.05)[:, None]
    turned = smoothstep((speed - 0.8) / 2) * np.where(way[:, 1] < -0.3, 0.35, 0.75)
    turned = (turned * (1 - walking) + walking * smoothstep(speed / 0.8)) * smoothstep((free - 0.5) * 2)
    aim = np.stack([turned * way[:, 0], (1 - turned) + turned * way[:, 1]], axis=1)
    return smoothed(np.unwrap(np.arctan2(aim[:, 0], aim[:, 1] + 1e-3)), 0.18)


def _stance(model: MotionModel, speed: Float64, phase: Float64, free: Float64) -> Float64:
    """(N, 5) hips' channels and contacts between strokes: a little lower and bobbing in a run."""
    height = (
        model.ready[_TURNS + 1]
        - 0.012 * np.minimum(speed, 5)
        + 0.008 * np.minimum(speed, 4) * np.cos(4 * np.pi * phase)
    )
    rows = np.tile(model.ready[_TURNS:], (len(speed), 1))
    rows[:, 1] = height
    return rows


def _walking(stays: Sequence[Stay], times_s: Float64) -> Float64:
    """(N,) 1 from the stay before a walk to the stay after it."""
    flags = np.zeros(len(times_s))
    ordered = sorted(stays, key=lambda one: one.start_s)
    for number, stay in enumerate(ordered):
        if stay.walks:
            start_s = ordered[number - 1].end_s if number else -np.inf
            end_s = ordered[number + 1].start_s if number + 1 < len(ordered) else np.inf
            flags[(times_s >= start_s) & (times_s <= end_s)] = 1
    return smoothed(flags, 0.2)


def _sway(rng: np.random.Generator, count: int) -> Float64:
    """(N, 2) slow noise of about ``_SWAY_RAD``."""
    knots = rng.normal(0, _SWAY_RAD, (int(count / RATE_HZ / 0.6) + 4, 2))
    return looked_up(knots, np.arange(count) / RATE_HZ / 0.6)


def _between(values: Float64, rows: Float64) -> Float64:
    """(N, D) linear at fractional rows."""
    row = np.clip(rows.astype(np.intp), 0, len(values) - 2)
    return np.asarray(values[row] + (rows - row)[:, None] * (values[row + 1] - values[row]))


def _mirrored(seen: Seen) -> Seen:
    flip = np.array((-1.0, 1.0, 1.0))
    return Seen(
        body.mirrored_joints(seen.joints), seen.racket * flip, seen.necks * flip, seen.toes[:, ::-1] * flip,
        seen.heels[:, ::-1] * flip,
    )  # fmt: skip
