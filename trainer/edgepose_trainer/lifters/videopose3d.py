"""VideoPose3D: dilated temporal convolutions from 2D keypoints to 3D (seed_systems.md §6).

Module names are those of the public checkpoints. The trajectory model is the same network with one joint out.
"""

from __future__ import annotations

from torch import Tensor, nn

from edgepose_trainer.lifters.temporal import Stack

CHANNELS = 1024


class VideoPose3D(nn.Module):
    """(B, T, joints in, 2) screen units -> (B, T - rf + 1, joints out, 3) metres; strided: T = rf, one answer."""

    def __init__(
        self,
        joints_in: int = 17,
        joints_out: int = 17,
        stack: Stack | None = None,
        channels: int = CHANNELS,
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        self.stack = stack = stack or Stack()
        self.joints_in, self.joints_out, self.channels = joints_in, joints_out, channels
        self.expand_conv = nn.Conv1d(joints_in * 2, channels, stack.widths[0], stride=stack.stride(0), bias=False)
        self.expand_bn = nn.BatchNorm1d(channels)
        self.layers_conv, self.layers_bn = nn.ModuleList(), nn.ModuleList()
        for block in range(1, len(stack.widths)):
            self.layers_conv += [
                nn.Conv1d(
                    channels, channels, stack.widths[block], stack.stride(block),
                    dilation=stack.dilation(block), bias=False,
                ),
                nn.Conv1d(channels, channels, 1, bias=False),
            ]  # fmt: skip
            self.layers_bn += [nn.BatchNorm1d(channels), nn.BatchNorm1d(channels)]
        self.shrink = nn.Conv1d(channels, joints_out * 3, 1)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        count, frames = x.shape[:2]
        x = x.reshape(count, frames, self.joints_in * 2).transpose(1, 2)
        x = self.drop(self.expand_bn(self.expand_conv(x)).relu())
        for block in range(1, len(self.stack.widths)):
            residual = self.stack.residual(x, block)
            for layer in (2 * block - 2, 2 * block - 1):
                x = self.drop(self.layers_bn[layer](self.layers_conv[layer](x)).relu())
            x = residual + x
        out: Tensor = self.shrink(x).transpose(1, 2)
        return out.reshape(count, -1, self.joints_out, 3)

    def restacked(self, stack: Stack) -> VideoPose3D:
        """A network of the same weights (copies) with another time axis: strided or not, causal or not."""
        other = VideoPose3D(self.joints_in, self.joints_out, stack, self.channels, self.drop.p)
        other.load_state_dict(self.state_dict())
        return other
