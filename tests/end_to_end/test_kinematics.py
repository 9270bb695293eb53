"""``edgepose kinematics`` and the kinematics of events, as a user gets them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from edgepose.cli import app, main
from edgepose.session import Poses3D, write_poses3d
from tests import stick_player
from tests.shared import SHARED, needs

RUN = SHARED / "data" / "mocap" / "runningpose" / "Tindra1.txt"
BESIDE = {
    "K": [[1000, 0, 640], [0, 1000, 360], [0, 0, 1]], "R": [[1, 0, 0], [0, 0, -1], [0, 1, 0]], "t": [-4, 1, 8],
    "width": 1280, "height": 720,
}  # fmt: skip


def ran(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], standalone_mode=False)
    assert result.exception is None, result.exception
    return result.stdout


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_row_19_every_stroke_has_numbers_with_units(tmp_path: Path) -> None:
    stick_player.write(tmp_path / "session")
    ran("events", tmp_path / "session", "--out", tmp_path / "e.jsonl")
    events = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert len(events) >= 6  # of the stick's eight strokes
    for event in events:
        found = event["kinematics"]
        assert found["wrist_speed_peak"]["unit"] == "m/s"
        assert 1 < found["wrist_speed_peak"]["value"] < 15
        assert abs(found["wrist_speed_peak_at"]["value"]) < 0.2
        assert found["elbow_angle"]["unit"] == "deg"
        assert 20 < found["elbow_angle"]["value"] <= 180
        assert {quantity["unit"] for quantity in found.values()} <= {"deg", "deg/s", "m/s", "s", "1"}


def test_row_19_a_session_without_3d_is_measured_in_torsos(tmp_path: Path) -> None:
    stick_player.write(tmp_path / "session")
    ran("kinematics", tmp_path / "session", "--out", tmp_path / "k.csv")
    found = rows(tmp_path / "k.csv")
    assert len(found) == 615
    assert max(float(row["right_wrist_speed_to_hips_torso_s"] or 0) for row in found) > 3
    assert not any(name.endswith("_m_s") for name in found[0])


@needs(RUN)
def test_row_56_a_recorded_run_gives_its_gait_and_row_52_another_rate(tmp_path: Path) -> None:
    (tmp_path / "k.json").write_text(json.dumps(BESIDE))
    ran("import", RUN, "--fps", 170, "--calibration", tmp_path / "k.json", "--out", tmp_path / "run")
    said = json.loads(ran("kinematics", tmp_path / "run", "--out", tmp_path / "k.csv", "--json"))
    gait = said["gait"]["0"]
    assert 210 < gait["cadence_steps_min"] < 240
    assert gait["ground_speed"] < 0.05
    assert gait["foot"] == "forefoot"
    found = rows(tmp_path / "k.csv")
    assert len(found) == 685
    run_m_s = [float(row["left_ankle_speed_m_s"]) for row in found[500:-1] if row["left_ankle_speed_m_s"]]
    assert 8 < max(run_m_s) < 20
    at_50 = ran("kinematics", tmp_path / "run", "--out", tmp_path / "k.mot", "--rate", 50, "--json")
    assert json.loads(at_50)["gait"]["0"]["cadence_steps_min"] == pytest.approx(gait["cadence_steps_min"], rel=0.05)
    assert "nRows=202" in (tmp_path / "k.mot").read_text()  # 684 / 170 s at 50 Hz


def a_session(folder: Path, space: str) -> Path:
    points = np.random.default_rng(1).normal(0, 0.3, (40, 17, 3)).astype(np.float32)
    (folder / "poses3d").mkdir(parents=True)
    track = np.repeat(np.array([1, 2], np.int32), 20)
    time_s = np.tile(np.arange(20) / 30, 2)
    poses = Poses3D(np.tile(np.arange(20), 2), time_s, track, points, "h36m17", space)
    write_poses3d(folder / "poses3d" / "0.parquet", poses)
    return folder


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--out", "k.mot"], "tracks here: 1, 2; choose with --track"),
        (["--out", "k.csv", "--track", "9"], "no track 9; tracks here: 1, 2"),
        (["--out", "k.xls"], "ends in .csv, .parquet, .mot"),
        (["--out", "k.csv", "--up", "w"], "--up: expected x, y, z"),
        (["--out", "k.csv", "--rate", "0"], "a frame rate is more than 0"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    session = a_session(tmp_path / "s", "root")
    monkeypatch.setattr("sys.argv", ["edgepose", "kinematics", str(session), *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert why in said[-1]
    assert not (tmp_path / arguments[1]).exists()


def test_which_way_is_up_is_told_or_asked(tmp_path: Path) -> None:
    session = a_session(tmp_path / "s", "world")
    ran("kinematics", session, "--out", tmp_path / "y.csv")
    ran("kinematics", session, "--out", tmp_path / "down.csv", "--up", "-y")
    up, down = ([float(row["trunk_lean_deg"]) for row in rows(tmp_path / name)] for name in ("y.csv", "down.csv"))
    np.testing.assert_allclose(np.add(up, down), 180, atol=1e-3)
