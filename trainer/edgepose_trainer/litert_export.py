"""A PyTorch pose network as an int8 LiteRT file (litert-torch, ai-edge-quantizer; extra ``litert-export``).

Convolutions and what lies between them become int8, weights per channel; boxes, scores and joints are put together
in float, because their numbers are pixels and probabilities side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgepose.errors import SettingsError
from edgepose.types import Array

if TYPE_CHECKING:
    from torch import nn

_BETWEEN = ".*(Backbone|Residual|Neck).*"
"""Modules whose additions and enlargements lie between convolutions."""


def export(network: nn.Module, inputs: Sequence[Array], out: Path, between: str = _BETWEEN) -> None:
    """Writes ``out`` (.tflite) from a network (1, 3, S, S) -> tensors; ``inputs`` calibrate it.

    Raises SettingsError when the extra is not installed.
    """
    try:
        import litert_torch
        import torch
        from ai_edge_quantizer import quantizer
        from ai_edge_quantizer.qtyping import TFLOperationName as Operation
    except ImportError as error:
        raise SettingsError(f"no LiteRT export without {error.name}: pip install 'edgepose[litert-export]'") from None
    in_float = out.with_suffix(".float.tflite")
    try:
        litert_torch.convert(network.eval(), (torch.from_numpy(inputs[0]),)).export(str(in_float))
        recipe = quantizer.Quantizer(str(in_float))
        recipe.add_static_config(".*", Operation.CONV_2D, 8, 8)
        recipe.add_static_config(".*", Operation.PAD, 8, 8)
        for operation in (Operation.ADD, Operation.RESIZE_NEAREST_NEIGHBOR):
            recipe.add_static_config(between, operation, 8, 8)
        samples: list[dict[str, Any]] = [{"args_0": tensor} for tensor in inputs]
        ranges = recipe.calibrate({"serving_default": samples}, num_threads=1)
        recipe.quantize(ranges, serialize_to_path=str(out), enable_progress_report=False)
    finally:
        in_float.unlink(missing_ok=True)
