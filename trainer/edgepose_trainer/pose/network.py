"""The network: plain convolutions with ReLU6, features at strides 8, 16 and 32, one light head per stride.

Plain 3×3 convolutions and not depthwise ones: one core trains them in bf16 at 110 GFLOP/s against 45-75, and
int8 engines run them as fast per operation. Every cell predicts a box (distances to its four sides), a person score
and 17 × (x, y, visibility): the raw layout of Ultralytics v8 (seed_systems.md §1.1), which ``Exported`` writes.
Maps of the joints at stride 4 lie beside them: ``yolo_pose_maps`` settles a cell's rough joints on their peaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
MAP_STRIDE = 4
JOINTS = 17
_BOX, _SCORE = 4, 1
_RARE = -4.6
"""Logit of a hundredth: most cells hold nobody."""
_REACH = 2.0
"""Strides per unit of a keypoint's offset."""


@dataclass(frozen=True, slots=True)
class Raw:
    """What the network says, all cells of all strides in a row: N = (S/8)² + (S/16)² + (S/32)²."""

    boxes: Tensor
    """(B, N, 4) x1, y1, x2, y2, input px."""
    scores: Tensor
    """(B, N) logits."""
    joints: Tensor
    """(B, N, 17, 2) input px."""
    visible: Tensor
    """(B, N, 17) logits."""
    heat: Tensor
    """(B, 17, S/4, S/4) logits of joint maps."""


def _conv(inside: int, outside: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outside, eps=1e-3),
        nn.ReLU6(inplace=True),
    )


def _begin(layer: nn.Module, bias: Tensor) -> None:
    """Weights near zero: the first answers are the bias."""
    layer.get_parameter("weight").mul_(0.1)
    layer.get_parameter("bias").copy_(bias)


class Residual(nn.Module):
    """x + conv3(conv1(x)), half as wide inside, several times."""

    def __init__(self, width: int, times: int) -> None:
        super().__init__()
        half = width // 2
        self.steps = nn.ModuleList(nn.Sequential(_conv(width, half, 1), _conv(half, width)) for _ in range(times))

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = x + step(x)
        return x


class Backbone(nn.Module):
    """(B, 3, S, S) -> features at strides 4, 8, 16, 32."""

    def __init__(self, widths: tuple[int, int, int, int, int], times: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.stem = _conv(3, widths[0], 3, 2)
        self.stages = nn.ModuleList(
            nn.Sequential(_conv(a, b, 3, 2), Residual(b, n)) for (a, b), n in zip(pairwise(widths), times, strict=True)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class Neck(nn.Module):
    """Coarse features go down to the fine ones, and back up."""

    def __init__(self, inside: tuple[int, int, int], outside: tuple[int, int, int]) -> None:
        super().__init__()
        self.sides = nn.ModuleList(_conv(a, b, 1) for a, b in zip(inside, outside, strict=True))
        self.downs = nn.ModuleList(_conv(b, a, 1) for a, b in pairwise(outside))
        self.ups = nn.ModuleList(_conv(a, b, 3, 2) for a, b in pairwise(outside))
        self.mix_down = nn.ModuleList(Residual(width, 1) for width in outside[:2])
        self.mix_up = nn.ModuleList(Residual(width, 1) for width in outside[1:])

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        maps = [side(feature) for side, feature in zip(self.sides, features, strict=True)]
        for i in (1, 0):
            finer = functional.interpolate(self.downs[i](maps[i + 1]), scale_factor=2.0, mode="nearest")
            maps[i] = self.mix_down[i](maps[i] + finer)
        for i in (0, 1):
            maps[i + 1] = self.mix_up[i](maps[i + 1] + self.ups[i](maps[i]))
        return maps


class Head(nn.Module):
    """One stride's predictions: (B, 5, h, w) box and score, (B, 51, h, w) joints."""

    def __init__(self, inside: int, box_width: int, joint_width: int) -> None:
        super().__init__()
        self.box = nn.Sequential(
            _conv(inside, box_width, 1), _conv(box_width, box_width), nn.Conv2d(box_width, _BOX + _SCORE, 1)
        )
        self.joints = nn.Sequential(
            _conv(inside, joint_width, 1), _conv(joint_width, joint_width), nn.Conv2d(joint_width, 3 * JOINTS, 1)
        )
        with torch.no_grad():
            sides = torch.full((_BOX,), 2.5)  # a box of five strides, never inside out at the start
            _begin(self.box[2], torch.cat([sides, torch.tensor([_RARE])]))
            _begin(self.joints[2], torch.zeros(3 * JOINTS))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.box(x), self.joints(x)


class Maps(nn.Module):
    """Joint maps at stride 4: what the neck knows at stride 8, and the edges that the backbone saw at stride 4."""

    def __init__(self, inside: int, finer: int, width: int) -> None:
        super().__init__()
        self.knows = nn.Sequential(Residual(inside, 1), _conv(inside, width, 1))
        self.edges = _conv(finer, width, 1)
        self.maps = nn.Sequential(_conv(width, width), nn.Conv2d(width, JOINTS, 1))
        with torch.no_grad():
            _begin(self.maps[1], torch.full((JOINTS,), _RARE))

    def forward(self, neck: Tensor, finer: Tensor) -> Tensor:
        wide: Tensor = functional.interpolate(self.knows(neck), scale_factor=2.0, mode="nearest")
        maps: Tensor = self.maps(wide + self.edges(finer))
        return maps


class PoseNetwork(nn.Module):
    """``width`` 1.0: 0.6 GFLOP at 256 px, 0.8 at 288."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()

        def wide(*channels: int) -> tuple[int, ...]:
            return tuple(max(8, round(channel * width / 8) * 8) for channel in channels)

        self.width = width
        stem, s4, s8, s16, s32 = wide(16, 24, 56, 112, 176)
        necks = wide(48, 80, 112)
        self.backbone = Backbone((stem, s4, s8, s16, s32), (1, 1, 2, 2))
        self.neck = Neck((s8, s16, s32), (necks[0], necks[1], necks[2]))
        boxes, joints = wide(32, 32, 32), wide(48, 72, 96)
        self.heads = nn.ModuleList(Head(*sizes) for sizes in zip(necks, boxes, joints, strict=True))
        self.maps = Maps(necks[0], s4, wide(32)[0])

    def levels(self, x: Tensor) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
        """Per stride the heads' answers, and the joint maps' logits."""
        finest, *features = self.backbone(x)
        necks = self.neck(features)
        return [head(feature) for head, feature in zip(self.heads, necks, strict=True)], self.maps(necks[0], finest)

    def forward(self, x: Tensor) -> Raw:
        levels, heat = self.levels(x)
        boxes, scores, joints, visible = [], [], [], []
        for (box, joint), stride in zip(levels, STRIDES, strict=True):
            cells = centres(box.shape[2], box.shape[3], box.device)
            sides = box[:, :_BOX].flatten(2).transpose(1, 2).float()
            boxes.append(torch.cat([cells - sides[..., :2], cells + sides[..., 2:]], dim=2) * stride)
            scores.append(box[:, _BOX].flatten(1).float())
            rows = joint.flatten(2).transpose(1, 2).float().reshape(len(joint), -1, JOINTS, 3)
            joints.append((rows[..., :2] * _REACH + cells[:, None]) * stride)
            visible.append(rows[..., 2])
        return Raw(
            torch.cat(boxes, 1),
            torch.cat(scores, 1),
            torch.cat(joints, 1),
            torch.cat(visible, 1),
            heat.float(),
        )


class Exported(nn.Module):
    """(B, 3, S, S) RGB 0..1 -> (B, 56, N): cx, cy, w, h, score, 17 × (x, y, visibility), input px, sigmoid done.

    And (B, 17, S/4, S/4): the joint maps, sigmoid done.
    For one size: the cells' places are constants, and nothing else is reckoned than sums, products and sigmoids.
    """

    places: Tensor
    strides: Tensor

    def __init__(self, network: PoseNetwork, size: int) -> None:
        super().__init__()
        self.network = network
        self.counts = [(size // stride) ** 2 for stride in STRIDES]
        places, strides = cells(size, next(network.parameters()).device)
        self.register_buffer("places", places.T[None], persistent=False)
        self.register_buffer("strides", strides[None, None], persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        levels, heat = self.network.levels(x)
        pairs = list(zip(levels, self.counts, strict=True))
        box = torch.cat([maps.reshape(-1, _BOX + _SCORE, n) for (maps, _), n in pairs], dim=2)
        joints = torch.cat([maps.reshape(-1, 3 * JOINTS, n) for (_, maps), n in pairs], dim=2)
        low, high = box[:, :2], box[:, 2:_BOX]
        middle = self.places + (high - low) * (self.strides / 2)
        rows = joints.reshape(-1, JOINTS, 3, sum(self.counts))
        places = rows[:, :, :2] * (self.strides * _REACH)[:, None] + self.places[:, None]
        rows = torch.cat([places, rows[:, :, 2:].sigmoid()], dim=2).reshape(-1, 3 * JOINTS, sum(self.counts))
        every = torch.cat([middle, (low + high) * self.strides, box[:, _BOX:].sigmoid(), rows], dim=1)
        return every, heat.sigmoid()


def centres(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """(height·width, 2) x, y of the cells' centres, in cells, row by row."""
    y, x = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
    return torch.stack([x, y], dim=2).reshape(-1, 2).float() + 0.5


def cells(size: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """(N, 2) centres px and (N,) strides of all cells of a square input of ``size`` px."""
    places = [centres(size // stride, size // stride, device) * stride for stride in STRIDES]
    strides = [torch.full((len(place),), float(s), device=device) for place, s in zip(places, STRIDES, strict=True)]
    return torch.cat(places), torch.cat(strides)


def gflop(network: PoseNetwork, size: int) -> float:
    """Multiplications and additions of the convolutions for one picture, in billions."""
    total = 0.0

    def count(module: nn.Module, _inputs: object, output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += 2.0 * output[0].numel() * module.weight[0].numel()

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d)]
    training = network.training
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, size, size, device=next(network.parameters()).device))
    for hook in hooks:
        hook.remove()
    network.train(training)
    return total / 1e9
