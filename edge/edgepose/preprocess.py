"""Frame -> network input: letterboxed, in the network's layout, range and type, in reused buffers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle

import cv2
import numpy as np

from edgepose.errors import ModelError
from edgepose.geometry import Letterbox
from edgepose.runtimes import Tensor
from edgepose.types import Array, Image

_BUFFERS = 4  # one being filled, two waiting in the capture queue, one in the network


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a network wants to see: real value = (byte - mean) / std, RGB unless ``bgr``.

    ``mean`` and ``std`` may be three numbers, in the order of the network's channels.
    """

    width: int
    height: int
    nchw: bool
    mean: float | tuple[float, float, float] = 0.0
    std: float | tuple[float, float, float] = 255.0
    pad: int = 114
    centred: bool = True
    bgr: bool = False
    stretched: bool = False
    """No padding: the picture fills the input and loses its aspect."""


IMAGENET_MEAN = (255 * 0.485, 255 * 0.456, 255 * 0.406)
IMAGENET_STD = (255 * 0.229, 255 * 0.224, 255 * 0.225)
"""Red, green, blue, in bytes."""


class Letterboxer:
    """Makes input tensors (1, 3, H, W) or (1, H, W, 3) from frames of any size.

    A tensor is overwritten after ``_BUFFERS`` further calls: whoever keeps it longer must copy it.
    Quantised inputs are filled through their scale and zero point.
    """

    def __init__(self, spec: InputSpec, tensor: Tensor) -> None:
        self._spec = spec
        self._table = value_table(spec, tensor)
        shape = (1, 3, spec.height, spec.width) if spec.nchw else (1, spec.height, spec.width, 3)
        padding = self._table[:, spec.pad]
        self._padding = padding[:, None, None] if spec.nchw else padding
        self._buffers = cycle([np.full(shape, self._padding, self._table.dtype) for _ in range(_BUFFERS)])
        self._size: tuple[int, int] | None = None
        self._shape = shape
        plain = self._table.dtype == np.float32 and spec.mean == 0.0
        # A division, as others train and export: times 1 / std is off by a last digit, which a network can enlarge.
        self._divisor = np.float32(spec.std) if plain and isinstance(spec.std, float) else None

    def __call__(self, image: Image) -> tuple[Array, Letterbox]:
        size = (image.shape[1], image.shape[0])
        if size != self._size:
            self._resized_to(size)
        tensor = next(self._buffers)
        box = self._box
        small = cv2.resize(image, (box.width, box.height), dst=self._small, interpolation=cv2.INTER_LINEAR)
        self._fill(tensor[0], np.asarray(small, np.uint8))
        return tensor, box

    def _resized_to(self, size: tuple[int, int]) -> None:
        self._size = size
        input_wh = (self._spec.width, self._spec.height)
        if self._spec.stretched:
            self._box = Letterbox.stretch(size, input_wh)
        else:
            self._box = Letterbox.fit(size, input_wh, self._spec.centred)
        self._small = np.empty((self._box.height, self._box.width, 3), np.uint8)
        self._plane = np.empty((self._box.height, self._box.width), np.uint8)
        dtype = self._table.dtype
        # New ones, not cleaned ones: the old may still be on their way through the network.
        self._buffers = cycle([np.full(self._shape, self._padding, dtype) for _ in range(_BUFFERS)])

    def _fill(self, tensor: Array, small: Image) -> None:
        """Only the picture's own area is written: the padding stays from frame to frame."""
        x, y = int(self._box.pad_x), int(self._box.pad_y)
        for channel in range(3):
            cv2.extractChannel(small, channel if self._spec.bgr else 2 - channel, self._plane)
            rows, columns = slice(y, y + self._box.height), slice(x, x + self._box.width)
            place = tensor[channel, rows, columns] if self._spec.nchw else tensor[rows, columns, channel]
            if self._divisor is not None:
                np.divide(self._plane, self._divisor, out=place)
            else:
                place[:] = self._table[channel, self._plane]


def image_input(tensor: Tensor, default: tuple[int, int]) -> tuple[int, int, bool]:
    """(width, height, nchw) of an image input; ``default`` (w, h) stands in for dynamic sides.

    Raises ModelError when the tensor is no 3-channel image.
    """
    shape = tensor.shape
    if len(shape) == 4 and shape[1] == 3:
        return shape[3] or default[0], shape[2] or default[1], True
    if len(shape) == 4 and shape[3] == 3:
        return shape[2] or default[0], shape[1] or default[1], False
    raise ModelError(f"input {tensor.name!r}: expected an image (1, 3, H, W) or (1, H, W, 3), got {shape}")


def value_table(spec: InputSpec, tensor: Tensor) -> Array:
    """(3, 256) the input's value for every byte of every channel."""
    mean, std = (np.broadcast_to(np.asarray(value), 3)[:, None] for value in (spec.mean, spec.std))
    real = (np.arange(256) - mean) / std
    dtype = np.dtype(tensor.dtype)
    if dtype.kind == "f":
        return np.asarray(real.astype(dtype))
    if tensor.scale:
        limits = np.iinfo(dtype)
        steps = np.round(real / tensor.scale + tensor.zero_point)
        return np.asarray(np.clip(steps, limits.min, limits.max).astype(dtype))
    return np.tile(np.arange(256), (3, 1)).astype(dtype)  # unscaled integers: the network takes bytes as they are
