"""What every kind of source promises (edgepose.sources), asked of each in the same way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgepose.capture import Capture
from edgepose.config import CaptureSettings
from edgepose.errors import SourceError
from edgepose.recorder import Recorder
from edgepose.session import SessionInfo
from edgepose.sources import Source, images, loop, pipe, replay, video
from edgepose.types import Pose, Track
from tests.clips import FFMPEG, make

SETTINGS = CaptureSettings(width=64, height=48, fps=10.0)
FRAMES = 12
ENDLESS = (
    "import sys, time\n"
    "sys.stdout.buffer.write(b'YUV4MPEG2 W64 H48 F30:1 C420\\n')\n"
    "while True:\n"
    "    sys.stdout.buffer.write(b'FRAME\\n' + bytes(4608)); sys.stdout.flush(); time.sleep(0.01)\n"
)


def a_video(folder: Path) -> str:
    return str(make(folder / "clip.mp4", fps=10, frames=FRAMES))


def a_folder(folder: Path) -> str:
    for number in range(FRAMES):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((48, 64, 3), number, np.uint8))
    return str(folder)


def a_session(folder: Path) -> str:
    started = datetime(2026, 5, 1, tzinfo=timezone.utc)
    person = Track(3, Pose(np.ones((17, 3), np.float32), np.ones(4, np.float32), 1.0))
    with Recorder(folder / "s", SessionInfo(width=64, height=48, fps=10.0, started_at=started)) as recorder:
        for number in range(FRAMES):
            recorder.add(number, number / 10, [person] * (number % 3))
    return str(folder / "s")


def a_command(folder: Path) -> str:
    return f"pipe:ffmpeg -v error -i '{a_video(folder)}' -f yuv4mpegpipe -pix_fmt yuv420p -"


def a_live_command(folder: Path) -> str:
    (folder / "endless.py").write_text(ENDLESS)
    return f"pipe+live:python3 '{folder / 'endless.py'}'"


def a_loop(folder: Path) -> str:
    return f"loop:{a_video(folder)}"


needs_ffmpeg = pytest.mark.skipif(FFMPEG is None, reason="no ffmpeg here (Debian package ffmpeg)")
KINDS = [
    pytest.param(video, a_video, id="video", marks=needs_ffmpeg),
    pytest.param(images, a_folder, id="images"),
    pytest.param(replay, a_session, id="replay"),
    pytest.param(pipe, a_command, id="pipe", marks=needs_ffmpeg),
    pytest.param(pipe, a_live_command, id="live pipe"),
    pytest.param(loop, a_loop, id="loop", marks=needs_ffmpeg),
]
Address = Callable[[Path], str]


@pytest.fixture
def source(kind, address: Address, tmp_path: Path):
    opened: Source = kind.open_source(address(tmp_path), SETTINGS)
    yield opened
    opened.close()


@pytest.mark.parametrize(("kind", "address"), KINDS)
def test_its_info_is_true(source: Source):
    info = source.info
    assert (info.width, info.height) == (64, 48)
    assert info.started_unix_s > 1.6e9
    assert info.fps in (10.0, 30.0)
    assert source.skipped == 0
    if info.live:
        assert info.started_monotonic_s > 0
    elif info.frames is not None:
        assert info.frames == FRAMES


@pytest.mark.parametrize(("kind", "address"), KINDS)
def test_indices_count_from_0_and_times_grow(source: Source):
    frames = []
    for frame in source.frames():
        frames.append(frame)
        if len(frames) == FRAMES:
            break
    assert [frame.index for frame in frames] == list(range(FRAMES))
    times_s = np.array([frame.time_s for frame in frames])
    assert (np.diff(times_s) > 0).all()
    assert times_s[0] >= 0
    if not source.info.live:
        assert times_s == pytest.approx(np.arange(FRAMES) / 10, abs=1e-4)


@pytest.mark.parametrize(("kind", "address"), KINDS)
def test_a_frame_has_a_picture_of_its_own_or_people(source: Source):
    frames = source.frames()
    first, second = next(frames), next(frames)
    if first.image is None:
        assert first.tracks is not None
        assert second.tracks is not None
    else:
        assert first.tracks is None
        assert (first.image.shape, first.image.dtype) == ((48, 64, 3), np.uint8)
        assert second.image is not None
        assert not np.shares_memory(first.image, second.image)


@pytest.mark.parametrize(("kind", "address"), KINDS)
def test_a_file_ends(source: Source):
    if source.info.live:
        pytest.skip("a live source does not end")
    assert len(list(source.frames())) == FRAMES


@pytest.mark.parametrize(("kind", "address"), KINDS)
def test_closing_twice_and_from_another_thread_ends_the_frames(source: Source):
    frames = source.frames()
    next(frames)
    closer = threading.Thread(target=source.close)
    closer.start()
    closer.join()
    source.close()
    assert list(frames) == []
    assert source.skipped == 0


@pytest.mark.parametrize(("kind", "address"), KINDS)
def test_the_capture_thread_can_read_it_and_stop(kind, address: Address, tmp_path: Path):
    name = address(tmp_path)
    with Capture(lambda: kind.open_source(name, SETTINGS), SETTINGS) as capture:
        assert next(iter(capture)).index >= 0
    assert list(capture) == []


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (video, "none.mp4"),
        (images, "none"),
        (replay, "none"),
        (pipe, "pipe:no-such-program"),
        (pipe, "none"),
        (loop, "loop:none"),
    ],
)
def test_what_cannot_be_opened_is_one_clear_line(kind, address: str):
    with pytest.raises(SourceError) as caught:
        kind.open_source(address, SETTINGS)
    assert "\n" not in str(caught.value)
    assert address.removeprefix("pipe:") in str(caught.value)
