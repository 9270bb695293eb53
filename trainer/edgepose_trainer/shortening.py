"""Float weights whose last bits are zero: as exact as training in bf16 can be, and half as large when compressed.

A file of weights hardly compresses, and a repository keeps every one that ever shipped.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

_DROPPED = 14
"""Of 23 bits behind the point: the rest is within 2⁻¹⁰ of the weight."""


def shorten(model: onnx.ModelProto) -> None:
    """Rounds every float32 initialiser in place."""
    half, kept = np.uint32(1 << (_DROPPED - 1)), np.uint32(0xFFFFFFFF << _DROPPED & 0xFFFFFFFF)
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            values = np.atleast_1d(numpy_helper.to_array(tensor))
            rounded = ((values.view(np.uint32) + half) & kept).view(np.float32).reshape(tensor.dims)
            tensor.CopyFrom(numpy_helper.from_array(rounded, tensor.name))
