"""run, record, pose and replay as a user types them, on clips and networks of known content."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from edgepose.cli.demo import sample_session
from edgepose.session import Player, Poses, SessionInfo, read_info, read_poses, write_info, write_poses
from tests.end_to_end.programs import COMMAND, NO_STROKES, clip, edgepose, network
from tests.onnx_files import constant_network, raw_yolo
from tests.servers import Mosquitto, Subscriber
from tests.shared import MOVENET, POSENET, VIDEO, needs

COMMANDS = ["run", "record", "pose", "frames", "score", "events", "track", "demo", "bench", "config", "models", "train"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "court.toml"
    path.write_text(NO_STROKES)
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    result = edgepose(command, "--help")
    assert result.returncode == 0
    assert "--help" in result.stdout


def test_version_and_help() -> None:
    assert edgepose("--version").stdout.startswith("edgepose ")
    text = edgepose("--help").stdout
    for command in COMMANDS:
        assert command in text


def test_a_file_loses_no_frame(tmp_path: Path, config: Path) -> None:
    summary = tmp_path / "summary.json"
    result = edgepose(
        "run", "-c", config, "-s", clip(tmp_path / "clip.mp4", 77), "-m", network(tmp_path / "net.onnx"),
        "--summary", summary,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    (camera,) = json.loads(summary.read_text())["cameras"].values()
    assert (camera["frames"], camera["dropped"], camera["people"]) == (77, 0, 1)
    assert "77 frames" in result.stderr


@pytest.mark.parametrize("people", [0, 40])
def test_nobody_and_forty_people(tmp_path: Path, config: Path, people: int) -> None:
    out = tmp_path / "session"
    result = edgepose(
        "record", "-c", config, "-s", clip(tmp_path / "clip.mp4", 20), "-m", network(tmp_path / "net.onnx", people),
        "-o", out,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    poses = read_poses(out)
    assert len(poses.frame) == 20 * people
    assert len(set(poses.frame.tolist()) | set(poses.empty_frame.tolist())) == 20
    if people:
        assert len(set(poses.track.tolist()) - {-1}) == 40


def test_a_recording_says_what_it_is(tmp_path: Path, config: Path) -> None:
    out = tmp_path / "session"
    net = network(tmp_path / "net.onnx")
    source = clip(tmp_path / "c.mp4", 5)
    assert edgepose("record", "-c", config, "-s", source, "-m", net, "-o", out, "--video").returncode == 0
    info = read_info(out)
    assert (info.skeleton, info.width, info.height, info.fps) == ("coco17", 320, 180, 30.0)
    assert info.pose_model is not None
    assert info.pose_model["name"] == "net"
    assert (out / "video.mp4").stat().st_size > 0


def test_a_picture_folder_with_a_broken_picture(tmp_path: Path) -> None:
    import cv2

    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("img2", "img10"):
        cv2.imwrite(str(pictures / f"{name}.png"), np.zeros((90, 160, 3), np.uint8))
    (pictures / "img3.png").write_bytes(b"\x89PNG broken")
    out = tmp_path / "results.json"
    result = edgepose("pose", pictures, "-m", network(tmp_path / "net.onnx"), "-o", out, "--draw", tmp_path / "drawn")
    assert result.returncode == 0
    assert "2 pictures, 1 unreadable" in result.stderr
    rows = json.loads(out.read_text())
    assert [(row["image_id"], row["file_name"]) for row in rows] == [("img2", "img2.png"), ("img10", "img10.png")]
    for row in rows:
        assert row["category_id"] == 1
        assert len(row["keypoints"]) == 51
        assert row["score"] == pytest.approx(0.9, abs=1e-3)
        # The network's person is 1 wide at (4, 32) in 64×64; the frame is 160×90: scale 2.5, 14 px above.
        assert row["bbox"] == pytest.approx([8.75, 7.5, 2.5, 75.0], abs=0.3)
    assert len(list((tmp_path / "drawn").iterdir())) == 2


def test_a_video_gives_frame_numbers(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    assert edgepose("pose", clip(tmp_path / "c.mp4", 4), "-m", network(tmp_path / "n.onnx"), "-o", out).returncode == 0
    assert [row["image_id"] for row in json.loads(out.read_text())] == [0, 1, 2, 3]


def test_a_network_that_breaks_is_an_error_not_nobody(tmp_path: Path, config: Path) -> None:
    broken = constant_network(tmp_path / "nan.onnx", (1, 3, 64, 64), np.full_like(raw_yolo([]), np.nan))
    result = edgepose("run", "-c", config, "-s", clip(tmp_path / "c.mp4", 4), "-m", broken)
    assert result.returncode == 2
    assert "not finite" in result.stderr


def test_ctrl_c_ends_cleanly_and_keeps_the_recording(tmp_path: Path, config: Path) -> None:
    out = tmp_path / "session"
    process = subprocess.Popen(
        [*COMMAND, "record", "-c", config, "-s", "ffmpeg:-re -f lavfi -i testsrc=size=160x90:rate=30", "-o", out,
         "-m", network(tmp_path / "net.onnx")],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while not list(out.glob("poses/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert process.stderr is not None
    assert "frames" in process.stderr.read()
    assert len(read_poses(out).frame) > 0


def test_mosquitto_hears_birth_metrics_and_a_clean_stop(tmp_path: Path, mosquitto: Mosquitto) -> None:
    config = tmp_path / "court.toml"
    config.write_text("device = 'court-1'\n[strokes]\nenabled = false\n[[camera]]\nname = 'near'\nsource = 'x'")
    with Subscriber(mosquitto.port) as subscriber:
        result = edgepose(
            "run", "-c", config, "-s", clip(tmp_path / "c.mp4", 20), "-m", network(tmp_path / "net.onnx"),
            "-b", f"mqtt://127.0.0.1:{mosquitto.port}",
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        subscriber.wait(lambda heard: any(b'"stopped"' in h.payload for h in heard))
        heard = {message.topic: json.loads(message.payload) for message in subscriber.heard}
        states = [json.loads(m.payload)["state"] for m in subscriber.heard if m.topic == "edgepose/court-1/status"]
    assert states == ["online", "stopped"]
    assert heard["edgepose/court-1/info"]["cameras"] == [{"name": "near"}]
    assert heard["edgepose/court-1/info"]["models"][0]["task"] == "pose"
    assert heard["edgepose/court-1/metrics"]["cameras"]["near"]["frames"] == 20


def test_two_cameras_in_one_file(tmp_path: Path) -> None:
    """Each has its own frames, ids and numbers; both are told of in one summary."""
    config, summary = tmp_path / "court.toml", tmp_path / "summary.json"
    near, far = clip(tmp_path / "near.mp4", 20), clip(tmp_path / "far.mp4", 35)
    config.write_text(
        f"[pose]\nmodel = '{network(tmp_path / 'net.onnx')}'\n[mqtt]\nenabled = false\n"
        f"[[camera]]\nname = 'near'\nsource = '{near}'\n[[camera]]\nname = 'far'\nsource = '{far}'\n"
    )
    result = edgepose("run", "-c", config, "--summary", summary, "--draw", tmp_path / "drawn.mp4")
    assert result.returncode == 0, result.stderr
    cameras = json.loads(summary.read_text())["cameras"]
    assert {name: camera["frames"] for name, camera in cameras.items()} == {"near": 20, "far": 35}
    assert {path.name for path in tmp_path.glob("drawn*")} == {"drawn-near.mp4", "drawn-far.mp4"}


def session(path: Path, frames: int = 60, joints: np.ndarray | None = None) -> Path:
    """A recorded session of one person who stands still."""
    path.mkdir()
    (path / "poses").mkdir()
    keypoints = np.tile(np.stack([100 + np.arange(17), 50 + 5 * np.arange(17), np.full(17, 0.9)], 1), (frames, 1, 1))
    if joints is not None:
        keypoints[:] = joints
    write_info(path, SessionInfo(width=640, height=360, fps=30, started_at="2026-11-21T10:00:00Z"))  # type: ignore[arg-type]
    write_poses(
        path / "poses" / "000000.parquet",
        Poses(
            frame=np.arange(frames),
            time_s=np.arange(frames) / 30,
            track=np.full(frames, 3, np.int32),
            score=np.ones(frames, np.float32),
            box=np.tile(np.array([90, 40, 130, 140], np.float32), (frames, 1)),
            keypoints=keypoints.astype(np.float32),
        ),
    )
    return path


def test_track_fills_ids_and_keeps_the_rows(tmp_path: Path) -> None:
    folder = session(tmp_path / "s")
    result = edgepose("track", folder, "-o", tmp_path / "tracks.parquet")
    assert result.returncode == 0, result.stderr
    before, after = read_poses(folder), read_poses(tmp_path / "tracks.parquet")
    np.testing.assert_array_equal(before.frame, after.frame)
    np.testing.assert_array_equal(before.keypoints, after.keypoints)
    assert set(after.track.tolist()) == {0}


def test_score_has_a_row_for_every_frame_of_the_track(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    result = edgepose("score", session(tmp_path / "s"), "-o", tmp_path / "scores.parquet")
    assert result.returncode == 0, result.stderr
    table = pq.read_table(tmp_path / "scores.parquet")
    assert table.column_names[:3] == ["frame", "centre_s", "track"]
    labels = table.column_names[3:]
    assert {"idle", "forehand", "backhand", "serve"} <= set(labels)
    assert {str(table.schema.field(label).type) for label in labels} == {"float"}
    np.testing.assert_allclose(table["centre_s"].to_numpy(), np.arange(60) / 30, atol=1e-6)
    sums = np.sum([table[label].to_numpy() for label in labels], axis=0)
    np.testing.assert_allclose(sums, 1, atol=1e-5)


def test_the_sessions_own_players_and_model_ride_on_its_events(tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    shutil.copytree(sample_session(), folder)
    info = read_info(folder).model_copy(
        update={
            "players": dict.fromkeys((0, 1), Player(name="Ada", handedness="right")),
            "pose_model": {"name": "net", "sha256": "0123456789abcdef" * 4},
        }
    )
    write_info(folder, info)
    assert edgepose("events", folder, "-o", tmp_path / "events.jsonl").returncode == 0
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert events
    for event in events:
        assert (event["player"], event["handedness"]) == ("Ada", "right")
        assert event["models"]["pose"] == "net@0123456789ab"


def test_a_player_without_a_name_is_survived(tmp_path: Path) -> None:
    folder = session(tmp_path / "s")
    write_info(folder, read_info(folder).model_copy(update={"players": {3: Player(handedness="left")}}))
    result = edgepose("events", folder, "-o", tmp_path / "events.jsonl")
    assert result.returncode == 0, result.stderr


def test_one_camera_that_fails_does_not_stop_the_other(tmp_path: Path) -> None:
    config, out = tmp_path / "court.toml", tmp_path / "summary.json"
    broken = constant_network(tmp_path / "nan.onnx", (1, 3, 64, 64), np.full_like(raw_yolo([]), np.nan))
    source = "ffmpeg:-re -f lavfi -i testsrc=size=160x90:rate=30:duration=2"
    config.write_text(
        f"[pose]\nmodel = '{network(tmp_path / 'net.onnx')}'\n[mqtt]\nenabled = false\n[strokes]\nenabled = false\n"
        f"[[camera]]\nname = 'good'\nsource = '{source}'\n"
        f"[[camera]]\nname = 'bad'\nsource = '{source}'\n[camera.pose]\nmodel = '{broken}'\n"
    )
    events = tmp_path / "events.jsonl"
    result = edgepose("run", "-c", config, "--summary", out, "--events", events)
    assert result.returncode == 2
    assert "camera bad has stopped" in result.stderr
    assert events.exists()
    cameras = json.loads(out.read_text())["cameras"]
    assert cameras["good"]["frames"] == 60
    assert "not finite" in cameras["bad"]["error"]


def test_somebody_who_stands_still_makes_no_stroke(tmp_path: Path) -> None:
    out = tmp_path / "events.jsonl"
    result = edgepose("events", session(tmp_path / "s", 150), "-o", out)
    assert result.returncode == 0, result.stderr
    assert out.read_text() == ""


def test_a_session_of_missing_joints_is_survived(tmp_path: Path) -> None:
    folder = session(tmp_path / "s", joints=np.array([np.nan, np.nan, 0]))
    for command, out in (("score", "a.parquet"), ("events", "b.jsonl"), ("track", "c.parquet")):
        result = edgepose(command, folder, "-o", tmp_path / out)
        assert result.returncode == 0, result.stderr
        assert "Warning" not in result.stderr
    assert len(read_poses(tmp_path / "c.parquet").frame) == 60


def test_a_session_with_a_part_cut_off_is_read_and_says_so(tmp_path: Path) -> None:
    folder = session(tmp_path / "s")
    whole = (folder / "poses" / "000000.parquet").read_bytes()
    (folder / "poses" / "000001.parquet").write_bytes(whole[: len(whole) // 2])
    result = edgepose("run", "-s", folder, "--no-mqtt")
    assert result.returncode == 0
    assert "000001.parquet" in result.stderr
    assert "1 unreadable" in result.stderr


@needs(MOVENET, VIDEO / "bicep_curls.mp4")
def test_movenet_sees_one_steady_person_curling(tmp_path: Path, config: Path) -> None:
    out = tmp_path / "session"
    result = edgepose("record", "-c", config, "-s", VIDEO / "bicep_curls.mp4", "-m", MOVENET, "-o", out)
    assert result.returncode == 0, result.stderr
    poses = read_poses(out)
    assert set(poses.track.tolist()) <= {-1, 0}
    person = poses.track == 0
    assert person.sum() >= 0.99 * 780
    assert np.nanmedian(poses.keypoints[person, :, 2]) > 0.6


@needs(VIDEO / "tennis_broadcast_5.mp4")
def test_without_a_model_the_one_in_the_box_finds_the_player(tmp_path: Path, config: Path) -> None:
    """The near player of a broadcast, in the lower third and at least 150 px high: in 86 of 123 frames when it came."""
    out = tmp_path / "session"
    result = edgepose("record", "-c", config, "-s", VIDEO / "tennis_broadcast_5.mp4", "-o", out)
    assert result.returncode == 0, result.stderr
    assert json.loads((out / "session.json").read_text())["pose_model"]["name"] == "courtpose-n"
    poses = read_poses(out)
    height = poses.box[:, 3] - poses.box[:, 1]
    near = (poses.box[:, 3] > 700) & (height > 150)
    assert len(set(poses.frame[near].tolist())) > 0.6 * 123


@needs(POSENET, VIDEO / "street_people.avi")
def test_posenet_sees_people_in_the_street(tmp_path: Path) -> None:
    import cv2

    capture = cv2.VideoCapture(str(VIDEO / "street_people.avi"))
    pictures = tmp_path / "street"
    pictures.mkdir()
    for index in range(3):
        cv2.imwrite(str(pictures / f"{index}.png"), capture.read()[1])
    out = tmp_path / "results.json"
    assert edgepose("pose", pictures, "-m", POSENET, "-o", out).returncode == 0
    rows = json.loads(out.read_text())
    assert len(rows) >= 9
    for row in rows:
        assert 0 <= row["bbox"][0] <= 1280
        assert 0 <= row["bbox"][1] <= 720


def test_a_bar_on_a_terminal_and_none_elsewhere(tmp_path: Path, config: Path) -> None:
    """``script`` gives the command a terminal of its own."""
    source, net = clip(tmp_path / "c.mp4", 200), network(tmp_path / "net.onnx")
    arguments = ["run", "-c", str(config), "-s", str(source), "-m", str(net)]
    assert "/200" not in edgepose(*arguments).stderr
    command = " ".join([*COMMAND, *arguments])
    shown = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, text=True, check=True)
    assert "/200" in shown.stdout
    assert "camera: 200 frames" in shown.stdout
