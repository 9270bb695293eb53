"""Recordings through a lifter as the device, or ``edgepose lift``, runs it; and how far every joint is off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgepose.card import Card
from edgepose.cli.progress import bars
from edgepose.errors import SettingsError
from edgepose.lifting import CARD_HEIGHT_M, Lifting, load_lifter, offline
from edgepose.pinhole import Camera
from edgepose.session import Poses
from edgepose.skeletons import COCO17, H36M17, named
from edgepose_trainer.errors3d import EVALUATED, aligned, distances, scaled
from edgepose_trainer.evaluation.lifter_data import (
    Float64,
    Item,
    Seen,
    as_h36m17,
    at_30_hz,
    for_lifter,
    root_relative,
    seen_in,
)
from edgepose_trainer.pck3d import AUC_LIMITS_M, pck3d

Way = Literal["window", "live", "lift"]
WAYS: tuple[Way, ...] = ("window", "live", "lift")
MPJPE, SIZED, N_MPJPE, P_MPJPE = "MPJPE", "MPJPE, height known", "N-MPJPE", "P-MPJPE"
MPJVE, PCK, AUC = "MPJVE", "3DPCK@150", "AUC"
METRICS = (MPJPE, SIZED, N_MPJPE, P_MPJPE, MPJVE, PCK, AUC)
_MM = 1000.0
_HIPS = H36M17.indices("left_hip", "right_hip")
_SHOULDERS = H36M17.indices("left_shoulder", "right_shoulder")


@dataclass(frozen=True, slots=True)
class Judged:
    """One recording and what the lifter says of it."""

    seen: Seen
    found: Float64
    """(F, 17, 3) as ``seen.truth``; NaN where the lifter refused or does not know the joint."""
    errors: dict[str, Float64]
    """Metric -> (F, 12) of contracts §7's joints: mm, mm a frame, per cent; NaN: does not count. MPJVE may be of
    other frames where the recording is not at 30 Hz."""
    view_deg: Float64
    """(F,) between where the person faces and where the camera is: 0 from the front, 180 from behind."""
    tilt_deg: float
    """How steeply the camera looks down: 0 level, 90 from above."""
    speed_m_s: Float64
    """(F, 12) of the true joints, from the hips."""

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(F,) frames whose truth is known in part."""
        return np.asarray(np.logical_or.reduce(np.isfinite(self.seen.truth[:, EVALUATED, 0]), axis=1))

    @property
    def refused(self) -> NDArray[np.bool_]:
        """(F,) of those, without any answer."""
        return np.asarray(self.labelled & ~np.logical_or.reduce(np.isfinite(self.found[:, EVALUATED, 0]), axis=1))


def judge(model: Path, card: Card, chosen: Sequence[Item], cameras: int, way: Way) -> list[Judged]:
    """Every person of every recording; raises SettingsError when nothing in it can be compared."""
    lifters: dict[tuple[tuple[int, int], Camera | None], Lifting] = {}
    expected = named(card.skeleton) if card.skeleton else COCO17
    judged: list[Judged] = []
    with bars({"recordings": len(chosen)}) as advance:
        for number, item in enumerate(chosen):
            for seen in _known(seen_in(item, cameras)):
                ready = for_lifter(seen, expected)
                key = ready.size_wh, ready.camera
                if key not in lifters:
                    lifters[key] = load_lifter(
                        model, None, ready.size_wh, expected, camera=ready.camera, newest=way == "live"
                    )
                judged.append(measured(seen, lifted(ready, lifters[key], way)))
            if advance is not None:
                advance("recordings", number + 1)
    if not any(one.labelled.any() for one in judged):
        raise SettingsError(f"{', '.join(str(item.path) for item in chosen[:3])}: no frame with true joints to compare")
    return judged


def lifted(seen: Seen, lifter: Lifting, way: Way) -> Float64:
    """(F, 17, 3) h36m17 from mid-hips, for a 1.75 m player, metres."""
    count = len(seen.frame)
    nothing = np.zeros(count, np.int32)
    poses = Poses(
        np.arange(count), seen.times_s, nothing, np.ones(count, np.float32),
        np.full((count, 4), np.nan, np.float32), seen.keypoints,
    )  # fmt: skip
    after = way == "lift"
    answer = offline.lifted(poses, seen.skeleton, lifter, offline.Wanted(fill=after, smooth=after)).poses
    found = np.full((count, len(H36M17), 3), np.nan)
    found[answer.frame] = as_h36m17(answer.keypoints, lifter.skeleton)
    return root_relative(found)


def measured(seen: Seen, found: Float64) -> Judged:
    """Every error of every joint; definitions: seed_systems.md §7 and ``errors3d``."""
    truth, answer = seen.truth[:, EVALUATED], found[:, EVALUATED]
    far = distances(answer, truth)
    sized = answer * (seen.height_m / CARD_HEIGHT_M)
    steps = np.diff(at_30_hz(seen.times_s, np.concatenate([answer, truth], axis=1)), axis=0)
    near = np.stack([pck3d(answer, truth, limit) for limit in AUC_LIMITS_M])
    known = len(EVALUATED)
    errors = {
        MPJPE: _MM * far,
        SIZED: _MM * distances(sized, truth),
        N_MPJPE: _MM * distances(scaled(answer, truth), truth),
        P_MPJPE: _MM * distances(aligned(answer, truth), truth),
        MPJVE: _MM * np.linalg.norm(steps[:, :known] - steps[:, known:], axis=-1),
        PCK: 100 * pck3d(answer, truth),
        AUC: 100 * near.mean(axis=0),
    }
    up = np.array(seen.up)
    tilt_deg = float(np.degrees(np.arcsin(np.clip(-up[2], -1, 1))))
    return Judged(seen, found, errors, view_angle(seen.truth, up), tilt_deg, speeds(seen.times_s, truth))


def view_angle(truth: Float64, up: Float64) -> Float64:
    """(F, 17, 3) and the (3,) vertical in camera axes -> (F,) degrees on the ground, by the hips' and shoulders' lines.

    The camera is taken to look at the person.
    """
    hips, shoulders = (truth[:, pair[0]] - truth[:, pair[1]] for pair in (_HIPS, _SHOULDERS))
    faces = np.cross(hips + shoulders, up)
    towards = np.array([0.0, 0.0, -1.0]) + up[2] * up  # to the camera, level
    size = np.linalg.norm(faces, axis=1) * np.linalg.norm(towards)
    cosine = np.divide(faces @ towards, size, out=np.full(len(faces), np.nan), where=size > 0)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def speeds(times_s: Float64, points: Float64) -> Float64:
    """(F, J, 3) -> (F, J) m/s over the frames before and after; NaN next to what is unknown."""
    if len(times_s) < 2:
        return np.full(points.shape[:2], np.nan)
    return np.asarray(np.linalg.norm(np.gradient(points, times_s, axis=0), axis=-1))


def _known(found: Iterator[Seen]) -> Iterator[Seen]:
    return (seen for seen in found if len(seen.times_s))
