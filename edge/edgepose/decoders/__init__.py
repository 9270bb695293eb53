"""From network outputs to people, one file per output family. They know nothing of runtimes.

A decoder module has two functions: ``recognise`` says whether a network's tensors are its own
(by shape and metadata, never by file name), ``create`` makes the decoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edgepose.runtimes import Tensor
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Image, Pose


@dataclass(slots=True)
class View:
    """One network input made from a frame, and what the decoder needs to undo it."""

    tensor: Array
    place: Any
    """The decoder's own: letterbox, crop, ..."""


@dataclass(frozen=True, slots=True)
class DecoderSettings:
    """Thresholds that a user may set; a decoder reads those that it has."""

    min_score: float = 0.25
    """People below are dropped."""
    iou: float = 0.7
    """Non-maximum suppression: boxes that overlap more are one person."""
    most_people: int = 50


class Decoder(Protocol):
    """Frame -> views -> (network) -> people in pixels of the frame."""

    skeleton: Skeleton
    follows: bool
    """True: ``views`` needs the people of the frame before, so it cannot run ahead."""

    def views(self, image: Image, people: Sequence[Pose]) -> list[View]:
        """The network inputs for this frame, one session run each."""
        ...

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        """One run's outputs -> people; raises ModelError when the outputs are not finite."""
        ...


class DecoderModule(Protocol):
    """What ``edgepose.decoders.<name>`` offers."""

    def recognise(
        self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], metadata: Mapping[str, str]
    ) -> bool: ...

    def create(
        self,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        metadata: Mapping[str, str],
        skeleton: Skeleton,
        settings: DecoderSettings,
    ) -> Decoder: ...
