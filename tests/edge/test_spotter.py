"""Strokes from probabilities that rise and fall as bumps of known time and height."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepose.card import SpotterSpec
from edgepose.spotter import LONGEST_S, Spotter
from edgepose.types import Scores, Stroke, Window

LABELS = ("idle", "forehand", "backhand")
SPEC = SpotterSpec(enter=0.5, leave=0.3, abstain=0.5, min_length_s=0.1, refractory_s=0.7)


def score(time_s: float, forehand: float, backhand: float = 0.0, track: int = 1, x: float = 100.0) -> Scores:
    times_s = time_s + (np.arange(15) - 7) / 15
    keypoints = np.zeros((15, 17, 3), np.float32)
    keypoints[..., 0] = x
    keypoints[..., 1] = np.linspace(0, 100, 17)
    probabilities = np.array([1 - forehand - backhand, forehand, backhand], np.float32)
    return Scores(Window(track, round(time_s * 30), times_s, keypoints), probabilities, "right")


def bump(time_s: float, middle_s: float, height: float = 0.95, half_s: float = 0.4) -> float:
    return height * max(0.0, 1 - abs(time_s - middle_s) / (2 * half_s))


def play(spotter: Spotter, scores: list[Scores]) -> list[Stroke]:
    return [stroke for one in scores for stroke in spotter.add([one])] + spotter.flush()


def spotter(spec: SpotterSpec = SPEC) -> Spotter:
    return Spotter(LABELS, "idle", spec)


TIMES = [i / 30 for i in range(180)]


def test_one_bump_is_one_stroke_with_start_peak_and_end() -> None:
    (stroke,) = play(spotter(), [score(t, bump(t, 2.0)) for t in TIMES])
    assert stroke.label == "forehand"
    assert stroke.peak_s == pytest.approx(2.0, abs=0.03)
    # Rises through 0.5 at 2 - 0.8 * (1 - 0.5 / 0.95), falls through 0.3 at 2 + 0.8 * (1 - 0.3 / 0.95).
    assert stroke.start_s == pytest.approx(1.62, abs=0.04)
    assert stroke.end_s == pytest.approx(2.55, abs=0.04)
    assert stroke.window.centre_s == pytest.approx(stroke.peak_s, abs=1 / 60)
    assert stroke.handedness == "right"
    assert 0.9 < stroke.score <= 0.95
    assert set(stroke.scores) == set(LABELS)


def test_row_46_frames_merge_into_swings_with_impact_type_and_count() -> None:
    """A forehand at 1 s, a backhand at 2.5 s, a forehand at 4.5 s, seen by 180 frames."""
    forehands, backhands = (1.0, 4.5), (2.5,)
    frames = [score(t, max(bump(t, at) for at in forehands), max(bump(t, at) for at in backhands)) for t in TIMES]
    strokes = play(spotter(), frames)
    assert [stroke.label for stroke in strokes] == ["forehand", "backhand", "forehand"]
    assert [stroke.peak_s for stroke in strokes] == pytest.approx([1.0, 2.5, 4.5], abs=1 / 30)
    assert sum(stroke.label == "forehand" for stroke in strokes) == 2


def test_the_stroke_is_told_soon_and_once() -> None:
    told = []
    one = spotter()
    for t in TIMES:
        told += [(t, stroke) for stroke in one.add([score(t, bump(t, 2.0))])]
    assert len(told) == 1
    assert told[0][0] <= 2.0 + SPEC.refractory_s + 0.1
    assert one.flush() == []


def test_two_bumps_inside_the_refractory_time_are_one_stroke_with_summed_evidence() -> None:
    scores = [score(t, bump(t, 2.0, 0.6, 0.2), bump(t, 2.55, 0.95, 0.2)) for t in TIMES]
    (stroke,) = play(spotter(), scores)
    assert stroke.label == "backhand"


def test_two_strokes_a_second_apart_are_two() -> None:
    scores = [score(t, bump(t, 2.0, half_s=0.25), bump(t, 3.1, half_s=0.25)) for t in TIMES]
    assert [s.label for s in play(spotter(), scores)] == ["forehand", "backhand"]


def test_flicker_at_the_threshold_is_one_stroke() -> None:
    """Between leave and enter the swing goes on."""
    scores = [score(t, 0.55 if i % 2 else 0.35) if 1.5 < t < 2.3 else score(t, 0) for i, t in enumerate(TIMES)]
    assert len(play(spotter(), scores)) == 1


def test_too_weak_too_short_and_undecided_are_nothing() -> None:
    assert play(spotter(), [score(t, bump(t, 2.0, 0.45)) for t in TIMES]) == []
    assert play(spotter(), [score(t, 0.99 if abs(t - 2) < 0.02 else 0) for t in TIMES]) == []
    # Surely a stroke, but neither label reaches the abstain threshold.
    assert play(spotter(), [score(t, bump(t, 2, 0.45), bump(t, 2, 0.45)) for t in TIMES]) == []


def test_scores_that_stop_end_the_stroke() -> None:
    half = [score(t, bump(t, 2.0)) for t in TIMES if t < 2.2]
    ended = spotter()
    for one in half:
        assert ended.add([one]) == []
    assert [s.label for s in ended.end(1)] == ["forehand"]
    assert ended.end(1) == []
    # Another person's later windows tell the time as well.
    other = spotter()
    for one in half:
        other.add([one])
    assert [s.label for s in other.add([score(4.0, 0, track=2)])] == ["forehand"]


def test_a_short_gap_of_the_track_is_no_second_stroke() -> None:
    gap = [score(t, bump(t, 2.0)) for t in TIMES if not 1.9 < t < 2.3]
    assert len(play(spotter(), gap)) == 1


def test_a_renewed_id_in_the_same_place_does_not_tell_the_stroke_again() -> None:
    one = spotter()
    told = [s for t in TIMES if t < 2.0 for s in one.add([score(t, bump(t, 2.0))])]
    told += one.end(1)
    told += play(one, [score(t, bump(t, 2.0), track=2) for t in TIMES if t >= 2.05])
    assert [s.window.track for s in told] == [1]


def test_two_people_who_hit_together_tell_two_strokes() -> None:
    one = spotter()
    told = []
    for t in TIMES:
        told += one.add([score(t, bump(t, 2.0)), score(t, 0, bump(t, 2.0), track=2, x=110.0)])
    assert sorted(s.label for s in told) == ["backhand", "forehand"]


def test_what_never_ends_is_told_once() -> None:
    times = [i / 30 for i in range(900)]
    one = spotter()
    told = [(t, s) for t in times for s in one.add([score(t, 0.9)])]
    assert len(told) == 1
    assert told[0][0] < LONGEST_S + 0.2
    assert one.flush() == []


def test_the_idle_label_must_be_among_the_labels() -> None:
    with pytest.raises(ValueError):
        Spotter(LABELS, "rest", SPEC)


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.floats(1.2, 4.0), min_size=1, max_size=6),
    seed=st.integers(0, 10**6),
    rate=st.sampled_from([12, 25, 30]),
)
def test_as_many_strokes_as_bumps_at_their_times(gaps: list[float], seed: int, rate: int) -> None:
    """Noise below the thresholds' distance neither makes nor eats strokes."""
    rng = np.random.default_rng(seed)
    middles = np.cumsum(gaps)
    times = np.arange(0, middles[-1] + 2, 1 / rate)
    heights = [max(bump(t, m, 0.9, 0.25) for m in middles) for t in times]
    noisy = np.clip(np.array(heights) + rng.uniform(-0.08, 0.08, len(times)), 0, 1)
    strokes = play(spotter(), [score(float(t), float(h)) for t, h in zip(times, noisy, strict=True)])
    assert len(strokes) == len(middles)
    np.testing.assert_allclose([s.peak_s for s in strokes], middles, atol=0.12)


def test_a_stroke_carries_what_its_last_window_knows_of_the_hand() -> None:
    scores = [score(i / 30, max(0.0, 0.9 - abs(i - 30) / 15)) for i in range(60)]
    for i, one in enumerate(scores):
        one.handedness = "right" if i < 35 else "left"
        one.handedness_confidence = 0.5 + i / 1000
    (stroke,) = play(spotter(), scores)
    assert stroke.handedness == "left"
    # The swing ends at the last window whose evidence is above `leave`: 0.9 - 9/15 = 0.3, so number 38 or 39.
    assert stroke.handedness_confidence == pytest.approx(0.5385, abs=0.0006)
