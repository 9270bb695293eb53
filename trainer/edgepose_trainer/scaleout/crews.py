"""Who does the work: this process alone, or the workers of a Dask cluster."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, Protocol, TypeVar
from urllib.parse import urlparse

from edgepose import __version__
from edgepose.errors import EdgePoseError, SettingsError
from edgepose_trainer.scaleout import boosters
from edgepose_trainer.scaleout.boosters import Network, Task

T = TypeVar("T")
R = TypeVar("R")
_CONNECT_S = 5.0
_WORKERS_S = 30.0
_BACK_S = 30.0
"""How long a lost worker may take to come back."""
_TRIES = 3
_LOOK_S = 0.2
_MISSED_S = 3.0


class Crew(Protocol):
    """Does the same thing to many items, and trains one booster."""

    def each(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Results in the order of the items; few are in memory at once."""
        ...

    def train(self, task: Task) -> tuple[str, int]:
        """As `boosters.train`, with ``task.files`` shared out."""
        ...


class Alone:
    """This process, one thing after the other."""

    def each(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        return [function(item) for item in items]

    def train(self, task: Task) -> tuple[str, int]:
        return boosters.train(task)


class _Lost(Exception):
    """A worker has gone while all were training."""


class Cluster:
    """The workers behind a Dask scheduler. Raises SettingsError when it is not there or has no workers."""

    def __init__(self, scheduler: str, say: Callable[[str], object]) -> None:
        self._dask: Any = import_module("distributed")
        for name in ("distributed", "distributed.client", "distributed.core", "distributed.comm"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # our own line says it once
        try:
            self._client: Any = self._dask.Client(scheduler, timeout=_CONNECT_S, name="edgepose")
        except (OSError, ValueError, TypeError, ImportError) as error:
            raise SettingsError(f"no Dask scheduler at {scheduler}: {str(error).splitlines()[0]}") from None
        self._scheduler = scheduler
        self._say = say
        try:
            self._wait(_WORKERS_S)
            self._same_version()
        except EdgePoseError:
            self.close()
            raise

    def close(self) -> None:
        self._client.close()

    def each(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Dask gives a lost worker's items to another one, three times each."""
        results: dict[int, R] = {}
        waiting = iter(enumerate(items))
        places: dict[Any, int] = {}
        running = self._dask.as_completed()
        room = 2 * max(sum(self._client.nthreads().values()), 1)
        for _ in range(room):
            self._next(function, waiting, places, running)
        for future in running:
            results[places.pop(future)] = self._result(future)
            self._next(function, waiting, places, running)
        return [results[place] for place in sorted(results)]

    def train(self, task: Task) -> tuple[str, int]:
        """All workers together; when one is lost they begin again, with those that are there."""
        for attempt in range(_TRIES):
            workers = self._wait(_BACK_S)[: len(task.files)]
            try:
                return self._train(task, workers)
            except _Lost as lost:
                self._say(f"worker {lost} was lost while training (attempt {attempt + 1} of {_TRIES})")
        raise SettingsError(
            f"{self._scheduler}: workers were lost {_TRIES} times while training; is memory short there?"
        )

    def _next(self, function: Callable[[T], R], waiting: Any, places: dict[Any, int], running: Any) -> None:
        for place, item in waiting:
            future = self._client.submit(function, item, pure=False, retries=2)
            places[future] = place
            running.add(future)
            return

    def _result(self, future: Any) -> Any:
        try:
            return future.result()
        except self._dask.KilledWorker:
            raise SettingsError(
                f"{self._scheduler}: a worker was lost again and again; is memory short there?"
            ) from None

    def _train(self, task: Task, workers: Sequence[str]) -> tuple[str, int]:
        hosts = [urlparse(worker).hostname for worker in workers]
        asked = [self._at(worker, boosters.free_port) for worker in workers]
        ports = self._gather(asked, workers)
        machines = ",".join(f"{host}:{port}" for host, port in zip(hosts, ports, strict=True))
        threads = self._client.nthreads()
        running = []
        for number, (worker, port) in enumerate(zip(workers, ports, strict=True)):
            network = Network(machines, port) if len(workers) > 1 else None
            own = replace(
                task, files=task.files[number :: len(workers)], network=network, threads=int(threads.get(worker, 1))
            )
            running.append(self._at(worker, boosters.train, own))
        return self._gather(running, workers)[0]  # type: ignore[no-any-return]

    def _at(self, worker: str, function: Callable[..., R], *arguments: Any) -> Any:
        return self._client.submit(function, *arguments, workers=[worker], allow_other_workers=False, pure=False)

    def _gather(self, running: list[Any], workers: Sequence[str]) -> list[Any]:
        """All results; raises _Lost when a worker has gone, which LightGBM's other workers would wait for for ever."""
        while any(not future.done() for future in running):
            if set(workers) - set(self._workers()) or any(future.status == "error" for future in running):
                break
            time.sleep(_LOOK_S)
        else:
            return [self._result(future) for future in running]
        gone = self._gone(workers)
        failed = next((future for future in running if future.status == "error"), None)
        self._client.cancel(running, force=True)
        self._free(sorted(set(workers) - gone))
        if gone or failed is None:
            raise _Lost(", ".join(sorted(gone)))
        return [self._result(failed)]

    def _gone(self, workers: Sequence[str]) -> set[str]:
        """The neighbours of a lost worker may complain before the scheduler has missed it."""
        until = time.monotonic() + _MISSED_S
        while not (gone := set(workers) - set(self._workers())) and time.monotonic() < until:
            time.sleep(_LOOK_S)
        return gone

    def _free(self, stuck: list[str]) -> None:
        """Workers that wait inside LightGBM hear nothing: their nannies start them anew."""
        try:
            self._client.restart_workers(stuck, timeout=_BACK_S, raise_for_error=False)
        except ValueError:
            raise SettingsError(f"{self._scheduler}: start workers with a nanny; {', '.join(stuck)} hangs") from None

    def _workers(self) -> list[str]:
        return sorted(self._client.nthreads())

    def _wait(self, seconds: float) -> list[str]:
        try:
            self._client.wait_for_workers(1, timeout=seconds)
        except TimeoutError:
            raise SettingsError(f"the Dask scheduler at {self._scheduler} has no workers") from None
        return self._workers()

    def _same_version(self) -> None:
        try:
            found = self._client.run(_version)
        except ImportError as error:
            raise SettingsError(f"{self._scheduler}: workers cannot import EdgePose's trainer: {error}") from None
        for worker, version in sorted(found.items()):
            if version != __version__:
                raise SettingsError(f"worker {worker} has EdgePose {version}, expected {__version__} as here")


def _version() -> str:
    from edgepose import __version__ as version

    return version
