"""Identity on simulated scenes: ours, online and with hindsight, beside other trackers, in one table.

    python bench/tracker.py [--scenes 20] [--seed 1001] [--write bench/tracker.md]

Judged by motmetrics: the boxes of the poses that a tracker gave an id, against the true boxes,
matched at an intersection over union of at least 0.5. Peers that are not installed are named.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path

import motmetrics
import numpy as np

from edgepose.config import TrackerSettings
from edgepose.geometry import box_iou
from edgepose.retrack import retrack
from edgepose.skeletons import COCO17
from edgepose.tracker import Tracker
from edgepose.types import Array, Pose
from edgepose_trainer.scenes import Difficulty, Scene, make_scene, make_scenes
from tracker_peers import PEERS, Step

Contestant = Callable[[Scene], Array]
"""A scene -> one id per pose, -1: not tracked."""
SHARE = 0.5

HARD = "hard: the peers do about as they are quoted"
HARDER = {
    HARD: Difficulty(occlusion=0.8, burst_per_s=0.06, pace=1.1),
    "ordinary": Difficulty(),
    "noise × 2, misses × 2, false × 2": Difficulty(
        noise=0.024, box_noise=0.03, miss=0.07, ghosts=0.06, duplicates=0.02, swap=0.03, joint_drop=0.1
    ),
    "hidden means missed, blackouts × 3": Difficulty(occlusion=1.0, burst_per_s=0.09),
    "twice as fast": Difficulty(pace=2.0),
    "no noise": Difficulty(noise=0.002, box_noise=0.002, score_noise=0.02, swap=0.0, joint_drop=0.0),
    "scores say nothing": Difficulty(score_noise=0.3),
}


def online(scene: Scene) -> Array:
    """As on the device: frame by frame, an id at once or never."""
    tracker = Tracker(COCO17, TrackerSettings())
    return np.array([t.id for time_s, poses in scene.frames() for t in tracker.update(poses, time_s)])


def hindsight(scene: Scene) -> Array:
    """As ``edgepose track`` does with a recording."""
    return np.concatenate(retrack(scene.frames(), COCO17))


def peer(start: Callable[[float], Step]) -> Contestant:
    """A peer's step as a contestant."""

    def track(scene: Scene) -> Array:
        step = start(scene.fps)
        return np.array([identity for _, poses in scene.frames() for identity in step(poses)])

    return track


def judge(scenes: Sequence[Scene], track: Contestant) -> tuple[int, float, float]:
    """(identity switches, IDF1, MOTA) over all scenes together."""
    accounts = [_account(scene, track(scene)) for scene in scenes]
    metrics = ["num_switches", "idf1", "mota"]
    table = motmetrics.metrics.create().compute_many(accounts, metrics=metrics, generate_overall=True)
    switches, idf1, mota = table.loc["OVERALL", metrics]
    return int(switches), float(idf1), float(mota)


def _account(scene: Scene, ids: Array) -> motmetrics.MOTAccumulator:
    account = motmetrics.MOTAccumulator(auto_id=True)
    frames = np.arange(len(scene.times_s) + 1)
    truth_at, pose_at = np.searchsorted(scene.truth_frame, frames), np.searchsorted(scene.pose_frame, frames)
    for frame in frames[:-1]:
        true = slice(truth_at[frame], truth_at[frame + 1])
        rows = np.arange(pose_at[frame], pose_at[frame + 1])
        rows = rows[ids[rows] >= 0]
        overlap = box_iou(scene.truth_box[true], scene.pose_box[rows]).astype(np.float64)
        # NaN: must not be matched. (motmetrics' own iou_matrix needs numpy 1.)
        account.update(scene.truth_person[true], ids[rows], np.where(overlap >= SHARE, 1 - overlap, np.nan))
    return account


def microseconds_per_frame(start: Callable[[], Callable[[Sequence[Pose], float], object]]) -> float:
    """Processor time, best of five runs over 600 frames of four people."""
    frames = list(make_scene(7, Difficulty(people=4, duration_s=20.0)).frames())
    best = np.inf
    for _ in range(5):
        step = start()
        begin = time.process_time()
        for time_s, poses in frames:
            step(poses, time_s)
        best = min(best, (time.process_time() - begin) / len(frames))
    return best * 1e6


def _without_time(start: Callable[[float], Step]) -> Callable[[Sequence[Pose], float], list[int]]:
    step = start(30.0)
    return lambda poses, _: step(poses)


def contestants() -> tuple[dict[str, tuple[Contestant, float]], list[str]]:
    """Name -> (tracker, µs per frame), and what is missing."""
    found: dict[str, tuple[Contestant, float]] = {}
    missing = []
    for name, (package, make) in PEERS.items():
        try:
            start = make()
        except ImportError as error:
            missing.append(f"{name}: package {package} cannot be imported ({error})")
            continue
        found[name] = (peer(start), microseconds_per_frame(partial(_without_time, start)))
    found["**EdgePose, online**"] = (
        online,
        microseconds_per_frame(lambda: Tracker(COCO17, TrackerSettings()).update),
    )
    scene = make_scene(7, Difficulty(people=4, duration_s=20.0))
    begin = time.process_time()
    hindsight(scene)
    found["**EdgePose, hindsight**"] = (hindsight, (time.process_time() - begin) / len(scene.times_s) * 1e6)
    return found, missing


def report(seed: int, count: int) -> list[str]:
    """The tables as markdown lines."""
    found, missing = contestants()
    lines = []
    for title, difficulty in HARDER.items():
        scenes = make_scenes(seed, count if title == HARD else (count + 1) // 2, difficulty)
        people = sum(len(np.unique(scene.truth_person)) for scene in scenes)
        rows = sum(len(scene.truth_frame) for scene in scenes)
        lines += [f"\n## {title}\n", f"{len(scenes)} scenes, {people} people, {rows} people-in-frames.\n"]
        lines += ["| tracker | switches | IDF1 | MOTA | µs/frame, 4 people |", "|---|---:|---:|---:|---:|"]
        for name, (track, cost) in found.items():
            switches, idf1, mota = judge(scenes, track)
            lines.append(f"| {name} | {switches} | {idf1:.3f} | {mota:.3f} | {cost:.0f} |")
            print(title, lines[-1], flush=True)
    return lines + [f"\nMissing: {line}" for line in missing]


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1001, help="1 to 99 were used for choosing parameters")
    parser.add_argument("--write", type=Path, help="markdown file; what stands above its first table is kept")
    arguments = parser.parse_args()
    lines = report(arguments.seed, arguments.scenes)
    command = f"python bench/tracker.py --seed {arguments.seed} --scenes {arguments.scenes}"
    head = f"Made by `{command}` on {date.today()}, {platform.machine()}, Python {platform.python_version()}."
    if arguments.write:
        old = arguments.write.read_text() if arguments.write.exists() else "# Tracker\n"
        arguments.write.write_text("\n".join([old.split("\nMade by ")[0].rstrip(), "", head, *lines]) + "\n")
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
