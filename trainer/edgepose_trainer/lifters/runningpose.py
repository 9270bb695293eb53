"""RunningPose: VideoPose3D's network with 18 joints out, feet and pelvis among them (seed_systems.md §6).

Its checkpoints keep the weights under ``model_run`` or ``model_pos``; both are read (``checkpoints.py``).
"""

from __future__ import annotations

from edgepose_trainer.lifters.temporal import Stack
from edgepose_trainer.lifters.videopose3d import CHANNELS, VideoPose3D

JOINTS = 18
WIDTHS = (3, 3, 3, 3, 3)
DROPOUT = 0.125


def network(channels: int = CHANNELS, widths: tuple[int, ...] = WIDTHS) -> VideoPose3D:
    """coco17 in, runningpose18 out, untrained."""
    return VideoPose3D(17, JOINTS, Stack(widths), channels, DROPOUT)
