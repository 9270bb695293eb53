"""Microseconds a window on one thread: resampling, features, prediction, the classifier as a whole.

OMP_NUM_THREADS=1 python bench/window.py [MODEL_FOLDER]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edgepose.classifier import StrokeClassifier
from edgepose.features import extractor
from edgepose.runtimes.lightgbm import LightGbmRuntime
from edgepose.skeletons import COCO17
from edgepose.types import Pose, Track, Window
from edgepose.window import Windows

ROUNDS = 2000


def microseconds(work: Callable[[], object]) -> tuple[float, float]:
    """Median and 95th percentile of ``ROUNDS`` calls."""
    for _ in range(50):
        work()
    took = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        took.append(1e6 * (time.perf_counter() - begun))
    return statistics.median(took), float(np.percentile(took, 95))


def walk(spec_joints: int) -> list[Track]:
    """One person, 30 px of random motion a frame."""
    rng = np.random.default_rng(0)
    body = rng.normal(300, 100, (spec_joints, 3))
    steps = body + np.cumsum(rng.normal(0, 30, (200, spec_joints, 3)), axis=0)
    box = np.full(4, np.nan, np.float32)
    return [Track(1, Pose(step.astype(np.float32), box, 1.0)) for step in steps]


def main() -> None:
    default = Path(__file__).parents[1] / "models" / "tennis-strokes"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    classifier = StrokeClassifier(folder)
    spec, feature_set = classifier.card.window, classifier.card.features
    assert spec is not None
    assert feature_set is not None
    windows: list[Window] = []
    cut = Windows(spec, len(COCO17))
    tracks = walk(len(COCO17))
    took = []
    for frame, track in enumerate(tracks):
        begun = time.perf_counter()
        windows += cut.add([track], frame, frame / 30)
        took.append(1e6 * (time.perf_counter() - begun))
    one = windows[100:101]
    keypoints = one[0].keypoints[None]
    extract = extractor(feature_set, COCO17)
    booster = LightGbmRuntime(folder / classifier.card.files[0].path)
    rows = extract(keypoints)
    cut_us = statistics.median(took[50:]), float(np.percentile(took[50:], 95))
    results = {
        "window cut from the track": cut_us,
        "features": microseconds(lambda: extract(keypoints)),
        "prediction": microseconds(lambda: booster.predict(rows)),
        "features + prediction": microseconds(lambda: booster.predict(extract(keypoints))),
        "classifier, handedness known": microseconds(lambda: classifier.scores(one, {1: "right"})),
        "classifier, left-handed": microseconds(lambda: classifier.scores(one, {1: "left"})),
        "classifier, handedness unknown": microseconds(lambda: classifier.scores(one, {})),
    }
    print(f"{classifier.card.model.stamp}, {feature_set}, microseconds a window: median, 95 %")
    for name, (median, high) in results.items():
        print(f"{name:32s} {median:7.1f} {high:7.1f}")


if __name__ == "__main__":
    main()
