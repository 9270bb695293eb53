"""antoinekeller/tennis_shot_recognition: clips of 30 frames, the hit near the middle, 13 MoveNet joints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from edgepose.card import Dataset, sha256_of
from edgepose.skeletons import COCO17
from edgepose_trainer.importers import keypoints
from edgepose_trainer.peaks import HALF_STROKE_S
from edgepose_trainer.recordings import IDLE, UNSURE, Recording, Source

COLUMNS = frozenset({"clip", "video", "handedness", "label", "frame", "nose_x", "left_wrist_x"})
_JOINTS = ("nose", *COCO17.joints[5:])
_FPS = 30.0


def read(path: Path) -> Source:
    """One recording a clip, one group a video."""
    table = pq.read_table(path)
    points = keypoints(table, {joint: joint for joint in _JOINTS})
    clips = np.array(table.column("clip").to_pylist())
    order = np.array(table.column("frame"))
    videos, labels, hands = (table.column(name).to_pylist() for name in ("video", "label", "handedness"))
    recordings = []
    for clip in pc.unique(table.column("clip")).to_pylist():
        rows = np.flatnonzero(clips == clip)
        rows = rows[np.argsort(order[rows], kind="stable")]
        times_s = order[rows] / _FPS
        recordings.append(
            Recording(
                "keller", clip, f"keller/{videos[rows[0]]}", times_s, points[rows],
                _labels(labels[rows[0]], times_s), handedness=hands[rows[0]], clip=True,
            )
        )  # fmt: skip
    card = Dataset(
        name="keller_clips (antoinekeller/tennis_shot_recognition)",
        sha256=sha256_of(path),
        licence="none stated",
        use="training and leave-one-video-out figures",
    )
    return Source(recordings, card)


def _labels(label: str, times_s: NDArray[np.float64]) -> NDArray[np.str_]:
    if label == "neutral":
        return np.full(len(times_s), IDLE)
    middle_s = (times_s[0] + times_s[-1]) / 2
    return np.where(np.abs(times_s - middle_s) <= HALF_STROKE_S, label, UNSURE)
