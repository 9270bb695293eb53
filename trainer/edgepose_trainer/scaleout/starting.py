"""`edgepose train strokes` with `--scheduler`, `--parts` or addresses: builds the engine, cleans up behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from edgepose.card import Card
from edgepose.errors import SettingsError
from edgepose_trainer.scaleout import addresses
from edgepose_trainer.scaleout.crews import Alone, Cluster, Crew
from edgepose_trainer.scaleout.outofcore import OutOfCore
from edgepose_trainer.strokes import Engine

Say = Callable[[str], object]
Train = Callable[..., Card]
"""(data, out folder, engine=…)."""


def train(data: Sequence[str], out: str, scheduler: str | None, parts: str | None, run: Train, say: Say) -> Card:
    """Runs ``run`` on the engine; a remote ``out`` is written at the end. Raises SettingsError."""
    _need("fsspec")
    if scheduler is not None:
        _need("distributed")
    data = [_absolute(address) for address in data]
    folder = f"{_absolute(parts)}/edgepose-parts" if parts else f"{_absolute(out.rstrip('/'))}.edgepose-parts"
    with _crew(scheduler, say) as crew, addresses.uploaded(out) as local:
        work = OutOfCore(crew, folder)
        return run(data, local, engine=Engine(work.read, work.fit_on, work.predict))


def _need(package: str) -> None:
    try:
        import_module(package)
    except ImportError:
        raise SettingsError(f"{package} is not installed: pip install 'edgepose[cluster]'") from None


@contextmanager
def _crew(scheduler: str | None, say: Say) -> Iterator[Crew]:
    if scheduler is None:
        yield Alone()
        return
    cluster = Cluster(scheduler, say)
    try:
        yield cluster
    finally:
        cluster.close()


def _absolute(address: str) -> str:
    """Workers may have another working directory."""
    return address if addresses.remote(address) else str(Path(address).resolve())
