"""``edgepose train lifter --arch …``: the seeds' lifters on motion capture seen by virtual cameras.

Adam with amsgrad, learning rate 0.001 falling by 0.95 an epoch, batch normalisation's momentum from 0.1 to 0.001, one
answer a window through the strided twin of the network (seed_systems.md §6). Half of the windows are mirror images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import torch

from edgepose import card as cards
from edgepose.card import Dataset, Figure, Statistics
from edgepose.errors import SourceError
from edgepose.lifting import CARD_HEIGHT_M
from edgepose.lifting.joints import mirrored
from edgepose.lifting.sequence import SequenceLifter
from edgepose.lifting.zscore import ZScoreLifter
from edgepose.skeletons import COCO17, H36M17
from edgepose.types import Float32
from edgepose_trainer import lifter as motion
from edgepose_trainer.errors3d import EVALUATED, mpjpe, n_mpjpe, p_mpjpe
from edgepose_trainer.lifters.budget import Budget
from edgepose_trainer.lifters.checkpoints import Loaded, Network, save
from edgepose_trainer.lifters.exporting import Words, to_folder
from edgepose_trainer.lifters.martinez import Martinez
from edgepose_trainer.lifters.recipes import SIZE_WH, inputs_of, network_of, targets_of, window_of
from edgepose_trainer.lifters.temporal import Stack, momentum_at, set_momentum
from edgepose_trainer.lifters.transfer import distance
from edgepose_trainer.motions import Pool
from edgepose_trainer.views import EXACT, Detector

RATE, DECAY, EPOCHS = 1e-3, 0.95, 60
"""Epochs: equal parts of the steps, after each of which the rate falls."""
_CHUNK = 8
_PIECE = 150
"""Windows lifted at once for the figures, so that 243 frames of them need little memory."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a network is shown."""

    rate_hz: float
    alike: bool = False
    """Cameras turned to the player, as courtlift-n sees them; else the player stands anywhere in the picture."""
    bodies: bool = False
    """Every window has a body of its own."""


def train(
    data: Path,
    out: Path,
    arch: str,
    seed: int = 1,
    steps: int = 20000,
    say: Callable[[str], None] = print,
    rate_hz: float = 30.0,
    size: int = 128,
    network: Network | None = None,
    judged: int = 1500,
    others: Path | None = None,
    alike: bool = False,
    minutes: float | None = None,
) -> Path:
    """BVH takes in ``data`` -> model folder ``out`` with the checkpoint beside it; every fourth player kept aside.

    ``network``: in place of the published sizes; ``judged``: windows that the figures are of; ``others``: other motion;
    ``alike``: the windows that courtlift-n trains on; ``minutes``: of processor time, in place of ``steps``.
    Raises SettingsError for the name, SourceError for the takes.
    """
    torch.manual_seed(seed)
    network = network_of(arch) if network is None else network
    paths = motion.takes_in(data)
    if not (aside := motion.kept_aside(paths)):
        raise SourceError(f"{data}: takes of at least 4 players are needed, so that one can be kept aside")
    takes = [motion.load_take(path) for path in paths]
    rest = [path for n, path in enumerate(motion.takes_in(others) if others is not None else []) if n % 4 < 3]
    own = motion.pooled([take for take in takes if take.player not in aside], [motion.load_take(path) for path in rest])
    sight = Sight(rate_hz, alike, bodies=alike)
    statistics, drawn = _fit(network, own, Budget(steps, minutes), size, sight, np.random.default_rng(seed), say)
    loaded = Loaded(arch, network.eval(), statistics=statistics)
    words = _words(arch, rate_hz, paths, aside, drawn)
    card = to_folder(loaded, out, words)
    save(out / "checkpoint.bin", loaded)
    judging = Pool([take for take in takes if take.player in aside])
    figures = _figures(out, network, judging, aside, Sight(rate_hz, alike), judged)
    cards.save(card.model_copy(update={"figures": figures}), out)
    return out


def _fit(
    network: Network,
    pool: Pool,
    budget: Budget,
    size: int,
    sight: Sight,
    rng: np.random.Generator,
    say: Callable[[str], None],
) -> tuple[Statistics | None, int]:
    """Trains in place; Martinez' statistics (those of its first windows), and the number of windows."""
    statistics = _statistics(network, pool, sight, rng) if isinstance(network, Martinez) else None
    learner = network if isinstance(network, Martinez) else network.restacked(_strided(network.stack))
    optimiser = torch.optim.Adam(learner.parameters(), lr=RATE, amsgrad=True)
    learner.train()
    shown, step, tell = 0.0, 0, budget.pause(EPOCHS)
    progress = budget.progress()
    for done, (inputs, targets) in zip(progress, _batches(network, pool, size, sight, statistics, rng), strict=False):
        for group in optimiser.param_groups:
            group["lr"] = RATE * DECAY ** int(EPOCHS * done)
        set_momentum(learner, momentum_at(done))
        optimiser.zero_grad()
        answer = learner(torch.from_numpy(inputs))
        wanted = torch.from_numpy(targets)
        loss = (answer - wanted).square().mean() if isinstance(learner, Martinez) else distance(answer, wanted)
        loss.backward()
        optimiser.step()
        if isinstance(learner, Martinez):
            learner.clip()
        shown, step = shown + loss.item(), step + 1
        if step % tell == 0:
            say(f"step {step}, {done:.0%}: loss {shown / tell:.4f}")
            shown = 0.0
    network.load_state_dict(learner.state_dict())
    return statistics, step * size


def _strided(stack: Stack) -> Stack:
    return Stack(stack.widths, stack.causal, strided=True)


def _batches(
    network: Network,
    pool: Pool,
    size: int,
    sight: Sight,
    statistics: Statistics | None,
    rng: np.random.Generator,
) -> Iterator[tuple[Float32, Float32]]:
    """Batches of ``size`` windows without end, two fifths of them exact, and their targets."""
    while True:
        count = _CHUNK * size // 2
        exact = round(motion.EXACT_SHARE * count)
        kinds = ((exact, EXACT), (count - exact, motion.TRAINING_DETECTOR))
        parts = [_mirrored_too(*_examples(network, pool, number, kind, sight, rng)) for number, kind in kinds]
        keypoints, poses = (np.concatenate(side) for side in zip(*parts, strict=True))
        seen, targets = inputs_of(network, keypoints), targets_of(network, poses)
        if statistics is not None:
            seen, targets = _scores(statistics, seen, targets)
        for rows in np.array_split(rng.permutation(len(seen)), _CHUNK):
            yield seen[rows], targets[rows]


def _examples(
    network: Network,
    pool: Pool,
    count: int,
    detector: Detector,
    sight: Sight,
    rng: np.random.Generator,
) -> tuple[Float32, Float32]:
    """(N, T, 17, 3) px and (N, 17, 3) metres of a 1.75 m person."""
    newest = not isinstance(network, Martinez) and network.stack.causal
    window = window_of(network, sight.rate_hz)
    seen = motion.views(pool, count, detector, rng, window, newest, sight.alike, sight.bodies)
    poses = seen.truth * (CARD_HEIGHT_M / seen.height_m)[:, None, None]
    return seen.keypoints, poses.astype(np.float32)


def _mirrored_too(keypoints: Float32, poses: Float32) -> tuple[Float32, Float32]:
    """Each window and its mirror image; pictures are mirrored about their middle."""
    twins = mirrored(keypoints, COCO17.mirror)
    twins[..., 0] += SIZE_WH[0]
    return np.concatenate([keypoints, twins]), np.concatenate([poses, mirrored(poses, H36M17.mirror)])


def _statistics(network: Network, pool: Pool, sight: Sight, rng: np.random.Generator) -> Statistics:
    keypoints, poses = _mirrored_too(*_examples(network, pool, 2048, EXACT, sight, rng))
    seen, wanted = inputs_of(network, keypoints), targets_of(network, poses)
    return Statistics(
        input_mean=seen.mean(axis=0).tolist(), input_std=seen.std(axis=0).tolist(),
        output_mean=wanted.mean(axis=0).tolist(), output_std=wanted.std(axis=0).tolist(),
        picture_width=SIZE_WH[0],
    )  # fmt: skip


def _scores(statistics: Statistics, seen: Float32, wanted: Float32) -> tuple[Float32, Float32]:
    a, b, c, d = (
        np.array(side, np.float32)
        for side in (
            statistics.input_mean, statistics.input_std, statistics.output_mean, statistics.output_std,
        )
    )  # fmt: skip
    return (seen - a) / b, (wanted - c) / d


def _figures(out: Path, network: Network, pool: Pool, aside: Sequence[str], sight: Sight, judged: int) -> list[Figure]:
    """Of the written folder, as the device lifts."""
    card = cards.load(out)
    kind = ZScoreLifter if isinstance(network, Martinez) else SequenceLifter
    lifter = kind(out, card, COCO17, SIZE_WH)
    rng, figures = np.random.default_rng(20), []
    for data, detector in (("exact 2D", EXACT), ("detector-like noise", Detector())):
        counts = [min(_PIECE, judged - start) for start in range(0, judged, _PIECE)]
        pairs = [_examples(network, pool, count, detector, sight, rng) for count in counts]
        found = np.concatenate([lifter.lift_array(keypoints) for keypoints, _ in pairs])[:, EVALUATED]
        truth = np.concatenate([poses - poses[:, :1] for _, poses in pairs])[:, EVALUATED]
        errors = {"MPJPE, height known": mpjpe, "N-MPJPE": n_mpjpe, "P-MPJPE": p_mpjpe}
        for name, error in errors.items():
            figures.append(
                Figure(
                    name=name,
                    value=round(1000 * error(found.astype(np.float64), truth.astype(np.float64)), 1),
                    unit="mm",
                    data=f"Tennis-MoCap players {', '.join(aside)} (not trained on), {judged} virtual views, {data}",
                    command=f"edgepose train lifter --arch {card.name}",
                    date=date.today().isoformat(),
                )
            )
    return figures


def _words(arch: str, rate_hz: float, paths: Sequence[Path], aside: Sequence[str], windows: int) -> Words:
    digest = hashlib.sha256("".join(cards.sha256_of(path) for path in paths).encode()).hexdigest()
    use = f"training, without the players {', '.join(aside)}; mirrored copies, virtual cameras"
    data = Dataset(name="Tennis-MoCap (Pulgarin-Giraldo et al. 2017)", sha256=digest, licence="CC BY-SA 3.0", use=use)
    limits = f"Trained on {windows} windows of tennis alone, as a comparison; size assumes a 1.75 m person."
    return Words(arch, "CC BY-SA 3.0", rate_hz, data=(data,), limits=limits)
