"""LiteRT (TensorFlow Lite): .tflite files; falls back to tflite_runtime where only that is installed."""

from __future__ import annotations

import importlib
import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from edgepose.errors import ModelError, SettingsError
from edgepose.runtimes import Signature, Tensor
from edgepose.types import Array

_PACKAGES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")


class LiteRtRuntime:
    """One interpreter. ``threads`` 0 means one, LiteRT's own default."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        interpreter = interpreter_class()
        try:
            with _quiet():
                self._interpreter = interpreter(model_path=str(path), num_threads=threads or 1)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            first = str(error).strip().splitlines()[0][:300]
            raise ModelError(f"{path}: LiteRT cannot load it: {first}") from None
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self.signature = Signature(tuple(map(_tensor, inputs)), tuple(map(_tensor, outputs)), _metadata(path))
        self._input_ids = [detail["index"] for detail in inputs]
        self._output_ids = [detail["index"] for detail in outputs]

    def run(self, *arrays: Array) -> list[Array]:
        for index, tensor, array in zip(self._input_ids, self.signature.inputs, arrays, strict=True):
            if array.shape != tensor.shape:  # a dynamic axis: the interpreter plans its memory anew
                self._interpreter.resize_tensor_input(index, array.shape)
                self._interpreter.allocate_tensors()
            self._interpreter.set_tensor(index, array)
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            shapes = ", ".join(str(array.shape) for array in arrays)
            raise ModelError(f"LiteRT cannot run input {shapes}: {str(error).strip().splitlines()[0]}") from None
        return [
            _real(self._interpreter.get_tensor(index), tensor)
            for index, tensor in zip(self._output_ids, self.signature.outputs, strict=True)
        ]


def load(path: Path, threads: int, providers: Sequence[str]) -> LiteRtRuntime:
    """Raises ModelError when LiteRT cannot read the file, SettingsError when no LiteRT is installed."""
    return LiteRtRuntime(path, threads)


def interpreter_class() -> Any:
    """LiteRT's Interpreter, or the one of tflite_runtime; raises SettingsError when neither is installed."""
    for package in _PACKAGES:
        try:
            return importlib.import_module(package).Interpreter
        except ImportError:
            continue
    raise SettingsError(".tflite models need LiteRT: pip install 'edgepose[litert]'")


@contextmanager
def _quiet() -> Iterator[None]:
    """LiteRT greets on stderr from C++ and has no switch for it; a user's one clear line would drown."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _metadata(path: Path) -> dict[str, str]:
    """What Ultralytics' exporter appends to the file: a zip archive with metadata.json. Nothing elsewhere."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = json.loads(archive.read("metadata.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError):
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _tensor(detail: Mapping[str, Any]) -> Tensor:
    signature = detail.get("shape_signature", detail["shape"])
    shape = tuple(int(side) if side >= 0 else None for side in signature)
    scale, zero_point = detail["quantization"]
    return Tensor(detail["name"], shape, np.dtype(detail["dtype"]).name, float(scale), int(zero_point))


def _real(values: Array, tensor: Tensor) -> Array:
    if tensor.scale:
        return (values.astype(np.float32) - np.float32(tensor.zero_point)) * np.float32(tensor.scale)
    return values.astype(np.float32, copy=False)
