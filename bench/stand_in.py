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
    """torchvision.ops.nms by ultralytics' own hand."""
    from ultralytics.utils.nms import TorchNMS

    return TorchNMS.nms(boxes, scores, iou)


def _anything(attribute: str) -> type:
    if attribute.startswith("__"):
        raise AttributeError(attribute)
    return type(attribute, (), {})
