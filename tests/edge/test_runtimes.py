"""Runtimes give arrays for arrays, say what their tensors are, and refuse what is no model."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgepose.errors import ModelError, SettingsError
from edgepose.models import Engine, load_runtime
from tests.onnx_files import constant_network, raw_yolo
from tests.shared import MOVENET, POSENET, needs


def test_onnx_says_its_tensors_and_metadata(tmp_path: Path) -> None:
    path = constant_network(tmp_path / "m.onnx", (1, 3, "h", 64), raw_yolo([]), {"task": "pose"})
    runtime = load_runtime("onnx", path, Engine(threads=1))
    assert runtime.signature.inputs[0].shape == (1, 3, None, 64)
    assert runtime.signature.inputs[0].dtype == "float32"
    assert runtime.signature.outputs[0].shape == (1, 56, 100)
    assert runtime.signature.metadata["task"] == "pose"
    (output,) = runtime.run(np.zeros((1, 3, 32, 64), np.float32))
    assert output.dtype == np.float32


def test_an_unknown_execution_provider_names_those_there_are(tmp_path: Path) -> None:
    path = constant_network(tmp_path / "m.onnx", (1, 3, 64, 64), raw_yolo([]))
    with pytest.raises(SettingsError, match="CPUExecutionProvider"):
        load_runtime("onnx", path, Engine(providers=("AbacusExecutionProvider",)))


@pytest.mark.parametrize(("runtime", "name"), [("onnx", "m.onnx"), ("litert", "m.tflite"), ("opencv", "m.caffemodel")])
@pytest.mark.parametrize("content", [b"", b"this is no model" * 100])
def test_a_file_that_is_no_model_is_one_clear_line(tmp_path: Path, runtime: str, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    path.with_suffix(".prototxt").write_bytes(content)
    with pytest.raises(ModelError, match=name) as caught:
        load_runtime(runtime, path, Engine())
    assert "\n" not in str(caught.value)


def test_caffe_weights_without_topology_say_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "pose.caffemodel").write_bytes(b"x")
    with pytest.raises(ModelError, match="pose.prototxt beside it"):
        load_runtime("opencv", tmp_path / "pose.caffemodel", Engine())


def test_opencv_runs_an_onnx_convolution(tmp_path: Path) -> None:
    """A 1×1 convolution that doubles."""
    weights = numpy_helper.from_array(2 * np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1), "w")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        "double",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 4, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 4, 5])],
        [weights],
    )
    path = tmp_path / "double.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    values = np.arange(60, dtype=np.float32).reshape(1, 3, 4, 5)
    for name in ("opencv", "onnx"):
        (output,) = load_runtime(name, path, Engine(threads=1)).run(values)
        np.testing.assert_allclose(output, 2 * values)


@needs(MOVENET)
def test_litert_takes_bytes_and_gives_floats() -> None:
    runtime = load_runtime("litert", MOVENET, Engine(threads=1))
    assert (runtime.signature.inputs[0].shape, runtime.signature.inputs[0].dtype) == ((1, 192, 192, 3), "uint8")
    (output,) = runtime.run(np.zeros((1, 192, 192, 3), np.uint8))
    assert output.shape == (1, 1, 17, 3)
    assert output.dtype == np.float32


@needs(POSENET)
def test_litert_gives_quantised_outputs_as_real_values() -> None:
    """Heatmaps are bytes with scale 0.078 and zero point 128: between -10.04 and 9.96."""
    runtime = load_runtime("litert", POSENET, Engine(threads=1))
    heat, *_ = runtime.run(np.zeros((1, 353, 481, 3), np.uint8))
    assert heat.shape == (1, 23, 31, 17)
    assert -10.05 < heat.min() < 0
    assert np.unique(heat / 0.0784313753).size <= 256


def test_litert_falls_back_to_tflite_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old package has the same Interpreter; without either the message says what to install."""
    from edgepose.runtimes import litert

    old = types.ModuleType("tflite_runtime.interpreter")
    old.Interpreter = type("Interpreter", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime", types.ModuleType("tflite_runtime"))
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", old)
    assert litert.interpreter_class() is old.Interpreter
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", None)
    with pytest.raises(SettingsError, match="litert"):
        litert.interpreter_class()
