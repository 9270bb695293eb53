"""Quantisation on networks small enough to know what must happen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgepose.errors import ModelError
from edgepose_trainer.quantizing import quantize

PICTURES = [np.random.default_rng(seed).random((1, 3, 8, 8), np.float32) for seed in range(8)]


def network(path: Path) -> Path:
    """Two branches; in "loud" one channel is 100,000 times the other, and only the quiet one is listened to."""
    loud = np.array([[1000, 0, 0], [0, 0.01, 0]], np.float32)[:, :, None, None]
    listen = np.array([[0, 100]], np.float32)[:, :, None, None]
    plain = np.array([[0, 0, 1]], np.float32)[:, :, None, None]
    nodes = [
        helper.make_node("Conv", ["images", "w_loud"], ["a"], name="loud"),
        helper.make_node("Conv", ["a", "w_listen"], ["b"], name="listen"),
        helper.make_node("Conv", ["images", "w_plain"], ["c"], name="plain"),
        helper.make_node("Concat", ["b", "c"], ["output0"], name="tail", axis=1),
    ]
    weights = [numpy_helper.from_array(v, k) for k, v in (("w_loud", loud), ("w_listen", listen), ("w_plain", plain))]
    shape = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (
        ("images", [1, 3, 8, 8]), ("output0", [1, 2, 8, 8]))]  # fmt: skip
    graph = helper.make_graph(nodes, "outlier", shape[:1], shape[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def points(path: Path) -> float:
    """100 · share of outputs within 0.05 of the truth, which is the second and third channel of the picture."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    errors = [np.abs(session.run(None, {"images": picture})[0] - picture[:, 1:]) for picture in PICTURES]
    return 100 * float(np.mean(np.concatenate(errors) < 0.05))


def test_layers_round_an_outlier_stay_in_float_and_are_named(tmp_path: Path) -> None:
    result = quantize(network(tmp_path / "net.onnx"), tmp_path / "int8.onnx", PICTURES, points, 1.5)
    assert result.before == 100
    assert result.after >= 98.5
    assert sorted(result.in_float) == ["listen", "loud"]
    assert points(tmp_path / "int8.onnx") == result.after
    nodes = onnx.load(tmp_path / "int8.onnx").graph.node
    weights = {node.name: node.input[1] for node in nodes if node.op_type == "Conv"}
    assert (weights["loud"], weights["listen"]) == ("w_loud", "w_listen")
    assert weights["plain"] == "w_plain_DequantizeLinear_Output"


def test_a_network_that_loses_too_much_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    scores = iter([80.0, *[70.0] * 20])
    with pytest.raises(ModelError, match=r"loses 10.0 points \(80.0 -> 70.0\), more than 1.5, even with 2 layers"):
        quantize(network(tmp_path / "net.onnx"), tmp_path / "int8.onnx", PICTURES, lambda path: next(scores), 1.5)
    assert not (tmp_path / "int8.onnx").exists()
