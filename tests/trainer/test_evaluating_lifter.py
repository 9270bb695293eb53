"""edgepose evaluate lifter: figures by hand, what is counted, the page in a browser, mistakes in one line."""

from __future__ import annotations

import base64
import json
import re
import shutil
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from edgepose import cli
from edgepose.errors import SessionError
from edgepose.session import (
    Calibration,
    Player,
    Poses,
    Poses3D,
    SessionInfo,
    write_info,
    write_poses,
    write_poses3d,
)
from edgepose.skeletons import COCO17, H36M17
from edgepose_trainer.errors3d import EVALUATED, mpjpe, n_mpjpe
from edgepose_trainer.evaluation import heatmap, skeleton_view
from edgepose_trainer.evaluation.lifter import evaluate, lines, measured, publish
from edgepose_trainer.evaluation.lifter_data import RECORDED_2D, Item, Seen, Wanted, at_30_hz, seen_in
from edgepose_trainer.evaluation.lifter_judged import (
    AUC,
    MPJPE,
    MPJVE,
    N_MPJPE,
    P_MPJPE,
    PCK,
    SIZED,
    Judged,
    speeds,
    view_angle,
)
from edgepose_trainer.evaluation.lifter_judged import measured as judged_of
from edgepose_trainer.evaluation.lifter_tables import figures, frames, tables
from edgepose_trainer.evaluation.lifter_worst import worst
from tests.shared import SHARED, needs

CALDAS = SHARED / "data" / "mocap" / "caldas"
CHROMIUM = shutil.which("chromium")
WRIST = H36M17.index("left_wrist")
LEVEL = np.array([0.0, -1.0, 0.0])
PLACES = {
    "pelvis": (0, 0, 0), "right_hip": (-0.1, 0, 0), "right_knee": (-0.1, 0.4, 0), "right_ankle": (-0.1, 0.8, 0),
    "left_hip": (0.1, 0, 0), "left_knee": (0.1, 0.4, 0), "left_ankle": (0.1, 0.8, 0), "spine": (0, -0.25, 0),
    "thorax": (0, -0.5, 0), "neck": (0, -0.6, -0.05), "head": (0, -0.75, 0),
    "left_shoulder": (0.2, -0.5, 0), "left_elbow": (0.45, -0.5, 0), "left_wrist": (0.7, -0.5, 0),
    "right_shoulder": (-0.2, -0.5, 0), "right_elbow": (-0.45, -0.5, 0), "right_wrist": (-0.7, -0.5, 0),
}  # fmt: skip
STANDING = np.array([PLACES[joint] for joint in H36M17.joints], np.float64)
"""Faces the camera: camera axes."""
TURNED = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""A rotation, world -> camera."""


def recording(count: int = 4, fps: float = 30.0, height_m: float = 1.4, take: str = "serve") -> Seen:
    truth = np.tile(STANDING, (count, 1, 1))
    keypoints = np.ones((count, 17, 3), np.float32)
    return Seen(
        take, take, "ann", "court", RECORDED_2D, np.arange(count) / fps, np.arange(count), keypoints, truth, COCO17,
        (640, 480), height_m,
    )  # fmt: skip


def moved(seen: Seen, by_m: tuple[float, float, float] = (0.0, 0.0, 0.12)) -> np.ndarray:
    """The truth with the left wrist elsewhere."""
    found = seen.truth.copy()
    found[:, WRIST] += by_m
    return found


def value(judged: list[Judged], name: str) -> float:
    return figures(judged, [name])[0].value


def test_errors_by_hand() -> None:
    seen = recording()
    judged = [judged_of(seen, moved(seen))]
    assert value(judged, MPJPE) == pytest.approx(120 / 12)
    assert value(judged, PCK) == pytest.approx(100)
    assert value(judged, MPJVE) == pytest.approx(0, abs=1e-9)
    # Limits of 0, 5 … 150 mm: 11 joints at all 31, the wrist at the 7 from 120 mm on.
    assert value(judged, AUC) == pytest.approx(100 * (11 * 31 + 7) / (12 * 31))
    # A player of 1.40 m: the answer is 0.8 of what it was, every true joint off by a fifth of its distance.
    exact = judged_of(seen, seen.truth)
    lengths = np.linalg.norm(STANDING[EVALUATED], axis=1)
    assert value([exact], SIZED) == pytest.approx(1000 * 0.2 * lengths.mean())
    assert value([exact], MPJPE) == 0
    larger = judged_of(seen, 1.5 * seen.truth)
    assert value([larger], N_MPJPE) == pytest.approx(0, abs=1e-9)
    assert value([larger], P_MPJPE) == pytest.approx(0, abs=1e-6)
    assert value([larger], MPJPE) == pytest.approx(1000 * 0.5 * lengths.mean())


def test_steps_are_of_30_hz_whatever_the_recording() -> None:
    seen = recording(count=9, fps=60)
    found = seen.truth.copy()
    found[:, WRIST, 0] += 0.01 * np.arange(9)  # 10 mm a frame of 60 Hz: 20 mm a frame of 30 Hz
    assert value([judged_of(seen, found)], MPJVE) == pytest.approx(20 / 12)
    assert len(at_30_hz(seen.times_s, found)) == 5


def test_frames_without_an_answer_are_counted_and_wrong() -> None:
    seen = recording(count=10)
    found = moved(seen)
    found[:3] = np.nan
    truth = seen.truth.copy()
    truth[9] = np.nan
    one = judged_of(replace(seen, truth=truth, without_2d=2), found)
    (counted,) = frames([one])
    assert (counted.asked, counted.answered, counted.refused, counted.unlabelled) == (9, 6, 3, 1)
    assert counted.without_2d == 2
    assert value([one], MPJPE) == pytest.approx(10)
    assert value([one], PCK) == pytest.approx(100 * 6 / 9)
    by_joint = next(table for table in tables([one]) if table.name.startswith("by_joint"))
    wrist = next(row for row in by_joint.rows if row.of == "left wrist")
    said = {figure.name: figure.value for figure in wrist.figures}
    assert said["labelled"] == 9
    assert said["not found"] == 3
    # Seed mode measures the three missing ones from the origin: |(0.7, -0.5, 0)| = 860 mm.
    assert said["seed MPJPE"] == pytest.approx((6 * 120 + 3 * 860.23) / 9, abs=0.01)


@pytest.mark.parametrize(("turn_deg", "expected"), [(0, 0), (90, 90), (-90, 90), (180, 180), (45, 45)])
def test_the_view_is_the_angle_to_the_camera(turn_deg: float, expected: float) -> None:
    turn = np.radians(turn_deg)
    about_up = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    turned = (STANDING @ about_up.T)[None]
    assert view_angle(turned, LEVEL) == pytest.approx(expected, abs=1e-4)
    tilt = np.radians(40)  # the same person before a camera that looks down
    down = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    assert view_angle(turned @ down.T, down @ LEVEL) == pytest.approx(expected, abs=1e-4)
    level = skeleton_view.level(down @ LEVEL)
    np.testing.assert_allclose(turned @ down.T @ level.T, turned, atol=1e-12)


def test_speed_is_metres_a_second() -> None:
    points = np.zeros((5, 1, 3))
    points[:, 0, 0] = 0.2 * np.arange(5)
    np.testing.assert_allclose(speeds(np.arange(5) / 10, points), 2.0)


def test_intervals_draw_takes_not_cameras() -> None:
    both = [judged_of(recording(take=take), moved(recording())) for take in ("serve", "serve")]
    assert np.isnan(figures(both, [MPJPE])[0].low)
    still = recording(take="volley")
    figure = figures([*both, judged_of(still, still.truth)], [MPJPE])[0]
    assert figure.count == 2
    assert (figure.low, figure.high) == pytest.approx((0, 10))


def test_heat_map_is_dark_where_exact_bright_where_wrong_and_empty_where_unknown() -> None:
    errors = np.array([[0.0, 500.0], [np.nan, 100.0]])
    drawn = ElementTree.fromstring(heatmap.drawn(errors, ("left <wrist", "b"), np.array([0.0, 0.5]), "map"))
    data = next(element.get("href") or "" for element in drawn.iter() if element.tag == "image")
    pixels = cv2.imdecode(np.frombuffer(base64.b64decode(data.partition(",")[2]), np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels.shape == (2, 2, 4)  # joints by frames
    assert pixels[0, 0, :3].max() < 10
    assert pixels[0, 1, 3] == 0
    assert pixels[1, 0, :3].min() > 150
    assert pixels[1, 1, 3] == 255


def test_the_worst_frames_are_of_different_recordings() -> None:
    seen = recording(count=5)
    found = seen.truth.copy()
    found[3, WRIST, 2] += 0.6
    cases = worst([judged_of(seen, found), judged_of(recording(take="volley"), moved(recording()))], 5)
    assert [case.words.partition(",")[0] for case in cases] == ["50 mm", "10 mm"]
    assert "0.10 s" in cases[0].words


def write_session(folder: Path, space: str = "camera", frames: int = 30, gap: tuple[int, ...] = ()) -> Path:
    """A person who waves, 4 m before the camera; frames in ``gap`` have no 2D."""
    folder.mkdir(parents=True)
    (folder / "poses").mkdir()
    (folder / "poses3d").mkdir()
    truth = np.tile(STANDING, (frames, 1, 1))
    truth[:, WRIST, 1] += 0.2 * np.sin(np.arange(frames) / 4)
    placed = truth + np.array([0.3, 0.1, 4.0])
    names = [joint if joint in H36M17.joints else "head" for joint in COCO17.joints]
    body = placed[:, [H36M17.index(name) for name in names]]
    keypoints = np.ones((frames, 17, 3), np.float32)
    keypoints[..., :2] = body[..., :2] / body[..., 2:] * 600 + (320, 240)
    shift = np.array([0.5, -0.2, 3.0])
    points = {"camera": placed, "root": truth, "world": (placed - shift) @ TURNED}[space]
    k = [[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]
    calibration = Calibration.model_validate({"K": k, "R": TURNED.tolist(), "t": shift.tolist()})
    write_info(
        folder,
        SessionInfo(
            width=640, height=480, fps=30, started_at=datetime(2026, 11, 21, tzinfo=timezone.utc),
            players={3: Player(name="ann", height_m=1.6)}, calibration=calibration,
        ),
    )  # fmt: skip
    frame = np.array([at for at in range(frames) if at not in gap])
    write_poses(
        folder / "poses" / "000000.parquet",
        Poses(
            frame, frame / 30, np.full(len(frame), 3, np.int32), np.ones(len(frame), np.float32),
            np.zeros((len(frame), 4), np.float32), keypoints[frame],
        ),
    )  # fmt: skip
    every = np.arange(frames)
    table = Poses3D(every, every / 30, np.full(frames, 3, np.int32), points.astype(np.float32), H36M17.name, space)
    write_poses3d(folder / "poses3d" / "000000.parquet", table)
    return folder


@pytest.mark.parametrize("space", ["camera", "root", "world"])
def test_true_poses_of_a_session_are_read_in_every_space(tmp_path: Path, space: str) -> None:
    folder = write_session(tmp_path / "court", space, gap=(4, 5))
    (seen,) = seen_in(Item(folder, "court", "court"), 1)
    assert seen.without_2d == 2
    assert np.isnan(seen.keypoints[4, :, 0]).all()
    assert seen.height_m == 1.6
    assert seen.camera is not None
    assert seen.camera.fx == 600
    np.testing.assert_allclose(seen.truth[0, EVALUATED], STANDING[EVALUATED], atol=1e-5)


def test_a_session_is_judged_and_nothing_is_lost(tmp_path: Path) -> None:
    folder = write_session(tmp_path / "court", gap=(4, 5))
    result = evaluate("courtlift-n", None, Wanted((folder,)), "window")
    assert [(one.asked, one.refused, one.without_2d) for one in result.counted] == [(30, 0, 2)]
    (one,) = result.judged
    flat = measured(result, ["x"])
    by_name = {figure["name"]: figure["value"] for figure in flat["headline"]}
    found, truth = one.found[:, EVALUATED], one.seen.truth[:, EVALUATED]
    assert by_name[MPJPE] == pytest.approx(1000 * mpjpe(found, truth), abs=1e-3)
    assert by_name[N_MPJPE] == pytest.approx(1000 * n_mpjpe(found, truth), abs=1e-3)
    assert by_name[SIZED] == pytest.approx(1000 * mpjpe(found * 1.6 / 1.75, truth), abs=1e-3)
    assert lines(result)[0] == "recorded 2D: 30 of 30 frames answered"
    for way in ("live", "lift"):
        other = evaluate("courtlift-n", None, Wanted((folder,)), way)
        assert other.counted[0].asked == 30
        assert other.judged[0].found.shape == (30, 17, 3)


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["edgepose", "evaluate", "lifter", *map(str, arguments)])
    with pytest.raises(SystemExit) as done:
        cli.main()
    return int(done.value.code or 0)


def test_row_55_found_and_true_poses_are_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_session(tmp_path / "court", frames=12)
    both = tmp_path / "both.npz"
    assert command(monkeypatch, folder, "--dump", both, "--json") == 0
    metrics = json.loads(capsys.readouterr().out)
    assert (metrics["format"], metrics["task"]) == ("edgepose-evaluation/1", "lifter")
    with np.load(both) as read:
        assert read["found"].shape == read["truth"].shape == (12, 17, 3)
        assert read["frame"].tolist() == list(range(12))
        assert set(read["condition"].tolist()) == {RECORDED_2D}
        assert read["joints"][read["judged"][0]] == "left_shoulder"
        error = 1000 * mpjpe(
            read["found"][:, EVALUATED].astype(np.float64), read["truth"][:, EVALUATED].astype(np.float64)
        )
        whole = read["found"]
    assert metrics["headline"][0]["value"] == pytest.approx(error, abs=0.01)
    assert command(monkeypatch, folder, "--dump", tmp_path / "both.npy") == 0
    np.testing.assert_array_equal(np.load(tmp_path / "both.npy")[0], whole)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lifter")
    data = folder / "data"
    write_session(data / "one")
    write_session(data / "two", "world", gap=(7,))
    publish(evaluate("courtlift-n", None, Wanted((data,)), "window"), folder / "out", 4, ["edgepose", "<evaluate>"])
    return folder / "out"


def test_the_report_needs_nothing_else(report: Path) -> None:
    text = (report / "report.html").read_text(encoding="utf-8")
    without = re.sub(r'"data:image/png;base64,[^"]*"', "", text)
    assert not re.search(r"https?://", without.replace("http://www.w3.org/2000/svg", ""))
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]{44}'", text)
    assert text.count("<script>") == 1
    assert "&lt;evaluate&gt;" in text
    for words in ("MPJPE, height known", "By view", "By joint", "The worst frames", "The model", "courtlift-n"):
        assert words in text
    metrics = json.loads((report / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["data"] | {"paths": []} == {"paths": [], "takes": 2, "recordings": 2, "seconds": 1.9}
    assert [figure["name"] for figure in metrics["headline"]] == [MPJPE, SIZED, N_MPJPE, P_MPJPE, MPJVE, PCK, AUC]


def test_the_page_in_a_browser_turns_scrubs_and_plays(report: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright here (extra dev)")
    if CHROMIUM is None:
        pytest.skip("no chromium here (Debian package chromium)")
    complaints: list[str] = []
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page(viewport={"width": 900, "height": 900})
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto(f"file://{report}/report.html")
        page.wait_for_selector("#view3d[data-ready]", timeout=60_000)
        assert page.locator("#view3d option").count() == 2
        canvas = page.locator("#view3d canvas")
        first = canvas.screenshot()
        box: Any = canvas.bounding_box()
        page.mouse.move(box["x"] + 300, box["y"] + 150)
        page.mouse.down()
        page.mouse.move(box["x"] + 400, box["y"] + 150, steps=4)
        page.mouse.up()
        turned = canvas.screenshot()
        assert turned != first
        page.locator("[data-is=frame]").fill("0")
        assert page.locator("[data-is=time]").inner_text().startswith("0.00 s, ")
        page.locator("[data-is=play]").click()
        for _ in range(600):  # the page's policy forbids what wait_for_function does
            if int(page.locator("[data-is=frame]").input_value()) > 2:
                break
            page.wait_for_timeout(100)
        assert int(page.locator("[data-is=frame]").input_value()) > 2
        page.locator("[data-is=truth]").uncheck()
        browser.close()
    assert not complaints


def test_what_the_page_packs_is_millimetres() -> None:
    points = STANDING[None].copy()
    points[0, 1] = np.nan
    packed = np.frombuffer(base64.b64decode(skeleton_view._packed(points)), "<i2").reshape(17, 3)
    assert packed[WRIST].tolist() == [700, -500, 0]
    assert (packed[1] == -32768).all()


def test_truth_that_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    folder = write_session(tmp_path / "nameless")
    every = np.arange(3)
    poses = Poses3D(every, every / 30, np.full(3, -1, np.int32), np.zeros((3, 17, 3), np.float32), "h36m17", "root")
    write_poses3d(folder / "poses3d" / "000000.parquet", poses)
    with pytest.raises(SessionError, match="3 poses of poses3d have no track"):
        list(seen_in(Item(folder, "x", "x"), 1))


def test_mistakes_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = write_session(tmp_path / "court", "world")
    mirrored = write_session(tmp_path / "mirror", "world")
    table = json.loads((mirrored / "session.json").read_text(encoding="utf-8"))
    table["calibration"]["R"] = [[-1, 0, 0], [0, 1, 0], [0, 0, 1]]
    (mirrored / "session.json").write_text(json.dumps(table), encoding="utf-8")
    blind = write_session(tmp_path / "blind", "world")
    table = json.loads((blind / "session.json").read_text(encoding="utf-8"))
    del table["calibration"]
    (blind / "session.json").write_text(json.dumps(table), encoding="utf-8")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "ann_Derecha.bvh").write_text("HIERARCHY\n", encoding="utf-8")
    for arguments, words in (
        ((tmp_path / "empty",), "no .bvh or .amc files here"),
        ((tmp_path / "torn",), "ann_Derecha.bvh"),
        ((mirrored,), "R is not a rotation"),
        ((blind,), "needs a calibration"),
        ((session, "--as", "dream"), "window, live, lift"),
        ((session, "--dump", tmp_path / "x.csv"), ".npz or .npy"),
        ((session, "--dump", tmp_path / "no" / "x.npz"), "no folder"),
        ((session, "--report", tmp_path / "file"), "is no folder"),
        ((session, "--model", tmp_path / "empty"), "not a weights file, a model folder"),
        ((session, "--model", "tennis-strokes"), "lifter"),
        ((session, "--group", "bob"), "no player or session 'bob'"),
    ):
        assert command(monkeypatch, *arguments) == 2, words
        said = capsys.readouterr().err.strip()
        assert len(said.splitlines()) == 1
        assert words in said


@needs(CALDAS)
def test_a_take_is_seen_alike_whatever_else_is_judged() -> None:
    take = next(CALDAS.glob("lvargas_VReves.bvh*"))
    first = list(seen_in(Item(take, "caldas", "lvargas"), 2))
    again = list(seen_in(Item(take, "other", "lvargas"), 2))
    assert [one.name for one in first] == [f"lvargas_VReves, camera {n}" for n in (1, 1, 2, 2)]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.keypoints, other.keypoints)
    exact, noisy = first[:2]
    np.testing.assert_array_equal(exact.truth, noisy.truth)
    assert np.isfinite(exact.keypoints).all()
    assert np.isnan(noisy.keypoints[..., 0]).mean() == pytest.approx(0.05, abs=0.01)
    inside = (exact.keypoints[..., :2] >= 0) & (exact.keypoints[..., :2] <= (1280, 720))
    assert inside.all()
    assert np.diff(exact.times_s) == pytest.approx(1 / 30)
    up = np.array(exact.up)
    spine = exact.truth[:, H36M17.index("thorax")].mean(axis=0)
    assert spine @ up / np.linalg.norm(spine) > 0.85  # the recorded player stands upright
