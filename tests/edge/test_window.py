"""Windows over time: a joint that moves at 100 px/s must look the same through every camera."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepose.card import WindowSpec
from edgepose.types import Pose, Track, Window
from edgepose.window import GAP_S, Windows, windows_at, windows_of

SPEC = WindowSpec(frames=15, rate_hz=15)
HALF_S = 7 / 15
BOX = np.full(4, np.nan, np.float32)


def person(time_s: float, track: int = 1) -> Track:
    """Two joints: one runs right at 100 px/s, one falls at 50 px/s."""
    keypoints = np.array([[100 * time_s, 10, 0.9], [20, 50 * time_s, 0.5]], np.float32)
    return Track(track, Pose(keypoints, BOX, 1.0))


def play(times_s: list[float], windows: Windows | None = None) -> list[Window]:
    windows = windows or Windows(SPEC, 2)
    out: list[Window] = []
    for frame, time_s in enumerate(times_s):
        out += windows.add([person(time_s)], frame, time_s)
    return out + windows.flush()


def whole(windows: list[Window]) -> list[Window]:
    return [w for w in windows if not np.isnan(w.keypoints).any()]


@pytest.mark.parametrize("fps", [12, 25, 30, 60])
def test_every_camera_sees_the_same_motion(fps: int) -> None:
    windows = whole(play([i / fps for i in range(3 * fps)]))
    assert windows
    for window in windows:
        assert window.keypoints.shape == (15, 2, 3)
        np.testing.assert_allclose(np.diff(window.times_s), 1 / 15)
        np.testing.assert_allclose(window.keypoints[:, 0, 0], 100 * window.times_s, atol=1e-3)
        np.testing.assert_allclose(window.keypoints[:, 1, 1], 50 * window.times_s, atol=1e-3)
        np.testing.assert_allclose(window.keypoints[:, 0, 2], 0.9, atol=1e-6)


def test_a_variable_rate_gives_the_same_motion() -> None:
    steps = np.random.default_rng(0).uniform(0.01, 0.15, 60)
    windows = whole(play(np.cumsum(steps).tolist()))
    assert len(windows) > 20
    for window in windows:
        np.testing.assert_allclose(window.keypoints[:, 0, 0], 100 * window.times_s, atol=0.011)


@pytest.mark.parametrize(("fps", "per_second"), [(12, 12), (25, 25), (30, 30), (50, 30), (60, 30), (120, 30)])
def test_at_most_thirty_windows_a_second(fps: int, per_second: int) -> None:
    windows = play([i / fps for i in range(10 * fps)])
    assert abs(len(windows) - 10 * per_second) <= 2


def test_sixty_frames_a_second_take_every_second_frame_also_with_jitter() -> None:
    jitter = np.random.default_rng(1).uniform(-0.003, 0.003, 600)
    centres = [w.centre_s for w in play((np.arange(600) / 60 + jitter).tolist())]
    assert 295 <= len(centres) <= 305


def test_hop_zero_centres_a_window_on_every_frame() -> None:
    times = [i / 60 for i in range(120)]
    windows = play(times, Windows(SPEC, 2, hop_s=0))
    np.testing.assert_allclose([w.centre_s for w in windows], times, atol=1e-9)


def test_first_and_last_windows_are_centred_on_the_tracks_ends() -> None:
    windows = play([i / 30 for i in range(61)])
    assert windows[0].centre_s == pytest.approx(0.0)
    assert windows[-1].centre_s == pytest.approx(2.0)
    assert len(windows) == 61
    first = windows[0].keypoints[:, 0]
    assert np.isnan(first[:7, :2]).all()
    assert (first[:7, 2] == 0).all()
    np.testing.assert_allclose(first[7:, 0], 100 * np.arange(8) / 15, atol=1e-3)


def test_a_window_is_due_with_the_first_frame_that_reaches_its_end() -> None:
    windows = Windows(SPEC, 2)
    due = {}
    for frame in range(31):
        for window in windows.add([person(frame / 30)], frame, frame / 30):
            due[round(window.centre_s * 30)] = (frame, window.frame)
    # Centre at frame 3 ends 14/30 s later, at frame 17.
    assert due[0] == (14, 14)
    assert due[3] == (17, 17)
    assert max(due) == 16


def test_a_gap_up_to_a_fifth_of_a_second_is_bridged_and_a_longer_one_is_not() -> None:
    for missing, bridged in ((5, True), (6, False)):
        windows = Windows(SPEC, 2)
        out: list[Window] = []
        for frame in range(60):
            track = person(frame / 30)
            if 30 <= frame < 30 + missing:
                track.pose.keypoints[0] = (np.nan, np.nan, 0)
            out += windows.add([track], frame, frame / 30)
        window = next(w for w in out if round(w.centre_s * 30) == 30)
        assert np.isnan(window.keypoints[:, 0, 0]).any() != bridged
        assert not np.isnan(window.keypoints[:, 1]).any()
        assert window.keypoints[6, 0, 0] == pytest.approx(100 * 28 / 30, rel=1e-5)


def test_an_exact_hit_is_known_even_when_alone() -> None:
    """The joint is seen in one frame only, the window's centre."""
    windows = Windows(SPEC, 2)
    out: list[Window] = []
    for frame in range(60):
        track = person(frame / 30)
        if frame != 30:
            track.pose.keypoints[0] = (np.nan, np.nan, 0)
        out += windows.add([track], frame, frame / 30)
    window = next(w for w in out if round(w.centre_s * 30) == 30)
    assert np.flatnonzero(~np.isnan(window.keypoints[:, 0, 0])).tolist() == [7]


def test_fewer_than_half_of_the_samples_known_is_no_window() -> None:
    assert play([0.0]) == []
    assert play([0.0, 0.1, 0.2, 0.3, 0.4]) == []
    # Frames over 0.4 s know 7 samples at most; half a second knows 8 round its middle.
    assert [round(w.centre_s, 3) for w in play([i / 30 for i in range(16)])] != []


def test_an_ended_track_gives_its_last_windows_at_once() -> None:
    windows = Windows(SPEC, 2)
    for frame in range(30):
        windows.add([person(frame / 30)], frame, frame / 30)
    out = windows.add([], 30, 1.0, ended=[1])
    assert out[-1].centre_s == pytest.approx(29 / 30)
    assert windows.flush() == []


def test_a_lost_track_ends_by_itself() -> None:
    windows = Windows(SPEC, 2)
    out: list[Window] = []
    for frame in range(120):
        out += windows.add([person(frame / 30)] if frame < 30 else [], frame, frame / 30)
    assert out[-1].centre_s == pytest.approx(29 / 30)
    assert windows.flush() == []


def test_time_that_jumps_back_begins_a_new_stream() -> None:
    windows = Windows(SPEC, 2)
    out: list[Window] = []
    times = [i / 30 for i in range(45)]
    for frame, time_s in enumerate(times + times):
        out += windows.add([person(time_s)], frame, time_s)
    out += windows.flush()
    assert len(out) == 90
    assert windows.skipped == 0


def test_repeated_swapped_and_impossible_times_are_skipped_and_counted() -> None:
    windows = Windows(SPEC, 2)
    for frame, time_s in enumerate([0.0, 0.1, 0.1, 0.05, math.nan, math.inf, 0.2]):
        windows.add([person(0.0)], frame, time_s)
    assert windows.skipped == 4
    assert windows.flush() == []


def test_memory_of_a_track_and_of_many_lost_tracks_is_bounded() -> None:
    windows = Windows(SPEC, 2)
    for frame in range(20_000):
        windows.add([person(0.0, track=frame // 10), person(1.0, track=10**6)], frame, frame / 240)
    assert len(windows._histories) < 60
    assert len(windows._histories[10**6]._times_s) <= 2048


def test_untracked_people_have_no_windows_and_wrong_shapes_are_refused() -> None:
    windows = Windows(SPEC, 2)
    for frame in range(60):
        assert windows.add([person(0.0, track=-1)], frame, frame / 30) == []
    with pytest.raises(ValueError, match=r"expected keypoints \(2, 3\), got \(17, 3\)"):
        windows.add([Track(1, Pose(np.zeros((17, 3), np.float32), BOX, 1.0))], 60, 2.0)


def test_infinite_coordinates_are_missing_joints() -> None:
    windows = Windows(SPEC, 2)
    out: list[Window] = []
    for frame in range(60):
        track = person(frame / 30)
        track.pose.keypoints[1] = (np.inf, 5, np.nan)
        out += windows.add([track], frame, frame / 30)
    assert all((w.keypoints[:, 1, 2] == 0).all() for w in out)
    assert all(np.isnan(w.keypoints[:, 1, :2]).all() for w in out)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.floats(0.004, 0.3), min_size=2, max_size=80),
    seed=st.integers(0, 2**31),
    hop_s=st.sampled_from([0.0, 1 / 30, 0.1]),
    rate_hz=st.sampled_from([10.0, 15.0, 30.0]),
)
def test_the_whole_track_at_once_equals_the_stream(steps: list[float], seed: int, hop_s: float, rate_hz: float) -> None:
    """Random rates, joints that come and go, frames without the person."""
    rng = np.random.default_rng(seed)
    stream_s = np.cumsum(steps)
    present = rng.random(len(steps)) < 0.85
    keypoints = rng.normal(0, 100, (len(steps), 3, 3)).astype(np.float32)
    keypoints[rng.random((len(steps), 3)) < 0.2] = (np.nan, np.nan, 0)
    spec = WindowSpec(frames=15, rate_hz=rate_hz)
    online = Windows(spec, 3, hop_s)
    out: list[Window] = []
    for frame, time_s in enumerate(stream_s.tolist()):
        tracks = [Track(4, Pose(keypoints[frame], BOX, 1.0))] if present[frame] else []
        out += online.add(tracks, frame, time_s)
    out += online.flush()
    batch = windows_of(stream_s[present], keypoints[present], spec, hop_s, stream_s)
    assert [w.frame for w in out] == batch.last.tolist()
    for window, times_s, samples in zip(out, batch.times_s, batch.keypoints, strict=True):
        np.testing.assert_array_equal(window.times_s, times_s)
        np.testing.assert_array_equal(window.keypoints, samples)


def test_the_whole_track_wants_rising_times() -> None:
    with pytest.raises(ValueError, match="must rise"):
        windows_of(np.array([0.0, 0.1, 0.1]), np.zeros((3, 2, 3), np.float32), SPEC)
    assert GAP_S == 0.2


def test_windows_at_any_times_are_those_of_the_whole_track_where_they_may_see_as_much() -> None:
    rng = np.random.default_rng(4)
    times_s = np.cumsum(rng.uniform(0.02, 0.06, 200))
    keypoints = rng.normal(0, 50, (200, 3, 3)).astype(np.float32)
    keypoints[rng.random((200, 3)) < 0.2] = (np.nan, np.nan, 0)
    spec = WindowSpec(frames=15, rate_hz=30)
    batch = windows_of(times_s, keypoints, spec)
    for part in (slice(0, 40), slice(90, 130), slice(160, 200)):
        inside = (batch.centre >= part.start) & (batch.centre < part.stop)
        until_s = np.full(part.stop - part.start, -math.inf)
        until_s[batch.centre[inside] - part.start] = times_s[batch.last[inside]]
        rows, samples = windows_at(times_s, keypoints, spec, times_s[part], until_s)
        assert (rows + part.start).tolist() == batch.centre[inside].tolist()
        np.testing.assert_array_equal(samples, batch.keypoints[inside])
    rows, samples = windows_at(times_s, keypoints, spec, np.array([-9.0, times_s[-1] + 9.0]))
    assert len(rows) == len(samples) == 0
