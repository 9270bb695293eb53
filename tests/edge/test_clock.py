"""Capture times grow whatever the timestamps do, and are the timestamps where these are sound."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.clock import STEP_S, FileClock, StreamClock

SECONDS = st.floats(-10.0, 1e5, allow_nan=False)


@given(st.lists(SECONDS, min_size=2, max_size=40))
def test_any_file_gives_growing_times(stamps):
    clock = FileClock(25.0)
    times = [clock.stamp(stamp) for stamp in stamps]
    assert all(b > a for a, b in itertools.pairwise(times))


@given(st.lists(st.tuples(SECONDS, st.floats(0.001, 3.0)), min_size=2, max_size=60))
def test_any_stream_gives_growing_times_within_half_a_second_of_arrival(frames):
    clock, arrival_s, last_s = StreamClock(), 100.0, 0.0
    for stamp_s, pause_s in frames:
        arrival_s += pause_s
        time_s = clock.stamp(stamp_s, arrival_s)
        assert time_s > last_s
        assert abs(time_s - arrival_s) <= 0.5 + STEP_S
        last_s = time_s


def test_a_file_without_times_advances_by_its_rate():
    clock = FileClock(10.0)
    assert [clock.stamp(0.0) for _ in range(4)] == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_one_missing_time_does_not_move_the_others():
    clock = FileClock(10.0)
    assert [clock.stamp(t) for t in (0.0, 0.1, 0.0, 0.3, 0.4)] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def test_the_stream_clock_takes_the_stamps_and_not_the_jitter_of_arrival():
    """30 fps with an even delay, but every third frame arrives 100 ms late."""
    clock = StreamClock()
    stamps = [n / 30 for n in range(300)]
    got = [clock.stamp(t, 1000.0 + t + (0.1 if n % 3 else 0.0)) for n, t in enumerate(stamps)]
    assert np.diff(got) == pytest.approx(np.full(299, 1 / 30), abs=3e-4)


def test_the_stream_clock_anchors_anew_after_a_jump():
    clock = StreamClock()
    before = [clock.stamp(n / 10, 50.0 + n / 10) for n in range(10)]
    after = [clock.stamp(9000.0 + n / 10, 51.0 + n / 10) for n in range(10)]
    assert before + after == pytest.approx([50.0 + n / 10 for n in range(20)])


def test_a_stream_clock_that_runs_too_fast_is_followed_within_half_a_second():
    """The camera's clock is 1 % fast: after 200 s it would be 2 s ahead."""
    clock = StreamClock()
    for n in range(6000):
        arrival = n / 30
        got = clock.stamp(arrival * 1.01, arrival)
        assert abs(got - arrival) < 0.5


def test_stamps_that_keep_jumping_are_not_believed():
    """FFmpeg makes up 25 fps for a stream of 5 fps: the stamps fall ever further behind."""
    clock = StreamClock()
    got = [clock.stamp(n / 25, n / 5) for n in range(100)]
    assert not clock.believed
    assert got[-10:] == pytest.approx([n / 5 for n in range(90, 100)])
    assert min(np.diff(got)) > 0


def test_a_stream_without_stamps_has_the_time_of_arrival_and_always_grows():
    clock = StreamClock()
    assert [clock.stamp(None, t) for t in (5.0, 5.0, 4.0, 6.0)] == pytest.approx([5.0, 5.001, 5.002, 6.0])
