"""LightGBM text models, through the C interface of the installed wheel's own library.

`import lightgbm` drags scipy and pandas in (0.4 s, 90 MB on a device); the shared library alone is
3 ms and 1 MB. C interface: lightgbm.readthedocs.io, "C API".
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
import threading
import weakref
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import ModelError
from edgepose.runtimes import Signature, Tensor
from edgepose.types import Array, Float32

_NORMAL, _FLOAT32, _ROW_MAJOR, _ALL = 0, 0, 1, -1
_FEW = 4
"""Rows up to here go one by one through the prepared single-row path, which costs less to enter."""


class LightGbmRuntime:
    """One booster on one thread. ``predict`` may be called from several threads."""

    def __init__(self, path: Path) -> None:
        """Raises ModelError when the file is no LightGBM model, or the library is not installed."""
        self._library = _library()
        self._lock = threading.Lock()
        self._handle = self._open(path)
        self.features = self._count("LGBM_BoosterGetNumFeature")
        self.labels = self._count("LGBM_BoosterGetNumClasses")
        self._fast = ctypes.c_void_p()
        self._call(
            "LGBM_BoosterPredictForMatSingleRowFastInit", self._handle, _NORMAL, 0, _ALL, _FLOAT32,
            ctypes.c_int32(self.features), b"num_threads=1", ctypes.byref(self._fast),
        )  # fmt: skip
        weakref.finalize(self, _free, self._library, self._handle, self._fast)
        self.signature = Signature(
            (Tensor("features", (None, self.features), "float32"),),
            (Tensor("probabilities", (None, self.labels), "float32"),),
            {"objective": "multiclass" if self.labels > 1 else "single"},
        )

    def run(self, *arrays: Array) -> list[Array]:
        """(N, D) float32 -> [(N, L) float32]."""
        return [self.predict(arrays[0]).astype(np.float32)]

    def predict(self, features: Float32) -> NDArray[np.float64]:
        """(N, D) float32, NaN allowed -> (N, L) what ``Booster.predict`` gives; raises ModelError."""
        if features.ndim != 2 or features.shape[1] != self.features:
            raise ModelError(f"expected features (N, {self.features}), got {features.shape}")
        rows = np.ascontiguousarray(features, np.float32)
        out = np.empty((len(rows), self.labels))
        length = ctypes.c_int64()
        with self._lock:
            if len(rows) > _FEW:
                self._call(
                    "LGBM_BoosterPredictForMat", self._handle, ctypes.c_void_p(rows.ctypes.data), _FLOAT32,
                    ctypes.c_int32(len(rows)), ctypes.c_int32(self.features), _ROW_MAJOR, _NORMAL, 0, _ALL,
                    b"num_threads=1", ctypes.byref(length), ctypes.c_void_p(out.ctypes.data),
                )  # fmt: skip
                return out
            source, target = rows.ctypes.data, out.ctypes.data
            for row in range(len(rows)):
                self._call(
                    "LGBM_BoosterPredictForMatSingleRowFast", self._fast,
                    ctypes.c_void_p(source + row * rows.strides[0]), ctypes.byref(length),
                    ctypes.c_void_p(target + row * out.strides[0]),
                )  # fmt: skip
        return out

    def _open(self, path: Path) -> ctypes.c_void_p:
        try:
            with path.open("rb") as file:
                head = file.read(5)
        except OSError as error:
            raise ModelError(f"{path}: cannot read the model: {error.strerror}") from None
        if head.rstrip(b"\r\n") != b"tree":  # checked here because the library shouts on stderr
            raise ModelError(f"{path}: not a LightGBM text model")
        handle, iterations = ctypes.c_void_p(), ctypes.c_int()
        if self._library.LGBM_BoosterCreateFromModelfile(
            str(path).encode(), ctypes.byref(iterations), ctypes.byref(handle)
        ):
            raise ModelError(f"{path}: LightGBM cannot load it: {self._error()}")
        if iterations.value < 1:
            raise ModelError(f"{path}: the LightGBM model holds no tree")
        return handle

    def _count(self, function: str) -> int:
        number = ctypes.c_int()
        self._call(function, self._handle, ctypes.byref(number))
        return number.value

    def _call(self, function: str, *arguments: object) -> None:
        if getattr(self._library, function)(*arguments):
            raise ModelError(f"LightGBM: {function}: {self._error()}")

    def _error(self) -> str:
        text: bytes = self._library.LGBM_GetLastError() or b"no reason given"
        return text.decode(errors="replace").strip().splitlines()[0][:300]


def load(path: Path, threads: int = 1, providers: Sequence[str] = ()) -> LightGbmRuntime:
    """One thread always: windows are small. Raises ModelError."""
    return LightGbmRuntime(path)


@cache
def _library() -> ctypes.CDLL:
    """The wheel's shared library, opened once a process without importing the Python package."""
    spec = importlib.util.find_spec("lightgbm")
    if spec is None or spec.origin is None:
        raise ModelError("the LightGBM library is missing; install it: pip install lightgbm")
    suffix = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
    package = Path(spec.origin).parent
    places = [package / "lib", package / "bin", package.parent]
    for place in places:
        path = place / f"lib_lightgbm{suffix}"
        if path.is_file():
            return _opened(path)
    raise ModelError(f"lib_lightgbm{suffix} is not in {package}; install lightgbm anew")


def _opened(path: Path) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise ModelError(f"{path}: cannot be opened: {error}") from None
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


def _free(library: ctypes.CDLL, handle: ctypes.c_void_p, fast: ctypes.c_void_p) -> None:
    library.LGBM_FastConfigFree(fast)
    library.LGBM_BoosterFree(handle)
