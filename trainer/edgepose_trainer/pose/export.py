"""The trained network as ``weights.onnx``, and back: the file that ships is the file that training resumes from.

Batch normalisation stays a layer of its own, for that reason; engines and quantisers fold it themselves.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from edgepose.errors import ModelError
from edgepose_trainer.pose.network import Exported, PoseNetwork
from edgepose_trainer.shortening import shorten

_OPSET = 17
_PREFIX = "network."


def write(network: PoseNetwork, size: int, path: Path) -> None:
    """fp32 ONNX, input "images" (1, 3, S, S) RGB 0..1 -> "rows" (1, 56, N) and "maps" (1, 17, S/8, S/8)."""
    model = Exported(network, size).cpu().eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the other exporter needs another package
        torch.onnx.export(
            model,
            (torch.zeros(1, 3, size, size),),
            partial,
            dynamo=False,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            opset_version=_OPSET,
            input_names=["images"],
            output_names=["rows", "maps"],
        )
    graph = onnx.load(str(partial))
    graph.producer_name = "edgepose"
    graph.producer_version = ""
    onnx.helper.set_model_props(graph, {"width": repr(network.width), "size": str(size), "kpt_shape": "[17, 3]"})
    shorten(graph)
    onnx.checker.check_model(graph)
    partial.write_bytes(graph.SerializeToString())
    partial.replace(path)


def read(path: Path) -> tuple[float, dict[str, Tensor]]:
    """The network's width and weights from a file that ``write`` wrote; raises ModelError for any other."""
    try:
        model = onnx.load(str(path))
    except Exception as error:  # noqa: BLE001 - protobuf's own errors share no base
        raise ModelError(f"{path}: not an ONNX file: {error}") from None
    properties = {entry.key: entry.value for entry in model.metadata_props}
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:  # equal weights are written once
        if node.op_type == "Identity" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]]
    found = {
        name.removeprefix(_PREFIX): torch.from_numpy(np.array(value))
        for name, value in values.items()
        if name.startswith(_PREFIX)
    }
    if "width" not in properties or not found:
        raise ModelError(f"{path}: not written by edgepose train pose: no width or no named weights in it")
    return float(properties["width"]), found


def fill(network: PoseNetwork, weights: dict[str, Tensor], path: Path) -> None:
    """Sets the weights; raises ModelError when one is missing or of another shape."""
    missing = [n for n in network.state_dict() if n not in weights and not n.endswith("num_batches_tracked")]
    if missing:
        raise ModelError(f"{path}: {len(missing)} weights are missing, {missing[0]} first")
    try:
        network.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise ModelError(f"{path}: {str(error).splitlines()[-1].strip()}") from None
