"""Measures the occlusion bridge and the swap detector on motion capture seen by virtual cameras; prints Markdown."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose.legrules import collapse_legs
from edgepose.occlusion import fill
from edgepose.skeletons import COCO17
from edgepose.swaps import GROUPS, unswap
from edgepose_trainer import asf
from edgepose_trainer.lifter import Take, kept_aside, load_take, player_of, takes_in
from edgepose_trainer.views import Detector, court_cameras, detected

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
RATE_HZ = 30.0
STRETCHES_S = (0.2, 0.5, 1.0)
PAST_S = 1.0
CMU_FRAME_S = 1 / 120
WAYS = ("last position", "lines", "bridge", "bridge, past only", "GAST-Net's leg rule")
PARTS = {
    "arm": ("left_elbow left_wrist", "right_elbow right_wrist"),
    "leg": ("left_knee left_ankle", "right_knee right_ankle"),
    "both legs": ("left_knee left_ankle right_knee right_ankle",),
    "wrist": ("left_wrist", "right_wrist"),
}


def seen(take: Take, rng: np.random.Generator) -> Float64:
    """(T, 17, 2) exact px at 30 Hz, by one camera that looks at the middle of the take's ground."""
    times_s = np.arange(0, (len(take.coco17) - 1) * take.frame_s, 1 / RATE_HZ)
    frames = np.clip(times_s / take.frame_s, 0, len(take.coco17) - 1.001)
    low = frames.astype(np.intp)
    weight = (frames - low)[:, None, None]
    joints = take.coco17[low] * (1 - weight) + take.coco17[low + 1] * weight
    middle = np.median(joints.reshape(-1, 3), axis=0)
    cameras = court_cameras(rng, middle[None])
    pixels: Float64 = cameras.project(cameras.into(joints[None]))[0]
    return pixels


def torso_px(exact: Float64) -> float:
    points = exact[:, COCO17.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")]
    return float(np.median(np.linalg.norm(points[:, :2].mean(1) - points[:, 2:].mean(1), axis=-1)))


def hide(keypoints: Float32, joints: NDArray[np.intp], stretch: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Hides the joints for stretches with as much seen between them, in place; the hidden frames."""
    frames: list[int] = []
    start = int(rng.integers(stretch, 2 * stretch))
    while start + stretch < len(keypoints):
        frames += range(start, start + stretch)
        start += stretch + int(rng.integers(max(stretch, 15), max(2 * stretch, 30)))
    hidden = np.array(frames, np.intp)
    keypoints[hidden[:, None], joints] = (np.nan, np.nan, 0)
    return hidden


def held(keypoints: Float32) -> Float32:
    """The last position of every joint."""
    known = np.isfinite(keypoints[..., 0])
    last = np.maximum.accumulate(np.where(known, np.arange(len(known))[:, None], 0), axis=0)
    answer: Float32 = keypoints[last, np.arange(known.shape[1])]
    return answer


def joined(keypoints: Float32) -> Float32:
    """Lines between what is seen."""
    out = keypoints.copy()
    order = np.arange(len(out))
    for joint in range(out.shape[1]):
        known = np.isfinite(out[:, joint, 0])
        for axis in range(2) if known.any() else ():
            out[:, joint, axis] = np.interp(order, order[known], keypoints[known, joint, axis])
    return out


def causal(times_s: Float64, keypoints: Float32, frames: NDArray[np.intp]) -> Float32:
    """The bridge with nothing but the second before each of the frames."""
    out = keypoints.copy()
    past = round(PAST_S * RATE_HZ)
    for frame in frames:
        span = slice(max(0, frame - past), frame + 1)
        out[frame] = fill(times_s[span], keypoints[span]).keypoints[-1]
    return out


def errors(takes: Sequence[Take], part: str, stretch_s: float, noise: bool) -> dict[str, float]:
    """Mean distance of hidden joints from the truth, in torso lengths, per way of filling."""
    rng = np.random.default_rng(11)
    sums: dict[str, list[Float64]] = {}
    for take in takes:
        exact = seen(take, rng)
        times_s = np.arange(len(exact)) / RATE_HZ
        detector = Detector(sigma=0.025 if noise else 0.0, missing=0.0, swaps=0.0)
        keypoints = detected(exact[None], detector, rng)[0]
        keypoints[..., 2] = np.maximum(keypoints[..., 2], 0.31)
        for names in PARTS[part]:
            gone = keypoints.copy()
            joints = COCO17.indices(*names.split())
            frames = hide(gone, joints, round(stretch_s * RATE_HZ), rng)
            if len(frames) == 0:
                continue
            ways = {
                "last position": held(gone), "lines": joined(gone), "bridge": fill(times_s, gone).keypoints,
                "bridge, past only": causal(times_s, gone, frames[::6]), "GAST-Net's leg rule": collapse_legs(gone),
            }  # fmt: skip
            for way, filled in ways.items():
                chosen = frames[::6] if way == "bridge, past only" else frames
                at = filled[chosen[:, None], joints, :2]
                distance = np.linalg.norm(at - exact[chosen[:, None], joints], axis=-1)
                sums.setdefault(way, []).append(distance.ravel() / torso_px(exact))
    return {way: float(np.mean(np.concatenate(found))) for way, found in sums.items()}


def walks(folder: Path) -> list[Take]:
    """Takes of the CMU database: legs that really change places in the picture."""
    takes = []
    for path in sorted(folder.glob("03_*.amc*")):
        skeleton = asf.parse_asf(asf.text_of(folder / "03.asf.xz"))
        joints = asf.coco17(skeleton, asf.parse_amc(asf.text_of(path), skeleton))
        takes.append(Take("03", joints, joints, CMU_FRAME_S, 0.0))
    return takes


def swaps(takes: Sequence[Take], whole: bool, frames: int) -> dict[str, float]:
    """Precision and recall of exchanges in 1 % of the frames, ``frames`` at a time, of everything or of the legs."""
    rng = np.random.default_rng(12)
    legs = COCO17.indices("left_knee", "left_ankle", "right_knee", "right_ankle")
    right = found = true = true_apart = right_apart = total = 0
    for take in takes:
        exact = seen(take, rng)
        keypoints = detected(exact[None], Detector(swaps=0.0), rng)[0]
        keypoints[..., 2] = np.where(keypoints[..., 2] > 0, np.maximum(keypoints[..., 2], 0.31), 0)
        starts = rng.random(len(exact)) < 0.01 / frames
        rows = np.convolve(starts, np.ones(frames))[: len(exact)] > 0
        order = COCO17.mirror if whole else np.where(np.isin(np.arange(17), legs), COCO17.mirror, np.arange(17))
        keypoints[rows] = keypoints[rows][:, order]
        answer = unswap(np.arange(len(exact)) / RATE_HZ, keypoints).swapped[:, GROUPS.index("legs")]
        apart = np.linalg.norm(exact[:, legs[:2]] - exact[:, legs[2:]], axis=-1).mean(axis=1) > 0.2 * torso_px(exact)
        right, found, true = right + (answer & rows).sum(), found + answer.sum(), true + rows.sum()
        right_apart, true_apart = right_apart + (answer & rows & apart).sum(), true_apart + (rows & apart).sum()
        total += len(rows)
    return {"frames": total, "exchanged": true, "precision": right / max(found, 1), "recall": right / max(true, 1),
            "recall, legs apart": right_apart / max(true_apart, 1)}  # fmt: skip


def main() -> None:
    """Prints the tables of bench/occlusion.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of Tennis-MoCap .bvh.xz files")
    parser.add_argument("--tune", action="store_true", help="on every eighth take of the players not kept aside")
    parser.add_argument("--cmu", type=Path, help="folder of CMU takes: subject 03's walks, for the exchanges")
    arguments = parser.parse_args()
    paths = takes_in(arguments.data)
    aside = kept_aside(paths)
    chosen = [path for path in paths if (player_of(path) in aside) != arguments.tune]
    takes = [load_take(path) for path in chosen[:: 8 if arguments.tune else 2]]
    print(f"# Occlusion bridge\n\n`python bench/occlusion.py --data CALDAS --cmu CMU`, {date.today()}\n")
    print(f"{len(takes)} takes of players {', '.join(aside)} (not tuned on), one virtual camera each, 30 Hz.")
    print("Hidden joints' mean distance from the truth, torso lengths; noise σ 2.5 % of the torso, correlated in time.")
    print(
        f"Past only: the bridge sees the {PAST_S:g} s before each hidden frame and nothing later (every sixth frame)."
    )
    for noise in (False, True):
        print(f"\n## {'Noisy' if noise else 'Exact'} 2D\n")
        print(f"| hidden | for, s | {' | '.join(WAYS)} |\n|---|---|{'---|' * len(WAYS)}")
        for part, stretch_s in itertools.product(PARTS, STRETCHES_S):
            found = errors(takes, part, stretch_s, noise)
            cells = " | ".join("–" if np.isnan(found[way]) else f"{found[way]:.3f}" for way in WAYS)
            print(f"| {part} | {stretch_s:g} | {cells} |", flush=True)
    print(
        "\n## Left and right exchanged\n\n1 % of the frames, noisy 2D with 5 % of joints missing; what is said of the"
    )
    print("legs. Apart: knees and ankles more than 0.2 torso lengths from their twins.\n")
    print("| motion | exchanged | frames at a time | frames | exchanged frames | precision | recall | recall, apart |")
    print("|---|---|---|---|---|---|---|---|")
    motions = {"tennis": takes} | ({"walking on rough ground": walks(arguments.cmu)} if arguments.cmu else {})
    for (motion, chosen_takes), whole, frames in itertools.product(motions.items(), (True, False), (1, 12)):
        row = swaps(chosen_takes * (1 if motion == "tennis" else 4), whole, frames)
        cells = " | ".join(f"{value:.3f}" if value <= 1 else f"{value:.0f}" for value in row.values())
        print(f"| {motion} | {'everything' if whole else 'knees and ankles'} | {frames} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
