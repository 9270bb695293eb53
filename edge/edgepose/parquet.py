"""Parquet parts: columns checked once as they enter, files written whole or not at all.

The only place that imports pyarrow, and only inside functions: it costs 37 MB, which a device that
records nothing need not pay.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import SessionError
from edgepose.types import Array, Float32

PARTIAL = ".partial"
"""Ends the name of a file that is still being written."""


@dataclass(frozen=True, slots=True)
class Part:
    """One parquet file that could be read; ``name`` stands in messages."""

    name: str
    table: Any

    @property
    def metadata(self) -> dict[str, str]:
        """Keys and values of the file's schema."""
        raw = self.table.schema.metadata or {}
        return {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in raw.items()}

    def numbers(self, column: str, dtype: type[np.generic]) -> NDArray[Any]:
        """(N,) as ``dtype``; integers must be integers. Raises SessionError."""
        values = self._column(column)
        whole = np.issubdtype(dtype, np.integer)
        kinds = "iu" if whole else "iuf"
        array: NDArray[Any] = values.to_numpy(zero_copy_only=False)
        if array.dtype.kind not in kinds:
            raise self._wrong(column, "integers" if whole else "numbers", values.type)
        return array.astype(dtype, copy=False)

    def vectors(self, column: str, multiple: int, width: int | None = None) -> Float32:
        """(N, width) from a list column whose lists are all ``width`` (None: equally) long."""
        import pyarrow.types as kinds

        values = self._column(column)
        is_list = kinds.is_list(values.type) or kinds.is_large_list(values.type)
        if not (is_list or kinds.is_fixed_size_list(values.type)):
            raise self._wrong(column, "lists of float32", values.type)
        flat = values.flatten().to_numpy(zero_copy_only=False)
        if flat.dtype.kind not in "iuf":
            raise self._wrong(column, "lists of float32", values.type)
        got = np.diff(values.offsets.to_numpy()) if is_list else np.array([values.type.list_size])
        expected = width if width is not None else int(got[0]) if len(got) else multiple
        if expected % multiple or expected == 0 or (got != expected).any():
            shown = ", ".join(str(size) for size in np.unique(got)[:4])
            what = str(width) if width is not None else f"the same multiple of {multiple}"
            raise SessionError(f"{self.name}: lists in column {column} must have {what} numbers, got {shown}")
        return np.asarray(flat, np.float32).reshape(len(values), expected)

    def _column(self, column: str) -> Any:
        if column not in self.table.column_names:
            have = ", ".join(self.table.column_names)
            raise SessionError(f"{self.name}: column {column} is missing; columns here: {have}")
        values = self.table.column(column).combine_chunks()
        if values.null_count:
            raise SessionError(f"{self.name}: column {column} has {values.null_count} empty values")
        return values

    def _wrong(self, column: str, expected: str, got: object) -> SessionError:
        return SessionError(f"{self.name}: column {column} must hold {expected}, got {got}")


def read_parts(path: Path, folder: str) -> tuple[list[Part], tuple[str, ...]]:
    """The parts of ``path/folder`` in name order, or the one file ``path``; and "part: why" of those skipped.

    Raises SessionError when there is none that can be read.
    """
    paths = [path] if path.is_file() else sorted((path / folder).glob("*.parquet"))
    parts: list[Part] = []
    skipped = [f"{folder}/{found.name}: was still being written" for found in _unfinished(path / folder)]
    for found in paths:
        name = str(found) if path.is_file() else f"{folder}/{found.name}"
        try:
            parts.append(Part(name, _read_table(found)))
        except OSError as error:
            skipped.append(f"{name}: {' '.join(str(error).split())[:160]}")
    if not parts:
        why = f"; {skipped[0]}" if skipped else f"; expected {folder}/*.parquet"
        raise SessionError(f"{path}: no {folder} that can be read{why}")
    return parts, tuple(skipped)


def write_table(path: Path, columns: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """(N,) arrays become plain columns, (N, …) float arrays list<float32>. Raises OSError (disk full)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {name: pa.array(array) if array.ndim == 1 else _lists(array) for name, array in columns.items()}
    table = pa.table(arrays).replace_schema_metadata(dict(metadata))
    replace_file(path, lambda partial: pq.write_table(table, partial, compression="zstd", write_page_checksum=True))


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Lets ``write`` fill ``path.partial``, brings it to the disk, then gives it its name."""
    partial = path.with_name(path.name + PARTIAL)
    write(partial)
    _to_disk(partial)
    partial.replace(path)
    _to_disk(path.parent)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unfinished(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*.parquet{PARTIAL}"))


def _read_table(path: Path) -> Any:
    """Raises OSError for whatever makes the file unreadable."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # ParquetFile, because read_table takes a file for a data set and makes up columns from its path.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read()
    except pa.ArrowException as error:
        raise OSError(str(error)) from None


def _lists(array: Array) -> Any:
    import pyarrow as pa

    offsets = np.arange(len(array) + 1, dtype=np.int32) * math.prod(array.shape[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.asarray(array, np.float32).reshape(-1)))
