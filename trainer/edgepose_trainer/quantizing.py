"""Static int8 quantisation of an ONNX pose network that keeps in float what the keypoints cannot do without.

QDQ format, weights per channel, calibrated on real pictures. The layers behind the last convolution (boxes, scores
and joints put together) always stay float: their numbers are pixels and probabilities side by side.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, qdq_loss_debug, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from edgepose.errors import ModelError
from edgepose.types import Array

_HEAVY = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_LIGHT = ("Add", "AveragePool", "Clip", "Concat", "GlobalAveragePool", "HardSigmoid", "HardSwish", "LeakyRelu",
          "MaxPool", "Mul", "Relu", "Resize", "Sigmoid", "Split")  # fmt: skip
_STEPS = (0, 1, 2, 4, 8, 16, 32)
"""How many layers are kept in float, in turn, until the keypoints are good enough."""


@dataclass(frozen=True, slots=True)
class Quantized:
    """The outcome; points are what ``judge`` gives, usually PCK@0.2 in per cent."""

    before: float
    after: float
    in_float: tuple[str, ...]
    """Layers with weights that were kept in float, the most sensitive first."""


def quantize(
    weights: Path, out: Path, inputs: Sequence[Array], judge: Callable[[Path], float], max_drop: float
) -> Quantized:
    """Writes ``out``, an int8 twin of ``weights`` that loses at most ``max_drop`` points.

    ``inputs`` are calibration tensors as the network takes them, ``judge`` measures a weights file.
    Raises ModelError when the file has no layer to quantise, or loses more however many layers stay float;
    ``out`` is not written then.
    """
    before = judge(weights)
    with tempfile.TemporaryDirectory() as folder:
        clean, trial = Path(folder) / "clean.onnx", Path(folder) / "trial.onnx"
        quant_pre_process(str(weights), str(clean), skip_symbolic_shape=True)
        body = _body(onnx.load(clean))
        if not any(op in _HEAVY for op in body.values()):
            raise ModelError(f"{weights}: no convolution in it: nothing to quantise")
        order: list[str] | None = None
        after, kept = -np.inf, tuple[str, ...]()
        for count in _STEPS:
            if order is not None and count > len(order):
                break
            kept = tuple(order[:count]) if order else ()
            _write(clean, trial, inputs, [name for name in body if name not in kept])
            after = judge(trial)
            if before - after <= max_drop:
                shutil.move(trial, out)
                return Quantized(before, after, kept)
            order = order if order is not None else _most_sensitive(clean, trial, inputs, body)
    raise ModelError(
        f"{weights}: int8 loses {before - after:.1f} points ({before:.1f} -> {after:.1f}), more than {max_drop}, "
        f"even with {len(kept)} layers in float: {', '.join(kept)}"
    )


def _body(model: onnx.ModelProto) -> dict[str, str]:
    """Node name -> operator of all that lies at or before a layer with weights, which the tail does not."""
    maker = {output: node for node in model.graph.node for output in node.output}
    wanted = [node for node in model.graph.node if node.op_type in _HEAVY]
    body = {node.name: node.op_type for node in wanted}
    while wanted:
        node = wanted.pop()
        for source in (maker[name] for name in node.input if name in maker):
            if source.name not in body:
                body[source.name] = source.op_type
                wanted.append(source)
    return {name: op for name, op in body.items() if op in _HEAVY + _LIGHT}


def _write(clean: Path, trial: Path, inputs: Sequence[Array], nodes: list[str]) -> None:
    quantize_static(
        str(clean),
        str(trial),
        _Reader(clean, inputs),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_quantize=nodes,
    )


def _most_sensitive(clean: Path, trial: Path, inputs: Sequence[Array], body: Mapping[str, str]) -> list[str]:
    """Layers with weights by how much noise quantisation leaves in their outputs, the noisiest first."""
    few = inputs[:8]
    with tempfile.TemporaryDirectory() as folder:
        seen = []
        for name, model in (("float", clean), ("int8", trial)):
            augmented = Path(folder) / f"{name}.onnx"
            qdq_loss_debug.modify_model_output_intermediate_tensors(str(model), str(augmented))
            seen.append(qdq_loss_debug.collect_activations(str(augmented), _Reader(clean, few)))
    matching = qdq_loss_debug.create_activation_matching(seen[1], seen[0])
    ratio_db = {name: error["xmodel_err"] for name, error in qdq_loss_debug.compute_activation_error(matching).items()}
    outputs = {node.name: node.output[0] for node in onnx.load(clean).graph.node if node.op_type in _HEAVY}
    heavy = [name for name, op in body.items() if op in _HEAVY]
    return sorted(heavy, key=lambda name: ratio_db.get(outputs[name], np.inf))


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Feeds calibration tensors to the network's one input."""

    def __init__(self, model: Path, inputs: Iterable[Array]) -> None:
        self._name = onnx.load(model, load_external_data=False).graph.input[0].name
        self._inputs: Iterator[Array] = iter(inputs)

    def get_next(self) -> dict[str, Any] | None:
        tensor = next(self._inputs, None)
        return None if tensor is None else {self._name: tensor}
