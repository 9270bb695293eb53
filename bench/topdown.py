"""HRNet-W32 and SimplePose-ResNet-18 with random weights, exported by PyTorch, run as top-down models; prints Markdown.

Checks that the export answers as PyTorch does and that people in one batch are what they are alone; times 1 and 8
people with one thread. Needs torch, onnx and onnxscript beside edgepose: bench/topdown.md says how.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from edgepose import build, heatmaps
from edgepose.config import PoseSettings
from edgepose.types import Pose, Track

CHANNELS = (32, 64, 128, 256)  # W32
MODULES = ((2, 1), (3, 4), (4, 3))  # branches and modules of stages 2 to 4
INPUT = (1, 3, 256, 192)


def conv(a: int, b: int, side: int = 3, stride: int = 1, active: bool = True) -> nn.Sequential:
    layers = [nn.Conv2d(a, b, side, stride, side // 2, bias=False), nn.BatchNorm2d(b)]
    return nn.Sequential(*layers, *([nn.ReLU()] if active else []))


class Residual(nn.Module):
    """ReLU(x + layers(x)); the shortcut is a 1×1 convolution where the shape changes."""

    def __init__(self, layers: nn.Module, a: int, b: int, stride: int = 1) -> None:
        super().__init__()
        self.layers = layers
        self.short = nn.Identity() if a == b and stride == 1 else conv(a, b, 1, stride, active=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.layers(x) + self.short(x))


def basic(a: int, b: int, stride: int = 1) -> Residual:
    return Residual(nn.Sequential(conv(a, b, 3, stride), conv(b, b, active=False)), a, b, stride)


def bottleneck(a: int, thin: int = 64) -> Residual:
    layers = nn.Sequential(conv(a, thin, 1), conv(thin, thin), conv(thin, 4 * thin, 1, active=False))
    return Residual(layers, a, 4 * thin)


def fusion(a: int, b: int) -> nn.Module:
    """From branch a to branch b: down by strided 3×3, up by 1×1 and nearest neighbour."""
    if a < b:
        steps = [conv(CHANNELS[a], CHANNELS[a], stride=2) for _ in range(b - a - 1)]
        return nn.Sequential(*steps, conv(CHANNELS[a], CHANNELS[b], stride=2, active=False))
    if a > b:
        up = nn.Upsample(scale_factor=2.0 ** (a - b), mode="nearest")
        return nn.Sequential(conv(CHANNELS[a], CHANNELS[b], 1, active=False), up)
    return nn.Identity()


class Exchange(nn.Module):
    """One HRNet module: four basic blocks in each branch, then every branch from all."""

    def __init__(self, branches: int, outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(basic(CHANNELS[i], CHANNELS[i]) for _ in range(4))) for i in range(branches)
        )
        self.fusions = nn.ModuleList(nn.ModuleList(fusion(a, b) for a in range(branches)) for b in range(outputs))

    def forward(self, xs: list[torch.Tensor]) -> list[torch.Tensor]:
        xs = [branch(x) for branch, x in zip(self.branches, xs, strict=True)]
        return [torch.relu(sum(way(x) for way, x in zip(ways, xs, strict=True))) for ways in self.fusions]


class HRNet(nn.Module):
    """Stem of stride 4, four bottlenecks, three stages of 2 to 4 branches, 17 maps from the finest."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            conv(3, 64, stride=2), conv(64, 64, stride=2), bottleneck(64), *(bottleneck(256) for _ in range(3))
        )
        self.first = conv(256, CHANNELS[0])
        self.new = nn.ModuleList(conv(a, b, stride=2) for a, b in ((256, CHANNELS[1]), CHANNELS[1:3], CHANNELS[2:4]))
        last = [(4, 1)]
        self.stages = nn.ModuleList(
            nn.ModuleList(
                Exchange(*((branches, branches), last[0])[branches == 4 and i == modules - 1]) for i in range(modules)
            )
            for branches, modules in MODULES
        )
        self.head = nn.Conv2d(CHANNELS[0], 17, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        xs = [self.first(x)]
        for new, stage in zip(self.new, self.stages, strict=True):
            xs.append(new(x if len(xs) == 1 else xs[-1]))
            for module in stage:
                xs = module(xs)
        return self.head(xs[0])


def simple_pose() -> nn.Module:
    """ResNet-18, three transposed convolutions of 256 channels (kernel 4, stride 2), 1×1 to 17."""
    layers: list[nn.Module] = [conv(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)]
    widths = (64, 64, 128, 256, 512)
    for i in range(4):
        layers += [basic(widths[i], widths[i + 1], 2 if i else 1), basic(widths[i + 1], widths[i + 1])]
    for a in (512, 256, 256):
        layers += [nn.ConvTranspose2d(a, 256, 4, 2, 1, bias=False), nn.BatchNorm2d(256), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(256, 17, 1))


def exported(network: nn.Module, path: Path) -> Path:
    batch = torch.export.Dim("batch", min=1, max=64)
    torch.onnx.export(
        network, (torch.zeros(2, *INPUT[1:]),), path, input_names=["input"], output_names=["output"],
        dynamic_shapes=({0: batch},), external_data=False, verbose=False, dynamo=True,
    )  # fmt: skip
    return path


def people(count: int) -> list[Track]:
    boxes = np.array([(40 + 150 * i, 100 + 10 * i, 140 + 150 * i, 400 + 30 * i) for i in range(count)], np.float32)
    return [Track(-1, Pose(np.zeros((0, 3), np.float32), box, 0.9)) for box in boxes]


def milliseconds(call: Callable[[], object], rounds: int) -> float:
    """Median processor time, of one thread: other programs do not count."""
    call()
    times = []
    for _ in range(rounds):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return float(np.median(times)) * 1e3


def measure(name: str, network: nn.Module, path: Path, frame: np.ndarray, rounds: int) -> None:
    estimator = build.estimator(PoseSettings(model=str(exported(network, path)), threads=1), None, boxes=True)
    decoder, run = estimator.decoder, estimator.runtime.run
    (view,) = decoder.views(frame, people(8))
    (maps,) = run(view.tensor)
    with torch.no_grad():
        theirs = network(torch.from_numpy(view.tensor)).numpy()
    alone = [run(decoder.views(frame, [one])[0].tensor)[0] for one in people(8)]
    together = decoder.decode([maps], view)
    single = [
        decoder.decode([one], decoder.views(frame, [who])[0])[0] for one, who in zip(alone, people(8), strict=True)
    ]
    moved = [np.nanmax(np.abs(a.keypoints - b.keypoints)) for a, b in zip(together, single, strict=True)]
    size = sum(p.numel() for p in network.parameters()) / 1e6
    joints = sum(int(np.isfinite(pose.keypoints[:, 0]).sum()) for pose in together)
    print(
        f"\n{name}: {size:.1f} M parameters, {view.tensor.shape} -> {maps.shape}, {len(together)} people with {joints}"
    )
    print(f"joints, maps from {maps.min():.2g} to {maps.max():.2g}. Largest differences: maps to PyTorch's")
    print(f"{np.abs(maps - theirs).max():.1e}, maps of people alone to those of the batch", end=" ")
    print(f"{np.abs(maps - np.concatenate(alone)).max():.1e}, their joints {max(moved):.1e} px.\n")
    columns = ("people", "crops ms", "network ms", "decoding ms", "together ms", "per person ms")
    print("| " + " | ".join(columns) + " |\n" + "|---:" * len(columns) + "|")
    for count in (1, 8):
        who = people(count)
        (view,) = decoder.views(frame, who)
        maps = run(view.tensor)
        crops = milliseconds(lambda who=who: decoder.views(frame, who), 30)
        decoding = milliseconds(lambda maps=maps, view=view: decoder.decode(maps, view), 30)
        whole = milliseconds(lambda who=who: estimator(frame, who), rounds)
        own = milliseconds(lambda view=view: run(view.tensor), rounds)
        print(f"| {count} | {crops:.2f} | {own:.0f} | {decoding:.2f} | {whole:.0f} | {whole / count:.1f} |")


def peak_times() -> None:
    """Decoding alone, of maps with a hill each."""
    y, x = np.mgrid[:64, :48]
    at = np.random.default_rng(0).uniform(8, 40, (8, 17, 2, 1, 1))
    maps = np.exp(-((x - at[:, :, 0]) ** 2 + (y - at[:, :, 1]) ** 2) / 8).astype(np.float32)
    ways = {way: milliseconds(lambda way=way: heatmaps.peaks(maps, way), 50) for way in ("argmax", "quarter", "dark")}
    print(
        "\nPeaks of 8 people × 17 maps of 64×48: " + ", ".join(f"{way} {ms:.2f} ms" for way, ms in ways.items()) + "."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.manual_seed(0)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    frame = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    print(
        f"PyTorch {torch.__version__}, {platform.machine()}, one thread, 1280×720, processor time, median of {rounds}."
    )
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        for name, network in (("HRNet-W32", HRNet()), ("SimplePose-ResNet-18", simple_pose())):
            measure(name, network.eval(), Path(folder) / f"{name}.onnx", frame, rounds)
    peak_times()


if __name__ == "__main__":
    main()
