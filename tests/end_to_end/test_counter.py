"""Curls counted by the command on the device, from a real clip."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.programs import clip, edgepose, network
from tests.shared import MOVENET, VIDEO, needs

# By eye, from a picture every 0.2 s: she curls both arms together, eight times, and has let them down the eighth time
# when the clip ends (26.0 s). Between these times, in s, both dumb-bells are at her shoulders.
BY_EYE = [(1.4, 2.2), (5.0, 5.8), (8.4, 9.4), (11.8, 12.6), (15.2, 16.2), (18.4, 19.2), (21.4, 22.2), (24.2, 25.0)]


@needs(MOVENET, VIDEO / "bicep_curls.mp4")
def test_row_64_eight_curls_by_eye_are_eight_by_each_arms_counter(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    result = edgepose(
        "run", "-s", VIDEO / "bicep_curls.mp4", "-m", MOVENET, "--count", "bicep_curl", "--no-mqtt", "--events", events
    )
    assert result.returncode == 0, result.stderr
    found = [json.loads(line) for line in events.read_text().splitlines()]
    assert {event["kind"] for event in found} == {"count"}
    assert {event["track"] for event in found} == {0}
    for arm in ("bicep_curl_left", "bicep_curl_right"):
        mine = [event for event in found if event["label"] == arm]
        assert len(BY_EYE) == 8
        assert [event["kinematics"]["count"]["value"] for event in mine] == [1, 2, 3, 4, 5, 6, 7, 8]
        for (bent_s, down_s), event in zip(BY_EYE, mine, strict=True):
            assert bent_s - 0.1 <= event["media"]["peak_s"] <= down_s + 0.1
            assert 1.0 < event["kinematics"]["duration"]["value"] < 2.5
    assert "number 8" in result.stdout


def test_strokes_and_counts_may_both_be_on(tmp_path: Path) -> None:
    config = tmp_path / "gym.toml"
    config.write_text("[counter]\nenabled = true\n[mqtt]\nenabled = false\n")
    summary = tmp_path / "summary.json"
    result = edgepose(
        "run", "-c", config, "-s", clip(tmp_path / "c.mp4", 20), "-m", network(tmp_path / "net.onnx"),
        "--summary", summary,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    (camera,) = json.loads(summary.read_text())["cameras"].values()
    assert camera["stage_ms"]["count"] > 0
    assert camera["stage_ms"]["classify"] > 0


@pytest.mark.parametrize("exercise", ["squat", ""])
def test_an_exercise_that_nobody_knows(exercise: str) -> None:
    result = edgepose("run", "-s", "clip.mp4", "--no-mqtt", "--count", exercise)
    assert result.returncode == 2
    assert f"--count: counter.exercise = '{exercise}': input should be 'bicep_curl'" in result.stderr
    assert len(result.stderr.splitlines()) == 1
