"""Row 51: VideoPose3D's custom 2D data sets, written and read, and the detections that they are made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from edgepose.errors import SettingsError, SourceError
from edgepose.session import Poses, SessionInfo, read_info, read_poses, write_info, write_poses
from edgepose_trainer.bringing import command
from edgepose_trainer.cli import app
from edgepose_trainer.custom2d import Sequence2D, of_session, write
from edgepose_trainer.formats import Wishes, format_of, read
from edgepose_trainer.importers import videopose3d


def points(frames: int = 4) -> np.ndarray:
    """Joint k of frame t at (10 k + t, 100 + k)."""
    xy = np.zeros((frames, 17, 2), np.float32)
    xy[..., 0] = 10 * np.arange(17) + np.arange(frames)[:, None]
    xy[..., 1] = 100 + np.arange(17)
    return xy


def test_row_51_the_format_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "data_2d_custom_court.npz"
    write(file, [Sequence2D("serve", points(), (1280, 720), 50.0)])
    # As VideoPose3D's own program reads it.
    held = np.load(file, allow_pickle=True)
    positions, metadata = held["positions_2d"].item(), held["metadata"].item()
    assert positions["serve"]["custom"][0].dtype == np.float32
    np.testing.assert_array_equal(positions["serve"]["custom"][0], points())
    assert metadata == {
        "layout_name": "coco",
        "num_joints": 17,
        "keypoints_symmetry": [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]],
        "video_metadata": {"serve": {"w": 1280, "h": 720, "fps": 50.0}},
    }


def test_row_51_what_was_written_is_imported_again(tmp_path: Path) -> None:
    file = tmp_path / "two.npz"
    two = [Sequence2D("a", points(), (1280, 720), 50.0), Sequence2D("b c", points(2), (640, 480), 25.0)]
    write(file, two)
    assert format_of(file) == "videopose3d"
    first, second = read(file, "videopose3d", Wishes())
    assert (first.name, second.name) == ("a", "b_c")
    assert (first.info.width, first.info.fps, first.info.skeleton) == (1280, 50.0, "coco17")
    np.testing.assert_array_equal(first.poses.keypoints[..., :2], points())
    assert second.poses.time_s.tolist() == [0, 1 / 25]


def test_row_51_a_data_set_of_theirs_needs_a_rate(tmp_path: Path) -> None:
    file = tmp_path / "theirs.npz"
    metadata = {"layout_name": "coco", "num_joints": 17, "video_metadata": {"v.mp4": {"w": 640, "h": 480}}}
    np.savez_compressed(file, positions_2d=np.array({"v.mp4": {"custom": [points()]}}), metadata=np.array(metadata))
    with pytest.raises(SourceError, match="v.mp4: give --fps or --video"):
        list(read(file, "videopose3d", Wishes()))
    (session,) = read(file, "videopose3d", Wishes(fps=30))
    assert session.poses.time_s[-1] == pytest.approx(0.1)
    assert session.info.fps == 30


def session(folder: Path, present: list[int], last: int) -> Path:
    """Track 7 is seen in the frames ``present``, track 8 in one; frames up to ``last`` were recorded."""
    folder.mkdir()
    frames = np.array([*present, present[0]])
    xy = np.concatenate([points(last + 1)[present], points(1) + 500])
    keypoints = np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1).astype(np.float32)
    empty = np.array([last])
    info = SessionInfo(skeleton="coco17", width=1280, height=720, fps=50.0, camera="c", device="d",
                       started_at="2026-11-21T00:00:00Z")  # type: ignore[arg-type]  # fmt: skip
    write_info(folder, info)
    (folder / "poses").mkdir()
    poses = Poses(frames, frames / 50, np.array([7] * len(present) + [8], np.int32), np.ones(len(frames), np.float32),
                  np.zeros((len(frames), 4), np.float32), keypoints, empty, empty / 50)  # fmt: skip
    write_poses(folder / "poses" / "000000.parquet", poses)
    return folder


def test_row_51_frames_without_the_person_are_interpolated(tmp_path: Path) -> None:
    one = of_session(session(tmp_path / "s", [1, 2, 5], 6))
    assert (one.interpolated, len(one.points), one.size_wh) == (4, 7, (1280, 720))
    # Held before frame 1 and after 5, a straight line between 2 and 5: which the movement is.
    assert one.points[:, 0, 0].tolist() == [1, 1, 2, 3, 4, 5, 5]
    assert one.points[:, 16, 1].tolist() == [116] * 7


def test_the_wished_track_is_taken(tmp_path: Path) -> None:
    folder = session(tmp_path / "s", [1, 2, 5], 6)
    assert of_session(folder, track=8).points[0, 0].tolist() == [500, 600]
    with pytest.raises(SettingsError, match="has no track 3"):
        of_session(folder, track=3)


def detections(path: Path) -> Path:
    """As Detectron wrote them: frame 1 shows two people, the second with the better box; frame 2 nobody."""

    def person(xy: np.ndarray) -> np.ndarray:
        return np.concatenate([xy.T, np.ones((2, 17), np.float32)])

    boxes, keypoints = np.empty((4, 2), object), np.empty((4, 2), object)
    for frame in range(4):
        boxes[frame, 0], keypoints[frame, 0] = [], []
        boxes[frame, 1] = np.array([[0, 0, 10, 10, 0.9]], np.float32)
        keypoints[frame, 1] = np.stack([person(points()[frame])])
    boxes[1, 1] = np.array([[0, 0, 10, 10, 0.3], [0, 0, 20, 20, 0.8]], np.float32)
    keypoints[1, 1] = np.stack([person(points()[1] + 300), person(points()[1])])
    boxes[2, 1], keypoints[2, 1] = [], []
    np.savez(path, boxes=boxes, keypoints=keypoints, metadata=np.array({"w": 640, "h": 480}))
    return path


def test_row_51_the_best_box_of_each_frame_and_gaps_closed(tmp_path: Path) -> None:
    (one,) = read(detections(tmp_path / "clip.npz"), "videopose3d", Wishes(fps=25))
    np.testing.assert_allclose(one.poses.keypoints[..., :2], points(), atol=1e-5)
    assert one.poses.keypoints[:, 0, 2].tolist() == [1, 1, pytest.approx(videopose3d.INTERPOLATED), 1]
    assert one.notes == ("clip: nobody in 1 of 4 frames, interpolated",)


def test_row_51_the_commands_there_and_back(tmp_path: Path) -> None:
    folder, file = session(tmp_path / "rally", [0, 1, 3], 4), tmp_path / "court.npz"
    result = CliRunner().invoke(app, ["lifter-data", str(folder), "--out", str(file)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "rally: 5 frames, 2 of them interpolated" in result.output
    assert command(file, tmp_path / "back") == 0
    assert read_info(tmp_path / "back").fps == 50
    back = read_poses(tmp_path / "back")
    np.testing.assert_array_equal(back.keypoints[..., :2], of_session(folder).points)


class Sprung:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (exec, ("import pathlib; pathlib.Path('sprung').touch()",))


def test_nothing_that_a_data_set_brings_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("bad.npz", positions_2d=np.array({"v": Sprung()}), metadata=np.array({}))
    with pytest.raises(SourceError, match=r"holds builtins\.exec, which is no array"):
        list(read(Path("bad.npz"), "videopose3d", Wishes(fps=25)))
    assert not Path("sprung").exists()


@pytest.mark.parametrize(
    ("positions", "metadata", "says"),
    [
        ({"v": {"custom": [points()[:, :13]]}}, {"layout_name": "coco"}, r"v: expected \(T, 17, 2\), got \(4, 13, 2\)"),
        ({"v": {"custom": [points()]}}, {"layout_name": "octopus"}, "layout_name 'octopus': expected coco or h36m"),
        ([1], {"layout_name": "coco"}, "no data of VideoPose3D's layout"),
    ],
    ids=["13 joints", "layout", "list"],
)
def test_other_data_is_refused(positions: Any, metadata: Any, says: str, tmp_path: Path) -> None:
    file, held = tmp_path / "x.npz", np.empty((), object)
    held[()] = positions
    np.savez(file, positions_2d=held, metadata=np.array(metadata))
    with pytest.raises(SourceError, match=says):
        list(read(file, "videopose3d", Wishes(fps=25)))


def test_two_sessions_of_one_name_are_refused(tmp_path: Path) -> None:
    one = Sequence2D("a", points(), (1280, 720), None)
    with pytest.raises(SettingsError, match="two sessions are called a"):
        write(tmp_path / "x.npz", [one, one])
    assert json.dumps([file.name for file in tmp_path.iterdir()]) == "[]"
