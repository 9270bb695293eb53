"""When a frame was taken: from a video's own timestamps, or from a rate that the user vouches for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import SettingsError

_MOST_FPS = 1000.0


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """Frame number -> seconds."""

    where: str
    fps: float | None = None
    """Given by hand."""
    stamps_s: NDArray[np.float64] | None = None
    """(F,) of a video; NaN for a frame that could not be read."""
    size_wh: tuple[int, int] | None = None
    """Of the video's pictures."""

    def of(self, frame: int) -> float:
        """Raises SettingsError for a frame that the video does not have."""
        if self.stamps_s is None:
            assert self.fps is not None
            return frame / self.fps
        if not 0 <= frame < len(self.stamps_s) or np.isnan(self.stamps_s[frame]):
            raise SettingsError(f"{self.where}: has {len(self.stamps_s)} frames, asked for number {frame} (from 0)")
        return float(self.stamps_s[frame])


def given(video: Path | None, fps: float | None, where: str) -> FrameTimes:
    """Of the video when there is one, else of the rate; raises SettingsError when there is neither."""
    if video is not None:
        return of_video(video)
    if fps is None:
        raise SettingsError(f"{where}: its frames have no times: give --video (its own timestamps) or --fps")
    if not 0 < fps <= _MOST_FPS:
        raise SettingsError(f"{where}: {fps:g} frames a second: expected more than 0 and at most {_MOST_FPS:g}")
    return FrameTimes(where, fps=fps)


def of_video(video: Path) -> FrameTimes:
    """Every frame's own timestamp, from the first; raises SourceError for a file that is no video."""
    from edgepose import build
    from edgepose.config import CaptureSettings

    if build.source_kind(str(video)) != "video":
        raise SettingsError(f"{video}: expected a video file")
    source = build.open_source(str(video), CaptureSettings())
    try:
        seen = [(frame.index, frame.time_s) for frame in source.frames()]
    finally:
        source.close()
    stamps_s = np.full(seen[-1][0] + 1, np.nan)
    for index, time_s in seen:
        stamps_s[index] = time_s - seen[0][1]
    return FrameTimes(str(video), None, stamps_s, (source.info.width, source.info.height))
