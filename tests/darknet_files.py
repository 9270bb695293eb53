"""Small Darknet networks with known answers: a .cfg and its .weights, made on the spot."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ANCHORS = ((10, 20), (16, 30), (33, 23))


@dataclass(frozen=True)
class Layer:
    """One [yolo] layer whose cells look at their own patch of the picture.

    ``raw`` (3 anchors, 5 + classes) is what a white patch gives; a black one has an objectness of -20.
    """

    stride: int
    raw: np.ndarray


def white_patch_network(folder: Path, input_wh: tuple[int, int], layers: Sequence[Layer]) -> Path:
    """Writes net.cfg and net.weights; returns the weights."""
    classes = layers[0].raw.shape[1] - 5
    cfg = f"[net]\n# Testing\nbatch=1\nwidth = {input_wh[0]}\nheight={input_wh[1]}\nchannels=3\n"
    cfg += _convolution(filters=3, size=1)
    numbers = [np.zeros(3), np.eye(3)]
    for index, layer in enumerate(layers):
        if index:
            cfg += f"\n[route]\nlayers=-{3 * index}\n"
        cfg += _convolution(layer.raw.size, layer.stride)
        cfg += f"\n[yolo]\nmask=0,1,2\nanchors={', '.join(f'{w},{h}' for w, h in ANCHORS)}\nclasses={classes}\nnum=3\n"
        black = layer.raw.copy()
        black[:, 4] = -20
        per_pixel = (layer.raw - black) / (3 * layer.stride**2)
        numbers += [black, np.repeat(per_pixel.ravel(), 3 * layer.stride**2)]
    (folder / "net.cfg").write_text(cfg)
    weights = np.concatenate([part.ravel() for part in numbers]).astype(np.float32)
    path = folder / "net.weights"
    path.write_bytes(struct.pack("<iiiq", 0, 2, 0, 0) + weights.tobytes())
    return path


def _convolution(filters: int, size: int) -> str:
    return f"\n[convolutional]\nfilters={filters}\nsize={size}\nstride={size}\npad=0\nactivation=linear\n"
