"""Several processes that train one network on the processor; after every step each has the mean of all gradients.

Two threads in one process are hardly faster than one on layers this small; two processes are 1.7 times as fast
(docs/training.md).
"""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, distributed

from edgepose.errors import EdgePoseError, SettingsError


@dataclass(frozen=True, slots=True)
class Team:
    """This process among all that train together."""

    rank: int = 0
    """0: the one that was started; it alone writes."""
    size: int = 1

    def average(self, parameters: Iterable[Tensor]) -> None:
        """Gradients become the mean of everybody's. Raises EdgePoseError when another process has ended."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        means = self._mean(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, mean in zip(gradients, means.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def mean(self, value: float) -> float:
        """Of everybody's value, to the bit the same for everybody."""
        return value if self.size == 1 else float(self._mean(torch.tensor([value], dtype=torch.float64)))

    def _mean(self, values: Tensor) -> Tensor:
        try:
            distributed.all_reduce(values)
        except RuntimeError as error:
            raise EdgePoseError("a process of the training has ended: killed, or out of memory") from error
        return values / self.size

    def shared(self, work: Iterable[str]) -> list[str]:
        """This process's part of ``work``."""
        return list(work)[self.rank :: self.size]

    def gathered(self, figures: dict[str, float]) -> dict[str, float]:
        """Everybody's."""
        if self.size == 1:
            return figures
        parts: list[dict[str, float]] = [{} for _ in range(self.size)]
        distributed.all_gather_object(parts, figures)
        return {name: value for part in parts for name, value in part.items()}


ALONE = Team()


def together(size: int, work: Callable[[Team], None]) -> None:
    """Does ``work`` here and in ``size`` - 1 copies of this process, which end with it."""
    if size == 1:
        work(ALONE)
        return
    if "fork" not in multiprocessing.get_all_start_methods():
        raise SettingsError("several training processes need an operating system that forks: Linux or macOS")
    context = multiprocessing.get_context("fork")  # the pictures decoded so far are shared
    with tempfile.TemporaryDirectory() as folder:
        meeting = Path(folder) / "meeting"
        others = [
            context.Process(target=_help, args=(meeting, Team(rank, size), work), name=f"training {rank}")
            for rank in range(1, size)
        ]
        for other in others:
            other.start()
        try:
            _join(meeting, Team(0, size), work)
        finally:
            for other in others:
                other.terminate()
                other.join()


def _help(meeting: Path, team: Team, work: Callable[[Team], None]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process hears it and ends the others
    try:
        _join(meeting, team, work)
    except EdgePoseError:
        return  # the first process has ended


def _join(meeting: Path, team: Team, work: Callable[[Team], None]) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=team.rank, world_size=team.size)
    try:
        work(team)
    finally:
        distributed.destroy_process_group()
