"""Errors of 3D poses: numbers worked out by hand, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgepose_trainer.errors3d import aligned, mpjpe, mpjve, n_mpjpe, p_mpjpe
from edgepose_trainer.joint_errors import joint_errors
from edgepose_trainer.pck import pckh, pckh_seed
from edgepose_trainer.pck3d import ap_root, auc, pck3d, root_matches

NAN = np.nan
CORNER = np.array([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]])
"""One pose of four joints."""


def frames() -> tuple[np.ndarray, np.ndarray]:
    """Found and truth of three frames and four joints, mm, with every kind of unknown."""
    truth = np.zeros((3, 4, 3))
    truth[:, 0] = 30, 40, 0  # 50 from the origin
    truth[:, 1] = 0, 0, 100
    truth[1, 1] = NAN  # not labelled once
    truth[:, 2] = NAN  # never labelled
    truth[:, 3] = 0, 8, 6
    found = truth.copy()
    found[0, 0] += (0, 0, 10)
    found[1, 0] += (0, 20, 0)  # frame 2: exact
    found[0, 1] += (3, 4, 0)
    found[2, 1] = NAN  # labelled, not found
    found[:, 2] = 1, 1, 1
    found[:, 3] += (6, 8, 0)
    return found, truth


def test_row_10_mpjpe_with_nulls_corrected() -> None:
    errors = joint_errors(*frames())
    expected = [[10, 5, NAN, 10], [20, NAN, NAN, 10], [0, NAN, NAN, 10]]
    np.testing.assert_allclose(errors.heat_map, expected)
    np.testing.assert_allclose(errors.per_joint, [10, 5, NAN, 10])  # (10 + 20 + 0) / 3, 5 / 1
    assert errors.labelled.tolist() == [3, 2, 0, 3]
    assert errors.missing.tolist() == [0, 1, 0, 0]
    assert errors.mean_of_joints == pytest.approx(25 / 3)
    assert errors.mean_of_entries == pytest.approx((10 + 5 + 10 + 20 + 10 + 0 + 10) / 7)


def test_row_10_the_articles_way_drops_exact_answers_and_measures_missing_ones_from_the_origin() -> None:
    errors = joint_errors(*frames(), seed=True)
    np.testing.assert_allclose(errors.heat_map, [[10, 5, 0, 10], [20, 0, 0, 10], [0, 100, 0, 10]])
    np.testing.assert_allclose(errors.per_joint, [15, 52.5, NAN, 10])  # 0 left out; (5 + 100) / 2
    assert errors.missing.tolist() == [0, 1, 0, 0]


def test_row_10_two_dimensions_and_nothing_known() -> None:
    assert joint_errors(np.array([[[3.0, 4.0]]]), np.zeros((1, 1, 2))).mean_of_entries == 5
    nothing = joint_errors(np.full((2, 3, 3), NAN), np.full((2, 3, 3), NAN))
    assert np.isnan([nothing.mean_of_joints, nothing.mean_of_entries]).all()
    with pytest.raises(ValueError, match=r"\(1, 1, 2\)"):
        joint_errors(np.zeros((1, 1, 2)), np.zeros((1, 2, 2)))


def test_row_31_n_mpjpe_by_hand() -> None:
    # Truth (1, 0, 0) and (0, 1, 0), found (2, 0, 0) and (0, 1, 0): the best scale is (2 + 1) / (4 + 1) = 0.6.
    truth = np.array([[[1.0, 0, 0], [0, 1, 0]]])
    found = np.array([[[2.0, 0, 0], [0, 1, 0]]])
    assert n_mpjpe(found, truth) == pytest.approx((0.2 + 0.4) / 2)
    assert mpjpe(found, truth) == pytest.approx(0.5)


def test_row_31_p_mpjpe_turns_sizes_and_shifts_but_never_mirrors() -> None:
    turned = CORNER @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    assert p_mpjpe(3 * turned + 7, CORNER) == pytest.approx(0, abs=1e-9)
    assert p_mpjpe(CORNER * [-1, 1, 1], CORNER) > 0.1
    # Without size: the doubled pose lies on the truth's centre (1/4, 1/4, 1/4), every joint as far off as the true
    # one from that centre: sqrt(3)/4 and three times sqrt(11)/4.
    assert p_mpjpe(2 * turned, CORNER, scale=False) == pytest.approx((3**0.5 + 3 * 11**0.5) / 16)


def test_row_31_mpjve_by_hand() -> None:
    truth = np.zeros((3, 2, 3))
    truth[:, 0, 0] = 0, 1, 2
    found = truth.copy()
    found[:, 0, 0] = 0, 1, 4  # steps 1 and 3 instead of 1 and 1
    assert mpjve(found, truth) == pytest.approx(2 / 4)
    assert mpjve(found, truth, fps=30) == pytest.approx(15)
    assert mpjve(found + 5, truth) == pytest.approx(0.5)  # an offset has no speed
    found[1, 1] = NAN  # both of its steps are unknown
    assert mpjve(found, truth) == pytest.approx(2 / 2)
    assert np.isnan(mpjve(found[:1], truth[:1]))


def test_unknown_joints_count_for_nothing() -> None:
    truth = np.concatenate([CORNER, [[[5.0, 5, 5]]]], axis=1)
    found = 2 * truth + 3
    found[0, 4] = NAN
    assert p_mpjpe(found, truth) == pytest.approx(0, abs=1e-9)
    assert n_mpjpe(found - 3, truth) == pytest.approx(0, abs=1e-12)
    found[0, 2:] = NAN  # two points lie on any two points
    assert np.isnan(aligned(found, truth)).all()
    assert np.isnan(p_mpjpe(found, truth))
    assert np.isnan(mpjpe(np.full((1, 4, 3), NAN), CORNER))


poses = arrays.arrays(np.float64, (3, 6, 3), elements=st.floats(-2, 2, width=32))


@settings(max_examples=60, deadline=None)
@given(poses, poses, st.tuples(*[st.floats(-3, 3)] * 4), st.floats(0.3, 3))
def test_row_31_rigid_motion_and_size_of_the_answer_leave_p_mpjpe_unchanged(
    found: np.ndarray, truth: np.ndarray, motion: tuple[float, ...], size: float
) -> None:
    found = found + CORNER[:, [0, 1, 2, 3, 0, 1]] * np.array([1, 2, 3])  # never flat
    turn, *shift = motion
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    moved = found @ rotation.T + shift
    for scale in (True, False):
        assert p_mpjpe(moved, truth, scale) == pytest.approx(p_mpjpe(found, truth, scale), abs=1e-6)
    assert p_mpjpe(size * moved, truth) == pytest.approx(p_mpjpe(found, truth), abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(poses, poses, st.floats(0.1, 10))
def test_row_31_size_leaves_n_mpjpe_unchanged(found: np.ndarray, truth: np.ndarray, size: float) -> None:
    found = found + np.array([1.0, 0, 0])
    found[np.abs(found).max(axis=(1, 2)) < 0.1, 0, 0] = 1
    assert n_mpjpe(size * found, truth) == pytest.approx(n_mpjpe(found, truth), abs=1e-9)
    assert n_mpjpe(truth, truth) == pytest.approx(0, abs=1e-9) or (np.abs(truth).max(axis=(1, 2)) == 0).any()


@settings(max_examples=40, deadline=None)
@given(poses, st.tuples(*[st.floats(-5, 5)] * 3))
def test_a_shift_of_all_is_in_mpjpe_its_length_and_in_mpjve_nothing(
    truth: np.ndarray, shift: tuple[float, ...]
) -> None:
    assert mpjpe(truth + shift, truth) == pytest.approx(float(np.linalg.norm(shift)), abs=1e-9)
    assert mpjve(truth + shift, truth) == pytest.approx(0, abs=1e-9)


def test_row_13_pck_at_150_mm_and_its_area() -> None:
    truth = np.zeros((1, 4, 3))
    found = np.zeros((1, 4, 3))
    found[0, 0, 0] = 0.15  # on the limit: right at one of 31 limits
    found[0, 1, 1] = 0.0751  # right at 80, 85 … 150 mm: 15 limits
    found[0, 2] = NAN  # not found: wrong at every limit
    truth[0, 3] = NAN  # not labelled
    np.testing.assert_array_equal(pck3d(found, truth), [[1, 1, 0, NAN]])
    np.testing.assert_array_equal(pck3d(found, truth, 0.1), [[0, 1, 0, NAN]])
    assert auc(found, truth) == pytest.approx((1 + 15 + 0) / (3 * 31))
    assert auc(truth[:, :3], truth[:, :3]) == 1
    assert np.isnan(auc(found, np.full((1, 4, 3), NAN)))


def test_ap_of_roots_within_250_mm() -> None:
    truth = np.array([[0.0, 0, 5], [1, 0, 8], [NAN] * 3, [0, 0, 20]])
    found = np.array([[0.0, 0, 5.2], [1, 0, 8.3], [4.0, 0, 9], [NAN] * 3])
    # Three people; answers by sureness: right, nobody there, 300 mm off. Recall 1/3 at precision 1.
    assert ap_root(found, truth, np.array([0.9, 0.3, 0.5, 0])) == pytest.approx(1 / 3)
    # The right one comes last: precision 1/3.
    assert ap_root(found, truth, np.array([0.1, 0.3, 0.5, 0])) == pytest.approx(1 / 9)
    assert ap_root(found, truth, np.array([0.9, 0.3, 0.5, 0]), limit_m=0.31) == pytest.approx(1 / 3 + (2 / 3) / 3)
    assert np.isnan(ap_root(found, np.full((4, 3), NAN), np.ones(4)))


def test_each_root_is_matched_once_the_nearest_first() -> None:
    truth = np.array([[0.0, 0, 5], [0, 0, 6], [0, 0, 90]])
    found = np.array([[0.0, 0, 5.8], [0, 0, 4]])
    assert root_matches(found, truth).tolist() == [1, 0, -1]
    assert root_matches(np.full((1, 3), NAN), truth).tolist() == [-1, -1, -1]


def test_row_11_the_articles_pckh_counts_nothing_on_nothing_as_right() -> None:
    head_px = np.array([50.0, 50.0])  # half of it is 25 px, with the factor 0.6 15 px
    truth, predicted = np.full((2, 3, 2), 100.0), np.full((2, 3, 2), 100.0)
    predicted[0, 0] += (20, 0)
    predicted[1, 0] += (25, 0)  # the article wants less than half, MPII at most half
    truth[1, 1] = predicted[1, 1] = NAN
    predicted[0, 2] = NAN
    right, ratio = pckh_seed(truth, predicted, head_px)
    np.testing.assert_array_equal(right, [[1, 1, 0], [0, 1, 1]])
    np.testing.assert_array_equal(ratio, [0.5, 2, 0.5])  # joint 1: two right of one that is labelled
    np.testing.assert_array_equal(pckh(truth, predicted, head_px, 1.0), [[1, 1, 0], [1, NAN, 1]])
    np.testing.assert_array_equal(pckh(truth, predicted, head_px, 0.6), [[0, 1, 0], [0, NAN, 1]])
