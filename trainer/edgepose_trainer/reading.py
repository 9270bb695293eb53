"""Every ``--data`` argument finds its importer by what is in it, never by its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from edgepose_trainer.formats import TABLES, table_of
from edgepose_trainer.importers import mocap, session
from edgepose_trainer.recordings import Source


def read(paths: Sequence[Path]) -> list[Source]:
    """Tables, recorded sessions, folders of sessions and takes of motion capture; raises SettingsError."""
    return [source for path in paths for source in _read(path)]


def _read(path: Path) -> Iterator[Source]:
    if (path / "session.json").is_file():
        yield session.read(path)
    elif mocap.files_of(path):
        yield mocap.read(path)
    elif path.is_dir() and (folders := sorted(file.parent for file in path.glob("*/session.json"))):
        yield session.read_all(path, folders)
    elif path.is_dir():
        yield session.read(path)  # says what is missing
    else:
        yield TABLES[table_of(path)][1](path)
