"""The losses: CIoU of boxes, OKS of joints in COCO's form, cross entropy of scores and visibility, joint maps.

OKS of a joint = exp(-d² / (2 s² k²)) with k = 2σ and s² = the person's area (seed_systems.md §1.3: the true COCO
form; the slides' equation is misprinted). Area = 0.53 × the box, as segmented people fill theirs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from edgepose_trainer.pose.network import MAP_STRIDE, STRIDES
from edgepose_trainer.pose.pictures import AREA_OF_BOX

if TYPE_CHECKING:
    from edgepose_trainer.pose.assign import Assigned, Truth
    from edgepose_trainer.pose.network import Raw

_BOX, _OKS, _FAR, _VISIBLE, _SCORE, _HEAT = 5.0, 8.0, 1.5, 0.7, 1.0, 2.0
"""Weights. ``_FAR``: OKS is flat far from the joint; a distance in torso-like units pulls from there."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Of one batch, weighted."""

    box: Tensor
    oks: Tensor
    far: Tensor
    visible: Tensor
    score: Tensor
    heat: Tensor

    @property
    def total(self) -> Tensor:
        return self.box + self.oks + self.far + self.visible + self.score + self.heat

    def values(self) -> dict[str, float]:
        return {name: float(getattr(self, name).detach()) for name in self.__slots__}


def box_overlap(a: Tensor, b: Tensor) -> Tensor:
    """(P,) IoU of (P, 4) xyxy boxes, pair by pair; inside-out boxes count as empty."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    shared = (high - low).clamp_min(0).prod(dim=1)
    areas = (a[:, 2:] - a[:, :2]).clamp_min(0).prod(dim=1) + (b[:, 2:] - b[:, :2]).clamp_min(0).prod(dim=1)
    return shared / (areas - shared).clamp_min(1e-7)


def ciou(a: Tensor, b: Tensor) -> Tensor:
    """(P,) complete IoU (Zheng et al. 2020): IoU - centre distance² / hull diagonal² - aspect term."""
    overlap = box_overlap(a, b)
    hull = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    diagonal = hull.square().sum(1).clamp_min(1e-7)
    apart = ((a[:, :2] + a[:, 2:] - b[:, :2] - b[:, 2:]) / 2).square().sum(1)
    wide_a, wide_b = (x[:, 2:] - x[:, :2] for x in (a, b))
    angles = [torch.atan2(wide[:, 0].clamp_min(1e-3), wide[:, 1].clamp_min(1e-3)) for wide in (wide_a, wide_b)]
    aspect = 4 / math.pi**2 * (angles[0] - angles[1]).square()
    with torch.no_grad():
        weight = aspect / (1 - overlap + aspect + 1e-7)
    return overlap - apart / diagonal - weight * aspect


def oks(joints: Tensor, truth: Tensor, located: Tensor, boxes: Tensor, sigmas: Tensor) -> Tensor:
    """(P,) mean over the located joints of exp(-d² / (2 · area · (2σ)²)); 0 where none is located.

    ``joints`` and ``truth`` (P, 17, 2), ``located`` (P, 17), ``boxes`` (P, 4) true xyxy, ``sigmas`` (17,).
    """
    similar = torch.exp(-_normed(joints, truth, boxes) / (2 * (2 * sigmas) ** 2)) * located
    return similar.sum(1) / located.sum(1).clamp_min(1)


def _normed(joints: Tensor, truth: Tensor, boxes: Tensor) -> Tensor:
    """(P, 17) squared distances over the person's area."""
    area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).clamp_min(16.0) * AREA_OF_BOX
    return (joints - truth).square().sum(2) / area[:, None]


def far(joints: Tensor, truth: Tensor, located: Tensor, boxes: Tensor) -> Tensor:
    """(P,) mean distance of the located joints over the square root of the person's area, smooth at 0."""
    distance = torch.sqrt(_normed(joints, truth, boxes) + 1e-4) * located
    return distance.sum(1) / located.sum(1).clamp_min(1)


def losses(raw: Raw, truth: Truth, assigned: Assigned, sigmas: Tensor) -> Losses:
    """Boxes and joints: a person's cells share the weight 1, else people in unusual poses would hardly count."""
    b, n, m, weight = assigned.batch, assigned.cell, assigned.person, assigned.shared(truth)
    total = weight.sum().clamp_min(1.0)
    boxes, joints = truth.boxes[b, m], truth.joints[b, m]
    located, stated = joints[..., 2] > 0, joints[..., 2] >= 0
    some = located.any(dim=1) * weight
    found = raw.joints[b, n]
    seen = functional.binary_cross_entropy_with_logits(raw.visible[b, n], located.float(), reduction="none")
    seen = (seen * stated).sum(1) / stated.sum(1).clamp_min(1)
    return Losses(
        box=_BOX * ((1 - ciou(raw.boxes[b, n], boxes)) * weight).sum() / total,
        oks=_OKS * ((1 - oks(found, joints[..., :2], located, boxes, sigmas)) * some).sum() / total,
        far=_FAR * (far(found, joints[..., :2], located, boxes) * some).sum() / total,
        visible=_VISIBLE * (seen * weight).sum() / total,
        score=_SCORE * _score(raw.scores, truth.ignored, assigned) / assigned.target.sum().clamp_min(1.0),
        heat=_HEAT * heat(raw.heat, truth),
    )


def _score(scores: Tensor, ignored: Tensor, assigned: Assigned) -> Tensor:
    """Summed cross entropy; an ignored cell counts only when it answers for somebody."""
    target = torch.zeros_like(scores)
    target[assigned.batch, assigned.cell] = assigned.target
    counted = ~ignored
    counted[assigned.batch, assigned.cell] = True
    return (functional.binary_cross_entropy_with_logits(scores, target, reduction="none") * counted).sum()


def heat(logits: Tensor, truth: Truth) -> Tensor:
    """Joint maps at stride 4; every joint also teaches the features where it is.

    A Gaussian round each located joint; nothing is asked where people are ignored, nor of a person's unknown joints.
    """
    rows, columns = logits.shape[2:]
    target, counted = _maps(truth, rows, columns)
    coarse = MAP_STRIDE / STRIDES[0]
    ignored = truth.ignored[:, : int(rows * columns * coarse**2)].reshape(-1, int(rows * coarse), int(columns * coarse))
    finer = int(1 / coarse)
    ignored = ignored.repeat_interleave(finer, 1).repeat_interleave(finer, 2)
    counted = counted & ~ignored[:, None]
    chance = logits.sigmoid()
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    wrong = (entropy * (target - chance).abs().detach().square() * counted).sum()
    return wrong / (truth.joints[..., 2] > 0).sum().clamp_min(1) * 2


def _maps(truth: Truth, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """(B, 17, rows, columns) targets, and where they are known."""
    device = truth.boxes.device
    x, y = (torch.arange(count, device=device) + 0.5 for count in (columns, rows))
    size = (truth.boxes[..., 2:] - truth.boxes[..., :2]).amax(2)
    spread = (size * 0.03 / MAP_STRIDE).clamp(0.9, 2.0)[..., None, None]
    places = truth.joints[..., :2] / MAP_STRIDE
    located = (truth.joints[..., 2] > 0) & truth.real[..., None]
    along_x = torch.exp(-(((x - places[..., 0:1]) / spread) ** 2) / 2) * located[..., None]
    along_y = torch.exp(-(((y - places[..., 1:2]) / spread) ** 2) / 2)
    target = (along_y[..., :, None] * along_x[..., None, :]).amax(dim=1)
    open_ = (truth.joints[..., 2] < 0) & truth.real[..., None]
    boxes = truth.boxes / MAP_STRIDE
    in_x = (x > boxes[..., 0:1]) & (x < boxes[..., 2:3])
    in_y = (y > boxes[..., 1:2]) & (y < boxes[..., 3:4])
    inside = (in_y[..., :, None] & in_x[..., None, :]).float()
    unknown = torch.einsum("bmj,bmyx->bjyx", open_.float(), inside) > 0
    return target, ~unknown | (target > 0.5)
