"""A Dask cluster of two worker processes and an S3 server that checks keys, both on free ports of this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_UP_S = 60


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _UP_S
    while time.monotonic() < until:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on {port}")


@contextmanager
def running(commands: list[list[str]], cwd: Path, env: Mapping[str, str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that end with the block."""
    own = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(_ROOT), *_own_path()]), **env}
    started = []
    try:
        for number, command in enumerate(commands):
            with (cwd / f"{command[1]}-{number}.log").open("wb") as log:
                started.append(subprocess.Popen([sys.executable, *command], cwd=cwd, env=own, stdout=log, stderr=log))
        yield started
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _own_path() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


@contextmanager
def dask_cluster(cwd: Path, env: Mapping[str, str], workers: int = 2) -> Iterator[str]:
    """Scheduler and workers with a nanny each, one thread each; gives the scheduler's address."""
    from distributed import Client

    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    quiet = ["--host", "127.0.0.1", "--no-dashboard"]
    scheduler = ["-m", "distributed.cli.dask_scheduler", "--port", str(port), "--no-show", *quiet]
    worker = ["-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--memory-limit", "0", *quiet]
    with running([scheduler, *[worker] * workers], cwd, env) as processes:
        wait_for(port, processes[0])
        with Client(address, timeout=_UP_S) as client:
            client.wait_for_workers(workers, timeout=_UP_S)
        yield address


@contextmanager
def s3_server(cwd: Path) -> Iterator[str]:
    """Gives the endpoint; the first four calls need no key, so that one can be made."""
    port = free_port()
    command = ["-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running([command], cwd, {"INITIAL_NO_AUTH_ACTION_COUNT": "4"}) as processes:
        wait_for(port, processes[0])
        yield f"http://127.0.0.1:{port}"
