"""Figures of stroke reports, worked out by hand: events at tolerances, intervals, calibration, importance."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.features import names
from edgepose_trainer.evaluation import calibration
from edgepose_trainer.evaluation.gaps import bridged
from edgepose_trainer.evaluation.importance import BODY, importance, place
from edgepose_trainer.evaluation.resampling import figure, interval, mean_recall, share
from edgepose_trainer.evaluation.spans import Span, labelled
from edgepose_trainer.evaluation.stroke_events import count, f1, late_ms, off_ms, precision, recall
from edgepose_trainer.recordings import UNSURE
from tests.trainer.stroke_data import playing


def told(peak_s: float, label: str, score: float = 0.9) -> Span:
    return Span(label, peak_s - 0.3, peak_s, peak_s + 0.3, score)


def test_labelled_strokes_are_runs_with_their_middle() -> None:
    spans = labelled(playing({1.0: "forehand", 3.0: "backhand"}))
    assert [span.label for span in spans] == ["forehand", "backhand"]
    assert [span.peak_s for span in spans] == pytest.approx([1.0, 3.0])
    assert spans[0].start_s == pytest.approx(0.6)
    assert spans[0].end_s == pytest.approx(1.4)


def test_row_46_what_is_told_is_counted_at_three_tolerances() -> None:
    """Hits at 1, 3 and 5 s; told 0.05 s late, 0.3 s early, and one too many that nobody labelled."""
    recording = playing({1.0: "forehand", 3.0: "backhand", 5.0: "forehand"}, 8)
    answers = [told(1.05, "forehand"), told(2.7, "backhand"), told(6.5, "forehand")]
    near, middle, far = (count(recording, answers, frames) for frames in (3, 5, 10))
    # 0.3 s are 9 frames: too early for 3 and 5 of them.
    assert near[:3].tolist() == middle[:3].tolist() == [1, 3, 3]
    assert far[:3].tolist() == [2, 3, 3]
    assert precision(far) == pytest.approx(100 * 2 / 3)
    assert recall(near) == pytest.approx(100 / 3)
    assert f1(far) == pytest.approx(100 * 2 / 3)
    assert late_ms(far) == pytest.approx((50 - 300) / 2)
    assert off_ms(far) == pytest.approx((50 + 300) / 2)


def test_row_46_duplicates_and_wrong_labels_are_told_apart() -> None:
    recording = playing({1.0: "forehand", 3.0: "backhand"})
    answers = [told(1.0, "forehand"), told(1.39, "forehand"), told(3.1, "forehand")]
    hits, given, there, duplicates, mislabelled = count(recording, answers, 10)[:5].tolist()
    assert (hits, given, there) == (1, 3, 2)
    assert duplicates == 1  # 1.39 s is inside the labelled span of the first
    assert mislabelled == 1  # at 3.1 s there is a backhand


def test_one_labelled_stroke_is_found_once_and_by_the_nearest() -> None:
    recording = playing({1.0: "forehand"})
    counts = count(recording, [told(0.8, "forehand"), told(1.05, "forehand")], 10)
    assert counts[[0, 3]].tolist() == [1, 1]
    assert late_ms(counts) == pytest.approx(50)


def test_where_the_labels_leave_it_open_nothing_is_wrong_but_in_clips() -> None:
    recording = playing({1.0: "forehand"})
    recording.labels[recording.times_s > 3] = UNSURE
    assert count(recording, [told(4.0, "forehand")], 10)[1] == 0
    assert count(recording, [told(2.0, "forehand")], 10)[1] == 1
    clip = playing({1.0: "forehand"}, clip=True)
    clip.labels[clip.times_s > 3] = UNSURE
    assert count(clip, [told(4.0, "forehand")], 10)[1] == 1


def test_intervals_draw_whole_groups() -> None:
    """Two players, one always right, one never: a draw is 0, 50 or 100 %, whatever the number of windows."""
    counts = np.array([[10, 10], [30, 30], [0, 40]], float)
    units = np.array(["one", "one", "two"])
    assert interval(counts, units, share) == (0, 100)
    assert figure("right", counts, units, share, 80, "windows").value == 50
    assert np.isnan(interval(counts[:2], units[:2], share)).all()
    same = interval(np.array([[9, 10], [9, 10]], float), np.array(["one", "two"]), share)
    assert same == pytest.approx((90, 90))


def test_the_mean_over_labels_leaves_out_those_that_do_not_occur() -> None:
    """Idle 90 of 100, forehand 1 of 2, serve never there."""
    assert mean_recall(np.array([90, 1, 0, 100, 2, 0], float)) == pytest.approx(70)


def test_expected_calibration_error_by_hand() -> None:
    """Four windows said 0.95, three right; one said 0.55, wrong: (|3 - 3.8| + |0 - 0.55|) / 5."""
    counts = calibration.binned(np.array([0.95] * 4 + [0.55]), np.array([True, True, True, False, False]))
    found = calibration.reliability(counts)
    assert found.error == pytest.approx(100 * (0.8 + 0.55) / 5)
    assert found.count.tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 0, 4]
    assert found.right[9] == pytest.approx(0.75)
    assert np.isnan(found.right[0])
    sure = calibration.binned(np.array([1.0, 1.0]), np.array([True, True]))
    assert calibration.error(sure) == 0  # a probability of 1 belongs to the last bin
    assert calibration.error(counts + sure) == pytest.approx(100 * ((5 - 5.8) * -1 + 0.55) / 7)


@pytest.mark.parametrize(
    ("name", "joints", "samples"),
    [
        ("position/left_wrist/x/07", ("left_wrist",), (7,)),
        ("vector/nose-left_wrist/x/03", ("nose", "left_wrist"), (3,)),
        ("cosine/right_elbow/14", ("right_elbow",), (14,)),
        ("arm/right_wrist/y/02", ("right_wrist",), (6, 7, 8)),
        ("fastest-1/left_elbow/x", ("left_elbow",), ()),
        ("fastest+0/right_wrist_from_shoulder/x", ("right_wrist", "right_shoulder"), ()),
        ("length/torso/00", (BODY,), (0,)),
        ("most_speed/right_wrist", ("right_wrist",), ()),
        ("least/stance", (BODY,), ()),
        ("box/left_ear/y/12", ("left_ear",), (12,)),
        ("RShoulder_x_-14", ("right_shoulder",), (0,)),
        ("LWrist_y_0", ("left_wrist",), (14,)),
    ],
)
def test_a_column_belongs_to_joints_and_samples(name: str, joints: tuple[str, ...], samples: tuple[int, ...]) -> None:
    assert place(name, 15) == (joints, samples)


@pytest.mark.parametrize("feature_set", ["tennis-1", "tennis-2", "boxed-1", "seed-180"])
def test_no_gain_is_lost(feature_set: str) -> None:
    columns = names(feature_set)
    found = importance(np.ones(len(columns)), columns, 15, 15.0)
    assert found.by_time.sum() + found.whole.sum() == pytest.approx(100)
    assert found.offsets_s[0] == pytest.approx(-7 / 15)
    if feature_set == "seed-180":
        assert len(found.things) == 6
        np.testing.assert_allclose(found.by_time, 100 / 90)  # two of 180 columns each


def test_importance_of_two_columns_by_hand() -> None:
    """Three quarters on a vector of two joints in sample 0, one quarter on the whole window's fastest wrist."""
    found = importance(np.array([3.0, 1.0]), ["vector/nose-left_wrist/x/00", "most_speed/left_wrist"], 3, 10.0)
    shares = dict(zip(found.things, np.column_stack([found.by_time, found.whole]).tolist(), strict=True))
    assert shares == {"nose": [37.5, 0, 0, 0], "left_wrist": [37.5, 0, 0, 25]}
    assert found.offsets_s == pytest.approx((-0.1, 0, 0.1))


def test_gaps_up_to_a_fifth_of_a_second_are_joined() -> None:
    times_s = np.array([0.0, 0.1, 0.2, 0.3, 0.6, 0.7])
    column = np.array([np.nan, 1, np.nan, 3, np.nan, 7])
    np.testing.assert_array_equal(bridged(times_s, column[:, None])[:, 0], [np.nan, 1, 2, 3, np.nan, 7])
