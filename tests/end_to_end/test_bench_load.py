"""`edgepose bench load` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edgepose.cli import bench, bench_load
from edgepose.errors import SettingsError
from tests.end_to_end.programs import clip, edgepose, network


def test_two_cameras_share_the_clips_of_a_folder(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / "clips" / name).mkdir(parents=True)
        clip(tmp_path / "clips" / name / "video.mp4", frames=90)
    done = edgepose(
        "bench", "load", tmp_path / "clips", "--cameras", 2, "--seconds", 1, "--json",
        "-m", network(tmp_path / "net.onnx", people=2),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [camera["camera"] for camera in report["cameras"]] == ["camera-1", "camera-2"]
    for camera in report["cameras"]:
        assert camera["processed"] + camera["dropped"] == camera["offered"] > 0
        assert camera["offered"] <= 90
        assert camera["camera_to_poses_ms"]["p50"] > 0
        assert (camera["events"], camera["strokes"]) == (0, None)
    assert report["seconds"] >= 1.0
    assert report["cpu"] > 0
    assert {model["task"] for model in report["models"]} == {"pose", "strokes", "lifter"}


def test_without_clips_some_are_made(tmp_path: Path) -> None:
    done = edgepose(
        "bench", "load", "--players", 1, "--seconds", 1, "--size", "160x96", "--fps", 10,
        "-m", network(tmp_path / "net.onnx"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "camera"
    assert "camera-1" in done.stdout


def test_what_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no video, and no session with a video\.mp4"):
        bench_load.command([tmp_path])
    with pytest.raises(SettingsError, match="expected embedded, or an mqtt:// address"):
        bench_load.command([clip(tmp_path / "c.mp4", 3)], broker="mqtts://host")
    with pytest.raises(SettingsError, match="edgepose synth: --size: expected WIDTHxHEIGHT"):
        bench_load.command(size="big")


def test_bench_alone_still_measures_the_stages() -> None:
    done = CliRunner().invoke(bench.app, ["--rounds", "60", "--people", "1", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)[0]["stage"] == "tracker, 1 people"
