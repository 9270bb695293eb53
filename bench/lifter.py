"""Measures a lifter on players and motions kept aside, and its time for one window; prints Markdown."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx

from edgepose.calming import calm
from edgepose.card import WindowSpec, load
from edgepose.lifter import Lifter, network_input
from edgepose.lifting import load_lifter
from edgepose.lifting.ray import assumed
from edgepose.lifting.sequence import SequenceLifter
from edgepose.models import Engine, load_runtime
from edgepose.pinhole import Camera
from edgepose.types import Window
from edgepose.window import windows_at
from edgepose_trainer.errors3d import EVALUATED, mpjve, n_mpjpe, p_mpjpe
from edgepose_trainer.lifter import (
    JUDGED_BY,
    LIFT_WINDOW,
    aside_views,
    errors_of,
    kept_aside,
    load_take,
    name_of,
    player_of,
    takes_in,
    unseen_by,
    views,
)
from edgepose_trainer.motions import Pool, Take
from edgepose_trainer.views import CENTRE_PX, EXACT, Detector, court_cameras, detected, facing

KINDS = (("exact", EXACT), ("detector-like noise", Detector()))
FPS = 30
VERSUS = 3000
WHERE = 1500
"""Windows for which a lifter is made anew, each with its own camera."""


def main() -> None:
    """Prints the tables of bench/lifter.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of Tennis-MoCap .bvh.xz files")
    parser.add_argument("--others", type=Path, help="folder of CMU .asf and .amc files")
    parser.add_argument("--model", type=Path, default=Path("models/courtlift-n"))
    parser.add_argument("--against", type=Path, help="folder of a lifter trained on the same takes (--arch … --alike)")
    model: Path = parser.parse_args().model
    data, others = parser.parse_args().data, parser.parse_args().others
    lifter = Lifter(model, camera=JUDGED_BY)
    paths = takes_in(data)
    aside = kept_aside(paths, unseen_by(load(model)))
    tennis = [load_take(path) for path in paths if player_of(path) in aside]
    if against := parser.parse_args().against:
        both = set(aside) & set(kept_aside(paths, unseen_by(load(against))))
        versus(model, against, [take for take in tennis if take.player in both])
        return
    sizes = ", ".join(f"{file.path} {(model / file.path).stat().st_size / 1e6:.2f} MB" for file in load(model).files)
    print(f"{lifter.model.stamp}, {parameters(model)} parameters, {sizes}.", end=" ")
    print(f"Tennis players never trained on: {', '.join(aside)}.\n")
    print(
        "| motion | 2D | MPJPE (1.75 m assumed) | MPJPE (height known) | N-MPJPE | P-MPJPE |\n|---|---|---|---|---|---|"
    )
    rows(lifter, "tennis", tennis)
    rest = takes_in(others)[3::4] if others else []
    if rest:
        rows(lifter, f"other: {', '.join(map(name_of, rest))}", [load_take(path) for path in rest])
    print("\nThe person anywhere in the inner half of the picture, cameras of 25 to 80 degrees, tennis, exact 2D:\n")
    print("| camera | N-MPJPE |\n|---|---|")
    for name, value in aside_in_the_picture(model, tennis).items():
        print(f"| {name} | {value:.1f} |")
    print(
        "\nMPJVE, mm a frame at 30 Hz, whole takes:\n\n| 2D | centre | newest | offline, smoothed |\n|---|---|---|---|"
    )
    for name, detector in KINDS:
        print(f"| {name} | {' | '.join(f'{value:.1f}' for value in velocities(model, tennis, detector))} |")
    best, middle = time_ms(lifter, aside_views(tennis, Detector(), 500).keypoints)
    print("\nOne window through `Lifter.lift`, one thread, turning, normalisation and mirroring included:")
    print(f"median {middle:.2f} ms, best {best:.2f} ms.")
    print(f"int8 weights: answers differ by {int8_mm(model, tennis):.1f} mm on the average joint.")


def versus(model: Path, against: Path, takes: Sequence[Take]) -> None:
    """The same windows for both; the smaller one sees the middle of them."""
    lifter = Lifter(model, camera=JUDGED_BY)
    other = load_lifter(against, size_wh=(round(2 * CENTRE_PX[0]), round(2 * CENTRE_PX[1])))
    assert isinstance(other, SequenceLifter)
    window = WindowSpec(frames=other.window.frames, rate_hz=LIFT_WINDOW.rate_hz)
    unseen = (window.frames - LIFT_WINDOW.frames) // 2
    middle = slice(unseen, unseen + LIFT_WINDOW.frames)
    print(f"Players never trained on: {', '.join(sorted({take.player for take in takes}))}; {VERSUS} windows each.\n")
    print("| network | exact 2D: N-MPJPE | P-MPJPE | noisy 2D: N-MPJPE | P-MPJPE | parameters | a window, one thread |")
    print("|---|---|---|---|---|---|---|")
    for folder, lift, part in ((model, lifter.lift_array, middle), (against, other.lift_array, slice(None))):
        cells = []
        for _, detector in KINDS:
            seen = views(Pool(takes), VERSUS, detector, np.random.default_rng(20), window, straight_on=True)
            pieces = np.array_split(seen.keypoints[:, part], VERSUS // 100)
            found = np.concatenate([lift(piece) for piece in pieces])[:, EVALUATED].astype(np.float64)
            cells += [f"{1000 * error(found, seen.truth[:, EVALUATED]):.1f}" for error in (n_mpjpe, p_mpjpe)]
        ms = best_ms(lift, seen.keypoints[:500, part])
        print(f"| {load(folder).model.stamp} | {' | '.join(cells)} | {parameters(folder)} | {ms:.2f} ms |", flush=True)


def parameters(model: Path) -> int:
    return sum(int(np.prod(tensor.dims)) for tensor in onnx.load(model / "weights.onnx").graph.initializer)


def best_ms(lift: Callable[[np.ndarray], np.ndarray], windows: np.ndarray) -> float:
    """The fifth percentile: other work on the machine only adds."""
    times = []
    for keypoints in windows:
        started_s = time.perf_counter()
        lift(keypoints[None])
        times.append(1000 * (time.perf_counter() - started_s))
    return float(np.percentile(times, 5))


def rows(lifter: Lifter, motion: str, takes: Sequence[Take]) -> None:
    for name, detector in KINDS:
        values = errors_of(lifter, aside_views(takes, detector)).values()
        print(f"| {motion} | {name} | {' | '.join(f'{value:.1f}' for value in values)} |", flush=True)


def aside_in_the_picture(model: Path, takes: Sequence[Take]) -> dict[str, float]:
    """N-MPJPE with the camera known, assumed, and with everybody taken to stand in the picture's middle."""
    rng = np.random.default_rng(5)
    drawn = Pool(takes).draw(WHERE, LIFT_WINDOW, rng)
    cameras = court_cameras(rng, drawn.centre[:, 0].astype(np.float64))
    truth = cameras.into(drawn.centre.astype(np.float64))
    truth = (truth - truth[:, :1])[:, EVALUATED]
    keypoints = detected(cameras.project(cameras.into(drawn.seen.astype(np.float64))), EXACT, rng)
    size_wh = round(2 * CENTRE_PX[0]), round(2 * CENTRE_PX[1])
    known = [
        Lifter(model, camera=Camera(focal, focal, *CENTRE_PX)).lift_array(one[None])[0]
        for focal, one in zip(cameras.focal_px.tolist(), keypoints, strict=True)
    ]
    found = {
        "known": np.stack(known),
        "assumed (50 degrees)": Lifter(model, camera=assumed(size_wh)).lift_array(keypoints),
        "none: as if in the middle": Lifter(model).lift_array(keypoints),
    }
    return {name: 1000 * n_mpjpe(poses[:, EVALUATED].astype(np.float64), truth) for name, poses in found.items()}


def velocities(model: Path, takes: Sequence[Take], detector: Detector) -> list[float]:
    """MPJVE of whole takes: at the centre, at the newest sample, smoothed afterwards."""
    rng, found = np.random.default_rng(6), np.zeros((len(takes), 3))
    for row, take in enumerate(takes):
        step = max(1, round(1 / FPS / take.frame_s))
        points, truth = take.coco17[::step], take.h36m17[::step]
        times_s = np.arange(len(points)) * step * take.frame_s
        camera = facing(rng, np.nanmean(truth[:, :1], axis=0))
        keypoints = detected(camera.project(camera.into(points[None])), detector, rng)[0]
        placed = camera.into(truth[None])[0]
        placed = (placed - placed[:, :1])[:, EVALUATED]
        answers = []
        for newest in (False, True):
            lifter = Lifter(model, camera=JUDGED_BY, newest=newest)
            late_s = (lifter.window.frames - 1) / 2 / lifter.window.rate_hz if newest else 0
            poses = np.full((len(points), 17, 3), np.nan, np.float32)
            until_s = times_s if newest else None
            inside, windows = windows_at(times_s, keypoints, lifter.window, times_s - late_s, until_s)
            poses[inside] = lifter.lift_array(windows)
            answers.append(poses)
        answers.append(calm(times_s, answers[0]))
        found[row] = [1000 * mpjve(poses[:, EVALUATED].astype(np.float64), placed) for poses in answers]
    weights = np.array([len(take.coco17) for take in takes])
    return (found * weights[:, None] / weights.sum()).sum(axis=0).tolist()


def time_ms(lifter: Lifter, seen: np.ndarray) -> tuple[float, float]:
    times = []
    for keypoints in seen:
        window = Window(0, 0, np.arange(len(keypoints)) / lifter.window.rate_hz, keypoints)
        started_s = time.perf_counter()
        lifter.lift([window])
        times.append(1000 * (time.perf_counter() - started_s))
    return min(times), float(np.median(times))


def int8_mm(model: Path, takes: Sequence[Take]) -> float:
    inputs, usable = network_input(aside_views(takes, Detector(), 1000).keypoints)
    files = (model / name for name in ("weights.onnx", "weights-int8.onnx"))
    rows = inputs[usable].reshape(int(usable.sum()), -1)
    full, small = (
        load_runtime("onnx", path, Engine(threads=1)).run(rows)[0].reshape(len(rows), -1, 3) for path in files
    )
    return float(1000 * np.linalg.norm(full - small, axis=-1).mean())


if __name__ == "__main__":
    main()
