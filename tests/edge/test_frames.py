"""Pictures out of videos whose every picture says which one it is."""

from __future__ import annotations

import csv
import json
import resource
import signal
import subprocess
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.cli import frames
from edgepose.errors import EdgePoseError, SettingsError
from edgepose.types import Frame
from tests.clips import ffmpeg, needs_ffmpeg, probed_s
from tests.end_to_end.programs import COMMAND, edgepose


def numbered(fps: str, count: int) -> list[str]:
    """Input options of a clip: the left half of picture n is as bright as n's tens, the right as its ones."""
    luma = "16+16*if(lt(X,W/2),floor(N/10),mod(N,10))"
    return ["-f", "lavfi", "-i", f"color=size=64x32:rate={fps},format=yuv420p,trim=end_frame={count},"
            f"geq=lum='{luma}':cb=128:cr=128"]  # fmt: skip


def number_shown(path: Path) -> int:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    tens, ones = (round(float(half.mean()) * 219 / 255 / 16) for half in (image[:, 4:28], image[:, 36:60]))
    return 10 * tens + ones


def index_of(folder: Path) -> list[tuple[str, int, float]]:
    with (folder / "frames.csv").open(newline="") as file:
        rows = csv.DictReader(file)
        assert rows.fieldnames == ["file", "frame", "time_s"]
        return [(row["file"], int(row["frame"]), float(row["time_s"])) for row in rows]


def written(video: Path, out: Path, every: float | None = None, fps: float | None = None) -> list[tuple]:
    assert frames.command(str(video), out, every, fps, as_json=False) == 0
    index = index_of(out)
    assert sorted(path.name for path in out.iterdir()) == sorted(["frames.csv", *(name for name, _, _ in index)])
    return index


@needs_ffmpeg
@pytest.mark.parametrize("fps", ["24", "25", "30", "50", "60", "30000/1001"])
def test_row_1_every_frame_with_its_second_and_its_own_time(tmp_path: Path, fps: str) -> None:
    count, rate = 75, Fraction(fps)
    video = tmp_path / "rally 1.mp4"
    ffmpeg(*numbered(fps, count), "-c:v", "libx264", "-bf", "2", "-qp", "4", video)
    index = written(video, tmp_path / "out")
    seconds = [int(n / rate) for n in range(count)]
    assert [name for name, _, _ in index] == [f"rally 1_{seconds[n]:04d}_{n:06d}.png" for n in range(count)]
    assert seconds[-1] == int(74 / rate) >= 1
    assert [frame for _, frame, _ in index] == list(range(count))
    assert [time_s for _, _, time_s in index] == pytest.approx([float(n / rate) for n in range(count)], abs=2e-5)
    assert [number_shown(tmp_path / "out" / name) for name, _, _ in index] == list(range(count))


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_row_1_a_variable_rate_keeps_its_own_times(tmp_path: Path, suffix: str) -> None:
    """Of 30 frames a second, those from 20 to 44 and every third are missing: no multiple of a rate is right."""
    video = tmp_path / f"clip{suffix}"
    kept = [n for n in range(90) if not 20 <= n <= 44 and n % 3 != 2]
    chosen = "select='not(between(n,20,44)+eq(mod(n,3),2))'"
    ffmpeg(*numbered("30", 90), "-vf", chosen, "-vsync", "vfr", "-c:v", "libx264", "-bf", "2", "-qp", "4", video)
    index = written(video, tmp_path / "out")
    assert [number_shown(tmp_path / "out" / name) for name, _, _ in index] == kept
    times_s = [time_s for _, _, time_s in index]
    assert times_s == pytest.approx([n / 30 for n in kept], abs=1.1e-3)  # Matroska knows whole milliseconds
    assert times_s == pytest.approx(probed_s(video), abs=1e-4)
    for position, (name, frame, time_s) in enumerate(index):
        assert frame == position
        assert name == f"clip_{int(time_s + 1e-6):04d}_{frame:06d}.png"


@needs_ffmpeg
def test_one_frame_a_second_and_ten(tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    ffmpeg(*numbered("24", 60), "-c:v", "libx264", "-qp", "4", video)
    assert [frame for _, frame, _ in written(video, tmp_path / "a", every=1.0)] == [0, 24, 48]
    # Due at 0, 0.1, 0.2 ... s; frame n is at n / 24 s: the first at or after.
    ten = [frame for _, frame, _ in written(video, tmp_path / "b", fps=10)]
    assert ten == sorted({-(-24 * k // 10) for k in range(25)})
    assert len(written(video, tmp_path / "c", fps=120)) == 60


@given(st.lists(st.floats(0.001, 2.0), max_size=50), st.floats(0.01, 3.0), st.floats(0, 100))
def test_every_chosen_frame_is_the_first_of_its_turn(pauses: list[float], step_s: float, begin_s: float) -> None:
    times_s = begin_s + np.cumsum([0.0, *pauses])
    chosen = [frame.time_s for frame in frames.due([Frame(i, float(t)) for i, t in enumerate(times_s)], step_s)]
    turns = np.floor((times_s - begin_s + 1e-6) / step_s).astype(int)
    assert chosen == times_s[np.unique(turns, return_index=True)[1]].tolist()


@pytest.mark.parametrize(
    ("time_s", "name"),
    [
        (0.0, "a_0000_000007.png"),
        (0.9999999, "a_0001_000007.png"),  # one second, in a file's ticks
        (0.99998, "a_0000_000007.png"),
        (59.94, "a_0059_000007.png"),
        (36000.5, "a_36000_000007.png"),
    ],
)
def test_the_second_is_that_of_the_timestamp(time_s: float, name: str) -> None:
    assert frames.name("a", 7, time_s) == name


def test_a_folder_of_pictures_is_read_too(tmp_path: Path) -> None:
    pictures = tmp_path / "day.1"
    pictures.mkdir()
    for n in range(4):
        cv2.imwrite(str(pictures / f"{n}.jpg"), np.full((16, 16, 3), 40 * n, np.uint8))
    (pictures / "2.jpg").write_bytes(b"no picture")
    index = written(pictures, tmp_path / "out")
    assert [(name, frame) for name, frame, _ in index] == [(f"day.1_0000_{n:06d}.png", n) for n in (0, 1, 3)]
    assert [time_s for _, _, time_s in index] == pytest.approx([0, 1 / 30, 3 / 30], abs=1e-6)


def test_a_name_with_a_comma_stays_one_cell(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / 'a,"b".png'), np.zeros((8, 8, 3), np.uint8))
    assert [name for name, _, _ in written(tmp_path / 'a,"b".png', tmp_path / "out")] == ['a,"b"_0000_000000.png']


def test_a_folder_with_other_frames_is_left_alone(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    cv2.imwrite(str(picture), np.zeros((8, 8, 3), np.uint8))
    out = tmp_path / "out"
    written(picture, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(SettingsError, match="out: the folder is not empty"):
        frames.command(str(picture), out, None, None, as_json=False)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize(
    ("video", "every", "fps", "said"),
    [
        ("0", None, None, "0: give a video or a folder of pictures"),
        ("rtsp://court/1", None, None, "rtsp://court/1: give a video"),
        ("gone.mp4", None, None, "gone.mp4: cannot open the video"),
        ("gone.mp4", 0.0, None, "--every 0: expected a number above 0"),
        ("gone.mp4", None, float("nan"), "--fps nan: expected a number above 0"),
        ("gone.mp4", 1.0, 5.0, "give one of them"),
    ],
)
def test_mistakes_leave_nothing_behind(
    tmp_path: Path, video: str, every: float | None, fps: float | None, said: str
) -> None:
    with pytest.raises(EdgePoseError, match=said):
        frames.command(video, tmp_path / "out", every, fps, as_json=False)
    assert not (tmp_path / "out").exists()


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    for out in (tmp_path / "o", Path("/proc/no/such")):
        result = edgepose("frames", "gone.mp4" if out.parent == tmp_path else tmp_path, "--out", out)
        assert result.returncode == 2
        assert len(result.stderr.splitlines()) == 1


def noise(path: Path, count: int, size: int) -> Path:
    """Pictures that get no smaller as PNG; the last is the largest."""
    path.mkdir()
    generator = np.random.default_rng(0)
    for n in range(count):
        side = size * (8 if n == count - 1 else 1)
        cv2.imwrite(str(path / f"{n}.bmp"), generator.integers(0, 255, (side, side, 3), np.uint8))
    return path


def test_a_disk_that_is_full_leaves_whole_pictures_and_a_right_index(tmp_path: Path) -> None:
    """A limit on a file's size stands for the full disk: the last picture, of 196 kB, does not fit."""
    out = tmp_path / "out"
    result = subprocess.run(
        [*COMMAND, "frames", str(noise(tmp_path / "noise", 4, 32)), "-o", str(out)],
        capture_output=True, text=True, check=False, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )  # fmt: skip
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert "noise_0000_000003.png: File too large; the 3 pictures before it are whole and in" in line
    assert [frame for _, frame, _ in index_of(out)] == [0, 1, 2]
    assert sorted(p.name for p in out.iterdir()) == ["frames.csv", *(f"noise_0000_00000{n}.png" for n in range(3))]
    assert all(cv2.imread(str(path)).shape == (32, 32, 3) for path in out.glob("*.png"))


def test_ctrl_c_leaves_an_index_of_what_is_there(tmp_path: Path) -> None:
    video, out = tmp_path / "long.avi", tmp_path / "out"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 30, (640, 360))
    picture = np.random.default_rng(0).integers(0, 255, (360, 640, 3), np.uint8)
    for _ in range(400):
        writer.write(picture)
    writer.release()
    process = subprocess.Popen([*COMMAND, "frames", str(video), "-o", str(out)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 20
    while len(list(out.glob("*.png"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    index = index_of(out)
    assert 3 <= len(index) < 400
    assert {name for name, _, _ in index} | {"frames.csv"} == {path.name for path in out.iterdir()}
    assert told == f"{out}: {len(index)} pictures, frames.csv, stopped\n"


def test_a_machine_may_read_what_was_written(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8, 3), np.uint8))
    result = edgepose("frames", tmp_path / "a.png", "-o", tmp_path / "out", "--json")
    assert json.loads(result.stdout) == {
        "folder": str(tmp_path / "out"), "index": str(tmp_path / "out" / "frames.csv"), "pictures": 1, "unreadable": 0,
    }  # fmt: skip
