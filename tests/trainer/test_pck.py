"""PCK and PCKh with numbers worked out by hand."""

from __future__ import annotations

import numpy as np

from edgepose.skeletons import COCO17
from edgepose_trainer.pck import interval, matched, overlaps, pck, pckh, per_cent, share, torso_px

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
    result = share(pck(truth, predicted, COCO17))
    assert result[0] == 0.5
    assert result[1] == 0
    assert np.isnan(result[2])
    assert (result[3:] == 1).all()


def test_the_other_diagonal_is_the_torso_where_the_first_is_not_labelled() -> None:
    truth = np.stack([person(), person(), person()])
    truth[:, COCO17.index("left_hip")] = 10, 34  # 24 px below the right shoulder
    truth[1:, COCO17.index("left_shoulder")] = NAN
    truth[2, COCO17.index("left_hip")] = NAN
    assert torso_px(truth, COCO17).tolist()[:2] == [50, 24]
    assert np.isnan(pck(truth, truth, COCO17)[2]).all()


def test_row_11_pckh_takes_the_heads_diagonal_and_no_credit_for_nothing_on_nothing() -> None:
    head_px = np.array([np.hypot(30, 40)])  # 50: half of it is 25 px, of 0.6 of it 15 px
    truth, predicted = np.zeros((1, 4, 2)), np.zeros((1, 4, 2))
    predicted[0, 0] = 20, 0
    predicted[0, 1] = 0, 26
    truth[0, 2] = predicted[0, 2] = NAN  # the article's formula counts this as right
    predicted[0, 3] = NAN
    np.testing.assert_array_equal(pckh(truth, predicted, head_px, head_factor=1.0), [[1, 0, NAN, 0]])
    np.testing.assert_array_equal(pckh(truth, predicted, head_px), [[0, 0, NAN, 0]])
    assert np.isnan(pckh(truth, predicted, np.array([NAN]))).all()


def test_everybody_is_matched_once_and_a_stranger_is_nobody() -> None:
    overlap = np.array([[0.2, 0.8, 0.0], [0.9, 0.7, 0.0], [0.0, 0.0, 0.29]])
    assert matched(overlap).tolist() == [1, 0, -1]
    assert matched(overlap[:, :1]).tolist() == [-1, 0, -1]  # one answer is one person
    assert matched(overlap[:, :0]).tolist() == [-1, -1, -1]


def test_people_overlap_by_their_boxes_or_by_their_labelled_joints() -> None:
    truth = np.full((2, 17, 2), NAN)
    truth[0, 5], truth[0, 12] = (0, 0), (10, 10)
    found = np.full((2, 17, 2), 500.0)  # what is not labelled is not asked for
    found[0, 5], found[0, 12] = (0, 0), (10, 5)
    boxes = np.array([[0, 0, 40, 40], [20, 0, 30, 10]], np.float32)
    answers = np.array([[0, 0, 10, 5], [20, 0, 30, 10]], np.float32)
    np.testing.assert_allclose(overlaps(boxes, truth, answers, found), [[0.5, 1 / 16], [0, 1]], atol=1e-6)


def test_an_interval_draws_pictures_not_joints() -> None:
    right = np.array([[1.0, 1.0], [0.0, 0.0], [NAN, NAN]])
    assert per_cent(right) == 50
    assert interval(right, draws=200) == (0, 100)
    assert interval(right, np.array([7, 7, 7])) == (50, 50)  # all in one picture: nothing to draw
    assert np.isnan(interval(right[2:])).all()
