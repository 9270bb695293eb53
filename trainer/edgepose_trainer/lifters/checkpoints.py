"""Public checkpoints -> networks: which system it is, its widths and joints, told by names and shapes of the weights.

Keys: VideoPose3D ``model_pos`` and ``model_traj``, RunningPose also ``model_run``, GAST-Net ``model_pos``, the
PyTorch port of Martinez ``state_dict`` (seed_systems.md §6). A bare dictionary of weights is read too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from edgepose.card import Statistics
from edgepose.errors import ModelError
from edgepose_trainer.lifters import graphs, pickles, runningpose
from edgepose_trainer.lifters.gast import GastNet
from edgepose_trainer.lifters.martinez import Martinez
from edgepose_trainer.lifters.temporal import Stack, widths_of
from edgepose_trainer.lifters.videopose3d import VideoPose3D

POSE_KEYS = ("model_pos", "model_run", "state_dict")
TRAJECTORY_KEY = "model_traj"
STATISTICS_KEY = "statistics"
CAUSAL_KEY = "causal"
State: TypeAlias = Mapping[str, Tensor]
Network: TypeAlias = VideoPose3D | GastNet | Martinez


@dataclass(frozen=True, slots=True)
class Loaded:
    """A lifter with its weights, in evaluation mode."""

    arch: str
    """E.g. "videopose3d-27", "gast-81-causal", "runningpose-243", "martinez"."""
    network: Network
    trajectory: VideoPose3D | None = None
    """Gives the root's place, which is added to the pose."""
    statistics: Statistics | None = None
    """Martinez: without them the weights are of no use."""


def load(path: Path, causal: bool = False, arch: str | None = None) -> Loaded:
    """``causal``: public weights do not tell; ``arch``: what is expected. Raises ModelError naming the mismatch."""
    held = pickles.read(path)
    if not isinstance(held, Mapping):
        raise ModelError(f"{path}: expected a dictionary of weights, got {type(held).__name__}")
    causal = causal or held.get(CAUSAL_KEY) is True
    network = built(_state(held, path), str(path), causal)
    found = name_of(network)
    if arch is not None and found != arch:
        raise ModelError(f"{path}: expected {arch}, the checkpoint is {found}")
    trajectory = (
        built(_plain(held[TRAJECTORY_KEY]), f"{path}: {TRAJECTORY_KEY}", causal) if TRAJECTORY_KEY in held else None
    )
    _check_trajectory(path, network, trajectory)
    return Loaded(found, network, trajectory, _statistics(held, path))  # type: ignore[arg-type]


def save(path: Path, loaded: Loaded) -> None:
    """In the public layout, so that other programs read it too; what that layout does not hold, beside it."""
    held: dict[str, Any] = {"model_pos": loaded.network.state_dict()}
    if not isinstance(loaded.network, Martinez):
        held[CAUSAL_KEY] = loaded.network.stack.causal
    if loaded.trajectory is not None:
        held[TRAJECTORY_KEY] = loaded.trajectory.state_dict()
    if loaded.statistics is not None:
        held[STATISTICS_KEY] = loaded.statistics.model_dump()
    torch.save(held, path)


def with_statistics(loaded: Loaded, file: Path) -> Loaded:
    """The same with the statistics of a JSON file; raises ModelError."""
    try:
        return replace(loaded, statistics=Statistics.model_validate_json(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise ModelError(f"{file}: {error.errors()[0]['msg']}") from None


def name_of(network: Network) -> str:
    """System, receptive field in frames, and whether it is causal."""
    if isinstance(network, Martinez):
        return "martinez"
    system = "gast" if isinstance(network, GastNet) else "videopose3d"
    if isinstance(network, VideoPose3D) and network.joints_out == runningpose.JOINTS:
        system = "runningpose"
    return f"{system}-{network.stack.receptive_field}{'-causal' * network.stack.causal}"


def built(state: State, where: str, causal: bool) -> Network:
    """The network that the weights fit; raises ModelError, beginning with ``where``."""
    try:
        network = _network(state, causal)
    except (KeyError, IndexError) as error:
        raise ModelError(f"{where}: no weights {error}: damaged, or another version of the system") from None
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from None
    _fill(network, state, where)
    return network.eval()


def _network(state: State, causal: bool) -> Network:
    """Untrained, of the right sizes."""
    if "linear_stages.0.w1.weight" in state:
        size, inputs = _shape(state, "w1.weight", 2)
        blocks = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("linear_stages."))
        if inputs != 32 or (outputs := len(state["w2.weight"])) != 48:
            raise ModelError(
                f"Martinez: expected 32 numbers in and 48 out (16 joints), got {inputs} and {len(state['w2.weight'])}"
            )
        return Martinez(inputs, outputs, size, blocks)
    if "init_bn.weight" in state:
        channels, *_ = _shape(state, "expand_conv.weight", 4)
        graph = "layers_graph_conv.0.local_graph_layer.gcn_sym"
        joints = len(state["layers_graph_conv.0.global_graph_layer.attentions.0.C_k"])
        shared = state[f"{graph}.e"].shape[0] == 1 and channels > 1
        return GastNet(joints, Stack(_widths(state), causal), channels, shared=shared, bias=f"{graph}.bias" in state)
    if "expand_conv.weight" in state:
        channels, inputs, _ = _shape(state, "expand_conv.weight", 3)
        outputs, *_ = _shape(state, "shrink.weight", 3)
        if inputs % 2 or outputs % 3:
            raise ModelError(f"expected x, y of every joint in and x, y, z out, got {inputs} and {outputs} numbers")
        return VideoPose3D(inputs // 2, outputs // 3, Stack(_widths(state), causal), channels)
    raise ModelError(
        "no lifter that I know: expected expand_conv (VideoPose3D, RunningPose), init_bn (GAST-Net) or linear_stages "
        f"(Martinez), got {', '.join(sorted(state)[:3])} …"
    )


def _widths(state: State) -> tuple[int, ...]:
    """Of the expanding layer and of every first convolution of a block."""
    names = ["expand_conv.weight"]
    while (name := f"layers_conv.{2 * len(names) - 2}.weight") in state:
        names.append(name)
    return widths_of(tuple(state[name].shape) for name in names)


def _shape(state: State, name: str, axes: int) -> tuple[int, ...]:
    shape = tuple(state[name].shape)
    if len(shape) != axes:
        raise ModelError(f"{name}: expected {axes} axes, got shape {shape}")
    return shape


def _fill(network: nn.Module, state: State, where: str) -> None:
    """Every weight at its place, none left over; counters of old PyTorch versions may be missing."""
    wanted = network.state_dict()
    for name, tensor in wanted.items():
        if name not in state:
            if name.endswith("num_batches_tracked"):
                continue
            raise ModelError(f"{where}: no weights {name!r}, expected {tuple(tensor.shape)}")
        if state[name].shape != tensor.shape:
            raise ModelError(f"{where}: {name}: expected {tuple(tensor.shape)}, got {tuple(state[name].shape)}")
    if left := sorted(set(state) - set(wanted)):
        raise ModelError(f"{where}: {len(left)} weights that the network has no place for, {left[0]!r} first")
    network.load_state_dict(dict(state), strict=False)


def _state(held: Mapping[str, Any], path: Path) -> State:
    for key in POSE_KEYS:
        if isinstance(held.get(key), Mapping):
            return _plain(held[key])
    if state := _plain(held):
        return state
    raise ModelError(f"{path}: expected weights under {', '.join(POSE_KEYS)}; the file has {', '.join(map(str, held))}")


def _plain(held: Any) -> State:
    """Only tensors, without the prefix of several cards."""
    if not isinstance(held, Mapping):
        return {}
    return {str(name).removeprefix("module."): value for name, value in held.items() if isinstance(value, Tensor)}


def _check_trajectory(path: Path, network: Network, trajectory: Network | None) -> None:
    if trajectory is None:
        return
    if not isinstance(network, VideoPose3D) or not isinstance(trajectory, VideoPose3D):
        raise ModelError(f"{path}: {TRAJECTORY_KEY} goes with VideoPose3D only")
    got = trajectory.joints_in, trajectory.joints_out, trajectory.stack
    if got != (network.joints_in, 1, network.stack):
        raise ModelError(
            f"{path}: {TRAJECTORY_KEY}: expected {network.joints_in} joints in, 1 out, kernels "
            f"{network.stack.widths}; got {got[0]}, {got[1]}, {trajectory.stack.widths}"
        )


def _statistics(held: Mapping[str, Any], path: Path) -> Statistics | None:
    if STATISTICS_KEY not in held:
        return None
    try:
        return Statistics.model_validate(held[STATISTICS_KEY])
    except ValidationError as error:
        raise ModelError(f"{path}: {STATISTICS_KEY}: {error.errors()[0]['msg']}") from None


def input_skeleton(network: Network) -> str:
    """GAST-Net's graph and Martinez' layout are Human3.6M's; VideoPose3D of public use reads coco17."""
    if isinstance(network, GastNet):
        return graphs.skeleton_of(network.joints_in)
    return "h36m17" if isinstance(network, Martinez) else "coco17"


def output_skeleton(network: Network) -> str:
    """Raises ModelError for a number of joints that no skeleton has."""
    if isinstance(network, GastNet | Martinez):
        return input_skeleton(network)
    known = {17: "h36m17", 18: "runningpose18"}
    if network.joints_out not in known:
        raise ModelError(f"expected 17 (h36m17) or 18 (runningpose18) joints out, got {network.joints_out}")
    return known[network.joints_out]
