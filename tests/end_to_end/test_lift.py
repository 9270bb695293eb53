"""``edgepose lift`` as a user calls it: a session of one player, heights, bad input."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from edgepose.cli import main
from edgepose.session import read_poses, read_poses3d, write_poses
from edgepose.skeletons import H36M17
from tests import stick_player


def lift(session: Path, out: Path, *options: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["edgepose", "lift", str(session), "--out", str(out), *options])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


@pytest.fixture
def session(tmp_path: Path) -> Path:
    stick_player.write(tmp_path / "session")
    return tmp_path / "session"


def test_every_frame_of_every_track_gets_a_pose(session: Path, tmp_path: Path) -> None:
    assert lift(session, tmp_path / "a.parquet") == 0
    seen, found = read_poses(session), read_poses3d(tmp_path / "a.parquet")
    assert (found.skeleton, found.space) == ("h36m17", "root")
    assert found.frame.tolist() == seen.frame[seen.track >= 0].tolist()
    assert np.isfinite(found.keypoints).all()
    hips = found.keypoints[:, H36M17.indices("left_hip", "right_hip")].mean(axis=1)
    np.testing.assert_allclose(hips, 0, atol=0.02)


def test_a_stated_height_makes_the_player_as_large(session: Path, tmp_path: Path) -> None:
    assert lift(session, tmp_path / "a.parquet") == 0
    assert lift(session, tmp_path / "b.parquet", "--height-m", "2.1") == 0
    a, b = (read_poses3d(tmp_path / f"{name}.parquet").keypoints for name in "ab")
    np.testing.assert_allclose(b, 1.2 * a, rtol=1e-4, atol=1e-5)
    info = json.loads((session / "session.json").read_text())
    track = int(read_poses3d(tmp_path / "a.parquet").track[0])
    info["players"] = {str(track): {"name": "Ana", "height_m": 1.4}}
    (session / "session.json").write_text(json.dumps(info))
    assert lift(session, tmp_path / "c.parquet", "--height-m", "2.1") == 0
    np.testing.assert_allclose(read_poses3d(tmp_path / "c.parquet").keypoints, 0.8 * a, rtol=1e-4, atol=1e-5)


def test_newest_knows_nothing_of_the_future(session: Path, tmp_path: Path) -> None:
    poses = read_poses(session)
    gone = np.random.default_rng(0).random(poses.keypoints.shape[:2]) < 0.2
    poses.keypoints[gone] = (np.nan, np.nan, 0)
    shutil.rmtree(session / "poses")
    (session / "poses").mkdir()
    write_poses(session / "poses" / "000000.parquet", poses)
    assert lift(session, tmp_path / "a.parquet", "--newest") == 0
    early = poses.time_s < 5.0
    for name in ("frame", "time_s", "track", "score", "box", "keypoints"):
        setattr(poses, name, getattr(poses, name)[early])
    shutil.rmtree(session / "poses")
    (session / "poses").mkdir()
    write_poses(session / "poses" / "000000.parquet", poses)
    assert lift(session, tmp_path / "b.parquet", "--newest") == 0
    whole, part = (read_poses3d(tmp_path / f"{name}.parquet").keypoints for name in "ab")
    np.testing.assert_allclose(whole[: len(part)], part, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--model", "nothing"], "nothing"),
        (["--height-m", "175"], "height 175 m"),
        (["--height-m", "0"], "height 0 m"),
        (["--model", "courtpose-n"], "a lifter model is needed"),
    ],
)
def test_mistakes_are_one_line(
    session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    assert lift(session, tmp_path / "a.parquet", *options) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert says in line
    assert not (tmp_path / "a.parquet").exists()


def test_nobody_tracked_says_what_to_do(session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    poses = read_poses(session)
    poses.track[:] = -1
    shutil.rmtree(session / "poses")
    (session / "poses").mkdir()
    write_poses(session / "poses" / "000000.parquet", poses)
    assert lift(session, tmp_path / "a.parquet") == 2
    assert "edgepose track" in capsys.readouterr().err


def test_a_calibrated_lens_is_used_and_one_that_cannot_be_is_refused(
    session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lift(session, tmp_path / "a.parquet") == 0
    info = json.loads((session / "session.json").read_text())
    wide, high = info["width"], info["height"]
    info["calibration"] = {"K": [[1.07 * wide, 0, wide / 2], [0, 1.07 * wide, high / 2], [0, 0, 1]]}
    (session / "session.json").write_text(json.dumps(info))
    assert lift(session, tmp_path / "b.parquet") == 0  # what is assumed, said
    info["calibration"]["K"][0][2] = 0  # as if the picture had been cut: everybody stands far to the right
    (session / "session.json").write_text(json.dumps(info))
    assert lift(session, tmp_path / "c.parquet") == 0
    a, b, c = (read_poses3d(tmp_path / f"{name}.parquet").keypoints for name in "abc")
    np.testing.assert_allclose(a, b, atol=1e-5)
    assert np.abs(a - c).max() > 0.1
    info["calibration"]["R"] = [[1, 0, 0], [0, 1, 0], [0, 0, -1]]
    (session / "session.json").write_text(json.dumps(info))
    capsys.readouterr()
    assert lift(session, tmp_path / "d.parquet") == 2
    assert "R is not a rotation" in capsys.readouterr().err
