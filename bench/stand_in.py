"""Lets ultralytics be imported where torchvision cannot be installed (comparison only)."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import importlib.util
import sys
import types
from typing import Any

_MODULES = ("torchvision", "torchvision.transforms", "torchvision.ops", "torchvision.models")


def torchvision() -> None:
    """Puts an empty torchvision in place unless the real one is there: ultralytics asks for it at import."""
    if importlib.util.find_spec("torchvision") is not None:
        return
    version = importlib.metadata.version
    importlib.metadata.version = lambda name: "0.28.0" if name == "torchvision" else version(name)
    for name in _MODULES:
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__version__ = "0.28.0"  # type: ignore[attr-defined]
        module.__getattr__ = _anything  # type: ignore[method-assign]
        sys.modules[name] = module
    sys.modules["torchvision"].ops = sys.modules["torchvision.ops"]  # type: ignore[attr-defined]
    sys.modules["torchvision.ops"].nms = _suppress  # type: ignore[attr-defined]


def _suppress(boxes: Any, scores: Any, iou: float) -> Any:
    """torchvision.ops.nms by ultralytics' own hand; in an ONNX export the operator of that name."""
    import torch

    if torch.onnx.is_in_onnx_export():
        return _onnx_suppress().apply(boxes, scores, iou)
    from ultralytics.utils.nms import TorchNMS

    return TorchNMS.nms(boxes, scores, iou)


def _onnx_suppress() -> Any:
    import torch

    class Suppress(torch.autograd.Function):
        """Boxes (N, 4), scores (N,) -> kept indices, as ONNX NonMaxSuppression."""

        @staticmethod
        def forward(context: Any, boxes: Any, scores: Any, iou: float) -> Any:
            return torch.arange(len(scores))

        @staticmethod
        def symbolic(graph: Any, boxes: Any, scores: Any, iou: float) -> Any:
            def constant(values: Any) -> Any:
                return graph.op("Constant", value_t=torch.tensor(values))

            boxes = graph.op("Unsqueeze", boxes, constant([0]))
            scores = graph.op("Unsqueeze", scores, constant([0, 1]))
            kept = graph.op("NonMaxSuppression", boxes, scores, constant([2**31]), constant([float(iou)]))
            return graph.op("Gather", kept, constant(2), axis_i=1)

    return Suppress


def _anything(attribute: str) -> type:
    if attribute.startswith("__"):
        raise AttributeError(attribute)
    return type(attribute, (), {})
