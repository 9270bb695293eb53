"""Engines that run a network: arrays in, arrays out. They know nothing of poses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from edgepose.types import Array

NO_KEYPOINTS = (
    "an export with EfficientNMS_TRT inside, which drops the keypoints and runs in TensorRT alone: "
    "export the original weights again without add_nms.py and without --end2end"
)


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output of a network as the file declares it."""

    name: str
    shape: tuple[int | None, ...]
    """None: a dynamic axis."""
    dtype: str
    """numpy's name; of an input: what ``run`` wants."""
    scale: float = 0.0
    """Of a quantised input (0: not quantised): real = (value - zero_point) * scale."""
    zero_point: int = 0


@dataclass(frozen=True, slots=True)
class Signature:
    """What a network's file says of itself."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    metadata: Mapping[str, str]
    """Key-value pairs that the exporter left in the file."""


class Runtime(Protocol):
    """A loaded network. Loading raises ModelError when the file is none that this engine reads."""

    signature: Signature

    def run(self, *arrays: Array) -> list[Array]:
        """Arrays in the order of ``inputs`` -> float32 arrays in the order of ``outputs``.

        Quantised outputs come back as real values; inputs have the declared dtype already.
        """
        ...
