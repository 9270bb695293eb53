"""Joints settle on the peaks of their maps: places worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.decoders import DecoderSettings, Fit
from edgepose.decoders.yolo_pose_maps import create, near_of, recognise, settled
from edgepose.errors import ModelError
from edgepose.runtimes import Signature, Tensor
from edgepose.skeletons import COCO17

BOX = np.array([[40, 40, 120, 240]], np.float32)  # 200 px long: a guess is good to 20 px, 2.5 cells of 8 px


def one(maps: np.ndarray, x: float, y: float, boxes: np.ndarray = BOX) -> list[float]:
    """Where a single joint, guessed at (x, y), settles on a (h, w) map of stride 8."""
    return settled(np.array([[[x, y, 0.7]]], np.float32), boxes, maps[None].astype(np.float32), 8, np.float32([0.1]))[
        0, 0
    ].tolist()


def test_a_lone_peak_is_the_middle_of_its_cell() -> None:
    maps = np.zeros((40, 40))
    maps[12, 10] = 0.8
    assert one(maps, 80, 110) == pytest.approx([84, 100, 0.7], abs=1e-3)


def test_two_equal_cells_meet_between_them_and_unequal_ones_by_their_squares() -> None:
    maps = np.zeros((40, 40))
    maps[12, 10:12] = 0.8
    assert one(maps, 88, 100)[0] == pytest.approx(88, abs=1e-3)
    maps[12, 11] = 0.4  # 4 : 1
    assert one(maps, 88, 100)[0] == pytest.approx(84 + 8 / 5, abs=1e-3)


def test_the_nearer_of_two_peaks_wins_unless_the_other_is_much_surer() -> None:
    maps = np.zeros((40, 40))
    maps[12, 8], maps[12, 12] = 0.6, 0.8  # two cells to either side of the guess at cell 10; then 1 and 3 cells
    assert one(maps, 84, 100)[0] == pytest.approx(100, abs=1e-3)
    assert one(maps, 76, 100)[0] == pytest.approx(68, abs=1e-3)  # 0.6 e^-0.08 against 0.8 e^-0.72


def test_an_unsure_map_and_a_peak_out_of_reach_leave_the_guess() -> None:
    maps = np.full((40, 40), 0.09)
    maps[12, 17] = 0.9  # seven cells away
    assert one(maps, 84, 100) == pytest.approx([84, 100, 0.7 * 0.05], abs=1e-3)


def test_a_joint_is_as_sure_as_its_peak_is_high() -> None:
    maps = np.zeros((40, 40))
    maps[12, 10] = 0.35  # half way from 0.15, hardly ever right, to 0.55, nearly always
    assert one(maps, 84, 100)[2] == pytest.approx(0.35)
    maps[12, 10] = 0.9
    assert one(maps, 84, 100)[2] == pytest.approx(0.7)


def test_small_people_look_less_far() -> None:
    maps = np.zeros((40, 40))
    maps[12, 10], maps[12, 13] = 0.3, 0.9
    small = np.array([[70, 90, 90, 120]], np.float32)  # a guess is good to half a cell
    assert one(maps, 84, 100, small)[0] == pytest.approx(84, abs=1e-3)
    assert one(maps, 84, 100)[0] == pytest.approx(108, abs=1e-3)


def test_guesses_outside_the_picture_and_nobody_are_no_trouble() -> None:
    maps = np.zeros((40, 40))
    maps[0, 0] = 0.9
    assert one(maps, -5, -8)[:2] == pytest.approx([4, 4], abs=1e-3)
    assert one(maps, -5000, 9000)[:2] == [-5000, 9000]
    nobody = settled(
        np.empty((0, 17, 3), np.float32), np.empty((0, 4), np.float32), np.zeros((17, 40, 40)), 8, near_of(COCO17)
    )
    assert nobody.shape == (0, 17, 3)


def network(rows: tuple[int, ...], maps: tuple[int, ...]) -> Signature:
    outputs = (Tensor("rows", rows, "float32"), Tensor("maps", maps, "float32"))
    return Signature((Tensor("images", (1, 3, 320, 320), "float32"),), outputs, {})


def test_other_numbers_of_joints_are_refused() -> None:
    fits = network((1, 56, 2100), (1, 17, 40, 40))
    assert recognise(fits) is Fit.IS
    assert create(fits, COCO17, DecoderSettings()).skeleton is COCO17
    for other in (network((1, 56, 2100), (1, 18, 40, 40)), network((1, 57, 2100), (1, 17, 40, 40))):
        assert recognise(other) is Fit.NO
        with pytest.raises(ModelError, match=r"\(1, 56, N\) and \(1, 17, h, w\) for coco17"):
            create(other, COCO17, DecoderSettings())


def test_broken_maps_are_an_error() -> None:
    decoder = create(network((1, 56, 2100), (1, 17, 40, 40)), COCO17, DecoderSettings())
    view = decoder.views(np.zeros((320, 320, 3), np.uint8))[0]
    with pytest.raises(ModelError, match="maps are not finite"):
        decoder.decode([np.zeros((1, 56, 2100), np.float32), np.full((1, 17, 40, 40), np.nan, np.float32)], view)


def test_shoulders_and_hips_look_less_far_than_limbs() -> None:
    near = near_of(COCO17)
    trunk = COCO17.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    assert near[trunk].max() < 0.5 * np.delete(near, trunk).min()
