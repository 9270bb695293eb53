"""A folder that appears whole or not at all: filled under another name, then renamed."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgepose.errors import SettingsError

_ENDING = ".partial"
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EFBIG}
"""What a disk says; a hidden folder's name in such a message would help nobody."""


@contextmanager
def staged(folder: Path, force: bool = False) -> Iterator[Path]:
    """An empty folder to fill; it becomes ``folder`` when all went well and vanishes when not.

    Raises SettingsError when ``folder`` is there and not to be replaced.
    """
    check_free(folder, force)
    with scratch(folder.parent, folder.name) as stage:
        yield stage
        check_free(folder, force)  # somebody else may have been quicker
        _swap(stage, folder)


@contextmanager
def scratch(parent: Path, name: str) -> Iterator[Path]:
    """A hidden empty folder in ``parent``, which is made where it is not there; gone afterwards."""
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent)
    folder = parent / f".{name}.{os.getpid()}{_ENDING}"
    try:
        folder.mkdir()
        yield folder
    except OSError as error:
        where = error.filename2 or error.filename  # of a copy, Python names the file it came from first
        if error.errno in _DISK and (where is None or Path(where).is_relative_to(folder)):
            raise OSError(error.errno, error.strerror, str(parent)) from None
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_free(folder: Path, force: bool) -> None:
    """Raises SettingsError when a model of that name is there, or something that is none and is not ours to remove."""
    if not folder.exists():
        return
    if not (folder / "card.json").is_file():
        raise SettingsError(f"{folder}: is there and holds no model: give another --name")
    if not force:
        raise SettingsError(f"{folder}: is there already: give another --name, or --force to replace it")


def _swap(stage: Path, folder: Path) -> None:
    old = stage.with_suffix(f".old{_ENDING}")
    if folder.exists():
        folder.rename(old)
    try:
        stage.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Removes what killed processes left."""
    for path in parent.glob(f".*{_ENDING}"):
        number = path.name.removesuffix(_ENDING).removesuffix(".old").rpartition(".")[2]
        if number.isdigit() and not _alive(int(number)):
            shutil.rmtree(path, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
