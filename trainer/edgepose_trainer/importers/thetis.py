"""THETIS Kinect skeletons (Gourgari et al. 2013): takes of one stroke repeated, boundaries unknown, noisy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from edgepose.card import Dataset, sha256_of
from edgepose.skeletons import COCO17
from edgepose.types import Handedness
from edgepose_trainer.recordings import Source
from edgepose_trainer.takes import Take, of_one_stroke, through
from edgepose_trainer.takes import seen as look
from edgepose_trainer.views import EXACT, Cameras, Detector

Float64 = NDArray[np.float64]
COLUMNS = frozenset({"clip", "player", "action", "label", "time_s", "torso_x", "left_wrist_z"})
_MM = 0.001
_LEFT_HANDED = frozenset({*(f"amateurs/p{number}" for number in (5, 7, 8, 19)), "experts/p15"})
_DOUBTFUL = frozenset({"experts/p17"})
_JOINTS = tuple(joint for joint in COCO17.joints if joint.partition("_")[2] not in ("eye", "ear"))
_TO_SENSOR = np.array((0.0, 0.0, -1.0))
"""The players face the Kinect and hit towards it."""
_FOCAL_PX = 525.0
"""The Kinect's camera at 640×480."""


@dataclass(frozen=True, slots=True)
class _Seen:
    take: Take
    sensor_m: float
    """Height of the Kinect above the ground."""


def takes(path: Path) -> list[Take]:
    """Every take in metres, y up, ankles standing near y = 0; the sensor's head joint stands for the nose."""
    return [seen.take for seen in _seen(path)]


def read(path: Path, views: int = 1) -> Source:
    """A take as the Kinect's own camera saw it, px round the picture's middle, and as ``views`` virtual ones would.

    One group a player.
    """
    rng = np.random.default_rng(0)
    recordings = []
    for seen in _seen(path):
        place = np.array([[0.0, seen.sensor_m, 0.0]])
        kinect = Cameras(np.diag([-1.0, -1.0, 1.0])[None], place, np.array([_FOCAL_PX]))
        recordings.append(through(seen.take, kinect, seen.take.times_s, EXACT, rng).recording)
        recordings += [look(seen.take, rng, Detector(), number + 1).recording for number in range(views)]
    card = Dataset(
        name="thetis_skeletons (THETIS, Gourgari et al. 2013)",
        sha256=sha256_of(path),
        licence="public, asks to be cited",
        use="training and figures on held-out players",
    )
    return Source(recordings, card)


def _seen(path: Path) -> Iterator[_Seen]:
    table = pq.read_table(path)
    points = _points(table)
    times_s = table.column("time_s").to_numpy().astype(np.float64)
    clips = np.array(table.column("clip").to_pylist())
    players, labels = (table.column(name).to_pylist() for name in ("player", "label"))
    for clip in pc.unique(table.column("clip")).to_pylist():
        rows = np.flatnonzero(clips == clip)
        rows = rows[np.argsort(times_s[rows], kind="stable")]
        player = players[rows[0]]
        ground_m = _ground(points[rows])
        standing = points[rows] - np.array([0.0, ground_m, 0.0])
        hand = _handedness(player)
        yield _Seen(
            of_one_stroke("thetis", clip, player, times_s[rows], standing, labels[rows[0]], hand, _TO_SENSOR), -ground_m
        )


def _points(table: pa.Table) -> Float64:
    points = np.full((table.num_rows, len(COCO17), 3), np.nan)
    for joint in _JOINTS:
        for axis, suffix in enumerate("xyz"):
            column = table.column(f"{'head' if joint == 'nose' else joint}_{suffix}")
            points[:, COCO17.index(joint), axis] = column.to_numpy()
    return points * _MM


def _ground(points: Float64) -> float:
    ankles = points[:, COCO17.indices("left_ankle", "right_ankle"), 1]
    known = ankles[np.isfinite(ankles)]
    return float(np.percentile(known, 5)) if len(known) else 0.0


def _handedness(player: str) -> Handedness | None:
    if player in _DOUBTFUL:
        return None
    return "left" if player in _LEFT_HANDED else "right"
