"""Real networks of OpenPose's layouts that draw a person round every blue square of 8×8 px, as ONNX and Caffe files.

The first layer reads the brightness of each cell of 8×8 px (0 to 1), the second draws: joint k of layout K is
``CELLS[k]`` cells from the square, and every link's field lies along the line between its joints.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgepose.openpose import Layout

_REACH = 13  # cells
CELLS = np.array([((k % 5) * 3 - 6, k - 12) for k in range(25)])
"""(25, 2) where joint k lies, cells right of and below the square."""


def drawing_weights(layout: Layout) -> np.ndarray:
    """(channels, 1, 27, 27): a convolution turns the picture round, so joints lie at minus their place."""
    y, x = -np.mgrid[-_REACH : _REACH + 1, -_REACH : _REACH + 1].astype(float)
    weights = np.zeros((layout.channels, 1, 2 * _REACH + 1, 2 * _REACH + 1), np.float32)
    for k, (right, down) in enumerate(CELLS[: layout.joints]):
        weights[k, 0, _REACH - down, _REACH - right] = 1
    for (a, b), field in zip(layout.links, layout.fields, strict=True):
        start, step = CELLS[a], CELLS[b] - CELLS[a]
        length = np.hypot(*step)
        along = ((x - start[0]) * step[0] + (y - start[1]) * step[1]) / length
        across = ((x - start[0]) * step[1] - (y - start[1]) * step[0]) / length
        on = (along > -1) & (along < length + 1) & (np.abs(across) < 1.5)
        for axis in (0, 1):
            weights[layout.joints + 1 + field + axis, 0][on] = step[axis] / length
    return weights


def brightness_weights(black: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (1, 3, 8, 8) and bias: the mean of the first channel (blue), from 0 where the input is ``black``."""
    weights = np.zeros((1, 3, 8, 8), np.float32)
    weights[0, 0] = 1 / 64
    return weights, np.array([-black], np.float32)


def onnx_network(path: Path, layout: Layout, black: float = -0.5, apart: bool = False) -> Path:
    """Sides are dynamic. ``apart``: maps and fields are outputs of their own, the maps given twice."""
    first, bias = brightness_weights(black)
    second = drawing_weights(layout)
    parts = [second[: layout.joints + 1], second[layout.joints + 1 :]] if apart else [second]
    parts = [parts[0] * 0.1, parts[1], parts[0]] if apart else parts
    pads = [_REACH] * 4
    nodes = [helper.make_node("Conv", ["image", "first", "bias"], ["cells"], strides=[8, 8])]
    nodes += [helper.make_node("Conv", ["cells", f"weights{i}"], [f"output{i}"], pads=pads) for i in range(len(parts))]
    names = {"first": first, "bias": bias, **{f"weights{i}": part for i, part in enumerate(parts)}}
    outputs = [
        helper.make_tensor_value_info(f"output{i}", TensorProto.FLOAT, [1, len(part), "rows", "columns"])
        for i, part in enumerate(parts)
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "height", "width"])
    tensors = [numpy_helper.from_array(value, name) for name, value in names.items()]
    graph = helper.make_graph(nodes, "openpose", [image], outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def caffe_network(path: Path, layout: Layout) -> Path:
    """``path`` (.caffemodel) and its .prototxt beside it."""
    second = drawing_weights(layout)
    path.with_suffix(".prototxt").write_text(
        f"""name: "openpose"
input: "image"
input_dim: 1 input_dim: 3 input_dim: 368 input_dim: 656
layer {{ name: "cells" type: "Convolution" bottom: "image" top: "cells"
        convolution_param {{ num_output: 1 kernel_size: 8 stride: 8 }} }}
layer {{ name: "net_output" type: "Convolution" bottom: "cells" top: "net_output"
        convolution_param {{ num_output: {len(second)} kernel_size: {2 * _REACH + 1} pad: {_REACH} }} }}
""",
        encoding="utf-8",
    )
    layers = (("cells", "image", brightness_weights(-0.5)), ("net_output", "cells", (second, np.zeros(len(second)))))
    path.write_bytes(_part(1, b"openpose") + b"".join(_part(100, _layer(*layer)) for layer in layers))
    return path


def picture(size_wh: tuple[int, int], squares_xy: Sequence[tuple[int, int]], side: int = 8) -> np.ndarray:
    """(H, W, 3) black with blue squares whose upper left corners are at ``squares_xy``."""
    image = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    for x, y in squares_xy:
        image[y : y + side, x : x + side, 0] = 255
    return image


def _layer(name: str, bottom: str, blobs: Sequence[np.ndarray]) -> bytes:
    """caffe.LayerParameter: 1 name, 2 type, 3 bottom, 4 top, 7 blobs."""
    texts = ((1, name), (2, "Convolution"), (3, bottom), (4, name))
    return b"".join(_part(number, text.encode()) for number, text in texts) + b"".join(
        _part(7, _blob(blob)) for blob in blobs
    )


def _blob(values: np.ndarray) -> bytes:
    """caffe.BlobProto: 5 packed data, 7 shape (1 packed dim)."""
    shape = b"".join(_varint(side) for side in values.shape)
    return _part(5, struct.pack(f"<{values.size}f", *values.ravel().tolist())) + _part(7, _part(1, shape))


def _part(number: int, payload: bytes) -> bytes:
    """One length-delimited protobuf field."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])
