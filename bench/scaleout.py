"""Memory and time of training on millions of windows: here from Parquet parts, or on a cluster of two workers.

    nice -n 10 python bench/scaleout.py --windows 2000000
    nice -n 10 python bench/scaleout.py --windows 2000000 --workers 2

Tables are the clips of keller_clips.parquet again and again, each with noise of its own and players of its own, until
enough windows have a label. All processes' memory is summed every half second: resident (RSS, shared pages counted in
each) and proportional (PSS, shared pages counted once).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
CLIPS = ROOT.parent / "shared" / "data" / "strokes" / "keller_clips.parquet"
NOISE = 0.01


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--windows", type=int, default=2_000_000)
    asked.add_argument("--rounds", type=int, default=10, help="Memory does not depend on them.")
    asked.add_argument("--features", default="tennis-2")
    asked.add_argument("--workers", type=int, default=0, help="0: this process alone.")
    asked.add_argument("--work", type=Path, help="Folder for tables and parts (about 6 GB a million windows).")
    asked.add_argument("--scheduler", help=argparse.SUPPRESS)
    asked.add_argument("--tables", type=Path, help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.tables:
        train(options)
        return
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        measured(options, Path(folder))


def measured(options: argparse.Namespace, folder: Path) -> None:
    """The training in processes of its own, watched."""
    from tests.trainer.clusters import dask_cluster

    make_tables(folder, options.windows)
    command = [sys.executable, __file__, "--tables", str(folder), "--windows", str(options.windows)]
    command += ["--rounds", str(options.rounds), "--features", options.features]
    with Peak() as peak:
        if options.workers:
            with dask_cluster(folder, {}, options.workers) as scheduler:
                subprocess.run([*command, "--scheduler", scheduler], check=True)
        else:
            subprocess.run(command, check=True)
    print(f"peak of {peak.processes} processes: RSS {peak.rss / 1e9:.2f} GB, PSS {peak.pss / 1e9:.2f} GB")


def make_tables(folder: Path, windows: int) -> None:
    from edgepose.card import WindowSpec
    from edgepose_trainer.reading import read
    from edgepose_trainer.samples import cut

    each = len(cut(read([CLIPS])[0].recordings, WindowSpec(frames=15, rate_hz=15)).sure())
    table = pq.read_table(CLIPS)
    rng = np.random.default_rng(0)
    for number in range(-(-windows // each)):
        columns = {name: noisy(name, table.column(name), rng) for name in table.column_names}
        for name in ("clip", "video"):
            columns[name] = pa.array([f"{number}-{value}" for value in columns[name].to_pylist()])
        pq.write_table(pa.table(columns), folder / f"{number:03d}.parquet")


def noisy(name: str, values: pa.ChunkedArray, rng: np.random.Generator) -> pa.ChunkedArray | pa.Array:
    if not name.endswith(("_x", "_y")):
        return values
    numbers = values.to_numpy().astype(np.float32)
    return pa.array(numbers + rng.normal(0, NOISE, len(numbers)).astype(np.float32))


class Peak:
    """The most memory that our child processes had together."""

    def __enter__(self) -> Peak:
        self.rss = self.pss = self.processes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            now = [memory for child in psutil.Process().children(recursive=True) if (memory := memory_of(child))]
            self.rss = max(self.rss, sum(rss for rss, _ in now))
            self.pss = max(self.pss, sum(pss for _, pss in now))
            self.processes = max(self.processes, len(now))


def memory_of(process: psutil.Process) -> tuple[int, int] | None:
    try:
        memory = process.memory_full_info()
    except psutil.Error:  # it has just ended
        return None
    return memory.rss, memory.pss


def train(options: argparse.Namespace) -> None:
    from edgepose.card import WindowSpec
    from edgepose_trainer.samples import cut
    from edgepose_trainer.scaleout.crews import Alone, Cluster
    from edgepose_trainer.scaleout.outofcore import OutOfCore
    from edgepose_trainer.strokes import PRESETS, preset_labels

    began = time.monotonic()
    crew = Cluster(options.scheduler, print) if options.scheduler else Alone()
    engine = OutOfCore(crew, str(options.tables / "parts"))
    sources = engine.read([str(table) for table in sorted(options.tables.glob("*.parquet"))])
    recordings = [recording for source in sources for recording in source.recordings]
    samples = cut(recordings, WindowSpec(frames=15, rate_hz=15)).sure()
    own = PRESETS["tennis"]
    boosting = replace(own.boosting, most_rounds=options.rounds)
    chosen = replace(own, features=options.features, boosting=boosting, most=options.windows)  # none is left out
    print(f"{len(samples)} windows read and cut after {time.monotonic() - began:.0f} s", flush=True)
    fitted = engine.fit_on(samples, preset_labels(chosen, samples), chosen, 1)
    print(f"{fitted.best} rounds; {time.monotonic() - began:.0f} s in all", flush=True)


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.path.insert(0, str(ROOT))
    main()
