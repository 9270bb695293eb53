"""Frames from commands: known pictures come through every layout, and a command that fails says why."""

import os
import stat
import time

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.config import CaptureSettings
from edgepose.errors import SourceError, SourceLost
from edgepose.rawvideo import parse_y4m_header, raw_format
from edgepose.sources import pipe
from tests.clips import frame_shown, make, needs_ffmpeg

DEFAULTS = CaptureSettings()
RAMP = (
    "ffmpeg -v error -f lavfi -i color=size=64x48:rate=25,format=yuv420p,trim=end_frame=20,"
    "geq=lum=16+4*N:cb=128:cr=128 -strict -1"
)


def opened(address, **settings):
    return pipe.open_source(address, CaptureSettings(**settings))


def read(address, **settings):
    source = opened(address, **settings)
    try:
        return list(source.frames())
    finally:
        source.close()


def script(folder, name, text):
    """A program of that name in ``folder``, which is put first on the PATH by the caller."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def bin_folder(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@needs_ffmpeg
@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "gray"])
def test_every_frame_of_yuv4mpeg_in_every_layout(pixels):
    frames = read(f"pipe:{RAMP} -pix_fmt {pixels} -f yuv4mpegpipe -")
    assert [frame_shown(frame.image) for frame in frames] == list(range(20))
    assert [frame.index for frame in frames] == list(range(20))
    assert [frame.time_s for frame in frames] == pytest.approx([n / 25 for n in range(20)])
    assert {frame.image.shape for frame in frames} == {(48, 64, 3)}


@needs_ffmpeg
def test_interlaced_yuv4mpeg_and_odd_sizes():
    frames = read(f"pipe:{RAMP} -vf crop=63:47:0:0:exact=1,setfield=tff -pix_fmt yuv420p -f yuv4mpegpipe -")
    assert [frame_shown(frame.image) for frame in frames] == list(range(20))
    assert frames[0].image.shape == (47, 63, 3)


@needs_ffmpeg
@pytest.mark.parametrize("pixels", ["bgr24", "rgb24", "yuv420p"])
def test_raw_video_takes_its_size_and_rate_from_the_settings(pixels):
    address = f"pipe+raw:{pixels}:{RAMP} -pix_fmt {pixels} -f rawvideo -"
    frames = read(address, width=64, height=48, fps=50.0)
    assert [frame_shown(frame.image) for frame in frames] == list(range(20))
    assert frames[19].time_s == pytest.approx(19 / 50)


COLOURS = {"red": (0, 0, 255), "lime": (0, 255, 0), "blue": (255, 0, 0), "white": (255, 255, 255)}


@needs_ffmpeg
@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    "output",
    [
        "-pix_fmt yuv420p",
        "-vf crop=63:48:0:0:exact=1 -pix_fmt yuv420p",
        "-pix_fmt yuv444p",
        "-pix_fmt yuv422p",
        "-pix_fmt yuvj420p",
    ],
)
def test_colours_come_out_as_bgr(colour, output):
    command = f"ffmpeg -v error -f lavfi -i color={colour}:size=64x48,format=rgb24 -frames:v 1 {output}"
    (frame,) = read(f"pipe:{command} -strict -1 -f yuv4mpegpipe -")
    assert frame.image.reshape(-1, 3).mean(axis=0) == pytest.approx(COLOURS[colour], abs=3)


@needs_ffmpeg
def test_ffmpeg_takes_a_file_with_spaces_or_its_own_options(tmp_path):
    path = make(tmp_path / "my clip.mp4", "-qp", "5")
    assert [frame_shown(frame.image) for frame in read(f"ffmpeg:{path}")] == list(range(20))
    source = opened(f"ffmpeg:-ss 0.4 -i '{path}'")
    assert frame_shown(next(source.frames()).image) == 10
    assert (source.info.live, source.info.fps, source.info.width) == (False, 25.0, 64)
    source.close()


@pytest.mark.parametrize(
    ("address", "live"),
    [
        ("ffmpeg:clip.mp4", False),
        ("ffmpeg:-f lavfi -i testsrc", False),
        ("ffmpeg:-f v4l2 -i /dev/video0", True),
        ("ffmpeg:rtsp://court/1", True),
        ("ffmpeg:file:///clip.mp4", False),
        ("pipe:cat", False),
        ("pipe+live:cat", True),
        ("picamera", True),
        ("jetson-csi:1", True),
    ],
)
def test_what_is_live(address, live):
    assert pipe.plan_of(address, DEFAULTS).live is live


FAKE_RPICAM = """
echo "$0 $@" > {log}
exec ffmpeg -v error -re -f lavfi -i testsrc=size=128x96:rate=30 -frames:v 3 -pix_fmt yuv420p -f rawvideo -
"""


@needs_ffmpeg
@pytest.mark.parametrize("name", ["rpicam-vid", "libcamera-vid"])
def test_the_pi_camera_is_asked_for_raw_frames(bin_folder, name):
    script(bin_folder, name, FAKE_RPICAM.format(log=bin_folder / "log"))
    source = opened("picamera:1", width=128, height=96, fps=30.0)
    frames = source.frames()
    seen = [next(frames) for _ in range(3)]
    assert [frame.index for frame in seen] == [0, 1, 2]
    with pytest.raises(SourceLost, match=f"picamera:1: {name} ended"):
        next(frames)
    source.close()
    _, _, asked = (bin_folder / "log").read_text().strip().partition(" ")
    assert asked == (
        "--nopreview --timeout 0 --codec yuv420 --width 128 --height 96 --framerate 30 --flush --output - --camera 1"
    )
    assert (source.info.width, source.info.height, source.info.live) == (128, 96, True)


def test_the_pi_camera_needs_a_width_without_padding():
    with pytest.raises(SourceError, match="width must be a multiple of 64 and height of 2, not 1000×720"):
        opened("picamera", width=1000)


FAKE_GST = """
echo "$@" > {log}
echo "GST_ARGUS: Creating output stream"
for word in "$@"; do case "$word" in fd=*) fd="${{word#fd=}}";; esac; done
exec ffmpeg -v error -re -f lavfi -i testsrc=size=64x48:rate=30 -pix_fmt yuv420p -f yuv4mpegpipe pipe:$fd
"""


@needs_ffmpeg
def test_the_jetson_camera_may_chatter_on_standard_output(bin_folder):
    script(bin_folder, "gst-launch-1.0", FAKE_GST.format(log=bin_folder / "log"))
    source = opened("jetson-csi:1", width=64, height=48, fps=30.0)
    frames = source.frames()
    seen = [next(frames) for _ in range(3)]
    source.close()
    assert [frame.index for frame in seen] == [0, 1, 2]
    assert seen[0].image.shape == (48, 64, 3)
    asked = (bin_folder / "log").read_text()
    assert asked.startswith("-q nvarguscamerasrc sensor-id=1 ! video/x-raw(memory:NVMM),format=NV12,width=64,")
    assert "framerate=30/1 ! nvvidconv ! video/x-raw,format=I420,width=64,height=48 ! y4menc ! fdsink fd=" in asked


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("pipe:no-such-program", "'no-such-program' is not installed or not on the PATH"),
        ("pipe:true", "true ended before its first frame"),
        ("pipe:echo hello", "no yuv4mpeg: the output begins with b'hello'"),
        ("pipe:sh -c 'echo no camera >&2; exit 3'", "sh failed with exit code 3: no camera$"),
        ("pipe:sh -c 'kill -9 $$'", "sh was ended by signal 9"),
        ("pipe:sleep 60", "sleep wrote nothing in time"),
        ("pipe:printf 'YUV4MPEG2 W64 H48 F25:1\\nFRAME\\nabc'", "printf ended in the middle of a frame"),
        ("pipe:printf 'YUV4MPEG2 W64 F25:1\\n'", "header without a size"),
        ("pipe:printf 'YUV4MPEG2 W64 H48 C420p10\\n'", "colour space C420p10 is not known; known: 420"),
        ("pipe:'unclosed", "no closing quotation"),
        ("pipe:", "is no pipe; known: pipe:COMMAND"),
        ("pipe+raw:bgr24:cat", r"set width and height in \[capture\]"),
        ("pipe+raw:nv99:cat", "PIXFMT one of bgr24"),
        ("ffmpeg:-f v4l2", "no input; write ffmpeg:FILE"),
        ("picamera:x", "is no pipe"),
    ],
)
def test_what_cannot_be_opened_is_said_in_one_line(address, why):
    with pytest.raises(SourceError, match=why) as caught:
        opened(address, open_timeout_s=1.0)
    assert "\n" not in str(caught.value)


@needs_ffmpeg
def test_a_missing_file_is_said_in_ffmpegs_words():
    with pytest.raises(SourceError, match=r"exit code 1: none\.mp4: No such file or directory"):
        opened("ffmpeg:none.mp4")


@needs_ffmpeg
def test_no_password_in_ffmpegs_words():
    with pytest.raises(SourceError) as caught:
        opened("ffmpeg:rtsp://ada:s3cret@127.0.0.1:1/x")
    assert "s3cret" not in str(caught.value)
    assert "ada@127.0.0.1" in str(caught.value)


FEW = f"{RAMP} -frames:v 5 -pix_fmt yuv420p -f yuv4mpegpipe -"


@needs_ffmpeg
def test_a_file_command_that_fails_in_the_middle_is_counted_and_named(caplog):
    source = opened(f"pipe:sh -c '{FEW}; echo disk gone >&2; exit 4'")
    assert len(list(source.frames())) == 5
    assert source.skipped == 1
    assert caplog.records[0].message.endswith("ends early: sh failed with exit code 4: disk gone")
    source.close()


@needs_ffmpeg
def test_a_live_command_that_stops_or_stalls_is_lost():
    source = opened(f"pipe+live:sh -c '{FEW}; echo unplugged >&2; exit 4'")
    with pytest.raises(SourceLost, match="sh failed with exit code 4: unplugged"):
        list(source.frames())
    source.close()
    source = opened(f"pipe+live:sh -c '{FEW}; sleep 60'", stall_s=0.3)
    with pytest.raises(SourceLost, match=r"nothing came for 0\.3 s"):
        list(source.frames())
    source.close()


@needs_ffmpeg
def test_closing_ends_the_command_and_its_children():
    """A shell that ignores SIGTERM with a sleeping child: both are gone, and nothing is left to reap."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    source = opened(f"pipe:sh -c 'trap \"\" TERM; {FEW}; sleep 60; true'")
    children = [c for c in psutil.Process().children(recursive=True) if c.pid not in before]
    assert children
    frames = source.frames()
    next(frames)
    source.close()
    source.close()
    assert list(frames) == []
    _, left = psutil.wait_procs(children, timeout=5)
    assert {child.status() for child in left} <= {psutil.STATUS_ZOMBIE}  # init's to reap, not ours


def test_live_frames_have_their_time_of_arrival(bin_folder):
    header, frame = "YUV4MPEG2 W2 H2 F30:1 Cmono", "FRAME\\nabcd"
    address = f'pipe+live:sh -c \'printf "{header}\\n{frame}"; sleep 0.2; printf "{frame}"; sleep 9\''
    source = opened(address)
    frames = source.frames()
    first, second = next(frames), next(frames)
    assert first.time_s >= 0
    assert second.time_s - first.time_s > 0.1
    assert source.info.started_monotonic_s + second.time_s <= time.monotonic()
    source.close()


@pytest.mark.parametrize(
    ("line", "shape", "fps", "size"),
    [
        (b"YUV4MPEG2 W4 H2 F30000:1001 Ip A1:1 C420mpeg2 XYSCSS=420MPEG2", (4, 2), 30000 / 1001, 12),
        (b"YUV4MPEG2 H3 W5", (5, 3), None, 15 + 2 * 6),
        (b"YUV4MPEG2 W4 H2 F0:0 C444", (4, 2), None, 24),
        (b"YUV4MPEG2 W4 H2 F25:1 It Cmono", (4, 2), 25.0, 8),
    ],
)
def test_yuv4mpeg_headers(line, shape, fps, size):
    layout, rate = parse_y4m_header(line)
    assert ((layout.width, layout.height), rate, layout.bytes) == (shape, fps, size)


def test_black_and_white_in_both_ranges():
    for full, black, white in ((False, 16, 235), (True, 0, 255)):
        for width in (2, 3):
            layout = raw_format("yuv420p", width, 2, full_range=full)
            for level, expected in ((black, 0), (white, 255)):
                buffer = bytearray([level]) * (2 * width) + bytearray([128]) * (layout.bytes - 2 * width)
                assert np.unique(layout.to_bgr(buffer)).tolist() == [expected]


@given(st.binary(max_size=80) | st.from_regex(rb"YUV4MPEG2( [WHFCIAX][0-9a-z:]{0,6}){0,6}", fullmatch=True))
def test_any_header_is_a_sane_layout_or_a_value_error(line):
    try:
        layout, fps = parse_y4m_header(line)
    except ValueError:
        return
    assert layout.width * layout.height <= layout.bytes <= 3 * 16384**2
    assert fps is None or fps > 0
