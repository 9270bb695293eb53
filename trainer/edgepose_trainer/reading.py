"""Every ``--data`` argument finds its importer by what is in it, never by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from edgepose.errors import SettingsError
from edgepose_trainer.importers import hampen, keller, mocap, penn, session, thetis
from edgepose_trainer.recordings import Source


def read(paths: Sequence[Path]) -> list[Source]:
    """Tables, recorded sessions and BVH takes, each recognised by what is in it; raises SettingsError."""
    return [_read(path) for path in paths]


def _read(path: Path) -> Source:
    if mocap.files_of(path):
        return mocap.read(path)
    if path.is_dir():
        return session.read(path)
    try:
        columns = frozenset(pq.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        raise SettingsError(f"{path}: no readable parquet table: {str(error).splitlines()[0]}") from None
    readers: list[tuple[frozenset[str], Callable[[Path], Source]]] = [
        (keller.COLUMNS, keller.read),
        (hampen.COLUMNS, hampen.read),
        (thetis.COLUMNS, thetis.read),
        (penn.COLUMNS, penn.read),
    ]
    for wanted, reader in readers:
        if wanted <= columns:
            return reader(path)
    raise SettingsError(
        f"{path}: no stroke table that I know: expected the columns of keller_clips, hampen_frames, "
        f"thetis_skeletons or penn_action, or a recorded session folder, or BVH takes; "
        f"got {', '.join(sorted(columns)[:8])} …"
    )
