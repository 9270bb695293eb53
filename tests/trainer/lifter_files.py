"""Random-weight checkpoints in the public key layouts, written shape by shape, and model folders made of them."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra trainer)")

from edgepose_trainer.lifters.checkpoints import Loaded, load  # noqa: E402
from edgepose_trainer.lifters.exporting import Words, to_folder  # noqa: E402


def random_weights(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> OrderedDict[str, torch.Tensor]:
    """Such that signals neither die nor explode on their way; scales and variances of norms are positive."""
    generator = torch.Generator().manual_seed(seed)
    state: OrderedDict[str, torch.Tensor] = OrderedDict()
    for name, shape in shapes.items():
        values = torch.randn(shape, generator=generator)
        if len(shape) > 1:
            values /= np.sqrt(shape[1] * (shape[2] if name.endswith("conv.weight") else 1))
        elif name.endswith(("running_var", "weight")):
            values = values.abs() / 2 + 0.75
        state[name] = values
    return state


def norm(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    """Batch normalisation as old PyTorch saved it: without num_batches_tracked."""
    return {f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}


def videopose3d(
    blocks: int = 2, channels: int = 8, joints_in: int = 17, joints_out: int = 17, seed: int = 0
) -> OrderedDict[str, torch.Tensor]:
    """``blocks`` 2: 27 frames."""
    shapes: dict[str, tuple[int, ...]] = {"expand_conv.weight": (channels, joints_in * 2, 3)}
    shapes |= norm("expand_bn", channels)
    shapes |= {"shrink.weight": (joints_out * 3, channels, 1), "shrink.bias": (joints_out * 3,)}
    for block in range(blocks):
        shapes[f"layers_conv.{2 * block}.weight"] = (channels, channels, 3)
        shapes[f"layers_conv.{2 * block + 1}.weight"] = (channels, channels, 1)
        shapes |= norm(f"layers_bn.{2 * block}", channels) | norm(f"layers_bn.{2 * block + 1}", channels)
    return random_weights(shapes, seed)


# Weights of the learnt graphs: every joint and its twin; every joint with its neighbours, the distal ones with all
# that is two steps away. Counted by hand from the parents in seed_systems.md §6.
EDGES = {17: (17 + 12, 54), 19: (19 + 14, 62)}


def gast(
    blocks: int = 2, channels: int = 4, joints: int = 17, shared: bool = False, seed: int = 0
) -> OrderedDict[str, torch.Tensor]:
    """``shared``: the other generation of weights, one graph for all channels and a bias."""
    shapes: dict[str, tuple[int, ...]] = norm("init_bn", 2) | {"expand_conv.weight": (channels, 2, 3, 1)}
    shapes |= norm("expand_bn", channels) | {"shrink.weight": (3, channels * 2 ** (blocks + 1), 1, 1)}
    for block in range(blocks + 1):
        wide = channels * 2**block
        shapes |= _graph_block(f"layers_graph_conv.{block}", wide, joints, shared)
        if block:
            for layer, kernel in ((2 * block - 2, 3), (2 * block - 1, 1)):
                shapes[f"layers_conv.{layer}.weight"] = (wide, wide, kernel, 1)
                shapes |= norm(f"layers_bn.{layer}", wide)
    return random_weights(shapes, seed)


def _graph_block(name: str, wide: int, joints: int, shared: bool) -> dict[str, tuple[int, ...]]:
    near, far = f"{name}.local_graph_layer", f"{name}.global_graph_layer"
    shapes: dict[str, tuple[int, ...]] = {}
    for graph, edges in zip(("gcn_sym", "gcn_con"), EDGES[joints], strict=True):
        shapes |= {f"{near}.{graph}.W": (2, wide, wide), f"{near}.{graph}.e": (1 if shared else wide, edges)}
        if shared:
            shapes[f"{near}.{graph}.bias"] = (wide,)
    shapes |= norm(f"{near}.bn_1", wide) | norm(f"{near}.bn_2", wide)
    shapes |= {f"{near}.cat_conv.weight": (wide, 2 * wide, 1, 1)} | norm(f"{near}.cat_bn", wide)
    for head in range(4):
        at = f"{far}.attentions.{head}"
        shapes[f"{at}.C_k"] = (joints, joints)
        for part in ("g", "theta", "phi"):
            shapes |= {f"{at}.{part}.weight": (wide // 4, wide, 1), f"{at}.{part}.bias": (wide // 4,)}
        shapes[f"{at}.concat_project.0.weight"] = (1, wide // 2, 1, 1)
    shapes |= {f"{far}.cat_conv.weight": (wide, wide, 1, 1)} | norm(f"{far}.cat_bn", wide)
    return shapes | {f"{name}.cat_conv.weight": (2 * wide, 3 * wide, 1, 1)} | norm(f"{name}.cat_bn", 2 * wide)


def martinez(size: int = 16, blocks: int = 2) -> OrderedDict[str, torch.Tensor]:
    shapes: dict[str, tuple[int, ...]] = {"w1.weight": (size, 32), "w1.bias": (size,)} | norm("batch_norm1", size)
    for block in range(blocks):
        for layer in (1, 2):
            at = f"linear_stages.{block}"
            shapes |= {f"{at}.w{layer}.weight": (size, size), f"{at}.w{layer}.bias": (size,)}
            shapes |= norm(f"{at}.batch_norm{layer}", size)
    return random_weights(shapes | {"w2.weight": (48, size), "w2.bias": (48,)})


def saved(path: Path, **held: object) -> Path:
    """As VideoPose3D saves: random states and an optimiser beside the weights."""
    torch.save({"epoch": 80, "lr": 1e-5, "random_state": np.random.RandomState(1), "optimizer": {}, **held}, path)
    return path


def folder(tmp_path: Path, causal: bool = False, skeleton: str | None = None, **held: object) -> tuple[Loaded, Path]:
    """A checkpoint of these weights, loaded, and the model folder made of it."""
    loaded = load(saved(tmp_path / "checkpoint.bin", **held), causal)
    out = tmp_path / "model"
    to_folder(loaded, out, Words("random", "none: random weights", 50.0, skeleton))
    return loaded, out


def walker(frames: int, joints: int = 17, seed: int = 0) -> np.ndarray:
    """(F, K, 3) px of 1280×720: joints at random places that drift smoothly."""
    rng = np.random.default_rng(seed)
    drift = np.cumsum(rng.normal(0, 3, (frames, joints, 2)), axis=0)
    keypoints = np.ones((frames, joints, 3), np.float32)
    keypoints[..., :2] = rng.uniform((400, 100), (900, 600), (joints, 2)) + drift
    return keypoints
