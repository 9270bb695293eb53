"""A user's mistake is one clear line on stderr and exit code 2, and nothing is left half done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.programs import NO_STROKES, clip, edgepose, network
from tests.servers import Mosquitto, free_port


def one_line(result: object) -> str:
    """The complaint; fails when it is not a single line without a traceback."""
    assert result.returncode == 2, result  # type: ignore[attr-defined]
    lines = result.stderr.strip().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 1, lines
    assert lines[0].startswith("edgepose: ")
    return str(lines[0])


@pytest.fixture
def good(tmp_path: Path) -> dict[str, Path]:
    """A clip, a network and settings without strokes and MQTT."""
    config = tmp_path / "court.toml"
    config.write_text(NO_STROKES)
    return {
        "clip": clip(tmp_path / "clip.mp4", 5),
        "net": network(tmp_path / "net.onnx"),
        "config": config,
        "here": tmp_path,
    }


def made(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (lambda here: here / "gone.mp4", "gone.mp4: cannot open the video: No such file"),
        (lambda here: made(here / "zero.mp4", b""), "zero.mp4: the file is empty"),
        (lambda here: made(here / "text.mp4", b"no video at all" * 99), "no video that can be read"),
        (lambda here: folder(here / "pictures"), "no pictures in this folder"),
        (lambda here: 93, "no camera /dev/video93"),
        (lambda here: "/dev/video93", "/dev/video93"),
        (lambda here: "pipe:no-such-program -x", "no-such-program"),
        (lambda here: "pipe:false", "false"),
    ],
)
def test_a_source_that_cannot_be_opened(good: dict[str, Path], source: Callable, said: str) -> None:
    result = edgepose("run", "-c", good["config"], "-s", source(good["here"]), "-m", good["net"])
    assert said in one_line(result)


def test_no_source_wrong_model(good: dict[str, Path]) -> None:
    assert "give --source" in one_line(edgepose("run"))
    result = edgepose("run", "-c", good["config"], "-s", good["clip"], "-m", "no-such-net")
    assert "no model 'no-such-net'" in one_line(result)
    made(good["here"] / "bad.onnx", b"x" * 100)
    result = edgepose("run", "-c", good["config"], "-s", good["clip"], "-m", good["here"] / "bad.onnx")
    assert "bad.onnx: ONNX Runtime cannot load it" in one_line(result)


def test_settings_that_are_wrong(good: dict[str, Path]) -> None:
    made(good["config"], b"[mqtt]\nbrokr = 'x'")
    for command in (("run",), ("config", "check")):
        line = one_line(edgepose(*command, *(("-c",) if command == ("run",) else ()), good["config"]))
        assert "court.toml: unknown key mqtt.brokr; allowed here: enabled, broker" in line


def test_settings_that_name_a_missing_model(good: dict[str, Path]) -> None:
    made(good["config"], b"[pose]\nmodel = 'gone'\n[[camera]]\nname = 'near'\nsource = '0'")
    line = one_line(edgepose("run", "-c", good["config"]))
    assert "court.toml: camera near: pose.model: no model 'gone'" in line


def test_options_that_are_wrong() -> None:
    assert "No such option" in one_line(edgepose("run", "--sauce", "0"))
    assert "No such command" in one_line(edgepose("jump"))
    assert "Missing" in one_line(edgepose("record", "-s", "0"))


def test_a_broker_that_is_not_there(good: dict[str, Path]) -> None:
    made(good["config"], b"[strokes]\nenabled = false\n[mqtt]\nconnect_timeout_s = 1")
    result = edgepose(
        "run", "-c", good["config"], "-s", good["clip"], "-m", good["net"], "-b", f"mqtt://127.0.0.1:{free_port()}"
    )
    assert "is not there" in one_line(result)


def test_a_broker_that_refuses_the_password(good: dict[str, Path], new_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = new_mosquitto(anonymous=False).start()
    made(good["config"], b"[strokes]\nenabled = false")
    url = f"mqtt://ada:wrong@127.0.0.1:{broker.port}"
    line = one_line(edgepose("run", "-c", good["config"], "-s", good["clip"], "-m", good["net"], "-b", url))
    assert "mqtt.password" in line
    assert "wrong" not in line


def test_sessions_that_are_none(good: dict[str, Path]) -> None:
    here = good["here"]
    for command in ("score", "events", "track"):
        line = one_line(edgepose(command, here, "-o", here / "out"))
        assert str(here) in line
    assert not (here / "out").exists()


def test_recording_into_a_folder_that_is_not_empty(good: dict[str, Path]) -> None:
    line = one_line(edgepose("record", "-c", good["config"], "-s", good["clip"], "-m", good["net"], "-o", good["here"]))
    assert "not empty" in line


def test_an_output_that_cannot_be_written(good: dict[str, Path]) -> None:
    nowhere = good["here"] / "gone" / "out.json"
    assert "no folder" in one_line(edgepose("pose", good["clip"], "-m", good["net"], "-o", nowhere))
    result = edgepose(
        "run", "-c", good["config"], "-s", good["clip"], "-m", good["net"], "--no-mqtt", "--events", nowhere
    )
    assert "cannot write events" in one_line(result)


def test_a_model_that_does_not_match_its_card(good: dict[str, Path]) -> None:
    net = good["here"] / "models" / "net"
    net.mkdir(parents=True)
    network(net / "weights.onnx")
    card = {
        "name": "net",
        "version": "1",
        "task": "pose",
        "runtime": "onnx",
        "licence": "none",
        "files": [{"path": "weights.onnx", "sha256": "0" * 64}],
    }
    (net / "card.json").write_text(json.dumps(card))
    result = edgepose("run", "-c", good["config"], "-s", good["clip"], "-m", net)
    assert "the card says 000000000000" in one_line(result)
    verified = edgepose("models", "verify", net)
    assert verified.returncode == 2
    assert "the card says" in verified.stderr
