"""Likeness of swings: DTW by hand, and what must not change it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgepose.features import mirror
from edgepose.skeletons import COCO17
from edgepose_trainer.evaluation.likeness import Swing, compared, distance, mean_curve, swings_of, warped
from edgepose_trainer.recordings import Recording
from tests.trainer.stroke_data import playing

HITS = {1.0: "forehand", 3.0: "backhand", 5.0: "forehand"}


def cost(one: list[float], other: list[float]) -> np.ndarray:
    return np.abs(np.subtract.outer(np.array(one, float), np.array(other, float)))


def line(values: list[float]) -> np.ndarray:
    """(N, 6, 2): every joint moves alike along x."""
    curve = np.zeros((len(values), 6, 2))
    curve[..., 0] = np.array(values)[:, None]
    return curve


def only(recording: Recording, label: str) -> list[Swing]:
    return [swing for swing in swings_of(recording) if swing.label == label]


def test_row_48_dynamic_time_warping_by_hand() -> None:
    assert warped(cost([0, 1, 2], [0, 0, 1, 2]), 6) == 0  # the same, begun later
    assert warped(cost([0, 0], [1, 1]), 6) == 1
    # 0-0, 1-0, 5-4: costs 0 + 1 + 1 over three steps.
    assert warped(cost([0, 1, 5], [0, 4]), 6) == pytest.approx(2 / 3)
    assert warped(cost([0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0]), 6) == 0
    assert warped(cost([0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0]), 1) > 0  # it may run ahead by one sample only


def test_row_48_the_same_swing_has_distance_0() -> None:
    first, second = only(playing(HITS), "forehand")
    assert distance(first.curve, first.curve) == 0
    assert distance(first.curve, second.curve) == pytest.approx(0, abs=1e-4)
    (backhand,) = only(playing(HITS), "backhand")
    assert distance(first.curve, backhand.curve) > 0.1


def test_row_48_neither_size_nor_place_nor_hand_count() -> None:
    recording = playing(HITS)
    curve = only(recording, "forehand")[0].curve
    far = replace(recording, keypoints=recording.keypoints * np.array([3, 3, 1], np.float32) + np.array([40, 9, 0]))
    assert distance(only(far, "forehand")[0].curve, curve) == pytest.approx(0, abs=1e-5)
    twin = replace(recording, keypoints=mirror(recording.keypoints, COCO17), handedness="left")
    assert distance(only(twin, "forehand")[0].curve, curve) == pytest.approx(0, abs=1e-6)
    unmirrored = replace(twin, handedness="right")
    assert distance(only(unmirrored, "forehand")[0].curve, curve) > 0.1


def test_row_48_a_mean_curve_and_its_distance_by_hand() -> None:
    swings = [Swing("p", "forehand", "r", 0.0, line([x] * 27)) for x in (0.0, 1.0)]
    mean = mean_curve(swings)
    np.testing.assert_array_equal(mean, line([0.5] * 27))
    assert distance(mean, line([2.0] * 27)) == 1.5
    others = [Swing("q", "forehand", "s", 0.0, line([2.0] * 27))]
    rows = {row.player: row for row in compared([*swings, *others], swings)}
    assert rows["p"].distance == 0
    assert rows["p"].typical == 0.5
    assert (rows["q"].distance, rows["q"].swings) == (1.5, 1)
    with pytest.raises(ValueError, match="a swing at least"):
        mean_curve([])


def test_what_is_not_seen_is_left_out() -> None:
    whole, part = line([0.0] * 27), line([1.0] * 27)
    part[:, 5] = np.nan  # a wrist never seen
    part[:5] = np.nan  # and the beginning
    assert distance(whole, part) == 1
    part[:20] = np.nan
    assert np.isnan(distance(whole, part))  # 7 of 27 samples are too few
    assert np.isnan(distance(whole, np.full((27, 6, 2), np.nan)))


def test_a_recording_without_strokes_or_people_has_no_swings() -> None:
    assert swings_of(playing({})) == []
    nobody = playing(HITS)
    nobody.keypoints[..., :2] = np.nan
    assert swings_of(nobody) == []
