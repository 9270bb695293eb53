"""Row 60, Ultralytics TFLite: normalised coordinates, NHWC and NCHW, int8 and uint8 with scale and zero point."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from edgepose.decoders import Decoder, DecoderModule, DecoderSettings
from edgepose.estimator import Estimator
from edgepose.models import Engine, load_pose
from edgepose.runtimes import Signature, Tensor
from edgepose.runtimes.litert import _real
from edgepose.skeletons import COCO17
from edgepose.types import Pose
from tests.onnx_files import column_of_joints, constant_network, finished_yolo, raw_yolo

FRAME = np.zeros((720, 1280, 3), np.uint8)
WH = np.array([640, 640])

# 1280×720 in 640×640 is halved and moved down by 140 px.
BOX_XYXY = (540, 160, 740, 560)
JOINTS_X, JOINTS_Y = 600, 200 + 20 * np.arange(17)


def joints(normalised: bool) -> np.ndarray:
    column = column_of_joints(300, 240)
    column[:, :2] /= WH if normalised else 1
    return column


def output(decoder: str, boxes: bool, keypoints: bool) -> np.ndarray:
    """The same person in a raw map or finished rows; True: in fractions of the input."""
    size = 640 if boxes else 1
    if decoder == "yolo_pose":
        return raw_yolo([([value / size for value in (320, 320, 100, 200)], 0.9, joints(keypoints))])
    return finished_yolo([([value / size for value in (270, 220, 370, 420)], 0.9, joints(keypoints))])


def made(decoder: str, tensor: Tensor, shape: tuple[int, ...]) -> Decoder:
    network = Signature((tensor,), (Tensor("output0", shape, "float32"),), {})
    module: DecoderModule = importlib.import_module(f"edgepose.decoders.{decoder}")  # type: ignore[assignment]
    assert module.recognise(network)
    return module.create(network, COCO17, DecoderSettings())


def is_the_person(pose: Pose, atol: float = 1e-3) -> None:
    np.testing.assert_allclose(pose.box_xyxy, BOX_XYXY, atol=atol)
    np.testing.assert_allclose(pose.keypoints[:, 0], JOINTS_X, atol=atol)
    np.testing.assert_allclose(pose.keypoints[:, 1], JOINTS_Y, atol=atol)


@pytest.mark.parametrize("decoder", ["yolo_pose", "yolo_end2end"])
@pytest.mark.parametrize("boxes", [True, False])
@pytest.mark.parametrize("keypoints", [True, False])
@pytest.mark.parametrize("shape", [(1, 640, 640, 3), (1, 3, 640, 640)], ids=["NHWC", "NCHW"])
def test_row_60_boxes_and_keypoints_are_judged_separately(
    decoder: str, boxes: bool, keypoints: bool, shape: tuple[int, ...], tmp_path: Path
) -> None:
    """Fractions and pixels in any mix, in both input layouts, are the same person."""
    path = constant_network(tmp_path / "m.onnx", shape, output(decoder, boxes, keypoints))
    (pose,) = Estimator(*load_pose(path, Engine(threads=1), DecoderSettings()))(FRAME)
    is_the_person(pose)


def test_row_60_width_and_height_have_their_own_factor() -> None:
    """320 × 640 (w × h): a 320×640 frame fits as it is; (0.5, 0.25) is (160, 160)."""
    decoder = made("yolo_pose", Tensor("images", (1, 640, 320, 3), "float32"), (1, 56, 100))
    person = raw_yolo([([0.5, 0.5, 0.25, 0.25], 0.9, column_of_joints(0.5, 0.25, 0))])
    (view,) = decoder.views(np.zeros((640, 320, 3), np.uint8), None)
    (pose,) = decoder.decode([person], view)
    np.testing.assert_allclose(pose.box_xyxy, [120, 240, 200, 400], atol=1e-3)
    np.testing.assert_allclose(pose.keypoints[:, :2], [[160, 160]] * 17, atol=1e-3)


def test_row_60_a_person_half_outside_is_still_normalised() -> None:
    """x = 1.25 is beyond the edge, not 1.25 px: clipped to the frame's edge."""
    decoder = made("yolo_end2end", Tensor("images", (1, 640, 640, 3), "float32"), (1, 300, 57))
    person = finished_yolo([([0.75, 0.5, 1.25, 0.75], 0.9, column_of_joints(0.9, 0.5, 0))])
    (view,) = decoder.views(FRAME, None)
    (pose,) = decoder.decode([person], view)
    np.testing.assert_allclose(pose.box_xyxy, [960, 360, 1280, 680], atol=1e-3)


@pytest.mark.parametrize("decoder", ["yolo_pose", "yolo_end2end"])
def test_row_60_one_joint_far_outside_makes_no_pixels_of_fractions(decoder: str) -> None:
    """A wrist guessed at 3.5 pictures to the right: it is clipped to the frame's edge, the others stay."""
    rows = output(decoder, True, True)
    (rows[0, 5:, 0] if decoder == "yolo_pose" else rows[0, 0, 6:])[3 * 9] = 3.5
    made_of = made(decoder, Tensor("images", (1, 640, 640, 3), "float32"), rows.shape)
    (view,) = made_of.views(FRAME, None)
    (pose,) = made_of.decode([rows], view)
    assert pose.keypoints[9, 0] == 1280
    np.testing.assert_allclose(np.delete(pose.keypoints[:, 0], 9), JOINTS_X, atol=1e-3)
    np.testing.assert_allclose(pose.box_xyxy, BOX_XYXY, atol=1e-3)


@pytest.mark.parametrize(
    ("dtype", "zero_point", "black", "white", "padding"), [("int8", -128, -128, 127, -14), ("uint8", 0, 0, 255, 114)]
)
def test_row_60_quantised_inputs_are_filled_through_scale_and_zero_point(
    dtype: str, zero_point: int, black: int, white: int, padding: int
) -> None:
    """Real 0..1 at scale 1/255: a byte b is b + zero point."""
    tensor = Tensor("images", (1, 640, 640, 3), dtype, 1 / 255, zero_point)
    frame = FRAME.copy()
    frame[:, 640:] = 255
    (view,) = made("yolo_pose", tensor, (1, 56, 100)).views(frame, None)
    assert view.tensor.dtype == np.dtype(dtype)
    assert view.tensor[0, 320, [100, 500], 0].tolist() == [black, white]
    assert view.tensor[0, 10, 10, 0] == padding


@pytest.mark.parametrize(("dtype", "zero_point"), [("int8", -128), ("uint8", 0)])
@pytest.mark.parametrize("decoder", ["yolo_pose", "yolo_end2end"])
def test_row_60_quantised_outputs_come_out_within_half_a_step(decoder: str, dtype: str, zero_point: int) -> None:
    """Scale 1/255 of 640 px is 2.5 px of input: at most half of it, doubled by the letterbox; boxes add two."""
    real = output(decoder, True, True)
    quantised = Tensor("output0", real.shape, dtype, 1 / 255, zero_point)
    stored = np.round(real * 255 + zero_point).astype(dtype)
    tensor = Tensor("images", (1, 640, 640, 3), dtype, 1 / 255, zero_point)
    estimator = made(decoder, tensor, real.shape)
    (view,) = estimator.views(FRAME, None)
    (pose,) = estimator.decode([_real(stored, quantised)], view)
    is_the_person(pose, atol=2 * 640 / 255)
    assert pose.score == pytest.approx(0.9, abs=0.51 / 255)
