"""Names of architectures -> untrained networks, and what each of them sees of a window of keypoints."""

from __future__ import annotations

import re

import numpy as np

from edgepose.card import WindowSpec
from edgepose.errors import SettingsError
from edgepose.lifting.gaps import whole
from edgepose.lifting.joints import Joints
from edgepose.lifting.screen import to_screen
from edgepose.lifting.zscore import JOINTS_IN
from edgepose.skeletons import COCO17, H36M17, named
from edgepose.types import Float32
from edgepose_trainer.lifters.checkpoints import Network, input_skeleton
from edgepose_trainer.lifters.gast import GastNet
from edgepose_trainer.lifters.martinez import Martinez
from edgepose_trainer.lifters.temporal import Stack
from edgepose_trainer.lifters.videopose3d import VideoPose3D
from edgepose_trainer.views import CENTRE_PX

ARCHS = ("videopose3d-27", "videopose3d-81", "videopose3d-243", "gast-27", "gast-81", "gast-243", "martinez")
"""All but martinez also with "-causal"."""
SIZE_WH = (int(2 * CENTRE_PX[0]), int(2 * CENTRE_PX[1]))
"""Of the virtual cameras' pictures."""
_NAME = re.compile(r"(videopose3d|gast)-(27|81|243)(-causal)?")
_GAST_CHANNELS = {27: 128, 81: 64, 243: 32}
_LEAST_FRAMES = 3
"""Of a window for single frames: gaps are closed from the neighbours."""


def network_of(arch: str) -> Network:
    """Untrained, as published; raises SettingsError with the known names."""
    if arch == "martinez":
        return Martinez()
    if not (match := _NAME.fullmatch(arch)):
        raise SettingsError(f"--arch {arch}: expected {', '.join(ARCHS)}, or -causal behind all but martinez")
    frames = int(match[2])
    stack = Stack((3,) * round(np.log(frames) / np.log(3)), causal=bool(match[3]))
    return VideoPose3D(stack=stack) if match[1] == "videopose3d" else GastNet(17, stack, _GAST_CHANNELS[frames])


def window_of(network: Network, rate_hz: float) -> WindowSpec:
    """Frames that one answer sees."""
    frames = _LEAST_FRAMES if isinstance(network, Martinez) else network.stack.receptive_field
    return WindowSpec(frames=frames, rate_hz=rate_hz)


def inputs_of(network: Network, keypoints: Float32) -> Float32:
    """(N, T, 17, 3) coco17 px of ``SIZE_WH`` -> (N, T, J, 2) screen units; Martinez: (N, 32) px of the middle frame."""
    points = Joints(COCO17, named(input_skeleton(network)))(whole(keypoints, COCO17))
    if isinstance(network, Martinez):
        return points[:, points.shape[1] // 2, JOINTS_IN].reshape(len(points), -1)
    return to_screen(points, SIZE_WH)


def targets_of(network: Network, truth: Float32) -> Float32:
    """(N, 17, 3) h36m17 metres, root-relative -> (N, 1, 17, 3); Martinez: (N, 48) without the hip."""
    if isinstance(network, Martinez):
        return np.delete(truth, H36M17.index("pelvis"), axis=1).reshape(len(truth), -1)
    return truth[:, None]
