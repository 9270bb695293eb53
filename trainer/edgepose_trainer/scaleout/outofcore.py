"""The stroke trainer's engine whose features lie in Parquet: sources -> samples -> parts -> features -> LightGBM.

The same code for this process alone and for a cluster; who works is the crew's business.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from edgepose.errors import EdgePoseError
from edgepose.features import names
from edgepose.types import Float32
from edgepose_trainer.boosting import Fitted, weight_of_labels
from edgepose_trainer.importers import session
from edgepose_trainer.importers.session import Session
from edgepose_trainer.presets import Preset
from edgepose_trainer.reading import read
from edgepose_trainer.recordings import Source
from edgepose_trainer.samples import Samples, Worse, likely_widths, thin
from edgepose_trainer.scaleout import addresses, boosters
from edgepose_trainer.scaleout.boosters import HELD, Task
from edgepose_trainer.scaleout.crews import Crew
from edgepose_trainer.scaleout.parts import File, Part, inputs, parts_of, write
from edgepose_trainer.strokes import FRAMES, STOP_SHARE, numbers

_BINNED = 30_000
"""Rows that the bins are made from: all of them, or evenly so many."""
_JUDGED = 50_000
"""Rows that say when to stop, at most: every machine holds them all."""


@dataclass(frozen=True, slots=True)
class OutOfCore:
    """Reads, fits and predicts with the numbers under ``folder`` (a path or a bucket), which all workers see."""

    crew: Crew
    folder: str
    held: int = HELD
    """Numbers that a machine holds at once, as `boosters.HELD`."""

    def read(self, data: Sequence[str], wanted: Collection[str] | None = None) -> list[Source]:
        """Every address in a task of its own, and every session of a folder; raises SettingsError."""
        sources = []
        for address in data:
            folders = addresses.sessions_in(address)
            if folders:
                sources.append(session.joined(address, self.crew.each(_session, folders)))
            else:
                sources += self.crew.each(partial(_sources, wanted=wanted), [address])[0]
        return sources

    def fit_on(
        self,
        samples: Samples,
        labels: Sequence[str],
        preset: Preset,
        seed: int,
        held_out: Samples | None = None,
        rounds: int | None = None,
    ) -> Fitted:
        """As `strokes.fit_on`; the worse copies are drawn part by part, so they are others than in memory."""
        try:
            task = self._written(samples, labels, preset, seed, held_out, rounds or preset.boosting.most_rounds)
            del samples, held_out  # a few hundred megabytes of millions of windows
            return boosters.fitted(*self.crew.train(task))
        finally:
            addresses.remove(self.folder)

    def _written(
        self,
        samples: Samples,
        labels: Sequence[str],
        preset: Preset,
        seed: int,
        held_out: Samples | None,
        rounds: int,
    ) -> Task:
        """The features of all windows to learn from, in files, and what is to be done with them."""
        rng = np.random.default_rng(seed)
        samples = thin(samples, preset.most, rng)
        columns = tuple(names(preset.features, FRAMES))
        second = samples.take(np.arange(0, len(samples), 2))
        copied = _widths(second, preset, rng)
        judged = None if held_out is None else _evenly(thin(held_out, preset.most // STOP_SHARE, rng), _JUDGED)
        step = -(-(len(samples) + len(second)) // _BINNED)
        work = _Work(self, labels, preset, seed)
        files = work.write(samples, _seen(samples, preset, seed), step)
        files += work.write(second, copied, step, preset.worse)
        judge = () if judged is None else work.write(judged, _seen(judged, preset, seed), 1, folder="judge")
        truth = numbers(np.concatenate([samples.labels, second.labels]), labels)
        weight = weight_of_labels(truth, len(labels), preset.boosting.rarest)
        return Task(
            files, tuple(file.bins for file in files), judge, tuple(weight.tolist()), columns,
            seed, preset.boosting, rounds, held=self.held,
        )  # fmt: skip

    def predict(
        self, fitted: Fitted, samples: Samples, rows: NDArray[np.intp], preset: Preset, rounds: int, seed: int
    ) -> NDArray[np.float64]:
        """(R, L), as `strokes.predict`."""
        own = samples.take(rows)
        width = _seen(samples, preset, seed)[rows]
        text = fitted.booster.model_to_string(num_iteration=rounds)
        unlabelled = np.zeros(len(rows), np.intp)
        jobs = ((part, text) for part in parts_of(own, width, unlabelled, preset.features, seed))
        return np.concatenate(self.crew.each(_predict, jobs))


@dataclass(frozen=True, slots=True)
class _Work:
    """What all files of one fit have in common."""

    engine: OutOfCore
    labels: Sequence[str]
    preset: Preset
    seed: int

    def write(
        self, samples: Samples, width: Float32, step: int, worse: Worse | None = None, folder: str = "learn"
    ) -> tuple[File, ...]:
        truth = numbers(samples.labels, self.labels)
        parts = parts_of(samples, width, truth, self.preset.features, self.seed, worse)
        jobs = ((part, f"{self.engine.folder}/{folder}", step) for part in parts)
        return tuple(self.engine.crew.each(_write, jobs))


def _widths(samples: Samples, preset: Preset, rng: np.random.Generator) -> Float32:
    return likely_widths(samples, rng) if preset.restore_aspect else np.ones(len(samples), np.float32)


def _seen(samples: Samples, preset: Preset, seed: int) -> Float32:
    """(N,) what x is stretched by, as `strokes.seen_by` does."""
    return _widths(samples, preset, np.random.default_rng(seed))


def _evenly(samples: Samples, most: int) -> Samples:
    return samples.take(np.arange(0, len(samples), -(-len(samples) // most)))


def _session(address: str) -> Session:
    with addresses.copied(address) as path, _named(path, address):
        return session.one(path)


def _sources(address: str, wanted: Collection[str] | None) -> list[Source]:
    with addresses.copied(address) as path, _named(path, address):
        return read([path], wanted)


@contextmanager
def _named(path: Path, address: str) -> Iterator[None]:
    """Errors speak of the address, not of the copy that was read."""
    try:
        yield
    except EdgePoseError as error:
        raise type(error)(str(error).replace(str(path), address)) from None


def _write(job: tuple[Part, str, int]) -> File:
    return write(*job)


def _predict(job: tuple[Part, str]) -> NDArray[np.float64]:
    part, text = job
    return np.asarray(lgb.Booster(model_str=text).predict(inputs(part)))
