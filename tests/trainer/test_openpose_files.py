"""A folder of OpenPose's JSON becomes a session that the device's commands read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgepose.conversions import convert
from edgepose.errors import SettingsError, SourceError
from edgepose.openpose_json import write_frame
from edgepose.session import read_info, read_poses
from edgepose.types import Float32, Pose, Track
from edgepose_trainer.formats import Wishes
from edgepose_trainer.formats import read as read_source
from edgepose_trainer.frametimes import FrameTimes, given
from edgepose_trainer.importers import openpose
from edgepose_trainer.sessions import write
from tests.clips import make, needs_ffmpeg

RATE = FrameTimes("match", fps=30)


def joints(x: float) -> Float32:
    """A coco17 person; the nose is missing."""
    keypoints = np.stack([x + np.arange(17), 50 + 5 * np.arange(17), np.full(17, 0.9)], 1).astype(np.float32)
    keypoints[0] = (np.nan, np.nan, 0)
    return keypoints


def files(folder: Path, people: dict[int, list[Track]], skeleton: str = "body25") -> Path:
    folder.mkdir()
    for frame, tracks in people.items():
        as_openpose = [
            Track(t.id, Pose(convert(t.pose.keypoints, "coco17", skeleton), t.pose.box_xyxy, 1.0)) for t in tracks
        ]
        write_frame(folder, "match", frame, as_openpose)
    return folder


def person(x: float, id: int = -1) -> Track:
    return Track(id, Pose(joints(x), np.full(4, np.nan, np.float32), 1.0))


@pytest.mark.parametrize("skeleton", ["body25", "openpose18"])
def test_row_40_openposes_files_become_a_session_and_lose_nothing(tmp_path: Path, skeleton: str) -> None:
    people = {0: [person(100, 4), person(300, 7)], 1: [], 3: [person(101, 4)]}
    folder, out = files(tmp_path / "json", people, skeleton), tmp_path / "session"
    write(out, openpose.read(folder, FrameTimes("match", fps=50), (640, 360), skeleton))
    info, poses = read_info(out), read_poses(out)
    assert (info.skeleton, info.width, info.height, info.fps) == ("coco17", 640, 360, 50)
    assert list(zip(poses.frame.tolist(), poses.track.tolist(), strict=True)) == [(0, 4), (0, 7), (3, 4)]
    assert poses.time_s.tolist() == pytest.approx([0, 0, 0.06])
    assert poses.empty_frame.tolist() == [1]
    assert poses.empty_time_s.tolist() == pytest.approx([0.02])
    np.testing.assert_array_equal(poses.keypoints, [joints(100), joints(300), joints(101)])
    np.testing.assert_array_equal(poses.box[0], [101, 55, 116, 130])


def test_what_is_wrong_is_said_before_anything_is_written(tmp_path: Path) -> None:
    folder = files(tmp_path / "json", {0: [person(100)]})
    for fps in (0, -5, 1001):
        with pytest.raises(SettingsError, match=f"{fps} frames a second"):
            given(None, fps, "match")
    with pytest.raises(SettingsError, match="give --video .* or --fps"):
        given(None, None, "match")
    with pytest.raises(SourceError, match="75 values, openpose18 needs 3 x 18"):
        openpose.read(folder, RATE, skeleton="openpose18")
    far = files(tmp_path / "far", {0: [], 1700000000: []})
    with pytest.raises(SettingsError, match="after frame 0 comes 1700000000"):
        openpose.read(far, RATE, skeleton="body25")


def test_the_joint_set_is_told_by_the_number_of_joints(tmp_path: Path) -> None:
    folder = files(tmp_path / "json", {0: [], 1: [person(100, 2)]}, skeleton="openpose18")
    imported = openpose.read(folder, RATE)
    assert imported.info.source == "OpenPose JSON, openpose18"
    np.testing.assert_array_equal(imported.poses.keypoints, [joints(100)])
    assert (imported.info.width, imported.info.height) == (116, 130)  # just large enough


def test_pose2sims_own_file_names_and_people_without_ids(tmp_path: Path) -> None:
    project = tmp_path / "trial"
    (project / "pose").mkdir(parents=True)
    named = files(project / "pose" / "cam01_json", {f: [person(100 + f), person(600 - f)] for f in range(30)}, "body25")
    for path in list(named.iterdir()):  # match_000000000007_keypoints.json -> cam01_000007.json
        path.rename(named / f"cam01_{int(path.name.split('_')[1]):06d}.json")
    (folder,) = openpose.folders_in(project)
    imported = openpose.read(folder, RATE)
    assert imported.name == "cam01"
    assert set(imported.poses.track.tolist()) == {0, 1}
    left = imported.poses.keypoints[imported.poses.track == imported.poses.track[0]]
    assert np.all(np.diff(left[:, 5, 0]) == np.diff(left[:, 5, 0])[0])  # one person all the way
    assert imported.notes == ("nobody had an id: people were tracked",)


@needs_ffmpeg
def test_every_camera_has_its_own_videos_times(tmp_path: Path) -> None:
    for camera, fps in (("cam01", 25), ("cam02", 50)):
        (tmp_path / "pose").mkdir(exist_ok=True)
        files(tmp_path / "pose" / f"{camera}_json", {frame: [person(100, 1)] for frame in range(4)})
        make(tmp_path / f"{camera}.mp4", fps=fps, frames=5)
    found = {one.name: one for one in read_source(tmp_path / "pose", "openpose", Wishes(video=tmp_path))}
    assert found["cam01"].poses.time_s.tolist() == pytest.approx([0, 0.04, 0.08, 0.12])
    assert found["cam02"].poses.time_s.tolist() == pytest.approx([0, 0.02, 0.04, 0.06])
    assert (found["cam01"].info.width, found["cam01"].info.height) == (64, 48)
    (tmp_path / "cam02.mp4").unlink()
    with pytest.raises(SettingsError, match="expected one video called cam02, got 0"):
        list(read_source(tmp_path / "pose", "openpose", Wishes(video=tmp_path)))
