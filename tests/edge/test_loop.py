"""The source that plays a file again and again: in real time, with a pause, until it is closed."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import numpy as np
import pytest

from edgepose.config import CaptureSettings
from edgepose.errors import SourceLost
from edgepose.sources import loop
from tests.end_to_end.programs import clip


def test_it_begins_again_after_the_pause_and_its_times_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PAUSE_S", 0.3)
    monkeypatch.setattr(loop, "KEPT_S", 60.0)  # on a busy machine we may be late
    source = loop.open_source(f"loop:{clip(tmp_path / 'c.mp4', frames=5, fps=100)}", CaptureSettings())
    frames = list(itertools.islice(source.frames(), 12))
    source.close()
    assert [frame.index for frame in frames] == list(range(12))
    first, again, third = (frames[start : start + 5] for start in (0, 5, 10))
    steps = np.diff([frame.time_s for frame in first])
    assert steps == pytest.approx(np.full(4, 0.01), abs=1e-6)
    assert again[0].time_s - first[-1].time_s >= 0.3
    assert np.array_equal(third[1].image, first[1].image)  # type: ignore[arg-type]
    assert source.skipped == 0


def test_who_sleeps_misses_frames(tmp_path: Path) -> None:
    """At 100 frames a second, half a second after the first: those due more than KEPT_S before are gone."""
    source = loop.open_source(f"loop:{clip(tmp_path / 'c.mp4', frames=90, fps=100)}", CaptureSettings())
    frames = source.frames()
    first = next(frames)
    time.sleep(0.5)
    after = next(frames)
    source.close()
    assert first.index == 0
    assert after.index >= 100 * (0.5 - loop.KEPT_S)
    assert source.skipped == 0


def test_a_file_that_goes_away_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PAUSE_S", 0.01)
    path = clip(tmp_path / "c.mp4", frames=2, fps=100)
    frames = loop.open_source(f"loop:{path}", CaptureSettings()).frames()
    next(frames)
    path.unlink()
    with pytest.raises(SourceLost, match=r"c\.mp4: the file is gone"):
        list(frames)
