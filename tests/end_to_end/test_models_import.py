"""models import and pull as a user meets them: one line, exit codes, the prompt, a stop half-way."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgepose.cli import main
from tests.end_to_end.programs import COMMAND, edgepose, network
from tests.onnx_files import constant_network
from tests.shared import MOVENET, needs
from tests.web import serving, stalled

Here = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Here:
    """The command in this process, which saves the time of starting one: exit code, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["edgepose", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        return int(left.value.code or 0), *capfd.readouterr()

    return run


def tie(path: Path) -> Path:
    """Rows that two families have."""
    return constant_network(path, (1, 3, 640, 640), np.zeros((5, 57), np.float32))


def test_import_then_verify_show_and_pose(tmp_path: Path) -> None:
    models = tmp_path / "models"
    result = edgepose("models", "import", network(tmp_path / "my net.onnx"), "--models-dir", models, "--licence", "MIT")
    assert result.returncode == 0, result.stderr
    said = " ".join(result.stdout.split())
    assert "decoder yolo_pose" in said
    assert "test 1 person on a drawn figure" in said
    assert f"picture {models}/my-net/import.jpg" in said
    assert "does not depend on the picture" in result.stderr
    assert "licence" not in result.stderr
    assert "edgepose pose PICTURE -m my-net" in result.stderr
    assert edgepose("models", "verify", "my-net", "--models-dir", models).stdout.split() == ["my-net", "good"]
    cv2.imwrite(str(tmp_path / "p.png"), np.zeros((64, 64, 3), np.uint8))
    out = tmp_path / "people.json"
    result = edgepose("pose", tmp_path / "p.png", "-m", "my-net", "--models-dir", models, "-o", out)
    assert result.returncode == 0, result.stderr
    assert len(json.loads(out.read_text())) == 1


def test_json_and_a_picture_of_the_users(tmp_path: Path) -> None:
    picture, drawn = tmp_path / "p.png", tmp_path / "drawn.jpg"
    cv2.imwrite(str(picture), np.zeros((64, 96, 3), np.uint8))
    result = edgepose(
        "models", "import", network(tmp_path / "net.onnx"), "--out", tmp_path / "m", "--picture", picture,
        "--draw", drawn, "--json",
    )  # fmt: skip
    found = json.loads(result.stdout)
    assert (found["name"], found["card"]["decoder"]) == ("net", "yolo_pose")
    assert (found["test"]["people"], found["test"]["inputs"]) == (1, [[1, 3, 64, 64]])
    assert len(found["notes"]) == 2  # constant, licence unknown
    assert cv2.imread(str(drawn)).shape == (64, 96, 3)


@needs(MOVENET)
def test_a_real_network_is_shown_on_the_drawn_figure(tmp_path: Path) -> None:
    result = edgepose("models", "import", MOVENET, "--name", "mv", "--models-dir", tmp_path)
    assert "1 person on a drawn figure" in result.stdout
    assert cv2.imread(str(tmp_path / "mv" / "import.jpg")).shape == (480, 640, 3)


def test_mistakes_are_one_line_and_exit_2(tmp_path: Path, here: Here) -> None:
    (tmp_path / "net.pt").touch()
    (tmp_path / "words.txt").write_text("words")
    (tmp_path / "broken.onnx").write_bytes(b"x" * 100)
    good = network(tmp_path / "good.onnx")
    for arguments, said in (
        (("import", tmp_path / "net.pt"), "net.pt: PyTorch weights: export it to ONNX first"),
        (("import", tmp_path / "words.txt"), "words.txt: not a weights file"),
        (("import", tmp_path / "broken.onnx"), "broken.onnx: ONNX Runtime cannot load it"),
        (("import", tie(tmp_path / "tie.onnx")), "give --family yolov7_nms|yolox_nms"),
        (("import", good, "--input", "64"), "--input 64: give width x height"),
        (("import", good, "--draw", tmp_path / "gone" / "x.jpg"), "cannot write a picture there"),
        (("import", good, "--picture", tmp_path / "words.txt"), "words.txt: no picture that can be read"),
        (("import", good, "--models-dir", tmp_path / "words.txt"), "words.txt: "),
        (("pull",), "which one? give a name of --list"),
        (("pull", "nobody"), "nobody: not in the registry; it has"),
    ):
        where = () if "--models-dir" in arguments else ("--models-dir", tmp_path / "models")
        code, _, stderr = here("models", *arguments, *where)
        lines = stderr.strip().splitlines()
        assert (code, len(lines)) == (2, 1), lines
        assert said in lines[0]
    assert not (tmp_path / "models").exists() or not list((tmp_path / "models").iterdir())


def test_a_terminal_is_asked_and_a_wrong_answer_again(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "models", "import", str(tie(tmp_path / "net.onnx")), "--models-dir", str(tmp_path / "m")],
        stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, b"posenet\nyolox_nms\n")
    stdout, _ = process.communicate(timeout=30)
    asked = os.read(ours, 4096).decode()
    os.close(ours)
    assert "may be yolov7_nms or yolox_nms (yolov7_nms, yolox_nms)" in " ".join(asked.split())
    assert "'posenet' is none of these" in asked
    assert process.returncode == 0
    assert b"yolox_nms" in stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_pull_that_is_stopped_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with serving() as web:
        web.pages["/net.onnx"] = stalled(b"x" * 100_000, 5.0)
        (tmp_path / "own.toml").write_text(
            f'[model.net]\naddress = "{web.address}/net.onnx"\nlicence = "MIT"\nseen = "here"\n'
        )
        models = tmp_path / "m"
        command = [*COMMAND, "models", "pull", "net", "--registry", str(tmp_path / "own.toml"), "--out", str(models)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for _ in range(2000):
            if any(path.stat().st_size for path in models.rglob("*.onnx")):
                break
            time.sleep(0.01)
        process.send_signal(number)
        process.communicate(timeout=20)
    assert process.returncode == 130
    assert list(models.iterdir()) == []


def test_pull_lists_and_pulls(tmp_path: Path, here: Here) -> None:
    assert "rtmo-s" in json.loads(here("models", "pull", "--list", "--json")[1])
    with serving() as web:
        web.pages["/net.onnx"] = network(tmp_path / "served.onnx").read_bytes()
        (tmp_path / "own.toml").write_text(
            f'[model.net]\naddress = "{web.address}/net.onnx"\nlicence = "MIT"\nseen = "here"\n'
        )
        arguments = ("models", "pull", "net", "--registry", tmp_path / "own.toml", "--models-dir", tmp_path / "m")
        code, stdout, _ = here(*arguments)
        assert (code, "licence MIT" in " ".join(stdout.split())) == (0, True)
        assert "is here already, as it was pulled" in here(*arguments)[2]
        web.pages["/net.onnx"] = network(tmp_path / "served.onnx", people=3).read_bytes()
        code, _, stderr = here(*arguments, "--force")
        assert (code, "--accept-new takes the new file" in stderr.splitlines()[-1]) == (2, True)
        assert here(*arguments, "--accept-new")[0] == 0
    assert web.asked == ["/net.onnx"] * 3
