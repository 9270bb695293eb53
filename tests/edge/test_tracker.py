"""Who is who: motions that can be said in a sentence, online and with hindsight."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgepose.association import assign
from edgepose.config import TrackerSettings
from edgepose.retrack import retrack
from edgepose.skeletons import COCO17
from edgepose.tracker import Tracker
from edgepose.types import Pose

STICK = np.array([
    [0, -90], [3, -93], [-3, -93], [6, -92], [-6, -92], [12, -80], [-12, -80], [15, -62], [-15, -62],
    [16, -46], [-16, -46], [8, -52], [-8, -52], [8, -27], [-8, -27], [8, -3], [-8, -3],
], np.float32)  # fmt: skip
"""A standing person 100 px tall, feet at the origin."""


def person(x: float, y: float = 400.0, scale: float = 1.0, score: float = 0.9) -> Pose:
    """That stick figure with its feet at (x, y)."""
    points = STICK * scale + np.array([x, y], np.float32)
    keypoints = np.column_stack([points, np.full(17, 0.9)]).astype(np.float32)
    box = np.array([x - 20 * scale, y - 100 * scale, x + 20 * scale, y], np.float32)
    return Pose(keypoints, box, score)


def tracker(**changes: object) -> Tracker:
    return Tracker(COCO17, TrackerSettings.model_validate(changes))


def ids(tracked: Tracker, frames: Sequence[Sequence[Pose]], fps: float = 30.0) -> list[list[int]]:
    return [[track.id for track in tracked.update(poses, i / fps)] for i, poses in enumerate(frames)]


def hindsight(frames: Sequence[Sequence[Pose]], fps: float = 30.0) -> list[list[int]]:
    found = retrack(((i / fps, poses) for i, poses in enumerate(frames)), COCO17, TrackerSettings())
    return [row.tolist() for row in found]


def test_a_person_who_stands_gets_id_0_at_the_third_look() -> None:
    assert ids(tracker(), [[person(100)]] * 5) == [[-1], [-1], [0], [0], [0]]


def test_confirm_1_gives_the_id_at_once() -> None:
    assert ids(tracker(confirm=1), [[person(100)]] * 2) == [[0], [0]]


def test_tracks_come_in_the_order_of_the_poses_and_hold_the_very_poses() -> None:
    follower = tracker(confirm=1)
    left, right = person(100), person(500)
    follower.update([left, right], 0.0)
    out = follower.update([right, left], 0.1)
    assert [track.id for track in out] == [1, 0]
    assert out[0].pose is right
    assert out[1].pose is left


@pytest.mark.parametrize("fps", [10.0, 30.0, 60.0])
@pytest.mark.parametrize("speed", [60.0, 250.0])
def test_two_people_who_walk_through_each_other_keep_their_ids(fps: float, speed: float) -> None:
    times = np.arange(0, 400 / speed, 1 / fps)
    frames = [[person(300 + speed * t, 400), person(700 - speed * t, 402)] for t in times]
    assert ids(tracker(confirm=1), frames, fps)[-1] == [0, 1]
    assert hindsight(frames, fps)[-1] == [0, 1]


def test_the_one_who_is_hidden_while_they_cross_comes_back_as_the_same() -> None:
    frames = []
    for i in range(90):
        a, b = 300 + 4 * i, 660 - 4 * i
        frames.append([person(a)] if abs(a - b) < 40 else [person(a), person(b, 404)])
    assert ids(tracker(), frames)[-1] == [0, 1]
    assert hindsight(frames)[-1] == [0, 1]


def test_people_of_different_size_are_told_apart_on_the_same_spot() -> None:
    small, big = person(300, scale=1.0), person(300, scale=1.35)
    follower = tracker(confirm=1)
    follower.update([small, big], 0.0)
    for i in range(1, 10):
        assert [t.id for t in follower.update([big, small], i / 30)] == [1, 0]


def test_a_lost_person_is_remembered_and_forgotten_and_the_end_is_told() -> None:
    follower = tracker(memory_s=2.0)
    for i in range(90):
        follower.update([person(100)], i / 30)
    assert follower.update([], 4.5) == []
    assert follower.ended == []
    follower.update([], 5.0)
    assert follower.ended == [0]
    follower.update([], 5.1)
    assert follower.ended == []
    for i in range(3):
        back = follower.update([person(100)], 5.2 + i / 30)
    assert [t.id for t in back] == [1]


def test_a_person_back_within_the_memory_keeps_the_id() -> None:
    follower = tracker()
    for i in range(90):
        follower.update([person(100)], i / 30)
    assert [t.id for t in follower.update([person(110)], 4.4)] == [0]


def test_a_step_further_than_the_gate_is_somebody_else() -> None:
    # The figure is 100 px tall; the gate of 0.5 allows 50.
    follower = tracker(gate=0.5, confirm=1)
    follower.update([person(100)], 0.0)
    assert [t.id for t in follower.update([person(160)], 1.0)] == [1]


def test_a_second_pose_of_the_same_person_never_gets_an_id() -> None:
    frames = [[person(100), person(104, score=0.5)] for _ in range(20)]
    assert {row[1] for row in ids(tracker(), frames)} == {-1}
    assert hindsight(frames)[-1] == [0, -1]


def test_a_ghost_of_one_frame_is_nobody_and_hides_nobody() -> None:
    frames = [[person(100)] for _ in range(10)]
    frames[5] = [person(600, score=0.3), person(100)]
    assert ids(tracker(), frames)[5] == [-1, 0]
    assert hindsight(frames)[5] == [-1, 0]


def test_hindsight_gives_the_first_looks_their_id() -> None:
    assert hindsight([[person(100)]] * 6) == [[0]] * 6


def test_ids_are_never_used_again_and_belong_to_the_instance() -> None:
    one, two = tracker(confirm=1), tracker(confirm=1)
    seen = [one.update([person(100 + 300 * (i % 2))], 10.0 * i)[0].id for i in range(5)]
    assert seen == [0, 1, 2, 3, 4]
    assert two.update([person(100)], 0.0)[0].id == 0


def test_when_the_clock_jumps_back_everybody_ends() -> None:
    follower = tracker(confirm=1)
    follower.update([person(100)], 100.0)
    assert [t.id for t in follower.update([person(100)], 0.0)] == [1]
    assert follower.ended == [0]


def test_two_frames_with_one_time_stamp_or_a_slightly_older_one_do_no_harm() -> None:
    follower = tracker(confirm=1)
    assert {follower.update([person(100 + i)], t)[0].id for i, t in enumerate([0.0, 0.0, 0.1, 0.08, 0.12])} == {0}


def test_uneven_frame_times_keep_a_runner() -> None:
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.uniform(0.01, 0.15, 60))
    follower = tracker(confirm=1)
    assert {follower.update([person(100 + 150 * t)], float(t))[0].id for t in times} == {0}


def test_a_pose_without_box_uses_its_keypoints() -> None:
    follower = tracker(confirm=1)
    follower.update([person(100)], 0.0)
    bare = person(102)
    bare.box_xyxy[:] = np.nan
    assert follower.update([bare], 0.03)[0].id == 0


def test_half_a_body_is_still_that_person() -> None:
    follower = tracker(confirm=1)
    follower.update([person(100)], 0.0)
    half = person(101)
    half.keypoints[9:] = np.nan, np.nan, 0.0
    assert follower.update([half], 0.03)[0].id == 0


def test_a_pose_that_says_nothing_is_nobody() -> None:
    nothing = Pose(np.tile(np.float32([np.nan, np.nan, 0]), (17, 1)), np.full(4, np.nan, np.float32), np.nan)
    frames = [[nothing, person(100)]] * 6
    assert ids(tracker(), frames)[-1] == [-1, 0]
    assert hindsight(frames)[-1] == [-1, 0]


def test_nobody_at_all() -> None:
    assert ids(tracker(), [[], [], []]) == [[], [], []]
    assert hindsight([[], [], []]) == [[], [], []]
    assert retrack([], COCO17, TrackerSettings()) == []


def test_forty_people_in_a_grid_who_all_walk_right() -> None:
    frames = [
        [person(60 + 150 * (k % 10) + 3 * i, 200 + 220 * (k // 10)) for k in range(40)][:: 1 if i % 2 else -1]
        for i in range(12)
    ]
    last = ids(tracker(), frames)[-1]
    assert sorted(last) == list(range(40))
    assert ids(tracker(), frames)[-3] == last


def test_smoothing_touches_tracked_keypoints_only_and_leaves_the_input_alone() -> None:
    follower = tracker(confirm=1, smooth=True)
    follower.update([person(100)], 0.0)
    step = person(103)
    before = step.keypoints.copy()
    out = follower.update([step], 1 / 30)[0]
    assert 100 < out.pose.keypoints[0, 0] < 103
    assert step.keypoints.tolist() == before.tolist()
    assert out.pose.box_xyxy is step.box_xyxy


def test_hindsight_numbers_people_by_first_appearance_and_bridges_a_gap() -> None:
    frames = [[person(100 + 2 * i), person(700 - 2 * i)] for i in range(120)]
    for i in range(50, 95):
        frames[i] = frames[i][:1]
    found = hindsight(frames)
    assert found[0] == [0, 1]
    assert found[-1] == [0, 1]


def _cheapest(cost: np.ndarray, limit: float) -> float:
    """By trying everything: pairs pay their cost, an unmatched row pays ``limit``."""
    rows, columns = cost.shape
    padded = np.concatenate([cost, np.full((rows, rows), limit)], axis=1)
    return min(sum(padded[r, c] for r, c in enumerate(choice)) for choice in permutations(range(columns + rows), rows))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_assignment_is_the_cheapest_one(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 4)))
    cost = data.draw(arrays(np.float64, shape, elements=st.floats(-5, 15, width=16)))
    rows, columns = assign(cost, 10.0)
    assert len(set(rows.tolist())) == len(rows) == len(set(columns.tolist()))
    assert (cost[rows, columns] <= 10.0).all()
    total = cost[rows, columns].sum() + 10.0 * (shape[0] - len(rows))
    assert total == pytest.approx(_cheapest(cost, 10.0))


def _anything(rng: np.random.Generator) -> Pose:
    """Joints anywhere, some or all missing; a box, an empty box or none; a score or none."""
    keypoints = np.column_stack([rng.normal(300, 200, (17, 2)), rng.random(17)]).astype(np.float32)
    keypoints[rng.random(17) < rng.choice([0.0, 0.5, 1.0])] = np.nan, np.nan, 0.0
    corner = rng.normal(300, 200, 2)
    box = np.concatenate([corner, corner + rng.choice([0.0, 80.0, np.nan])]).astype(np.float32)
    return Pose(keypoints, box, float(rng.choice([rng.random(), np.nan])))


def test_rubbish_at_wild_times_is_survived_and_no_id_is_given_twice_in_a_frame() -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.choice([0.0, 0.03, 0.1, 5.0, -0.01, -3.0], 200)).tolist()
    frames = [(time_s, [_anything(rng) for _ in range(rng.integers(0, 8))]) for time_s in times]
    follower = tracker(smooth=True, confirm=2)
    online = [[track.id for track in follower.update(poses, time_s)] for time_s, poses in frames]
    offline = [row.tolist() for row in retrack(frames, COCO17, TrackerSettings())]
    for found in (online, offline):
        assert [len(row) for row in found] == [len(poses) for _, poses in frames]
        given = [[identity for identity in row if identity >= 0] for row in found]
        assert all(len(row) == len(set(row)) for row in given)
