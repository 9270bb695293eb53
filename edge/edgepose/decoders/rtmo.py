"""RTMO as MMDeploy exports it: (B, N, 5) boxes with their score and (B, N, K, 3) joints in input px, NMS inside.

N is open: the people found. What the export let pass is suppressed again by ``iou`` and ``min_score``, as rtmlib does
(at 0.45 and 0.7). Input: top left, padded with 114, BGR 0..255 as it is. MMPose's YOLOX-Pose, exported by MMDeploy, has
the same layout and input. Source: github.com/Tau-J/rtmlib; seed_systems.md has no section on it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgepose import yolo
from edgepose.decoders import DecoderSettings, Fit, View, chosen, people_in_frame
from edgepose.errors import ModelError
from edgepose.preprocess import Letterboxer
from edgepose.runtimes import Signature
from edgepose.skeletons import Skeleton
from edgepose.types import Array, Image, Pose

_SIDE = 640


class Rtmo:
    """One view per frame."""

    follows = False
    needs_boxes = False

    def __init__(self, letterboxer: Letterboxer, skeleton: Skeleton, settings: DecoderSettings) -> None:
        self.skeleton = skeleton
        self._letterboxer, self._settings = letterboxer, settings

    def views(self, image: Image, people: object = None) -> list[View]:
        return [View(*self._letterboxer(image))]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        rows, joints = outputs[0][0], outputs[1][0]
        if rows.shape != (len(joints), 5) or joints.shape[1:] != (len(self.skeleton), 3):
            raise ModelError(f"expected (N, 5) and (N, {len(self.skeleton)}, 3), got {rows.shape} and {joints.shape}")
        if not (np.isfinite(rows).all() and np.isfinite(joints).all()):
            raise ModelError("the network's outputs are not finite: broken weights or wrong input range")
        candidates = yolo.over_threshold(rows[:, 4], self._settings)
        boxes, scores = rows[candidates, :4], rows[candidates, 4]
        keep = yolo.kept(boxes, scores, self._settings)
        found = joints[candidates[keep]]
        return people_in_frame(boxes[keep], scores[keep], found, view.place)


def recognise(network: Signature, joints: int = 17) -> Fit:
    """Two outputs, rows of 5 and as many times K joints of 3; sides that the export left open fit."""
    return Fit.IS if _fits(network, joints) else Fit.NO


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> Rtmo:
    """Raises ModelError when the joints are not as many as the skeleton's."""
    chosen(settings)
    if not _fits(network, len(skeleton)):
        raise ModelError(f"RTMO needs (B, N, {len(skeleton)}, 3) for skeleton {skeleton.name}")
    return Rtmo(yolo.bgr_letterboxer(network, _SIDE), skeleton, settings)


def _fits(network: Signature, joints: int) -> bool:
    shapes = [tensor.shape for tensor in network.outputs]
    if len(network.inputs) != 1 or [len(shape) for shape in shapes] != [3, 4]:
        return False
    (_, rows, values), (_, people, found, per_joint) = shapes
    known = values == 5 or per_joint == 3
    open_or_right = values in (5, None) and per_joint in (3, None) and found in (joints, None)
    return known and open_or_right and (rows == people or None in (rows, people))
