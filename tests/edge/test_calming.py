"""Zero-lag smoothing: calm where nothing moves, on time and at full height where something does."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.calming import calm, jitter
from edgepose.types import Array


def velocity_error(found: Array, truth: Array) -> float:
    """MPJVE, unit a frame."""
    return float(np.linalg.norm(np.diff(found - truth, axis=0), axis=-1).mean())


def shaken(truth: Array, sigma: float, seed: int = 1) -> Array:
    """Noise that lasts several frames, as detectors' does."""
    noise = np.random.default_rng(seed).normal(0, sigma, truth.shape)
    for t in range(1, len(noise)):
        noise[t] = 0.7 * noise[t - 1] + np.sqrt(1 - 0.49) * noise[t]
    return np.asarray(truth + noise)


def swing(dimensions: int = 2, frames: int = 120) -> tuple[Array, Array]:
    """A wrist that rests, goes 100 units along the first axis within a quarter of a second, and rests; 30 Hz."""
    times_s = np.arange(frames) / 30
    points = np.zeros((frames, 1, dimensions))
    points[:, 0, 0] = 100 / (1 + np.exp(-(times_s - 2) * 25))
    return times_s, points


@pytest.mark.parametrize("dimensions", [2, 3])
def test_row_27_jitter_and_mpjve_fall_while_a_stroke_keeps_its_peak(dimensions: int) -> None:
    times_s, truth = swing(dimensions)
    noisy = shaken(truth, 1.5)
    found = calm(times_s, noisy)
    assert velocity_error(found, truth) < 0.5 * velocity_error(noisy, truth)
    assert jitter(times_s, found) < 0.4 * jitter(times_s, noisy)
    peak, kept = (np.diff(p[:, 0, 0]).max() for p in (truth, found))
    assert 0.9 < kept / peak < 1.1


def test_row_27_nothing_lags() -> None:
    times_s, truth = swing()
    found = calm(times_s, shaken(truth, 1.5))
    half_way = [float(np.interp(50, p[45:75, 0, 0], times_s[45:75])) for p in (truth, found)]
    assert half_way[1] == pytest.approx(half_way[0], abs=0.01)
    backwards = calm(times_s, shaken(truth, 1.5)[::-1])[::-1]
    np.testing.assert_allclose(backwards, found, atol=1e-6)


def test_row_27_a_parabola_and_a_still_joint_stay_as_they_are() -> None:
    times_s = np.cumsum(np.random.default_rng(2).uniform(0.02, 0.06, 60))  # a camera that cannot keep time
    points = np.stack([4 * times_s**2 - times_s, np.full(60, 7.0)], axis=1)[:, None]
    np.testing.assert_allclose(calm(times_s, points), points, atol=1e-6)


def test_row_27_gaps_stay_and_what_lies_beyond_them_does_not_count() -> None:
    times_s, truth = swing()
    noisy = shaken(truth, 1.5)
    noisy[50:58] = np.nan
    found = calm(times_s, noisy)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(noisy))
    noisy[58:] += 1000  # another place altogether after the gap
    np.testing.assert_allclose(calm(times_s, noisy)[:48], found[:48], atol=0.2)


def test_row_27_joints_do_not_touch_each_other_and_types_are_kept() -> None:
    times_s, truth = swing()
    two = np.concatenate([shaken(truth, 1.5), shaken(truth, 1.5, 2)], axis=1).astype(np.float32)
    two[10:14, 1] = np.nan
    together = calm(times_s, two)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together[:, :1], calm(times_s, two[:, :1]), atol=1e-5)
    np.testing.assert_array_equal(calm(times_s, two, strength=0), two)
    np.testing.assert_array_equal(calm(times_s[:2], two[:2]), two[:2])


def test_row_27_jitter_is_half_the_second_difference() -> None:
    times_s = np.arange(5) / 30
    zigzag = np.array([0.0, 3, 0, 3, 0])[:, None, None] * np.array([1.0, 0])
    assert jitter(times_s, zigzag) == pytest.approx(3)
    assert jitter(times_s, np.arange(5.0)[:, None, None] * np.ones(2)) == 0
    assert np.isnan(jitter(times_s[:2], zigzag[:2]))


def test_row_27_times_that_stand_still_are_refused() -> None:
    _, truth = swing(frames=4)
    with pytest.raises(ValueError, match="4 rising times"):
        calm(np.array([0.0, 0.1, 0.1, 0.2]), truth)


def test_row_27_places_in_cells_of_five_pixels_are_calmed_too() -> None:
    times_s = np.arange(90) / 30
    truth = np.stack([100 + 20 * times_s, np.full(90, 50.0)], axis=1)[:, None]
    cells = 5 * np.round(shaken(truth, 0.8) / 5)
    found = calm(times_s, cells)
    assert jitter(times_s, found) < 0.3 * jitter(times_s, cells)
    assert velocity_error(found, truth) < 0.5 * velocity_error(cells, truth)
