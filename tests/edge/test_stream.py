"""Network streams on the loopback: they die, stall and come back; files behind HTTP lose nothing."""

import itertools
import logging
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from edgepose.capture import Capture
from edgepose.config import CaptureSettings
from edgepose.errors import SourceError, SourceLost
from edgepose.sources import stream
from tests.clips import FFMPEG, ffmpeg, frame_shown, make, needs_ffmpeg
from tests.servers import free_port

QUICK = CaptureSettings(stall_s=1.0, open_timeout_s=8.0, backoff_s=0.1, backoff_most_s=0.2)


class Answers(ThreadingHTTPServer):
    """Serves one answer, ``play(handler)``, on a free port; ``over`` ends those that wait."""

    def __init__(self, play):
        self.over = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                try:
                    play(self, server.over)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *arguments):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/x"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __exit__(self, *exc):
        self.over.set()
        self.shutdown()
        super().__exit__(*exc)


def head(handler, kind, *lines):
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    for name, value in lines:
        handler.send_header(name, value)
    handler.end_headers()


def ffmpeg_process(*output, rate=25):
    command = [
        FFMPEG,
        "-nostdin",
        "-v",
        "quiet",
        "-re",
        "-f",
        "lavfi",
        "-i",
        f"testsrc=size=160x120:rate={rate}",
    ]
    return subprocess.Popen([*command, "-pix_fmt", "yuv420p", *output])


def end(process):
    process.kill()
    process.wait()


def listening(port, url):
    return ffmpeg_process("-c:v", "mpeg2video", "-g", "5", "-f", "mpegts", "-listen", "1", url)


def opened(address, settings=QUICK):
    """Tries until the server listens."""
    for _ in range(100):
        try:
            return stream.open_source(address, settings)
        except SourceError:
            time.sleep(0.05)
    raise AssertionError(f"nobody at {address}")


@needs_ffmpeg
def test_a_stream_that_is_killed_and_comes_back_goes_on(caplog):
    """Its times are those of the stamps, 40 ms a frame, however the packets arrive."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/live.ts"
    server = listening(port, url)
    try:
        with Capture(lambda: opened(url), QUICK) as capture, caplog.at_level(logging.WARNING):
            assert capture.info.live
            frames = iter(capture)
            before = [next(frames) for _ in range(8)]
            steps = [(b.time_s - a.time_s) / (b.index - a.index) for a, b in itertools.pairwise(before)]
            assert steps == pytest.approx([0.04] * 7, abs=0.003)
            end(server)
            server = listening(port, url)
            while capture.reconnects == 0:
                before.append(next(frames))
            after = [next(frames) for _ in range(5)]
            assert capture.reconnects == 1
            now_s = time.monotonic() - capture.info.started_monotonic_s
            assert abs(now_s - after[-1].time_s) < 0.6
            seen = before + after
            assert all(b.index > a.index and b.time_s > a.time_s for a, b in itertools.pairwise(seen))
            assert capture.dropped == seen[-1].index - len(seen) + 1
    finally:
        end(server)
    messages = [record.message for record in caplog.records]
    assert messages[0] == f"{url}: the stream ended; opening again until it is back"
    assert messages[1].startswith(f"{url}: back after ")


@needs_ffmpeg
def test_rtsp(monkeypatch):
    """FFmpeg cannot serve RTSP, but OpenCV's can wait for someone who pushes it."""
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_flags;listen|listen_timeout;10")
    url = f"rtsp://ada:s3cret@127.0.0.1:{free_port()}/court"
    sources = []
    opening = threading.Thread(target=lambda: sources.append(stream.open_source(url, QUICK)))
    opening.start()
    time.sleep(0.3)
    camera = ffmpeg_process(
        "-c:v", "libx264", "-bf", "0", "-g", "5", "-f", "rtsp", "-rtsp_transport", "tcp", url, rate=20
    )
    opening.join()
    (source,) = sources
    times_s = []

    def watch():
        for frame in source.frames():
            times_s.append(frame.time_s)
            if len(times_s) == 10:
                end(camera)

    try:
        with pytest.raises(SourceLost, match=r"^rtsp://ada@127\.0\.0\.1:[0-9]+/court: the stream ended$"):
            watch()
    finally:
        end(camera)
        source.close()
    assert source.info.address.startswith("rtsp://ada@127.0.0.1:")
    assert np.diff(times_s)[:9] == pytest.approx(np.full(9, 0.05), abs=0.005)


@needs_ffmpeg
def test_a_server_that_stalls_without_hanging_up_is_lost(tmp_path):
    """It first sends ten seconds at once, which is more than FFmpeg reads to get to know a stream."""
    picture = "testsrc=size=64x48:rate=25:duration=10"
    ffmpeg("-f", "lavfi", "-i", picture, "-c:v", "mpeg2video", "-g", "5", tmp_path / "clip.ts")
    data = (tmp_path / "clip.ts").read_bytes()

    def stall(handler, over):
        head(handler, "video/mp2t")
        handler.wfile.write(data)
        handler.wfile.flush()
        over.wait(30)

    with Answers(stall) as server:
        source = stream.open_source(server.url, QUICK)
        with pytest.raises(SourceLost, match=r": nothing came for 1 s$"):
            list(source.frames())
        source.close()


@needs_ffmpeg
def test_a_file_behind_http_loses_nothing_and_simply_ends(tmp_path):
    data = make(tmp_path / "clip.mp4", "-c:v", "libx264", "-qp", "5", "-movflags", "+faststart").read_bytes()

    def send(handler, over):
        head(handler, "video/mp4", ("Content-Length", str(len(data))))
        handler.wfile.write(data)

    with Answers(send) as server:
        source = stream.open_source(server.url, QUICK)
        assert (source.info.live, source.info.frames) == (False, 20)
        frames = list(source.frames())
        source.close()
    assert [frame_shown(frame.image) for frame in frames] == list(range(20))
    assert [frame.time_s for frame in frames] == pytest.approx([n / 25 for n in range(20)])


@needs_ffmpeg
def test_a_file_behind_http_that_breaks_off_is_counted(tmp_path, caplog):
    picture = "testsrc=size=320x240:rate=25:duration=4"
    ffmpeg("-f", "lavfi", "-i", picture, "-g", "1", "-movflags", "+faststart", tmp_path / "clip.mp4")
    data = (tmp_path / "clip.mp4").read_bytes()

    def send(handler, over):
        head(handler, "video/mp4")
        handler.wfile.write(data[: len(data) // 2])

    with Answers(send) as server:
        source = stream.open_source(server.url, QUICK)
        count = len(list(source.frames()))
        source.close()
    assert 10 < count < 90
    assert source.skipped == 100 - count
    assert f"ends early: {count} of about 100 frames came" in caplog.records[0].message


def test_motion_jpeg_has_times_of_arrival_because_its_rate_is_made_up():
    """10 pictures a second, which FFmpeg would call 25."""
    jpeg = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()

    def play(handler, over):
        head(handler, "multipart/x-mixed-replace; boundary=b")
        while not over.wait(0.1):
            handler.wfile.write(b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg))
            handler.wfile.write(jpeg + b"\r\n")
            handler.wfile.flush()

    with Answers(play) as server:
        source = stream.open_source(server.url, QUICK)
        assert (source.info.live, source.info.fps) == (True, None)
        frames = list(itertools.islice(source.frames(), 15))
        source.close()
        now_s = time.monotonic() - source.info.started_monotonic_s
    assert abs(now_s - frames[-1].time_s) < 0.5
    assert np.median(np.diff([frame.time_s for frame in frames])[-6:]) > 0.06


def test_what_answers_but_is_no_video():
    def hello(handler, over):
        head(handler, "text/html")
        handler.wfile.write(b"<html>hello</html>")

    with Answers(hello) as server, pytest.raises(SourceError, match="no video from there within 8 s"):
        stream.open_source(server.url, QUICK)
