"""Lifters of single frames as z-scores: Martinez et al. 2017 (features "martinez").

16 joints of Human3.6M without the neck/nose in px of the training pictures' width, (value - mean) / std -> network ->
16 joints without the hip, · std + mean, in metres. The statistics stand in the card (seed_systems.md §6).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose.card import Card, Statistics
from edgepose.errors import ModelError
from edgepose.lifting.gaps import known_joints, whole
from edgepose.lifting.joints import Joints, hips_of
from edgepose.models import Engine, load_runtime
from edgepose.skeletons import H36M17, Skeleton
from edgepose.types import Float32, Pose3D, Window

FEATURES = "martinez"
JOINTS_IN = np.delete(np.arange(len(H36M17)), H36M17.index("neck"))
JOINTS_OUT = np.delete(np.arange(len(H36M17)), H36M17.index("pelvis"))
_HIPS = hips_of(H36M17)


class ZScoreLifter:
    """A loaded network with its statistics; keeps nothing but the count of refused poses."""

    def __init__(
        self, folder: Path, card: Card, given: Skeleton, size_wh: tuple[int, int] | None, threads: int = 1
    ) -> None:
        """``given``: joints of the poses that come; raises ModelError when card, file and joints do not fit."""
        if card.statistics is None:
            raise ModelError(f"{folder / 'card.json'}: this lifter needs statistics (mean and std of both sides)")
        self.model, self.size_wh, self.skeleton = card.model, size_wh, H36M17
        self.refused = 0
        """Poses answered with NaN: less than half of the joints known."""
        self._given, self._joints = given, Joints(given, H36M17)
        self._picture_width = card.statistics.picture_width
        self._mean_in, self._std_in, self._mean_out, self._std_out = _arrays(folder, card.statistics)
        self._runtime = load_runtime(card.runtime, folder / card.files[0].path, Engine(threads=threads))
        sides = (self._runtime.signature.inputs, self._runtime.signature.outputs)
        got = [[tensor.shape for tensor in side] for side in sides]
        if got != [[(None, len(self._mean_in))], [(None, len(self._mean_out))]]:
            raise ModelError(
                f"{folder}: expected (None, {len(self._mean_in)}) -> (None, {len(self._mean_out)}), the network has "
                f"{got[0]} -> {got[1]}"
            )

    def lift(self, windows: Sequence[Window]) -> list[Pose3D]:
        """The h36m17 pose at each window's centre: metres, camera axes, origin at mid-hips; NaN where it is refused."""
        return [Pose3D(H36M17.name, self.lift_array(window.keypoints[None])[0]) for window in windows]

    def lift_track(self, keypoints: Float32) -> Float32:
        """(F, K, 3) px of one person -> (F, 17, 3) metres, each frame by itself; gaps are closed in time."""
        return self._lift(whole(self._checked(keypoints[None]), self._given)[0], keypoints)

    def lift_sequence(self, times_s: NDArray[np.float64], keypoints: Float32) -> Float32:
        """As ``lift_track``: when a frame was taken does not matter to a network of single frames."""
        return self.lift_track(keypoints)

    def lift_array(self, keypoints: Float32) -> Float32:
        """(N, T, K, 3) px windows -> (N, 17, 3) metres at the middle sample; otherwise as ``lift``."""
        middle = keypoints.shape[1] // 2
        return self._lift(whole(self._checked(keypoints), self._given)[:, middle], keypoints[:, middle])

    def _lift(self, points: Float32, keypoints: Float32) -> Float32:
        """(N, K, 2) px without gaps, (N, K, 3) as they came -> (N, 17, 3)."""
        if self.size_wh is None:
            raise ModelError(f"{self.model.name}: scales by the picture's width: its size must be given")
        seen = self._joints(points)[:, JOINTS_IN] * np.float32(self._picture_width / self.size_wh[0])
        scores = (seen.reshape(len(seen), -1) - self._mean_in) / self._std_in
        answers = self._runtime.run(scores)[0] * self._std_out + self._mean_out
        poses = np.zeros((len(seen), len(H36M17), 3), np.float32)
        poses[:, JOINTS_OUT] = answers.reshape(len(seen), -1, 3)
        poses -= poses[:, _HIPS].mean(axis=1, keepdims=True)
        refused = 2 * known_joints(keypoints).sum(axis=1) < keypoints.shape[1]
        self.refused += int(refused.sum())
        poses[refused] = np.nan
        return poses

    def _checked(self, keypoints: Float32) -> Float32:
        if keypoints.ndim != 4 or keypoints.shape[2:] != (len(self._given), 3):
            expected = f"{self._given.name} keypoints (…, {len(self._given)}, 3)"
            raise ModelError(f"{self.model.name}: expected {expected}, got {keypoints.shape[1:]}")
        return keypoints


def load(folder: Path, card: Card, given: Skeleton, size_wh: tuple[int, int] | None, threads: int = 1) -> ZScoreLifter:
    """As ``ZScoreLifter``."""
    return ZScoreLifter(folder, card, given, size_wh, threads)


def _arrays(folder: Path, statistics: Statistics) -> tuple[Float32, Float32, Float32, Float32]:
    wanted = 2 * len(JOINTS_IN), 3 * len(JOINTS_OUT)
    got = len(statistics.input_mean), len(statistics.output_mean)
    if got != wanted:
        raise ModelError(f"{folder / 'card.json'}: statistics: expected {wanted} numbers in and out, got {got}")
    sides = statistics.input_mean, statistics.input_std, statistics.output_mean, statistics.output_std
    a, b, c, d = (np.array(side, np.float32) for side in sides)
    return a, b, c, d
