"""Simulated tracking scenes with known identity: people who walk, play and cross, seen by a poor detector.

A scene is plain arrays. ``truth_*`` rows say where everybody is; ``pose_*`` rows are what a pose
network would give: noisy, with missed people (more often where one hides another), false and
duplicate people, swapped sides and missing joints. Everything follows from the seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from edgepose.geometry import box_iou
from edgepose.skeletons import COCO17
from edgepose.types import Float32, Pose
from edgepose_trainer.walkers import Body, Motion, draw_body, paths

Float64 = NDArray[np.float64]
JOINTS = len(COCO17)


@dataclass(frozen=True)
class Difficulty:
    """What makes a scene hard. Lengths are fractions of the person's height."""

    fps: float = 30.0
    people: int = 4
    duration_s: float = 8.0
    motion: Motion = "walk"
    pace: float = 1.0
    """2: everybody moves twice as fast."""
    noise: float = 0.012
    """Standard deviation of a joint."""
    box_noise: float = 0.015
    miss: float = 0.035
    """Chance that a person is not seen in a frame, alone."""
    burst_per_s: float = 0.03
    """Rate of longer blackouts of one person (0.2 to 0.8 s)."""
    occlusion: float = 0.5
    """Chance to be missed when wholly covered by a nearer person; half covered people lose joints."""
    ghosts: float = 0.03
    """False people per true person."""
    duplicates: float = 0.01
    """Second, shifted poses per true person."""
    ghost_stay: float = 0.5
    """Chance that a false person is seen again in the next frame at the same place."""
    swap: float = 0.01
    """Chance of left and right exchanged."""
    joint_drop: float = 0.04
    score_noise: float = 0.08


@dataclass(frozen=True)
class Scene:
    """One clip. F frames, N true people-in-frames, M poses; boxes are xyxy px; people count from 0."""

    name: str
    width: int
    height: int
    fps: float
    times_s: Float64
    """(F,)"""
    truth_frame: NDArray[np.int64]
    truth_person: NDArray[np.int32]
    truth_box: Float32
    """(N, 4)"""
    truth_keypoints: Float32
    """(N, 17, 3)"""
    pose_frame: NDArray[np.int64]
    """(M,) sorted."""
    pose_person: NDArray[np.int32]
    """(M,) -1: a false pose."""
    pose_box: Float32
    pose_keypoints: Float32
    pose_score: Float32

    def frames(self) -> Iterator[tuple[float, list[Pose]]]:
        """What a tracker is fed: capture time and poses of each frame, in row order."""
        starts = np.searchsorted(self.pose_frame, np.arange(len(self.times_s) + 1))
        for frame, time_s in enumerate(self.times_s):
            rows = range(starts[frame], starts[frame + 1])
            yield (
                float(time_s),
                [Pose(self.pose_keypoints[i], self.pose_box[i], float(self.pose_score[i])) for i in rows],
            )


def make_scene(seed: int, difficulty: Difficulty, size_wh: tuple[int, int] = (1280, 720)) -> Scene:
    """One scene; the same seed and difficulty give the same arrays."""
    rng = np.random.default_rng(seed)
    d = difficulty
    frames = max(1, round(d.duration_s * d.fps))
    times_s = np.arange(frames) / d.fps
    feet, heights = paths(rng, d.motion, d.people, times_s, size_wh, d.pace)
    bodies = [Body.random(rng) for _ in range(d.people)]
    keypoints = np.stack([draw_body(rng, bodies[p], times_s, feet[p], heights[p]) for p in range(d.people)])
    boxes = _true_boxes(keypoints, heights)
    inside = _inside(boxes, size_wh)
    truth_frame, truth_person = np.nonzero(inside.T)
    seen = _Detector(rng, d, size_wh).watch(keypoints, boxes, heights, feet[:, :, 1], inside)
    full = np.concatenate([keypoints, np.ones((*keypoints.shape[:3], 1))], axis=3)
    frame, person, box, points, score = seen.arrays()
    return Scene(
        f"{d.motion}-{d.people}p-{d.fps:g}fps-{seed}", *size_wh, d.fps, times_s, truth_frame.astype(np.int64),
        truth_person.astype(np.int32), boxes[truth_person, truth_frame].astype(np.float32),
        full[truth_person, truth_frame].astype(np.float32), frame, person, box, points, score,
    )  # fmt: skip


def make_scenes(seed: int, count: int, base: Difficulty | None = None) -> list[Scene]:
    """Mixed scenes: 2-10 people, 10-60 fps, every kind of motion, pace and faults around ``base``."""
    rng = np.random.default_rng(seed)
    base = base or Difficulty()
    motions: tuple[Motion, ...] = ("walk", "court", "street", "crossing", "bounce")
    scenes = []
    for i in range(count):
        harder = {
            name: getattr(base, name) * rng.uniform(0.5, 1.4)
            for name in ("pace", "noise", "box_noise", "miss", "burst_per_s", "ghosts", "duplicates", "swap")
        }
        difficulty = replace(
            base, fps=float(rng.choice([10, 15, 25, 30, 50, 60])), people=int(rng.integers(2, 11)),
            motion=motions[i % len(motions)], **harder,
        )  # fmt: skip
        scenes.append(make_scene(int(rng.integers(1 << 31)), difficulty))
    return scenes


@dataclass
class _Seen:
    """Poses collected frame by frame."""

    frame: list[int] = field(default_factory=list)
    person: list[int] = field(default_factory=list)
    box: list[Float64] = field(default_factory=list)
    keypoints: list[Float64] = field(default_factory=list)
    score: list[float] = field(default_factory=list)

    def add(self, frame: int, person: int, box: Float64, keypoints: Float64, score: float) -> None:
        self.frame.append(frame)
        self.person.append(person)
        self.box.append(box)
        self.keypoints.append(keypoints)
        self.score.append(score)

    def arrays(
        self,
    ) -> tuple[NDArray[np.int64], NDArray[np.int32], Float32, Float32, Float32]:
        return (
            np.array(self.frame, np.int64),
            np.array(self.person, np.int32),
            np.array(self.box, np.float32).reshape(-1, 4),
            np.array(self.keypoints, np.float32).reshape(-1, JOINTS, 3),
            np.array(self.score, np.float32),
        )


class _Detector:
    """A pose network with faults."""

    def __init__(self, rng: np.random.Generator, difficulty: Difficulty, size_wh: tuple[int, int]) -> None:
        self._rng, self._d, self._size = rng, difficulty, size_wh
        self._ghosts: list[tuple[Float64, Float64, float]] = []

    def watch(
        self, keypoints: Float64, boxes: Float64, heights: Float64, depth: Float64, inside: NDArray[np.bool_]
    ) -> _Seen:
        """keypoints (P, F, 17, 2), boxes (P, F, 4), heights, depth, inside (P, F); larger depth is nearer."""
        rng, d = self._rng, self._d
        people, frames = heights.shape
        dark = self._blackouts(people, frames)
        seen = _Seen()
        for f in range(frames):
            cover = _covered(boxes[:, f], depth[:, f], inside[:, f])
            missed = dark[:, f] | (rng.random(people) < d.miss + d.occlusion * np.clip(cover * 2.5 - 1.25, 0, 1))
            rows = []
            for p in np.flatnonzero(inside[:, f] & ~missed):
                rows.append((int(p), *self._look(keypoints[p, f], boxes[p, f], heights[p, f], cover[p])))
            here = np.flatnonzero(inside[:, f])
            rows += [(-1, *ghost) for ghost in self._false(keypoints[here, f], boxes[here, f], heights[here, f])]
            for i in rng.permutation(len(rows)):
                seen.add(f, *rows[i])
        return seen

    def _blackouts(self, people: int, frames: int) -> NDArray[np.bool_]:
        dark = np.zeros((people, frames), bool)
        for p, f in zip(
            *np.nonzero(self._rng.random((people, frames)) < self._d.burst_per_s / self._d.fps), strict=True
        ):
            dark[p, f : f + round(self._rng.uniform(0.2, 0.8) * self._d.fps)] = True
        return dark

    def _look(self, keypoints: Float64, box: Float64, height: float, cover: float) -> tuple[Float64, Float64, float]:
        """One noisy pose: (box, keypoints (17, 3), score)."""
        rng, d = self._rng, self._d
        noise = rng.normal(0, d.noise * height, (JOINTS, 2))
        # A wild joint now and then: heavy tails are what breaks trackers tuned on Gaussian noise.
        noise[rng.random(JOINTS) < 0.02] *= 6
        points = keypoints + noise
        if rng.random() < d.swap:
            points = points[COCO17.mirror]
        score = np.clip(rng.normal(0.8 - 0.3 * cover, d.score_noise), 0.05, 0.99)
        confidence = np.clip(rng.normal(score, 0.1, JOINTS), 0.05, 1.0)
        full = np.column_stack([points, confidence])
        full[rng.random(JOINTS) < d.joint_drop + 0.8 * d.occlusion * cover * (rng.random() < 0.5)] = (
            np.nan,
            np.nan,
            0.0,
        )
        return box + rng.normal(0, d.box_noise * height, 4), full, float(score)

    def _false(self, keypoints: Float64, boxes: Float64, heights: Float64) -> list[tuple[Float64, Float64, float]]:
        """Ghosts (anywhere, some stay) and duplicates (shifted copies of someone who is there)."""
        rng, d = self._rng, self._d
        self._ghosts = [g for g in self._ghosts if rng.random() < d.ghost_stay]
        people = len(keypoints)
        for _ in range(rng.poisson(d.ghosts * people * (1 - d.ghost_stay)) if people else 0):
            p = int(rng.integers(people))
            centre = boxes[p].reshape(2, 2).mean(axis=0)
            move = np.array([rng.uniform(0, side) for side in self._size]) - centre
            scale = rng.uniform(0.5, 1.3)
            self._ghosts.append((
                ((boxes[p].reshape(2, 2) - centre) * scale + centre + move).reshape(4),
                (keypoints[p] - centre) * scale + centre + move, heights[p] * scale,
            ))  # fmt: skip
        out = [self._look(points, box, height, rng.uniform(0.4, 1.4)) for box, points, height in self._ghosts]
        for p in np.flatnonzero(rng.random(people) < d.duplicates).tolist():
            move = rng.normal(0, 0.1 * heights[p], 2)
            copy = keypoints[p] + move, boxes[p] + np.tile(move, 2)
            out.append(self._look(*copy, heights[p], rng.uniform(0.3, 1.0)))
        return out


def _true_boxes(keypoints: Float64, heights: Float64) -> Float64:
    """(P, F, 4): round the joints, with room for hair, hands and feet."""
    room = heights[..., None]
    low = keypoints.min(axis=2) - room * [0.04, 0.06]
    high = keypoints.max(axis=2) + room * [0.04, 0.04]
    return np.concatenate([low, high], axis=2)


def _inside(boxes: Float64, size_wh: tuple[int, int]) -> NDArray[np.bool_]:
    """(P, F): at least half of the box lies in the picture."""
    low = np.clip(boxes[..., :2], 0, size_wh)
    high = np.clip(boxes[..., 2:], 0, size_wh)
    area = np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
    return np.asarray(np.prod(high - low, axis=-1) >= 0.5 * area)


def _covered(boxes: Float64, depth: Float64, inside: NDArray[np.bool_]) -> Float64:
    """(P,) largest fraction of each box hidden by one nearer person."""
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    iou = box_iou(boxes.astype(np.float32), boxes.astype(np.float32))
    inter = iou / (1 + iou) * (area[:, None] + area[None, :])
    nearer = (depth[None, :] > depth[:, None]) & inside[None, :]
    return np.asarray(np.max(inter / area[:, None] * nearer, axis=1, initial=0.0), np.float64)
