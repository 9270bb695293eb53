"""Files by fsspec address: a path, or `s3://bucket/…` and whatever else fsspec knows."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from edgepose.errors import SettingsError

_BUCKETS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs"})
"""Stores that have no folders: making one would make a bucket."""
_REFUSED = "access denied: are the credentials right (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)?"


def remote(address: str) -> bool:
    """Whether it is more than a path."""
    return "://" in address


@contextmanager
def told(address: str) -> Iterator[None]:
    """What can go wrong with an address, in one line that names it; raises SettingsError."""
    try:
        yield
    except FileNotFoundError:
        raise SettingsError(f"{address}: not there") from None
    except PermissionError:
        raise SettingsError(f"{address}: {_REFUSED}") from None
    except (ImportError, ValueError) as error:  # no such protocol, or its package is missing
        raise SettingsError(f"{address}: {_line(error)}") from None
    except OSError as error:
        raise SettingsError(f"{address}: {_line(error)}") from None
    except Exception as error:  # botocore's errors share no base with OSError
        if not type(error).__module__.startswith(("botocore", "aiobotocore")):
            raise
        missing = "Credential" in type(error).__name__
        raise SettingsError(f"{address}: {_REFUSED if missing else _line(error)}") from None


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def opened(address: str) -> tuple[Any, str]:
    """The filesystem and the path in it; raises SettingsError for a protocol that is not there."""
    import fsspec

    with told(address):
        system, path = fsspec.core.url_to_fs(address, use_listings_cache=False)
        return system, str(path)


@contextmanager
def reading(address: str) -> Iterator[IO[bytes]]:
    """The file, seekable. Raises SettingsError, also while it is read."""
    system, path = opened(address)
    with told(address), system.open(path, "rb") as file:
        yield file


@contextmanager
def writing(address: str) -> Iterator[IO[bytes]]:
    """A new file; folders on the way are made. Raises SettingsError."""
    system, path = opened(address)
    with told(address):
        if not _BUCKETS & set(_protocols(system)):
            system.makedirs(path.rpartition("/")[0], exist_ok=True)
        with system.open(path, "wb") as file:
            yield file


def _protocols(system: Any) -> tuple[str, ...]:
    return (system.protocol,) if isinstance(system.protocol, str) else tuple(system.protocol)


@contextmanager
def copied(address: str) -> Iterator[Path]:
    """A local path: the address itself, or a copy under its own name that lasts as long as the block."""
    if not remote(address):
        yield Path(address)
        return
    system, path = opened(address)
    with tempfile.TemporaryDirectory(prefix="edgepose-") as folder:
        local = Path(folder) / path.rstrip("/").rpartition("/")[2]
        with told(address):
            if not system.exists(path):
                raise FileNotFoundError(path)
            if system.isdir(path):
                system.get(path.rstrip("/") + "/", str(local) + "/", recursive=True)
            else:
                system.get_file(path, str(local))
        yield local


@contextmanager
def uploaded(address: str) -> Iterator[Path]:
    """A local folder to write a model into: the address itself, or one that is copied there at the end."""
    if not remote(address):
        yield Path(address)
        return
    with writing(f"{address}/.begun"):  # refused before hours of training, not after
        pass
    system, path = opened(address)
    folder = Path(tempfile.mkdtemp(prefix="edgepose-"))
    try:
        yield folder
        with told(address):
            for file in sorted(folder.iterdir()):
                system.put_file(str(file), f"{path.rstrip('/')}/{file.name}")
            system.rm_file(f"{path.rstrip('/')}/.begun")
    finally:
        shutil.rmtree(folder)


def remove(address: str) -> None:
    """A folder with all that is in it, where it is there."""
    system, path = opened(address)
    with told(address):
        if system.exists(path):
            system.rm(path, recursive=True)


def sessions_in(address: str) -> list[str]:
    """Addresses of the recorded sessions in a folder, in name order; none for a session, a table or takes."""
    system, path = opened(address)
    with told(address):
        if not system.exists(path):
            raise FileNotFoundError(path)
        if not system.isdir(path) or system.exists(f"{path}/session.json"):
            return []
        found = sorted(str(file).rpartition("/")[0] for file in system.glob(f"{path.rstrip('/')}/*/session.json"))
    return [f"{address.rstrip('/')}/{folder.rpartition('/')[2]}" for folder in found]
