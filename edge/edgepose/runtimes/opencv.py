"""OpenCV DNN: ONNX files, and the Caffe and Darknet files of OpenPose and YOLOv3."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edgepose.errors import ModelError
from edgepose.runtimes import Signature, Tensor
from edgepose.types import Array

_TOPOLOGY = {".caffemodel": ".prototxt", ".weights": ".cfg"}
_DARKNET_HEADER = 16  # bytes; 20 in newer files


class OpenCvRuntime:
    """One network. OpenCV has one thread count for the whole process: the last ``threads`` given holds.

    Caffe and Darknet weights need their topology (.prototxt, .cfg) beside them under the same name.
    OpenCV does not say what shape the input should have: Darknet's .cfg does, else a card, or the first run decides.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        if threads:
            cv2.setNumThreads(threads)
        try:
            self._net = _read(path)
        except cv2.error as error:
            raise ModelError(f"{path}: OpenCV DNN cannot load it: {error.err}") from None
        self._net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
        self._names = list(self._net.getUnconnectedOutLayersNames())
        if self._net.empty():
            raise ModelError(f"{path}: OpenCV DNN finds no layers in it")
        if path.suffix == ".weights":
            self._is_whole(path)
        input_shape = _darknet_input(path) if path.suffix == ".weights" else (None, None, None, None)
        shapes = self._output_shapes(path, input_shape)
        outputs = tuple(Tensor(name, shape, "float32") for name, shape in zip(self._names, shapes, strict=True))
        self.signature = Signature((Tensor("", input_shape, "float32"),), outputs, {})

    def run(self, *arrays: Array) -> list[Array]:
        (array,) = arrays
        self._net.setInput(array)
        try:
            outputs = self._net.forward(self._names)
        except cv2.error as error:
            raise ModelError(f"OpenCV DNN cannot run input {array.shape}: {error.err}") from None
        return [np.asarray(output, np.float32) for output in outputs]

    def _is_whole(self, weights: Path) -> None:
        """Darknet's weights are bare numbers, and OpenCV fills up a short file with whatever lies in memory."""
        layers = [self._net.getLayer(name) for name in self._net.getLayerNames()]
        numbers = sum(blob.size for layer in layers if layer.type != "Region" for blob in layer.blobs)
        size, least = weights.stat().st_size, _DARKNET_HEADER + 4 * numbers
        if size < least:
            raise ModelError(f"{weights}: {size} bytes, its topology needs {least}: cut off, or of another network")

    def _output_shapes(self, path: Path, input_shape: tuple[int | None, ...]) -> list[tuple[int, ...]]:
        """Of each output, without a run; empty where the input's shape is open."""
        if None in input_shape:
            return [() for _ in self._names]
        try:
            layers, _, shapes = self._net.getLayersShapes([side or 0 for side in input_shape])
        except cv2.error as error:
            raise ModelError(f"{path}: OpenCV DNN cannot run input {input_shape}: {error.err}") from None
        by_layer = {int(layer): tuple(map(int, shape[0])) for layer, shape in zip(layers, shapes, strict=True)}
        return [by_layer[int(layer)] for layer in self._net.getUnconnectedOutLayers()]


def load(path: Path, threads: int, providers: Sequence[str]) -> OpenCvRuntime:
    """Raises ModelError when OpenCV cannot read the file or its topology is missing."""
    return OpenCvRuntime(path, threads)


def _read(path: Path) -> cv2.dnn.Net:
    if path.suffix not in _TOPOLOGY:
        return cv2.dnn.readNet(str(path))
    topology = path.with_suffix(_TOPOLOGY[path.suffix])
    if not topology.is_file():
        raise ModelError(f"{path}: needs its topology {topology.name} beside it")
    if path.suffix == ".weights":
        return cv2.dnn.readNetFromDarknet(str(topology), str(path))
    return cv2.dnn.readNetFromCaffe(str(topology), str(path))


def _darknet_input(weights: Path) -> tuple[int, ...]:
    """(1, channels, height, width) from the [net] section; raises ModelError when it has no size."""
    topology = weights.with_suffix(_TOPOLOGY[".weights"])
    section = re.split(r"^\s*\[", topology.read_text(encoding="utf-8", errors="replace"), flags=re.MULTILINE)[1]
    given = dict(re.findall(r"^\s*(\w+)\s*=\s*(\d+)", section, flags=re.MULTILINE))
    if not {"width", "height"} <= set(given):
        raise ModelError(f"{topology}: its [net] section has no width and height")
    return 1, int(given.get("channels", 3)), int(given["height"]), int(given["width"])
