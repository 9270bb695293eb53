"""Penn Action (Zhang et al. 2013): clips of one action each, 13 joints placed by people, in px with visibility."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from edgepose.card import Dataset, sha256_of
from edgepose.skeletons import COCO17
from edgepose.types import Float32
from edgepose_trainer import peaks
from edgepose_trainer.labelnames import canonical
from edgepose_trainer.recordings import IDLE, Recording, Source

COLUMNS = frozenset({"clip", "action", "view", "frame", "head_x", "head_visible", "left_wrist_visible"})
_JOINTS = ("nose", *COCO17.joints[5:])
_FPS = 30.0
"""Neither the table nor the data set tells times; its videos are said to be at about this rate."""
_HIDDEN = 0.3
"""Confidence of a joint that the annotator guessed."""


def read(path: Path, actions: Collection[str] = ("tennis_forehand", "tennis_serve")) -> Source:
    """One recording and group a clip; ``actions`` keep their (canonical) name, every other action is no stroke: idle.

    Handedness is unknown. The moment of an action is where the faster wrist is fastest.
    """
    table = pq.read_table(path)
    points = _keypoints(table)
    clips = np.array(table.column("clip").to_pylist())
    order = table.column("frame").to_numpy()
    names = table.column("action").to_pylist()
    recordings = []
    for clip in pc.unique(table.column("clip")).to_pylist():
        rows = np.flatnonzero(clips == clip)
        rows = rows[np.argsort(order[rows], kind="stable")]
        times_s = order[rows] / _FPS
        action = names[rows[0]]
        labels = np.full(len(rows), IDLE)
        if action in actions or canonical(action) in actions:
            labels = _labels(times_s, points[rows], canonical(action))
        recordings.append(
            Recording("penn", f"{action}/{clip}", f"penn/{clip}", times_s, points[rows], labels, clip=True)
        )
    card = Dataset(
        name="penn_action (Penn Action, Zhang et al. 2013)",
        sha256=sha256_of(path),
        licence="research use",
        use="training and figures on held-out clips",
    )
    return Source(recordings, card)


def _keypoints(table: pa.Table) -> Float32:
    """(N, 17, 3): the head for the nose; a hidden joint keeps its guessed place with a low confidence."""
    points = np.full((table.num_rows, len(COCO17), 3), (np.nan, np.nan, 0), np.float32)
    for joint in _JOINTS:
        name = "head" if joint == "nose" else joint
        visible = table.column(f"{name}_visible").to_numpy()
        columns = [table.column(f"{name}_{axis}").to_numpy() for axis in "xy"]
        points[:, COCO17.index(joint)] = np.stack([*columns, np.where(visible > 0, 1, _HIDDEN)], axis=1)
    return points


def _labels(times_s: NDArray[np.float64], points: Float32, label: str) -> NDArray[np.str_]:
    """The one swing: the clips are cut close, so what is not stroke is not idle for sure either."""
    speed = np.nan_to_num(peaks.wrist_speed(times_s, points[..., :2].astype(np.float64), None))
    peak_s = times_s[speed.argmax()]
    return np.where(np.abs(times_s - peak_s) <= peaks.HALF_STROKE_S, label, "")
