"""Trains the lifter on motion capture seen by virtual cameras, and measures it on players kept aside."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose import card as cards
from edgepose.card import Card, Dataset, Figure, WindowSpec
from edgepose.errors import SourceError
from edgepose.lifter import CARD_HEIGHT_M, FEATURES, Lifter, mirrored, network_input
from edgepose.skeletons import COCO17, H36M17
from edgepose.types import Float32
from edgepose_trainer import bvh
from edgepose_trainer.errors3d import EVALUATED, mpjpe, n_mpjpe, p_mpjpe
from edgepose_trainer.mlp import Adam, Perceptron, export
from edgepose_trainer.views import EXACT, Detector, court_cameras, detected

Float64 = NDArray[np.float64]
WINDOW = WindowSpec(frames=15, rate_hz=15)
EXACT_SHARE = 0.4
"""Of the training windows; exact 2D alone collapses on noisy 2D."""
TRAINING_DETECTOR = Detector(hidden=0.03)
_HEIGHT_PER_HIP = 15.0
"""The recording software built every skeleton from the player's height: hip offset = height / 15."""
_CM = 0.01


@dataclass(frozen=True, slots=True)
class Take:
    """One motion-capture take in metres, world axes with y up."""

    player: str
    coco17: Float64
    """(F, 17, 3)."""
    h36m17: Float64
    """(F, 17, 3)."""
    frame_s: float
    height_m: float


@dataclass(frozen=True, slots=True)
class Views:
    """Windows as cameras see them, with their truth."""

    keypoints: Float32
    """(N, T, 17, 3) px."""
    truth: Float64
    """(N, 17, 3) h36m17 at the window's centre: metres, camera axes, origin at mid-hips."""
    height_m: Float64
    """(N,) the player's."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Millimetres over the 12 joints of contracts §7."""

    mpjpe: float
    """The height taken as 1.75 m."""
    known_height: float
    """MPJPE with the player's height known."""
    n_mpjpe: float
    p_mpjpe: float


def player_of(path: Path) -> str:
    """Takes are called <player>_<stroke>.bvh.xz."""
    return path.name.partition("_")[0]


def takes_in(folder: Path) -> list[Path]:
    """The BVH files of a folder in name order; raises SourceError when there are none."""
    paths = sorted(path for path in folder.glob("*.bvh*") if path.suffixes[-2:] in ([".bvh"], [".bvh", ".xz"]))
    if not paths:
        raise SourceError(f"{folder}: no .bvh or .bvh.xz files here")
    return paths


def kept_aside(paths: Iterable[Path]) -> list[str]:
    """Every fourth player by name: never trained on, only measured."""
    return sorted({player_of(path) for path in paths})[3::4]


def load_take(path: Path) -> Take:
    """Raises SourceError as ``bvh.read`` does."""
    take = bvh.read(path)
    coco17, h36m17 = bvh.body(take)
    height_m = abs(float(take.offsets[take.index("LeftHip"), 0])) * _HEIGHT_PER_HIP * _CM
    return Take(player_of(path), coco17 * _CM, h36m17 * _CM, take.frame_s, height_m)


def views(
    takes: Sequence[Take],
    count: int,
    detector: Detector,
    rng: np.random.Generator,
    window: WindowSpec = WINDOW,
    newest: bool = False,
) -> Views:
    """``count`` windows at random times of random takes (longer takes more often), each by its own camera.

    ``newest``: the truth is that of the window's last sample, not of its centre.
    """
    spans = np.array([len(take.coco17) * take.frame_s for take in takes])
    chosen = rng.choice(len(takes), count, p=spans / spans.sum())
    offsets_s = (np.arange(window.frames) - (window.frames - 1) / 2) / window.rate_hz
    seen = np.empty((count, window.frames, len(COCO17), 3))
    truth = np.empty((count, len(H36M17), 3))
    height_m = np.array([takes[index].height_m for index in chosen])
    for row, index in enumerate(chosen):
        take = takes[index]
        half_s = offsets_s[-1]
        centre = round(rng.uniform(half_s, max(half_s, spans[index] - take.frame_s - half_s)) / take.frame_s)
        wanted = np.clip(centre + offsets_s / take.frame_s, 0, len(take.coco17) - 1)
        before = np.minimum(wanted.astype(np.intp), len(take.coco17) - 2)
        weight = (wanted - before)[:, None, None]
        seen[row] = take.coco17[before] * (1 - weight) + take.coco17[before + 1] * weight
        truth[row] = take.h36m17[min(round(wanted[-1]) if newest else centre, len(take.h36m17) - 1)]
    cameras = court_cameras(rng, truth[:, 0])
    placed = cameras.into(truth)
    keypoints = detected(cameras.project(cameras.into(seen)), detector, rng)
    return Views(keypoints, placed - placed[:, :1], height_m)


def batches(
    takes: Sequence[Take], steps: int, size: int, rng: np.random.Generator
) -> Iterable[tuple[Float32, Float32]]:
    """``steps`` times (size, T*17*3) inputs and (size, 51) poses of a 1.75 m person, half mirror images."""
    chunk = 32
    for start in range(0, steps, chunk):
        count = chunk * size // 2
        exact = round(EXACT_SHARE * count)
        parts = [views(takes, exact, EXACT, rng), views(takes, count - exact, TRAINING_DETECTOR, rng)]
        inputs, usable = network_input(np.concatenate([part.keypoints for part in parts]))
        poses = [part.truth * (CARD_HEIGHT_M / part.height_m)[:, None, None] for part in parts]
        targets = np.concatenate(poses).astype(np.float32)
        inputs, targets = inputs[usable], targets[usable]
        inputs = np.concatenate([inputs, mirrored(inputs, COCO17.mirror)])
        targets = np.concatenate([targets, mirrored(targets, H36M17.mirror)])
        for rows in np.array_split(rng.permutation(len(inputs)), chunk)[: steps - start]:
            yield inputs[rows].reshape(len(rows), -1), targets[rows].reshape(len(rows), -1)


def fit(
    takes: Sequence[Take],
    seed: int,
    steps: int,
    hidden: int = 512,
    size: int = 128,
    say: Callable[[str], None] = print,
) -> Perceptron:
    """Adam on the mean joint distance, learning rate falling to zero along a cosine."""
    rng = np.random.default_rng(seed)
    network = Perceptron(WINDOW.frames * len(COCO17) * 3, hidden, len(H36M17) * 3, rng)
    optimiser = Adam(network.weights)
    started_s, shown = time.monotonic(), 0.0
    for step, (inputs, targets) in enumerate(batches(takes, steps, size, rng), start=1):
        gradients, distance = network.gradients(inputs, targets)
        optimiser.step(gradients, 1e-3 * 0.5 * (1 + np.cos(np.pi * step / steps)))
        shown += distance
        if step % 1000 == 0:
            passed_s = time.monotonic() - started_s
            say(f"step {step}/{steps}: {shown:.1f} mm on training windows, {passed_s:.0f} s")
            shown = 0.0
    return network


def measure(lifter: Lifter, seen: Views) -> Errors:
    """Of a loaded lifter, over windows that it answers; raises ValueError when it refuses any."""
    found = lifter.lift_array(seen.keypoints).astype(np.float64)[:, EVALUATED]
    if not np.isfinite(found).all():
        raise ValueError("the lifter refused windows with more than half of the joints known")
    truth = seen.truth[:, EVALUATED]
    sized = found * (seen.height_m / CARD_HEIGHT_M)[:, None, None]
    values = (mpjpe(found, truth), mpjpe(sized, truth), n_mpjpe(found, truth), p_mpjpe(found, truth))
    return Errors(*(1000 * value for value in values))


def train(data: Path, out: Path, seed: int = 1, steps: int = 20000, say: Callable[[str], None] = print) -> Path:
    """Motion capture in ``data`` -> model folder ``out``; the figures in its card are of players kept aside.

    Raises SourceError when there are no takes, or too few players to keep one aside.
    """
    paths = takes_in(data)
    aside = kept_aside(paths)
    if not aside:
        raise SourceError(f"{data}: takes of at least 4 players are needed, so that one can be kept aside")
    takes = [load_take(path) for path in paths]
    network = fit([take for take in takes if take.player not in aside], seed, steps, say=say)
    out.mkdir(parents=True, exist_ok=True)
    export(network, out / "weights.onnx", "courtlift-n")
    card = _card(out, paths, aside, network)
    cards.save(card, out)
    figures = _figures(Lifter(out), [take for take in takes if take.player in aside], aside)
    cards.save(card.model_copy(update={"figures": figures}), out)
    return out


def aside_views(takes: Sequence[Take], detector: Detector, count: int = 6000) -> Views:
    """The windows that cards and bench measure on: the same for the same takes."""
    return views(takes, count, detector, np.random.default_rng(20))


def _figures(lifter: Lifter, takes: Sequence[Take], aside: Sequence[str]) -> list[Figure]:
    figures = []
    for kind, detector in (("exact 2D", EXACT), ("detector-like noise", Detector())):
        errors = measure(lifter, aside_views(takes, detector))
        for name, value in (
            ("MPJPE", errors.mpjpe),
            ("MPJPE, height known", errors.known_height),
            ("N-MPJPE", errors.n_mpjpe),
            ("P-MPJPE", errors.p_mpjpe),
        ):
            figures.append(
                Figure(
                    name=name,
                    value=round(value, 1),
                    unit="mm",
                    data=f"Tennis-MoCap players {', '.join(aside)} (not trained on), virtual cameras, {kind}",
                    command="python bench/lifter.py --data DIR",
                    date=date.today().isoformat(),
                )
            )
    return figures


def _card(out: Path, paths: Sequence[Path], aside: Sequence[str], network: Perceptron) -> Card:
    digest = hashlib.sha256("".join(cards.sha256_of(path) for path in paths).encode()).hexdigest()
    return Card(
        name="courtlift-n",
        version="0.1.0",
        task="lifter",
        runtime="onnx",
        files=[cards.weights(out / "weights.onnx")],
        input_shape=[None, WINDOW.frames * len(COCO17) * 3],
        output_shapes=[[None, len(H36M17) * 3]],
        skeleton=COCO17.name,
        output_skeleton=H36M17.name,
        window=WINDOW,
        features=FEATURES,
        normalisation="origin mid-hips of each sample, unit median torso length, y down (contracts §6)",
        licence="CC BY-SA 3.0",
        data=[
            Dataset(
                name="Tennis-MoCap (Pulgarin-Giraldo et al. 2017)",
                sha256=digest,
                licence="CC BY-SA 3.0",
                use=f"training, without the players {', '.join(aside)}; mirrored copies, virtual cameras",
            )
        ],
        limits=(
            f"A first, simple lifter: {network.parameters} parameters, trained minutes on one core on tennis "
            "only. The pose is that of the window's centre, half a window late. Depth is weakest, "
            "ankles and wrists most. Size assumes a 1.75 m person unless the height is given; face and spine "
            "between hips and neck are placed by proportion. Not for joint angles to a few degrees."
        ),
    )
