"""Measures the renderer: time a frame, and how well pose networks see its players; prints Markdown (bench/synth.md)."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from edgepose.skeletons import COCO17
from edgepose.types import Array
from edgepose_trainer import lifter
from edgepose_trainer.pck import interval, per_cent
from edgepose_trainer.pose import judging as pose_judging
from edgepose_trainer.pose.pictures import LIMBS
from edgepose_trainer.pose.teacher import movenet
from edgepose_trainer.render import judging
from edgepose_trainer.render.body import Body, Look, completed, held
from edgepose_trainer.render.lens import looking
from edgepose_trainer.render.pictures import Labelled, pictures
from edgepose_trainer.render.scene import Renderer

HEIGHTS_PX = ((0, 90), (90, 130), (130, 180), (180, 10_000))
SIZES = ((640, 360), (1280, 720), (1920, 1080))
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder of BVH takes")
    parser.add_argument("--every", type=int, default=4, help="of the takes, in name order")
    parser.add_argument("--count", type=int, default=200, help="pictures")
    parser.add_argument("--movenet", type=Path, help="MoveNet SinglePose, a .tflite file")
    parser.add_argument("--model", type=Path, help="a pose model's folder")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    takes = [lifter.load_take(path).coco17[::10] for path in lifter.takes_in(arguments.mocap)[:: arguments.every]]
    if arguments.movenet or arguments.model:
        drawn = list(pictures(takes, arguments.count, seed=1, people=(1, 1), heights_px=(80, 250)))
        _head()
        if arguments.movenet:
            _row("MoveNet Lightning int8, given the true box", judging.in_crop(movenet(arguments.movenet)), drawn)
        if arguments.model:
            found = judging.by_itself(pose_judging.estimator(arguments.model))
            _row(f"{arguments.model.name}, in the whole picture by itself", found, drawn)
    _times(takes[0])


def _head() -> None:
    heights = " | ".join(f"{low}–{high} px" if high < 9999 else f"≥ {low} px" for low, high in HEIGHTS_PX)
    print(f"| network | people | mean score | PCK@0.2, all joints, % | interval | 12 of limbs | seen | {heights} |")
    print("|---|---|---|---|---|---|---|" + "---|" * len(HEIGHTS_PX))


def _row(name: str, find: judging.Finder, drawn: list[Labelled]) -> None:
    told = judging.judged(find, drawn)
    low, high = interval(told.right)
    seen = np.where(told.seen, told.right, np.nan)
    by_height = []
    for least, most in HEIGHTS_PX:
        rows = (told.height_px >= least) & (told.height_px < most)
        by_height.append(f"{per_cent(told.right[rows]):.1f} ({rows.sum()})")
    print(
        f"| {name} | {len(told.score)} | {told.score.mean():.3f} | {per_cent(told.right):.1f} | {low:.1f}–{high:.1f} "
        f"| {per_cent(told.right[:, LIMBS]):.1f} | {per_cent(seen):.1f} | {' | '.join(by_height)} |"
    )
    worst = sorted(range(17), key=lambda joint: per_cent(told.right[:, joint]))[:4]
    shares = ", ".join(f"{COCO17.joints[joint]} {per_cent(told.right[:, joint]):.0f}" for joint in worst)
    print(f"\nWorst joints of {name}: {shares}.\n")


def _times(take: Array) -> None:
    print(f"\nLoad of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n")
    print("| picture | players | player, px | processor ms a frame | frames a second of one core | court, once, ms |")
    print("|---|---|---|---|---|---|")
    for size in SIZES:
        for players in (1, 2) if size == SIZES[0] else (1,):
            _time(take, size, players)
    picture = np.zeros((360, 640, 3), np.uint8)
    blur = _processor_ms(lambda: cv2.GaussianBlur(picture, (0, 0), 2.0), 40)
    print(f"\nFor comparison on the same minute: cv2.GaussianBlur, sigma 2, of a 640×360 picture: {blur:.2f} ms.")


def _time(take: Array, size: tuple[int, int], players: int) -> None:
    renderer = Renderer(size, 3)
    camera = looking(np.array([3.0, 2.5, -19.0]), np.array([0.0, 1.0, -10.0]), 1.4 * size[0], size)
    frames = [[_standing(take[10 * i], -0.9 + 1.8 * k, Look.of(k)) for k in range(players)] for i in range(20)]
    started = time.process_time()
    first = renderer.draw(camera, frames[0])
    once = 1000 * (time.process_time() - started)
    turn = iter(range(10**9))
    spent = _processor_ms(lambda: renderer.frame(camera, frames[next(turn) % len(frames)]), len(frames))
    height = max(patch.cover.shape[0] for patch in first.patches if patch is not None)
    print(f"| {size[0]}×{size[1]} | {players} | {height} | {spent:.1f} | {1000 / spent:.0f} | {once:.0f} |")


def _standing(points: Array, x: float, look: Look) -> Body:
    middle = points[COCO17.indices("left_hip", "right_hip")].mean(axis=0)
    placed = points - middle * (1, 0, 1) + (x, 0, -11.0)
    return Body(completed(placed), held(placed), look)


def _processor_ms(call: Callable[[], object], times: int) -> float:
    """The best of some rounds: other work on the machine only adds."""
    best = np.inf
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(times):
            call()
        best = min(best, (time.process_time() - started) / times)
    return 1000 * float(best)


if __name__ == "__main__":
    main()
