"""The demo and the sample session: strokes over a real broker to a real subscriber, twice the same way."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from jsonschema import Draft202012Validator

from edgepose.cli.demo import sample_session
from edgepose.schemas import schemas
from edgepose.session import read_labels, read_poses
from edgepose_trainer import sample
from tests.end_to_end.programs import edgepose
from tests.servers import Mosquitto, Subscriber


def test_the_sample_is_what_its_program_draws(tmp_path: Path) -> None:
    sample.write(tmp_path / "sample")
    shipped, drawn = read_poses(sample_session()), read_poses(tmp_path / "sample")
    assert shipped.keypoints == pytest.approx(drawn.keypoints, abs=1e-3)
    assert read_labels(sample_session()) == read_labels(tmp_path / "sample")


def test_the_demo_prints_what_arrives_and_leaves_video_and_events(tmp_path: Path) -> None:
    result = edgepose("demo", "--out", tmp_path)
    assert result.returncode == 0, result.stderr
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    heard = [line for line in result.stdout.splitlines() if line.startswith("edgepose/edgepose/camera/event")]
    assert len(heard) == len(events) >= 6
    assert "strokes found" in result.stdout
    video = cv2.VideoCapture(str(tmp_path / "annotated.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == int(sample.SECONDS * sample.FPS)


def test_ground_strokes_of_the_sample_are_found_once_and_with_the_right_label(tmp_path: Path) -> None:
    out = tmp_path / "events.jsonl"
    assert edgepose("events", sample_session(), "-o", out).returncode == 0
    events = [json.loads(line) for line in out.read_text().splitlines()]
    for label in read_labels(sample_session()):
        if label.label == "serve":
            continue
        found = [e["label"] for e in events if label.start_s <= e["media"]["peak_s"] <= label.end_s]
        assert found == [label.label], label


def test_run_publishes_what_events_writes(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """The same strokes, at the same times, each valid by the published schema, numbered without a gap."""
    out = tmp_path / "events.jsonl"
    assert edgepose("events", sample_session(), "-o", out).returncode == 0
    expected = [json.loads(line) for line in out.read_text().splitlines()]
    with Subscriber(mosquitto.port) as subscriber:
        result = edgepose("run", "-s", sample_session(), "-b", f"mqtt://127.0.0.1:{mosquitto.port}", "--json")
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
