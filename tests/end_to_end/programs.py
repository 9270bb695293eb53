"""Runs the command line as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from tests.onnx_files import column_of_joints, constant_network, raw_yolo

COMMAND = [sys.executable, "-m", "edgepose"]
NO_STROKES = "[strokes]\nenabled = false\n[mqtt]\nenabled = false\n"


def edgepose(*arguments: object, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    """One finished command; one thread, so that tests side by side do not fight."""
    return subprocess.run(
        [*COMMAND, *(str(argument) for argument in arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )


def clip(path: Path, frames: int = 30, size: tuple[int, int] = (320, 180), fps: float = 30.0) -> Path:
    """A grey clip."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    for index in range(frames):
        writer.write(np.full((size[1], size[0], 3), 2 * index % 255, np.uint8))
    writer.release()
    return path


def network(path: Path, people: int = 1) -> Path:
    """A 64×64 network that sees one tall person, or up to forty small ones in rows of eight."""
    if people <= 1:
        found = [([4, 32, 1, 30], 0.9, column_of_joints(4, 18, 1.6))] * people
    else:
        at = [(4 + 8 * (i % 8), 16 + 6 * (i // 8)) for i in range(people)]
        found = [([x, y + 2, 2, 5], 0.9, column_of_joints(x, y, 0.3)) for x, y in at]
    return constant_network(path, (1, 3, 64, 64), raw_yolo(found))
