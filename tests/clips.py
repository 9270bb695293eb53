"""Clips for tests, made by Debian's ffmpeg: every picture is one grey level that names its frame."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

FFMPEG = shutil.which("ffmpeg")
FFPROBE = shutil.which("ffprobe")
needs_ffmpeg = pytest.mark.skipif(FFMPEG is None or FFPROBE is None, reason="no ffmpeg here (Debian package ffmpeg)")

STEP = 4
"""Grey levels between two frames: picture n is 16 + STEP·n before conversion, so at most 50 frames."""


def ffmpeg(*arguments: str | Path) -> None:
    """Runs ffmpeg quietly; it overwrites."""
    assert FFMPEG is not None
    command = [FFMPEG, "-nostdin", "-y", "-loglevel", "error", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=60)


def ramp(fps: float | str = 25, frames: int = 20, size: str = "64x48") -> list[str]:
    """Input options of a clip whose picture n has luma 16 + STEP·n everywhere."""
    return ["-f", "lavfi", "-i", f"color=size={size}:rate={fps},format=yuv420p,trim=end_frame={frames},"
            f"geq=lum='16+{STEP}*N':cb=128:cr=128"]  # fmt: skip


def make(path: Path, *options: str, fps: float | str = 25, frames: int = 20, size: str = "64x48") -> Path:
    """A ramp clip at ``path``."""
    ffmpeg(*ramp(fps, frames, size), "-pix_fmt", "yuv420p", *options, path)
    return path


def frame_shown(image: np.ndarray) -> int:
    """Which picture of the ramp it is: limited-range luma shows as (Y - 16)·255/219."""
    return round(float(image.mean()) * 219 / 255 / STEP)


def probed_s(path: Path) -> list[float]:
    """What ffprobe says the frames' times are, s."""
    assert FFPROBE is not None
    command = [
        FFPROBE,
        "-v",
        "error",
        "-select_streams",
        "v",
        "-show_entries",
        "frame=pts_time",
        "-of",
        "csv=p=0",
    ]
    out = subprocess.run([*command, str(path)], capture_output=True, text=True, check=True, timeout=60).stdout
    return [float(line.strip(",")) for line in out.split()]
