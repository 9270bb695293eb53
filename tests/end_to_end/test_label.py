"""``edgepose label`` as a user meets it: the command, and the page in the system's Chromium, keys and mouse."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgepose.cli.running import replay_settings
from edgepose.session import Label, read_info, read_labels, write_labels
from edgepose_trainer.importers import session as training
from edgepose_trainer.label_page import site
from edgepose_trainer.label_page.ledger import Ledger, Mark
from edgepose_trainer.label_page.serving import LabelServer
from edgepose_trainer.label_page.suggesting import Suggestions
from tests import stick_player
from tests.clips import ffmpeg, needs_ffmpeg, ramp
from tests.end_to_end.programs import COMMAND, edgepose

CHROMIUM = shutil.which("chromium")
WAIT_MS = 20_000
HALF_S = 0.43
GREY_IS = """level => { const c = document.querySelector('#picture');
    const seen = c.getContext('2d').getImageData(c.width * 0.25, c.height * 0.75, 1, 1).data[0];
    return Math.abs(seen - level) <= 2; }"""


class Program:
    """``edgepose label`` on a session, until Ctrl-C."""

    def __init__(self, session: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "label", str(session), "--no-browser", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.address = line.split()[0]

    def stop(self) -> tuple[int, str]:
        """Ctrl-C; exit code and what stood on stderr."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright here (extra dev)")
    if CHROMIUM is None:
        pytest.skip("no chromium here (Debian package chromium)")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """The drawn player's eight strokes, not labelled yet."""
    folder = tmp_path / "court"
    stick_player.write(folder)
    (folder / "labels.csv").unlink()
    return folder


@pytest.fixture
def show(chromium: Any) -> Iterator[Callable[[str], Any]]:
    """Opens an address; what the page complains about fails the test."""
    pages: list[Any] = []
    complaints: list[str] = []

    def open_page(address: str) -> Any:
        pages.append(chromium.new_page(viewport={"width": 1300, "height": 800}))
        pages[-1].on("pageerror", lambda error: complaints.append(str(error)))
        pages[-1].goto(address)
        pages[-1].wait_for_selector("body[data-ready]", timeout=WAIT_MS)
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()
    assert not complaints


@pytest.fixture
def opened(session: Path, show: Callable[[str], Any]) -> Iterator[Callable[..., tuple[Any, LabelServer]]]:
    """The page of ``session``, served from this process; ``opened("tennis-strokes")`` suggests."""
    servers: list[LabelServer] = []

    def start(model: str | None = None) -> tuple[Any, LabelServer]:
        suggestions = Suggestions(replay_settings(session, model, None), model) if model else None
        servers.append(LabelServer(site.of(session, suggestions), 0))
        servers[-1].start()
        if suggestions is not None:
            suggestions.start()
        return show(servers[-1].address), servers[-1]

    yield start
    for server in servers:
        server.stop()


def saved(page: Any, count: int) -> None:
    """Waits until the page says that so many labels are on the disk."""
    page.wait_for_function(
        "n => document.querySelector('#saved').textContent.startsWith(`✓ ${n} label`)", arg=count, timeout=WAIT_MS
    )


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_marks_made_by_keys_are_on_the_disk_and_ctrl_c_loses_none(session: Path, show: Callable[[str], Any]) -> None:
    program = Program(session, "--model", "none")
    page = show(program.address)
    saved(page, 0)
    page.keyboard.type("L")
    page.keyboard.type("serve")
    press(page, "Enter")  # a typed label; at 0.00 s, so the stroke begins with the session
    saved(page, 1)
    press(page, *["Shift+ArrowRight"] * 6, "ArrowRight", "ArrowLeft")  # frame 60: 2 s
    page.wait_for_function("() => document.querySelector('#time').dataset.frame === '60'")
    press(page, "3")  # after the two that are no strokes comes what was typed
    saved(page, 2)
    first, second = read_labels(session)
    assert (first.start_s, first.end_s, first.label) == (0.0, HALF_S, "serve")
    assert (second.start_s, second.end_s, second.track) == (2 - HALF_S, 2 + HALF_S, 0)

    press(page, "u")
    saved(page, 1)
    assert len(read_labels(session)) == 1
    press(page, "Shift+U")
    saved(page, 2)
    press(page, "Shift+ArrowRight", "]", "ArrowLeft", "Delete")  # its end to 2.33 s, then away with it
    saved(page, 1)
    press(page, "Control+z")
    saved(page, 2)
    assert read_labels(session)[1].end_s == pytest.approx(70 / 30, abs=1e-4)

    press(page, "End")
    page.wait_for_function("() => document.querySelector('#time').dataset.frame === '614'")
    press(page, "i", *["ArrowLeft"] * 8, "o")  # out before in
    saved(page, 3)
    last = read_labels(session)[2]
    assert (last.start_s, last.end_s) == (pytest.approx(606 / 30, abs=1e-4), pytest.approx(614 / 30, abs=1e-4))

    code, said = program.stop()
    assert code == 0
    assert "labels.csv: 3 labels" in said
    recording = training.read(session).recordings[0]
    assert set(recording.labels[(recording.times_s >= 2 - HALF_S) & (recording.times_s < 2.33)]) == {"serve"}
    assert recording.labels[(recording.times_s > 3) & (recording.times_s < 19)].tolist().count("idle") > 400


def test_suggestions_are_accepted_corrected_dismissed(
    session: Path, opened: Callable[..., tuple[Any, LabelServer]]
) -> None:
    page, _ = opened("tennis-strokes")
    page.wait_for_selector("#suggesting[data-state=done]", timeout=WAIT_MS)
    count = int(page.text_content("#suggesting").split()[0])
    assert count >= 6  # of the stick's eight strokes: how many a model tells is measured elsewhere
    open_ = "() => document.querySelector('#suggesting').textContent === '{} of {} suggestions open'"
    page.wait_for_function(open_.format(count, count))
    press(page, "n", "Enter")  # the first as it is
    saved(page, 1)
    press(page, "n", "6")  # the second is a smash, the user says
    saved(page, 2)
    press(page, "n", "Delete", *("n", "Enter") * (count - 3))
    saved(page, count - 1)
    page.wait_for_function(open_.format(0, count))
    press(page, *"u" * (count - 2))  # up to the one that was dismissed
    saved(page, 2)
    page.wait_for_function(open_.format(count - 2, count))
    labels = read_labels(session)
    strokes = [next(each for each in stick_player.RALLY if one.start_s < each[0] < one.end_s) for one in labels]
    assert [one.label for one in labels] == [strokes[0][1], "smash"]
    for one in labels:
        assert one.end_s - one.start_s == pytest.approx(2 * HALF_S, abs=2e-4)
        assert one.track == 0


def test_edges_are_dragged_and_people_named(session: Path, opened: Callable[..., tuple[Any, LabelServer]]) -> None:
    write_labels(session, [Label(3.0, 6.0, "serve", 0), Label(9.0, 9.9, "smash", 0)])
    page, _ = opened()
    saved(page, 2)
    box = page.locator("#timeline").bounding_box()

    def at(time_s: float) -> tuple[float, float]:
        return box["x"] + box["width"] * time_s / 12, box["y"] + 90  # the view shows 12 s

    page.mouse.move(*at(6.0))
    page.mouse.down()
    page.mouse.move(*at(7.0), steps=5)
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('#time').dataset.frame >= 208")  # the picture goes along
    saved(page, 2)
    assert read_labels(session)[0].end_s == pytest.approx(7.0, abs=0.05)
    assert read_labels(session)[0].start_s == 3.0
    press(page, "2")  # inside it, at its end: it is corrected, no second one is made
    page.wait_for_function("() => document.querySelector('#labels b').textContent === 'smash'")
    saved(page, 2)
    page.fill("#player", "Ada")
    press(page, "Enter")
    page.wait_for_function("() => document.querySelector('#labels small:last-child').textContent === 'Ada'")
    saved(page, 2)
    assert [(one.label, one.player) for one in read_labels(session)] == [("smash", "Ada"), ("smash", "Ada")]
    assert read_info(session).players[0].name == "Ada"


def test_a_file_changed_meanwhile_is_not_overwritten_unasked(
    session: Path, opened: Callable[..., tuple[Any, LabelServer]]
) -> None:
    page, _ = opened()
    saved(page, 0)
    write_labels(session, [Label(7.0, 8.0, "lob", 0)])
    press(page, "1")
    page.wait_for_selector("#conflict:not([hidden])")
    assert [one.label for one in read_labels(session)] == ["lob"]
    page.click("#theirs")
    saved(page, 1)
    assert page.locator("#labels b").text_content() == "lob"
    press(page, "1")
    saved(page, 2)
    write_labels(session, [])
    press(page, "u")
    page.wait_for_selector("#conflict:not([hidden])")
    page.click("#mine")
    saved(page, 1)
    assert [one.label for one in read_labels(session)] == ["lob"]


def test_a_server_that_is_gone_is_said(session: Path, opened: Callable[..., tuple[Any, LabelServer]]) -> None:
    page, server = opened()
    saved(page, 0)
    press(page, "1")
    saved(page, 1)
    server.stop()
    assert len(read_labels(session)) == 1
    press(page, "Shift+ArrowRight", "Shift+ArrowRight", "1")
    page.wait_for_selector("#saved[data-state=failed]")
    assert "not saved: the server" in page.locator("#saved").text_content()


@needs_ffmpeg
def test_the_picture_shown_is_the_frames_own(session: Path, opened: Callable[..., tuple[Any, LabelServer]]) -> None:
    ffmpeg(*ramp(frames=50, size="320x180"), "-c:v", "mpeg4", "-q:v", "1", session / "video.mp4")
    page, _ = opened()

    def shows(frame: int) -> None:
        level = round(4 * frame * 255 / 219)  # the ramp of tests/clips.py
        page.wait_for_function(GREY_IS, arg=level, timeout=WAIT_MS)
        page.wait_for_function("f => document.querySelector('#time').dataset.frame === f", arg=str(frame))

    shows(0)
    press(page, *["Shift+ArrowRight"] * 3)
    shows(30)
    press(page, "ArrowLeft", "ArrowLeft")
    shows(28)
    press(page, "Space")
    page.wait_for_function("() => document.querySelector('#time').dataset.frame > 40")
    press(page, "Space", "Home")
    shows(0)


def test_what_the_page_writes_trains_a_model(session: Path, tmp_path: Path) -> None:
    marks = [Mark(start_s=at_s - HALF_S, end_s=at_s + HALF_S, label=name, track=0) for at_s, name in stick_player.RALLY]
    Ledger(session).replace("none", marks)
    trained = edgepose(
        "train", "strokes", "--data", session, "--out", tmp_path / "model", "--folds", "0", timeout_s=110
    )
    assert trained.returncode == 0, trained.stderr
    assert "1 recordings, 615 windows" in trained.stdout
    assert (tmp_path / "model" / "card.json").is_file()


def test_mistakes_are_one_line_and_exit_2(session: Path, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for arguments, said in (
            ((tmp_path / "gone",), "gone: not a recorded session"),
            ((session, "--model", "none", "--port", port), f"--port {port}: address already in use"),
        ):
            result = edgepose("label", *arguments, "--no-browser")
            assert result.returncode == 2
            assert said in result.stderr
            assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert not (session / "labels.csv").exists()
