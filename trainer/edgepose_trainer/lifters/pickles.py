"""Opens PyTorch files of strangers without running what is in them.

Public checkpoints hold, beside tensors, pickled numpy random states and optimisers, which PyTorch's own safe mode
refuses. Here everything but tensors becomes an inert placeholder.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch

from edgepose.errors import ModelError

_TENSORS = frozenset(
    ("torch._utils", name)
    for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter", "_rebuild_parameter_with_state")
)


class Inert:
    """Stands for an object that is not loaded; takes any arguments and does nothing."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


class Unpickler(pickle.Unpickler):
    """Knows tensors and ordered dictionaries; PyTorch wraps it and adds the storages."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _TENSORS or (module == "torch" and name.endswith(("Storage", "Size", "device"))):
            return super().find_class(module, name)
        return OrderedDict if (module, name) == ("collections", "OrderedDict") else Inert


def load(file: Any, **options: Any) -> Any:
    """``pickle.load`` for PyTorch's older files."""
    return Unpickler(file, **options).load()


def read(path: Path) -> Any:
    """What the file holds, tensors on the processor; raises ModelError for a file that is no checkpoint."""
    import sys

    try:
        return torch.load(path, map_location="cpu", weights_only=False, pickle_module=sys.modules[__name__])
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # noqa: BLE001 - a damaged pickle may raise anything
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{path}: not a PyTorch checkpoint: {first}") from None
