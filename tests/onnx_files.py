"""Small ONNX files with known outputs, made on the spot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def constant_network(
    path: Path,
    input_shape: Sequence[int | str],
    output: np.ndarray,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """A network that gives ``output`` whatever the picture: output + 0 · mean(input)."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["known", "nothing"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, list(input_shape))],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, list(output.shape))],
        [
            numpy_helper.from_array(output.astype(np.float32), "known"),
            numpy_helper.from_array(np.zeros((), np.float32), "zero"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def raw_yolo(people: Sequence[tuple[Sequence[float], float, np.ndarray]], rows: int = 100) -> np.ndarray:
    """(1, 56, rows) as Ultralytics v8/11: people are (cx cy w h, score, (17, 3) keypoints) in input px."""
    output = np.zeros((1, 56, rows), np.float32)
    for row, (box, score, keypoints) in enumerate(people):
        output[0, :4, row] = box
        output[0, 4, row] = score
        output[0, 5:, row] = np.asarray(keypoints).ravel()
    return output


def finished_yolo(people: Sequence[tuple[Sequence[float], float, np.ndarray]], rows: int = 300) -> np.ndarray:
    """(1, rows, 57) as YOLO26 end-to-end: people are (x1 y1 x2 y2, score, (17, 3) keypoints) in input px."""
    output = np.zeros((1, rows, 57), np.float32)
    for row, (box, score, keypoints) in enumerate(people):
        output[0, row, :4] = box
        output[0, row, 4] = score
        output[0, row, 6:] = np.asarray(keypoints).ravel()
    return output


def column_of_joints(x: float, y: float, step: float = 10.0, confidence: float = 0.9) -> np.ndarray:
    """(17, 3) joints one below the other."""
    return np.stack([np.full(17, x), y + step * np.arange(17), np.full(17, confidence)], axis=1)
