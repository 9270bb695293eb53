"""Strokes cut out of takes: rotations and path of one stroke each, in its own time, with the feet's contacts.

A clip's time u runs from -1 (before) over 0 (wrist fastest) to 1 (after): t = (a+b)/2 u + (a-b)/2 u² with b seconds
before and a after, so that clips of other tempo lie on each other and stay smooth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import SourceError
from edgepose_trainer import bvh, jumps, peaks, takes
from edgepose_trainer.importers import mocap
from edgepose_trainer.motionmodel.body import BONES, LENGTHS
from edgepose_trainer.motionmodel.rotations import about_y, six

Float64 = NDArray[np.float64]
SAMPLES = 81
CHANNELS = len(BONES) * 6 + 3 + 2
"""Of a sample: sixes of the bones, hips from their place at the peak (x, z) and height by the leg, both contacts."""
_BEFORE_S: Mapping[str, tuple[float, float]] = {"serve": (1.6, 2.0)}
_AFTER_S: Mapping[str, tuple[float, float]] = {"serve": (0.8, 1.0)}
_USUAL_BEFORE_S, _USUAL_AFTER_S = (0.7, 1.05), (0.6, 0.9)
_SHARE = 0.54
"""Of the time since the stroke before that belongs to this one."""
_TURNED_DEG = 60.0
"""A take that is turned so far from its class was recorded with another net."""
_LOW_M, _SLOW_M_S = 0.035, 0.5
"""A foot stands when its toe or its ankle is so near to where it is at its lowest, and so slow."""


@dataclass(frozen=True, slots=True)
class Clips:
    """Strokes of one kind."""

    samples: Float64
    """(N, SAMPLES, CHANNELS)."""
    durations_s: Float64
    """(N, 2) before and after the peak."""
    players: NDArray[np.str_]
    """(N,)."""
    speeds: Float64
    """(N,) of the wrist against the hips at the peak, m/s."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One take as the model sees it."""

    player: str
    label: str
    values: Float64
    """(F, CHANNELS); hips in metres; NaN where the recording jumps."""
    frame_s: float
    peaks_s: Float64
    facing_deg: Float64
    """(P,) which way the hips face at the peaks."""
    speeds: Float64
    """(P,) of the wrist, m/s."""
    lengths_m: Float64
    """(L,) of the player, in the order of ``LENGTHS``."""


def read(path: Path) -> Recorded:
    """One BVH file called <player>_<stroke>; raises SourceError, also for another stroke than the known ones."""
    stem = mocap.stem_of(path)
    label = mocap.stroke_in(stem)
    if label is None:
        raise SourceError(f"{path}: no stroke in the name {stem!r}; expected <player>_<stroke>")
    raw = bvh.read(path)
    positions, rotations = bvh.forward(raw)
    points = mocap.upright(bvh.body(raw)[0], str(path))
    times_s = np.arange(len(points), dtype=np.float64) * raw.frame_s
    whole, _ = jumps.cut(times_s, points)
    player, overhead = stem.partition("_")[0], label in ("serve", "smash")
    take = takes.of_one_stroke("mocap", stem, player, times_s, whole, label, "right", overhead=overhead)
    lengths_m = _lengths(raw)
    metres = positions * (lengths_m.sum() / _lengths(raw, 1.0).sum())
    values = _values(metres, rotations, raw, lengths_m)
    values[~np.isfinite(whole).all(axis=(1, 2))] = np.nan
    at = np.searchsorted(times_s, take.peaks_s).clip(0, len(times_s) - 1)
    across = metres[:, raw.index("LeftHip")] - metres[:, raw.index("RightHip")]
    facing = np.degrees(np.arctan2(-across[:, 2], across[:, 0]))
    speeds = peaks.wrist_speed(times_s, whole, "right")
    return Recorded(player, label, values, raw.frame_s, take.peaks_s, facing[at], speeds[at], lengths_m)


def cut(recorded: list[Recorded]) -> dict[str, Clips]:
    """Strokes by label; a take that is turned otherwise than the rest of its class is turned back."""
    by_label: dict[str, list[Recorded]] = {}
    for one in recorded:
        by_label.setdefault(one.label, []).append(one)
    return {label: _of_class(group) for label, group in sorted(by_label.items())}


def times_of(u: Float64, before_s: float, after_s: float) -> Float64:
    """Seconds from the peak of a clip's own time."""
    return np.asarray((after_s + before_s) / 2 * u + (after_s - before_s) / 2 * u**2)


def own_time(t: Float64, before_s: float, after_s: float) -> Float64:
    """The inverse of ``times_of``, held at the ends."""
    linear, square = (after_s + before_s) / 2, (after_s - before_s) / 2
    held = np.clip(t, -before_s, after_s)
    root = np.sqrt(np.maximum(linear**2 + 4 * square * held, 0))
    return np.asarray(2 * held / (linear + root))


def _of_class(group: list[Recorded]) -> Clips:
    usual = float(np.median(np.concatenate([one.facing_deg for one in group])))
    parts = [_of_take(one, usual) for one in group]
    rows = [row for part in parts for row in part]
    if not rows:
        raise SourceError(f"no whole stroke in the takes of {group[0].label}")
    samples, durations, players, speeds = zip(*rows, strict=True)
    return Clips(np.stack(samples), np.array(durations), np.array(players), np.array(speeds))


def _of_take(one: Recorded, usual_deg: float) -> list[tuple[Float64, tuple[float, float], str, float]]:
    rows = []
    off = (np.median(one.facing_deg) - usual_deg + 180) % 360 - 180 if len(one.facing_deg) else 0.0
    turn = about_y(np.radians(np.array(-off if abs(off) > _TURNED_DEG else 0.0)))
    times_s = np.arange(len(one.values)) * one.frame_s
    low_b, high_b = _BEFORE_S.get(one.label, _USUAL_BEFORE_S)
    low_a, high_a = _AFTER_S.get(one.label, _USUAL_AFTER_S)
    gaps = np.diff(one.peaks_s, prepend=-np.inf, append=np.inf)
    for number, peak_s in enumerate(one.peaks_s):
        before_s = float(np.clip(_SHARE * gaps[number], low_b, high_b))
        after_s = float(np.clip((1 - _SHARE) * gaps[number + 1], low_a, high_a))
        wanted_s = peak_s + times_of(np.linspace(-1, 1, SAMPLES), before_s, after_s)
        if wanted_s[0] < 0 or wanted_s[-1] > times_s[-1] or not np.isfinite(one.speeds[number]):
            continue
        sample = np.stack([np.interp(wanted_s, times_s, channel) for channel in one.values.T], axis=1)
        if np.isfinite(sample).all():
            rows.append((_turned(sample, turn), (before_s, after_s), one.player, float(one.speeds[number])))
    return rows


def _turned(sample: Float64, turn: Float64) -> Float64:
    """The hips' place from that at the peak, everything turned about the vertical."""
    bones = len(BONES) * 6
    place = sample[:, bones : bones + 3].copy()
    place[:, [0, 2]] -= place[len(place) // 2, [0, 2]]
    vectors = sample[:, :bones].reshape(len(sample), -1, 3) @ turn.T
    return np.concatenate([vectors.reshape(len(sample), bones), place @ turn.T, sample[:, bones + 3 :]], axis=1)


def _values(metres: Float64, rotations: Float64, raw: bvh.Bvh, lengths_m: Float64) -> Float64:
    """(F, CHANNELS) with the hips by the leg's length: x, z of the take and the height above the lowest toe."""
    leg = lengths_m[LENGTHS.index("thigh")] + lengths_m[LENGTHS.index("shin")]
    toes = [raw.index(f"{side}Ankle_end") for side in ("Left", "Right")]
    ankles = [raw.index(f"{side}Ankle") for side in ("Left", "Right")]
    floor = np.percentile(metres[:, toes, 1], 5)
    hips = metres[:, raw.index("Hips")] - (0.0, floor, 0.0)
    speed = np.linalg.norm(np.gradient(metres[:, toes], raw.frame_s, axis=0), axis=2)
    low = [metres[:, part, 1] < np.percentile(metres[:, part, 1], 5) + _LOW_M for part in (toes, ankles)]
    stands = (low[0] | low[1]) & (speed < _SLOW_M_S)
    bones = six(rotations[:, [raw.index(bone) for bone in BONES]]).reshape(len(metres), -1)
    return np.concatenate([bones, hips / leg, stands.astype(np.float64)], axis=1)


_ENDS = {
    "chest": "Chest", "neck": "Neck", "head": "Head", "crown": "Head_end", "collar": "LeftCollar",
    "shoulder": "LeftShoulder", "upper_arm": "LeftElbow", "forearm": "LeftWrist", "hand": "LeftWrist_end",
    "hip": "LeftHip", "thigh": "LeftKnee", "shin": "LeftAnkle",
}  # fmt: skip


def _lengths(raw: bvh.Bvh, unit_m: float = 0.01) -> Float64:
    """(L,) in the order of ``LENGTHS``; the takes are in centimetres."""
    foot = np.abs(raw.offsets[raw.index("LeftAnkle_end")])
    found = {name: float(np.linalg.norm(raw.offsets[raw.index(joint)])) for name, joint in _ENDS.items()}
    found |= {"heel": foot[1], "foot": foot[2]}
    return np.array([found[name] for name in LENGTHS]) * unit_m
