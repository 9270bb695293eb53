"""GAST-Net: temporal convolutions between graph blocks with local and global attention (seed_systems.md §6).

Liu et al., "A graph attention spatio-temporal convolutional network for 3D human pose estimation in video" (ICRA
2021). Module names are those of the public checkpoints; the file has the network, ``graphs.py`` the joints' graphs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from edgepose_trainer.lifters.graphs import neighbours, symmetry
from edgepose_trainer.lifters.temporal import Stack

HEADS = 4
_CLOSED = -9e15
"""Score of joints that a graph does not join, before softmax."""


class GraphConvolution(nn.Module):
    """One learnt graph: a joint's own features through W[0], its neighbours' through W[1], weighted by softmax(e)."""

    places: Tensor
    """(E, J · J) where each of the E weights stands."""
    closed: Tensor
    """(J · J,) scores of what is not joined."""
    own: Tensor
    """(J, J) the diagonal."""

    def __init__(self, channels: int, graph: Tensor, shared: bool, bias: bool) -> None:
        """``shared``: one weighting for all channels, not one for each."""
        super().__init__()
        joints, joined = len(graph), torch.nonzero(graph.flatten()).flatten()
        self.W = nn.Parameter(nn.init.xavier_uniform_(torch.empty(2, channels, channels), gain=1.414))
        self.e = nn.Parameter(torch.ones(1 if shared else channels, len(joined)))
        limit = 1 / math.sqrt(channels)
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-limit, limit)) if bias else None
        places = torch.zeros(len(joined), joints * joints)
        places[torch.arange(len(joined)), joined] = 1
        self.register_buffer("places", places, persistent=False)
        self.register_buffer("closed", _CLOSED * (1 - places.sum(0)), persistent=False)
        self.register_buffer("own", torch.eye(joints), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, J, C) -> (B, T, J, C)."""
        joints = self.own.shape[0]
        scores = (self.e @ self.places + self.closed).reshape(-1, joints, joints)
        weights = scores.softmax(dim=2)
        count, frames, _, channels = x.shape
        mine = (weights * self.own).sum(2).transpose(0, 1)
        theirs = (x @ self.W[1]).permute(3, 2, 0, 1).reshape(channels, joints, count * frames)
        gathered = (weights * (1 - self.own)) @ theirs
        out = mine * (x @ self.W[0]) + gathered.reshape(channels, joints, count, frames).permute(2, 3, 1, 0)
        return out if self.bias is None else out + self.bias


class LocalGraph(nn.Module):
    """Left and right twins beside neighbours of the first order (of distal joints: second)."""

    def __init__(self, channels: int, joints: int, dropout: float, shared: bool, bias: bool) -> None:
        super().__init__()
        self.gcn_sym = GraphConvolution(channels, symmetry(joints), shared, bias)
        self.bn_1 = nn.BatchNorm2d(channels)
        self.gcn_con = GraphConvolution(channels, neighbours(joints), shared, bias)
        self.bn_2 = nn.BatchNorm2d(channels)
        self.cat_conv = nn.Conv2d(2 * channels, channels, 1, bias=False)
        self.cat_bn = nn.BatchNorm2d(channels)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, J, C) -> (B, C, T, J)."""
        twins = self.bn_1(self.gcn_sym(x).permute(0, 3, 1, 2)).relu()
        near = self.bn_2(self.gcn_con(x).permute(0, 3, 1, 2)).relu()
        out: Tensor = self.drop(self.cat_bn(self.cat_conv(torch.cat([twins, near], dim=1))).relu())
        return out


class AttentionHead(nn.Module):
    """Every joint looks at every joint: softmax of leaky relu(a·theta_i + b·phi_j), plus a learnt constant graph."""

    def __init__(self, channels: int, joints: int) -> None:
        super().__init__()
        inner = channels // HEADS
        self.g = nn.Conv1d(channels, inner, 1)
        self.theta = nn.Conv1d(channels, inner, 1)
        self.phi = nn.Conv1d(channels, inner, 1)
        self.C_k = nn.Parameter(torch.zeros(joints, joints))
        self.concat_project = nn.Sequential(nn.Conv2d(2 * inner, 1, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, J) -> (N, C / 4, J)."""
        vectors = next(self.concat_project.parameters()).reshape(2, 1, -1)
        scores = (vectors[0] @ self.theta(x)).transpose(1, 2) + vectors[1] @ self.phi(x)
        attention = nn.functional.leaky_relu(scores, 0.2).softmax(dim=-1) + self.C_k
        out: Tensor = self.g(x) @ attention.transpose(1, 2)
        return out


class GlobalGraph(nn.Module):
    """Four heads side by side."""

    def __init__(self, channels: int, joints: int, dropout: float) -> None:
        super().__init__()
        self.attentions = nn.ModuleList([AttentionHead(channels, joints) for _ in range(HEADS)])
        self.cat_conv = nn.Conv2d(channels, channels, 1, bias=False)
        self.cat_bn = nn.BatchNorm2d(channels)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, J, C) -> (B, C, T, J)."""
        count, frames, joints, channels = x.shape
        flat = x.reshape(count * frames, joints, channels).transpose(1, 2)
        seen = torch.cat([head(flat) for head in self.attentions], dim=1)
        out = seen.reshape(count, frames, channels, joints).transpose(1, 2)
        answer: Tensor = self.drop(self.cat_bn(self.cat_conv(out)).relu())
        return answer


class GraphBlock(nn.Module):
    """Local and global graphs beside the features themselves; twice the channels come out."""

    def __init__(self, channels: int, joints: int, dropout: float, shared: bool, bias: bool) -> None:
        super().__init__()
        self.local_graph_layer = LocalGraph(channels, joints, dropout, shared, bias)
        self.global_graph_layer = GlobalGraph(channels, joints, dropout)
        self.cat_conv = nn.Conv2d(3 * channels, 2 * channels, 1, bias=False)
        self.cat_bn = nn.BatchNorm2d(2 * channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, J) -> (B, 2 C, T, J)."""
        last = x.permute(0, 2, 3, 1)
        out: Tensor = self.cat_bn(
            self.cat_conv(torch.cat([x, self.local_graph_layer(last), self.global_graph_layer(last)], dim=1))
        ).relu()
        return out


class GastNet(nn.Module):
    """(B, T, J, 2) screen units -> (B, T - rf + 1, J, 3) metres; strided: T = rf, one answer."""

    def __init__(
        self,
        joints: int = 17,
        stack: Stack | None = None,
        channels: int = 128,
        dropout: float = 0.05,
        shared: bool = False,
        bias: bool = False,
    ) -> None:
        """``shared``, ``bias``: two generations of public checkpoints differ there; raises ModelError for joints."""
        super().__init__()
        self.stack = stack = stack or Stack()
        self.joints_in = self.joints_out = joints
        self.channels, self.shared, self.bias = channels, shared, bias
        self.init_bn = nn.BatchNorm2d(2)
        self.expand_conv = nn.Conv2d(2, channels, (stack.widths[0], 1), (stack.stride(0), 1), bias=False)
        self.expand_bn = nn.BatchNorm2d(channels)
        self.layers_conv, self.layers_bn = nn.ModuleList(), nn.ModuleList()
        self.layers_graph_conv = nn.ModuleList([GraphBlock(channels, joints, dropout, shared, bias)])
        for block in range(1, len(stack.widths)):
            wide = 2**block * channels
            self.layers_conv += [
                nn.Conv2d(
                    wide, wide, (stack.widths[block], 1), (stack.stride(block), 1),
                    dilation=(stack.dilation(block), 1), bias=False,
                ),
                nn.Conv2d(wide, wide, 1, bias=False),
            ]  # fmt: skip
            self.layers_bn += [nn.BatchNorm2d(wide), nn.BatchNorm2d(wide)]
            self.layers_graph_conv.append(GraphBlock(wide, joints, dropout, shared, bias))
        self.shrink = nn.Conv2d(2 ** len(stack.widths) * channels, 3, 1, bias=False)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        x = self.expand_bn(self.expand_conv(self.init_bn(x.permute(0, 3, 1, 2)))).relu()
        x = self.layers_graph_conv[0](x)
        for block in range(1, len(self.stack.widths)):
            residual = self.stack.residual(x, block)
            first, second = 2 * block - 2, 2 * block - 1
            x = self.layers_bn[first](self.layers_conv[first](x)).relu()
            x = residual + self.drop(self.layers_bn[second](self.layers_conv[second](x)).relu())
            x = self.layers_graph_conv[block](x)
        out: Tensor = self.shrink(x).permute(0, 2, 3, 1)
        return out

    def restacked(self, stack: Stack) -> GastNet:
        """A network of the same weights (copies) with another time axis."""
        other = GastNet(self.joints_in, stack, self.channels, self.drop.p, self.shared, self.bias)
        other.load_state_dict(self.state_dict())
        return other
