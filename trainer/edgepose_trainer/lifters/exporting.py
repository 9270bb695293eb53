"""A lifter of PyTorch as a model folder of the device: ONNX weights and the card that says what they see.

ONNX: "keypoints" (n, t, J, 2) screen units -> "pose" (n, t - rf + 1, J', 3) metres, and "trajectory" (n, ., 1, 3) where
there is one; Martinez: "keypoints" (n, 32) -> "pose" (n, 48), z-scores.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from edgepose import card as cards
from edgepose.card import Card, Dataset, Figure, WindowSpec
from edgepose.errors import ModelError
from edgepose.lifting import sequence, zscore
from edgepose.skeletons import named
from edgepose_trainer.lifters.checkpoints import Loaded, input_skeleton, output_skeleton
from edgepose_trainer.lifters.martinez import Martinez

_OPSET = 17


@dataclass(frozen=True, slots=True)
class Words:
    """What the weights do not say."""

    name: str
    licence: str
    rate_hz: float = 50.0
    """Of the frames that it was trained on; Human3.6M's is 50."""
    skeleton: str | None = None
    """Of its input, where it is not the system's usual one."""
    data: Sequence[Dataset] = ()
    limits: str = "Converted from a checkpoint; its accuracy has not been measured here."


class _Answers(nn.Module):
    """Pose, and the trajectory beside it."""

    def __init__(self, loaded: Loaded) -> None:
        super().__init__()
        self.pose, self.trajectory = loaded.network, loaded.trajectory

    def forward(self, keypoints: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        if self.trajectory is None:
            return self.pose(keypoints)
        return self.pose(keypoints), self.trajectory(keypoints)


def to_onnx(loaded: Loaded, path: Path) -> None:
    """Writes the file, whole or not at all."""
    network = loaded.network
    shapes: list[tuple[int, ...]]
    names = ["pose", "trajectory"][: 1 + (loaded.trajectory is not None)]
    if isinstance(network, Martinez):
        example, open_axes, shapes = torch.zeros(1, network.inputs), {0: "n"}, [(network.outputs,)]
    else:
        frames = network.stack.receptive_field + 1
        example, open_axes = torch.zeros(1, frames, network.joints_in, 2), {0: "n", 1: "t"}
        shapes = [(network.joints_out, 3), (1, 3)]
    partial = path.with_suffix(".partial")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the other exporter needs another package
        torch.onnx.export(
            _Answers(loaded).eval(), (example,), partial, dynamo=False, opset_version=_OPSET,
            input_names=["keypoints"], output_names=names, dynamic_axes=dict.fromkeys(["keypoints", *names], open_axes),
        )  # fmt: skip
    graph = onnx.load(str(partial))
    for output, shape in zip(graph.graph.output, shapes, strict=False):
        for axis, side in zip(output.type.tensor_type.shape.dim[len(open_axes) :], shape, strict=True):
            axis.dim_value = side
    graph.producer_name, graph.producer_version = "edgepose", ""
    onnx.checker.check_model(graph)
    partial.write_bytes(graph.SerializeToString())
    partial.replace(path)


def to_folder(loaded: Loaded, out: Path, words: Words, figures: Sequence[Figure] = ()) -> Card:
    """Writes ``out/weights.onnx`` and its card; raises ModelError for a network that no device lifter serves."""
    card = _card(loaded, words)
    out.mkdir(parents=True, exist_ok=True)
    to_onnx(loaded, out / "weights.onnx")
    card = card.model_copy(update={"files": [cards.weights(out / "weights.onnx")], "figures": list(figures)})
    cards.save(card, out)
    return card


def _card(loaded: Loaded, words: Words) -> Card:
    network = loaded.network
    seen = words.skeleton or input_skeleton(network)
    common = {
        "name": words.name, "version": "0.1.0", "task": "lifter", "runtime": "onnx",
        "files": [{"path": "weights.onnx", "sha256": "0" * 64}],
        "skeleton": seen, "output_skeleton": output_skeleton(network),
        "licence": words.licence, "data": list(words.data), "limits": words.limits,
    }  # fmt: skip
    if isinstance(network, Martinez):
        if loaded.statistics is None:
            raise ModelError("Martinez: without the stored statistics (mean and std of both sides) it cannot be used")
        return Card(
            **common, features=zscore.FEATURES, statistics=loaded.statistics,
            input_shape=[None, network.inputs], output_shapes=[[None, network.outputs]],
            normalisation="px of the training pictures' width as z-scores; statistics in this card",
        )  # fmt: skip
    if len(named(seen)) != network.joints_in:
        raise ModelError(f"{seen} has {len(named(seen))} joints, the network sees {network.joints_in}")
    outputs = [[None, None, network.joints_out, 3], [None, None, 1, 3]][: 1 + (loaded.trajectory is not None)]
    return Card(
        **common, features=sequence.FEATURES, causal=network.stack.causal,
        window=WindowSpec(frames=network.stack.receptive_field, rate_hz=words.rate_hz),
        input_shape=[None, None, network.joints_in, 2], output_shapes=outputs,
        normalisation="x' = 2x/w - 1, y' = 2y/w - h/w, both by the picture's width; edges repeated",
    )  # fmt: skip
