"""Which cells answer for which person: the best few by score and quality, near the middle, of a fitting stride.

After TOOD (Feng et al. 2021), with the joints in the quality: alignment = score^a · quality^b.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from edgepose_trainer.pose.losses import box_overlap, oks

_TOP = 9
_SCORE_POWER, _QUALITY_POWER = 0.5, 4.0
_STRIDES_LONG = (2.5, 16.0)
"""A person's longer side, in strides of a cell that may answer for them; the ends are open."""


@dataclass(frozen=True, slots=True)
class Truth:
    """People of a batch, padded to the most (M)."""

    boxes: Tensor
    """(B, M, 4) xyxy px."""
    joints: Tensor
    """(B, M, 17, 3) x, y px and the state (pictures.UNKNOWN …)."""
    real: Tensor
    """(B, M) bool; False: padding."""
    ignored: Tensor
    """(B, N) bool: cells in which unlabelled people may be."""

    def to(self, device: torch.device) -> Truth:
        moved = (tensor.to(device) for tensor in (self.boxes, self.joints, self.real, self.ignored))
        return Truth(*moved)


@dataclass(frozen=True, slots=True)
class Assigned:
    """The answerable cells."""

    batch: Tensor
    """(P,) picture of each."""
    cell: Tensor
    """(P,)."""
    person: Tensor
    """(P,) index into M."""
    target: Tensor
    """(P,) the score that the cell should give."""

    def shared(self, truth: Truth) -> Tensor:
        """(P,) of ``target`` each cell's share of its person's: 1 in all for everybody who has cells."""
        most = truth.boxes.shape[1]
        who = self.batch * most + self.person
        sums = self.target.new_zeros(len(truth.boxes) * most).index_add_(0, who, self.target)
        return self.target / sums[who].clamp_min(1e-9)


@torch.no_grad()
def assign(
    boxes: Tensor, scores: Tensor, joints: Tensor, truth: Truth, places: Tensor, strides: Tensor, sigmas: Tensor
) -> Assigned:
    """Predictions (B, N, …) and truth -> cells; ``scores`` are probabilities."""
    near = _near(truth, places, strides)
    batch, person, cell = near.nonzero(as_tuple=True)
    quality = _quality(
        boxes[batch, cell], joints[batch, cell], truth.boxes[batch, person], truth.joints[batch, person], sigmas
    )
    aligned = scores[batch, cell] ** _SCORE_POWER * quality**_QUALITY_POWER + 1e-12
    table = torch.zeros(near.shape, device=boxes.device)
    table[batch, person, cell] = aligned
    qualities = torch.zeros_like(table)
    qualities[batch, person, cell] = quality
    best = torch.zeros_like(near).scatter_(2, table.topk(min(_TOP, table.shape[2]), dim=2).indices, True) & (table > 0)
    # A cell wanted by several people goes to the one whom it fits best.
    owner = torch.where(best, table, -1.0).argmax(dim=1, keepdim=True)
    best &= torch.zeros_like(best).scatter_(1, owner, True)
    table, qualities = table * best, qualities * best
    scale = qualities.amax(2, keepdim=True) / table.amax(2, keepdim=True).clamp_min(1e-12)
    target = table * scale
    batch, person, cell = best.nonzero(as_tuple=True)
    return Assigned(batch, cell, person, target[batch, person, cell].clamp(0, 1))


def _near(truth: Truth, places: Tensor, strides: Tensor) -> Tensor:
    """(B, M, N): in the middle half of the box, or within 1.5 cells of its centre; of a fitting stride."""
    boxes = truth.boxes[:, :, None]
    size = boxes[..., 2:] - boxes[..., :2]
    away = (places - (boxes[..., :2] + boxes[..., 2:]) / 2).abs()
    reach = torch.maximum(size * 0.25, strides[:, None] * 1.5)
    inside = (away <= reach).all(dim=3) & (away <= torch.maximum(size * 0.5, strides[:, None] * 0.75)).all(dim=3)
    long = size.amax(dim=3) / strides
    fits = ((long >= _STRIDES_LONG[0]) | (strides == strides.min())) & (
        (long <= _STRIDES_LONG[1]) | (strides == strides.max())
    )
    return inside & fits & truth.real[:, :, None]


def _quality(boxes: Tensor, joints: Tensor, true_boxes: Tensor, true_joints: Tensor, sigmas: Tensor) -> Tensor:
    """(P,) overlap of the boxes, and its mean with the OKS where joints are labelled."""
    overlap = box_overlap(boxes, true_boxes).clamp(0, 1)
    located = true_joints[..., 2] > 0
    similar = oks(joints, true_joints[..., :2], located, true_boxes, sigmas)
    return torch.where(located.sum(1) >= 3, (overlap + similar) / 2, overlap)
