"""PyTorch is there, and the device too: said in one line before anything is read."""

from __future__ import annotations

from importlib.util import find_spec

from edgepose.errors import SettingsError

if find_spec("torch") is None:
    raise SettingsError("training the pose network needs PyTorch: pip install 'edgepose[trainer]'")


def use_threads(count: int, device: str) -> None:
    """Raises SettingsError for a device that is not there."""
    import torch

    if device not in ("cpu", "cuda"):
        raise SettingsError(f"device: expected cpu or cuda, got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise SettingsError("device: cuda is not there (torch.cuda.is_available() is false)")
    torch.set_num_threads(count)
