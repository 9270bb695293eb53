"""Model folders: cards are checked against files, layouts are recognised, disagreements are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgepose import card as cards
from edgepose.build import verify
from edgepose.decoders import DecoderSettings
from edgepose.errors import ModelError, SettingsError
from edgepose.estimator import Estimator
from edgepose.models import Engine, find, installed, load_pose
from tests.onnx_files import column_of_joints, constant_network, finished_yolo, raw_yolo
from tests.shared import MOVENET, POSENET, needs


def model_folder(tmp_path: Path, **changes: Any) -> Path:
    """A good pose model folder, its card changed as asked."""
    folder = tmp_path / "net"
    folder.mkdir()
    weights = constant_network(folder / "weights.onnx", (1, 3, 640, 640), raw_yolo([]))
    card = {
        "format": "edgepose-card/1",
        "name": "net",
        "version": "1",
        "task": "pose",
        "runtime": "onnx",
        "files": [{"path": "weights.onnx", "sha256": cards.sha256_of(weights)}],
        "decoder": "yolo_pose",
        "input_shape": [1, 3, 640, 640],
        "output_shapes": [[1, 56, 100]],
        "licence": "Apache-2.0",
    } | changes
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    return folder


def loaded(path: Path) -> Any:
    return load_pose(path, Engine(threads=1), DecoderSettings())


def test_a_good_folder_loads_and_says_who_it_is(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    _, decoder, model = loaded(folder)
    assert decoder.skeleton.name == "coco17"
    assert model.stamp == f"net@{cards.sha256_of(folder / 'weights.onnx')[:12]}"
    assert verify(folder) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"files": [{"path": "weights.onnx", "sha256": "0" * 64}]}, ["sha256", "000000000000", "damaged"]),
        ({"files": [{"path": "gone.onnx", "sha256": "0" * 64}]}, ["gone.onnx", "missing"]),
        ({"input_shape": [1, 3, 320, 320]}, ["(1, 3, 320, 320)", "(1, 3, 640, 640)"]),
        ({"output_shapes": [[1, 300, 57]]}, ["(1, 300, 57)", "(1, 56, 100)"]),
        ({"output_shapes": [[1, 56, 100], [1, 2]]}, ["2 outputs", "has 1"]),
        ({"decoder": "yolo_end2end"}, ["yolo_end2end", "layout", "(1, 56, 100)"]),
        ({"decoder": "telepathy"}, ["telepathy", "yolo_pose"]),
        ({"skeleton": "h37"}, ["h37", "coco17"]),
        ({"task": "strokes"}, ["strokes model", "pose model"]),
        ({"colour": 1}, ["card.json", "colour"]),
        ({"licence": None}, ["card.json", "licence"]),
    ],
)
def test_a_card_that_does_not_match_is_refused(tmp_path: Path, changes: dict[str, Any], said: list[str]) -> None:
    folder = model_folder(tmp_path, **changes)
    with pytest.raises(ModelError) as caught:
        loaded(folder)
    for words in said:
        assert words in str(caught.value)


def test_opencv_takes_the_shapes_from_the_card(tmp_path: Path) -> None:
    """A 1×1 convolution whose bias is one person, the same in every cell: one person after suppression."""
    values = np.concatenate([[4, 4, 2, 4, 0.9], column_of_joints(4, 2, 0.25).ravel()]).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["cells"]),
        helper.make_node("Reshape", ["cells", "shape"], ["y"]),
    ]
    folder = tmp_path / "net"
    folder.mkdir()
    weights = folder / "weights.onnx"
    graph = helper.make_graph(
        nodes,
        "person",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 56, 64])],
        [
            numpy_helper.from_array(np.zeros((56, 3, 1, 1), np.float32), "w"),
            numpy_helper.from_array(values, "b"),
            numpy_helper.from_array(np.array([1, 56, 64]), "shape"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), weights)
    card = cards.Card(
        name="net", version="1", task="pose", runtime="opencv", files=[cards.weights(weights)], licence="none",
        input_shape=[1, 3, 8, 8], output_shapes=[[1, 56, 64]],
    )  # fmt: skip
    cards.save(card, folder)
    (pose,) = Estimator(*loaded(folder))(np.zeros((80, 80, 3), np.uint8))
    np.testing.assert_allclose(pose.box_xyxy, [30, 20, 50, 60], atol=0.1)
    np.testing.assert_allclose(pose.keypoints[16, :2], [40, 60], atol=0.1)


def test_a_broken_card_names_its_file(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    (folder / "card.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="card.json: not JSON"):
        loaded(folder)


def test_bare_weights_are_recognised_by_shape_not_by_name(tmp_path: Path) -> None:
    raw = constant_network(tmp_path / "yolo26n-pose.onnx", (1, 3, 640, 640), raw_yolo([]))
    finished = constant_network(tmp_path / "yolo11n-pose.onnx", (1, 3, 640, 640), finished_yolo([]))
    assert type(loaded(raw)[1]).__name__ == "YoloPose"
    assert type(loaded(finished)[1]).__name__ == "YoloEnd2End"


def test_an_unknown_layout_lists_the_known(tmp_path: Path) -> None:
    path = constant_network(tmp_path / "cat.onnx", (1, 3, 224, 224), raw_yolo([])[:, :10])
    with pytest.raises(ModelError, match=r"no decoder knows outputs \(1, 10, 100\).*yolo_pose"):
        loaded(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.pt").touch()
    with pytest.raises(ModelError, match=r"known: .onnx"):
        loaded(tmp_path / "net.pt")


@needs(MOVENET, POSENET)
def test_the_real_tflite_models_are_recognised() -> None:
    assert type(loaded(MOVENET)[1]).__name__ == "MoveNetSingle"
    assert type(loaded(POSENET)[1]).__name__ == "PoseNet"


def test_names_are_looked_up_in_the_given_folder_first(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    assert find("net", tmp_path) == folder
    assert folder in list(installed(tmp_path))
    with pytest.raises(SettingsError, match=r"no model 'nett'.*net"):
        find("nett", tmp_path)


def test_a_card_survives_saving(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    card = cards.load(folder)
    cards.save(card, folder)
    assert cards.load(folder) == card


def test_every_shipped_model_is_good() -> None:
    shipped = [folder for folder in installed() if folder.is_relative_to(Path(__file__).parents[2])]
    assert {folder.name for folder in shipped} >= {"tennis-strokes", "courtlift-n"}
    assert [verify(folder) for folder in shipped] == [None] * len(shipped)
