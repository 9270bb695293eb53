"""What is recorded is replayed; a kill or a full disk loses the open part only."""

import json
import signal
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from edgepose.config import CaptureSettings
from edgepose.errors import SessionError, SettingsError, SourceError
from edgepose.recorder import Recorder
from edgepose.session import SessionInfo, read_info, read_poses
from edgepose.sources import replay
from edgepose.types import Pose, Track

INFO = SessionInfo(width=64, height=48, fps=10.0, started_at=datetime(2026, 5, 1, tzinfo=timezone.utc))


def person(track, x):
    keypoints = np.full((17, 3), x, np.float32)
    return Track(track, Pose(keypoints, np.float32([x, x, x + 1, x + 1]), 0.5))


def replayed(folder, images=False):
    return list(replay.open_source(str(folder), CaptureSettings(), images=images).frames())


def grey(level, size=(48, 64)):
    return np.full((*size, 3), level, np.uint8)


def test_one_then_two_then_nobody(tmp_path):
    with Recorder(tmp_path / "s", INFO, part_s=0.25) as recorder:
        for frame in range(9):
            people = [person(track, frame) for track in range(frame // 3)]
            recorder.add(frame, frame / 10, people[::-1])
    names = sorted(path.name for path in (tmp_path / "s" / "poses").iterdir())
    assert names == ["000000.parquet", "000001.parquet", "000002.parquet"]
    frames = replayed(tmp_path / "s")
    assert [frame.index for frame in frames] == list(range(9))
    assert [frame.time_s for frame in frames] == [frame / 10 for frame in range(9)]
    assert [[track.id for track in frame.tracks] for frame in frames] == [[]] * 3 + [[0]] * 3 + [[1, 0]] * 3
    assert frames[7].tracks[0].pose.keypoints[5].tolist() == [7, 7, 7]
    assert frames[7].tracks[0].pose.score == 0.5
    assert frames[0].image is None


def test_the_replay_knows_its_session(tmp_path):
    with Recorder(tmp_path / "s", INFO) as recorder:
        recorder.add(3, 0.5, [person(-1, 1.0)])
    source = replay.open_source(str(tmp_path / "s"), CaptureSettings())
    info = source.info
    assert (info.width, info.height, info.fps, info.live, info.frames) == (64, 48, 10.0, False, 1)
    assert info.started_unix_s == datetime(2026, 5, 1, tzinfo=timezone.utc).timestamp()
    assert next(source.frames()).tracks[0].id == -1


def test_nan_keypoints_and_forty_people_come_back(tmp_path):
    lost = person(0, np.nan)
    with Recorder(tmp_path / "s", INFO) as recorder:
        recorder.add(0, 0.0, [lost] * 40)
    (frame,) = replayed(tmp_path / "s")
    assert len(frame.tracks) == 40
    assert np.isnan(frame.tracks[39].pose.keypoints).all()


def test_picture_n_of_the_video_is_frame_n(tmp_path):
    """Frames 0, 1 and 4 are recorded (2, 3 were dropped), each as grey as its index × 50."""
    with Recorder(tmp_path / "s", INFO) as recorder:
        for frame in (0, 1, 4):
            recorder.add(frame, frame / 10, [], grey(50 * frame))
    frames = replayed(tmp_path / "s", images=True)
    assert [frame.index for frame in frames] == [0, 1, 4]
    for frame in frames:
        assert abs(float(frame.image.mean()) - 50 * frame.index) < 4


def test_a_picture_of_another_size_keeps_its_pixels(tmp_path):
    with Recorder(tmp_path / "s", INFO) as recorder:
        recorder.add(0, 0.0, [], grey(100))
        recorder.add(1, 0.1, [], grey(200, (24, 96)))
    image = replayed(tmp_path / "s", images=True)[1].image
    assert image.shape == (48, 64, 3)
    assert abs(float(image[:20].mean()) - 200) < 6
    assert float(image[28:].mean()) < 6


def test_replaying_images_needs_a_video(tmp_path):
    with Recorder(tmp_path / "s", INFO) as recorder:
        recorder.add(0, 0.0, [])
    with pytest.raises(SourceError, match=r"video\.mp4: this session has no video"):
        replayed(tmp_path / "s", images=True)
    (tmp_path / "s" / "video.mp4").write_bytes(b"nonsense")
    with pytest.raises(SourceError, match="no video that can be read"):
        replayed(tmp_path / "s", images=True)


def test_events_are_on_disk_at_once(tmp_path):
    with Recorder(tmp_path / "s", INFO) as recorder:
        recorder.event({"label": "Vorhand – größer"})
        lines = (tmp_path / "s" / "events.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(line) for line in lines] == [{"label": "Vorhand – größer"}]


def test_a_folder_that_holds_something_is_refused(tmp_path):
    (tmp_path / "note.txt").touch()
    with pytest.raises(SettingsError, match="not empty; choose a new folder"):
        Recorder(tmp_path, INFO)
    with pytest.raises(SettingsError, match="cannot create the recording"):
        Recorder(tmp_path / "note.txt" / "s", INFO)


def test_people_with_another_number_of_joints_stop_the_recording(tmp_path):
    recorder = Recorder(tmp_path / "s", INFO)
    recorder.add(0, 0.0, [Track(0, Pose(np.zeros((5, 3), np.float32), np.zeros(4, np.float32), 1.0))])
    with pytest.raises(SessionError, match="recording stopped: cannot reshape"):
        recorder.close()


def test_closing_twice_is_once(tmp_path):
    recorder = Recorder(tmp_path / "s", INFO)
    recorder.close()
    recorder.close()
    assert read_info(tmp_path / "s") == INFO


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from tests.edge.test_recorder import INFO, Recorder, person
recorder = Recorder(Path({folder!r}), INFO, part_s=1.0)
for frame in range(25):
    recorder.add(frame, frame / 10, [person(0, frame)])
    recorder.event({{"frame": frame}})
while not (Path({folder!r}) / "poses" / "000001.parquet").exists():
    time.sleep(0.01)
print("ready", flush=True)
time.sleep(60)
"""


def test_kill_9_loses_the_open_part_and_the_reader_says_so(tmp_path):
    """25 frames at 10 fps in parts of a second: two parts are whole, the last five frames are lost."""
    folder = tmp_path / "s"
    script = KILLED.format(tests=str(Path(__file__).parents[2]), folder=str(folder))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    poses = read_poses(folder)
    assert poses.frame.tolist() == list(range(20))
    assert poses.skipped_parts == ("poses/000002.parquet.partial: was still being written",)
    assert len((folder / "events.jsonl").read_text().splitlines()) == 25
    source = replay.open_source(str(folder), CaptureSettings())
    assert source.skipped == 1
    assert len(list(source.frames())) == 20


FULL = """
import sys, time, resource
sys.path.insert(0, {tests!r})
from pathlib import Path
from edgepose.errors import SessionError
from tests.edge.test_recorder import INFO, Recorder, person
recorder = Recorder(Path({folder!r}), INFO, part_s=1.0)
try:
    for frame in range(1000):
        if frame == 25:
            while not (Path({folder!r}) / "poses" / "000001.parquet").exists():
                time.sleep(0.01)
            resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
        recorder.add(frame, frame / 10, [person(n, frame + n / 7) for n in range(20)])
except SessionError as error:
    print(error)
try:
    recorder.close()
except SessionError as error:
    print(error)
"""


def test_a_full_disk_is_said_and_loses_nothing_written(tmp_path):
    """A limit on the size of files stands for the full disk: it fails the same write."""
    folder = tmp_path / "s"
    script = FULL.format(tests=str(Path(__file__).parents[2]), folder=str(folder))
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert out.stderr == ""
    first, second = out.stdout.splitlines()
    assert first == second
    assert "recording stopped: " in first
    assert first.endswith("; the parts written before are whole")
    poses = read_poses(folder)
    assert sorted(set(poses.frame.tolist())) == list(range(20))
    assert any("was still being written" in part for part in poses.skipped_parts)
