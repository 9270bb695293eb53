"""Swings in a take that repeats one stroke, cuts of jumps, and the court's cameras: motions that can be said."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from edgepose.skeletons import COCO17
from edgepose_trainer import jumps, peaks
from edgepose_trainer.importers.mocap import upright
from edgepose_trainer.takes import of_one_stroke, sampled, seen, through
from edgepose_trainer.views import EXACT, Cameras

TIMES_S = np.arange(0, 12, 0.01)
FORWARD = np.array([0.0, 0.0, 1.0])


def person(frames: int = len(TIMES_S)) -> np.ndarray:
    """(F, 17, 3) metres: somebody who stands still at the origin."""
    points = np.zeros((frames, 17, 3))
    for joint, place in {
        "nose": (0, 1.6, 0), "left_shoulder": (0.2, 1.4, 0), "right_shoulder": (-0.2, 1.4, 0),
        "left_hip": (0.1, 0.9, 0), "right_hip": (-0.1, 0.9, 0), "left_wrist": (0.3, 1.0, 0),
        "right_wrist": (-0.3, 1.0, 0), "left_ankle": (0.1, 0.1, 0), "right_ankle": (-0.1, 0.1, 0),
    }.items():  # fmt: skip
        points[:, COCO17.index(joint)] = place
    return points


def swinging(*at_s: float, hand: str = "right", times_s: np.ndarray = TIMES_S, gone_s: float = 0.2) -> np.ndarray:
    """The wrist is taken back in about 0.8 s, goes forward by 1 m in ``gone_s``, and drops back in 1 s.

    Fastest exactly at ``at_s``: 1.5 · 1 m / gone_s.
    """
    points = person(len(times_s))
    for middle_s in at_s:
        keys_s = np.array([-0.9, -gone_s / 2, gone_s / 2, 1.2]) + middle_s
        reach = np.zeros(len(times_s))
        for (begin_s, end_s), (low, high) in zip(pairwise(keys_s), ((0.0, -0.5), (-0.5, 0.5), (0.5, 0.0)), strict=True):
            share = np.clip((times_s - begin_s) / (end_s - begin_s), 0, 1)
            reach += (high - low) * (3 * share**2 - 2 * share**3)
        points[:, COCO17.index(f"{hand}_wrist"), 2] += reach
    return points


def test_every_swing_is_found_once_and_no_take_back() -> None:
    points = swinging(2.0, 5.0, 8.0, 10.0)
    found = peaks.find(TIMES_S, points, "right", FORWARD)
    assert found == pytest.approx([2.0, 5.0, 8.0, 10.0], abs=0.02)
    # 3s² - 2s³ from s = 1/8 to 7/8 is 0.914 m, in 0.15 s.
    assert np.nanmax(peaks.wrist_speed(TIMES_S, points, "right")) == pytest.approx(0.914 / 0.15, rel=0.01)


def test_one_wild_moment_that_does_not_come_again_is_no_stroke() -> None:
    backwards = person() - swinging(10.5, gone_s=0.1)  # and twice as fast as the strokes
    points = swinging(2.0, 5.0, 8.0) + backwards
    assert peaks.find(TIMES_S, points, "right", FORWARD) == pytest.approx([2.0, 5.0, 8.0], abs=0.02)


def test_the_other_hand_is_found_where_no_hand_is_given() -> None:
    points = swinging(2.0, 6.0, hand="left")
    assert peaks.find(TIMES_S, points, None) == pytest.approx([2.0, 6.0], abs=0.02)


def test_nobody_and_nothing_known_are_no_strokes() -> None:
    assert not len(peaks.find(TIMES_S, np.full((len(TIMES_S), 17, 3), np.nan), "right"))
    assert set(peaks.labels_round(TIMES_S, person(), "right", np.zeros(0), "serve").tolist()) == {""}


def test_a_swing_with_a_hole_is_left_out_the_others_stay() -> None:
    points = swinging(2.0, 5.0, 8.0)
    points[(TIMES_S > 4.8) & (TIMES_S < 5.2)] = np.nan
    assert peaks.find(TIMES_S, points, "right", FORWARD) == pytest.approx([2.0, 8.0], abs=0.02)


def test_labels_lie_round_the_swing_and_calm_is_idle() -> None:
    points = swinging(2.0, 8.0)
    names = peaks.labels_round(TIMES_S, points, "right", np.array([2.0, 8.0]), "serve")
    at = {time_s: str(names[round(time_s * 100)]) for time_s in (1.6, 2.0, 2.4, 2.5, 2.7, 5.0, 8.0)}
    assert at == {1.6: "serve", 2.0: "serve", 2.4: "serve", 2.5: "", 2.7: "", 5.0: "idle", 8.0: "serve"}


def test_an_overhead_stroke_that_stays_below_the_nose_is_not_one() -> None:
    points = swinging(2.0, 5.0, 8.0)
    points[(TIMES_S > 1) & (TIMES_S < 6), COCO17.index("right_wrist"), 1] = 1.9
    points[(TIMES_S > 4) & (TIMES_S < 6), COCO17.index("right_wrist"), 1] = np.nan
    assert peaks.raised(TIMES_S, points, "right", np.array([2.0, 5.0, 8.0])).tolist() == [True, True, False]
    points[(TIMES_S > 4) & (TIMES_S < 6), COCO17.index("right_wrist"), 1] = 1.5
    take = of_one_stroke("mocap", "a", "p", TIMES_S, points, "smash", "right", FORWARD, overhead=True)
    assert take.peaks_s == pytest.approx([2.0], abs=0.02)
    at = {time_s: str(take.labels[round(time_s * 100)]) for time_s in (2.0, 5.0, 8.0)}
    assert at == {2.0: "smash", 5.0: "", 8.0: ""}


def test_a_jump_is_cut_for_the_joints_that_jump_and_told() -> None:
    points = person(200)
    points[100:, COCO17.index("left_wrist"), 0] += 0.3  # 30 m/s for one frame at 100 Hz
    whole, notes = jumps.cut(TIMES_S[:200], points)
    assert notes == ("jump of 30 m/s at 1.00 s: 1 joints cut there",)
    gone = np.flatnonzero(np.isnan(whole[:, COCO17.index("left_wrist"), 0]))
    assert (gone[0], gone[-1]) == (89, 110)
    assert np.isfinite(np.delete(whole, COCO17.index("left_wrist"), axis=1)).all()


def test_a_fast_swing_is_no_jump() -> None:
    points = swinging(2.0, gone_s=0.15)  # 10 m/s
    whole, notes = jumps.cut(TIMES_S, points)
    assert notes == ()
    np.testing.assert_array_equal(whole, points)


@pytest.mark.parametrize("unit", [1, 100, 1000, 1 / 0.0254])
@pytest.mark.parametrize("up", ["y", "z"])
def test_units_and_axes_are_told_by_how_tall_people_are(unit: float, up: str) -> None:
    points = person(3) + np.array([5, 0.3, -2])
    given = points if up == "y" else np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1)
    found = upright(given * unit, "take")
    np.testing.assert_allclose(found, points - np.array([0, 0.4, 0]), atol=1e-9)


def test_samples_lie_between_frames_and_not_across_gaps() -> None:
    times_s = np.array([0.0, 0.1, 0.2, 0.4])
    points = np.zeros((4, 17, 3))
    points[:, 0, 0] = (0, 1, np.nan, 4)
    found = sampled(times_s, points, np.array([0.05, 0.1, 0.15, 0.3]))
    np.testing.assert_allclose(found[:, 0, 0], [0.5, 1, np.nan, np.nan])


def test_a_camera_in_front_sees_the_person_the_right_way_round() -> None:
    """Ten metres in front, at hip height, focal length 1000 px: 1 m is 100 px, the person's left is on the right."""
    take = of_one_stroke("mocap", "a", "p", TIMES_S, swinging(2.0, 5.0, 8.0), "serve", "right", FORWARD)
    camera = Cameras(np.diag([1.0, -1.0, -1.0])[None], np.array([[0.0, 0.9, 10.0]]), np.array([1000.0]))
    view = through(take, camera, TIMES_S[::4], EXACT, np.random.default_rng(0))
    first = view.recording.keypoints[0]
    np.testing.assert_allclose(first[COCO17.index("left_ankle")], (650, 440, 1), atol=1e-3)
    np.testing.assert_allclose(first[COCO17.index("nose")], (640, 290, 1), atol=1e-3)
    assert view.recording.labels[50] == "serve"  # at 2.0 s
    assert view.recording.group == "mocap/p"
    behind = Cameras(np.diag([1.0, -1.0, -1.0])[None], np.array([[0.0, 0.9, -1.0]]), np.array([1000.0]))
    assert np.isnan(
        through(take, behind, TIMES_S[::4], EXACT, np.random.default_rng(0)).recording.keypoints[..., 0]
    ).all()


def test_the_same_seed_gives_the_same_view() -> None:
    take = of_one_stroke("mocap", "a", "p", TIMES_S, swinging(2.0, 5.0, 8.0), "serve", "right")
    views = [seen(take, np.random.default_rng(seed), EXACT).recording.keypoints for seed in (3, 3, 4)]
    np.testing.assert_array_equal(views[0], views[1])
    assert views[0].shape != views[2].shape or not np.array_equal(views[0], views[2])
