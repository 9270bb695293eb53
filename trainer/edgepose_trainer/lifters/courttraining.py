"""``edgepose train lifter``: courtlift on motion capture that virtual cameras see, measured on players kept aside.

Two fifths of the windows are exact, the others as a detector sees them; every window has bodies of its own
(``motions.resized``), half of them are mirror images, and each is seen about three times: drawing costs more time than
learning. Loss: mean distance of the joints, and of the limbs' lengths.
"""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgepose import card as cards
from edgepose.errors import SourceError
from edgepose.lifter import RATES_HZ, Lifter, network_input
from edgepose.lifting import CARD_HEIGHT_M
from edgepose.lifting.joints import mirrored
from edgepose.lifting.ray import straight
from edgepose.pinhole import Camera
from edgepose.skeletons import COCO17, H36M17
from edgepose.types import Float32
from edgepose_trainer import lifter as data
from edgepose_trainer.lifters import sights
from edgepose_trainer.lifters.budget import Budget
from edgepose_trainer.lifters.courtcard import card_of, figures_of
from edgepose_trainer.lifters.courtlift import CourtLift, export, load_weights
from edgepose_trainer.lifters.sights import Sights
from edgepose_trainer.motions import Pool, resized
from edgepose_trainer.views import CENTRE_PX, EXACT, detected, facing

Float64 = NDArray[np.float64]
Batch = tuple[Tensor, Tensor, Tensor]
"""(N, 765) inputs, (N, 17, 3) in the middle, (N, 17, 3) at the newest sample; NaN: not known."""
RATE = 1e-3
_CHUNK = 8
_WARM = 500
_EMA = 0.999
_TIMES = 3
"""How often a window is seen."""
_KEPT = 12
"""Chunks that batches are drawn from."""
_TELL = 2000
_SEEN = 0.25
"""Share of windows that a pose network saw, where there are sessions with 3D truth."""
_SAVE = 5000
"""Steps between checkpoints."""
CHECKPOINT = "checkpoint.pt"
_NEWEST, _LENGTHS = 0.5, 0.2
"""Weights beside the middle pose's distance."""
_PLACED = H36M17.indices("pelvis", "spine", "thorax", "neck", "head")
"""Placed by proportion in the takes, not recorded: they count half."""
_LIMBS = np.array([
    (H36M17.index(f"{side}_{a}"), H36M17.index(f"{side}_{b}"))
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
])  # fmt: skip


def train(
    folder: Path,
    out: Path,
    seed: int = 1,
    steps: int = 60000,
    say: Callable[[str], None] = print,
    others: Path | None = None,
    size: int = 128,
    minutes: float | None = None,
    start: Path | None = None,
    aside: Sequence[str] = (),
    rate: float = RATE,
    seen: Sequence[Path] = (),
) -> Path:
    """Motion capture in ``folder``, and of other motion in ``others`` -> model folder ``out``.

    Every fourth player, or those ``aside``, and every fourth take of ``others`` are only measured. ``minutes``: of
    processor time, in place of ``steps``; ``start``: weights to begin with, weights.onnx or checkpoint.pt of an earlier
    training; ``seen``: sessions with 2D and 3D (``sights``), a quarter of the windows. Raises SourceError when there
    are no takes, or no players to keep aside; ModelError for ``start``.
    """
    paths = data.takes_in(folder)
    aside = sorted(aside) or data.kept_aside(paths)
    if not aside:
        raise SourceError(f"{folder}: takes of at least 4 players are needed, so that one can be kept aside")
    if unknown := set(aside) - {data.player_of(path) for path in paths}:
        raise SourceError(f"{folder}: no takes of {', '.join(sorted(unknown))}, to be kept aside")
    more = data.takes_in(others) if others is not None else []
    tennis, rest = [data.load_take(path) for path in paths], [data.load_take(path) for path in more]
    own = [take for take in tennis if take.player not in aside]
    pool = data.pooled(own, [take for number, take in enumerate(rest) if number % 4 < 3])
    out.mkdir(parents=True, exist_ok=True)
    known = sights.read(seen) if seen else None
    budget = Budget(steps, minutes)
    network, drawn = fit(pool, begun(start, seed), budget, size, seed, say, out / CHECKPOINT, rate, known)
    files = export(network, out)
    words = f"{drawn / 1e6:.1f} million windows{' after those of the weights that it began with' * (start is not None)}"
    card = card_of(out, paths, more, aside, network, files, words, known)
    cards.save(card, out)
    lifter = Lifter(out, camera=data.JUDGED_BY)
    unseen = [take for take in tennis if take.player in aside]
    figures = figures_of(lifter, unseen, f"Tennis-MoCap players {', '.join(aside)}")
    if rest[3::4]:
        names = ", ".join(data.name_of(path) for path in more[3::4])
        figures += figures_of(lifter, rest[3::4], f"other motion, takes {names}")
    cards.save(card.model_copy(update={"figures": figures}), out)
    return out


def begun(start: Path | None, seed: int) -> CourtLift:
    """An untrained network, or the weights of ``start``; raises ModelError when they do not fit."""
    torch.manual_seed(seed)
    network = CourtLift(data.LIFT_WINDOW.frames)
    if start is not None:
        load_weights(network, start)
    return network


def fit(
    pool: Pool,
    network: CourtLift,
    budget: Budget,
    size: int,
    seed: int,
    say: Callable[[str], None],
    saved: Path,
    rate: float = RATE,
    known: Sights | None = None,
) -> tuple[CourtLift, int]:
    """Adam, rate rising for 500 steps and then falling along a cosine: the moving average of the weights, and how
    many windows were drawn for it. ``saved``: where the average lies every 5000 steps."""
    average = copy.deepcopy(network)
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    shown, step, started_s = 0.0, 0, time.monotonic()
    drawn = batches(pool, size, np.random.default_rng(seed), known)
    for done, batch in zip(budget.progress(), drawn, strict=False):
        step += 1
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1, step / _WARM) * 0.5 * (1 + np.cos(np.pi * done))
        loss = loss_of(network, batch)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        keep = min(_EMA, step / (step + 100))
        with torch.no_grad():
            for mean, now in zip(average.parameters(), network.parameters(), strict=True):
                mean.lerp_(now, 1 - keep)
        shown += loss.item()
        if step % _TELL == 0:
            say(f"step {step}, {done:.0%}: loss {1000 * shown / _TELL:.1f} mm, {time.monotonic() - started_s:.0f} s")
            shown = 0.0
        if step % _SAVE == 0:
            torch.save(average.state_dict(), saved)
    return average, step * size // _TIMES


def loss_of(network: CourtLift, batch: Batch) -> Tensor:
    """Metres."""
    inputs, middle, newest = batch
    answers = [answer.reshape(middle.shape) for answer in network(inputs)]
    now, late = (_distance(answer, truth) for answer, truth in zip(answers, (middle, newest), strict=True))
    return now + _NEWEST * late + _LENGTHS * _lengths(answers[0], middle)


def _distance(found: Tensor, truth: Tensor) -> Tensor:
    weight = torch.ones(found.shape[1])
    weight[torch.as_tensor(_PLACED)] = 0.5
    known = torch.isfinite(truth).all(dim=2) * weight
    apart = torch.sqrt((found - torch.nan_to_num(truth)).square().sum(dim=2) + 1e-8)
    return (apart * known).sum() / known.sum().clamp_min(1)


def _lengths(found: Tensor, truth: Tensor) -> Tensor:
    """Of the limbs: what one camera sees of depth must keep arms and legs as long as they are."""
    a, b = _LIMBS.T
    lengths = [torch.sqrt((pose[:, a] - pose[:, b]).square().sum(dim=2) + 1e-8) for pose in (found, truth)]
    return (lengths[0] - lengths[1]).abs().mean()


def batches(pool: Pool, size: int, rng: np.random.Generator, known: Sights | None = None) -> Iterator[Batch]:
    """Batches of ``size`` windows without end, each window in about ``_TIMES`` of them."""
    kept: deque[tuple[Float32, Float32, Float32]] = deque(maxlen=_KEPT)
    while True:
        made = windows(pool, round(_CHUNK * size * (1 - _SEEN * (known is not None))), rng)
        told = (made,) if known is None else (made, known.draw(round(_CHUNK * size * _SEEN), rng))
        inputs, middle, newest = (np.concatenate(sides) for sides in zip(*told, strict=True))
        kept.append((inputs, middle, newest))
        for _ in range(_TIMES * _CHUNK):
            chunk = kept[rng.integers(len(kept))]
            rows = rng.integers(len(chunk[0]), size=size)
            shown, *poses = (torch.from_numpy(side[rows]) for side in chunk)
            yield shown.flatten(1), poses[0], poses[1]


def windows(pool: Pool, count: int, rng: np.random.Generator) -> tuple[Float32, Float32, Float32]:
    """(N, T, 17, 3) inputs and (N, 17, 3) poses of a 1.75 m person, in the axes of a camera turned to them."""
    faster = data.LIFT_WINDOW.rate_hz / np.array(RATES_HZ[::-1])
    drawn = resized(pool.draw(count, data.LIFT_WINDOW, rng, (float(faster[0]), float(faster[1]))), rng)
    there = np.isfinite(drawn.seen).all(axis=(1, 2, 3)) & np.isfinite(drawn.centre[:, 0]).all(axis=1)
    drawn = drawn.take(np.flatnonzero(there))
    cameras = facing(rng, drawn.centre[:, 0].astype(np.float64))
    points = cameras.project(cameras.into(drawn.seen.astype(np.float64)))
    exact = round(data.EXACT_SHARE * len(points))
    kinds = ((points[:exact], EXACT), (points[exact:], data.TRAINING_DETECTOR))
    keypoints = np.concatenate([detected(part, detector, rng) for part, detector in kinds])
    seen, turn = straight(keypoints, Camera(cameras.focal_px[0], cameras.focal_px[0], *CENTRE_PX))
    inputs, usable = network_input(seen)
    size = (CARD_HEIGHT_M / drawn.height_m)[:, None, None]
    middle, newest = (
        np.asarray(_rooted(cameras.into(pose.astype(np.float64))) @ turn.transpose(0, 2, 1) * size, np.float32)
        for pose in (drawn.centre, drawn.newest)
    )
    turned = rng.random(len(inputs)) < 0.5
    inputs[turned] = mirrored(inputs[turned], COCO17.mirror)
    for pose in (middle, newest):
        pose[turned] = mirrored(pose[turned], H36M17.mirror)
    return inputs[usable], middle[usable], newest[usable]


def _rooted(poses: Float64) -> Float64:
    return poses - poses[:, :1]
