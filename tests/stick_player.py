"""A recorded session with eight known strokes: a stick player drawn by hand-written key poses, seen from behind.

Lengths are in torso lengths, x to the right of the picture, y down, origin at mid-hips; a right-hander
from behind has the right hand on the right.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose.recorder import Recorder
from edgepose.session import Label, SessionInfo, write_labels
from edgepose.types import Float32, Pose, Track

Points = NDArray[np.float64]

FPS, WIDTH, HEIGHT = 30.0, 1280, 720
_TORSO_PX = 95.0
_UPPER_ARM, _FOREARM, _THIGH, _SHIN = 0.62, 0.55, 0.8, 0.8


@dataclass(frozen=True)
class Key:
    """One key pose: seconds from contact, right and left wrist, turn of the shoulders, lean, knee bend."""

    at_s: float
    right: tuple[float, float]
    left: tuple[float, float]
    turn: float = 0.0
    """-1: the chest faces left, 1: right; narrows the shoulders."""
    lean: float = 0.0
    bend: float = 0.25
    """Of the knees; below 0 the torso tips away from the camera, so that the legs look longer."""


READY = Key(0.0, (0.22, -0.55), (-0.12, -0.6), bend=0.3)
STROKES: dict[str, tuple[Key, ...]] = {
    "forehand": (
        Key(-0.75, (0.3, -0.6), (-0.05, -0.65), 0.2),
        Key(-0.40, (0.95, -0.85), (0.45, -0.75), 0.7, 0.05, 0.3),
        Key(-0.18, (1.05, -0.35), (0.5, -0.8), 0.75, 0.08, 0.4),
        Key(0.0, (0.95, -0.45), (-0.25, -0.75), 0.1, 0.05, 0.35),
        Key(0.14, (0.25, -1.0), (-0.55, -0.8), -0.45, -0.02, 0.25),
        Key(0.32, (-0.5, -1.15), (-0.6, -0.75), -0.7, -0.05, 0.2),
        Key(0.60, (-0.35, -0.75), (-0.35, -0.65), -0.3),
    ),
    "backhand": (
        Key(-0.75, (0.05, -0.6), (-0.2, -0.6), -0.2),
        Key(-0.40, (-0.75, -0.65), (-0.85, -0.7), -0.8, -0.05, 0.3),
        Key(-0.18, (-0.85, -0.25), (-0.95, -0.3), -0.8, -0.08, 0.4),
        Key(0.0, (-0.7, -0.4), (-0.8, -0.45), -0.3, -0.05, 0.35),
        Key(0.14, (0.05, -0.95), (-0.05, -1.0), 0.3, 0.0, 0.25),
        Key(0.32, (0.6, -1.2), (0.45, -1.2), 0.65, 0.03, 0.2),
        Key(0.60, (0.35, -0.75), (0.15, -0.75), 0.3),
    ),
    "serve": (
        Key(-1.10, (0.25, -0.55), (0.0, -0.55), 0.3),
        Key(-0.75, (0.5, -0.15), (-0.2, -0.9), 0.5, 0.0, 0.3),
        Key(-0.45, (0.75, -1.0), (-0.3, -2.0), 0.5, -0.15, 0.45),
        Key(-0.18, (0.3, -1.05), (-0.35, -1.6), 0.3, -0.3, 0.35),
        Key(0.0, (-0.15, -2.1), (-0.4, -0.9), 0.0, -0.45, -0.5),
        Key(0.14, (-0.35, -1.2), (-0.65, -0.35), -0.3, -0.5, -0.7),
        Key(0.34, (-0.5, -0.4), (-0.68, -0.05), -0.5, -0.5, -0.75),
        Key(0.60, (-0.1, -0.4), (-0.7, 0.05), -0.5, -0.45, -0.6),
        Key(0.90, (0.0, -0.5), (-0.4, -0.45), -0.2, -0.2, 0.1),
    ),
}
RALLY = (
    (2.2, "serve"), (4.6, "forehand"), (6.8, "backhand"), (9.0, "forehand"), (11.2, "backhand"),
    (14.0, "serve"), (16.4, "backhand"), (18.6, "forehand"),
)  # fmt: skip
SECONDS = 20.5


def key_values(rally: tuple[tuple[float, str], ...]) -> tuple[Points, Points]:
    """(N,) times and (N, 7) values of all key poses in order, with the ready pose in between."""
    rows: list[tuple[float, Key]] = [(0.0, READY)]
    for contact_s, label in rally:
        keys = STROKES[label]
        rows.append((contact_s + keys[0].at_s - 0.25, READY))
        rows += [(contact_s + key.at_s, key) for key in keys]
        rows.append((contact_s + keys[-1].at_s + 0.3, READY))
    rows.append((SECONDS, READY))
    values = [(*key.right, *key.left, key.turn, key.lean, key.bend) for _, key in rows]
    return np.array([at_s for at_s, _ in rows]), np.array(values, dtype=np.float64)


def smooth(times_s: Points, keys_s: Points, values: Points) -> Points:
    """(T, D) values at the given times: cubic through the key poses (Catmull-Rom tangents, uneven steps)."""
    slopes = np.gradient(values, keys_s, axis=0)
    i = np.clip(np.searchsorted(keys_s, times_s, side="right") - 1, 0, len(keys_s) - 2)
    step = (keys_s[i + 1] - keys_s[i])[:, None]
    u = (times_s[:, None] - keys_s[i][:, None]) / step
    h00, h10 = 2 * u**3 - 3 * u**2 + 1, u**3 - 2 * u**2 + u
    h01, h11 = 3 * u**2 - 2 * u**3, u**3 - u**2
    return np.asarray(h00 * values[i] + h10 * step * slopes[i] + h01 * values[i + 1] + h11 * step * slopes[i + 1])


def middle_joint(root: Points, tip: Points, upper: float, lower: float, side: float) -> Points:
    """(T, 2) elbow or knee between root and tip (T, 2); ``side`` says to which side it bends."""
    reach = tip - root
    distance = np.maximum(np.linalg.norm(reach, axis=1), 1e-6)
    along = np.clip((upper**2 - lower**2 + distance**2) / (2 * distance), 0.0, distance)
    away = np.sqrt(np.maximum(upper**2 - along**2, 0.0)) * 0.6  # the rest points towards the camera or away
    normal = np.stack([-reach[:, 1], reach[:, 0]], axis=1) / distance[:, None]
    return np.asarray(root + (along / distance)[:, None] * reach + side * away[:, None] * normal)


def skeleton(values: Points, times_s: Points) -> Points:
    """(T, 17, 2) coco17 joints in torso lengths from the key values (T, 7)."""
    right_wrist, left_wrist = values[:, 0:2], values[:, 2:4]
    turn, lean, bend = values[:, 4], values[:, 5], values[:, 6]
    count = len(values)

    def at(x: Points | float, y: Points | float) -> Points:
        return np.stack([np.broadcast_to(x, count), np.broadcast_to(y, count)], axis=1)

    width = 0.4 * np.sqrt(np.clip(1 - 0.7 * turn**2, 0.1, 1))
    hips = 0.2 * np.sqrt(np.clip(1 - 0.4 * turn**2, 0.1, 1))
    neck = at(lean, -1.0)
    right_shoulder, left_shoulder = neck + at(width, 0.03 * turn), neck - at(width, 0.03 * turn)
    right_hip, left_hip = at(hips, 0.0), at(-hips, 0.0)
    hop = 0.03 * np.sin(2 * np.pi * 1.4 * times_s)
    ground = 1.52 - 0.5 * bend
    step = 0.5 * np.maximum(-bend, 0.0)  # after a serve the body falls forward over the left leg
    right_ankle, left_ankle = at(0.42 + hop + step, ground - step), at(-0.42 + hop + step, ground + 0.03)
    nose = neck + at(0.12 * turn, -0.33)
    joints = [
        nose, nose + at(-0.05, -0.05), nose + at(0.05, -0.05), nose + at(-0.11, -0.02), nose + at(0.11, -0.02),
        left_shoulder, right_shoulder,
        middle_joint(left_shoulder, left_wrist, _UPPER_ARM, _FOREARM, 1.0),
        middle_joint(right_shoulder, right_wrist, _UPPER_ARM, _FOREARM, -1.0),
        left_wrist, right_wrist, left_hip, right_hip,
        middle_joint(left_hip, left_ankle, _THIGH, _SHIN, 0.5),
        middle_joint(right_hip, right_ankle, _THIGH, _SHIN, -0.5),
        left_ankle, right_ankle,
    ]  # fmt: skip
    return np.stack(joints, axis=1)


def keypoints(seed: int = 0) -> Float32:
    """(T, 17, 3) px of the whole session, with a detector's small noise."""
    noise = np.random.default_rng(seed)
    times_s = np.arange(int(SECONDS * FPS)) / FPS
    joints = skeleton(smooth(times_s, *key_values(RALLY)), times_s) * _TORSO_PX
    walk = np.stack([640 + 130 * np.sin(2 * np.pi * times_s / 9), 400 + 15 * np.sin(2 * np.pi * times_s / 5)], axis=1)
    points = joints + walk[:, None] + noise.normal(0, 1.2, joints.shape)
    confidence = np.clip(noise.normal(0.8, 0.06, joints.shape[:2]), 0.3, 1.0)
    return np.asarray(np.concatenate([points, confidence[..., None]], axis=2), np.float32)


def write(folder: Path) -> None:
    """Writes the sample session; raises SettingsError when the folder is not empty."""
    info = SessionInfo(
        width=WIDTH, height=HEIGHT, fps=FPS, camera="court", device="demo",
        started_at=datetime(2026, 11, 21, 10, tzinfo=timezone.utc),
        source="drawn", license="Apache-2.0",
    )  # fmt: skip
    recorder = Recorder(folder, info, part_s=SECONDS)
    for frame, points in enumerate(keypoints()):
        box = np.concatenate([points[:, :2].min(axis=0) - 8, points[:, :2].max(axis=0) + 8]).astype(np.float32)
        recorder.add(frame, frame / FPS, [Track(0, Pose(points, box, 0.9))])
    recorder.close()
    write_labels(folder, [Label(at_s - 0.5, at_s + 0.5, label, 0) for at_s, label in RALLY])
