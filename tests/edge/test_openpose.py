"""OpenPose's decoding: the lecture's tables, and people drawn into maps."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepose.decoders import DecoderSettings, openpose
from edgepose.errors import ModelError
from edgepose.openpose import BODY25, COCO18, MPI15, Layout, Links, assemble, people
from edgepose.openpose_lecture import lecture_links, lecture_persons, lecture_points
from edgepose.openpose_maps import Peaks
from edgepose.runtimes import Signature, Tensor
from edgepose.skeletons import named
from tests.shared import SHARED

GOLDEN = SHARED / "spec" / "golden_openpose.json"
SIZE_WH = (656, 368)


def person_maps(layout: Layout, columns: tuple[int, ...] = (20,)) -> np.ndarray:
    """People whose joint k is one full cell at column + (k mod 5) · 3, row 4 + k; every field points the link's way."""
    maps = np.zeros((layout.channels, 46, 82), np.float32)
    cells = np.array([((k % 5) * 3, 4 + k) for k in range(layout.joints)])
    for column in columns:
        for k, (x, y) in enumerate(cells):
            maps[k, y, x + column] = 1
    for (a, b), field in zip(layout.links, layout.fields, strict=True):
        step = (cells[b] - cells[a]) / np.linalg.norm(cells[b] - cells[a])
        for column in columns:
            start = layout.joints + 1 + field
            maps[start : start + 2, :, column - 3 : column + 16] = step[:, None, None]
    return maps


def test_channels_are_those_of_the_networks() -> None:
    assert [layout.channels for layout in (COCO18, BODY25, MPI15)] == [57, 78, 44]
    for layout in (COCO18, BODY25, MPI15):
        assert sorted(layout.fields) == list(range(0, 2 * len(layout.links), 2))


@pytest.mark.skipif(not GOLDEN.is_file(), reason="the lecture's tables are not here")
def test_rows_33_and_36_the_lectures_tables_give_its_people() -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    links = [np.array(rows, float).reshape(-1, 3) for rows in golden["links"]]
    table = lecture_persons(np.array(golden["points"])[:, 2], links, COCO18)
    assert table.shape == (2, 19)
    for row, person in zip(table, golden["persons"], strict=True):
        assert row[:18].astype(int).tolist() == person["points"]
    assert table[0, 18] == pytest.approx(25.1302, abs=5e-5)
    assert table[1, 18] == pytest.approx(27.79, abs=0.05)


def test_row_34_one_point_per_blob_numbered_joint_by_joint() -> None:
    peaks = lecture_points(COCO18.split(person_maps(COCO18, (10, 50)))[0], SIZE_WH)
    assert peaks.joint.tolist() == [k for k in range(18) for _ in range(2)]
    assert sorted((peaks.xy[:2, 0] // 8).tolist()) == [10, 50]


def test_row_35_links_are_19_items_and_say_which_have_no_candidates() -> None:
    maps = person_maps(COCO18)
    maps[6] = 0
    heat, fields = COCO18.split(maps)
    links, empty = lecture_links(lecture_points(heat, SIZE_WH), fields, COCO18, SIZE_WH)
    assert len(links) == 19
    assert empty == [4, 5]  # shoulder to elbow, elbow to wrist
    assert [len(rows) for rows in links] == [0 if link in empty else 1 for link in range(19)]
    assert links[0][0, 2] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("layout", [COCO18, BODY25, MPI15], ids=["openpose18", "body25", "mpi15"])
def test_rows_33_and_38_two_people_come_out_where_they_stand(layout: Layout) -> None:
    found = people(person_maps(layout, (10, 50)), layout, SIZE_WH)
    assert len(found) == 2
    for column, (keypoints, score) in zip((10, 50), sorted(found, key=lambda one: one[0][0, 0]), strict=True):
        cells = np.array([(column + (k % 5) * 3, 4 + k) for k in range(layout.joints)])
        np.testing.assert_allclose(keypoints[:, :2], (cells + 0.5) * 8, atol=0.6)
        assert 0.9 < score <= 1


def test_row_39_openpose_refuses_a_gap_in_the_field_that_the_lecture_takes() -> None:
    maps = person_maps(COCO18)
    start = 19 + COCO18.fields[2]  # right shoulder, cell (26, 6), to elbow, cell (29, 7)
    maps[start : start + 2, :, 28] *= -0.3
    heat, fields = COCO18.split(maps)
    taken, _ = lecture_links(lecture_points(heat, SIZE_WH), fields, COCO18, SIZE_WH)
    ((keypoints, _),) = people(maps, COCO18, SIZE_WH)
    assert len(taken[2]) == 1
    assert np.isnan(keypoints[3:5, 0]).all()
    assert np.isfinite(keypoints[[0, 1, 2, 5, 6, 7], 0]).all()


def test_row_39_two_joints_are_nobody_for_openpose_and_a_person_for_the_lecture() -> None:
    maps = person_maps(COCO18)
    maps[2:18] = 0
    heat, fields = COCO18.split(maps)
    peaks = lecture_points(heat, SIZE_WH)
    links, _ = lecture_links(peaks, fields, COCO18, SIZE_WH)
    assert len(lecture_persons(peaks.score, links, COCO18)) == 1
    assert people(maps, COCO18, SIZE_WH) == []


def test_constant_and_empty_maps_hold_nobody() -> None:
    for value in (0.0, 0.5):
        assert people(np.full((57, 46, 82), value, np.float32), COCO18, SIZE_WH) == []


def joined(joints: list[int], layout: Layout) -> tuple[Peaks, Links]:
    """One candidate of score 0.9 for each entry, joined by links of score 0.8 to the nearest other of their kind."""
    peaks = Peaks(np.array(joints), np.zeros((len(joints), 2), np.float32), np.full(len(joints), 0.9, np.float32))
    rows = [
        (kind, joints.index(a), joints.index(b))
        for kind, (a, b) in enumerate(layout.links)
        if a in joints and b in joints
    ]
    kind, a, b = np.array(rows).T
    return peaks, Links(kind, a, b, np.full(len(rows), 0.8, np.float32))


def test_row_39_a_leg_with_its_foot_is_nobody_beside_a_person_and_somebody_alone() -> None:
    peaks, links = joined([9, 10, 11, 22, 23, 24], BODY25)  # right hip to heel: 3 joints beside the foot
    assert [len(person.ids) for person in assemble(peaks, links, BODY25)] == [6]
    more = [0, 1, 2, 5, 15, 16]  # head and shoulders, which no link joins to the leg
    peaks, links = joined([9, 10, 11, 22, 23, 24, *more], BODY25)
    (person,) = assemble(peaks, links, BODY25)
    assert sorted(person.ids) == more


def test_row_39_five_joints_beside_a_foot_are_a_person() -> None:
    peaks, links = joined([1, 8, 9, 10, 11, 24], BODY25)
    (person,) = assemble(peaks, links, BODY25)
    assert sorted(person.ids) == [1, 8, 9, 10, 11, 24]
    assert person.total == pytest.approx(6 * 0.9 + 5 * 0.8)


def wild(kind: str, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    maps = random.uniform(-1, 1, shape).astype(np.float32)
    if kind == "huge":
        maps *= 3e38
    if kind == "steps":
        maps = np.round(maps * 2) / 2
    if kind == "constant":
        maps[:] = random.uniform(-1, 1)
    if kind == "almost constant":
        maps = 0.5 + maps * np.float32(1e-6)
    if kind in ("nan", "inf"):
        maps.flat[random.integers(maps.size)] = {"nan": np.nan, "inf": -np.inf}[kind]
    return maps


@settings(max_examples=120, deadline=None)
@given(
    skeleton=st.sampled_from(["openpose18", "body25", "mpi15"]),
    mode=st.sampled_from(["openpose", "lecture"]),
    kind=st.sampled_from(["noise", "steps", "huge", "constant", "almost constant", "nan", "inf"]),
    maps_wh=st.tuples(st.integers(1, 14), st.integers(1, 10)),
    cell=st.sampled_from([1, 3, 7.6, 8, 8.4]),
    frame_wh=st.tuples(st.integers(1, 200), st.integers(1, 120)),
    seed=st.integers(0, 2**31),
)
def test_row_39_any_maps_give_people_inside_the_picture_or_a_clear_error(
    skeleton: str,
    mode: str,
    kind: str,
    maps_wh: tuple[int, int],
    cell: float,
    frame_wh: tuple[int, int],
    seed: int,
) -> None:
    channels = {"openpose18": 57, "body25": 78, "mpi15": 44}[skeleton]
    shape = (1, channels, maps_wh[1], maps_wh[0])
    sides = (max(1, round(maps_wh[1] * cell)), max(1, round(maps_wh[0] * cell)))
    network = Signature((Tensor("image", (1, 3, *sides), "float32"),), (Tensor("maps", shape, "float32"),), {})
    wanted = DecoderSettings(min_score=0, most_people=1000, options={"mode": mode})
    decoder = openpose.create(network, named(skeleton), wanted)
    (view,) = decoder.views(np.zeros((frame_wh[1], frame_wh[0], 3), np.uint8))
    maps = wild(kind, shape, np.random.default_rng(seed))
    if kind in ("huge", "nan", "inf"):
        with pytest.raises(ModelError, match="not finite|reach .* not 1"):
            decoder.decode([maps], view)
        return
    found = decoder.decode([maps], view)
    for pose in found:
        known = pose.keypoints[pose.keypoints[:, 2] > 0]
        assert len(known) >= (3 if mode == "openpose" else 2)
        assert (known[:, :2] >= 0).all()
        assert (known[:, :2] <= frame_wh).all()
        assert np.isnan(pose.keypoints[pose.keypoints[:, 2] == 0, :2]).all()
        assert 0 <= pose.score <= 1
