"""LightGBM from Parquet parts: the numbers stay on disk, only their bins are held; many of them at half a byte each.

One process, or one of several that LightGBM's own network joins. `lightgbm.dask` joins them in the same way, but hands
every worker its rows as floats (9 GB for two million windows) and does not begin again when a worker is lost.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field

import lightgbm as lgb
import numpy as np

from edgepose.types import Float32
from edgepose_trainer.boosting import Boosting, Fitted, parameters
from edgepose_trainer.scaleout.parts import File, Rows, labels_of, matrix

_WIDE, _NARROW = 63, 15
"""Bins of a feature; 15 fit into half a byte."""
_MANY = 1_000_000_000
"""Numbers for which bins of half a byte are taken."""
_SECRET = re.compile(r"^\[(machines|local_listen_port|num_machines|time_out|tree_learner|num_threads): .*\]\n", re.M)
"""Lines of a model's text that tell about the cluster and differ from run to run."""
_MOST = 2_600_000_000
"""Numbers that worse copies may fill up to: 1.3 GB of bins."""


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
    many: bool
    """Whether all machines together have more than fits at a byte a number."""
    seed: int
    boosting: Boosting
    rounds: int
    threads: int = 1
    network: Network | None = field(default=None)


def many(rows: int, columns: int) -> bool:
    """Whether the bins are kept in half a byte."""
    return rows * columns > _MANY


def every(rows: int, columns: int) -> int:
    """Every how manieth window gets a worse copy: every second, fewer where there would be too many, in the end one."""
    room = _MOST // columns - rows
    return max(2, -(-rows // room)) if room > 0 else rows


def train(task: Task) -> tuple[str, int]:
    """The model's text and the best round. Column by column: no second copy of the bins by rows."""
    binning = {"max_bin": _NARROW if task.many else _WIDE, "verbose": -1, "num_threads": task.threads}
    own = parameters(len(task.weight), task.seed, task.boosting)
    chosen = {**{k: v for k, v in own.items() if k != "force_row_wise"}, "force_col_wise": True, **binning}
    data, judge = _datasets(task, binning)
    if task.network is not None:
        machines = task.network.machines
        chosen |= {"tree_learner": "data", "machines": machines, "num_machines": machines.count(",") + 1}
        chosen |= {"local_listen_port": task.network.port, "time_out": 2}
    if judge is None:
        booster = lgb.train(chosen, data, task.rounds)
    else:
        stop = lgb.early_stopping(task.boosting.patience, verbose=False)
        booster = lgb.train(chosen, data, task.rounds, valid_sets=[judge], callbacks=[stop])
    best = booster.current_iteration() if judge is None else booster.best_iteration
    text = booster.model_to_string(num_iteration=-1)
    if task.network is not None:
        booster.free_network()
    return _SECRET.sub("", text), best


def _datasets(task: Task, binning: dict[str, int]) -> tuple[lgb.Dataset, lgb.Dataset | None]:
    """Rows and judge in bins that every machine makes from the same sample, before it joins the others."""
    sample = matrix(task.bins)
    binning = {**binning, "bin_construct_sample_cnt": max(len(sample), 1)}
    reference = lgb.Dataset(sample, feature_name=list(task.names), params=dict(binning)).construct()
    del sample
    data = _dataset(task.files, reference, binning, np.asarray(task.weight, np.float32))
    return data, _dataset(task.judge, reference, binning) if task.judge else None


def _dataset(
    files: tuple[File, ...], reference: lgb.Dataset, binning: dict[str, int], weight: Float32 | None = None
) -> lgb.Dataset:
    labels = np.concatenate([labels_of(file.address) for file in files])
    weights = None if weight is None else weight[labels]
    rows = [Rows(file) for file in files]
    return lgb.Dataset(rows, labels, reference=reference, weight=weights, params=dict(binning)).construct()


def fitted(text: str, best: int) -> Fitted:
    """What ``train`` gave, as a booster."""
    return Fitted(lgb.Booster(model_str=text), best)


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as asked:
        asked.bind(("", 0))
        return int(asked.getsockname()[1])
