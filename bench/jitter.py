"""Measures smoothing: noisy motion capture against its truth, and recorded sessions by themselves; prints Markdown."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, filtfilt

from edgepose.calming import calm, jitter
from edgepose.session import read_poses
from edgepose.skeletons import COCO17
from edgepose.smoothing import KeypointSmoother
from edgepose_trainer.errors3d import mpjve
from edgepose_trainer.lifter import Take, kept_aside, load_take, player_of, takes_in
from edgepose_trainer.views import Detector, detected
from occlusion import RATE_HZ, seen, torso_px

Float64 = NDArray[np.float64]
Smoother = Callable[[Float64, Float64], Float64]
STROKE = 6.0
"""Torso lengths a second: wrists that are faster strike."""
APART = 30
"""Frames between two strokes."""
_WRISTS = COCO17.indices("left_wrist", "right_wrist")
_SIZES = 2.5
"""A person's height in torso lengths, about: One-Euro's unit."""


def one_euro(times_s: Float64, points: Float64) -> Float64:
    """Causal: what ``edgepose run`` does to live skeletons; points in torso lengths."""
    smoother = KeypointSmoother(len(COCO17))
    px = np.concatenate([100 * points, np.ones((*points.shape[:2], 1))], axis=2).astype(np.float32)
    rows = [smoother.smooth(row, 100 * _SIZES, float(time_s)) for row, time_s in zip(px, times_s, strict=True)]
    return np.stack(rows)[..., :2].astype(np.float64) / 100


def butterworth(cutoff_hz: float, times_s: Float64, points: Float64) -> Float64:
    """Second order, forwards and backwards."""
    b, a = butter(2, cutoff_hz / (RATE_HZ / 2))
    filtered: Float64 = filtfilt(b, a, points, axis=0)
    return filtered


def peaks_kept(exact: Float64, found: Float64) -> list[float]:
    """Highest wrist speed of every stroke, as a share of the true one."""
    true, speed = (np.linalg.norm(np.diff(p[:, _WRISTS], axis=0), axis=-1) * RATE_HZ for p in (exact, found))
    kept = []
    for wrist in range(2):
        strokes: list[int] = []
        for frame in np.argsort(-true[:, wrist]):
            if true[frame, wrist] < STROKE:
                break
            if all(abs(frame - other) > APART for other in strokes):
                strokes.append(int(frame))
                kept.append(float(speed[max(0, frame - 3) : frame + 4, wrist].max() / true[frame, wrist]))
    return kept


def against_truth(takes: Sequence[Take]) -> None:
    """The table of noisy motion capture."""
    rng = np.random.default_rng(21)
    views = []
    for take in takes:
        exact = seen(take, rng)
        noisy = detected(exact[None], Detector(missing=0.0, swaps=0.0), rng)[0][..., :2].astype(np.float64)
        views.append((np.arange(len(exact)) / RATE_HZ, exact / torso_px(exact), noisy / torso_px(exact)))
    ways: dict[str, Smoother] = {"none": lambda _, points: points, "One-Euro (causal)": one_euro}
    ways |= {f"Butterworth {cutoff:g} Hz": partial(butterworth, cutoff) for cutoff in (4.0, 6.0, 8.0)}
    ways |= {"calm": calm}
    print("| smoothing | MPJVE | position | jitter | wrist peak speed kept: median | lowest tenth |")
    print("|---|---|---|---|---|---|")
    for name, smooth in ways.items():
        found = [smooth(times_s, noisy) for times_s, _, noisy in views]
        truth = [exact for _, exact, _ in views]
        velocity = np.mean([mpjve(f, t) for f, t in zip(found, truth, strict=True)])
        position = np.mean([np.linalg.norm(f - t, axis=-1).mean() for f, t in zip(found, truth, strict=True)])
        shaking = np.mean([jitter(view[0], f) for view, f in zip(views, found, strict=True)])
        kept = np.concatenate([peaks_kept(t, f) for f, t in zip(found, truth, strict=True)])
        row = (f"{1000 * v:.1f}" for v in (velocity, position, shaking))
        print(f"| {name} | {' | '.join(row)} | {np.median(kept):.3f} | {np.quantile(kept, 0.1):.3f} |", flush=True)
    true_jitter = np.mean([jitter(times_s, exact) for times_s, exact, _ in views])
    print("\nThousandths of a torso length, MPJVE and jitter a frame;", end=" ")
    print(f"the truth's own jitter is {1000 * true_jitter:.1f}.")
    print(f"{len(kept)} strokes: wrists faster than {STROKE:g} torso lengths a second.")


def of_session(path: Path) -> None:
    """Jitter of the longest tracks of a recording, px a frame, and the fastest wrist before and after."""
    poses = read_poses(path)
    for track in sorted(set(poses.track.tolist()), key=lambda number: -int((poses.track == number).sum()))[:2]:
        rows = poses.track == track
        times_s, keypoints = poses.time_s[rows], poses.keypoints[rows]
        points = np.where(keypoints[..., 2:] > 0.3, keypoints[..., :2], np.nan).astype(np.float64)
        found = calm(times_s, points)
        speeds = [np.linalg.norm(np.diff(p[:, _WRISTS], axis=0), axis=-1) / np.diff(times_s)[:, None]
                  for p in (points, found)]  # fmt: skip
        fastest = [np.nanquantile(speed, 0.99) for speed in speeds]
        numbers = f"{jitter(times_s, points):.2f} | {jitter(times_s, found):.2f} | {fastest[0]:.0f} | {fastest[1]:.0f}"
        print(f"| {path.name} | {track} | {rows.sum()} | {numbers} |")


def main() -> None:
    """Prints the tables of bench/jitter.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of Tennis-MoCap .bvh.xz files")
    parser.add_argument("--sessions", type=Path, nargs="*", default=[], help="recorded sessions")
    arguments = parser.parse_args()
    paths = takes_in(arguments.data)
    aside = kept_aside(paths)
    takes = [load_take(path) for path in [path for path in paths if player_of(path) in aside][::2]]
    print(f"# Jitter\n\n`python bench/jitter.py --data CALDAS --sessions SESSION...`, {date.today()}\n")
    print(f"{len(takes)} takes of players {', '.join(aside)} (not tuned on), one virtual camera each, 30 Hz, noise")
    print("σ 2.5 % of the torso, correlated in time.\n")
    against_truth(takes)
    if arguments.sessions:
        print("\nRecorded with the default pose model; joints above 0.3. Without a truth: jitter, px a frame, and the")
        print("fastest hundredth of the wrists' speeds, px/s, which holds the detector's errors too.\n")
        print("| recording | track | frames | jitter | calmed | wrist px/s | calmed |\n|---|---|---|---|---|---|---|")
        for path in arguments.sessions:
            of_session(path)


if __name__ == "__main__":
    main()
