"""OpenPose's peaks and fields read where needed, beside the whole maps enlarged."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgepose.openpose import line_scores
from edgepose.openpose_maps import Enlarged, blob_peaks, sharp_peaks

SIZE_WH = (656, 368)
SMOOTH = {"blur": 1.5, "gain": 6.0}
NOISE = {"blur": 0.0, "gain": 1.0}


def plainly(maps: np.ndarray, size_wh: tuple[int, int], threshold: float) -> list[np.ndarray]:
    """Per map (n, 3) x, y, score, pixel by pixel on the whole enlarged map."""
    found = []
    for small in maps:
        big = cv2.resize(small, size_wh, interpolation=cv2.INTER_CUBIC)
        rows = []
        for y, x in np.argwhere(big[1:-1, 1:-1] > threshold) + 1:
            neighbours = np.delete(big[y - 1 : y + 2, x - 1 : x + 2].ravel(), 4)
            if big[y, x] <= neighbours.max():
                continue
            ys, xs = np.mgrid[max(y - 3, 0) : min(y + 4, size_wh[1]), max(x - 3, 0) : min(x + 4, size_wh[0])]
            mass = np.maximum(big[ys, xs], 0)
            rows.append((*((side * mass).sum() / mass.sum() for side in (xs, ys)), big[y, x]))
        found.append(np.array(sorted(rows, key=lambda row: -row[2])[:127]).reshape(-1, 3))
    return found


def random_maps(seed: int, shape: tuple[int, ...], blur: float, gain: float) -> np.ndarray:
    """Noise of -0.5 to 0.5, smoothed by a Gaussian of ``blur`` cells: broad hills, also at the edges."""
    maps = np.random.default_rng(seed).random(shape, np.float32) - 0.5
    if blur:
        maps = np.stack([cv2.GaussianBlur(one, (0, 0), blur) for one in maps])
    return (maps * gain).astype(np.float32)


@pytest.mark.parametrize("kind", [SMOOTH, NOISE], ids=["smooth", "noise"])
@pytest.mark.parametrize("size_wh", [(200, 120), (203, 121), (400, 240), (75, 45)], ids=str)
def test_row_33_peaks_equal_those_of_the_whole_maps_enlarged(kind: dict[str, float], size_wh: tuple[int, int]) -> None:
    maps = random_maps(3, (3, 15, 25), **kind)
    peaks = sharp_peaks(maps, size_wh, 0.05)
    for joint, expected in enumerate(plainly(maps, size_wh, 0.05)):
        got = np.column_stack([peaks.xy, peaks.score])[peaks.joint == joint]
        assert len(expected) >= 3
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, atol=1e-4)


def test_row_33_at_most_127_peaks_the_best() -> None:
    maps = random_maps(5, (2, 46, 82), **NOISE)
    peaks = sharp_peaks(maps, SIZE_WH, 0.05)
    assert np.bincount(peaks.joint).tolist() == [127, 127]
    for joint, expected in enumerate(plainly(maps, SIZE_WH, 0.05)):
        np.testing.assert_allclose(peaks.score[peaks.joint == joint], expected[:, 2], atol=1e-5)


def test_of_two_equal_pixels_the_first_is_the_peak() -> None:
    maps = np.zeros((1, 9, 9), np.float32)
    maps[0, 4, 4] = 1  # enlarged, pixels 35 and 36 are equal
    (peak,) = sharp_peaks(maps, (72, 72), 0.05).xy
    assert 34 < peak[0] < 35.5
    assert peak[0] == pytest.approx(peak[1], abs=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.5, 0.3, 1.0])
@pytest.mark.parametrize("size_wh", [SIZE_WH, (650, 368)], ids=str)
def test_constant_maps_have_no_peaks(value: float, size_wh: tuple[int, int]) -> None:
    assert len(sharp_peaks(np.full((18, 46, 82), value, np.float32), size_wh, 0.05).joint) == 0


@pytest.mark.parametrize(("cubic", "flag"), [(True, cv2.INTER_CUBIC), (False, cv2.INTER_LINEAR)])
@pytest.mark.parametrize("size_wh", [(72, 48), (70, 50), (144, 24)], ids=str)
def test_reading_single_pixels_equals_enlarging_the_whole_map(cubic: bool, flag: int, size_wh: tuple[int, int]) -> None:
    maps = np.random.default_rng(1).random((2, 6, 9), np.float32)
    y, x = np.mgrid[: size_wh[1], : size_wh[0]]
    got = Enlarged(maps, size_wh, cubic)(np.ones_like(x), x, y)
    np.testing.assert_allclose(got, cv2.resize(maps[1], size_wh, interpolation=flag), atol=1e-5)


def plain_score(fields: np.ndarray, a: np.ndarray, b: np.ndarray, threshold: float) -> float:
    """One line along enlarged fields (2, H, W), sample by sample."""
    step = b - a
    length = float(np.hypot(*step))
    samples = int(min(max(np.floor(np.sqrt(5 * np.abs(step).max()) + 0.5), 5), 25))
    passing = []
    for k in range(samples):
        x, y = np.floor(a + step * np.float32(k / samples) + 0.5).astype(int)
        along = float(fields[:, y, x] @ step) / length
        if along > threshold:
            passing.append(along)
    if len(passing) / samples > 0.95:
        return float(np.mean(passing))
    return 0.05 if length < np.sqrt(fields[0].size) / 150 else -1


def test_row_33_lines_score_as_sample_by_sample() -> None:
    fields = random_maps(7, (4, 46, 82), blur=3.0, gain=8.0) + 0.1
    big = np.stack([cv2.resize(field, SIZE_WH, interpolation=cv2.INTER_CUBIC) for field in fields])
    random = np.random.default_rng(7)
    a = random.uniform(40, (615, 327), (400, 2)).astype(np.float32)
    b = a + random.uniform(-1, 1, (400, 2)).astype(np.float32) * np.array([[2], [40]] * 200, np.float32)
    channel = np.repeat([0, 2], 200)
    got = line_scores(fields, channel, a, b, SIZE_WH, 0.05)
    expected = [plain_score(big[c : c + 2], one, other, 0.05) for c, one, other in zip(channel, a, b, strict=True)]
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert (got == -1).sum() > 50
    assert (got > 0.06).sum() > 50
    assert (np.abs(got - 0.05) < 1e-4).sum() > 20


def test_points_at_one_place_are_not_joined() -> None:
    at = np.array([[100, 100]], np.float32)
    ones = np.ones((2, 46, 82), np.float32)
    assert line_scores(ones, np.array([0]), at, at, SIZE_WH, 0.05).tolist() == [-1]


@pytest.mark.parametrize("kind", [SMOOTH, NOISE], ids=["smooth", "noise"])
def test_row_34_one_point_per_connected_blob_the_highest_of_the_unsmoothed_map(kind: dict[str, float]) -> None:
    maps = random_maps(9, (2, 30, 40), **kind)
    peaks = blob_peaks(maps, (300, 220))
    for joint, small in enumerate(maps):
        big = cv2.resize(small, (300, 220))
        count, labels = cv2.connectedComponents((cv2.GaussianBlur(big, (3, 3), 0) > 0.1).astype(np.uint8))
        highest = [big[labels == label].max() for label in range(1, count)]
        assert count > 3
        np.testing.assert_array_equal(np.sort(peaks.score[peaks.joint == joint]), np.sort(highest))


def test_row_34_a_blob_inside_a_ring_is_a_point_of_its_own() -> None:
    maps = np.zeros((1, 9, 9), np.float32)
    maps[0, 1:8, 1:8] = 0.5
    maps[0, 2:7, 2:7] = 0
    maps[0, 4, 4] = 0.9
    assert sorted(blob_peaks(maps, (81, 81)).score.tolist()) == pytest.approx([0.5, 0.9])
