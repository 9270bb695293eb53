"""The seeds' lifters in PyTorch: VideoPose3D, GAST-Net, RunningPose, Martinez (seed_systems.md §6)."""

from __future__ import annotations

from importlib.util import find_spec

from edgepose.errors import SettingsError


def need_torch() -> None:
    """Raises SettingsError in one line where PyTorch is missing."""
    if find_spec("torch") is None:
        raise SettingsError("this lifter needs PyTorch: pip install 'edgepose[trainer]'")
