"""Made-up players whose right wrist does one of four strokes, as a table of clips and as recordings."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from edgepose import session
from edgepose.skeletons import COCO17
from edgepose.types import Float32
from edgepose_trainer.recordings import IDLE, Recording

STANDING = {
    "nose": (0.0, 0.1), "shoulder": (0.1, 0.25), "elbow": (0.12, 0.4), "wrist": (0.12, 0.55),
    "hip": (0.07, 0.55), "knee": (0.07, 0.75), "ankle": (0.07, 0.95),
}  # fmt: skip
WAYS = {"forehand": (0.4, 0.0), "backhand": (-0.3, 0.0), "forehand_slice": (0.3, -0.5), "backhand_slice": (-0.3, -0.5)}
"""Where the right wrist goes: x, y in heights of the picture."""
LABELS = ("neutral", *WAYS)
JOINTS = ("nose", *COCO17.joints[5:])


def standing(count: int) -> Float32:
    """(N, 17, 3) in a unit square; the torso is 0.3 long."""
    points = np.zeros((count, 17, 3), np.float32)
    points[..., :2] = np.nan
    for joint in JOINTS:
        side, _, part = joint.partition("_")
        dx, y = STANDING[part or joint]
        points[:, COCO17.index(joint)] = (0.5 + (dx if side == "left" else -dx), y, 1)
    return points


def swinging(times_s: np.ndarray, hits: dict[float, str]) -> Float32:
    """(N, 17, 3) with a swing of 0.2 s round every hit."""
    points = standing(len(times_s))
    for hit_s, label in hits.items():
        swing = np.exp(-(((times_s - hit_s) / 0.17) ** 2))
        points[:, COCO17.index("right_wrist"), :2] += swing[:, None] * np.array(WAYS[label], np.float32)
    return points


def playing(hits: dict[float, str], seconds: float = 6.0, group: str = "a/one", **more: object) -> Recording:
    """A continuous recording at 30 fps; a stroke is labelled 0.4 s before and after its hit."""
    times_s = np.arange(round(seconds * 30)) / 30
    labels = np.full(len(times_s), IDLE, dtype="<U20")
    for hit_s, label in hits.items():
        labels[np.abs(times_s - hit_s) < 0.4 + 1e-6] = label
    points = swinging(times_s, hits)
    return Recording(**{"dataset": "a", "name": group, "group": group, "times_s": times_s, "keypoints": points,
                        "labels": labels, "handedness": "right", **more})  # type: ignore[arg-type] # fmt: skip


def write_clips(path: Path, players: tuple[str, ...], each: int, seed: int = 0) -> Path:
    """A table of clips of 30 frames, ``each`` of every label of every player."""
    rng = np.random.default_rng(seed)
    columns: dict[str, list[object]] = {}
    for player in players:
        for label in LABELS:
            for number in range(each):
                hits = {} if label == "neutral" else {14.5 / 30: label}
                points = swinging(np.arange(30) / 30, hits)[..., :2] + rng.normal(0, 0.01, (30, 17, 2))
                rows: dict[str, list[object]] = {
                    "clip": [f"{player}/{label}_{number}"] * 30, "video": [player] * 30,
                    "handedness": ["right"] * 30, "label": [label] * 30, "frame": list(range(30)),
                }  # fmt: skip
                for joint in JOINTS:
                    for axis, name in enumerate("xy"):
                        rows[f"{joint}_{name}"] = points[:, COCO17.index(joint), axis].tolist()
                for name, values in rows.items():
                    columns.setdefault(name, []).extend(values)
    pq.write_table(pa.table(columns), path)
    return path


def write_session(folder: Path, hits: dict[float, str], label: bool = True) -> Path:
    """Six seconds of one person, 1000 px a unit."""
    times_s = np.arange(180) / 30
    keypoints = swinging(times_s, hits) * np.array([1000, 1000, 1], np.float32)
    folder.mkdir(parents=True)
    session.write_info(folder, session.SessionInfo(width=1000, height=1000, started_at=datetime.now(timezone.utc)))
    (folder / "poses").mkdir()
    poses = session.Poses(
        np.arange(180), times_s, np.zeros(180, np.int32), np.ones(180, np.float32),
        np.full((180, 4), np.nan, np.float32), keypoints,
    )  # fmt: skip
    session.write_poses(folder / "poses" / "part-0.parquet", poses)
    if label:
        session.write_labels(folder, [session.Label(hit - 0.4, hit + 0.4, name) for hit, name in hits.items()])
    return folder
