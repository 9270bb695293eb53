"""LightGBM from Parquet parts: the numbers stay on disk, only their bins are held, a byte each; of many rows a block
at a time.

Fewer bins would not need less: LightGBM keeps the second half of a byte's place when it packs 15 bins into half a byte
(measured: 1.04 bytes a number with 15 bins and with 63).

One process, or one of several that LightGBM's own network joins. `lightgbm.dask` joins them in the same way, but hands
every worker its rows as floats (9 GB for two million windows) and does not begin again when a worker is lost.
"""

from __future__ import annotations

import re
import socket
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import lightgbm as lgb
import numpy as np

from edgepose_trainer.boosting import Boosting, Fitted, parameters
from edgepose_trainer.scaleout.parts import GROUP, Chosen, File, Rows, matrix, whole

Parameters: TypeAlias = dict[str, Any]

_BINS = 63
HELD = 300_000_000
"""Numbers of a block; two blocks are in memory while one takes the place of the other."""
_WHOLE = 3
"""So many blocks or fewer on one machine are one."""
_SECRET = re.compile(r"^\[(machines|local_listen_port|num_machines|time_out|tree_learner|num_threads): .*\]\n", re.M)
"""Lines of a model's text that tell about the cluster and differ from run to run."""


@dataclass(frozen=True, slots=True)
class Network:
    """LightGBM's sockets: ``machines`` is host:port of all, comma between."""

    machines: str
    port: int


@dataclass(frozen=True, slots=True)
class Task:
    """One booster to train; ``files`` are the rows of this machine, all else is the same on all machines."""

    files: tuple[File, ...]
    bins: tuple[str, ...]
    judge: tuple[File, ...]
    """Rows that say when to stop; none: all rounds."""
    weight: tuple[float, ...]
    """Of each label."""
    names: tuple[str, ...]
    seed: int
    boosting: Boosting
    rounds: int
    threads: int = 1
    network: Network | None = field(default=None)
    held: int = HELD


def train(task: Task) -> tuple[str, int]:
    """The model's text and the best round. Column by column: no second copy of the bins by rows."""
    binning: Parameters = {"max_bin": _BINS, "verbose": -1, "num_threads": task.threads}
    own = parameters(len(task.weight), task.seed, task.boosting)
    chosen = {**{k: v for k, v in own.items() if k != "force_row_wise"}, "force_col_wise": True, **binning}
    if task.network is not None:
        machines = task.network.machines
        chosen |= {"tree_learner": "data", "machines": machines, "num_machines": machines.count(",") + 1}
        chosen |= {"local_listen_port": task.network.port, "time_out": 2}
    reference, binning = _reference(task, binning)
    judge = _dataset(whole(task.judge), reference, binning) if task.judge else None
    rows = sum(file.rows for file in task.files)
    in_blocks = rows * len(task.names) > _WHOLE * task.held
    booster, best = (_in_blocks if in_blocks else _at_once)(task, chosen, reference, binning, judge)
    text = booster.model_to_string(num_iteration=best)
    if task.network is not None:
        booster.free_network()
    return _SECRET.sub("", text), best


def _at_once(
    task: Task, chosen: Parameters, reference: lgb.Dataset, binning: Parameters, judge: lgb.Dataset | None
) -> tuple[lgb.Booster, int]:
    data = _dataset(whole(task.files), reference, binning, task.weight)
    if judge is None:
        booster = lgb.train(chosen, data, task.rounds)
        return booster, booster.current_iteration()
    stop = lgb.early_stopping(task.boosting.patience, verbose=False)
    booster = lgb.train(chosen, data, task.rounds, valid_sets=[judge], callbacks=[stop])
    return booster, booster.best_iteration


def _in_blocks(
    task: Task, chosen: Parameters, reference: lgb.Dataset, binning: Parameters, judge: lgb.Dataset | None
) -> tuple[lgb.Booster, int]:
    """Some rounds from one draw of the rows, some from the next, until every row has been seen.

    It is LightGBM's bagging with a bag for several rounds, but that the bags are drawn from the disk.
    """
    chosen = {**chosen, "bagging_fraction": 1.0, "bagging_freq": 0}
    blocks = drawn(task.files, max(task.held // len(task.names), 1), task.seed)
    each = -(-task.rounds // len(blocks))
    alive: deque[lgb.Dataset] = deque()
    booster: lgb.Booster | None = None
    losses: list[float] = []
    for number in range(task.rounds):
        if number % each == 0:
            alive.append(_dataset(blocks[number // each], reference, binning, task.weight))
        booster = booster or _begun(chosen, alive[-1], judge)
        booster.update(alive[-1])
        if len(alive) > 1:  # LightGBM looked at the block before once more
            alive.popleft()
        if judge is not None:
            losses.append(booster.eval_valid()[0][2])
            if len(losses) - 1 - int(np.argmin(losses)) >= task.boosting.patience:
                break
    assert booster is not None
    return booster, int(np.argmin(losses)) + 1 if losses else booster.current_iteration()


def _begun(chosen: Parameters, data: lgb.Dataset, judge: lgb.Dataset | None) -> lgb.Booster:
    booster = lgb.Booster(chosen, data)
    return booster if judge is None else booster.add_valid(judge, "judge")


def drawn(files: Sequence[File], rows: int, seed: int) -> list[list[Chosen]]:
    """All row groups of the files, dealt out by chance to blocks of about ``rows`` rows."""
    groups = [(place, group) for place, file in enumerate(files) for group in range(-(-file.rows // GROUP))]
    order = np.random.default_rng(seed).permutation(len(groups))
    dealt = np.array_split(order, max(1, -(-sum(file.rows for file in files) // rows)))
    blocks = []
    for share in dealt:
        own: dict[int, list[int]] = {}
        for place, group in sorted(groups[number] for number in share.tolist()):
            own.setdefault(place, []).append(group)
        blocks.append([Chosen(files[place], tuple(some)) for place, some in own.items()])
    return [block for block in blocks if block]


def _reference(task: Task, binning: Parameters) -> tuple[lgb.Dataset, Parameters]:
    """Bins that every machine makes from the same sample, before it joins the others."""
    sample = matrix(task.bins)
    binning = {**binning, "bin_construct_sample_cnt": max(len(sample), 1)}
    return lgb.Dataset(sample, feature_name=list(task.names), params=dict(binning)).construct(), binning


def _dataset(
    chosen: Sequence[Chosen], reference: lgb.Dataset, binning: Parameters, weight: Sequence[float] | None = None
) -> lgb.Dataset:
    labels = np.concatenate([one.labels() for one in chosen])
    weights = None if weight is None else np.asarray(weight, np.float32)[labels]
    rows = [Rows(one) for one in chosen]
    return lgb.Dataset(rows, labels, reference=reference, weight=weights, params=dict(binning)).construct()


def fitted(text: str, best: int) -> Fitted:
    """What ``train`` gave, as a booster."""
    return Fitted(lgb.Booster(model_str=text), best)


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as asked:
        asked.bind(("", 0))
        return int(asked.getsockname()[1])
