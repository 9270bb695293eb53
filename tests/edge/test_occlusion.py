"""The occlusion bridge and the swap detector: motions that can be said in a sentence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepose.bridge import coco_to_h36m
from edgepose.kriging import krige
from edgepose.legrules import collapse_legs
from edgepose.occlusion import VISIBLE, State, fill
from edgepose.skeletons import COCO17
from edgepose.swaps import GROUPS, unswap

# A person of torso length 100 px, seen from the front, one pixel grid unit = 1 px.
STANDING = {
    "nose": (300, 155), "left_eye": (306, 149), "right_eye": (294, 149), "left_ear": (314, 152),
    "right_ear": (286, 152), "left_shoulder": (336, 200), "right_shoulder": (264, 200), "left_elbow": (346, 240),
    "right_elbow": (254, 240), "left_wrist": (350, 280), "right_wrist": (250, 280), "left_hip": (320, 300),
    "right_hip": (280, 300), "left_knee": (322, 370), "right_knee": (278, 370), "left_ankle": (322, 440),
    "right_ankle": (278, 440),
}  # fmt: skip
J = {joint: index for index, joint in enumerate(COCO17.joints)}
HIDDEN = (np.nan, np.nan, 0)


def standing(frames: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """30 Hz; nobody moves."""
    points = np.array([(*STANDING[joint], 0.9) for joint in COCO17.joints], np.float32)
    return np.arange(frames) / 30, np.repeat(points[None], frames, axis=0)


def walking(frames: int = 60, speed_px_s: float = 120.0) -> tuple[np.ndarray, np.ndarray]:
    """To the right, the wrists swinging by 20 px at 1 Hz."""
    times_s, keypoints = standing(frames)
    keypoints[:, :, 0] += (speed_px_s * times_s)[:, None]
    keypoints[:, J["left_wrist"], 0] += 20 * np.sin(2 * np.pi * times_s)
    keypoints[:, J["right_wrist"], 0] -= 20 * np.sin(2 * np.pi * times_s)
    return times_s, keypoints


def off(filled: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(filled[..., :2] - truth[..., :2], axis=-1).max())


def test_row_23_what_is_seen_stays_bit_for_bit() -> None:
    times_s, keypoints = walking()
    bridged = fill(times_s, keypoints)
    np.testing.assert_array_equal(bridged.keypoints, keypoints)
    assert (bridged.states == State.VISIBLE).all()


def test_row_23_a_hidden_arm_moves_on_with_the_body() -> None:
    times_s, truth = walking()
    arm = [J["left_elbow"], J["left_wrist"]]
    keypoints = truth.copy()
    keypoints[20:35, arm] = HIDDEN
    bridged = fill(times_s, keypoints)
    # The body walks on 60 px in the half second; a held arm would be left so far behind.
    assert off(bridged.keypoints[20:35, arm], truth[20:35, arm]) < 10
    assert (bridged.states[20:35, arm] == State.OCCLUDED).all()
    assert (bridged.keypoints[20:35, arm, 2] < VISIBLE).all()
    assert (bridged.keypoints[20:35, arm, 2] > 0).all()


def test_row_23_confidence_falls_towards_the_middle_of_the_gap() -> None:
    times_s, keypoints = standing(60)
    keypoints[10:50, J["left_wrist"]] = HIDDEN
    confidence = fill(times_s, keypoints).keypoints[10:50, J["left_wrist"], 2]
    assert confidence[0] > confidence[5] > confidence[19]
    np.testing.assert_allclose(confidence, confidence[::-1], rtol=1e-4)


def test_row_23_a_wrist_never_seen_is_the_other_sides_mirrored_when_seen_from_the_front() -> None:
    times_s, truth = standing()
    keypoints = truth.copy()
    keypoints[:, J["left_wrist"]] = HIDDEN
    filled = fill(times_s, keypoints).keypoints
    assert off(filled[:, J["left_wrist"]], truth[:, J["left_wrist"]]) < 0.01
    assert (filled[:, J["left_wrist"], 2] < 0.02).all()


def test_row_23_guesses_that_nothing_supports_may_stay_unknown() -> None:
    times_s, keypoints = standing(90)
    keypoints[:, J["left_wrist"]] = HIDDEN  # never seen: only proportion
    keypoints[40:42, J["right_wrist"]] = HIDDEN  # for a moment
    filled = fill(times_s, keypoints, least=0.5).keypoints
    np.testing.assert_array_equal(filled[:, J["left_wrist"]], np.tile(np.array(HIDDEN, np.float32), (90, 1)))
    assert np.isfinite(filled[40:42, J["right_wrist"]]).all()


def test_row_23_an_elbow_between_shoulder_and_wrist_follows_both() -> None:
    times_s, truth = walking()
    truth[:, J["left_wrist"], 1] -= (80 * times_s).astype(np.float32)
    truth[:, J["left_elbow"]] = (truth[:, J["left_shoulder"]] + truth[:, J["left_wrist"]]) / 2 + np.array(
        [10, 0, 0], np.float32
    )
    keypoints = truth.copy()
    keypoints[5:55, J["left_elbow"]] = HIDDEN
    assert off(fill(times_s, keypoints).keypoints[:, J["left_elbow"]], truth[:, J["left_elbow"]]) < 1


def test_row_23_no_limb_grows_longer_than_it_ever_looked() -> None:
    times_s, keypoints = standing(60)
    turn = np.linspace(0, np.pi, 60)
    for frame, angle in enumerate(turn):  # the forearm turns from down to up; half of the turn is hidden
        keypoints[frame, J["left_wrist"], :2] = keypoints[frame, J["left_elbow"], :2] + 40 * np.array(
            [np.sin(angle), np.cos(angle)]
        )
    keypoints[15:45, J["left_wrist"]] = HIDDEN
    filled = fill(times_s, keypoints).keypoints
    length = np.linalg.norm(filled[:, J["left_wrist"], :2] - filled[:, J["left_elbow"], :2], axis=1)
    assert length.max() < 42


def test_row_23_feet_below_the_picture_are_outside_and_may_be_collapsed() -> None:
    times_s, keypoints = standing()
    feet = [J["left_ankle"], J["right_ankle"]]
    keypoints[:, feet] = HIDDEN
    for collapse, y in ((False, 440), (True, 370)):
        bridged = fill(times_s, keypoints, frame_wh=(640, 400), collapse=collapse)
        assert (bridged.states[:, feet] == State.OUTSIDE).all()
        np.testing.assert_allclose(bridged.keypoints[:, feet, 1], y, atol=1)


def test_row_23_a_doubtful_joint_is_replaced_and_a_zero_is_no_place() -> None:
    times_s, truth = standing()
    keypoints = truth.copy()
    keypoints[10:14, J["right_knee"]] = (0, 0, 0)
    keypoints[20, J["left_ankle"]] = (900, 10, 0.29)
    assert off(fill(times_s, keypoints).keypoints, truth) < 1


def test_row_23_one_hip_hidden_stays_with_the_trunk() -> None:
    times_s, truth = walking()
    keypoints = truth.copy()
    keypoints[10:50, J["left_hip"]] = HIDDEN
    assert off(fill(times_s, keypoints).keypoints[:, J["left_hip"]], truth[:, J["left_hip"]]) < 0.5


def test_row_23_where_nobody_is_nothing_is_invented() -> None:
    times_s, keypoints = standing(90)
    keypoints[20:80] = HIDDEN  # two seconds
    bridged = fill(times_s, keypoints)
    assert np.isnan(bridged.keypoints[36:64, :, :2]).all()
    assert (bridged.keypoints[36:64, :, 2] == 0).all()
    assert (bridged.states[36:64] == State.UNKNOWN).all()
    assert np.isfinite(bridged.keypoints[20:34]).all()
    nothing = fill(times_s, np.full((90, 17, 3), np.nan, np.float32))
    assert (nothing.states == State.UNKNOWN).all()
    one = fill(times_s[:1], keypoints[:1])
    np.testing.assert_array_equal(one.keypoints, keypoints[:1])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_row_23_no_zero_zero_and_nothing_half_known_reaches_the_lifter(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    times_s, keypoints = walking(24)
    gone = rng.random(keypoints.shape[:2]) < share
    keypoints[gone] = rng.choice(np.array([(0, 0, 0), HIDDEN, (-1, -1, 0.1), (5, np.nan, 1)], np.float32), gone.sum())
    filled = fill(times_s, keypoints, (640, 480)).keypoints
    for joints in (filled, coco_to_h36m(filled)):
        known = np.isfinite(joints).all(axis=-1)
        np.testing.assert_array_equal(joints[~known], np.tile(np.array(HIDDEN, np.float32), ((~known).sum(), 1)))
        assert (joints[known][:, 2] > 0).all()
        assert (np.abs(joints[known][:, :2]).sum(axis=1) > 1).all()


def test_row_23_wrong_shapes_and_times_are_refused() -> None:
    times_s, keypoints = standing(3)
    with pytest.raises(ValueError, match=r"\(T, 17, 3\), got \(3, 16, 3\)"):
        fill(times_s, keypoints[:, :16])
    with pytest.raises(ValueError, match="3 rising times"):
        fill(times_s[::-1], keypoints)


def test_row_23_gast_nets_leg_rule_moves_only_the_legs_it_knows() -> None:
    _, keypoints = standing(4)
    legs = [J[f"{side}_{joint}"] for side in ("right", "left") for joint in ("knee", "ankle")]
    keypoints[0, legs, 2] = 0.2
    keypoints[1, [J["right_knee"], J["right_ankle"], J["left_ankle"]], 2] = 0.2
    keypoints[2, J["left_ankle"], 2] = 0.2
    keypoints[3, [J["right_knee"], J["left_wrist"]], 2] = 0.2  # a knee alone, and all arms: no rule
    ruled = collapse_legs(keypoints)
    for side in ("left", "right"):
        np.testing.assert_array_equal(ruled[0, J[f"{side}_ankle"], :2], keypoints[0, J[f"{side}_hip"], :2])
        np.testing.assert_array_equal(ruled[0, J[f"{side}_knee"], :2], keypoints[0, J[f"{side}_hip"], :2])
    np.testing.assert_array_equal(ruled[1, J["right_ankle"], :2], keypoints[1, J["right_hip"], :2])
    np.testing.assert_array_equal(ruled[1, J["left_ankle"], :2], keypoints[1, J["left_knee"], :2])
    np.testing.assert_array_equal(ruled[2, J["left_ankle"], :2], keypoints[2, J["left_knee"], :2])
    np.testing.assert_array_equal(ruled[3], keypoints[3])


def test_kriging_in_the_middle_of_two_equal_values_gives_them_and_far_away_the_usual() -> None:
    times_s = np.array([0.0, 0.01, 0.02, 30.0])
    values, known = np.array([[[5.0]], [[0.0]], [[5.0]], [[0.0]]]), np.array([[True], [False], [True], [False]])
    guess, share = krige(times_s, values, known, np.array([[2.0]]))
    assert guess[1, 0, 0] == pytest.approx(5, abs=0.02)
    assert share[1, 0] > 0.99
    assert guess[3, 0, 0] == pytest.approx(2)
    assert share[3, 0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("start", "stop"), [(20, 21), (20, 30), (0, 3), (57, 60)])
def test_row_23_exchanged_legs_are_found_and_put_back(start: int, stop: int) -> None:
    times_s, truth = walking()
    legs = [J["left_knee"], J["left_ankle"], J["right_knee"], J["right_ankle"]]
    keypoints = truth.copy()
    keypoints[start:stop, legs] = truth[start:stop][:, legs[2:] + legs[:2]]
    back = unswap(times_s, keypoints)
    np.testing.assert_array_equal(back.keypoints, truth)
    wanted = np.zeros((60, 3), np.bool_)
    wanted[start:stop, GROUPS.index("legs")] = True
    np.testing.assert_array_equal(back.swapped, wanted)


def test_row_23_a_whole_person_exchanged_is_put_back_with_the_face() -> None:
    times_s, truth = walking()
    keypoints = truth.copy()
    keypoints[33] = truth[33][COCO17.mirror]
    np.testing.assert_array_equal(unswap(times_s, keypoints).keypoints, truth)


def test_row_23_legs_that_really_cross_are_left_alone() -> None:
    times_s, keypoints = walking(120)
    swing = (40 * np.sin(2 * np.pi * 0.8 * times_s)).astype(np.float32)  # seen from the side: the ankles change places
    for side, sign in (("left", 1), ("right", -1)):
        keypoints[:, J[f"{side}_hip"], 0] = 300 + 120 * times_s
        keypoints[:, J[f"{side}_knee"], 0] = 300 + 120 * times_s + sign * swing / 2
        keypoints[:, J[f"{side}_ankle"], 0] = 300 + 120 * times_s + sign * swing
    assert not unswap(times_s, keypoints).swapped.any()


def test_row_23_unknown_people_are_not_exchanged() -> None:
    times_s, keypoints = standing(5)
    keypoints[:] = HIDDEN
    answer = unswap(times_s, keypoints)
    assert not answer.swapped.any()
    np.testing.assert_array_equal(answer.keypoints, keypoints)
