"""What a loop of bench/run.py prints at its end."""

from __future__ import annotations

import json
import resource
import time


def show(frames: int, people: int, first_s: float) -> None:
    """One JSON line: frame rate since ``first_s`` (monotonic), processor time and peak memory of the process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "frames": frames,
        "people": people / frames,
        "fps": (frames - 1) / (time.monotonic() - first_s),
        "first_s": first_s,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_memory_mb": usage.ru_maxrss / 1024,
    }
    print(json.dumps(figures))
