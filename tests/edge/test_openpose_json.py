"""OpenPose's JSON files: what we write OpenPose's readers know, what OpenPose writes we read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgepose.errors import SourceError
from edgepose.openpose_json import read_folder, read_frame, write_frame
from edgepose.skeletons import BODY25, MPI15, OPENPOSE18
from edgepose.types import Pose, Track

MISSING = (np.nan, np.nan, 0.0)


def person(*joints: tuple[float, float, float], id: int = -1, count: int = 18) -> Track:
    """The given joints first, the rest missing."""
    keypoints = np.array([*joints, *[MISSING] * (count - len(joints))], np.float32)
    return Track(id, Pose(keypoints, np.full(4, np.nan, np.float32), 1.0))


def file_with(folder: Path, content: object) -> Path:
    path = folder / "a_000000000000_keypoints.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_row_40_a_frame_is_written_as_openpose_writes_it(tmp_path: Path) -> None:
    path = write_frame(tmp_path, "match", 7, [person((10.5, 20.25, 0.9), MISSING, (30.1, 40, 0.5), id=3)])
    assert path.name == "match_000000000007_keypoints.json"
    content = json.loads(path.read_text())
    assert content["version"] == 1.3
    assert content["people"][0]["person_id"] == [3]
    values = content["people"][0]["pose_keypoints_2d"]
    assert len(values) == 54
    assert values[:9] == [10.5, 20.25, 0.9, 0, 0, 0, 30.1, 40, 0.5]
    assert not any(values[9:])


def test_row_40_a_file_of_openpose_is_read(tmp_path: Path) -> None:
    values = [100, 200, 0.75, 0, 0, 0, 140, 260, 0.25] + [0] * 66
    path = file_with(tmp_path, {"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": values}]})
    (track,) = read_frame(path, BODY25)
    assert track.id == -1
    assert track.pose.keypoints.dtype == np.float32
    np.testing.assert_array_equal(track.pose.keypoints[:3], [(100, 200, 0.75), MISSING, (140, 260, 0.25)])
    assert track.pose.box_xyxy.tolist() == [100, 200, 140, 260]
    assert track.pose.score == 0.5


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_row_40_round_trip_is_exact(tmp_path: Path, data: st.DataObject) -> None:
    number = st.floats(-1e6, 1e6, width=32)
    joint = st.tuples(number, number, st.floats(2**-10, 1, width=32)) | st.just(MISSING)
    joints = st.lists(joint, min_size=15, max_size=15)
    people = [person(*row, id=index, count=15) for index, row in enumerate(data.draw(st.lists(joints, max_size=3)))]
    back = read_frame(write_frame(tmp_path, "a", 0, people), MPI15)
    assert [track.id for track in back] == [track.id for track in people]
    for ours, theirs in zip(people, back, strict=True):
        np.testing.assert_array_equal(ours.pose.keypoints, theirs.pose.keypoints)


def test_row_40_a_folder_is_read_in_order_and_nobody_is_not_a_gap(tmp_path: Path) -> None:
    for frame, people in ((10, [person((1, 2, 1))]), (2, []), (0, [person((1, 2, 1)), person((3, 4, 1))])):
        write_frame(tmp_path, "video_1", frame, people)
    (tmp_path / "notes_keypoints.json").write_text("not a frame")
    assert [(frame, len(people)) for frame, people in read_folder(tmp_path, OPENPOSE18)] == [(0, 2), (2, 0), (10, 1)]


def test_a_person_without_any_joint_has_no_box_and_no_score(tmp_path: Path) -> None:
    (track,) = read_frame(write_frame(tmp_path, "a", 0, [person()]), OPENPOSE18)
    assert np.isnan(track.pose.box_xyxy).all()
    assert track.pose.score == 0


def test_half_known_and_infinite_joints_are_missing_both_ways(tmp_path: Path) -> None:
    path = write_frame(tmp_path, "a", 0, [person((np.nan, 5, 0.5), (np.inf, 5, 0.5), (4, 5, 0))])
    assert not any(json.loads(path.read_text())["people"][0]["pose_keypoints_2d"])
    path = file_with(tmp_path, {"people": [{"pose_keypoints_2d": [float("nan"), 5, 1, 1e300, 5, 1] + [0] * 48}]})
    np.testing.assert_array_equal(read_frame(path, OPENPOSE18)[0].pose.keypoints, [MISSING] * 18)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "no list 'people'"),
        ({"people": None}, "no list 'people'"),
        ({"people": [[1, 2, 3]]}, "person 0 has no list of numbers"),
        ({"people": [{"pose_keypoints_2d": ["1"] * 54}]}, "person 0 has no list of numbers"),
        ({"people": [{"pose_keypoints_2d": [0] * 75}]}, "75 values, openpose18 needs 3 x 18"),
        ({"people": [{"pose_keypoints_2d": [10**400] * 54}]}, "too large"),
    ],
)
def test_other_json_is_refused(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read_frame(file_with(tmp_path, content), OPENPOSE18)


def test_no_json_no_file_no_frame_and_two_videos_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_bytes(b"\xff{")
    for path in (broken, tmp_path / "absent.json"):
        with pytest.raises(SourceError, match="not readable as JSON"):
            read_frame(path, OPENPOSE18)
    with pytest.raises(SourceError, match="no file named"):
        list(read_folder(tmp_path, OPENPOSE18))
    write_frame(tmp_path, "one", 0, [])
    write_frame(tmp_path, "two", 0, [])
    with pytest.raises(SourceError, match="frame 0 twice"):
        list(read_folder(tmp_path, OPENPOSE18))
