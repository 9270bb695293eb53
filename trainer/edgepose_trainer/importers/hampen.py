"""hampen2929/tennis_swing_prediction: OpenPose-18 joints inside the person box, label per frame at 30 fps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from edgepose.card import Dataset, sha256_of
from edgepose.skeletons import COCO17
from edgepose_trainer.importers import keypoints
from edgepose_trainer.recordings import Recording, Source

COLUMNS = frozenset({"clip", "part", "frame", "time_s", "label", "Neck_x", "RShoulder_x", "LWrist_y"})
_BLOCKS = 4


def _openpose(joint: str) -> str:
    side, _, rest = joint.partition("_")
    return side[0].upper() + rest.capitalize() if rest else joint.capitalize()


def read(path: Path) -> Source:
    """One recording for each of ``_BLOCKS`` stretches of a file: every group then has every stroke.

    Each file holds one kind of stroke, so holding out whole files would hold out whole labels.
    """
    table = pq.read_table(path)
    points = keypoints(table, {joint: _openpose(joint) for joint in COCO17.joints})
    labels = np.array(table.column("label").to_pylist())
    times_s = np.array(table.column("time_s"), dtype=np.float64)
    names = np.array(table.column("clip").to_pylist())
    parts = np.array(table.column("part").to_pylist())
    recordings = []
    for clip in pc.unique(table.column("clip")).to_pylist():
        rows = np.flatnonzero(names == clip)
        rows = rows[np.argsort(times_s[rows], kind="stable")]
        for block, stretch in enumerate(np.array_split(rows, _BLOCKS)):
            recordings.append(
                Recording(
                    "hampen", f"{clip}/{block}", f"hampen/{block}", times_s[stretch], points[stretch],
                    labels[stretch], handedness="right", aspect_lost=True,
                    kept_aside=bool(parts[rows[0]] == "test"),
                )
            )  # fmt: skip
    card = Dataset(
        name="hampen_frames (hampen2929/tennis_swing_prediction)",
        sha256=sha256_of(path),
        licence="none stated",
        use="training and figures on held-out stretches",
    )
    return Source(recordings, card)
