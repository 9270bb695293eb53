"""Numbers of strokes as events carry them against those of the motion capture; prints the tables of kinematics.md."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from edgepose.card import load
from edgepose.kinematics import motion_3d
from edgepose.lifter import Lifter
from edgepose.skeletons import COCO17, H36M17
from edgepose.strokekinematics import HALF_S, Quantities, StrokeMotions, stroke_kinematics
from edgepose.types import Stroke, Window
from edgepose.window import windows_of
from edgepose_trainer import peaks
from edgepose_trainer.lifter import Take, kept_aside, load_take, player_of, takes_in, unseen_by
from edgepose_trainer.takes import sampled
from edgepose_trainer.views import EXACT, Detector, court_cameras, detected

_FPS = 30.0
_CAMERAS = 3


def main() -> None:
    """Prints Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of Tennis-MoCap .bvh.xz files")
    parser.add_argument("--model", type=Path, default=Path("models/courtlift-n"))
    arguments = parser.parse_args()
    paths = takes_in(arguments.data)
    aside = kept_aside(paths, unseen_by(load(arguments.model)))
    takes = [load_take(path) for path in paths if player_of(path) in aside]
    lifter = Lifter(arguments.model)
    print(f"# Kinematics of strokes\n\n`python bench/kinematics.py --data {arguments.data}`\n")
    print(
        f"Model {lifter.model.stamp}; players never trained on: {', '.join(aside)}; {_CAMERAS} virtual cameras a take"
    )
    print(f"at {_FPS:g} fps; truth: the same numbers from the motion capture at 100 Hz, world axes.\n")
    for name, detector in (("exact 2D", EXACT), ("detector-like noise", Detector())):
        pairs = [pair for take in takes for pair in _strokes(take, lifter, detector, np.random.default_rng(7))]
        print(f"## {name}, {len(pairs)} strokes\n")
        print("| quantity | unit | truth, median | measured − truth, median | absolute error, median | correlation |")
        print("|---|---|---|---|---|---|")
        for key, (_, unit) in pairs[0][0].items():
            _line(key, unit, np.array([[truth[key][0], found[key][0]] for found, truth in pairs]))
        print()


def _line(name: str, unit: str, values: np.ndarray) -> None:
    values = values[np.isfinite(values).all(axis=1)]
    off = values[:, 1] - values[:, 0]
    like = np.corrcoef(values.T)[0, 1]
    middle, bias, error = np.median(values[:, 0]), np.median(off), np.median(np.abs(off))
    print(f"| {name} | {unit} | {middle:.2f} | {bias:+.2f} | {error:.2f} | {like:.2f} |")


def _strokes(
    take: Take, lifter: Lifter, detector: Detector, rng: np.random.Generator
) -> list[tuple[Quantities, Quantities]]:
    """(measured, truth) of every stroke seen by every camera."""
    times_s = np.arange(len(take.coco17)) * take.frame_s
    truth = motion_3d(times_s, take.h36m17, H36M17, (0.0, 1.0, 0.0))
    found_s = [t for t in peaks.find(times_s, take.coco17, "right") if 1.5 < t < times_s[-1] - 1.5]
    pairs = []
    for _ in range(_CAMERAS):
        camera = court_cameras(rng, np.median(take.h36m17[:, 0], axis=0)[None])
        seen_s = np.arange(0, times_s[-1], 1 / _FPS)
        placed = camera.into(sampled(times_s, take.coco17, seen_s)[None])
        keypoints = detected(camera.project(placed), detector, rng)[0]
        batch = windows_of(seen_s, keypoints, lifter.window)
        for peak_s in found_s:
            near = np.flatnonzero(np.abs(seen_s[batch.centre] - peak_s) <= HALF_S)
            windows = [Window(0, 0, batch.times_s[w], batch.keypoints[w]) for w in near]
            motions = StrokeMotions(COCO17, lifter)
            motions.add(windows)
            stroke = Stroke("", 1.0, {}, peak_s, peak_s, peak_s, windows[len(windows) // 2], "right")
            pairs.append((motions.of(stroke), stroke_kinematics(truth, peak_s, "right")))
    return pairs


if __name__ == "__main__":
    main()
