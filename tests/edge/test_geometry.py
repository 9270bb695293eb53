"""Letterbox, boxes, suppression, OKS, angles: numbers by hand, and what must hold for any input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.errors import ModelError
from edgepose.geometry import Letterbox, angle_deg, box_iou, box_of_keypoints, non_maximum_suppression, oks
from edgepose.skeletons import COCO17, H36M17, SKELETONS, named

sides = st.integers(1, 4000)


@given(sides, sides, st.sampled_from([192, 320, 640]), st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_a_point_of_the_frame_survives_the_letterbox(
    width: int, height: int, side: int, u: float, v: float, centred: bool
) -> None:
    box = Letterbox.fit((width, height), (side, side), centred)
    point = np.array([u * width, v * height])
    inside = point * box.scale_xy + [box.pad_x, box.pad_y]
    back = box.to_frame(inside[None].astype(np.float32))[0]
    np.testing.assert_allclose(back, point, atol=2e-3 * max(width, height) / min(side, max(width, height)))


@given(sides, sides)
def test_the_resized_picture_lies_inside_the_input(width: int, height: int) -> None:
    box = Letterbox.fit((width, height), (640, 480))
    assert 1 <= box.width <= 640 - box.pad_x
    assert 1 <= box.height <= 480 - box.pad_y


def test_box_iou_by_hand() -> None:
    a = np.array([[0, 0, 10, 10], [5, 5, 5, 5]], np.float32)
    b = np.array([[5, 0, 15, 10], [20, 20, 30, 30]], np.float32)
    np.testing.assert_allclose(box_iou(a, b), [[50 / 150, 0], [0, 0]], atol=1e-6)


def test_suppression_keeps_the_best_of_each_heap() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]], np.float32)
    scores = np.array([0.5, 0.9, 0.1], np.float32)
    assert non_maximum_suppression(boxes, scores, 0.5, 10).tolist() == [1, 2]
    assert non_maximum_suppression(boxes, scores, 0.9, 10).tolist() == [1, 0, 2]
    assert non_maximum_suppression(boxes, scores, 0.5, 1).tolist() == [1]
    assert non_maximum_suppression(boxes[:0], scores[:0], 0.5, 1).tolist() == []


def test_oks_by_hand() -> None:
    """Every joint moved by 2σ·sqrt(area) gives exp(-1/2); missing joints do not count."""
    sigmas = np.array([0.1, 0.1])
    a = np.array([[0, 0, 1], [10, 10, 1]], np.float32)
    b = a + np.array([0.2 * 100, 0, 0], np.float32)
    assert oks(a, b, 1e4, sigmas) == pytest.approx(np.exp(-0.5), abs=1e-6)
    b[1] = (np.nan, np.nan, 0)
    assert oks(a, b, 1e4, sigmas) == pytest.approx(np.exp(-0.5), abs=1e-6)
    assert oks(a, np.full_like(a, np.nan), 1e4, sigmas) == 0
    assert oks(a, a, float("nan"), sigmas) == 0


def test_angles_are_inner_angles() -> None:
    corner = np.zeros(2)
    right, up, left = np.array([1.0, 0]), np.array([0, -1.0]), np.array([-1.0, 0])
    assert angle_deg(right, corner, up) == pytest.approx(90)
    assert angle_deg(up, corner, right) == pytest.approx(90)
    assert angle_deg(right, corner, left) == pytest.approx(180)
    assert np.isnan(angle_deg(right, corner, corner))


def test_the_box_of_nobody_is_unknown() -> None:
    assert np.isnan(box_of_keypoints(np.full((17, 3), np.nan, np.float32))).all()
    keypoints = np.array([[3, 4, 1], [np.nan, np.nan, 0], [1, 9, 0.2]], np.float32)
    assert box_of_keypoints(keypoints).tolist() == [1, 4, 3, 9]


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_mirroring_twice_changes_nothing(skeleton: object) -> None:
    mirror = skeleton.mirror  # type: ignore[attr-defined]
    assert mirror[mirror].tolist() == list(range(len(mirror)))


def test_skeletons_have_the_contracts_order() -> None:
    assert COCO17.indices("nose", "left_eye", "right_wrist", "right_ankle").tolist() == [0, 1, 10, 16]
    assert H36M17.indices("pelvis", "right_hip", "left_ankle", "neck", "right_wrist").tolist() == [
        0,
        1,
        6,
        9,
        16,
    ]
    assert COCO17.mirror[COCO17.index("left_hip")] == COCO17.index("right_hip")
    with pytest.raises(ModelError, match="coco17"):
        named("octopus")
    with pytest.raises(KeyError, match="no joint"):
        COCO17.index("tail")
