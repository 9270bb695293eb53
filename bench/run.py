"""`edgepose run` on a file against a bare loop and ultralytics, in turn, one inference thread each.

    python bench/run_prepare.py --out out/bench        (a Python with ultralytics, torch, onnx)
    python bench/run.py --model out/bench/yolo11n-pose.onnx --video VIDEO [--peers PYTHON] [--rounds 5]

Prints medians and, round by round, ratios to the bare loop: processor time per frame of the whole
process, frame rate between the first and the last frame, seconds from the start of the process to the
first result, peak memory. Every process has one inference thread; only edgepose has a second thread to
read and prepare the next frame. Last, how long ``edgepose --help`` takes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
FIGURES = ("cpu ms/frame", "fps", "first s", "memory MB")
Row = dict[str, float]


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}


def finished(command: list[str]) -> tuple[str, float]:
    """Standard output, and time.monotonic() just before the process began."""
    began_s = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    return done.stdout, began_s


def loop(command: list[str]) -> Row:
    out, began_s = finished(command)
    data = json.loads(out.strip().splitlines()[-1])
    return {
        "cpu ms/frame": 1e3 * data["cpu_s"] / data["frames"],
        "fps": data["fps"],
        "first s": data["first_s"] - began_s,
        "memory MB": data["peak_memory_mb"],
        "people": data["people"],
    }


def edgepose(model: Path, video: Path) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"
        command = [sys.executable, "-m", "edgepose", "run", "--source", str(video), "--model", str(model)]
        finished([*command, "--threads", "1", "--no-mqtt", "--quiet", "--summary", str(summary)])
        data = json.loads(summary.read_text())
    (camera,) = data["cameras"].values()
    return {
        "cpu ms/frame": 1e3 * data["cpu_s"] / camera["frames"],
        "fps": camera["fps"],
        "first s": camera["first_result_s"],
        "memory MB": data["peak_memory_mb"],
        "people": camera["people"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument("--peers", help="a Python that has ultralytics")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    paths = [str(given.model), str(given.video)]
    variants = {
        "bare loop": lambda: loop([sys.executable, str(HERE / "run_bare.py"), *paths]),
        "edgepose run": lambda: edgepose(given.model, given.video),
    }
    for mode in ("predict", "track") if given.peers else ():
        command = [given.peers, str(HERE / "run_ultralytics.py"), mode, *paths]
        variants[f"ultralytics {mode}"] = lambda command=command: loop(command)
    rounds: list[dict[str, Row]] = []
    for _ in range(given.rounds):
        rounds.append({name: run() for name, run in variants.items()})
    print(f"{given.video.name}, {given.rounds} rounds, medians (ratio to the bare loop)")
    print(f"{'':<22}" + "".join(f"{figure:>22}" for figure in FIGURES) + f"{'people':>8}")
    for name in variants:
        cells = []
        for figure in FIGURES:
            value = statistics.median(r[name][figure] for r in rounds)
            ratio = statistics.median(r[name][figure] / r["bare loop"][figure] for r in rounds)
            cells.append(f"{value:>14.2f} ({ratio:4.2f})")
        print(f"{name:<22}" + "".join(f"{cell:>22}" for cell in cells) + f"{rounds[0][name]['people']:>8.1f}")
    help_s = []
    for _ in range(10):
        began_s = finished([sys.executable, "-m", "edgepose", "--help"])[1]
        help_s.append(time.monotonic() - began_s)
    print(f"edgepose --help: median {statistics.median(help_s):.2f} s, slowest {max(help_s):.2f} s")


if __name__ == "__main__":
    main()
