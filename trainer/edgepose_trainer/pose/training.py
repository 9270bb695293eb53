"""The training loop: batches of drawn samples, AdamW on a cosine, moving average, checkpoints to resume from."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor, nn

from edgepose.errors import SettingsError
from edgepose.skeletons import COCO17
from edgepose.types import Array
from edgepose_trainer.pose import validation
from edgepose_trainer.pose.assign import Truth, assign
from edgepose_trainer.pose.batches import Batches, Plan
from edgepose_trainer.pose.losses import Losses, losses
from edgepose_trainer.pose.network import Exported, PoseNetwork, cells
from edgepose_trainer.pose.pictures import Picture
from edgepose_trainer.pose.together import ALONE, Team, together

_WEIGHT_DECAY = 0.03
_EMA = 0.999
_LAST_RATE = 0.01
"""Of the first."""


class Training:
    """A network on its way; ``run`` goes on from wherever it is."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        if plan.size % 32:
            raise SettingsError(f"size: expected a multiple of 32, got {plan.size}")
        torch.manual_seed(plan.seed)
        self.plan, self.folder = plan, folder
        self.device = torch.device(plan.device)
        self.network = _channels_last(PoseNetwork(plan.width).to(self.device))
        self.average = copy.deepcopy(self.network).eval()
        self.step, self.drawn, self.spent_s = 0, 0, 0.0
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": _WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.99))
        places, strides = cells(plan.size, self.device)
        self._places, self._strides = places, strides
        self._exported = Exported(self.average, plan.size).eval()
        self._sigmas = torch.tensor(COCO17.sigmas, device=self.device)

    @property
    def progress(self) -> float:
        """0..1 of the plan; time where that is what is limited."""
        if self.plan.minutes is not None:
            done, whole = self.spent_s, 60 * self.plan.minutes
        else:
            done, whole = float(self.drawn), float(self.plan.epochs * self.plan.samples)
        return min(1.0, done / whole) if whole else 1.0

    def run(
        self, pictures: Sequence[Picture], say: Callable[[str], None] = print, workers: int = 0, processes: int = 1
    ) -> None:
        """Trains to the end of the plan; writes a checkpoint and a line of figures after every epoch.

        ``workers`` processes draw the samples, 0: this one, between steps. The samples are the same.
        ``processes`` learn together (``together``), each with workers of its own and other samples.
        """
        drawn = Batches([p for p in pictures if not p.validation], self.plan)
        aside: dict[str, list[Picture]] = {}
        for picture in pictures:
            if picture.validation:
                aside.setdefault(picture.source, []).append(picture)
        if processes > 1:
            drawn.decode()
        with _one_opencv_thread():
            together(processes, lambda team: self._run(team, drawn, aside, say, workers))

    def _run(
        self, team: Team, drawn: Batches, aside: dict[str, list[Picture]], say: Callable[[str], None], workers: int
    ) -> None:
        batches = drawn.loaded(self.step * team.size + team.rank, workers, team.size)
        while self.progress < 1:
            figures = self._epoch(batches, team)
            mine = [picture for source in team.shared(aside) for picture in aside[source]]
            figures |= team.gathered(validation.measure(mine, self.predict, self.plan.size))
            if team.rank == 0:
                self.save()
                self._note(figures, say)

    def _epoch(self, batches: Iterator[tuple[Tensor, Truth]], team: Team) -> dict[str, float]:
        sums: dict[str, float] = {}
        count, end = 0, (self.drawn // self.plan.samples + 1) * self.plan.samples
        while self.progress < 1 and self.drawn < end:
            started_s = time.monotonic()
            found = self.learn(*next(batches), team)
            self.spent_s += team.mean(time.monotonic() - started_s)
            count += 1
            for name, value in found.values().items():
                sums[name] = sums.get(name, 0.0) + value
        return {name: round(value / max(count, 1), 4) for name, value in sums.items()}

    def learn(self, images: Tensor, truth: Truth, team: Team = ALONE) -> Losses:
        """One step on what ``batched`` makes, and on what the others of the team have."""
        images, truth = images.to(self.device), truth.to(self.device)
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate()
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            raw = self.network(_planes(images))
        scores = raw.scores.detach().sigmoid()
        chosen = assign(
            raw.boxes.detach(), scores, raw.joints.detach(), truth, self._places, self._strides, self._sigmas
        )
        result = losses(raw, truth, chosen, self._sigmas)
        self.optimiser.zero_grad(set_to_none=True)
        result.total.backward()
        team.average(self.network.parameters())
        nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self.optimiser.step()
        self.step += 1
        self.drawn += self.plan.batch * team.size
        self._follow()
        return result

    def _rate(self) -> float:
        warm = min(1.0, (self.step + 1) / self.plan.warm_steps)
        cosine = _LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + math.cos(math.pi * self.progress))
        return self.plan.rate * warm * cosine

    @torch.no_grad()
    def _follow(self) -> None:
        keep = _EMA * (1 - math.exp(-self.step / 300))
        for mean, now in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(now, 1 - keep)
            else:
                mean.copy_(now)

    @torch.no_grad()
    def predict(self, images: Array) -> tuple[Array, Array]:
        """The averaged network on (B, S, S, 3) uint8 RGB -> (B, 56, N), (B, 17, S/8, S/8)."""
        rows, maps = self._exported(_planes(torch.from_numpy(images).to(self.device)))
        return rows.float().cpu().numpy(), maps.float().cpu().numpy()

    def save(self) -> Path:
        """Writes ``checkpoint.pt``, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "checkpoint.pt"
        state = {
            "plan": asdict(self.plan),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "drawn": self.drawn,
            "spent_s": self.spent_s,
        }
        torch.save(state, path.with_suffix(".partial"))
        path.with_suffix(".partial").replace(path)
        return path

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on exactly where a checkpoint of the same width was written."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.drawn, self.spent_s = state["step"], state["drawn"], state["spent_s"]

    def _note(self, figures: dict[str, float], say: Callable[[str], None]) -> None:
        line = {
            "step": self.step,
            "samples": self.drawn,
            "minutes": round(self.spent_s / 60, 1),
            "progress": round(self.progress, 3),
            **figures,
        }
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        say(json.dumps(line))


def _channels_last(network: PoseNetwork) -> PoseNetwork:
    """The memory order in which bf16 convolutions are a third faster on the processor."""
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return network


def _planes(images: Tensor) -> Tensor:
    """(B, S, S, 3) uint8 -> (B, 3, S, S) 0..1, channels last in memory."""
    return images.permute(0, 3, 1, 2).float().div(255).contiguous(memory_format=torch.channels_last)


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """Small pictures: OpenCV's threads would only take the network's core."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
