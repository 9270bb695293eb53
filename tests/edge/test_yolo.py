"""YOLO layouts through real ONNX files: the letterbox inverse and the suppression are exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgepose.decoders import DecoderSettings
from edgepose.errors import ModelError
from edgepose.estimator import Estimator
from edgepose.models import Engine, load_pose
from tests.onnx_files import column_of_joints, constant_network, finished_yolo, raw_yolo


def estimator(path: Path, **settings: float) -> Estimator:
    return Estimator(*load_pose(path, Engine(threads=1), DecoderSettings(**settings)))  # type: ignore[arg-type]


def picture(width: int = 1280, height: int = 720) -> np.ndarray:
    return np.zeros((height, width, 3), np.uint8)


def test_row_58_the_letterbox_is_undone_for_boxes_and_keypoints(tmp_path: Path) -> None:
    """1280×720 in 640×640 is halved and moved down by 140 px."""
    person = ([320, 320, 100, 200], 0.9, column_of_joints(300, 240, 10))
    path = constant_network(tmp_path / "raw.onnx", (1, 3, 640, 640), raw_yolo([person]))
    (pose,) = estimator(path)(picture())
    np.testing.assert_allclose(pose.box_xyxy, [540, 160, 740, 560], atol=1e-3)
    np.testing.assert_allclose(pose.keypoints[:, 0], 600, atol=1e-3)
    np.testing.assert_allclose(pose.keypoints[:, 1], 200 + 20 * np.arange(17), atol=1e-3)
    np.testing.assert_allclose(pose.keypoints[:, 2], 0.9, atol=1e-6)
    assert pose.score == pytest.approx(0.9)


def test_row_58_an_odd_pixel_of_padding_goes_right_and_down(tmp_path: Path) -> None:
    """A 101×50 frame in 64×64 becomes 64×32 (31.68 rounded), 16 px down; a 50×101 frame 32×64, 16 px right.

    The inverse knows of the rounding: 1 px of the input is 50/32 px of the frame, not 101/64.
    """
    joints = column_of_joints(32, 20, 1)
    path = constant_network(tmp_path / "raw.onnx", (1, 3, 64, 64), raw_yolo([([32, 28, 8, 8], 0.9, joints)]))
    (pose,) = estimator(path)(picture(101, 50))
    np.testing.assert_allclose(pose.keypoints[0, :2], [32 * 101 / 64, 4 * 50 / 32], atol=1e-3)
    (pose,) = estimator(path)(picture(50, 101))
    np.testing.assert_allclose(pose.keypoints[0, :2], [16 * 50 / 32, 20 * 101 / 64], atol=1e-3)


def test_what_lies_outside_the_frame_is_clipped_to_it(tmp_path: Path) -> None:
    person = ([320, 100, 2000, 200], 0.9, column_of_joints(700, 0, 40))
    path = constant_network(tmp_path / "raw.onnx", (1, 3, 640, 640), raw_yolo([person]))
    (pose,) = estimator(path)(picture())
    np.testing.assert_allclose(pose.box_xyxy, [0, 0, 1280, 120], atol=1e-3)
    assert pose.keypoints[:, 0].max() == 1280
    assert pose.keypoints[:, 1].min() == 0
    assert pose.keypoints[:, 1].max() == 720


def test_row_58_the_better_of_two_overlapping_boxes_stays(tmp_path: Path) -> None:
    """IoU of [0, 100]² and the same moved by 17 px is 83/117 = 0.709, moved by 18 px 82/118 = 0.695."""
    joints = column_of_joints(100, 100)

    def people(shift: float) -> np.ndarray:
        return raw_yolo([([250, 250, 100, 100], 0.6, joints), ([250 + shift, 250, 100, 100], 0.8, joints)])

    near = constant_network(tmp_path / "near.onnx", (1, 3, 640, 640), people(17))
    far = constant_network(tmp_path / "far.onnx", (1, 3, 640, 640), people(18))
    assert [pose.score for pose in estimator(near)(picture())] == [pytest.approx(0.8)]
    assert [pose.score for pose in estimator(far)(picture())] == [pytest.approx(0.8), pytest.approx(0.6)]
    assert len(estimator(far, iou=0.69)(picture())) == 1


def test_the_threshold_and_the_most_people_hold(tmp_path: Path) -> None:
    joints = column_of_joints(100, 100)
    scores = [0.9, 0.3, 0.2, 0.5]
    people = [([100 * i + 50, 250, 50, 100], score, joints) for i, score in enumerate(scores)]
    path = constant_network(tmp_path / "raw.onnx", (1, 3, 640, 640), raw_yolo(people))
    assert [round(p.score, 3) for p in estimator(path)(picture())] == [0.9, 0.5, 0.3]
    assert len(estimator(path, min_score=0.1)(picture())) == 4
    assert [round(p.score, 3) for p in estimator(path, most_people=2)(picture())] == [0.9, 0.5]


def test_forty_people_are_forty(tmp_path: Path) -> None:
    people = [
        ([40 + 80 * (i % 8), 160 + 60 * (i // 8), 30, 50], 0.5 + 0.01 * i, column_of_joints(40, 160, 1))
        for i in range(40)
    ]
    path = constant_network(tmp_path / "raw.onnx", (1, 3, 640, 640), raw_yolo(people))
    assert len(estimator(path)(picture())) == 40


def test_row_58_a_raw_export_with_several_classes_takes_the_best_score(tmp_path: Path) -> None:
    """Two classes: columns 4 and 5 are scores, keypoints begin at 6."""
    one = raw_yolo([([320, 320, 100, 200], 0.3, column_of_joints(300, 240))])
    two = np.insert(one, 5, 0.0, axis=1)
    two[0, 5, 0] = 0.8
    path = constant_network(tmp_path / "raw.onnx", (1, 3, 640, 640), two)
    (pose,) = estimator(path)(picture())
    assert pose.score == pytest.approx(0.8)
    np.testing.assert_allclose(pose.keypoints[0, :2], [600, 200], atol=1e-3)


def test_row_59_end_to_end_rows_need_only_the_threshold(tmp_path: Path) -> None:
    """Overlapping rows stay: the network has decided."""
    joints = column_of_joints(300, 240)
    people = [
        ([270, 220, 370, 420], 0.9, joints),
        ([272, 220, 372, 420], 0.6, joints),
        ([0, 0, 9, 9], 0.1, joints),
    ]
    path = constant_network(tmp_path / "e2e.onnx", (1, 3, 640, 640), finished_yolo(people))
    poses = estimator(path)(picture())
    assert [round(pose.score, 3) for pose in poses] == [0.9, 0.6]
    np.testing.assert_allclose(poses[0].box_xyxy, [540, 160, 740, 560], atol=1e-3)


def test_row_58_the_picture_lands_where_the_inverse_says(tmp_path: Path) -> None:
    """A white dot at frame (800, 300) is brightest at input (400, 290) = (800, 300)/2 + (0, 140)."""
    path = constant_network(tmp_path / "raw.onnx", (1, 3, 640, 640), raw_yolo([]))
    frame = picture()
    frame[298:302, 798:802] = (0, 0, 255)  # red in BGR
    (view,) = estimator(path).decoder.views(frame, None)
    red, _, blue = view.tensor[0]
    rows, columns = np.nonzero(red > 0.9)
    assert (columns.mean(), rows.mean()) == pytest.approx((399.5, 289.5), abs=0.6)
    assert blue[140:500].max() == 0
    assert red[139, 0] == pytest.approx(114 / 255)
    assert red[140, 0] == 0


def test_a_joint_that_is_not_finite_is_a_missing_joint(tmp_path: Path) -> None:
    joints = column_of_joints(300, 240)
    joints[3, 0], joints[5, 2] = np.nan, np.inf
    path = constant_network(tmp_path / "raw.onnx", (1, 3, 640, 640), raw_yolo([([320, 320, 100, 200], 0.9, joints)]))
    (pose,) = estimator(path)(picture())
    for joint in (3, 5):
        np.testing.assert_array_equal(pose.keypoints[joint], [np.nan, np.nan, 0])
    assert np.isfinite(np.delete(pose.keypoints, [3, 5], axis=0)).all()


def test_metadata_with_another_joint_count_is_refused(tmp_path: Path) -> None:
    path = constant_network(
        tmp_path / "raw.onnx", (1, 3, 640, 640), raw_yolo([]), {"kpt_shape": "[21, 3]", "task": "pose"}
    )
    with pytest.raises(ModelError, match="21 joints"):
        estimator(path)


def test_dynamic_sides_default_to_640(tmp_path: Path) -> None:
    person = ([320, 320, 100, 200], 0.9, column_of_joints(300, 240))
    path = constant_network(tmp_path / "raw.onnx", (1, 3, "height", "width"), raw_yolo([person]))
    (pose,) = estimator(path)(picture())
    np.testing.assert_allclose(pose.keypoints[0, :2], [600, 200], atol=1e-3)
