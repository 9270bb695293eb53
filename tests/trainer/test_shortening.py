"""Weights that compress."""

from __future__ import annotations

import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgepose_trainer.shortening import shorten


def test_weights_stay_within_a_thousandth_and_compress() -> None:
    rng = np.random.default_rng(0)
    weights = {
        "matrix": (rng.standard_normal((64, 64)) * 10.0 ** rng.integers(-6, 6, (64, 64))).astype(np.float32),
        "places": np.arange(4, 640, 8, np.float32),
        "scalar": np.array(-0.1, np.float32),
        "shape": np.array([1, -1], np.int64),
    }
    output = helper.make_tensor_value_info("matrix", TensorProto.FLOAT, [64, 64])
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    model = helper.make_model(helper.make_graph([], "weights", [], [output], tensors))
    before = len(zlib.compress(model.SerializeToString(), 9))
    shorten(model)
    onnx.checker.check_model(model)
    after = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for name, value in weights.items():
        assert after[name].shape == value.shape
        np.testing.assert_allclose(after[name], value, rtol=2**-10)
    np.testing.assert_array_equal(after["places"], weights["places"])
    assert len(zlib.compress(model.SerializeToString(), 9)) < 0.7 * before
