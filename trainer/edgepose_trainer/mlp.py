"""A small residual perceptron in numpy: forward, backward, Adam, export to ONNX.

The layout is that of Martinez et al., "A simple yet effective baseline for 3d human pose estimation"
(ICCV 2017), one block, without normalisation layers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgepose.types import Float32

OPSET = 17
IR_VERSION = 8
"""Old enough for ONNX Runtime 1.14, so for every Jetson in use."""


class Perceptron:
    """x -> h = relu(x W0 + b0) -> h + relu(h W1 + b1) -> out = h W2 + b2."""

    def __init__(self, inputs: int, hidden: int, outputs: int, rng: np.random.Generator) -> None:
        def layer(rows: int, columns: int, gain: float) -> list[Float32]:
            weights = rng.standard_normal((rows, columns), np.float32) * np.float32(gain / np.sqrt(rows))
            return [weights, np.zeros(columns, np.float32)]

        # Near-zero output weights: the first steps fit the mean pose, not noise.
        self.weights = [
            *layer(inputs, hidden, 1.4),
            *layer(hidden, hidden, 1.4),
            *layer(hidden, outputs, 0.01),
        ]

    @property
    def parameters(self) -> int:
        return sum(weight.size for weight in self.weights)

    def __call__(self, x: Float32) -> Float32:
        """(N, inputs) -> (N, outputs)."""
        return self._forward(x)[-1]

    def gradients(self, x: Float32, target: Float32) -> tuple[list[Float32], float]:
        """Of the mean joint distance |out - target| over (N, joints * 3); and that distance."""
        first, second, summed, out = self._forward(x)
        error = (out - target).reshape(len(x), -1, 3)
        distance = np.sqrt((error**2).sum(axis=-1, keepdims=True) + np.float32(1e-8))
        back = (error / distance).reshape(len(x), -1) / np.float32(distance.size)
        back_summed = back @ self.weights[4].T
        back_second = back_summed * (second > 0)
        back_first = (back_summed + back_second @ self.weights[2].T) * (first > 0)
        gradients = [
            x.T @ back_first, back_first.sum(axis=0),
            first.T @ back_second, back_second.sum(axis=0),
            summed.T @ back, back.sum(axis=0),
        ]  # fmt: skip
        return gradients, float(distance.mean())

    def _forward(self, x: Float32) -> tuple[Float32, Float32, Float32, Float32]:
        w0, b0, w1, b1, w2, b2 = self.weights
        first = np.maximum(x @ w0 + b0, 0)
        second = np.maximum(first @ w1 + b1, 0)
        summed = first + second
        return first, second, summed, summed @ w2 + b2


class Adam:
    """Kingma and Ba (2015), with the learning rate given at each step."""

    def __init__(self, weights: list[Float32]) -> None:
        self._weights = weights
        self._mean = [np.zeros_like(weight) for weight in weights]
        self._square = [np.zeros_like(weight) for weight in weights]
        self._steps = 0

    def step(self, gradients: list[Float32], rate: float) -> None:
        """Changes the weights in place."""
        self._steps += 1
        rate *= float(np.sqrt(1 - 0.999**self._steps) / (1 - 0.9**self._steps))
        for weight, mean, square, gradient in zip(self._weights, self._mean, self._square, gradients, strict=True):
            mean += np.float32(0.1) * (gradient - mean)
            square += np.float32(0.001) * (gradient * gradient - square)
            weight -= np.float32(rate) * mean / (np.sqrt(square) + np.float32(1e-8))


def export(network: Perceptron, path: Path, name: str) -> None:
    """Writes fp32 ONNX: input "window" (N, inputs) -> output "pose" (N, outputs)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Gemm", ["window", "w0", "b0"], ["a0"]),
        helper.make_node("Relu", ["a0"], ["h0"]),
        helper.make_node("Gemm", ["h0", "w1", "b1"], ["a1"]),
        helper.make_node("Relu", ["a1"], ["h1"]),
        helper.make_node("Add", ["h0", "h1"], ["h"]),
        helper.make_node("Gemm", ["h", "w2", "b2"], ["pose"]),
    ]
    names = ("w0", "b0", "w1", "b1", "w2", "b2")
    constants = [numpy_helper.from_array(w, n) for w, n in zip(network.weights, names, strict=True)]
    inputs, outputs = network.weights[0].shape[0], network.weights[4].shape[1]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("window", TensorProto.FLOAT, ["n", inputs])],
        [helper.make_tensor_value_info("pose", TensorProto.FLOAT, ["n", outputs])],
        constants,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="edgepose"
    )
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
