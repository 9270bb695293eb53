"""Every ``--data`` argument finds its importer by what is in it, never by its name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from edgepose_trainer.formats import TABLES, table_of
from edgepose_trainer.importers import mocap, penn, session
from edgepose_trainer.recordings import Source
from edgepose_trainer.synth import practice


def read(paths: Sequence[Path], wanted: Collection[str] | None = None) -> list[Source]:
    """Tables, recorded sessions, folders of sessions, takes of motion capture, motion models; raises SettingsError.

    ``wanted``: the labels asked for, for data sets of many sports where the others are no strokes.
    """
    return [source for path in paths for source in _read(path, wanted)]


def _read(path: Path, wanted: Collection[str] | None) -> Iterator[Source]:
    if (path / "session.json").is_file():
        yield session.read(path)
    elif mocap.files_of(path):
        yield mocap.read(path)
    elif practice.fits(path):
        yield practice.read(path)
    elif path.is_dir() and (folders := sorted(file.parent for file in path.glob("*/session.json"))):
        yield session.read_all(path, folders)
    elif path.is_dir():
        yield session.read(path)  # says what is missing
    elif (table := table_of(path)) == "penn" and wanted is not None:
        yield penn.read(path, wanted)
    else:
        yield TABLES[table][1](path)
