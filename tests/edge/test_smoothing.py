"""One-Euro: a still joint calms down, a fast one is followed at once, a missing one stays missing."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.smoothing import KeypointSmoother, OneEuro

SIZE = 200.0


def _keypoints(x: float, y: float = 50.0) -> np.ndarray:
    return np.array([[x, y, 0.9]], np.float32)


def test_first_look_passes_unchanged() -> None:
    out = KeypointSmoother(1).smooth(_keypoints(10.0), SIZE, 0.0)
    assert out.tolist() == _keypoints(10.0).tolist()


def test_one_step_by_hand() -> None:
    # beta 0: share = 2π·2.5/30 / (2π·2.5/30 + 1) = 0.34365 of the 10 px step.
    smoother = KeypointSmoother(1, OneEuro(cutoff_hz=2.5, beta=0.0))
    smoother.smooth(_keypoints(0.0), SIZE, 0.0)
    assert smoother.smooth(_keypoints(10.0), SIZE, 1 / 30)[0, 0] == pytest.approx(3.4365, abs=1e-3)


def test_jitter_of_a_standing_person_shrinks() -> None:
    rng = np.random.default_rng(0)
    smoother = KeypointSmoother(1)
    noisy = 100 + rng.normal(0, 1.0, 300)
    smooth = [smoother.smooth(_keypoints(x), SIZE, i / 30)[0, 0] for i, x in enumerate(noisy)]
    assert np.std(smooth[30:]) < 0.75 * np.std(noisy[30:])


def test_a_strike_is_followed_with_little_lag() -> None:
    # Three sizes a second: the cut-off rises to hundreds of Hz.
    smoother = KeypointSmoother(1)
    for i in range(30):
        x = 3 * SIZE * i / 30
        out = smoother.smooth(_keypoints(x), SIZE, i / 30)[0, 0]
    assert abs(out - x) < 0.02 * SIZE


def test_smoothing_does_not_depend_on_the_distance_to_the_camera() -> None:
    steps = [0.0, 1.0, 0.5, 2.0, 8.0, 30.0]
    near, far = KeypointSmoother(1), KeypointSmoother(1)
    for i, x in enumerate(steps):
        big = near.smooth(_keypoints(4 * x), 4 * SIZE, i / 25)[0, 0]
        small = far.smooth(_keypoints(x), SIZE, i / 25)[0, 0]
        assert big == pytest.approx(4 * small, rel=1e-5)


def test_a_missing_joint_stays_missing_and_others_go_on() -> None:
    smoother = KeypointSmoother(2)
    both = np.array([[0, 0, 0.9], [10, 10, 0.8]], np.float32)
    smoother.smooth(both, SIZE, 0.0)
    half = both.copy()
    half[0] = np.nan, np.nan, 0.0
    out = smoother.smooth(half, SIZE, 1 / 30)
    assert np.isnan(out[0, :2]).all()
    assert out[0, 2] == 0
    assert out[1].tolist() == pytest.approx([10, 10, 0.8])


@pytest.mark.parametrize("later_s", [0.7, 0.0, -5.0])
def test_after_a_long_gap_or_a_clock_that_does_not_run_it_starts_anew(later_s: float) -> None:
    smoother = KeypointSmoother(1)
    smoother.smooth(_keypoints(0.0), SIZE, 0.0)
    assert smoother.smooth(_keypoints(100.0), SIZE, later_s)[0, 0] == 100.0
