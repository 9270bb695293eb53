"""OpenCV DNN: ONNX files, and the Caffe and Darknet files of OpenPose and YOLOv3."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edgepose.errors import ModelError
from edgepose.runtimes import Signature, Tensor
from edgepose.types import Array

_TOPOLOGY = {".caffemodel": ".prototxt", ".weights": ".cfg"}


class OpenCvRuntime:
    """One network. OpenCV has one thread count for the whole process: the last ``threads`` given holds.

    Caffe and Darknet weights need their topology (.prototxt, .cfg) beside them under the same name.
    OpenCV does not say what shape the input should have: a card does, or the first run decides.
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
        outputs = tuple(Tensor(name, (), "float32") for name in self._names)
        self.signature = Signature((Tensor("", (None, None, None, None), "float32"),), outputs, {})

    def run(self, *arrays: Array) -> list[Array]:
        (array,) = arrays
        self._net.setInput(array)
        try:
            outputs = self._net.forward(self._names)
        except cv2.error as error:
            raise ModelError(f"OpenCV DNN cannot run input {array.shape}: {error.err}") from None
        return [np.asarray(output, np.float32) for output in outputs]


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
