"""Top-down networks and RTMO as a user brings them: hand-worked places, layouts told apart, a detector beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from edgepose import build
from edgepose import card as cards
from edgepose.card import Card
from edgepose.config import CameraSettings, PoseSettings, Settings
from edgepose.decoders import Decoder, DecoderSettings, Fit, rtmo, topdown_heatmaps, topdown_simcc
from edgepose.errors import ModelError, SettingsError
from edgepose.models import recognise
from edgepose.runtimes import Signature, Tensor
from edgepose.skeletons import COCO17, HALPE26, MPII16, Skeleton
from edgepose.types import Pose, Track
from tests.end_to_end.programs import NO_STROKES, clip, edgepose
from tests.onnx_files import column_of_joints, constant_network, raw_yolo

FRAME = np.zeros((720, 1280, 3), np.uint8)
BOX = (500.0, 200.0, 700.0, 600.0)
INPUT = Tensor("input", (None, 3, 256, 192), "float32")
NUMBERS = st.sampled_from([0.0, 0.4, 1.0, -3.0, 1e30, -1e30, np.nan, np.inf, -np.inf])


def person(*box: float, score: float = 0.8) -> Track:
    return Track(-1, Pose(np.zeros((0, 3), np.float32), np.array(box, np.float32), score))


def signature(tensor: Tensor, *shapes: tuple[int | None, ...]) -> Signature:
    return Signature((tensor,), tuple(Tensor(f"out{i}", shape, "float32") for i, shape in enumerate(shapes)), {})


HEAT = signature(INPUT, (None, 17, 64, 48))
SIMCC = signature(INPUT, (None, 17, 384), (None, 17, 512))


def heat_decoder(network: Signature = HEAT, skeleton: Skeleton = COCO17, **options: str) -> Decoder:
    return topdown_heatmaps.create(network, skeleton, DecoderSettings(options=options))


def cells(*places: tuple[int, int, float], joints: int = 17) -> np.ndarray:
    """(N, K, 64, 48): every joint of person n one cell (x, y) of that height, the 17 joints in a column."""
    maps = np.zeros((len(places), joints, 64, 48), np.float32)
    for n, (x, y, height) in enumerate(places):
        maps[n, np.arange(joints), y + np.arange(joints), x] = height
    return maps


def colour_network(path: Path, batch: int | str, simcc: bool = False) -> Path:
    """Every joint sees one colour, nose and pairs in turn red, green, blue.

    Heat maps: every fourth pixel, so that cell i is pixel 4i; SimCC: the highest of each column and row.
    """
    side = 1 if simcc else 4
    weights = np.zeros((17, 3, side, side), np.float32)
    weights[np.arange(17), (np.arange(17) + 1) // 2 % 3, 0, 0] = 1
    nodes = [helper.make_node("Conv", ["images", "weights"], ["maps"], strides=[side, side])]
    outputs = [("maps", [batch, 17, 64, 48])]
    if simcc:
        nodes.append(helper.make_node("ReduceMax", ["maps"], ["x"], axes=[2], keepdims=0))
        nodes.append(helper.make_node("ReduceMax", ["maps"], ["y"], axes=[3], keepdims=0))
        outputs = [("x", [batch, 17, 192]), ("y", [batch, 17, 256])]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, 256, 192])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


COLOURED = [0, 1, 3]  # joints that see the red, the green and the blue dot
# These dots of three people: x, y in px of the frame.
DOTS = np.array(
    [[(600, 260), (590, 400), (620, 520)], [(200, 150), (230, 260), (210, 330)], [(980, 90), (1010, 200), (990, 260)]]
)
BOXES = ((500, 200, 700, 600), (150, 100, 270, 380), (930, 40, 1050, 300))


def dotted(size_wh: tuple[int, int] = (1280, 720)) -> np.ndarray:
    frame = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    for dots in DOTS.tolist():
        for (x, y), colour in zip(dots, ((0, 0, 255), (0, 255, 0), (255, 0, 0)), strict=True):
            cv2.circle(frame, (x, y), 8, colour, -1)
    return cv2.GaussianBlur(frame, (0, 0), 5)


def detector(path: Path) -> Path:
    """Sees the three boxes in 1280×720 whatever the picture: a 640 input has them half as large, 140 px lower."""
    found = []
    for (x1, y1, x2, y2), score in zip(BOXES, (0.9, 0.8, 0.7), strict=True):
        box = [(x1 + x2) / 4, (y1 + y2) / 4 + 140, (x2 - x1) / 2, (y2 - y1) / 2]
        found.append((box, score, column_of_joints(box[0], box[1], 1)))
    return constant_network(path, (1, 3, 640, 640), raw_yolo(found))


class TestRow05:
    """SimplePose."""

    def test_row_05_affine_crop(self) -> None:
        """200×400 round (600, 400): 300×400 × 1.25 = 375×500 from (412.5, 150); a cell is 7.8125 px."""
        decoder = heat_decoder(peak="argmax")
        (view,) = decoder.views(FRAME, [person(*BOX)])
        (pose,) = decoder.decode([cells((12, 16, 0.9))], view)
        assert pose.keypoints.shape == (17, 3)
        np.testing.assert_allclose(pose.keypoints[:, 0], 412.5 + 12 * 7.8125)
        np.testing.assert_allclose(pose.keypoints[:, 1], 150 + (16 + np.arange(17)) * 7.8125)
        np.testing.assert_allclose(pose.keypoints[:, 2], 0.9)
        assert pose.score == pytest.approx(0.72)
        np.testing.assert_array_equal(pose.box_xyxy, BOX)

    def test_row_05_plain_resize_of_the_demo(self) -> None:
        """250×500 from (475, 150): a cell is 250 / 48 = 5.2083 px wide and 7.8125 px high."""
        decoder = heat_decoder(crop="resize", peak="argmax")
        (view,) = decoder.views(FRAME, [person(*BOX)])
        (pose,) = decoder.decode([cells((12, 16, 0.9))], view)
        assert pose.keypoints.shape == (17, 3)
        np.testing.assert_allclose(pose.keypoints[:, 0], 475 + 12 * 250 / 48, rtol=1e-6)
        np.testing.assert_allclose(pose.keypoints[:, 1], 150 + (16 + np.arange(17)) * 7.8125)

    @pytest.mark.parametrize("crop", ["affine", "resize"])
    def test_row_05_real_pixels_both_ways(self, tmp_path: Path, crop: str) -> None:
        """Three people of three dots each: every joint is on its dot, within 1 px (resize counts from edges: 2 px)."""
        estimator = build.estimator(
            PoseSettings(
                model=str(colour_network(tmp_path / "pose.onnx", "N")),
                detector=str(detector(tmp_path / "boxes.onnx")),
                options={"crop": crop, "peak": "dark", "pixels": "unit"},
                threads=1,
            ),
            None,
        )
        poses = estimator(dotted())
        assert len(poses) == 3
        for pose, dots, box in zip(poses, DOTS, BOXES, strict=True):
            np.testing.assert_allclose(pose.box_xyxy, box, atol=1e-3)
            assert np.hypot(*(pose.keypoints[COLOURED, :2] - dots).T).max() < (1 if crop == "affine" else 2)


class TestDecoding:
    def test_a_joint_without_a_peak_is_missing_not_on_the_crops_corner(self) -> None:
        maps = cells((12, 16, 0.9))
        maps[0, 3] = 0
        decoder = heat_decoder()
        (view,) = decoder.views(FRAME, [person(*BOX)])
        (pose,) = decoder.decode([maps], view)
        np.testing.assert_array_equal(pose.keypoints[3], (np.nan, np.nan, 0))
        assert np.isfinite(pose.keypoints[np.arange(17) != 3]).all()

    def test_maps_in_the_last_axis_are_the_same(self) -> None:
        """TFLite exports: (1, 256, 192, 3) -> (1, 64, 48, 17)."""
        tensor = Tensor("input", (1, 256, 192, 3), "float32")
        decoder = heat_decoder(signature(tensor, (1, 64, 48, 17)))
        (view,) = decoder.views(FRAME, [person(*BOX)])
        assert view.tensor.shape == (1, 256, 192, 3)
        (pose,) = decoder.decode([cells((12, 16, 0.9)).transpose(0, 2, 3, 1)], view)
        np.testing.assert_allclose(pose.keypoints[0], (412.5 + 12 * 7.8125, 150 + 16 * 7.8125, 0.9))

    def test_row_20_the_flip_test_takes_a_batch_of_one_as_well_as_an_open_one(self) -> None:
        """The mirror image has the joints' twins at 48 - 12 = 36: the mean is the same place, its height too."""
        fixed = heat_decoder(signature(Tensor("input", (1, 3, 256, 192), "float32"), (1, 17, 64, 48)), flip="yes")
        maps = cells((12, 16, 0.9))
        mirrored = cells((36, 16, 0.7))[:, COCO17.mirror]
        first, second = fixed.views(FRAME, [person(*BOX)])
        assert fixed.decode([maps], first) == []
        (of_two,) = fixed.decode([mirrored], second)
        decoder = heat_decoder(flip="yes")
        (view,) = decoder.views(FRAME, [person(*BOX)])
        (of_one,) = decoder.decode([np.concatenate([maps, mirrored])], view)
        for pose in (of_one, of_two):
            np.testing.assert_allclose(pose.keypoints[0], (412.5 + 12 * 7.8125, 150 + 16 * 7.8125, 0.8), rtol=1e-6)

    def test_simcc_splits_pixels_by_the_shapes(self) -> None:
        """384 bins for 192 px: half a pixel of the input each; 375 px / 384 = 0.9765625 of the frame."""
        decoder = topdown_simcc.create(SIMCC, COCO17, DecoderSettings())
        (view,) = decoder.views(FRAME, [person(*BOX)])
        x, y = np.zeros((1, 17, 384), np.float32), np.zeros((1, 17, 512), np.float32)
        x[..., 100], y[..., 200] = 0.7, 0.5
        x[0, 2] = 0
        (pose,) = decoder.decode([x, y], view)
        np.testing.assert_allclose(pose.keypoints[0], (412.5 + 100 * 0.9765625, 150 + 200 * 0.9765625, 0.5))
        np.testing.assert_array_equal(pose.keypoints[2], (np.nan, np.nan, 0))

    def test_simcc_whose_number_of_joints_is_open_says_it_with_the_first_answer(self) -> None:
        """MMDeploy's RTMPose exports: (batch, MatMulsimcc_x_dim_1, 384)."""
        decoder = topdown_simcc.create(
            signature(INPUT, (None, None, 384), (None, None, 512)), COCO17, DecoderSettings()
        )
        (view,) = decoder.views(FRAME, [person(*BOX)])
        ones = [np.eye(17, bins, dtype=np.float32)[None] for bins in (384, 512)]
        assert len(decoder.decode(ones, view)) == 1
        with pytest.raises(ModelError, match=r"has 26 joints, skeleton coco17 has 17: name a skeleton of 26.*halpe26"):
            decoder.decode([np.zeros((1, 26, 384), np.float32), np.zeros((1, 26, 512), np.float32)], view)

    def test_simcc_with_y_first_is_told_by_the_inputs_sides(self) -> None:
        decoder = topdown_simcc.create(signature(INPUT, (1, 17, 512), (1, 17, 384)), COCO17, DecoderSettings())
        (view,) = decoder.views(FRAME, [person(*BOX)])
        x, y = np.zeros((1, 17, 384), np.float32), np.zeros((1, 17, 512), np.float32)
        x[..., 100], y[..., 200] = 0.7, 0.5
        (pose,) = decoder.decode([y, x], view)
        np.testing.assert_allclose(pose.keypoints[0, :2], (412.5 + 100 * 0.9765625, 150 + 200 * 0.9765625))

    def test_an_answer_of_other_joints_or_people_or_that_is_not_finite_is_an_error(self) -> None:
        decoder = heat_decoder()
        (view,) = decoder.views(FRAME, [person(*BOX)])
        with pytest.raises(ModelError, match=r"the network has 16 joints, skeleton coco17 has 17: .*mpii16"):
            decoder.decode([np.zeros((1, 16, 64, 48), np.float32)], view)
        (two,) = decoder.views(FRAME, [person(*BOX), person(*BOX)])
        with pytest.raises(ModelError, match=r"was shown 2 people at once and answered \(1, 17"):
            decoder.decode([cells((12, 16, 0.9))], two)
        broken = cells((12, 16, 0.9))
        broken[0, 4, 3, 3] = np.nan
        with pytest.raises(ModelError, match="not finite"):
            decoder.decode([broken], view)


class TestRtmo:
    def test_people_in_input_pixels_top_left(self) -> None:
        """640×360 px of the input are the frame: scale 0.5 without padding above; the second row is the same person."""
        decoder = rtmo.create(signature(Tensor("input", (1, 3, 640, 640), "float32"), (1, None, 5), (1, None, 17, 3)),
                              COCO17, DecoderSettings())  # fmt: skip
        (view,) = decoder.views(np.full_like(FRAME, (10, 20, 30)), None)
        np.testing.assert_array_equal(view.tensor[0, :, 0, 0], (10, 20, 30))
        np.testing.assert_array_equal(view.tensor[0, :, 639, 639], (114, 114, 114))
        boxes = np.array([[[10, 20, 50, 100, 0.9], [11, 20, 50, 100, 0.8], [200, 20, 250, 100, 0.1]]], np.float32)
        joints = np.repeat(column_of_joints(30, 40, 2)[None, None], 3, axis=1).astype(np.float32)
        (pose,) = decoder.decode([boxes, joints], view)
        np.testing.assert_allclose(pose.box_xyxy, (20, 40, 100, 200))
        np.testing.assert_allclose(pose.keypoints[0], (60, 80, 0.9))
        assert pose.score == pytest.approx(0.9)
        assert decoder.decode([np.zeros((1, 0, 5), np.float32), np.zeros((1, 0, 17, 3), np.float32)], view) == []

    def test_rows_that_do_not_belong_together_are_an_error(self) -> None:
        decoder = rtmo.create(signature(Tensor("input", (1, 3, 640, 640), "float32"), (1, None, 5), (1, None, 17, 3)),
                              COCO17, DecoderSettings())  # fmt: skip
        (view,) = decoder.views(FRAME, None)
        with pytest.raises(ModelError, match=r"expected \(N, 5\) and \(N, 17, 3\), got \(2, 5\) and \(3, 17, 3\)"):
            decoder.decode([np.zeros((1, 2, 5), np.float32), np.zeros((1, 3, 17, 3), np.float32)], view)


class TestRecognition:
    @pytest.mark.parametrize(
        ("tensor", "outputs", "joints", "name"),
        [
            (INPUT, [(None, 17, 64, 48)], 17, "topdown_heatmaps"),
            (Tensor("input", (1, 3, 384, 288), "float32"), [(1, 17, 96, 72)], 17, "topdown_heatmaps"),
            (Tensor("input", (1, 3, 256, 256), "float32"), [(1, 16, 64, 64)], 16, "topdown_heatmaps"),
            (Tensor("input", (1, 256, 192, 3), "uint8"), [(1, 64, 48, 17)], 17, "topdown_heatmaps"),
            (Tensor("input", (None, 3, None, None), "float32"), [(None, 17, None, None)], 17, "topdown_heatmaps"),
            (Tensor("input", (1, 3, 256, 192), "float32"), [(1, 17, 32, 24)], 17, "topdown_heatmaps"),
            (INPUT, [(None, 17, 384), (None, 17, 512)], 17, "topdown_simcc"),
            (Tensor("input", (1, 3, 384, 288), "float32"), [(1, 26, 576), (1, 26, 768)], 26, "topdown_simcc"),
            (Tensor("input", (None, 3, 640, 640), "float32"), [(None, None, 5), (None, None, 17, 3)], 17, "rtmo"),
            (INPUT, [(None, None, 384), (None, None, 512)], 17, "topdown_simcc"),
            (Tensor("input", (None, 3, 640, 640), "float32"), [(None, None, 5), (None, None, None, None)], 17, "rtmo"),
            (Tensor("image", (1, 3, 368, 656), "float32"), [(1, 57, 46, 82)], 17, "openpose"),
        ],
    )
    def test_layouts_are_told_apart(
        self, tensor: Tensor, outputs: Sequence[tuple[int | None, ...]], joints: int, name: str
    ) -> None:
        assert recognise(Path("net.onnx"), signature(tensor, *outputs), joints) == name

    @pytest.mark.parametrize(
        ("module", "tensor", "outputs"),
        [
            (topdown_heatmaps, Tensor("input", (1, 4, 256, 192), "float32"), [(1, 17, 64, 48)]),
            (topdown_heatmaps, INPUT, [(1, 17, 64, 64)]),
            (topdown_heatmaps, INPUT, [(1, 1000)]),
            (topdown_heatmaps, INPUT, [(None, 1000, 64, 48)]),
            (topdown_heatmaps, INPUT, [(1, 17, 64, 48), (1, 17, 64, 48)]),
            (topdown_simcc, INPUT, [(None, 17, 384), (None, 17, 384)]),
            (topdown_simcc, INPUT, [(None, 17, 384), (None, 16, 512)]),
            (topdown_simcc, INPUT, [(None, 300, 4), (None, 300, 80)]),
            (topdown_simcc, Tensor("input", (1, 4), "float32"), [(None, 17, 384), (None, 17, 512)]),
            (rtmo, INPUT, [(1, 100, 5), (1, 99, 17, 3)]),
            (rtmo, INPUT, [(1, 100, 5), (1, 100)]),
            (rtmo, INPUT, [(1, None, 5), (1, None, 26, 3)]),
            (rtmo, INPUT, [(None, None, None), (None, None, None, None)]),
        ],
    )
    def test_what_does_not_fit_is_left_to_others(
        self, module: object, tensor: Tensor, outputs: Sequence[tuple[int | None, ...]]
    ) -> None:
        assert module.recognise(signature(tensor, *outputs)) is Fit.NO  # type: ignore[attr-defined]

    def test_other_skeletons_come_from_the_card(self) -> None:
        assert heat_decoder(signature(INPUT, (None, 16, 64, 48)), MPII16).skeleton is MPII16
        network = signature(INPUT, (None, 26, 384), (None, 26, 512))
        assert topdown_simcc.create(network, HALPE26, DecoderSettings()).skeleton is HALPE26

    def test_joints_without_a_skeleton_are_refused_with_what_to_do(self) -> None:
        network = signature(INPUT, (None, 16, 64, 48))
        assert recognise(Path("mpii.onnx"), network) == "topdown_heatmaps"
        with pytest.raises(ModelError, match=r"has 16 joints, skeleton coco17 has 17: name a skeleton of 16.*mpii16"):
            heat_decoder(network)
        wholebody = signature(INPUT, (None, 133, 384), (None, 133, 512))
        with pytest.raises(ModelError, match=r"has 133 joints, skeleton coco17 has 17.*we know none"):
            topdown_simcc.create(wholebody, COCO17, DecoderSettings())

    def test_options_are_checked(self) -> None:
        with pytest.raises(SettingsError, match=r"option peak = 'best': give quarter or dark or argmax"):
            heat_decoder(peak="best")
        with pytest.raises(SettingsError, match=r"unknown option 'flip' of this network; it has pixels"):
            topdown_simcc.create(SIMCC, COCO17, DecoderSettings(options={"flip": "yes"}))


class TestFuzz:
    @settings(max_examples=60, deadline=None)
    @given(values=st.lists(NUMBERS, min_size=1, max_size=12), seed=st.integers(0, 2**32 - 1), dark=st.booleans())
    def test_maps_give_joints_inside_the_crop_or_an_error(self, values: list[float], seed: int, dark: bool) -> None:
        maps = np.random.default_rng(seed).choice(np.array(values, np.float32), (2, 17, 64, 48))
        decoder = heat_decoder(peak="dark" if dark else "quarter")
        (view,) = decoder.views(FRAME, [person(*BOX), person(-50, 0, 60, 80)])
        if not np.isfinite(maps).all():
            with pytest.raises(ModelError, match="not finite"):
                decoder.decode([maps], view)
            return
        poses = decoder.decode([maps], view)
        assert len(poses) == 2
        for pose, (x, y, width, height) in zip(poses, view.place.crops.areas_xywh, strict=True):
            known = pose.keypoints[pose.keypoints[:, 2] > 0]
            assert (known[:, :2] >= (x - 1, y - 1)).all()
            assert (known[:, :2] <= (x + width + 1, y + height + 1)).all()
            assert 0 <= pose.score <= 1

    @settings(max_examples=60, deadline=None)
    @given(values=st.lists(NUMBERS, min_size=1, max_size=12), seed=st.integers(0, 2**32 - 1))
    def test_simcc_gives_joints_inside_the_crop_or_an_error(self, values: list[float], seed: int) -> None:
        random = np.random.default_rng(seed)
        x, y = (random.choice(np.array(values, np.float32), (1, 17, bins)) for bins in (384, 512))
        decoder = topdown_simcc.create(SIMCC, COCO17, DecoderSettings())
        (view,) = decoder.views(FRAME, [person(*BOX)])
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            with pytest.raises(ModelError, match="not finite"):
                decoder.decode([x, y], view)
            return
        (pose,) = decoder.decode([x, y], view)
        known = pose.keypoints[pose.keypoints[:, 2] > 0, :2]
        assert (known >= (412.5, 150)).all()
        assert (known <= (787.5, 650)).all()

    @settings(max_examples=40, deadline=None)
    @given(values=st.lists(NUMBERS, min_size=1, max_size=12), seed=st.integers(0, 2**32 - 1), rows=st.integers(0, 9))
    def test_rtmo_gives_people_inside_the_frame_or_an_error(self, values: list[float], seed: int, rows: int) -> None:
        random = np.random.default_rng(seed)
        boxes, joints = (random.choice(np.array(values, np.float32), (1, rows, *of)) for of in ((5,), (17, 3)))
        network = signature(Tensor("input", (1, 3, 640, 640), "float32"), (1, None, 5), (1, None, 17, 3))
        decoder = rtmo.create(network, COCO17, DecoderSettings())
        (view,) = decoder.views(FRAME, None)
        if not (np.isfinite(boxes).all() and np.isfinite(joints).all()):
            with pytest.raises(ModelError, match="not finite"):
                decoder.decode([boxes, joints], view)
            return
        for pose in decoder.decode([boxes, joints], view):
            assert (pose.keypoints[:, :2] >= 0).all()
            assert (pose.keypoints[:, :2] <= (1280, 720)).all()


class TestWithADetector:
    """Real ONNX files, real pixels."""

    @pytest.mark.parametrize("batch", ["N", 1, 2, 5])
    @pytest.mark.parametrize("flip", ["no", "yes"])
    def test_people_together_are_what_they_are_alone(self, tmp_path: Path, batch: int | str, flip: str) -> None:
        """Any batch: every joint within 1 px of its dot, with mirror images 2: HRNet shifts them a quarter too far."""
        model = str(colour_network(tmp_path / "pose.onnx", batch))
        options = {"pixels": "unit", "flip": flip, "peak": "dark"}
        estimator = build.estimator(PoseSettings(model=model, options=options, threads=1), None, boxes=True)
        people = [person(*box) for box in BOXES]
        together = estimator(dotted(), people)
        alone = [estimator(dotted(), [one])[0] for one in people]
        assert len(together) == 3
        for pose, other, dots in zip(together, alone, DOTS, strict=True):
            np.testing.assert_allclose(pose.keypoints, other.keypoints, atol=1e-3)
            assert np.hypot(*(pose.keypoints[COLOURED, :2] - dots).T).max() < (1 if flip == "no" else 2)

    def test_simcc_end_to_end(self, tmp_path: Path) -> None:
        model, boxes = colour_network(tmp_path / "pose.onnx", "N", simcc=True), detector(tmp_path / "boxes.onnx")
        chosen = PoseSettings(model=str(model), detector=str(boxes), options={"pixels": "unit"}, threads=1)
        poses = build.estimator(chosen, None)(dotted())
        assert len(poses) == 3
        for pose, dots in zip(poses, DOTS, strict=True):
            assert np.hypot(*(pose.keypoints[COLOURED, :2] - dots).T).max() < 3

    def test_nobody_detected_is_nobody_and_no_run(self, tmp_path: Path) -> None:
        model = colour_network(tmp_path / "pose.onnx", "N")
        boxes = constant_network(tmp_path / "boxes.onnx", (1, 3, 640, 640), raw_yolo([]))
        assert build.estimator(PoseSettings(model=str(model), detector=str(boxes), threads=1), None)(FRAME) == []

    def test_pose_from_the_command_line(self, tmp_path: Path) -> None:
        model, boxes = colour_network(tmp_path / "hr.onnx", "N"), detector(tmp_path / "det.onnx")
        cv2.imwrite(str(tmp_path / "three.png"), dotted())
        out = tmp_path / "poses.json"
        result = edgepose(
            "pose", tmp_path / "three.png", "--model", model, "--detector", boxes, "--out", out,
            "--option", "pixels=unit", "--option", "peak=dark", "--draw", "people",
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        rows = json.loads(out.read_text())
        assert len(rows) == 3
        assert len(rows[0]["keypoints"]) == 51
        assert np.hypot(*(np.reshape(rows[0]["keypoints"], (17, 3))[COLOURED, :2] - DOTS[0]).T).max() < 1

    def test_run_without_a_detector_is_one_line_and_exit_code_2(self, tmp_path: Path) -> None:
        model = colour_network(tmp_path / "hr.onnx", "N")
        (tmp_path / "court.toml").write_text(NO_STROKES)
        result = edgepose("run", "-c", tmp_path / "court.toml", "-s", clip(tmp_path / "clip.mp4", 3), "-m", model)
        assert result.returncode == 2, result.stderr
        (line,) = result.stderr.strip().splitlines()
        assert line.startswith("edgepose: ")
        assert "hr.onnx: needs boxes of people: give --detector" in line

    def test_run_with_a_detector(self, tmp_path: Path) -> None:
        model, boxes = colour_network(tmp_path / "hr.onnx", "N"), detector(tmp_path / "det.onnx")
        (tmp_path / "court.toml").write_text(NO_STROKES)
        result = edgepose(
            "run", "-c", tmp_path / "court.toml", "-s", clip(tmp_path / "clip.mp4", 3), "-m", model, "--detector", boxes
        )
        assert result.returncode == 0, result.stderr
        assert "3 frames" in result.stderr

    def test_the_card_names_detector_options_and_skeleton(self, tmp_path: Path) -> None:
        """16 maps of a 256×256 input: MPII's joints, DARK's peaks, and a detector that lies beside it by name."""
        (tmp_path / "mpii").mkdir()
        detector(tmp_path / "boxes.onnx")
        heat = np.zeros((1, 16, 64, 64), np.float32)
        heat[0, :, 30, 20] = 0.9
        weights = constant_network(tmp_path / "mpii" / "weights.onnx", (1, 3, 256, 256), heat)
        cards.save(
            Card(
                name="mpii", version="1", task="pose", runtime="onnx", files=[cards.weights(weights)],
                skeleton="mpii16", options={"peak": "dark"}, detector=str(tmp_path / "boxes.onnx"), licence="none",
            ),
            tmp_path / "mpii",
        )  # fmt: skip
        estimator = build.estimator(PoseSettings(model=str(tmp_path / "mpii"), threads=1), None)
        assert estimator.skeleton is MPII16
        poses = estimator(FRAME)
        assert len(poses) == 3
        # 200×400 round (600, 400) in a square: 500×500 from (350, 150), 7.8125 px a cell.
        np.testing.assert_allclose(poses[0].keypoints[0], (350 + 20 * 7.8125, 150 + 30 * 7.8125, 0.9), rtol=1e-4)
        assert poses[0].keypoints.shape == (16, 3)

    def test_info_names_both_models(self, tmp_path: Path) -> None:
        pose = PoseSettings(
            model=str(colour_network(tmp_path / "hr.onnx", "N")), detector=str(detector(tmp_path / "det.onnx"))
        )
        listed = build.model_ids(Settings(pose=pose, camera=[CameraSettings(source="0")]))
        assert {model["name"] for model in listed} >= {"hr", "det"}
