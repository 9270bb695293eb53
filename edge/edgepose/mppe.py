"""3DMPPE's arithmetic: boxes -> crops, RootNet's k, soft-argmax over PoseNet's volumes, grid points -> metres.

Moon et al., "Camera Distance-aware Top-down Approach for 3D Multi-person Pose Estimation" (ICCV 2019);
seed_systems.md §5. A grid has 64 cells each way; the depth cells span 2 m round the person's root.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import ModelError
from edgepose.pinhole import Camera
from edgepose.skeletons import H36M17, H36M18, MUCO21, Skeleton
from edgepose.types import Array, Float32

INPUT_PX = 256
GRID = 64
BODY_M = 2.0
"""Side of the box round a body, metres: a person fills about so much of the enlarged square."""
EVALUATED = H36M18.indices(*H36M18.joints[:-1])
"""Of Human3.6M-18: the thorax was added for training alone."""
_ENLARGED = 1.25
_SKELETONS = {len(skeleton): skeleton for skeleton in (H36M18, MUCO21, H36M17)}


def skeleton_of(joints: int) -> Skeleton:
    """The joint set of a PoseNet with that many joints; raises ModelError when there is none."""
    if joints not in _SKELETONS:
        known = ", ".join(f"{len(s)} ({s.name})" for s in _SKELETONS.values())
        raise ModelError(f"PoseNet with {joints} joints: known are {known}")
    return _SKELETONS[joints]


def areas(boxes_xyxy: Float32, frame_wh: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(N, 4) boxes -> (N, 4) x, y, w, h of what the networks see, (N,) which boxes can be used.

    The box is clipped to the picture, made a square round its centre, and 1.25 times as large.
    """
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
    last = np.array(frame_wh, np.float64) - 1
    finite = np.logical_and.reduce(np.isfinite(boxes), axis=1)
    boxes = np.where(finite[:, None], boxes, 0)
    low = np.maximum(boxes[:, :2], 0)
    high = np.minimum(low + np.maximum(boxes[:, 2:] - boxes[:, :2] - 1, 0), last)
    usable = finite & np.logical_and.reduce(high > low, axis=1)
    side = (high - low).max(axis=1, keepdims=True) * _ENLARGED
    found = np.concatenate([(low + high) / 2 - side / 2, side, side], axis=1)
    return found, usable


def k_m(areas_xywh: Array, camera: Camera) -> Float32:
    """(N, 4) enlarged boxes -> (N,) the distance at which 2 m x 2 m would fill each, metres; depth = gamma k."""
    size = areas_xywh[:, 2] * areas_xywh[:, 3]
    return np.asarray(np.sqrt(BODY_M * BODY_M * camera.fx * camera.fy / size), np.float32)


def soft_argmax(volumes: Float32) -> Float32:
    """(N, J * 64, 64, 64) raw volumes, the joint the slow index -> (N, J, 3) expected x, y, z in cells.

    Raises ModelError for another shape or numbers that are not finite.
    """
    if volumes.ndim != 4 or volumes.shape[1] % GRID or volumes.shape[2:] != (GRID, GRID):
        raise ModelError(f"expected volumes (N, J·{GRID}, {GRID}, {GRID}), got {volumes.shape}")
    people, joints = len(volumes), volumes.shape[1] // GRID
    cells = np.arange(GRID, dtype=np.float32)
    found = np.empty((people, joints, 3), np.float32)
    for person, volume in enumerate(volumes):  # one at a time: 20 MB each
        one = volume.reshape(joints, -1)
        highest = one.max(axis=1, keepdims=True)
        if not np.isfinite(one).all():
            raise ModelError("PoseNet's volumes are not finite: broken weights or wrong input range")
        share = np.exp(one - highest).reshape(joints, GRID, GRID, GRID)
        total = share.sum(axis=(1, 2, 3))
        for axis, others in enumerate(((1, 2), (1, 3), (2, 3))):
            found[person, :, axis] = (share.sum(axis=others) @ cells) / total
    return found


def with_mirrored(points: Float32, mirrored: Float32, skeleton: Skeleton) -> Float32:
    """(N, J, 3) cells, and those of the mirrored crops -> their mean: x -> 64 - x - 1, sides exchanged."""
    back = mirrored[:, skeleton.mirror].copy()
    back[..., 0] = GRID - back[..., 0] - 1
    return np.asarray((points + back) / 2, np.float32)


def in_frame(points: Float32, areas_xywh: Array) -> NDArray[np.float64]:
    """(N, ..., 2 or 3) x, y in cells of each area's grid -> (N, ..., 2) px of the frame."""
    shape = (len(points), *(1,) * (points.ndim - 2), 2)
    found: NDArray[np.float64] = areas_xywh[:, :2].reshape(shape) + points[..., :2] / GRID * areas_xywh[:, 2:].reshape(
        shape
    )
    return found


def depths(points: Float32, root_depth_m: Array) -> NDArray[np.float64]:
    """(N, J, 3) cells and (N,) depths of the roots -> (N, J) distances from the camera's plane, metres."""
    found: NDArray[np.float64] = (points[..., 2] / GRID * 2 - 1) * (BODY_M / 2) + root_depth_m[:, None]
    return found


def root_relative(points_m: Float32, skeleton: Skeleton) -> Float32:
    """(..., J, 3) -> the same with the pelvis at the origin."""
    pelvis = skeleton.index("pelvis")
    return np.asarray(points_m - points_m[..., pelvis : pelvis + 1, :], np.float32)
