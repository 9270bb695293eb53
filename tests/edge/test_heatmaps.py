"""Heat maps whose true centres are known: arg max, quarter offset, DARK, the flip test, SimCC."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgepose.heatmaps import blur_kernel, peaks, simcc_peaks, with_mirrored
from edgepose.skeletons import COCO17

WIDTH, HEIGHT, SIGMA = 48, 64, 2.0


def hills(centres: np.ndarray, noise: float = 0.0, seed: int = 1) -> np.ndarray:
    """(N, K, 2) x, y -> (N, K, 64, 48) Gaussians of height 1 and sigma 2, with normal noise."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    at = centres[..., None, None, :]
    maps = np.exp(-((x - at[..., 0]) ** 2 + (y - at[..., 1]) ** 2) / (2 * SIGMA**2))
    return (maps + np.random.default_rng(seed).normal(0, noise, maps.shape)).astype(np.float32)


def centres(people: int, margin: float, seed: int = 0) -> np.ndarray:
    """(N, 17, 2) anywhere but within ``margin`` cells of the edge."""
    random = np.random.default_rng(seed)
    return random.uniform(margin, (WIDTH - 1 - margin, HEIGHT - 1 - margin), (people, 17, 2))


def errors(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    return np.hypot(*(found[..., :2] - true).reshape(-1, 2).T)


def quarter_by_loops(maps: np.ndarray) -> np.ndarray:
    """HRNet's rule as seed_systems.md §4 says it, one joint at a time."""
    people, joints, height, width = maps.shape
    found = np.zeros((people, joints, 2))
    for n in range(people):
        for k in range(joints):
            heat = maps[n, k]
            best = int(np.argmax(heat))
            px, py = best % width, best // width
            found[n, k] = px, py
            if 1 < px < width - 1 and 1 < py < height - 1:
                found[n, k, 0] += 0.25 * np.sign(heat[py, px + 1] - heat[py, px - 1])
                found[n, k, 1] += 0.25 * np.sign(heat[py + 1, px] - heat[py - 1, px])
    return found


def dark_by_loops(maps: np.ndarray, side: int) -> np.ndarray:
    """DARK as its paper says it, one joint at a time: blur, scale, logarithm, Newton step by solving."""
    people, joints, height, width = maps.shape
    ring = side // 2
    found = np.zeros((people, joints, 2))
    for n in range(people):
        for k in range(joints):
            best = int(np.argmax(maps[n, k]))
            px, py = best % width, best // width
            found[n, k] = px, py
            framed = np.zeros((height + 2 * ring, width + 2 * ring))
            framed[ring:-ring, ring:-ring] = maps[n, k]
            smooth = cv2.GaussianBlur(framed, (side, side), 0)[ring:-ring, ring:-ring]
            log = np.log(np.maximum(smooth * maps[n, k].max() / smooth.max(), 1e-10))
            if not (1 < px < width - 2 and 1 < py < height - 2):
                continue
            slope = [
                (log[py, px + 1] - log[py, px - 1]) / 2,
                (log[py + 1, px] - log[py - 1, px]) / 2,
            ]
            mixed = (log[py + 1, px + 1] - log[py - 1, px + 1] - log[py + 1, px - 1] + log[py - 1, px - 1]) / 4
            bend = [
                [(log[py, px + 2] - 2 * log[py, px] + log[py, px - 2]) / 4, mixed],
                [mixed, (log[py + 2, px] - 2 * log[py, px] + log[py - 2, px]) / 4],
            ]
            found[n, k] -= np.linalg.solve(bend, slope)
    return found


class TestRow20:
    """HRNet's peak: synthetic heat map exact."""

    def test_row_20_arg_max_is_exact_for_whole_cells(self) -> None:
        true = centres(3, 0).round()
        np.testing.assert_array_equal(peaks(hills(true), "argmax")[..., :2], true)
        np.testing.assert_array_equal(peaks(hills(true), "argmax")[..., 2], 1)

    def test_row_20_the_quarter_offset_goes_towards_the_second_highest_neighbour(self) -> None:
        """A hill at (20.3, 30.9): arg max (20, 31), higher on the right and above."""
        found = peaks(hills(np.array([[[20.3, 30.9]]])), "quarter")
        np.testing.assert_array_equal(found[0, 0, :2], [20.25, 30.75])

    def test_row_20_the_quarter_offset_is_within_a_quarter_of_a_cell(self) -> None:
        """Either way: 0.5 past the arg max at most, of which 0.25 are made good."""
        true = centres(40, 3)
        found = peaks(hills(true), "quarter")
        assert np.abs(found[..., :2] - true).max() <= 0.25 + 1e-4
        assert np.abs(peaks(hills(true), "argmax")[..., :2] - true).max() > 0.45

    def test_row_20_no_offset_at_the_edge_as_hrnet_has_it(self) -> None:
        """1 < px < W - 1, 1 < py < H - 1: at column 1 or row 63 neither axis moves."""
        true = np.array([[[1.3, 30.2], [46.2, 30.2], [20.3, 63.2], [47.4, 20.2]]])
        found = peaks(hills(true), "quarter")[0, :, :2]
        np.testing.assert_array_equal(found, [(1, 30), (46.25, 30.25), (20, 63), (47, 20)])

    @pytest.mark.parametrize("noise", [0.0, 0.05, 0.3])
    def test_row_20_the_same_as_a_plain_loop_over_people_and_joints(self, noise: float) -> None:
        maps = hills(centres(6, 0), noise)
        np.testing.assert_array_equal(peaks(maps, "quarter")[..., :2], quarter_by_loops(maps))

    def test_row_20_the_flip_test_is_exact_where_pairs_are_swapped_and_the_map_shifted(self) -> None:
        """A mirrored picture's maps: left and right change places, cell c of a joint becomes 48 - c."""
        true = centres(2, 4).round()
        mirrored = true[:, COCO17.mirror].copy()
        mirrored[..., 0] = WIDTH - mirrored[..., 0]
        plain = hills(true)
        both = with_mirrored(plain, hills(mirrored), COCO17.mirror)
        np.testing.assert_allclose(both[..., 1:], plain[..., 1:], atol=1e-6)
        np.testing.assert_array_equal(peaks(both, "argmax")[..., :2], true)

    def test_row_20_the_flip_tests_first_column_is_not_shifted(self) -> None:
        """Row 1 2 3 of joint "left" and 0 0 8 of the mirrored "right": turned 8 0 0, shifted 8 8 0, mean with 1 2 3."""
        maps, mirrored = np.zeros((2, 1, 2, 1, 3), np.float32)
        maps[0, 0, 0] = (1, 2, 3)
        mirrored[0, 1, 0] = (0, 0, 8)
        both = with_mirrored(maps, mirrored, np.array([1, 0]))
        np.testing.assert_array_equal(both[0, 0, 0], [4.5, 5, 1.5])
        np.testing.assert_array_equal(both[0, 1, 0], [0, 0, 0])


class TestRow21:
    """DARK."""

    @pytest.mark.parametrize(
        ("noise", "quarter_at_least", "dark_at_most"),
        [(0.0, 0.18, 0.001), (0.02, 0.20, 0.025), (0.05, 0.30, 0.06), (0.1, 0.50, 0.12)],
    )
    def test_row_21_dark_beats_the_quarter_offset(
        self, noise: float, quarter_at_least: float, dark_at_most: float
    ) -> None:
        """Mean error in cells of 340 hills of height 1, quarter offset against DARK, at four heights of noise.

        0: 0.184 / 0.0002; 0.02: 0.210 / 0.020; 0.05: 0.325 / 0.049; 0.1: 0.523 / 0.100.
        """
        true = centres(20, 8)
        maps = hills(true, noise)
        quarter, dark = (errors(peaks(maps, way), true).mean() for way in ("quarter", "dark"))
        assert dark < dark_at_most
        assert quarter_at_least < quarter
        assert dark < quarter / 4

    @pytest.mark.parametrize("noise", [0.0, 0.05])
    def test_row_21_the_same_as_a_plain_loop(self, noise: float) -> None:
        maps = hills(centres(6, 4), noise)
        np.testing.assert_allclose(peaks(maps, "dark")[..., :2], dark_by_loops(maps, 11), atol=2e-3)

    def test_row_21_the_kernel_grows_with_the_map_as_mmpose_has_it(self) -> None:
        """Sigma 2 and 11 for 256×192 and MPII's 256×256, sigma 3 and 17 for 384×288."""
        assert [blur_kernel(size) for size in ((48, 64), (64, 64), (72, 96), (96, 96))] == [11, 11, 17, 17]

    def test_row_21_a_hill_half_over_the_edge_keeps_its_arg_max(self) -> None:
        found = peaks(hills(np.array([[[0.4, 30.4], [20.4, 62.6]]])), "dark")[0, :, :2]
        np.testing.assert_array_equal(found, [(0, 30), (20, 63)])

    def test_row_21_a_saddle_and_a_lone_cell_keep_their_arg_max(self) -> None:
        """A ridge has no curvature along it; Newton's step would go anywhere."""
        maps = np.zeros((1, 2, HEIGHT, WIDTH), np.float32)
        maps[0, 0] = np.exp(-((np.arange(WIDTH) - 20) ** 2) / 8)
        maps[0, 1, 30, 20] = 1e-30
        found = peaks(maps, "dark")[0]
        assert found[0, 0] == 20
        np.testing.assert_array_equal(found[1, :2], [20, 30])


@pytest.mark.parametrize("way", ["argmax", "quarter", "dark"])
class TestMissing:
    def test_a_map_without_a_value_above_0_is_a_missing_joint_not_the_crops_corner(self, way: str) -> None:
        maps = np.stack([np.zeros((HEIGHT, WIDTH)), np.full((HEIGHT, WIDTH), -0.2), hills(np.array([20.0, 30.0]))])
        found = peaks(maps[None].astype(np.float32), way)[0]
        np.testing.assert_array_equal(found[:2], [(np.nan, np.nan, 0)] * 2)
        np.testing.assert_allclose(found[2], (20, 30, 1), atol=1e-3)

    def test_a_constant_map_is_a_missing_joint(self, way: str) -> None:
        found = peaks(np.full((1, 1, HEIGHT, WIDTH), 0.7, np.float32), way)
        np.testing.assert_array_equal(found[0], [(np.nan, np.nan, 0)])

    @settings(max_examples=60, deadline=None)
    @given(maps=arrays(np.float32, (2, 3, 9, 7), elements=st.floats(-(2.0**127), 2.0**127, width=32)))
    def test_any_finite_maps_give_joints_inside_the_map_or_none(self, way: str, maps: np.ndarray) -> None:
        with np.errstate(over="ignore"):
            found = peaks(maps, way)
        assert found.shape == (2, 3, 3)
        missing = np.isnan(found[..., 0])
        np.testing.assert_array_equal(missing, np.isnan(found[..., 1]))
        np.testing.assert_array_equal(found[missing][:, 2], 0)
        assert (found[~missing][:, :2] >= -0.5).all()
        assert (found[~missing][:, :2] <= (6.5, 8.5)).all()
        assert ((found[..., 2] >= 0) & (found[..., 2] <= 1)).all()


class TestSimCC:
    def test_the_bins_of_the_two_maxima_and_the_lower_of_them_as_confidence(self) -> None:
        x, y = np.zeros((1, 2, 384), np.float32), np.zeros((1, 2, 512), np.float32)
        x[0, 0, 100], y[0, 0, 300] = 0.6, 0.8
        x[0, 1, 383], y[0, 1, 0] = 1.7, 1.2  # MMPose does not bound them; a confidence ends at 1
        np.testing.assert_allclose(simcc_peaks(x, y)[0], [(100, 300, 0.6), (383, 0, 1)], rtol=1e-6)

    def test_a_maximum_that_is_not_above_0_or_a_constant_map_is_a_missing_joint(self) -> None:
        x, y = np.zeros((1, 3, 8), np.float32), np.zeros((1, 3, 8), np.float32)
        x[0, 0, 3], y[0, 0] = 0.5, -0.1
        x[0, 1, 3], y[0, 1] = 0.5, 0.4
        x[0, 2, 3], y[0, 2, 4] = 0.5, 0.4
        found = simcc_peaks(x, y)[0]
        np.testing.assert_array_equal(np.isnan(found[:, 0]), [True, True, False])
        assert math.isclose(found[2, 2], 0.4, rel_tol=1e-6)
