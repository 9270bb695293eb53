"""Transfer learning of the output layer: other joints from a trained lifter (RunningPose, seed_systems.md §6).

The new output layer learns alone while everything else stands still, batch normalisation's statistics included;
then all learn, at a lower rate. The seed's script computes that lower rate and never gives it to the optimiser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from edgepose.errors import ModelError
from edgepose.types import Float32
from edgepose_trainer.lifters.temporal import momentum_at, set_momentum
from edgepose_trainer.lifters.videopose3d import VideoPose3D

_OUTPUT = "shrink."


@dataclass(frozen=True, slots=True)
class Plan:
    """The seed's recipe; its released checkpoint is of epoch 100."""

    epochs: int = 100
    frozen_epochs: int = 4
    rate: float = 3e-3
    thawed_rate: float = 3e-4
    """Of every weight once all learn."""
    decay: float = 0.97
    """Of the rates, each epoch."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch was like."""

    loss_m: float
    """Mean joint distance, metres, over the epoch's batches."""
    rates: dict[str, float]
    """Read from the optimiser: of the output layer ("output") and of the rest ("rest"; 0 while frozen)."""


def with_new_output(network: VideoPose3D, mean_pose: Float32) -> VideoPose3D:
    """A copy with a new output layer: random weights, bias = ``mean_pose`` (J, 3) metres. Raises ModelError."""
    if mean_pose.ndim != 2 or mean_pose.shape[1] != 3 or not np.isfinite(mean_pose).all():
        raise ModelError(f"mean pose: expected finite (J, 3), got {mean_pose.shape}")
    other = VideoPose3D(network.joints_in, len(mean_pose), network.stack, network.channels, network.drop.p)
    kept = {name: value for name, value in network.state_dict().items() if not name.startswith(_OUTPUT)}
    other.load_state_dict(kept, strict=False)
    with torch.no_grad():
        other.shrink.bias.copy_(torch.from_numpy(mean_pose.astype(np.float32).ravel()))  # type: ignore[union-attr]
    return other


def fit(
    network: VideoPose3D,
    batches: Callable[[int], Iterable[tuple[Tensor, Tensor]]],
    plan: Plan | None = None,
    say: Callable[[str], None] = print,
) -> list[Epoch]:
    """Trains in place; ``batches(epoch)`` gives (B, T, J, 2) inputs and (B, T', J', 3) root-relative targets."""
    plan = plan or Plan()
    rest = [weight for name, weight in network.named_parameters() if not name.startswith(_OUTPUT)]
    for weight in rest:
        weight.requires_grad_(False)
    optimiser = torch.optim.Adam(network.shrink.parameters(), lr=plan.rate, amsgrad=True)
    epochs = []
    for epoch in range(plan.epochs):
        frozen = epoch < plan.frozen_epochs
        if epoch == plan.frozen_epochs:
            _thaw(optimiser, rest, plan.thawed_rate * plan.decay**epoch)
        set_momentum(network, momentum_at(epoch / max(1, plan.epochs - 1)))
        network.train()
        if frozen:
            _hold(network)
        loss_m = _epoch(network, optimiser, batches(epoch))
        rates = [group["lr"] for group in optimiser.param_groups]
        epochs.append(Epoch(loss_m, {"output": rates[0], "rest": rates[1] if len(rates) > 1 else 0.0}))
        say(f"epoch {epoch + 1}/{plan.epochs}: {1000 * loss_m:.1f} mm{', output layer alone' * frozen}")
        for group in optimiser.param_groups:
            group["lr"] *= plan.decay
    for weight in rest:
        weight.requires_grad_(True)
    network.eval()
    return epochs


def distance(found: Tensor, truth: Tensor) -> Tensor:
    """Mean joint distance of (..., 3); NaN in the truth: not known, counts for nothing."""
    known = torch.isfinite(truth).all(dim=-1)
    return (found - truth)[known].norm(dim=-1).mean()


def _thaw(optimiser: torch.optim.Optimizer, rest: list[nn.Parameter], rate: float) -> None:
    """All learn from here on, at ``rate``."""
    for weight in rest:
        weight.requires_grad_(True)
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.add_param_group({"params": rest, "lr": rate})


def _hold(network: nn.Module) -> None:
    """Batch normalisation neither learns nor counts while its layers are frozen."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d):
            layer.eval()


def _epoch(network: nn.Module, optimiser: torch.optim.Optimizer, batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    total, count = 0.0, 0
    for inputs, targets in batches:
        optimiser.zero_grad()
        loss = distance(network(inputs), targets)
        loss.backward()
        optimiser.step()
        total, count = total + loss.item() * len(inputs), count + len(inputs)
    return total / max(1, count)
