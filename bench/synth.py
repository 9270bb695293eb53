"""What `edgepose events` finds in synthetic sessions with exact 2D, and how plausible the motion is.

python bench/synth.py [--seeds 20] [--first 100] [--duration 30] [--strokes tennis-strokes]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from edgepose.session import read_labels
from edgepose_trainer.motionmodel.body import JOINTS
from edgepose_trainer.motionmodel.model import MotionModel, load
from edgepose_trainer.synth.scene import play
from edgepose_trainer.synth.sessions import Wish, write

_NEAR_S = 10 / 30
_RATE_HZ = 120.0


def judged(folder: Path, strokes: str) -> tuple[Counter[str], Counter[str], Counter[str], int]:
    """Strokes, found ones and those with the right label, by label; and how many events were no stroke."""
    events = folder / "events.jsonl"
    command = [
        sys.executable,
        "-m",
        "edgepose",
        "events",
        str(folder),
        "--model",
        strokes,
        "--out",
        str(events),
    ]
    subprocess.run(command, check=True, capture_output=True)
    left = [json.loads(line) for line in events.read_text().splitlines()]
    total: Counter[str] = Counter()
    found: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for label in read_labels(folder):
        middle_s = (label.start_s + label.end_s) / 2
        near = [e for e in left if e["track"] == label.track and abs(e["media"]["peak_s"] - middle_s) <= _NEAR_S]
        total[label.label] += 1
        if near:
            left.remove(near[0])
            found[label.label] += 1
            right[label.label] += near[0]["label"] == label.label
    return total, found, right, len(left)


def motion_rows(model: MotionModel, seeds: range, duration_s: float) -> list[str]:
    """The largest of every measure over all players."""
    times_s = np.arange(0, duration_s, 1 / _RATE_HZ)
    hips, joints, push, slide, low = [], [], [], [], []
    for seed in seeds:
        for person in play(model, seed, 2, duration_s, 5.2).people:
            seen = person.at(times_s)
            velocity = np.gradient(seen.joints, 1 / _RATE_HZ, axis=0)
            middle = velocity[:, JOINTS.index("mid_hip")]
            hips.append(np.linalg.norm(middle, axis=1).max())
            joints.append(np.linalg.norm(velocity, axis=2).max())
            push.append(np.percentile(np.linalg.norm(np.gradient(middle, 1 / _RATE_HZ, axis=0), axis=1), 99.9))
            toes = np.linalg.norm(np.gradient(seen.toes, 1 / _RATE_HZ, axis=0), axis=2)
            slide.append(np.percentile(toes[seen.toes[..., 1] < 0.032], 95))
            low.append(min(seen.toes[..., 1].min(), seen.heels[..., 1].min()))
    return [
        f"| hips, fastest | {max(hips):.1f} m/s |", f"| any joint, fastest | {max(joints):.1f} m/s |",
        f"| hips' acceleration, 99.9th percentile | {max(push):.0f} m/s² |",
        f"| standing toes, 95th percentile of speed, worst player | {max(slide):.2f} m/s |",
        f"| lowest toe or heel | {min(low) * 100:.1f} cm |",
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--duration", type=float, default=30.0)
    parser.add_argument("--strokes", default="tennis-strokes", help="model: installed name or folder")
    wish = parser.parse_args()
    model = load()
    seeds = range(wish.first, wish.first + wish.seeds)
    total, found, right, false, took_s = Counter[str](), Counter[str](), Counter[str](), 0, []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as work:
            begun_s = time.perf_counter()
            write(Path(work) / "s", Wish(seed, wish.duration, 2), model, False, lambda text: None)
            took_s.append(time.perf_counter() - begun_s)
            one = judged(Path(work) / "s", wish.strokes)
        total, found, right, false = total + one[0], found + one[1], right + one[2], false + one[3]
    print("| stroke | strokes | found | right label |\n|---|---|---|---|")
    for label in sorted(total):
        print(f"| {label} | {total[label]} | {found[label]} | {right[label]} |")
    print(f"| all | {total.total()} | {found.total()} | {right.total()} |")
    print(f"\n{false} false in {wish.seeds * wish.duration:g} s; a session takes {np.median(took_s):.1f} s to write\n")
    print("| motion | worst of all players |\n|---|---|", *motion_rows(model, seeds, wish.duration), sep="\n")


if __name__ == "__main__":
    main()
