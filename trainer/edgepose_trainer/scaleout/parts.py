"""Samples -> parts that a worker can take -> features in Parquet files -> rows for LightGBM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from edgepose.card import WindowSpec
from edgepose.types import Float32
from edgepose.window import GAP_S, windows_of
from edgepose_trainer.samples import Samples, Worse, featurise, worsen
from edgepose_trainer.scaleout import addresses

ROWS = 8192
"""Windows of a part: 25 MB of keypoints, 38 MB of features."""
GROUP = 2048
"""Rows that are read at once."""
_BLOCK = 4096
"""Frames that windows are cut from at once."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one right-handed recording and the windows wanted from it."""

    times_s: NDArray[np.float64]
    """(F,)"""
    keypoints: Float32
    """(F, 17, 3)"""
    centres_s: NDArray[np.float64]
    """(W,) times of the frames that the windows are centred on."""


@dataclass(frozen=True, slots=True)
class Part:
    """All that a worker needs for the features of some windows; the same part gives the same features anywhere."""

    number: int
    pieces: tuple[Piece, ...]
    width: Float32
    """(N,) factors for x."""
    labels: NDArray[np.int16]
    """(N,)"""
    spec: WindowSpec
    features: str
    seed: int
    worse: Worse | None = None
    """Set: the windows are seen through a worse camera."""


def parts_of(
    samples: Samples, width: Float32, labels: NDArray[np.intp], features: str, seed: int, worse: Worse | None = None
) -> Iterator[Part]:
    """Parts of ``ROWS`` windows, in the order of the samples."""
    for number, start in enumerate(range(0, len(samples), ROWS)):
        rows = np.arange(start, min(start + ROWS, len(samples)))
        pieces = tuple(pieces_of(samples.take(rows)))
        yield Part(
            number, pieces, width[rows], labels[rows].astype(np.int16), samples.spec, features, seed, worse
        )  # fmt: skip


def pieces_of(samples: Samples) -> Iterator[Piece]:
    """Stretches of at most ``_BLOCK`` frames, with as much on both sides as their windows look at."""
    margin_s = (samples.spec.frames - 1) / 2 / samples.spec.rate_hz + 2 * GAP_S
    for run in _runs(samples.recording):
        recording = samples.recordings[samples.recording[run[0]]]
        times_s = recording.times_s
        frame = np.searchsorted(times_s, samples.centre_s[run])
        for block in _runs(frame // _BLOCK):
            centre = frame[block]
            low = max(int(np.searchsorted(times_s, times_s[centre.min()] - margin_s)) - 1, 0)
            high = int(np.searchsorted(times_s, times_s[centre.max()] + margin_s)) + 1
            yield Piece(times_s[low:high], recording.keypoints[low:high], times_s[centre])


def _runs(values: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Indices of each run of equal values."""
    return np.split(np.arange(len(values)), np.flatnonzero(np.diff(values)) + 1) if len(values) else []


def windows(piece: Piece, spec: WindowSpec) -> Float32:
    """(W, T, 17, 3), as the whole recording would give them."""
    batch = windows_of(piece.times_s, piece.keypoints, spec)
    at = np.searchsorted(piece.times_s[batch.centre], piece.centres_s)
    return batch.keypoints[at]


def inputs(part: Part) -> Float32:
    """(N, D) features."""
    keypoints = np.concatenate([windows(piece, part.spec) for piece in part.pieces])
    keypoints[..., 0] *= part.width[:, None, None]
    if part.worse is not None:
        keypoints = worsen(keypoints, part.worse, np.random.default_rng([part.seed, part.number]))
    return featurise(keypoints, part.features)


@dataclass(frozen=True, slots=True)
class File:
    """A written part."""

    address: str
    rows: int
    bins: str
    """Address of the rows that the bins are made from; the file itself where that is all of them."""


def write(part: Part, folder: str, step: int) -> File:
    """The part's features as Parquet; every ``step``-th row once more, to make bins from."""
    rows = inputs(part)
    kind = "plain" if part.worse is None else "worse"
    address = f"{folder}/{kind}-{part.number:05d}.parquet"
    bins = address if step == 1 else f"{folder}/{kind}-{part.number:05d}-bins.parquet"
    _write(address, rows, part.labels)
    if step > 1:
        _write(bins, rows[::step], part.labels[::step])
    return File(address, len(rows), bins)


def _write(address: str, rows: Float32, labels: NDArray[np.int16]) -> None:
    columns = {
        "label": pa.array(labels),
        "features": pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1]),
    }
    with addresses.writing(address) as file:
        pq.write_table(pa.table(columns), file, row_group_size=GROUP, compression="none", use_dictionary=False)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some row groups of a file, ascending: all but the file's last have ``GROUP`` rows."""

    file: File
    groups: tuple[int, ...]

    @property
    def rows(self) -> int:
        return sum(min(GROUP, self.file.rows - group * GROUP) for group in self.groups)

    def labels(self) -> NDArray[np.int16]:
        """(R,)"""
        with addresses.reading(self.file.address) as file:
            table = pq.ParquetFile(file).read_row_groups(list(self.groups), columns=["label"])
        return np.asarray(table["label"].to_numpy())


def whole(files: Sequence[File]) -> list[Chosen]:
    """Every row group."""
    return [Chosen(file, tuple(range(-(-file.rows // GROUP)))) for file in files]


class Rows(lgb.Sequence):
    """The features of some row groups, read one at a time."""

    batch_size = GROUP

    def __init__(self, chosen: Chosen) -> None:
        self._chosen = chosen

    def __len__(self) -> int:
        return self._chosen.rows

    def __getitem__(self, wanted: Any) -> Float32:
        """(R, D) of the row group that the slice begins with: LightGBM asks for ``batch_size`` rows in turn."""
        group = self._chosen.groups[wanted.start // GROUP]
        with addresses.reading(self._chosen.file.address) as file:
            table = pq.ParquetFile(file).read_row_group(group, columns=["features"])
        column = table["features"].combine_chunks()
        return np.asarray(column.flatten().to_numpy(zero_copy_only=False)).reshape(len(column), -1)


def matrix(addressed: Sequence[str]) -> Float32:
    """(N, D) of whole files."""
    parts = []
    for address in addressed:
        with addresses.reading(address) as file:
            column = pq.read_table(file, columns=["features"])["features"].combine_chunks()
        parts.append(np.asarray(column.flatten().to_numpy(zero_copy_only=False)).reshape(len(column), -1))
    return np.concatenate(parts)
