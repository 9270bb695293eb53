"""Rows 61 and 62 through real ONNX files: YOLOv7-w6 raw, grid and NMS rows, TI YOLOv5-pose and YOLOX-pose."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgepose import card as cards
from edgepose.decoders import DecoderSettings
from edgepose.errors import ModelError
from edgepose.estimator import Estimator
from edgepose.models import Engine, load_pose
from tests.contract.test_decoders import CASES, Case
from tests.onnx_files import column_of_joints, constant_network, finished_yolo

FRAME = np.zeros((720, 1280, 3), np.uint8)


def network(path: Path, outputs: list[np.ndarray], side: int = 640) -> Path:
    """An ONNX file of several outputs, which are what they are whatever the picture."""
    nodes = [helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
             helper.make_node("Mul", ["mean", "zero"], ["nothing"])]  # fmt: skip
    nodes += [helper.make_node("Add", [f"known{i}", "nothing"], [f"out{i}"]) for i in range(len(outputs))]
    graph = helper.make_graph(
        nodes,
        "several",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, side, side])],
        [
            helper.make_tensor_value_info(f"out{i}", TensorProto.FLOAT, ["people", 57] if o.ndim == 2 else o.shape)
            for i, o in enumerate(outputs)
        ],
        [numpy_helper.from_array(np.asarray(o, np.float32), f"known{i}") for i, o in enumerate(outputs)]
        + [numpy_helper.from_array(np.zeros((), np.float32), "zero")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def load(path: Path, **options: str) -> Estimator:
    return Estimator(*load_pose(path, Engine(threads=1), DecoderSettings(options=options)))


def carded(weights: Path, decoder: str, skeleton: str = "coco17", **options: str) -> Estimator:
    """The weights in a folder whose card names decoder and skeleton."""
    card = {"name": "net", "version": "1", "task": "pose", "runtime": "onnx", "licence": "none", "decoder": decoder,
            "options": options, "skeleton": skeleton,
            "files": [{"path": weights.name, "sha256": cards.sha256_of(weights)}]}  # fmt: skip
    (weights.parent / "card.json").write_text(json.dumps(card))
    return load(weights.parent)


def stands(case: Case, estimator: Estimator) -> None:
    (pose,) = estimator(FRAME)
    np.testing.assert_allclose(pose.keypoints[0, :2], case.nose_px, atol=0.01)
    np.testing.assert_allclose(pose.keypoints[16, :2], case.ankle_px, atol=0.01)


def test_row_61_raw_grid_and_nms_are_told_apart(tmp_path: Path) -> None:
    """The same person: four maps; rows of a grid before maps; finished rows, which need a card."""
    for name in ("yolov7_raw", "yolov7_grid"):
        stands(CASES[name], load(network(tmp_path / f"{name}.onnx", list(CASES[name].one_person))))
    rows = network(tmp_path / "rows.onnx", list(CASES["yolov7_nms"].one_person))
    with pytest.raises(ModelError, match=r"rows\.onnx.*may be yolov7_nms or yolox_nms: name its decoder in a card"):
        load(rows)
    stands(CASES["yolov7_nms"], carded(rows, "yolov7_nms"))


def test_row_61_a_grid_without_its_maps_is_told_by_its_number_of_rows(tmp_path: Path) -> None:
    """640: 3 · (6400 + 1600 + 400 + 100) = 25500 rows, YOLOX has 6400 + 1600 + 400 = 8400."""
    rows = np.zeros((1, 25500, 57), np.float32)
    rows[0, 0] = [320, 300, 60, 180, 0.9, 0.8, *column_of_joints(320, 240).ravel()]
    stands(CASES["yolov7_grid"], load(network(tmp_path / "grid.onnx", [rows])))
    with pytest.raises(ModelError, match="no decoder knows|yolo_end2end"):
        load(network(tmp_path / "other.onnx", [rows[:, :25499, :56]]))


def test_row_61_raw_maps_score_box_and_joints_by_the_formulas(tmp_path: Path) -> None:
    """Logits 2 and 2: (1 / (1 + e^-2))² = 0.7758; the third anchor, 38×94 px, doubled by the letterbox."""
    (pose,) = load(network(tmp_path / "raw.onnx", list(CASES["yolov7_raw"].one_person)))(FRAME)
    assert pose.score == pytest.approx(0.7758, abs=1e-4)
    np.testing.assert_allclose(pose.box_xyxy, [602, 226, 678, 414], atol=0.01)
    np.testing.assert_allclose(pose.keypoints[:, 2], 0.8808, atol=1e-4)


def test_row_61_raw_maps_in_any_order_and_of_two_classes(tmp_path: Path) -> None:
    maps = [np.insert(level, 5, -8, axis=4) for level in CASES["yolov7_raw"].one_person]
    stands(CASES["yolov7_raw"], carded(network(tmp_path / "raw.onnx", maps[::-1]), "yolov7_raw"))


def test_row_61_levels_without_published_anchors_are_refused(tmp_path: Path) -> None:
    maps = list(CASES["yolov7_raw"].one_person)[:3]
    with pytest.raises(ModelError, match=r"raw\.onnx: raw maps of 3 levels.*export with the grid"):
        load(network(tmp_path / "raw.onnx", maps))


def test_row_61_nobody_after_nms_is_nobody(tmp_path: Path) -> None:
    assert carded(network(tmp_path / "rows.onnx", [np.zeros((0, 57))]), "yolov7_nms")(FRAME) == []


def test_row_62_ti_yolov5_may_squash_the_picture(tmp_path: Path) -> None:
    """1280×720 in 640×640 without padding: x doubles, y is times 1.125."""
    rows = finished_yolo([([290, 240, 350, 400], 0.9, column_of_joints(320, 240))], rows=1)[0]
    (pose,) = carded(network(tmp_path / "rows.onnx", [rows]), "yolov7_nms", resize="squash")(FRAME)
    np.testing.assert_allclose(pose.keypoints[0, :2], [640, 270], atol=0.01)
    np.testing.assert_allclose(pose.box_xyxy, [580, 270, 700, 450], atol=0.01)


def test_row_62_yolox_with_and_without_nms_has_logits_for_confidences(tmp_path: Path) -> None:
    """Without: (2 · 0.5 - 0.5) · 8 = 4, sigmoid 0.982; with: 2.2, sigmoid 0.9002."""
    raw = load(network(tmp_path / "raw.onnx", list(CASES["yolox_pose"].one_person)))
    stands(CASES["yolox_pose"], raw)
    np.testing.assert_allclose(raw(FRAME)[0].keypoints[:, 2], 0.98201, atol=1e-4)
    assert raw(FRAME)[0].score == pytest.approx(0.72)
    rows = carded(network(tmp_path / "rows.onnx", list(CASES["yolox_nms"].one_person)), "yolox_nms")
    stands(CASES["yolox_nms"], rows)
    np.testing.assert_allclose(rows(FRAME)[0].keypoints[:, 2], 0.90025, atol=1e-4)


def test_row_62_yolox_sees_bytes_in_bgr_from_the_top_left(tmp_path: Path) -> None:
    frame = FRAME.copy()
    frame[...] = (10, 20, 30)
    (view,) = load(network(tmp_path / "raw.onnx", list(CASES["yolox_pose"].one_person))).decoder.views(frame, None)
    np.testing.assert_array_equal(view.tensor[0, :, 0, 0], [10, 20, 30])
    np.testing.assert_array_equal(view.tensor[0, :, [359, 360], 639], [[10, 20, 30], [114, 114, 114]])


@pytest.mark.parametrize("rows", [10, 100, 1000])
def test_row_59_finished_rows_of_any_number_and_their_padding(tmp_path: Path, rows: int) -> None:
    """nms=True with max_det 10, 100 or 1000: zeros behind the people are no people, at no threshold."""
    output = finished_yolo([([290, 230, 350, 410], 0.9, column_of_joints(320, 240))], rows=rows)
    path = network(tmp_path / "nms.onnx", [output])
    (pose,) = Estimator(*load_pose(path, Engine(threads=1), DecoderSettings(min_score=0.0)))(FRAME)
    np.testing.assert_allclose(pose.keypoints[0, :2], (640, 200), atol=0.01)


@pytest.mark.parametrize("metadata", [{}, {"task": "pose", "kpt_shape": "[14, 2]"}], ids=["bare", "metadata"])
def test_row_58_a_card_names_the_skeleton_of_other_joints(tmp_path: Path, metadata: dict[str, str]) -> None:
    """LSP's 14 joints, x and y alone: 4 + 1 + 28 = 33 channels; every joint that is there is certain."""
    output = np.zeros((1, 33, 100), np.float32)
    output[0, :, 0] = [320, 320, 100, 200, 0.9, *column_of_joints(320, 240)[:14, :2].ravel()]
    weights = constant_network(tmp_path / "lsp.onnx", (1, 3, 640, 640), output, metadata)
    (pose,) = carded(weights, "yolo_pose", skeleton="lsp14")(FRAME)
    assert pose.keypoints.shape == (14, 3)
    np.testing.assert_allclose(pose.keypoints[13], [640, 460, 1], atol=0.01)
