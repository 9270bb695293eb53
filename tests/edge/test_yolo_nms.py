"""Row 61: EfficientNMS_TRT exports, which dropped the keypoints, are refused with the way out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgepose.decoders import DecoderSettings
from edgepose.errors import ModelError
from edgepose.models import Engine, load_pose

NAMES = ["num_detections", "detection_boxes", "detection_scores", "detection_classes"]
SHAPES = [[1, 1], [1, 100, 4], [1, 100], [1, 100]]


def save(path: Path, nodes: list[onnx.NodeProto], names: list[str], domain: str = "") -> Path:
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 64])
    outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in zip(names, SHAPES, strict=True)]
    graph = helper.make_graph(nodes, "nms", [images], outputs)
    opsets = [helper.make_opsetid("", 13), *([helper.make_opsetid(domain, 1)] if domain else [])]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


@pytest.mark.parametrize("domain", ["", "TRT"])
def test_row_61_a_file_with_the_tensorrt_node_says_how_to_export_again(tmp_path: Path, domain: str) -> None:
    """ONNX Runtime cannot load the node: the user reads why and what to do, not its parser's words."""
    node = helper.make_node("EfficientNMS_TRT", ["images", "images"], NAMES, domain=domain)
    path = save(tmp_path / "nms.onnx", [node], NAMES, domain)
    with pytest.raises(ModelError, match=r"nms\.onnx.*keypoints.*again without add_nms\.py"):
        load_pose(path, Engine(threads=1), DecoderSettings())


@pytest.mark.parametrize("names", [NAMES, ["a", "b", "c", "d"]], ids=["by name", "by shape"])
def test_row_61_the_same_outputs_of_a_network_that_loads_are_refused_too(tmp_path: Path, names: list[str]) -> None:
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.zeros(shape, np.float32)))
        for name, shape in zip(names, SHAPES, strict=True)
    ]
    path = save(tmp_path / "nms.onnx", nodes, names)
    with pytest.raises(ModelError, match=r"nms\.onnx.*keypoints.*again without add_nms\.py"):
        load_pose(path, Engine(threads=1), DecoderSettings())
