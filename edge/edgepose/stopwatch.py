"""Times every stage by itself on made-up input: a 1280×720 picture and people who walk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edgepose import build
from edgepose.config import PoseSettings, Settings, StrokeSettings, TrackerSettings
from edgepose.skeletons import COCO17
from edgepose.tracker import Tracker
from edgepose.types import Float32, Handedness, Pose, Track

_WIDTH, _HEIGHT, _FPS = 1280, 720, 30.0
# A standing person, fractions of the height, in coco17 order.
_X = (0, 0.02, -0.02, 0.04, -0.04, 0.1, -0.1, 0.13, -0.13, 0.15, -0.15, 0.06, -0.06, 0.07, -0.07, 0.08, -0.08)
_Y = (0.07, 0.05, 0.05, 0.06, 0.06, 0.18, 0.18, 0.33, 0.33, 0.47, 0.47, 0.5, 0.5, 0.73, 0.73, 0.96, 0.96)


def measure(
    model: str | None, strokes: str, people: int, rounds: int, threads: int, models_dir: Path | None
) -> list[dict[str, Any]]:
    """Rows of stage, median_ms, p95_ms; the pose stages only when a pose model is given."""
    settings = Settings(models_dir=models_dir, strokes=StrokeSettings(model=strokes))
    rows = _pose_rows(model, threads, rounds, models_dir) if model else []
    tracker = Tracker(COCO17, TrackerSettings())
    walk = list(walkers(people, rounds))
    rows.append(_row(f"tracker, {people} people", [_ms(partial(tracker.update, p, t)) for t, p in walk]))
    found = build.action_models(settings)
    if found is not None:
        rows += _action_rows(found, people, walk)
    return rows


def walkers(people: int, frames: int) -> Iterator[tuple[float, list[Pose]]]:
    """(time_s, poses) of people side by side who walk to and fro, a little noise on every joint."""
    noise = np.random.default_rng(0)
    for frame in range(frames):
        time_s = frame / _FPS
        poses = []
        for person in range(people):
            x = _WIDTH * (person + 0.5) / people + 40 * np.sin(time_s + person)
            poses.append(_person(float(x), 200.0, 300.0, noise))
        yield time_s, poses


def _person(x: float, y: float, height: float, noise: np.random.Generator) -> Pose:
    keypoints = np.ones((17, 3), np.float32)
    keypoints[:, 0] = x + height * np.array(_X) + noise.normal(0, 1.5, 17)
    keypoints[:, 1] = y + height * np.array(_Y) + noise.normal(0, 1.5, 17)
    keypoints[:, 2] = 0.9
    box: Float32 = np.array([x - 0.2 * height, y, x + 0.2 * height, y + height], np.float32)
    return Pose(keypoints, box, 0.9)


def _pose_rows(model: str, threads: int, rounds: int, models_dir: Path | None) -> list[dict[str, Any]]:
    estimator = build.estimator(PoseSettings(model=model, threads=threads), models_dir)
    image = np.random.default_rng(0).integers(0, 255, (_HEIGHT, _WIDTH, 3), np.uint8)
    view = estimator.decoder.views(image, [])[0]
    outputs = estimator.runtime.run(view.tensor)
    stages: dict[str, Callable[[], object]] = {
        "pose: input": lambda: estimator.decoder.views(image, []),
        "pose: network": lambda: estimator.runtime.run(view.tensor),
        "pose: decoding": lambda: estimator.decoder.decode(outputs, view),
    }
    return [_row(name, [_ms(stage) for _ in range(rounds)]) for name, stage in stages.items()]


def _action_rows(found: build.ActionModels, people: int, walk: list[tuple[float, list[Pose]]]) -> list[dict[str, Any]]:
    action = build.action(found, COCO17, size_wh=(_WIDTH, _HEIGHT))
    cut, scored, lifted = [], [], []
    for frame, (time_s, poses) in enumerate(walk):
        tracks = [Track(i, pose) for i, pose in enumerate(poses)]
        begun = time.perf_counter()
        windows = action.windows.add(tracks, frame, time_s)
        cut.append(1e3 * (time.perf_counter() - begun))
        if windows:
            scored.append(_ms(partial(action.classifier.scores, windows, _right_handed)))
        if windows and action.lifter is not None:
            lifted.append(_ms(partial(action.lifter.lift, windows[:1])))
    rows = [
        _row(f"windows, {people} people", cut),
        _row(f"features and classifier, {people} windows", scored),
    ]
    return [*rows, _row("lifter, 1 window", lifted)] if lifted else rows


def _right_handed(track: int) -> Handedness:
    return "right"


def _ms(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - begun)


def _row(stage: str, times_ms: list[float]) -> dict[str, Any]:
    median, p95 = np.percentile(times_ms[len(times_ms) // 10 :], [50, 95])
    return {"stage": stage, "median_ms": round(float(median), 4), "p95_ms": round(float(p95), 4)}
