"""courtlift's network: a residual perceptron over a window, its two answers, and its ONNX files.

The layout is that of Martinez et al., "A simple yet effective baseline for 3d human pose estimation" (ICCV 2017),
without normalisation layers and dropout, over all samples of a window at once.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from edgepose.errors import ModelError
from edgepose.lifter import HEADS
from edgepose.skeletons import COCO17, H36M17
from edgepose_trainer.shortening import shorten

_OPSET = 17
_IR_VERSION = 8
"""Old enough for ONNX Runtime 1.14, so for every Jetson in use."""
_GROUP = 15
"""Divides every layer's inputs; of the first layer a group is a coordinate at all samples of the window."""


class CourtLift(nn.Module):
    """(N, T·17·3) as ``network_input`` makes it -> (N, 51) in the middle and (N, 51) at the newest sample, metres."""

    def __init__(self, frames: int, hidden: int = 480, blocks: int = 2) -> None:
        super().__init__()
        joints = len(H36M17) * 3
        self.first = nn.Linear(frames * len(COCO17) * 3, hidden)
        self.blocks = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(blocks))
        self.middle, self.newest = nn.Linear(hidden, joints), nn.Linear(hidden, joints)
        with torch.no_grad():
            for head in (self.middle, self.newest):  # near zero: the first steps fit the mean pose, not noise
                head.weight.mul_(0.01)
                head.bias.zero_()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.relu(self.first(x))
        for block in self.blocks:
            x = x + torch.relu(block(x))
        return self.middle(x), self.newest(x)


def load_weights(network: CourtLift, path: Path) -> None:
    """Of a checkpoint of ours, or of weights.onnx; raises ModelError when they do not fit."""
    if path.suffix == ".onnx":
        graph = onnx.load(path).graph
        state = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    else:
        state = torch.load(path, weights_only=True)
    expected = {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
    if (got := {name: tuple(weight.shape) for name, weight in state.items()}) != expected:
        raise ModelError(f"{path}: expected weights {expected}, got {got}")
    network.load_state_dict(state)


def export(network: CourtLift, folder: Path) -> list[Path]:
    """Writes ``weights.onnx`` and, with int8 weights, ``weights-int8.onnx``."""
    folder.mkdir(parents=True, exist_ok=True)
    path, small = folder / "weights.onnx", folder / "weights-int8.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the other exporter needs another package
        torch.onnx.export(
            network.eval(),
            (torch.zeros(1, network.first.in_features),),
            path,
            dynamo=False,
            opset_version=_OPSET,
            input_names=["window"],
            output_names=list(HEADS),
            dynamic_axes={name: {0: "n"} for name in ("window", *HEADS)},
        )
    model = onnx.load(path)
    model.ir_version, model.producer_name, model.producer_version = _IR_VERSION, "edgepose", ""
    shorten(model)
    onnx.save(model, path)
    onnx.save(_eight_bits(model), small)
    return [path, small]


def _eight_bits(model: onnx.ModelProto) -> onnx.ModelProto:
    """Matrices as int8 with a scale for every ``_GROUP`` inputs of a row, made float again once while loading.

    A scale a row, and activations of 8 bits, cost 8 mm; these cost 2.
    """
    small = onnx.ModelProto()
    small.CopyFrom(model)
    graph = small.graph
    restored = []
    for matrix in [tensor for tensor in graph.initializer if len(tensor.dims) == 2]:
        values, name = numpy_helper.to_array(matrix), matrix.name
        grouped = values.reshape(len(values), _GROUP, -1)
        scale = np.maximum(np.abs(grouped).max(axis=1, keepdims=True) / np.float32(127), np.float32(1e-12))
        parts = {"int8": np.round(grouped / scale).astype(np.int8), "scale": scale, "shape": np.array(values.shape)}
        graph.initializer.remove(matrix)
        graph.initializer.extend(numpy_helper.from_array(value, f"{name}.{part}") for part, value in parts.items())
        restored += [
            helper.make_node("Cast", [f"{name}.int8"], [f"{name}.float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}.float", f"{name}.scale"], [f"{name}.scaled"]),
            helper.make_node("Reshape", [f"{name}.scaled", f"{name}.shape"], [name]),
        ]
    nodes = [*restored, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return small
