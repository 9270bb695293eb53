"""Person detectors: boxes in pixels of the frame, people only, and no other layout taken for them."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgepose import build
from edgepose.config import PoseSettings
from edgepose.decoders import Decoder, DecoderSettings
from edgepose.errors import ModelError, SettingsError
from edgepose.models import Engine, load_runtime, recognise
from edgepose.runtimes import Signature, Tensor
from edgepose.skeletons import BOXES, COCO17
from edgepose.types import Image, Pose
from tests.contract.test_decoders import BOX_PX, CASES, Case
from tests.darknet_files import ANCHORS, Layer, white_patch_network

DETECTORS = [case for case in CASES.values() if case.nose_px is None]


def network(
    *outputs: tuple[int | None, ...], wh: tuple[int | None, int | None] = (640, 640), **metadata: str
) -> Signature:
    tensors = tuple(Tensor(f"output{i}", shape, "float32") for i, shape in enumerate(outputs))
    return Signature((Tensor("images", (1, 3, wh[1], wh[0]), "float32"),), tensors, metadata)


def made(name: str, signature: Signature, **options: str) -> Decoder:
    module = importlib.import_module(f"edgepose.decoders.{name}")
    return module.create(signature, COCO17, DecoderSettings(options=options))


def decoded(decoder: Decoder, *outputs: np.ndarray, wh: tuple[int, int] = (1280, 720)) -> list[Pose]:
    return decoder.decode(outputs, decoder.views(picture(*wh), None)[0])


def picture(width: int, height: int, bgr: tuple[int, int, int] = (0, 0, 0)) -> Image:
    return np.full((height, width, 3), bgr, np.uint8)


class TestGluonCv:
    SIGNATURE = network((1, 100, 1), (1, 100, 1), (1, 100, 4), wh=(None, None))

    def rows(self, *rows: tuple[int, float, tuple[float, ...]]) -> list[np.ndarray]:
        outputs = [np.full((1, 100, n), -1, np.float32) for n in (1, 1, 4)]
        for index, row in enumerate(rows):
            for output, value in zip(outputs, row, strict=True):
                output[0, index] = value
        return outputs

    def test_row_02_empty_rows_and_other_classes_are_skipped(self) -> None:
        """640×416 is the frame itself; 100 rows, of which two are people over the threshold."""
        box, other = (10, 20, 110, 220), (300, 20, 400, 220)
        outputs = self.rows((0, 0.5, other), (2, 0.99, box), (-1, 0.9, box), (0, 0.9, box), (0, 0.1, (0, 0, 50, 50)))
        first, second = decoded(made("boxes_gluoncv", self.SIGNATURE), *outputs, wh=(640, 416))
        assert (first.score, second.score) == (pytest.approx(0.9), pytest.approx(0.5))
        np.testing.assert_allclose(first.box_xyxy, box, atol=1e-3)
        np.testing.assert_allclose(second.box_xyxy, other, atol=1e-3)

    def test_row_02_the_person_of_voc_is_class_14(self) -> None:
        outputs = self.rows((14, 0.9, (10, 20, 110, 220)), (0, 0.9, (300, 20, 400, 220)))
        (pose,) = decoded(made("boxes_gluoncv", self.SIGNATURE, person="14"), *outputs, wh=(640, 416))
        np.testing.assert_allclose(pose.box_xyxy, (10, 20, 110, 220), atol=1e-3)

    @pytest.mark.parametrize(
        ("options", "frame_wh", "input_hw"),
        [
            ({}, (1280, 720), (416, 740)),
            ({"short": "512"}, (1280, 720), (512, 910)),  # the size that seed_systems.md §4 quotes
            ({}, (3000, 500), (171, 1024)),  # no side gets longer than 1024
            ({}, (720, 1280), (740, 416)),
        ],
    )
    def test_row_02_a_dynamic_input_has_the_wanted_short_side(
        self, options: dict[str, str], frame_wh: tuple[int, int], input_hw: tuple[int, int]
    ) -> None:
        decoder = made("boxes_gluoncv", self.SIGNATURE, **options)
        assert decoder.views(picture(*frame_wh), None)[0].tensor.shape == (1, 3, *input_hw)

    def test_row_02_a_fixed_input_is_filled_without_padding(self) -> None:
        decoder = made("boxes_gluoncv", network((1, 100, 1), (1, 100, 1), (1, 100, 4), wh=(512, 512)))
        (view,) = decoder.views(picture(1280, 720, bgr=(0, 0, 255)), None)
        # Red is (1 - 0.485) / 0.229, no green (0 - 0.456) / 0.224, no blue (0 - 0.406) / 0.225, everywhere.
        for channel, value in enumerate((2.2489, -2.0357, -1.8044)):
            np.testing.assert_allclose(view.tensor[0, channel], value, atol=1e-3)
        (pose,) = decoder.decode(self.rows((0, 0.9, (128, 256, 256, 512))), view)
        np.testing.assert_allclose(pose.box_xyxy, (320, 360, 640, 720), atol=1e-3)


class TestDarknet:
    """A 64×96 input: 2×3 cells of stride 32, 4×6 of stride 16; a frame of 256×192 is squashed by 0.25 and 0.5."""

    def weights(self, folder: Path) -> Path:
        person, dog = np.zeros((3, 7)), np.zeros((3, 7))
        person[:, 4] = dog[:, 4] = -20
        # Objectness 0.8, person 0.9, dog 0.5, in the second anchor; the third has 0.3 · 0.6 = 0.18, under OpenCV's 0.2.
        person[1] = [0, 0, 0, 0, np.log(4), np.log(9), 0]
        person[2] = [0, 0, 0, 0, np.log(3 / 7), np.log(1.5), 0]
        dog[0] = [0, 0, 0, 0, 5, -20, 5]
        return white_patch_network(folder, (64, 96), [Layer(32, person), Layer(16, dog)])

    def frame(self) -> Image:
        """White where the last cell of stride 32 looks."""
        image = picture(256, 192)
        image[128:, 128:] = 255
        return image

    def test_row_03_boxes_are_in_original_pixels(self, tmp_path: Path) -> None:
        """Centre (1.5/2, 2.5/3), anchor 16×30 of 64×96: the centre is (192, 160), the size 64×60 px of the frame."""
        estimator = build.estimator(PoseSettings(model=str(self.weights(tmp_path))), None, boxes=True)
        assert estimator.skeleton is BOXES
        (pose,) = estimator(self.frame())
        np.testing.assert_allclose(pose.box_xyxy, [160, 130, 224, 190], atol=0.05)
        assert pose.score == pytest.approx(0.8 * 0.9, abs=1e-3)
        assert pose.keypoints.shape == (0, 3)
        assert estimator(picture(256, 192)) == []

    def test_row_03_what_opencv_gives(self, tmp_path: Path) -> None:
        """Fractions of the input, scores times objectness, and nothing at or under 0.2."""
        runtime = load_runtime("opencv", self.weights(tmp_path), Engine(threads=1))
        assert runtime.signature.inputs[0].shape == (1, 3, 96, 64)
        assert [tensor.shape for tensor in runtime.signature.outputs] == [(18, 7), (72, 7)]
        first, second = runtime.run(np.ones((1, 3, 96, 64), np.float32))
        (w0, h0), (w1, h1), (w2, h2) = ANCHORS
        last_cell = [
            [0.75, 2.5 / 3, w0 / 64, h0 / 96, 0, 0, 0],
            [0.75, 2.5 / 3, w1 / 64, h1 / 96, 0.8, 0.72, 0.4],
            [0.75, 2.5 / 3, w2 / 64, h2 / 96, 0.3, 0, 0],
        ]
        np.testing.assert_allclose(first[-3:], last_cell, atol=1e-4)
        assert second[0] == pytest.approx([0.125, 0.5 / 6, w0 / 64, h0 / 96, 0.9933, 0, 0.9866], abs=1e-4)

    def test_row_03_a_letterboxed_input_is_a_choice(self, tmp_path: Path) -> None:
        """256×192 in 64×96 by 0.25: rows 24..72, so only the middle cells are white: centres (64, 96) and (192, 96)."""
        options = {"resize": "letterbox"}
        estimator = build.estimator(PoseSettings(model=str(self.weights(tmp_path)), options=options), None, boxes=True)
        boxes = sorted(pose.box_xyxy.tolist() for pose in estimator(picture(256, 192, bgr=(255, 255, 255))))
        np.testing.assert_allclose(boxes, [[32, 36, 96, 156], [160, 36, 224, 156]], atol=0.05)

    def test_a_person_of_twenty_classes_is_vocs(self) -> None:
        layer = np.zeros((507, 25), np.float32)
        layer[0, :4], layer[0, 5 + 14] = (0.5, 0.5, 0.5, 0.5), 0.9
        layer[1, :4], layer[1, 5] = (0.5, 0.5, 0.2, 0.2), 0.9
        (pose,) = decoded(made("boxes_darknet", network((507, 25), wh=(416, 416))), layer)
        np.testing.assert_allclose(pose.box_xyxy, [320, 180, 960, 540])

    def test_a_missing_topology_and_a_short_file_are_told(self, tmp_path: Path) -> None:
        path = self.weights(tmp_path)
        whole = path.read_bytes()
        path.write_bytes(whole[:-400])
        with pytest.raises(ModelError, match=rf"{len(whole) - 400} bytes, its topology needs {len(whole) - 4}"):
            load_runtime("opencv", path, Engine())
        path.with_suffix(".cfg").unlink()
        with pytest.raises(ModelError, match=r"needs its topology net\.cfg beside it"):
            load_runtime("opencv", path, Engine())


class TestRecognition:
    @pytest.mark.parametrize(
        ("signature", "name"),
        [
            (network((1, 84, 8400)), "boxes_yolo"),
            (network((1, 84, 8400), task="detect", names="{0: 'person'}"), "boxes_yolo"),
            (network((1, 5, 8400)), "boxes_yolo"),
            (network((1, 7, 8400)), "boxes_yolo"),
            (network((1, 24, 3549), wh=(416, 416)), "boxes_yolo"),
            (network((1, 369, 8400)), "boxes_yolo"),
            (network((None, 84, None), wh=(None, None)), "boxes_yolo"),
            (network((1, 56, 8400), task="detect"), "boxes_yolo"),  # 52 classes, and it says so
            (network((1, 84, 34000)), "boxes_yolo"),  # strides from 4
            (network((1, 56, 8400)), "yolo_pose"),
            (network((1, 300, 6)), "boxes_end2end"),
            (network((1, None, 6), task="detect", wh=(None, None)), "boxes_end2end"),
            (network((1, 300, 57)), "yolo_end2end"),
            (network((1, 25200, 85)), "boxes_yolov5"),
            (network((1, 25200, 6)), "boxes_yolov5"),
            (network((1, 102000, 85), wh=(1280, 1280)), "boxes_yolov5"),
            (network((None, None, 85), wh=(None, None)), "boxes_yolov5"),
            (network((1, 25200, 85), (1, 3, 80, 80, 85), (1, 3, 40, 40, 85), (1, 3, 20, 20, 85)), "boxes_yolov5"),
            (network((1, 25200, 57)), "yolov7_grid"),
            (network((1, 8400, 85)), "boxes_yolox"),
            (network((1, 3549, 6), wh=(416, 416)), "boxes_yolox"),
            (network((1, 8400, 57)), "yolox_pose"),
            (network((507, 85), (2028, 85), wh=(416, 416)), "boxes_darknet"),
            (network((845, 25), wh=(416, 416)), "boxes_darknet"),  # YOLOv2: five anchors
            (network((None, 100, 1), (None, 100, 1), (None, 100, 4), wh=(None, None)), "boxes_gluoncv"),
            (network((1, None, 5), (1, None), wh=(None, None)), "boxes_mmdet"),
        ],
    )
    def test_a_layout_is_told_by_shape_and_metadata(self, signature: Signature, name: str) -> None:
        assert recognise(Path("network.onnx"), signature) == name

    @pytest.mark.parametrize(
        "signature",
        [
            network((1, 116, 8400), (1, 32, 160, 160), task="segment"),
            network((1, 116, 8400), (1, 32, 160, 160)),
            network((1, 300, 38), (1, 32, 160, 160), task="segment"),
            network((1, 25200, 117), (1, 32, 160, 160)),
            network((1, 20, 8400), task="obb"),
            network((1, 300, 7), task="obb"),
            network((1, 1000), task="classify"),
            network((1, 1000)),
            network((1, 300, 84), task="detect"),  # RT-DETR
            network((None, 7)),  # YOLOv7 with its own suppression
            network((1, None, 5), (1, None), (1, None, 640, 640)),  # MMDetection with masks
            network((1, 84, 8400), wh=(None, None), task="pose"),
        ],
    )
    def test_segmentation_rotated_boxes_and_classes_are_refused(self, signature: Signature) -> None:
        with pytest.raises(ModelError, match="no decoder knows outputs"):
            recognise(Path("network.onnx"), signature)

    @pytest.mark.parametrize("signature", [network((1, 60, 8400)), network((1, None, 6), wh=(None, None))])
    def test_what_may_be_a_pose_or_boxes_asks_for_a_card(self, signature: Signature) -> None:
        with pytest.raises(ModelError, match="may be boxes_.* name its decoder in a card"):
            recognise(Path("network.onnx"), signature)

    @pytest.mark.parametrize("case", DETECTORS, ids=lambda case: case.decoder)
    def test_a_card_that_says_boxes_leaves_only_detectors(self, case: Case) -> None:
        assert recognise(Path("network.onnx"), case.network, len(BOXES)) == case.decoder

    def test_a_card_of_another_skeleton_takes_no_detector(self) -> None:
        with pytest.raises(ModelError, match="no decoder knows"):
            recognise(Path("network.onnx"), network((1, 84, 8400)), joints=26)


class TestPersonClass:
    @pytest.mark.parametrize(
        ("classes", "metadata", "person"),
        [
            (80, {}, 0),
            (20, {}, 14),
            (3, {"names": "{0: 'ball', 1: 'racket', 2: 'Person'}"}, 2),
            (3, {"names": "['ball', 'player', 'net']"}, 1),
            (2, {"names": "{0: 'player', 1: 'person'}"}, 1),
            (1, {"names": "{0: 'swimmer'}"}, 0),
        ],
    )
    def test_it_comes_from_the_names_else_from_the_count(
        self, classes: int, metadata: dict[str, str], person: int
    ) -> None:
        columns = np.zeros((1, 4 + classes, 8400), np.float32)
        columns[0, :4, :classes] = np.stack([100 + 20 * np.arange(classes), *np.full((3, classes), 200.0)])
        columns[0, 4 + np.arange(classes), np.arange(classes)] = 0.9
        decoder = made("boxes_yolo", network((1, 4 + classes, 8400), **metadata))
        (pose,) = decoded(decoder, columns, wh=(640, 640))
        np.testing.assert_allclose(pose.box_xyxy, [max(0, 20 * person), 100, 200 + 20 * person, 300])

    def test_finished_rows_of_one_class_need_no_person_among_the_names(self) -> None:
        decoder = made("boxes_end2end", network((1, 300, 6), names="{0: 'swimmer'}"))
        rows = np.zeros((1, 300, 6), np.float32)
        rows[0, 0] = [10, 20, 110, 220, 0.9, 0]
        assert len(decoded(decoder, rows)) == 1

    def test_names_without_a_person_ask_for_the_option(self) -> None:
        signature = network((1, 6, 8400), names="{0: 'ball', 1: 'racket'}")
        with pytest.raises(ModelError, match="classes are ball, racket: none is a person: set its option person"):
            made("boxes_yolo", signature)
        made("boxes_yolo", signature, person="1")

    def test_names_that_cannot_be_read_are_told(self) -> None:
        with pytest.raises(ModelError, match="metadata names 'person,ball' are no class names"):
            made("boxes_yolo", network((1, 6, 8400), names="person,ball"))

    def test_a_class_that_there_is_not_is_refused_in_a_short_line(self) -> None:
        with pytest.raises(SettingsError, match=r"^option person = '80': give 0 or 1 or \.\.\. 79$"):
            made("boxes_yolo", network((1, 84, 8400)), person="80")


class TestInputs:
    def test_yolox_sees_bytes_in_blue_green_red_top_left(self) -> None:
        (view,) = made("boxes_yolox", network((1, 8400, 85))).views(picture(1280, 720, bgr=(10, 20, 30)), None)
        np.testing.assert_array_equal(view.tensor[0, :, 359, 639], [10, 20, 30])
        np.testing.assert_array_equal(view.tensor[0, :, 360, 0], [114, 114, 114])

    def test_yolox_may_be_decoded_already(self) -> None:
        rows = np.zeros((1, 8400, 85), np.float32)
        rows[0, 3, :6] = [320, 160, 60, 180, 0.9, 0.8]
        (pose,) = decoded(made("boxes_yolox", network((1, 8400, 85)), boxes="decoded"), rows)
        np.testing.assert_allclose(pose.box_xyxy, BOX_PX, atol=0.01)

    def test_yolov6_is_read_by_a_card_that_names_yolov5(self) -> None:
        """Rows of input pixels, objectness 1, one for each cell."""
        module = importlib.import_module("edgepose.decoders.boxes_yolov5")
        assert module.recognise(network((1, 8400, 85)))

    def test_rtmdet_is_normalised_in_blue_green_red(self) -> None:
        signature = network((1, 20, 5), (1, 20))
        (view,) = made("boxes_mmdet", signature, input="rtmdet").views(picture(640, 320, bgr=(255, 0, 0)), None)
        # (255 - 103.53) / 57.375, (0 - 116.28) / 57.12, (0 - 123.675) / 58.395; padding (114 - 103.53) / 57.375.
        np.testing.assert_allclose(view.tensor[0, :, 0, 0], [2.64, -2.0357, -2.1179], atol=1e-3)
        assert view.tensor[0, 0, 639, 0] == pytest.approx(0.1825, abs=1e-3)
        (plain,) = made("boxes_mmdet", signature).views(picture(640, 320, bgr=(255, 0, 0)), None)
        np.testing.assert_array_equal(plain.tensor[0, :, 0, 0], [255, 0, 0])

    @pytest.mark.parametrize("name", ["boxes_yolo", "boxes_end2end", "boxes_yolov5"])
    def test_tflite_boxes_are_fractions_of_the_input(self, name: str) -> None:
        """640 px are 1: x 290..350 is 0.453..0.547; the input is quantised and NHWC."""
        (array,) = (output.copy() for output in CASES[name].one_person)
        (array[:, :4] if name == "boxes_yolo" else array[..., :4])[:] /= 640
        image = Tensor("images", (1, 640, 640, 3), "int8", 1 / 255, -128)
        signature = Signature((image,), (Tensor("Identity", array.shape, "float32"),), {})
        assert recognise(Path("detect.tflite"), signature) == name
        (pose,) = decoded(made(name, signature), array)
        np.testing.assert_allclose(pose.box_xyxy, BOX_PX, atol=0.01)


class TestBoxes:
    def test_a_box_in_the_padding_is_nobody(self) -> None:
        rows = np.zeros((1, 300, 6), np.float32)
        rows[0, 0] = [100, 10, 200, 130, 0.9, 0]  # 140 px above the picture are padding
        assert decoded(made("boxes_end2end", network((1, 300, 6))), rows) == []

    def test_a_broken_box_is_an_error(self) -> None:
        rows = np.zeros((1, 300, 6), np.float32)
        rows[0, 0] = [100, np.nan, 200, 300, 0.9, 0]
        with pytest.raises(ModelError, match="boxes are not finite"):
            decoded(made("boxes_end2end", network((1, 300, 6))), rows)

    def test_a_broken_score_of_another_class_is_an_error(self) -> None:
        rows = np.zeros((1, 300, 6), np.float32)
        rows[0, 0] = [100, 200, 200, 300, np.nan, 5]
        with pytest.raises(ModelError, match="scores are not finite"):
            decoded(made("boxes_end2end", network((1, 300, 6))), rows)

    def test_two_layers_that_see_one_person_give_one_box(self) -> None:
        assert (
            len(decoded(made("boxes_darknet", CASES["boxes_darknet"].network), *CASES["boxes_darknet"].one_person)) == 1
        )


def fixed_answer(path: Path, input_shape: tuple[int, ...], *outputs: np.ndarray) -> str:
    """A network that gives ``outputs`` whatever it sees."""
    nodes = [helper.make_node("Identity", [f"known{i}"], [f"output{i}"]) for i in range(len(outputs))]
    values = [numpy_helper.from_array(output.astype(np.float32), f"known{i}") for i, output in enumerate(outputs)]
    infos = [helper.make_tensor_value_info(f"output{i}", TensorProto.FLOAT, o.shape) for i, o in enumerate(outputs)]
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, input_shape)
    graph = helper.make_graph(nodes, "fixed", [image], infos, values)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return str(path)


class TestTogether:
    def test_a_detector_gives_its_boxes_to_a_top_down_network_and_has_options_of_its_own(self, tmp_path: Path) -> None:
        """Class 1 is at x 290..350; of class 0 there is a box as well, which is not asked for."""
        rows = np.zeros((1, 300, 6), np.float32)
        rows[0, :2] = [[290, 210, 350, 390, 0.9, 1], [90, 210, 150, 390, 0.95, 0]]
        maps = np.zeros((1, 17, 64, 48), np.float32)
        maps[:, :, 32, 24] = 0.9
        detector = fixed_answer(tmp_path / "boxes.onnx", (1, 3, 640, 640), rows)
        pose = fixed_answer(tmp_path / "heat.onnx", (1, 3, 256, 192), maps)
        settings = PoseSettings(model=pose, detector=detector, options={"detector.person": "1"})
        (found,) = build.estimator(settings, None)(picture(1280, 720))
        assert 580 < found.keypoints[0, 0] < 700
        assert 140 < found.keypoints[0, 1] < 500

    def test_a_detector_alone_has_no_joints_to_give(self, tmp_path: Path) -> None:
        path = fixed_answer(tmp_path / "boxes.onnx", (1, 3, 640, 640), *CASES["boxes_end2end"].one_person)
        with pytest.raises(ModelError, match="finds boxes and no joints: give it as the detector"):
            build.estimator(PoseSettings(model=path), None)
        (pose,) = build.estimator(PoseSettings(model=path), None, boxes=True)(picture(1280, 720))
        np.testing.assert_allclose(pose.box_xyxy, BOX_PX, atol=0.01)

    def test_options_for_a_detector_that_there_is_not_are_refused(self, tmp_path: Path) -> None:
        path = fixed_answer(tmp_path / "yolo.onnx", (1, 3, 640, 640), *CASES["yolo_pose"].one_person)
        with pytest.raises(SettingsError, match="finds people by itself: it takes no detector"):
            build.estimator(PoseSettings(model=path, options={"detector.person": "1"}), None)
