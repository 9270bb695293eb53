"""Which joints GAST-Net's local attention joins: Human3.6M's 17, or 19 with toes (seed_systems.md §6)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from edgepose.errors import ModelError
from edgepose.skeletons import named


@dataclass(frozen=True, slots=True)
class _Body:
    skeleton: str
    parents: tuple[int, ...]
    distal: tuple[int, ...]


_BODIES = (
    _Body("h36m17", (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15), (3, 6, 10, 13, 16)),
    _Body(
        "h36m19",
        (-1, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 10, 13, 14, 10, 16, 17),
        (3, 4, 7, 8, 12, 15, 18),
    ),
)


def skeleton_of(joints: int) -> str:
    """Name of the joint set; raises ModelError for a number that GAST-Net has no graph for."""
    return _body(joints).skeleton


def symmetry(joints: int) -> Tensor:
    """(J, J) bool: every joint and its twin."""
    graph = torch.eye(joints, dtype=torch.bool)
    graph[torch.arange(joints), torch.from_numpy(named(_body(joints).skeleton).mirror)] = True
    return graph


def neighbours(joints: int) -> Tensor:
    """(J, J) bool: every joint, parent and children; of a distal joint all that is two steps away."""
    body = _body(joints)
    one = torch.eye(joints)
    for child, parent in enumerate(body.parents):
        if parent >= 0:
            one[child, parent] = one[parent, child] = 1
    two = one @ one
    distal = torch.zeros(joints, dtype=torch.bool)
    distal[list(body.distal)] = True
    return torch.where(distal[:, None], two, one) > 0


def _body(joints: int) -> _Body:
    for body in _BODIES:
        if len(body.parents) == joints:
            return body
    known = " or ".join(f"{len(body.parents)} ({body.skeleton})" for body in _BODIES)
    raise ModelError(f"GAST-Net: expected {known} joints, got {joints}")
