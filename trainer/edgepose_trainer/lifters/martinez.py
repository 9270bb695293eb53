"""Martinez et al., "A simple yet effective baseline for 3d human pose estimation" (ICCV 2017): one frame, no time.

16 joints of Human3.6M without the neck/nose -> its 16 joints without the hip; both sides z-scored with stored
statistics (seed_systems.md §6). Module names are those of the PyTorch port's checkpoints.
"""

from __future__ import annotations

from torch import Tensor, nn

JOINTS_IN, JOINTS_OUT = 16, 16
MOST_NORM = 1.0
"""Length that no row of the weights exceeds: the original's max-norm."""


class Residual(nn.Module):
    """x + two linear layers."""

    def __init__(self, size: int, dropout: float) -> None:
        super().__init__()
        self.w1, self.batch_norm1 = nn.Linear(size, size), nn.BatchNorm1d(size)
        self.w2, self.batch_norm2 = nn.Linear(size, size), nn.BatchNorm1d(size)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, size) -> (B, size)."""
        y = self.drop(self.batch_norm1(self.w1(x)).relu())
        return x + self.drop(self.batch_norm2(self.w2(y)).relu())


class Martinez(nn.Module):
    """(B, 32) -> (B, 48), z-scores on both sides."""

    def __init__(
        self,
        inputs: int = 2 * JOINTS_IN,
        outputs: int = 3 * JOINTS_OUT,
        size: int = 1024,
        blocks: int = 2,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.w1, self.batch_norm1 = nn.Linear(inputs, size), nn.BatchNorm1d(size)
        self.linear_stages = nn.ModuleList([Residual(size, dropout) for _ in range(blocks)])
        self.w2 = nn.Linear(size, outputs)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        x = self.drop(self.batch_norm1(self.w1(x)).relu())
        for stage in self.linear_stages:
            x = stage(x)
        out: Tensor = self.w2(x)
        return out

    def clip(self) -> None:
        """Shortens rows of weights that are longer than ``MOST_NORM``; called after each step of training."""
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.data.renorm_(2, 0, MOST_NORM)
