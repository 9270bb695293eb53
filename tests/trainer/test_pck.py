"""PCK and PCKh with numbers worked out by hand."""

from __future__ import annotations

import numpy as np

from edgepose.skeletons import COCO17
from edgepose_trainer.pck import matched, pck, pckh, torso_px

NAN = np.nan


def person(x: float = 0, y: float = 0) -> np.ndarray:
    """Left shoulder at (0, 0), right hip at (30, 40): a torso of 50 px; the other joints at (10, 10)."""
    joints = np.full((17, 2), 10.0)
    joints[COCO17.index("left_shoulder")] = 0, 0
    joints[COCO17.index("right_hip")] = 30, 40
    return joints + np.array([x, y])


def test_row_12_pck_counts_joints_within_a_fifth_of_the_torso() -> None:
    truth = np.stack([person(), person()])
    predicted = truth.copy()
    predicted[0, 0] += (6, 8)  # 10 px: on the limit
    predicted[1, 0] += (6.1, 8)  # a hair over it
    predicted[0, 1] = NAN  # not found
    truth[1, 1] = NAN  # not labelled, whatever was found
    truth[:, 2] = NAN
    assert torso_px(truth, COCO17).tolist() == [50, 50]
    result = pck(truth, predicted, COCO17)
    assert result[0] == 0.5
    assert result[1] == 0
    assert np.isnan(result[2])
    assert (result[3:] == 1).all()


def test_row_11_pckh_takes_the_heads_diagonal_and_no_credit_for_nothing_on_nothing() -> None:
    head = np.array([[0, 0, 30, 40]])  # diagonal 50: half of it is 25 px, of 0.6 of it 15 px
    truth, predicted = np.zeros((1, 4, 2)), np.zeros((1, 4, 2))
    predicted[0, 0] = 20, 0
    predicted[0, 1] = 0, 26
    truth[0, 2] = predicted[0, 2] = NAN  # the article's formula counts this as right
    predicted[0, 3] = NAN
    np.testing.assert_array_equal(pckh(truth, predicted, head, head_factor=1.0), [1, 0, NAN, 0])
    np.testing.assert_array_equal(pckh(truth, predicted, head), [0, 0, NAN, 0])


def test_everybody_is_matched_once_and_a_stranger_is_nobody() -> None:
    truth = np.stack([person(0), person(100), person(500)])
    found = matched(truth, [person(103), person(2), person(900)])
    np.testing.assert_array_equal(found[0], person(2))
    np.testing.assert_array_equal(found[1], person(103))
    assert np.isnan(found[2]).all()
    assert np.isnan(matched(truth, [])).all()
