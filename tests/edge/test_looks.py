"""Closer looks: squares round people who are followed, and points back in the frame; places worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.decoders import View
from edgepose.geometry import Letterbox
from edgepose.looks import Look, Looker
from edgepose.preprocess import InputSpec, Letterboxer
from edgepose.runtimes import Tensor
from edgepose.types import Pose, Track

SIDE = 160
FAR = (400.0, 180.0, 420.0, 230.0)  # 50 px long: a square of 80 px, enlarged twice


def looker(closer: bool = True) -> Looker:
    tensor = Tensor("images", (1, 3, SIDE, SIDE), "float32")
    return Looker(Letterboxer(InputSpec(SIDE, SIDE, True), tensor), (SIDE, SIDE), closer)


def at(*box: float) -> Track:
    return Track(0, pose(*box))


def pose(*box: float) -> Pose:
    return Pose(np.zeros((17, 3), np.float32), np.array(box, np.float32), 0.9)


def picture() -> np.ndarray:
    image = np.zeros((480, 640, 3), np.uint8)
    image[205, 410] = 255  # in the middle of FAR
    return image


def squares(views: list[View]) -> list[tuple[float, ...] | None]:
    return [view.place.square_xyxy for view in views]


def test_nobody_known_and_one_look_for_all_show_the_whole_picture() -> None:
    whole = Letterbox.fit((640, 480), (SIDE, SIDE))
    for views in (looker().views(picture(), None), looker().views(picture(), []),
                  looker(False).views(picture(), [at(*FAR)])):  # fmt: skip
        (view,) = views
        assert view.place.place == whole
        assert view.place.admits(pose(*FAR))


def test_somebody_small_is_enlarged_round_their_middle() -> None:
    (view,) = looker().views(picture(), [at(*FAR)])
    assert view.place.square_xyxy == (370, 165, 450, 245)
    assert view.tensor.shape == (1, 3, SIDE, SIDE)
    bright = np.argwhere(view.tensor[0, 0] > 0.1)
    there = bright.mean(axis=0)[::-1] + 0.5  # the pixel's middle, in px of the input
    assert there.tolist() == pytest.approx([81, 81])  # 410.5 - 370 = 40.5, doubled
    assert view.place.place.to_frame(np.float32([[81, 81]]))[0].tolist() == pytest.approx([410.5, 205.5])


def test_a_square_reaches_over_the_frame_and_is_grey_there() -> None:
    (view,) = looker().views(np.zeros((480, 640, 3), np.uint8), [at(0, 200, 20, 250)])
    assert view.place.square_xyxy == (-30, 185, 50, 265)
    assert view.tensor[0, :, 80, 10].tolist() == pytest.approx([114 / 255] * 3)
    assert view.tensor[0, :, 80, 100].tolist() == [0, 0, 0]


def test_somebody_large_needs_no_closer_look_and_a_crowd_shares_one() -> None:
    assert squares(looker().views(picture(), [at(100, 40, 300, 440)])) == [None]  # 640 px would show less
    assert squares(looker().views(picture(), [at(*FAR)] * 5)) == [None]
    assert squares(looker().views(picture(), [at(100, 40, 300, 440), at(*FAR)])) == [(370, 165, 450, 245), None]


def test_the_whole_picture_is_searched_every_fifth_frame_for_others() -> None:
    eyes = looker()
    counts = [len(eyes.views(picture(), [at(*FAR)])) for _ in range(10)]
    assert counts == [1, 1, 1, 1, 2, 1, 1, 1, 1, 2]
    for _ in range(4):
        eyes.views(picture(), [at(*FAR)])
    search: Look = eyes.views(picture(), [at(*FAR)])[-1].place
    assert not search.admits(pose(402, 182, 420, 230))
    assert search.admits(pose(500, 182, 520, 230))


def test_somebody_cut_by_the_square_is_not_told_but_cut_by_the_frame_is() -> None:
    (view,) = looker().views(picture(), [at(*FAR)])
    look: Look = view.place
    assert look.admits(pose(*FAR))
    assert not look.admits(pose(370, 200, 390, 240))  # where the square ends
    (view,) = looker().views(picture(), [at(0, 200, 20, 250)])
    assert view.place.admits(pose(0, 200, 20, 250))


def test_broken_boxes_have_no_look() -> None:
    views = looker().views(picture(), [at(np.nan, 1, 2, 3), at(*FAR)])
    assert squares(views) == [(370, 165, 450, 245), None]
