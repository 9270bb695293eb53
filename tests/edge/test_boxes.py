"""The box table: what is written is read again, bit for bit; what is wrong is named with its line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgepose import boxes
from edgepose.boxes import BoxWriter, FrameBoxes
from edgepose.errors import SourceError
from edgepose.types import Pose

NOBODY = (np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


def write(path: Path, rows: Sequence[FrameBoxes]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = BoxWriter(file)
        for row in rows:
            writer.add(row)
    return path


def same(one: FrameBoxes, other: FrameBoxes) -> bool:
    return (
        (one.frame, one.time_s) == (other.frame, other.time_s)
        and one.boxes_xyxy.tobytes() == other.boxes_xyxy.tobytes()
        and one.scores.tobytes() == other.scores.tobytes()
        and one.boxes_xyxy.dtype == other.boxes_xyxy.dtype == np.float32
    )


def test_row_4_the_table_as_it_stands_in_the_file(tmp_path: Path) -> None:
    two = FrameBoxes(0, 0.0, np.array([[1, 2, 3.5, 4], [0.1, 0, 640, 480]], np.float32), np.array([0.9, 0.5], "f4"))
    path = write(tmp_path / "b.csv", [two, FrameBoxes(1, 1 / 30, *NOBODY)])
    assert path.read_text() == (
        "frame,time_s,boxes,scores\n"
        '0,0.0,"[[1.0,2.0,3.5,4.0],[0.1,0.0,640.0,480.0]]","[0.9,0.5]"\n'
        "1,0.03333333333333333,[],[]\n"
    )
    again = boxes.read(path)
    assert list(again) == [0, 1]
    assert same(again[0], two)
    assert again[1].boxes_xyxy.shape == (0, 4)


PIXELS = st.floats(-1e4, 1e4, width=32)


@st.composite
def tables(draw: st.DrawFn) -> list[FrameBoxes]:
    rows = []
    for frame in sorted(draw(st.sets(st.integers(0, 10**9), max_size=6))):
        corners = draw(arrays.arrays(np.float32, (draw(st.integers(0, 4)), 2, 2), elements=PIXELS))
        xyxy = np.sort(corners, axis=1).reshape(-1, 4)
        scores = draw(arrays.arrays(np.float32, len(xyxy), elements=st.floats(0, 1, width=32)))
        rows.append(FrameBoxes(frame, draw(st.floats(0, 1e6)), xyxy, scores))
    return rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables())
def test_row_4_round_trip_is_equal_bit_for_bit(tmp_path: Path, rows: list[FrameBoxes]) -> None:
    again = boxes.read(write(tmp_path / "b.csv", rows))
    assert list(again) == [row.frame for row in rows]
    assert all(same(again[row.frame], row) for row in rows)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200), st.booleans())
def test_any_text_is_a_table_or_one_clear_line(tmp_path: Path, text: str, head: bool) -> None:
    path = tmp_path / "b.csv"
    path.write_bytes((("frame,time_s,boxes,scores\n" if head else "") + text).encode("utf-8", "surrogatepass"))
    complaint = ""
    try:
        boxes.read(path)
    except SourceError as error:
        complaint = str(error)
    assert complaint == "" or complaint.startswith(f"{path}: line ")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1,0.1,[]", "expected 4 cells, got 3"),
        ("", "expected 4 cells, got 0"),
        ("-1,0.1,[],[]", "frame: expected a whole number from 0, got '-1'"),
        ("1.0,0.1,[],[]", "frame: expected a whole number from 0, got '1.0'"),
        ("0,0.1,[],[]", "expected one row a frame, got frame 0 twice"),
        ("1,soon,[],[]", "time_s: expected seconds, got 'soon'"),
        ("1,nan,[],[]", "time_s: expected seconds, got 'nan'"),
        ("1,0.1,nobody,[]", "boxes: expected a JSON list, got 'nobody'"),
        ("1,0.1,{},[]", "boxes: expected a JSON list, got '{}'"),
        ('1,0.1,"[[1,2,3]]",[0.5]', "boxes: expected 4 finite numbers, got '[1, 2, 3]'"),
        ('1,0.1,"[1,2,3,4]",[0.5]', "boxes: expected 4 finite numbers, got '1'"),
        ('1,0.1,"[[1,2,3,NaN]]",[0.5]', "boxes: expected 4 finite numbers, got '[1, 2, 3, NaN]'"),
        ('1,0.1,"[[1,2,3,1e39]]",[0.5]', "boxes: expected 4 finite numbers"),
        ('1,0.1,"[[1,2,3,true]]",[0.5]', "boxes: expected 4 finite numbers"),
        ('1,0.1,"[[3,2,1,4]]",[0.5]', "boxes: expected x1 <= x2 and y1 <= y2, got '[[3,2,1,4]]'"),
        ('1,0.1,"[[1,2,3,4]]",[]', "scores: expected 1 finite numbers, got '[]'"),
        ('1,0.1,"[[1,2,3,4]]",0.5', "scores: expected a JSON list, got '0.5'"),
        ('1,0.1,"[[1,2,3,4]]",["a"]', "scores: expected 1 finite numbers"),
        ('1,0.1,"[[1,2', "unexpected end of data"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "b.csv"
    path.write_text(f"frame,time_s,boxes,scores\n0,0.0,[],[]\n{line}\n")
    with pytest.raises(SourceError) as raised:
        boxes.read(path)
    assert str(raised.value).startswith(f"{path}: line 3: {said}")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "line 1: expected the columns frame,time_s,boxes,scores, got ''"),
        (b"frame;time_s;boxes;scores\n", "line 1: expected the columns"),
        (b"frame,time_s,boxes,scores\n\xff\xfe", "'utf-8' codec can't decode"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "b.csv").write_bytes(content)
    with pytest.raises(SourceError, match=said):
        boxes.read(tmp_path / "b.csv")
    with pytest.raises(SourceError, match="gone.csv: cannot read the box table: No such file"):
        boxes.read(tmp_path / "gone.csv")


def test_a_table_saved_by_a_spreadsheet_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b'\xef\xbb\xbfframe,time_s,boxes,scores\r\n7,0.5,"[[1,2,3,4]]",[1]\r\n')
    assert boxes.read(tmp_path / "b.csv")[7].boxes_xyxy.tolist() == [[1, 2, 3, 4]]


def test_boxes_become_people_without_joints_and_back() -> None:
    given_boxes = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32)
    row = FrameBoxes(3, 0.1, given_boxes, np.array([0.9, 0.4], np.float32))
    tracks = row.tracks()
    assert [(track.id, track.pose.keypoints.shape) for track in tracks] == [(-1, (0, 3)), (-1, (0, 3))]
    assert same(FrameBoxes.of(3, 0.1, [track.pose for track in tracks]), row)


def test_somebody_without_a_box_has_no_place_in_the_table(tmp_path: Path) -> None:
    unknown = Pose(np.zeros((17, 3), np.float32), np.full(4, np.nan, np.float32), 0.9)
    assert FrameBoxes.of(0, 0.0, [unknown]).boxes_xyxy.shape == (0, 4)
    with pytest.raises(ValueError, match="finite numbers, got nan"):
        write(tmp_path / "b.csv", [FrameBoxes(0, 0.0, np.full((1, 4), np.nan, np.float32), np.ones(1, np.float32))])
