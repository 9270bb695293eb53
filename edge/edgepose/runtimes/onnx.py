"""ONNX Runtime: .onnx and .ort files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from edgepose.errors import ModelError, SettingsError
from edgepose.runtimes import NO_KEYPOINTS, Signature, Tensor
from edgepose.types import Array


class OnnxRuntime:
    """One session. ``threads`` 0 leaves the number to ONNX Runtime."""

    def __init__(self, path: Path, threads: int = 0, providers: Sequence[str] = ("CPUExecutionProvider",)) -> None:
        missing = [name for name in providers if name not in ort.get_available_providers()]
        if missing:
            allowed = ", ".join(ort.get_available_providers())
            raise SettingsError(f"execution provider {missing[0]} is not in this ONNX Runtime; it has {allowed}")
        options = ort.SessionOptions()
        options.log_severity_level = 3
        if threads:
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
        try:
            self._session = ort.InferenceSession(str(path), options, providers=list(providers))
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's own exceptions share no public base
            if "EfficientNMS_TRT" in str(error):
                raise ModelError(f"{path}: {NO_KEYPOINTS}") from None
            raise ModelError(f"{path}: ONNX Runtime cannot load it: {_first_line(error)}") from None
        self.signature = Signature(
            tuple(_tensor(node) for node in self._session.get_inputs()),
            tuple(_tensor(node) for node in self._session.get_outputs()),
            dict(self._session.get_modelmeta().custom_metadata_map),
        )
        self._input_names = [tensor.name for tensor in self.signature.inputs]

    def run(self, *arrays: Array) -> list[Array]:
        try:
            outputs = self._session.run(None, dict(zip(self._input_names, arrays, strict=True)))
        except Exception as error:  # noqa: BLE001 - as above
            got = ", ".join(f"{array.shape} {array.dtype}" for array in arrays)
            raise ModelError(f"ONNX Runtime cannot run input {got}: {_first_line(error)}") from None
        return [output.astype(np.float32, copy=False) for output in outputs]


def load(path: Path, threads: int, providers: Sequence[str]) -> OnnxRuntime:
    """Raises ModelError when ONNX Runtime cannot read the file, SettingsError for a missing provider."""
    return OnnxRuntime(path, threads, providers)


def _tensor(node: ort.NodeArg) -> Tensor:
    shape = tuple(side if isinstance(side, int) else None for side in node.shape)
    return Tensor(node.name, shape, _DTYPES.get(node.type, node.type))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__


_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}
