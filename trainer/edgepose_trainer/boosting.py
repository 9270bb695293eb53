"""LightGBM for strokes: seeded, one thread, byte for byte the same from the same data."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from edgepose.types import Float32

_BINS = MappingProxyType({"max_bin": 63, "verbose": -1, "num_threads": 1})
_COLUMNS = 128


@dataclass(frozen=True)
class Boosting:
    """Size and pace of the trees."""

    leaves: int = 15
    rate: float = 0.1
    most_rounds: int = 250
    patience: int = 25
    features: float = 0.15
    rows: float = 0.6
    rarest: float = 4.0
    """A window of a rare label weighs up to so much."""
    random_cuts: int = 0
    """1: a split's threshold is drawn at random and the best column taken, which holds better for unseen players."""


@dataclass(frozen=True)
class Fitted:
    """A trained booster; ``best`` is the round where the held-out loss was least."""

    booster: lgb.Booster
    best: int

    def predict(self, features: Float32, rounds: int) -> NDArray[np.float64]:
        """(N, D) -> (N, L)."""
        return np.asarray(self.booster.predict(features, num_iteration=rounds))

    def save(self, path: Path) -> None:
        """Text, whole or not at all; without what only a further training would read."""
        partial = path.with_suffix(".partial")
        partial.write_text(_slim(self.booster.model_to_string()), encoding="utf-8")
        partial.replace(path)


_STATISTICS = ("internal_value=", "internal_weight=", "internal_count=", "leaf_weight=", "leaf_count=")
"""Lines of a tree that no prediction needs: two fifths of the file."""


def _slim(model: str) -> str:
    """LightGBM's text without the trees' statistics; the header counts each tree's bytes and is written anew."""
    head, mark, rest = model.partition("\nTree=")
    trees, end, after = rest.partition("end of trees")
    kept = [line for line in (mark[1:] + trees).splitlines(keepends=True) if not line.startswith(_STATISTICS)]
    blocks = re.split(r"(?m)^(?=Tree=)", "".join(kept))[1:]
    sizes = " ".join(str(len(block.encode())) for block in blocks)
    return re.sub(r"(?m)^tree_sizes=.*$", f"tree_sizes={sizes}", head) + "\n" + "".join(blocks) + end + after


def fit(
    features: Float32,
    labels: NDArray[np.intp],
    names: Sequence[str],
    count: int,
    seed: int,
    boosting: Boosting,
    held_out: tuple[Float32, NDArray[np.intp]] | None = None,
    rounds: int | None = None,
) -> Fitted:
    """Trains ``rounds`` rounds, or until the loss on ``held_out`` has not fallen for ``patience`` rounds."""
    data = binned(features, labels, names, _weights(labels, count, boosting.rarest))
    chosen = parameters(count, seed, boosting)
    if held_out is None:
        booster = lgb.train(chosen, data, rounds or boosting.most_rounds)
        return Fitted(booster, booster.current_iteration())
    valid = lgb.Dataset(*held_out, reference=data, params=dict(_BINS))
    stop = lgb.early_stopping(boosting.patience, verbose=False)
    booster = lgb.train(chosen, data, boosting.most_rounds, valid_sets=[valid], callbacks=[stop])
    return Fitted(booster, booster.best_iteration)


def parameters(count: int, seed: int, boosting: Boosting) -> dict[str, object]:
    """Of LightGBM, for ``count`` labels."""
    return {
        "objective": "multiclass", "num_class": count, "seed": seed,
        "deterministic": True, "force_row_wise": True, "num_leaves": boosting.leaves,
        "learning_rate": boosting.rate, "feature_fraction": boosting.features, "bagging_freq": 1,
        "bagging_fraction": boosting.rows, "min_data_in_leaf": 20, "lambda_l2": 1.0,
        "extra_trees": boosting.random_cuts > 0, **_BINS,
    }  # fmt: skip


def gains(path: Path) -> NDArray[np.float64]:
    """(D,) what the splits on every feature gained, summed over the trees of a saved model."""
    return np.asarray(lgb.Booster(model_file=str(path)).feature_importance("gain"), np.float64)


def binned(features: Float32, labels: NDArray[np.intp], names: Sequence[str], weight: Float32) -> lgb.Dataset:
    """The dataset that LightGBM makes of the whole matrix, put together from a few columns at a time.

    Asked for all columns at once it keeps 12 bytes beside every number while it looks for the bins.
    """
    parts = (slice(start, start + _COLUMNS) for start in range(0, len(names), _COLUMNS))
    whole = _binned(features, names, next(parts), label=labels, weight=weight)
    with warnings.catch_warnings():  # says that the raw numbers are gone, as they should be
        warnings.simplefilter("ignore", UserWarning)
        for columns in parts:
            whole.add_features_from(_binned(features, names, columns))
    return whole


def _binned(features: Float32, names: Sequence[str], columns: slice, **more: Any) -> lgb.Dataset:
    part = np.ascontiguousarray(features[:, columns])
    return lgb.Dataset(part, feature_name=list(names[columns]), params=dict(_BINS), **more).construct()


def _weights(labels: NDArray[np.intp], count: int, rarest: float) -> Float32:
    return weight_of_labels(labels, count, rarest)[labels]


def weight_of_labels(labels: NDArray[np.intp], count: int, rarest: float) -> Float32:
    """(L,) up to ``rarest`` for those that are seen less than the typical one."""
    seen = np.bincount(labels, minlength=count)
    typical = np.median(seen[seen > 0])
    return np.asarray(np.clip(np.sqrt(typical / np.maximum(seen, 1)), 1.0, rarest), np.float32)
