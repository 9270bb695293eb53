"""STAF's network, which sees its own answer to the frame before."""

from __future__ import annotations

import numpy as np

from edgepose.errors import ModelError
from edgepose.runtimes import Runtime
from edgepose.types import Array, Float32

_MEMORY = {"last_paf": 144, "last_hm": 22, "last_fm": 128}
_ANSWERS = ("net_output", "output_taf", "conv4_4_CPM")
_STRIDE = 8
_MAPS = 22


class StafNetwork:
    """Runs the network on pictures in order. Source: seed_systems.md §2.4.

    Fed back are last_paf (144: the 48 fields of net_output, then the 96 of output_taf), last_hm (its 22 maps) and
    last_fm (128: conv4_4_CPM), at an eighth of the picture's size.
    """

    def __init__(self, runtime: Runtime) -> None:
        """Raises ModelError when inputs or outputs are not called as in STAF's network."""
        self._runtime = runtime
        self._inputs = [tensor.name for tensor in runtime.signature.inputs]
        self._outputs = [tensor.name for tensor in runtime.signature.outputs]
        if len(self._inputs) != 1 + len(_MEMORY) or not {*_MEMORY} <= {*self._inputs}:
            raise ModelError(f"STAF takes a picture, {', '.join(_MEMORY)}; the network takes {', '.join(self._inputs)}")
        if not {*_ANSWERS} <= {*self._outputs}:
            raise ModelError(f"STAF answers {', '.join(_ANSWERS)}; the network answers {', '.join(self._outputs)}")
        self.reset()

    def reset(self) -> None:
        """Forgets the frame before: for another scene."""
        self._memory: dict[str, Array] = {}
        self._shape: tuple[int, ...] = ()

    def __call__(self, picture: Array) -> tuple[Float32, Float32]:
        """(1, 3, H, W) as OpenPose wants it -> (70, h, w) maps and fields, (96, h, w) temporal fields.

        The first picture, and the first of another size, is run twice: it is its own frame before.
        """
        if picture.shape != self._shape:
            self._shape = picture.shape
            height, width = (side // _STRIDE for side in picture.shape[2:])
            self._memory = {
                name: np.zeros((1, channels, height, width), np.float32) for name, channels in _MEMORY.items()
            }
            self._run(picture)
        return self._run(picture)

    def _run(self, picture: Array) -> tuple[Float32, Float32]:
        answers = self._runtime.run(*(self._memory.get(name, picture) for name in self._inputs))
        net, taf, features = (answers[self._outputs.index(name)] for name in _ANSWERS)
        self._memory = {
            "last_paf": np.concatenate([net[:, _MAPS:], taf], axis=1),
            "last_hm": net[:, :_MAPS],
            "last_fm": features,
        }
        return net[0], taf[0]
