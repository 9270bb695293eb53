"""Measures the shipped lifter on the players kept aside, and its time for one window; prints Markdown."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from edgepose.card import load
from edgepose.lifter import Lifter
from edgepose.types import Window
from edgepose_trainer.lifter import Views, aside_views, kept_aside, load_take, measure, player_of, takes_in
from edgepose_trainer.views import EXACT, Detector


def main() -> None:
    """Prints the tables of bench/lifter.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of Tennis-MoCap .bvh.xz files")
    parser.add_argument("--model", type=Path, default=Path("models/courtlift-n"))
    arguments = parser.parse_args()
    paths = takes_in(arguments.data)
    aside = kept_aside(paths)
    takes = [load_take(path) for path in paths if player_of(path) in aside]
    lifter = Lifter(arguments.model)
    size = (arguments.model / load(arguments.model).files[0].path).stat().st_size
    print(f"# Lifter\n\n`python bench/lifter.py --data {arguments.data}`\n")
    print(f"Model {lifter.model.stamp}, {size / 1e6:.2f} MB, windows of {_say(lifter)}.")
    print(f"Players never trained on: {', '.join(aside)}. Virtual cameras, 6000 windows a line, the 12 joints")
    print("of contracts §7, millimetres; answers are averaged with those for the mirror image.\n")
    print("| 2D | MPJPE (1.75 m assumed) | MPJPE (height known) | N-MPJPE | P-MPJPE |\n|---|---|---|---|---|")
    for name, detector in (("exact", EXACT), ("detector-like noise", Detector())):
        errors = measure(lifter, aside_views(takes, detector))
        values = (errors.mpjpe, errors.known_height, errors.n_mpjpe, errors.p_mpjpe)
        print(f"| {name} | {' | '.join(f'{value:.1f}' for value in values)} |")
    print("\nNoise: σ 2.5 % of the torso, correlated in time; 5 % of joints missing; 1 % of samples left/right")
    print("swapped; confidence falls with the error.\n")
    best, middle = _time_ms(lifter, aside_views(takes, Detector(), 500))
    print("One window through `Lifter.lift`, one thread, normalisation and mirroring included:")
    print(f"median {middle:.2f} ms, best {best:.2f} ms.")


def _say(lifter: Lifter) -> str:
    return f"{lifter.window.frames} samples at {lifter.window.rate_hz:g} Hz"


def _time_ms(lifter: Lifter, seen: Views) -> tuple[float, float]:
    times = []
    for keypoints in seen.keypoints:
        window = Window(0, 0, np.arange(len(keypoints)) / lifter.window.rate_hz, keypoints)
        started_s = time.perf_counter()
        lifter.lift([window])
        times.append(1000 * (time.perf_counter() - started_s))
    return min(times), float(np.median(times))


if __name__ == "__main__":
    main()
