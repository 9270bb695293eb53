"""Recorded sessions are read back as written, and what is wrong with one is said in a line."""

import json
from datetime import datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from edgepose.errors import SessionError
from edgepose.session import (
    Label,
    Poses,
    Poses3D,
    SessionInfo,
    read_info,
    read_labels,
    read_poses,
    read_poses3d,
    write_info,
    write_labels,
    write_poses,
    write_poses3d,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)


def walk(first: int, count: int) -> Poses:
    """One person who goes one pixel to the right in every frame, at 10 fps; joint 0 is missing."""
    frame = np.arange(first, first + count)
    keypoints = np.ones((count, 17, 3), np.float32)
    keypoints[:, :, 0] = frame[:, None]
    keypoints[:, 0] = np.nan, np.nan, 0
    box = np.tile(np.float32([1, 2, 3, np.nan]), (count, 1))
    return Poses(frame, frame / 10.0, np.full(count, 7, np.int32), np.full(count, 0.5, np.float32), box, keypoints)


@pytest.fixture
def session(tmp_path):
    write_info(tmp_path, SessionInfo(width=640, height=480, fps=10.0, started_at=NOON))
    (tmp_path / "poses").mkdir()
    write_poses(tmp_path / "poses" / "000000.parquet", walk(0, 5))
    write_poses(tmp_path / "poses" / "000001.parquet", walk(5, 5))
    return tmp_path


def test_poses_come_back_as_written(session):
    poses = read_poses(session)
    assert poses.frame.tolist() == list(range(10))
    assert poses.time_s[3] == pytest.approx(0.3)
    assert set(poses.track) == {7}
    assert poses.keypoints.shape == (10, 17, 3)
    assert poses.keypoints[4, 1].tolist() == [4.0, 1.0, 1.0]
    assert np.isnan(poses.keypoints[4, 0, :2]).all()
    assert np.isnan(poses.box[0, 3])
    assert poses.skipped_parts == ()
    assert (poses.frame.dtype, poses.time_s.dtype, poses.track.dtype) == (np.int64, np.float64, np.int32)
    assert (poses.score.dtype, poses.box.dtype, poses.keypoints.dtype) == (np.float32,) * 3


def test_columns_have_the_types_of_the_contract(session):
    schema = pq.read_schema(session / "poses" / "000000.parquet")
    assert {name: str(schema.field(name).type) for name in schema.names} == {
        "frame": "int64",
        "time_s": "double",
        "track": "int32",
        "score": "float",
        "box": "list<element: float>",
        "keypoints": "list<element: float>",
    }


def test_one_file_can_be_read_without_its_session(session):
    assert len(read_poses(session / "poses" / "000001.parquet").frame) == 5


def test_frames_with_nobody_are_known(session):
    nobody = walk(0, 0)
    nobody.empty_frame, nobody.empty_time_s = np.array([10, 11]), np.array([1.0, 1.1])
    write_poses(session / "poses" / "000002.parquet", nobody)
    poses = read_poses(session)
    assert poses.empty_frame.tolist() == [10, 11]
    assert poses.empty_time_s.tolist() == [1.0, 1.1]
    assert len(poses.frame) == 10


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(data)


def empty_it(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut_in_half, flip_a_byte, empty_it])
def test_a_damaged_part_is_skipped_and_named(session, damage):
    damage(session / "poses" / "000000.parquet")
    poses = read_poses(session)
    assert poses.frame.tolist() == [5, 6, 7, 8, 9]
    assert len(poses.skipped_parts) == 1
    assert poses.skipped_parts[0].startswith("poses/000000.parquet: ")


def test_an_unfinished_part_is_named(session):
    (session / "poses" / "000002.parquet.partial").touch()
    assert read_poses(session).skipped_parts == ("poses/000002.parquet.partial: was still being written",)


def test_no_readable_part_is_an_error(session):
    for path in (session / "poses").iterdir():
        cut_in_half(path)
    with pytest.raises(SessionError, match=r"no poses that can be read; poses/000000\.parquet: "):
        read_poses(session)


def replace_column(path, name, values):
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.column_names.index(name), name, values), path)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("frame", pa.array(["a"] * 5), "column frame must hold integers, got string"),
        ("track", pa.array([0.5] * 5), "column track must hold integers, got double"),
        ("track", pa.array([1, 2, 3, 4, None]), "column track has 1 empty values"),
        ("keypoints", pa.array([[1.0] * 39] * 5), "must have 51 numbers, got 39"),
        ("keypoints", pa.array([[1.0] * 51] * 4 + [[1.0] * 3]), "must have 51 numbers, got 3, 51"),
        ("keypoints", pa.array([1.0] * 5), "column keypoints must hold lists of float32, got double"),
        ("box", pa.array([["x"] * 4] * 5), "column box must hold lists of float32"),
        ("time_s", pa.array([0.0, 1.0, float("nan"), 3.0, 4.0]), "time_s holds values that are no times"),
    ],
)
def test_a_wrong_column_is_named(session, column, values, message):
    replace_column(session / "poses" / "000000.parquet", column, values)
    with pytest.raises(SessionError, match=message):
        read_poses(session)


def test_a_missing_column_is_named(session):
    path = session / "poses" / "000000.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["score"]), path)
    with pytest.raises(SessionError, match=r"000000.parquet: column score is missing; columns here: frame"):
        read_poses(session)


def test_other_widths_of_numbers_and_fixed_lists_are_taken(session):
    path = session / "poses" / "000000.parquet"
    replace_column(path, "frame", pa.array(range(5), pa.int32()))
    flat = pa.array(np.zeros(5 * 51), pa.float64())
    replace_column(path, "keypoints", pa.FixedSizeListArray.from_arrays(flat, 51))
    poses = read_poses(session)
    assert poses.frame.dtype == np.int64
    assert poses.keypoints.dtype == np.float32
    assert poses.keypoints.shape == (10, 17, 3)


def test_info_round_trip_keeps_unknown_keys(tmp_path):
    info = SessionInfo(
        width=1, height=2, started_at=NOON, players={3: {"name": "Ada", "handedness": "left"}}, court="clay"
    )
    write_info(tmp_path, info)
    back = read_info(tmp_path)
    assert back == info
    assert back.players[3].handedness == "left"
    assert json.loads((tmp_path / "session.json").read_text())["court"] == "clay"


def test_started_at_becomes_utc(tmp_path):
    paris = NOON.astimezone(timezone(timedelta(hours=2)))
    assert SessionInfo(width=1, height=1, started_at=paris).started_at.isoformat() == "2026-05-01T12:00:00+00:00"
    naive = SessionInfo(width=1, height=1, started_at="2026-05-01T12:00:00")
    assert naive.started_at == NOON


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "invalid json"),
        ('{"format": "edgepose-session/2"}', "format: input should be 'edgepose-session/1'"),
        ('{"width": 1, "height": 0, "started_at": "2026-05-01"}', "height: input should be greater than 0"),
    ],
)
def test_a_wrong_session_json_is_named(tmp_path, text, message):
    (tmp_path / "session.json").write_text(text)
    with pytest.raises(SessionError, match=message):
        read_info(tmp_path)


def test_a_folder_that_is_no_session(tmp_path):
    with pytest.raises(SessionError, match="No such file or directory; is this a session folder"):
        read_poses(tmp_path)


def test_an_unknown_skeleton_is_named(session):
    write_info(session, SessionInfo(width=1, height=1, started_at=NOON, skeleton="octopus8"))
    with pytest.raises(SessionError, match=r"unknown skeleton 'octopus8'; known: coco17"):
        read_poses(session)


def test_labels_round_trip_and_may_be_missing(tmp_path):
    assert read_labels(tmp_path) == []
    labels = [Label(0.5, 1.25, "serve", 3, "Ada, the first"), Label(2.0, 2.0, "idle")]
    write_labels(tmp_path, labels)
    assert (tmp_path / "labels.csv").read_text().splitlines()[0] == "start_s,end_s,label,track,player"
    assert read_labels(tmp_path) == labels


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("start_s,label\n", r"the header lacks end_s"),
        ("start_s,end_s,label\n0,1,serve\nx,1,serve\n", r"labels.csv:3: could not convert string to float"),
        ("start_s,end_s,label\n2,1,serve\n", r"labels.csv:2: expected a label and start_s <= end_s"),
        ("", "the header lacks end_s, label, start_s"),
    ],
)
def test_a_wrong_labels_line_is_named(tmp_path, text, message):
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(SessionError, match=message):
        read_labels(tmp_path)


def test_3d_poses_round_trip_with_their_space(tmp_path):
    folder = tmp_path / "poses3d"
    folder.mkdir()
    keypoints = np.arange(2 * 17 * 3, dtype=np.float32).reshape(2, 17, 3)
    poses = Poses3D(np.array([0, 1]), np.array([0.0, 0.1]), np.zeros(2, np.int32), keypoints, "h36m17", "root")
    write_poses3d(folder / "a.parquet", poses)
    back = read_poses3d(tmp_path)
    assert (back.skeleton, back.space) == ("h36m17", "root")
    np.testing.assert_array_equal(back.keypoints, keypoints)


def test_3d_poses_without_a_space_are_refused(tmp_path):
    (tmp_path / "poses3d").mkdir()
    pq.write_table(pa.table({"frame": [0]}), tmp_path / "poses3d" / "a.parquet")
    with pytest.raises(SessionError, match=r"must name one edgepose\.skeleton and one edgepose\.space"):
        read_poses3d(tmp_path)
