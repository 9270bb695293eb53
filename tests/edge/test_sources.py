"""Files, folders and cameras: no frame lost, the file's own times, one line for what cannot be read."""

import logging
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.config import CaptureSettings
from edgepose.errors import SourceError, SourceLost
from edgepose.sources import camera, images, stream, video, without_password
from tests.clips import ffmpeg, frame_shown, make, needs_ffmpeg, probed_s, ramp

DEFAULTS = CaptureSettings()
SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "video"


def read(path):
    return list(video.open_source(str(path), DEFAULTS).frames())


def times(path):
    return [frame.time_s for frame in read(path)]


@needs_ffmpeg
@pytest.mark.parametrize("fps", ["24", "25", "30000/1001", "30", "50", "60"])
def test_every_frame_of_a_file_with_b_frames_at_its_own_time(tmp_path, fps):
    path = make(tmp_path / "clip.mp4", "-c:v", "libx264", "-bf", "2", "-qp", "10", fps=fps)
    source = video.open_source(str(path), DEFAULTS)
    frames = list(source.frames())
    assert [frame_shown(frame.image) for frame in frames] == list(range(20))
    assert [frame.index for frame in frames] == list(range(20))
    numerator, _, denominator = fps.partition("/")
    rate = float(numerator) / float(denominator or 1)
    assert [frame.time_s for frame in frames] == pytest.approx([n / rate for n in range(20)], abs=1e-5)
    assert (source.info.width, source.info.height, source.info.frames) == (64, 48, 20)
    assert source.info.fps == pytest.approx(rate)
    assert (source.info.live, source.skipped) == (False, 0)


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_variable_rate_keeps_its_gaps(tmp_path, suffix):
    """At 30 fps, frames 3, 4, 5 and 11 are missing."""
    path = tmp_path / f"clip{suffix}"
    chosen = "select='not(between(n,3,5)+eq(n,11))'"
    ffmpeg(*ramp(30), "-vf", chosen, "-vsync", "vfr", "-c:v", "libx264", "-bf", "2", path)
    expected = [n / 30 for n in range(20) if n not in (3, 4, 5, 11)]
    assert times(path) == pytest.approx(expected, abs=1e-3)
    assert times(path) == pytest.approx(probed_s(path), abs=1e-4)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("b.avi", ["-c:v", "mpeg4", "-bf", "2"]),  # the last frame has no timestamp
        ("raw.h264", ["-c:v", "libx264"]),  # none has
        ("clip.ts", ["-c:v", "libx264"]),  # they begin at 1.4 s
        ("motion.avi", ["-c:v", "mjpeg"]),
        ("clip.webm", ["-c:v", "libvpx"]),
    ],
)
def test_times_go_on_evenly_where_the_container_is_poor(tmp_path, name, options):
    steps = np.diff(times(make(tmp_path / name, *options)))
    assert len(steps) == 19
    assert steps == pytest.approx(np.full(19, 0.04), abs=2e-3)


@needs_ffmpeg
def test_a_joined_transport_stream_goes_on_after_the_seam(tmp_path):
    part = make(tmp_path / "part.ts", "-c:v", "libx264").read_bytes()
    (tmp_path / "both.ts").write_bytes(part + part)
    assert np.diff(times(tmp_path / "both.ts")) == pytest.approx(np.full(39, 0.04))


@needs_ffmpeg
def test_rotation_is_obeyed(tmp_path):
    make(tmp_path / "flat.mp4")
    ffmpeg("-i", tmp_path / "flat.mp4", "-c", "copy", "-metadata:s:v:0", "rotate=90", tmp_path / "turned.mp4")
    source = video.open_source(str(tmp_path / "turned.mp4"), DEFAULTS)
    assert (source.info.width, source.info.height) == (48, 64)
    assert next(source.frames()).image.shape == (64, 48, 3)


@needs_ffmpeg
def test_a_cut_off_file_gives_what_is_there_and_says_so(tmp_path, caplog):
    path = tmp_path / "clip.mp4"
    picture = "testsrc=size=320x240:rate=25,format=yuv420p"
    ffmpeg("-f", "lavfi", "-i", picture, "-frames:v", "50", "-g", "1", "-movflags", "+faststart", path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    source = video.open_source(str(path), DEFAULTS)
    with caplog.at_level(logging.WARNING):
        count = len(list(source.frames()))
    assert 5 < count < 45
    assert source.skipped == 50 - count
    (record,) = caplog.records
    assert f"ends early: {count} of about 50 frames could be read" in record.message


@needs_ffmpeg
def test_a_file_trimmed_without_encoding_is_not_called_cut_off(tmp_path, caplog):
    """Its index counts the frames between the key frame and the cut, which players hide."""
    make(tmp_path / "clip.mp4", "-c:v", "libx264", frames=50)
    ffmpeg("-ss", "1.0", "-i", tmp_path / "clip.mp4", "-c", "copy", tmp_path / "trimmed.mp4")
    source = video.open_source(str(tmp_path / "trimmed.mp4"), DEFAULTS)
    shown = len(list(source.frames()))
    assert shown < source.info.frames
    assert (source.skipped, caplog.records) == (0, [])


@needs_ffmpeg
def test_a_name_with_colon_and_percent_is_only_a_name(tmp_path):
    assert len(read(make(tmp_path / "set 12:30 %d.mp4"))) == 20


@needs_ffmpeg
def test_a_file_without_its_index_is_refused(tmp_path):
    path = make(tmp_path / "clip.mp4")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(SourceError, match="no video that can be read"):
        read(path)


def test_files_that_are_no_video(tmp_path, capfd):
    (tmp_path / "zero.mp4").touch()
    (tmp_path / "text.mp4").write_text("hello")
    for name, why in [
        ("none.mp4", "cannot open the video: No such file or directory"),
        ("zero.mp4", r"the file is empty \(0 bytes\)"),
        ("text.mp4", "no video that can be read"),
        (".", "not a file"),
    ]:
        with pytest.raises(SourceError, match=why):
            read(tmp_path / name)
    assert capfd.readouterr() == ("", "")


@needs_ffmpeg
def test_closing_from_outside_ends_the_frames(tmp_path):
    source = video.open_source(str(make(tmp_path / "clip.mp4")), DEFAULTS)
    frames = source.frames()
    next(frames)
    source.close()
    source.close()
    assert list(frames) == []
    assert source.skipped == 0


@needs_ffmpeg
@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data/video here")
@pytest.mark.parametrize("name", ["golf_swing.mp4", "tennis_broadcast_3.mp4"])
def test_real_clips_have_the_times_that_ffprobe_tells(name):
    expected = np.array(probed_s(SHARED / name))
    assert times(SHARED / name) == pytest.approx(expected - expected[0], abs=1e-5)


def write_picture(path, level, size=(48, 64)):
    cv2.imwrite(str(path), np.full((*size, 3), level, np.uint8))


def test_a_folder_is_read_in_natural_order(tmp_path):
    for number in (1, 2, 10):
        write_picture(tmp_path / f"img{number}.png", 10 * number, (48, 64 + number))
    (tmp_path / "notes.txt").touch()
    source = images.open_source(str(tmp_path), DEFAULTS)
    frames = list(source.frames())
    assert [frame.image[0, 0, 0] for frame in frames] == [10, 20, 100]
    assert [frame.image.shape[1] for frame in frames] == [65, 66, 74]
    assert [frame.time_s for frame in frames] == [0, 1 / 30, 2 / 30]
    assert (source.info.frames, source.info.width, source.info.fps) == (3, 65, 30.0)


def test_a_broken_picture_is_skipped_and_keeps_its_time(tmp_path, caplog):
    for number in range(5):
        write_picture(tmp_path / f"{number}.jpg", 10)
    (tmp_path / "0.jpg").write_bytes(b"")
    (tmp_path / "2.jpg").write_bytes((tmp_path / "3.jpg").read_bytes()[:40])
    source = images.open_source(str(tmp_path), CaptureSettings(fps=10))
    assert [(frame.index, frame.time_s) for frame in source.frames()] == [(1, 0.1), (3, 0.3), (4, 0.4)]
    assert source.skipped == 2
    assert [record.message.split(": ")[1] for record in caplog.records] == [
        "not a picture that can be read; skipped"
    ] * 2


def test_folders_without_pictures(tmp_path):
    with pytest.raises(SourceError, match=r"no pictures in this folder; known: \.bmp"):
        images.open_source(str(tmp_path), DEFAULTS)
    with pytest.raises(SourceError, match="cannot open the folder: No such file"):
        images.open_source(str(tmp_path / "none"), DEFAULTS)
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(SourceError, match="none of the 1 pictures in this folder can be read"):
        images.open_source(str(tmp_path), DEFAULTS)


def test_cameras_that_do_not_exist(tmp_path, capfd):
    with pytest.raises(SourceError, match="no camera /dev/video97; cameras here: "):
        camera.open_source("97", DEFAULTS)
    with pytest.raises(SourceError, match="no camera /dev/video97"):
        camera.open_source("/dev/video97", DEFAULTS)
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match="cannot be opened"):
        camera.open_source(str(tmp_path / "file"), DEFAULTS)
    assert capfd.readouterr() == ("", "")


class FakeCapture:
    """A driver that stamps its pictures 50 ms before they arrive, gives two broken ones, then none."""

    closing = False

    def __init__(self):
        self.left = [True, False, True, False]
        self.stamp_ms = 0.0

    def grab(self):
        time.sleep(0.002)
        self.stamp_ms = 1000.0 * (time.monotonic() - 0.05)
        return bool(self.left)

    def get(self, prop):
        return {cv2.CAP_PROP_POS_MSEC: self.stamp_ms, cv2.CAP_PROP_FPS: 30.0}.get(prop, 48.0)

    def retrieve(self):
        return np.zeros((48, 48, 3), np.uint8) if self.left.pop(0) else None


def test_a_camera_has_the_drivers_times_and_is_lost_when_unplugged():
    source = camera.CameraSource("0", FakeCapture(), DEFAULTS)
    frames = source.frames()
    seen = [next(frames), next(frames)]
    behind_s = time.monotonic() - (source.info.started_monotonic_s + seen[0].time_s)
    assert behind_s > 0.05
    assert seen[1].time_s > seen[0].time_s
    assert [frame.index for frame in seen] == [0, 1]
    with pytest.raises(SourceLost, match=r"camera 0 gives no more pictures \(unplugged or stalled\)"):
        next(frames)
    assert source.skipped == 2
    assert (source.info.live, source.info.fps, source.info.width) == (True, 30.0, 48)


def test_nobody_at_a_network_address_and_no_password_in_the_message(capfd):
    settings = CaptureSettings(open_timeout_s=2.0)
    with pytest.raises(SourceError, match=r"^rtsp://ada@127\.0\.0\.1:1/x: no video from there within 2 s") as caught:
        stream.open_source("rtsp://ada:s3cret@127.0.0.1:1/x", settings)
    assert "s3cret" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://u:p@h:554/x", "rtsp://u@h:554/x"),
        ("rtsp://u:p@ss@h/x", "rtsp://u@h/x"),
        ("http://h:80/x?a=b@c", "http://h:80/x?a=b@c"),
        ("-i rtsp://u:p@h/x -i rtsp://v:q@h/y", "-i rtsp://u@h/x -i rtsp://v@h/y"),
        ("/a:b@c.mp4", "/a:b@c.mp4"),
    ],
)
def test_passwords_are_hidden(address, shown):
    assert without_password(address) == shown


@given(st.lists(st.text(alphabet="a1230.", min_size=1, max_size=6)))
def test_natural_order_puts_numbers_by_value(names):
    ordered = sorted(names, key=images.natural_key)
    plain = [name for name in ordered if name.isdigit()]
    assert [int(name) for name in plain] == sorted(int(name) for name in plain)
