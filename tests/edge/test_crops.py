"""Crops of people: which part of the frame, in which pixels, and back; one, several, mirrored, in batches."""

from __future__ import annotations

import warnings

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepose.crops import Cropper, Crops, input_spec
from edgepose.decoders import View
from edgepose.errors import ModelError
from edgepose.runtimes import Tensor
from edgepose.types import Pose, Track

FRAME = np.zeros((720, 1280, 3), np.uint8)
OPEN = Tensor("input", (None, 3, 256, 192), "float32")


def person(*box: float, score: float = 0.8) -> Track:
    return Track(-1, Pose(np.zeros((0, 3), np.float32), np.array(box, np.float32), score))


def cropper(tensor: Tensor = OPEN, way: str = "affine", mirrored: bool = False, pixels: str = "bytes") -> Cropper:
    return Cropper(tensor, input_spec(tensor, pixels, "rgb"), way, mirrored)


def crops(view: View) -> Crops:
    return view.place.crops


def area(way: str, *box: float) -> np.ndarray:
    (view,) = cropper(way=way).views(FRAME, [person(*box)])
    return crops(view).areas_xywh[0]


class TestWhichPartOfTheFrame:
    def test_a_box_that_is_too_narrow_gets_wider(self) -> None:
        """100×400 round (650, 300): 300×400 has the aspect 3:4, × 1.25 = 375×500."""
        np.testing.assert_allclose(area("affine", 600, 100, 700, 500), (462.5, 50, 375, 500))

    def test_a_box_that_is_too_wide_gets_higher_and_may_reach_over_the_frame(self) -> None:
        """600×200 round (300, 100): 600×800, × 1.25 = 750×1000."""
        np.testing.assert_allclose(area("affine", 0, 0, 600, 200), (-75, -400, 750, 1000))

    def test_row_05_simpleposes_demo_enlarges_and_clips(self) -> None:
        """200×400 round (1200, 400): 250×500 from (1075, 150), of which 205 px are inside."""
        np.testing.assert_allclose(area("resize", 1100, 200, 1300, 600), (1077.5, 150, 202.5, 500))
        np.testing.assert_allclose(area("resize", 500, 200, 700, 600), (475, 150, 250, 500))

    def test_what_hangs_over_the_frame_does_not_move_the_centre_twice(self) -> None:
        """The box ends at the frame's edge: 1100..1280 is 180 wide round 1190."""
        np.testing.assert_allclose(area("affine", 1100, 200, 1400, 600), (1190 - 187.5, 150, 375, 500))


class TestWhichPixels:
    def test_affine_pixels_lie_where_the_inverse_says(self) -> None:
        """96×128 px from (480, 280) fill 192×256: pixel (x, y) of the frame is exactly (2x - 960, 2y - 560)."""
        frame = FRAME.copy()
        frame[300:320, 500:520] = 255
        (view,) = cropper().views(frame, [person(489.6, 292.8, 566.4, 395.2)])
        np.testing.assert_allclose(crops(view).areas_xywh[0], (480, 280, 96, 128), atol=1e-4)
        row, column = view.tensor[0, 0, 40, 36:84], view.tensor[0, 0, 36:84, 40]
        for line in (row, column):
            np.testing.assert_allclose(line[[2, 4, 42, 44]], (0, 255, 255, 0), atol=1)
            np.testing.assert_allclose(line[[3, 43]], 127.5, atol=8)

    @pytest.mark.parametrize("way", ["affine", "resize"])
    def test_a_dot_comes_back_to_where_it_is(self, way: str) -> None:
        """A dot's centre of mass in the input, taken back, is the dot, within half a pixel of the frame.

        (Half a pixel is the resize's: it counts from the pixels' edges, as the demo's inverse does not.)
        """
        frame = FRAME.copy()
        cv2.circle(frame, (613, 287), 9, (255, 255, 255), -1)
        (view,) = cropper(way=way).views(frame, [person(560, 200, 680, 400)])
        heat = view.tensor[0, 0]
        y, x = np.mgrid[:256, :192]
        found = np.array([[[(x * heat).sum() / heat.sum(), (y * heat).sum() / heat.sum(), 1]]], np.float32)
        (pose,) = crops(view).people(found, (192, 256))
        np.testing.assert_allclose(pose.keypoints[0, :2], (613, 287), atol=0.55)

    def test_the_same_as_hrnets_three_points_give(self) -> None:
        """HRNet builds its affine from the centre, a point above it by half the width, and one to the left."""
        box = (320.0, 110.0, 433.0, 402.0)
        x, y, width, height = area("affine", *box)
        centre = np.float32([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
        up, left = np.float32([0, -width / 2]), np.float32([-width / 2, 0])
        source = np.stack([centre, centre + up, centre + left])
        target = np.float32([(96, 128), (96, 128 - 96), (0, 128)])
        theirs = cv2.getAffineTransform(source, target)
        corners = np.array([(x, y, 1), (x + width, y + height, 1)])
        np.testing.assert_allclose(corners @ theirs.T, [(0, 0), (192, 256)], atol=1e-3)

    def test_row_20_the_inverse_affine_is_exact(self) -> None:
        """Heat map px of frame points by HRNet's own matrix (64×48), back by ours: within 0.001 px."""
        (view,) = cropper().views(FRAME, [person(320, 110, 433, 402)])
        x, y, width, height = crops(view).areas_xywh[0]
        to_map = cv2.getAffineTransform(
            np.float32([(x, y), (x + width, y), (x, y + height)]), np.float32([(0, 0), (48, 0), (0, 64)])
        )
        points = np.random.default_rng(3).uniform((x, y), (x + width, y + height), (17, 2))
        cells = np.column_stack([points, np.ones(17)]) @ to_map.T
        found = np.column_stack([cells, np.ones(17)])[None].astype(np.float32)
        (pose,) = crops(view).people(found, (48, 64))
        np.testing.assert_allclose(pose.keypoints[:, :2], points, atol=1e-3)

    @pytest.mark.parametrize(
        ("pixels", "colour", "expected"),
        [
            ("bytes", "rgb", (30, 20, 10)),
            ("bytes", "bgr", (10, 20, 30)),
            ("unit", "rgb", (30 / 255, 20 / 255, 10 / 255)),
            ("imagenet", "rgb", ((30 - 123.675) / 58.395, (20 - 116.28) / 57.12, (10 - 103.53) / 57.375)),
            ("imagenet", "bgr", ((10 - 123.675) / 58.395, (20 - 116.28) / 57.12, (30 - 103.53) / 57.375)),
        ],
    )
    @pytest.mark.parametrize("shape", [(None, 3, 256, 192), (1, 256, 192, 3)])
    def test_what_the_network_sees_of_a_blue_10_green_20_red_30_picture(
        self, pixels: str, colour: str, expected: tuple[float, ...], shape: tuple[int | None, ...]
    ) -> None:
        tensor = Tensor("input", shape, "float32")
        frame = np.full((720, 1280, 3), (10, 20, 30), np.uint8)
        (view,) = Cropper(tensor, input_spec(tensor, pixels, colour)).views(frame, [person(560, 200, 680, 400)])
        middle = view.tensor[0, :, 128, 96] if shape[1] == 3 else view.tensor[0, 128, 96]
        np.testing.assert_allclose(middle, expected, rtol=1e-5)

    def test_beyond_the_picture_it_is_black(self) -> None:
        (view,) = cropper(pixels="imagenet").views(np.full_like(FRAME, 200), [person(0, 0, 60, 200)])
        np.testing.assert_allclose(view.tensor[0, :, 0, 0], (-123.675 / 58.395, -116.28 / 57.12, -103.53 / 57.375))

    def test_a_quantised_input_is_filled_through_its_scale(self) -> None:
        """0..1 in steps of 1/255 from -128: byte 200 is 72."""
        tensor = Tensor("input", (1, 256, 192, 3), "int8", 1 / 255, -128)
        (view,) = cropper(tensor, pixels="unit").views(np.full_like(FRAME, 200), [person(560, 200, 680, 400)])
        assert view.tensor.dtype == np.int8
        assert (view.tensor == 72).all()


class TestBatches:
    PEOPLE = tuple(person(100 * i, 100, 100 * i + 80, 300, score=0.1 * (i + 1)) for i in range(5))

    def test_an_open_batch_takes_everybody_at_once(self) -> None:
        (view,) = cropper().views(FRAME, self.PEOPLE)
        assert view.tensor.shape == (5, 3, 256, 192)
        assert len(crops(view)) == 5

    def test_a_fixed_batch_is_filled(self) -> None:
        views = cropper(Tensor("input", (2, 3, 256, 192), "float32")).views(np.full_like(FRAME, 9), self.PEOPLE)
        assert [view.tensor.shape for view in views] == [(2, 3, 256, 192)] * 3
        assert [len(crops(view)) for view in views] == [2, 2, 1]
        assert views[2].tensor[0].any()
        assert not views[2].tensor[1].any()
        answer = np.arange(2.0).reshape(2, 1)
        np.testing.assert_array_equal(views[2].place.complete(answer), [[0]])

    @pytest.mark.parametrize(("batch", "rows", "shapes"), [(None, 10, 1), (4, 4, 3), (5, 4, 3)])
    def test_mirror_images_come_behind_their_originals(self, batch: int | None, rows: int, shapes: int) -> None:
        frame = np.random.default_rng(0).integers(0, 255, FRAME.shape, np.uint8)
        views = cropper(Tensor("input", (batch, 3, 256, 192), "float32"), mirrored=True).views(frame, self.PEOPLE)
        assert len(views) == shapes
        shown, tensor = views[0].place, views[0].tensor
        assert shown.rows == rows == 2 * len(shown.crops)
        for i in range(len(shown.crops)):
            np.testing.assert_array_equal(tensor[len(shown.crops) + i], tensor[i, :, :, ::-1])

    def test_mirror_images_of_a_batch_of_one_come_in_the_next_view(self) -> None:
        frame = np.random.default_rng(0).integers(0, 255, FRAME.shape, np.uint8)
        for shape in ((1, 3, 256, 192), (1, 256, 192, 3)):
            plain, mirrored = cropper(Tensor("input", shape, "float32"), mirrored=True).views(frame, self.PEOPLE[:1])
            across = 3 if shape[1] == 3 else 2
            np.testing.assert_array_equal(np.flip(plain.tensor, across), mirrored.tensor)
            assert plain.place is mirrored.place
            assert plain.place.complete(np.zeros((1, 2))) is None
            np.testing.assert_array_equal(mirrored.place.complete(np.ones((1, 2))), [[0, 0], [1, 1]])

    def test_nobody_is_no_view(self) -> None:
        assert cropper().views(FRAME, []) == []
        assert cropper().views(FRAME, None) == []


class TestBoxesThatAreNone:
    @pytest.mark.parametrize(
        "box",
        [
            (np.nan, 100, 200, 300),
            (100, 100, np.inf, 300),
            (100, 100, 100, 300),
            (200, 100, 100, 300),
            (-300, 100, -10, 300),
            (1300, 100, 1500, 300),
            (100, 719.5, 200, 900),
        ],
        ids=["nan", "infinite", "no width", "turned round", "left of it", "right of it", "half a pixel inside"],
    )
    def test_there_is_no_crop_for_them_and_the_others_keep_theirs(self, box: tuple[float, ...]) -> None:
        good = person(500, 200, 700, 600, score=0.7)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert cropper().views(FRAME, [person(*box)]) == []
            (view,) = cropper().views(FRAME, [person(*box), good])
        np.testing.assert_allclose(crops(view).scores, [0.7])
        np.testing.assert_allclose(crops(view).boxes_xyxy, [(500, 200, 700, 600)])

    @settings(max_examples=80, deadline=None)
    @given(
        box=st.lists(st.floats(width=32), min_size=4, max_size=4),
        size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
        way=st.sampled_from(["affine", "resize"]),
    )
    def test_any_box_on_any_white_picture_gives_some_of_it_or_no_view(
        self, box: list[float], size: tuple[int, int], way: str
    ) -> None:
        frame = np.full((*size, 3), 255, np.uint8)
        for view in cropper(way=way).views(frame, [person(*box)]):
            assert np.isfinite(view.tensor).all()
            left, top, width, height = crops(view).areas_xywh[0]
            assert width > 0
            assert height > 0
            assert left < size[1]
            assert top < size[0]
            assert view.tensor.max() > 100


class TestPeople:
    def test_the_score_is_the_boxs_times_the_mean_of_the_joints_above_0_2(self) -> None:
        """0.8 · (0.9 + 0.5) / 2; 0.2 and 0.1 do not count."""
        (view,) = cropper().views(FRAME, [person(560, 200, 680, 400, score=0.8)])
        found = np.array([[(1, 1, 0.9), (2, 2, 0.5), (3, 3, 0.2), (4, 4, 0.1)]], np.float32)
        (pose,) = crops(view).people(found, (48, 64))
        assert pose.score == pytest.approx(0.56)
        np.testing.assert_array_equal(pose.box_xyxy, (560, 200, 680, 400))

    def test_a_person_without_joints_stays_with_the_box_and_score_0(self) -> None:
        (view,) = cropper().views(FRAME, [person(560, 200, 680, 400)])
        (pose,) = crops(view).people(np.full((1, 3, 3), (np.nan, np.nan, 0), np.float32), (48, 64))
        assert pose.score == 0
        assert np.isnan(pose.keypoints[:, :2]).all()
        np.testing.assert_array_equal(pose.keypoints[:, 2], 0)


def test_an_input_that_is_no_picture_is_refused() -> None:
    with pytest.raises(ModelError, match=r"expected an image"):
        input_spec(Tensor("input", (1, 4, 256, 192), "float32"), "bytes", "rgb")
