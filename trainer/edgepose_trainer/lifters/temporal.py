"""Stacks of temporal convolutions: receptive field, padding, and which frame a residual comes from.

Pavllo et al., "3D human pose estimation in video with temporal convolutions and semi-supervised training"
(CVPR 2019); seed_systems.md §6. Block i has a kernel of ``widths[i]`` frames and the product of the widths before
it as dilation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from edgepose.errors import ModelError

FIRST_MOMENTUM, LAST_MOMENTUM = 0.1, 0.001


@dataclass(frozen=True, slots=True)
class Stack:
    """The time axis of a network."""

    widths: tuple[int, ...] = (3, 3, 3)
    """Kernels in frames, odd; the first is the expanding layer's."""
    causal: bool = False
    """The answer is that of the newest frame seen, not of the middle one."""
    strided: bool = False
    """For training, one answer a window: the same weights, strides in place of dilations."""

    def __post_init__(self) -> None:
        if not self.widths or any(width % 2 == 0 for width in self.widths):
            raise ModelError(f"temporal kernels must be odd, got {self.widths}")

    @property
    def receptive_field(self) -> int:
        """Frames."""
        return math.prod(self.widths)

    @property
    def padding(self) -> tuple[int, int]:
        """Frames to repeat before and after a sequence, so that every frame gets an answer."""
        whole = self.receptive_field - 1
        return (whole, 0) if self.causal else (whole // 2, whole // 2)

    def dilation(self, block: int) -> int:
        """Of block 1, 2, ...; 1 where strides do its work."""
        return 1 if self.strided else math.prod(self.widths[:block])

    def stride(self, block: int) -> int:
        """Of block 0 (the expanding layer), 1, 2, ..."""
        return self.widths[block] if self.strided else 1

    def residual(self, x: Tensor, block: int) -> Tensor:
        """The frames of (B, C, T, ...) that belong to the block's answers: of each kernel the middle, or the last."""
        width = self.widths[block]
        kept = width - 1 if self.causal else width // 2
        if self.strided:
            return x[:, :, kept::width]
        start, end = kept * self.dilation(block), (width - 1 - kept) * self.dilation(block)
        return x[:, :, start : -end if end else None]


def set_momentum(network: nn.Module, momentum: float) -> None:
    """Of every batch normalisation."""
    for layer in network.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.momentum = momentum


def momentum_at(progress: float) -> float:
    """0.1 at the start (0) falls exponentially to 0.001 at the end (1)."""
    return float(FIRST_MOMENTUM * (LAST_MOMENTUM / FIRST_MOMENTUM) ** min(max(progress, 0.0), 1.0))


def parameters(network: nn.Module) -> int:
    """How many weights are trained; statistics of batch normalisation do not count."""
    return sum(weight.numel() for weight in network.parameters())


def widths_of(shapes: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Kernel lengths, the third axis of the convolutions' weights."""
    return tuple(shape[2] for shape in shapes)
