"""courtlift's network: a residual perceptron over a window, its two answers, and its ONNX files.

The layout is that of Martinez et al., "A simple yet effective baseline for 3d human pose estimation" (ICCV 2017),
without normalisation layers and dropout, over all samples of a window at once.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

from edgepose.lifter import HEADS
from edgepose.skeletons import COCO17, H36M17

_OPSET = 17
_IR_VERSION = 8
"""Old enough for ONNX Runtime 1.14, so for every Jetson in use."""


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
    onnx.save(model, path)
    clean = folder / "weights.clean.onnx"
    quant_pre_process(str(path), str(clean), skip_symbolic_shape=True)
    quantize_dynamic(clean, small, per_channel=True, weight_type=QuantType.QInt8)
    clean.unlink()
    return [path, small]
