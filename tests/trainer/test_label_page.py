"""The label page's server: who may ask, what is answered, and that labels.csv is never lost or broken."""

from __future__ import annotations

import csv
import http.client
import json
import struct
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgepose.errors import SessionError, SettingsError
from edgepose.session import Label, Player, Poses, SessionInfo, read_info, read_labels, write_info, write_labels
from edgepose.session import write_poses as write_part
from edgepose_trainer.label_page import motion, site
from edgepose_trainer.label_page.pictures import Pictures
from edgepose_trainer.label_page.serving import LabelServer
from tests.clips import ffmpeg, frame_shown, make, needs_ffmpeg, ramp

TIMES_S = (0.0, 0.1, 0.15, 0.25, 9.99, 10.0, 10.4)
"""A camera that dawdles: no frame rate tells these times."""


def standing(times_s: tuple[float, ...] = TIMES_S, wrist_px_s: float = 0.0) -> np.ndarray:
    """(N, 17, 3) of a person with a torso of 100 px whose right wrist goes right at ``wrist_px_s``."""
    points = np.zeros((len(times_s), 17, 3), np.float32)
    points[..., 2] = 1
    points[:, 5:11, :2] = (100, 100)  # shoulders, elbows, wrists
    points[:, 11:17, :2] = (100, 200)  # hips, knees, ankles
    points[:, 10, 0] += np.array(times_s, np.float32) * wrist_px_s
    return points


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """Track 3 in every frame but frame 2, which is empty."""
    folder = tmp_path / "court"
    (folder / "poses").mkdir(parents=True)
    info = SessionInfo(width=640, height=480, started_at=datetime(2026, 11, 21, tzinfo=timezone.utc))
    write_info(folder, info.model_copy(update={"players": {3: Player(handedness="left")}}))
    rows = [i for i in range(len(TIMES_S)) if i != 2]
    write_part(
        folder / "poses" / "000000.parquet",
        Poses(
            frame=np.array(rows),
            time_s=np.array(TIMES_S)[rows],
            track=np.full(len(rows), 3, np.int32),
            score=np.ones(len(rows), np.float32),
            box=np.zeros((len(rows), 4), np.float32),
            keypoints=standing()[rows],
            empty_frame=np.array([2]),
            empty_time_s=np.array([TIMES_S[2]]),
        ),
    )
    return folder


class Asker:
    """Speaks HTTP without a browser's good manners."""

    def __init__(self, server: LabelServer) -> None:
        self.server = server
        _, _, place, key, _ = server.address.split("/")
        self.host, self.base = place, f"/{key}/"

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """``path`` as it is when it begins with a slash, else below the key."""
        connection = http.client.HTTPConnection(self.host, timeout=10)
        sent = {"Host": self.host} | {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, path if path.startswith("/") else self.base + path, skip_host=True)
        text = b"" if body is None else json.dumps(body).encode()
        if body is not None:
            sent = {"Content-Type": "application/json", "Content-Length": str(len(text))} | sent
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(text)
        answer = connection.getresponse()
        content = answer.read()
        kind = answer.getheader("Content-Type", "")
        connection.close()
        return answer.status, json.loads(content) if "json" in kind else content


@pytest.fixture
def ask(session: Path) -> Iterator[Asker]:
    server = LabelServer(site.of(session, None), 0)
    server.start()
    yield Asker(server)
    server.stop()


def label(start_s: float, end_s: float, name: str = "serve", track: int | None = 3) -> dict[str, Any]:
    return {"start_s": start_s, "end_s": end_s, "label": name, "track": track, "player": None}


def test_only_the_address_with_its_key_is_answered(ask: Asker) -> None:
    assert ask("GET", "session")[0] == 200
    for path in ("/", "/session", "/x/session", f"/{'a' * 32}/session", ask.base[:-2] + "/session", ask.base[:-1]):
        assert ask("GET", path)[0] == 403, path


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:{port}"}, 200),
        ({"Host": "evil.example:{port}"}, 403),  # DNS rebinding
        ({"Host": "127.0.0.1"}, 403),
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "same-origin"}, 200),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
    ],
)
def test_another_programs_page_gets_nothing(ask: Asker, headers: dict[str, str], status: int) -> None:
    port = ask.host.partition(":")[2]
    headers = {name: value.format(port=port) for name, value in headers.items()}
    assert ask("GET", "labels", **headers)[0] == status
    body = {"version": "none", "labels": [label(1, 2)]}
    assert ask("PUT", "labels", body, **headers)[0] == status
    assert (ask.server.page.folder / "labels.csv").exists() == (status == 200)


@pytest.mark.parametrize(
    "path",
    ["session.json", "labels.csv", "../session.json", "%2e%2e/session.json", "../../etc/passwd", "command.py",
     "..%2fcommand.py", "static/page.html", "page.html/", "poses/../session", "poses/000000.parquet", "poses/-1"],
)  # fmt: skip
def test_nothing_but_what_is_listed_is_served(ask: Asker, path: str) -> None:
    assert ask("GET", path)[0] == 404


def test_it_listens_on_this_machine_only(ask: Asker) -> None:
    assert ask.server._http.server_address[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_said_in_one_line(ask: Asker, session: Path) -> None:
    port = int(ask.host.partition(":")[2])
    with pytest.raises(SettingsError, match=f"--port {port}: address already in use; give another one"):
        LabelServer(site.of(session, None), port)


def test_the_page_needs_nothing_from_elsewhere(ask: Asker) -> None:
    for name in ask.server._files:
        status, content = ask("GET", name)
        assert status == 200
        assert b"//cdn" not in content
        assert b"https://" not in content, name
    assert b'<script type="module" src="app.js">' in ask("GET", "")[1]


def test_facts_and_pieces_follow_the_frames_own_times(ask: Asker) -> None:
    _, facts = ask("GET", "session")
    assert (facts["start_s"], facts["end_s"], facts["frames"]) == (0.0, 10.4, 7)
    assert facts["tracks"] == [[3, 0.0, 10.4, 0.0]]
    assert facts["labels"] == ["unsure", "idle"]
    assert facts["players"] == {"3": {"name": None, "handedness": "left", "height_m": None}}
    _, first = ask("GET", "poses/0")
    assert first["times"] == [0.0, 0.1, 0.15, 0.25, 9.99]
    assert first["people"][0]["at"] == [0, 1, 3, 4]  # nobody in frame 2
    assert first["people"][0]["points"][0][15:18] == [100, 100, 100]  # left shoulder: x, y, percent
    _, second = ask("GET", "poses/1")
    assert (second["frames"], second["times"]) == ([5, 6], [10.0, 10.4])
    assert ask("GET", "poses/2")[0] == 404


def test_wrist_speed_is_in_torso_lengths_a_second(session: Path) -> None:
    times_s = tuple(i / 30 for i in range(31))
    moving = motion.read(session)
    count = len(times_s)
    moving = motion.Motion(
        moving.info, np.arange(count), np.array(times_s), np.arange(count), np.zeros(count, np.int32),
        standing(times_s, wrist_px_s=250.0), (),
    )  # fmt: skip
    assert moving.speed[15] == pytest.approx(2.5, rel=1e-3)
    assert max(moving.overview()) == pytest.approx(2.5, abs=0.01)


def test_what_is_missing_has_no_confidence(session: Path) -> None:
    moving = motion.read(session)
    moving.keypoints[0, 9] = (np.nan, np.nan, 0)
    piece = json.loads(moving.piece(0) or b"")
    assert piece["people"][0]["points"][0][27:30] == [0, 0, 0]


def test_labels_are_written_as_the_contract_says(ask: Asker, session: Path) -> None:
    assert ask("GET", "labels")[1] == {"version": "none", "labels": []}
    assert not (session / "labels.csv").exists()  # looking changes nothing
    marks = [label(4.00004, 5.5), label(0.1, 0.96, 'lob, "high"', None) | {"player": "Åsa, B"}]
    status, told = ask("PUT", "labels", {"version": "none", "labels": marks})
    assert status == 200
    with (session / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["start_s", "end_s", "label", "track", "player"]
    assert rows[1:] == [["0.1", "0.96", 'lob, "high"', "", "Åsa, B"], ["4.0", "5.5", "serve", "3", ""]]
    assert read_labels(session)[0] == Label(0.1, 0.96, 'lob, "high"', None, "Åsa, B")
    assert ask("GET", "labels")[1]["version"] == told["version"]


def test_a_file_that_another_program_wrote_is_not_overwritten(ask: Asker, session: Path) -> None:
    version = ask("PUT", "labels", {"version": "none", "labels": [label(1, 2)]})[1]["version"]
    write_labels(session, [Label(7.0, 8.0, "smash", 3)])
    status, told = ask("PUT", "labels", {"version": version, "labels": []})
    assert status == 409
    assert "changed by another program" in told["error"]
    assert [one.label for one in read_labels(session)] == ["smash"]
    assert ask("PUT", "labels", {"version": told["version"], "labels": []})[0] == 200  # the user insists
    assert read_labels(session) == []


@pytest.mark.parametrize(
    "wrong",
    [
        label(2, 1),
        label(float("nan"), 1),
        label(0, 1, "  "),
        label(0, 1, "two\nlines"),
        label(0, 1, "serve", -1),
        label(0, 1) | {"mood": "good"},
        {"start_s": 0},
    ],
)
def test_labels_that_are_wrong_leave_the_file_alone(ask: Asker, session: Path, wrong: dict[str, Any]) -> None:
    write_labels(session, [Label(7.0, 8.0, "smash", 3)])
    version = ask("GET", "labels")[1]["version"]
    status, told = ask("PUT", "labels", {"version": version, "labels": [wrong]})
    assert status == 422
    assert told["error"].startswith(("labels.0", ":"))
    assert [one.label for one in read_labels(session)] == ["smash"]


def test_only_json_of_a_stated_length_is_read(ask: Asker) -> None:
    body = {"version": "none", "labels": []}
    assert ask("PUT", "labels", body, Content_Type="text/plain")[0] == 400  # what a form may send unasked
    assert ask("PUT", "labels", body, Content_Length=str(1 << 40))[0] == 400
    assert ask("PUT", "session", {})[0] == 404


def test_labels_that_would_be_lost_or_cannot_be_read_stop_the_start(session: Path) -> None:
    file = session / "labels.csv"
    file.write_text("start_s,end_s,label,remark\n1,2,serve,nice\n")
    with pytest.raises(SessionError, match=r"labels\.csv: columns that would be lost here: remark"):
        site.of(session, None)
    file.write_text("start_s,end_s,label\n1,2,serve\n5,4,serve\n")
    with pytest.raises(SessionError, match=r"labels\.csv:3: expected a label and start_s <= end_s"):
        site.of(session, None)
    assert "5,4,serve" in file.read_text()


def test_a_player_gets_a_name_and_the_rest_of_the_session_stays(ask: Asker, session: Path) -> None:
    raw = json.loads((session / "session.json").read_text()) | {"club": "Blue"}
    (session / "session.json").write_text(json.dumps(raw))
    status, told = ask("PUT", "player", {"track": 3, "name": "Ada", "handedness": "left"})
    assert status == 200
    assert told["players"]["3"]["name"] == "Ada"
    after = json.loads((session / "session.json").read_text())
    assert after.pop("players") == {"3": {"name": "Ada", "handedness": "left", "height_m": None}}
    raw.pop("players")
    assert after == raw
    assert ask("PUT", "player", {"track": 3, "name": "Ada", "handedness": "both"})[0] == 422
    assert read_info(session).players[3].handedness == "left"


def test_after_the_stop_nothing_is_written(session: Path) -> None:
    page = site.of(session, None)
    server = LabelServer(page, 0)
    server.start()
    server.stop()
    with pytest.raises(OSError, match="stopping"):
        page.ledger.replace("none", [])
    assert not (session / "labels.csv").exists()


def pictured(packed: Iterator[bytes]) -> list[np.ndarray | None]:
    images = []
    for part in packed:
        (length,) = struct.unpack("<I", part[:4])
        assert len(part) == 4 + length
        images.append(cv2.imdecode(np.frombuffer(part[4:], np.uint8), cv2.IMREAD_COLOR) if length else None)
    return images


@needs_ffmpeg
@pytest.mark.parametrize(
    "codec",
    [
        ("-c:v", "mpeg4", "-g", "12"),
        ("-c:v", "mpeg4", "-g", "50", "-bf", "2"),
        ("-c:v", "libx264", "-g", "25", "-bf", "3"),
    ],
    ids=["as recorded", "b-frames", "h264"],
)
def test_every_picture_is_the_one_of_its_frame_in_any_order(tmp_path: Path, codec: tuple[str, ...]) -> None:
    pictures = Pictures(make(tmp_path / "video.mp4", *codec, "-q:v", "1", frames=40))
    asked = [0, 1, 5, 39, 4, 38, 20, 19, 18, 30, 40, -1, 7]
    shown = [None if image is None else frame_shown(image) for image in pictured(pictures.packed(asked, 640))]
    assert shown == [0, 1, 5, 39, 4, 38, 20, 19, 18, 30, None, None, 7]
    pictures.close()


@needs_ffmpeg
def test_pictures_are_as_small_as_the_page_wants_them(ask: Asker, session: Path, tmp_path: Path) -> None:
    assert ask("GET", "pictures?frames=0&width=320")[0] == 404  # no video
    ffmpeg(*ramp(size="640x480", frames=3), "-c:v", "mpeg4", "-q:v", "1", session / "video.mp4")
    server = LabelServer(site.of(session, None), 0)
    server.start()
    status, content = Asker(server)("GET", "pictures?frames=1,2&width=320")
    assert status == 200
    length = struct.unpack("<I", content[:4])[0]
    first, second = pictured(iter([content[: 4 + length], content[4 + length :]]))
    assert first is not None
    assert second is not None
    assert (first.shape, frame_shown(first), frame_shown(second)) == ((240, 320, 3), 1, 2)
    for wrong in ("frames=1", "frames=a&width=9", "frames=1&width=0", f"frames={','.join('1' * 99)}&width=9"):
        assert Asker(server)("GET", f"pictures?{wrong}")[0] == 400
    server.stop()


def test_a_video_that_cannot_be_read_is_said_and_the_skeletons_remain(session: Path) -> None:
    (session / "video.mp4").write_bytes(b"cut off" * 99)
    page = site.of(session, None)
    assert page.pictures is None
    assert page.notes == ["video.mp4 cannot be read (cut off or damaged): the page shows the skeletons alone"]
