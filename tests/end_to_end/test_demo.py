"""The demo and the clip that ships: strokes over a real broker to a real subscriber, a page, and playing on."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import pytest
from jsonschema import Draft202012Validator

from edgepose.cli.demo import sample_session
from edgepose.schemas import schemas
from edgepose.session import read_info, read_labels, read_poses, read_poses3d, write_labels, write_poses
from tests.end_to_end.programs import COMMAND, clip, edgepose, network
from tests.servers import Mosquitto, Subscriber

MOST_BYTES = 3_000_000
BEGINNING_S = 6.0


@pytest.fixture
def poses_only(tmp_path: Path) -> Path:
    """The first seconds of the clip that ships, without its pictures: exact 2D is replayed."""
    folder = tmp_path / "exact"
    shutil.copytree(sample_session(), folder, ignore=shutil.ignore_patterns("video.mp4"))
    poses = read_poses(folder)
    kept = poses.time_s < BEGINNING_S
    columns = ("frame", "time_s", "track", "score", "box", "keypoints")
    write_poses(
        folder / "poses" / "000000.parquet", replace(poses, **{name: getattr(poses, name)[kept] for name in columns})
    )
    write_labels(folder, [label for label in read_labels(folder) if label.end_s < BEGINNING_S - 1])
    return folder


@pytest.fixture
def playing() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the demo; what still runs is ended."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        told = [*COMMAND, "demo", *map(str, arguments)]
        started.append(subprocess.Popen(told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_clip_that_ships_is_a_rally_of_two_with_exact_truth() -> None:
    folder = sample_session()
    info, poses, labels = read_info(folder), read_poses(folder), read_labels(folder)
    assert (folder / "video.mp4").stat().st_size <= MOST_BYTES
    video = cv2.VideoCapture(str(folder / "video.mp4"))
    assert (video.get(cv2.CAP_PROP_FRAME_COUNT), video.get(cv2.CAP_PROP_FPS)) == (600, 30)
    assert len(poses.frame) == len(read_poses3d(folder).frame) == 2 * 600
    assert len(info.players) == 2
    kinds = Counter("slice" if "slice" in label.label else label.label for label in labels)
    assert min(kinds["serve"], kinds["forehand"], kinds["backhand"], kinds["slice"]) >= 1
    assert (info.source or "").startswith("edgepose synth --seed ")
    assert "CC BY-SA 3.0" in (info.license or "")


def test_a_recorded_session_goes_over_the_broker_and_is_compared(poses_only: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = edgepose("demo", "--source", poses_only, "--out", out, timeout_s=110)
    assert result.returncode == 0, result.stderr
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    *lines, last = result.stdout.splitlines()
    assert len([line for line in lines if line.startswith("edgepose/edgepose/camera/event")]) == len(events)
    total = len(read_labels(poses_only))
    said = re.fullmatch(
        r"(\d+) of (\d+) strokes found with the right label, (\d+) wrong label, (\d+) missed, (\d+) false", last
    )
    assert said is not None, last
    right, of, wrong, missed, false = map(int, said.groups())
    assert (of, right + wrong + missed, right + wrong + false) == (total, total, len(events))
    assert right + wrong >= 0.75 * total > 0, "exact 2D"
    page = (out / "index.html").read_text(encoding="utf-8")
    assert last in page
    assert "2D error" not in page, "nothing was seen, it was replayed"
    assert read_poses3d(out / "session").space == "root"


def test_a_clip_is_watched_compared_and_drawn(tmp_path: Path) -> None:
    """A network that sees one man who never moves: no stroke is told, all are missed, and the page says it."""
    source, out = tmp_path / "court", tmp_path / "out"
    made = edgepose("synth", "--seed", 230, "--duration", 4, "--size", "160x160", "--from=-4,7,-32", "--out", source)
    assert made.returncode == 0, made.stderr
    total = len(read_labels(source))
    assert total
    net = network(tmp_path / "net.onnx")
    result = edgepose("demo", "--source", source, "--model", net, "--out", out)
    assert result.returncode == 0, result.stderr
    last = f"0 of {total} strokes found with the right label, 0 wrong label, {total} missed, 0 false"
    assert result.stdout.splitlines()[-1] == last
    assert cv2.VideoCapture(str(out / "annotated.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 120
    assert cv2.VideoCapture(str(out / "animation.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) > 90
    page = (out / "index.html").read_text(encoding="utf-8")
    for part in (last, "2D error", "People found", "data:image/webp", "missed", "edgepose synth --seed 230"):
        assert part in page


@pytest.mark.parametrize(("people", "frames", "lifted"), [(0, 6, False), (1, 6, False), (1, 24, True)])
def test_a_short_clip_of_ones_own_has_a_page_without_a_comparison(
    tmp_path: Path, people: int, frames: int, lifted: bool
) -> None:
    source, out = clip(tmp_path / "mine.mp4", frames=frames), tmp_path / "out"
    net = network(tmp_path / "net.onnx", people)
    for _ in range(1 + lifted):  # an earlier demo's files make room
        result = edgepose("demo", "--source", source, "--model", net, "--out", out)
        assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "0 strokes of 0 people"
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "mine.mp4" in page
    assert "true stroke" not in page
    assert (out / "animation.mp4").is_file() == lifted


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--source", "gone.mp4"], "gone.mp4: cannot open the video: No such file or directory"),
        (["--source", "93"], "no camera /dev/video93"),
        (["--source", ".", "--serve"], "--serve plays videos and cameras, not pictures or recorded poses"),
        (["--model", "no-such-net"], "no model 'no-such-net'"),
        (["--out", "taken"], "taken/session: is in the way, and no earlier demo made it; give another --out"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(sample_session(), tmp_path / "taken" / "session", ignore=shutil.ignore_patterns("video.mp4"))
    result = edgepose("demo", *arguments)
    assert result.returncode == 2
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert (tmp_path / "taken" / "session" / "labels.csv").is_file()


def test_serve_plays_on_until_ctrl_c(tmp_path: Path, playing: Callable[..., subprocess.Popen[str]]) -> None:
    source = clip(tmp_path / "mine.mp4", frames=20)
    net = network(tmp_path / "net.onnx")
    process = playing("--serve", "--source", source, "--model", net, "--out", tmp_path / "out")
    assert process.stdout is not None
    lines = []
    while not lines or not lines[-1].startswith("playing until Ctrl-C; subscribe at mqtt://127.0.0.1:"):
        lines.append(process.stdout.readline())
        assert lines[-1], process.communicate()
    page = next(line.split()[1] for line in lines if line.startswith("page http://127.0.0.1:"))
    with urllib.request.urlopen(page) as answer:
        assert b"EdgePose demo" in answer.read()
    address = urlsplit(lines[-1].split("subscribe at ")[1].split()[0])
    with Subscriber(address.port or 0) as subscriber:
        subscriber.wait(lambda heard: len([h for h in heard if h.topic.endswith("/poses")]) > 3)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert subscriber.last("edgepose/edgepose/status")["state"] == "stopped"


def test_run_publishes_what_events_writes(poses_only: Path, tmp_path: Path, mosquitto: Mosquitto) -> None:
    """The same strokes, at the same times, each valid by the published schema, numbered without a gap."""
    out = tmp_path / "events.jsonl"
    assert edgepose("events", poses_only, "-o", out).returncode == 0
    expected = [json.loads(line) for line in out.read_text().splitlines()]
    with Subscriber(mosquitto.port) as subscriber:
        result = edgepose("run", "-s", poses_only, "-b", f"mqtt://127.0.0.1:{mosquitto.port}", "--json")
        assert result.returncode == 0, result.stderr
        subscriber.wait(lambda heard: any(b'"stopped"' in h.payload for h in heard))
        events = subscriber.on("/event")
    printed = [json.loads(line) for line in result.stdout.splitlines()]
    assert [e["id"] for e in printed] == [e["id"] for e in events]
    assert [(e["label"], e["media"]) for e in events] == [(e["label"], e["media"]) for e in expected]
    assert [e["seq"] for e in events] == list(range(len(events)))
    schema = Draft202012Validator(schemas()["event"])
    for event in events:
        schema.validate(event)
        assert not event["replayed"]
        assert set(event["models"]) == {"strokes", "lifter"}
        assert event["pose2d"]["skeleton"] == "coco17"
        assert event["pose3d"]["skeleton"] == "h36m17"
        assert event["start"] <= event["peak"] <= event["end"]
