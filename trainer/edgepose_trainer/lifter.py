"""Motion capture for lifters: takes, the windows that virtual cameras see of them, and errors on those kept aside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgepose.card import Card, WindowSpec
from edgepose.errors import SourceError
from edgepose.lifting import CARD_HEIGHT_M
from edgepose.pinhole import Camera
from edgepose.skeletons import COCO17, H36M17
from edgepose.types import Float32
from edgepose_trainer import bvh
from edgepose_trainer.errors3d import EVALUATED, mpjpe, n_mpjpe, p_mpjpe
from edgepose_trainer.importers import mocap
from edgepose_trainer.motions import Pool, Take, resized
from edgepose_trainer.views import CENTRE_PX, FACING_FOCAL_PX, Detector, court_cameras, detected, facing

Float64 = NDArray[np.float64]
LIFT_WINDOW = WindowSpec(frames=15, rate_hz=30)
_TENNIS = 0.8
"""Share of tennis among the windows where other motion is there too."""
EXACT_SHARE = 0.4
"""Of the training windows; exact 2D alone collapses on noisy 2D."""
TRAINING_DETECTOR = Detector(hidden=0.03)
WITHOUT = "without the players"
"""In cards, before the names of those kept aside."""
JUDGED_BY = Camera(FACING_FOCAL_PX, FACING_FOCAL_PX, *CENTRE_PX)
"""The camera of ``aside_views``."""
_HEIGHT_PER_HIP = 15.0
"""The recording software built every skeleton from the player's height: hip offset = height / 15."""
_CM = 0.01
_HEIGHT_PER_BODY = 1.39
"""Height over thigh + shank + torso, median of the Tennis-MoCap players: where nobody states a height."""
_ENDINGS = (".bvh", ".bvh.xz", ".amc", ".amc.xz")


@dataclass(frozen=True, slots=True)
class Views:
    """Windows as cameras see them, with their truth."""

    keypoints: Float32
    """(N, T, 17, 3) px."""
    truth: Float64
    """(N, 17, 3) h36m17 at the window's centre: metres, camera axes, origin at mid-hips."""
    height_m: Float64
    """(N,) the player's."""


class Lifts(Protocol):
    """A loaded lifter."""

    def lift_array(self, keypoints: Float32) -> Float32: ...


def player_of(path: Path) -> str:
    """Takes are called <player>_<stroke>.bvh.xz."""
    return path.name.partition("_")[0]


def name_of(path: Path) -> str:
    """Without the endings."""
    return path.name.partition(".")[0]


def takes_in(folder: Path) -> list[Path]:
    """The BVH and AMC files of a folder in name order; raises SourceError when there are none."""
    paths = sorted(path for path in folder.glob("*") if path.name.endswith(_ENDINGS)) if folder.is_dir() else []
    if not paths:
        raise SourceError(f"{folder}: no .bvh or .amc files here (.xz or plain)")
    return paths


def kept_aside(paths: Iterable[Path], unseen: Sequence[str] = ()) -> list[str]:
    """Who is never trained on, only measured: of ``unseen`` those who are there, else every fourth player by name."""
    players = sorted({player_of(path) for path in paths})
    return [player for player in players if player in unseen] or players[3::4]


def unseen_by(card: Card) -> list[str]:
    """The players whom a lifter trained here was not trained on, as its card says."""
    match = re.search(f"{WITHOUT} ([^;]*)", card.data[0].use) if card.data else None
    return match[1].split(", ") if match else []


def load_take(path: Path) -> Take:
    """Raises SourceError as ``bvh.read`` and ``mocap.motion`` do."""
    if ".amc" in path.name:
        return _acclaim(path)
    take = bvh.read(path)
    coco17, h36m17 = bvh.body(take)
    height_m = abs(float(take.offsets[take.index("LeftHip"), 0])) * _HEIGHT_PER_HIP * _CM
    return Take(player_of(path), coco17 * _CM, h36m17 * _CM, take.frame_s, height_m)


def _acclaim(path: Path) -> Take:
    """Of the spine and the head nothing comparable is known: NaN."""
    motion = mocap.motion(path)
    coco17 = np.asarray(motion.points, np.float64)
    h36m17 = np.full((len(coco17), len(H36M17), 3), np.nan)
    for joint in COCO17.joints:
        if joint in H36M17.joints and joint not in ("nose", "neck"):
            h36m17[:, H36M17.index(joint)] = coco17[:, COCO17.index(joint)]
    h36m17[:, H36M17.index("pelvis")] = coco17[:, COCO17.indices("left_hip", "right_hip")].mean(axis=1)
    frame_s = float(np.median(np.diff(motion.times_s)))
    return Take(player_of(path), coco17, h36m17, frame_s, _HEIGHT_PER_BODY * _body_m(coco17))


def _body_m(points: Float64) -> float:
    """Thigh, shank and torso, one after the other."""

    def at(part: str) -> Float64:
        return np.asarray(points[:, COCO17.indices(f"left_{part}", f"right_{part}")])

    torso = at("shoulder").mean(axis=1) - at("hip").mean(axis=1)
    limbs = (at("knee") - at("hip"), at("ankle") - at("knee"), torso[:, None])
    return float(sum(np.nanmedian(np.linalg.norm(limb, axis=-1)) for limb in limbs))


def pooled(tennis: Sequence[Take], others: Sequence[Take]) -> Pool:
    """Windows of tennis and of other motion, each take by its length."""
    lengths = [np.array([len(take.coco17) * take.frame_s for take in takes]) for takes in (tennis, others)]
    if not others:
        return Pool(tennis)
    shares = [share * each / each.sum() for share, each in zip((_TENNIS, 1 - _TENNIS), lengths, strict=True)]
    return Pool([*tennis, *others], np.concatenate(shares).tolist())


def views(
    pool: Pool,
    count: int,
    detector: Detector,
    rng: np.random.Generator,
    window: WindowSpec = LIFT_WINDOW,
    newest: bool = False,
    straight_on: bool = False,
    bodies: bool = False,
) -> Views:
    """``count`` windows at random times of random takes (longer takes more often), each by its own camera.

    ``newest``: the truth is that of the window's last sample, not of its centre. ``straight_on``: every camera is
    ``JUDGED_BY``, turned to the player. ``bodies``: every window has a body of its own.
    """
    drawn = pool.draw(count, window, rng)
    if bodies:
        drawn = resized(drawn, rng)
    truth = (drawn.newest if newest else drawn.centre).astype(np.float64)
    cameras = (facing if straight_on else court_cameras)(rng, truth[:, 0])
    placed = cameras.into(truth)
    keypoints = detected(cameras.project(cameras.into(drawn.seen.astype(np.float64))), detector, rng)
    return Views(keypoints, placed - placed[:, :1], drawn.height_m)


def aside_views(takes: Sequence[Take], detector: Detector, count: int = 6000) -> Views:
    """The windows that cards and bench measure on: the same for the same takes."""
    return views(Pool(takes), count, detector, np.random.default_rng(20), straight_on=True)


def errors_of(lifter: Lifts, seen: Views) -> dict[str, float]:
    """Millimetres over the 12 joints of contracts §7, of windows that are all answered; raises ValueError else."""
    found = lifter.lift_array(seen.keypoints).astype(np.float64)[:, EVALUATED]
    truth = seen.truth[:, EVALUATED]
    known = np.isfinite(seen.truth[:, 0]).all(axis=1)
    if not np.isfinite(found[known]).all():
        raise ValueError("the lifter refused windows with more than half of the joints known")
    sized = found * (seen.height_m / CARD_HEIGHT_M)[:, None, None]
    return {
        "MPJPE": 1000 * mpjpe(found, truth),
        "MPJPE, height known": 1000 * mpjpe(sized, truth),
        "N-MPJPE": 1000 * n_mpjpe(found, truth),
        "P-MPJPE": 1000 * p_mpjpe(found, truth),
    }
