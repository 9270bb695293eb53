"""Lifters of sequences of frames in screen units: VideoPose3D, GAST-Net, RunningPose (features "videopose3d").

The network answers ``T - rf + 1`` frames of T, where rf is the card's ``window.frames``; edges are repeated so that
every frame gets an answer. It sees each sequence and its mirror image, and both answers are averaged. A second output
(n, t, 1, 3), the trajectory, is the root's place in camera axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgepose.card import Card
from edgepose.errors import ModelError
from edgepose.lifting.gaps import known_joints, whole
from edgepose.lifting.joints import Joints, hips_of, mirrored
from edgepose.lifting.screen import padded, to_screen
from edgepose.models import Engine, load_runtime
from edgepose.resampling import resampled
from edgepose.skeletons import Skeleton, named
from edgepose.types import Float32, Pose3D, Window

FEATURES = "videopose3d"
_SAME = 1e-3
"""Of a sample: times nearer together are one."""
_PIECE = 256
"""Answers asked for at once: bounds the memory that a long track takes."""


class SequenceLifter:
    """A loaded network; keeps nothing of a track but the count of refused poses."""

    def __init__(
        self, folder: Path, card: Card, given: Skeleton, size_wh: tuple[int, int] | None, threads: int = 1
    ) -> None:
        """``given``: joints of the poses that come; raises ModelError when card, file and joints do not fit."""
        where = folder / "card.json"
        if card.window is None or card.output_skeleton is None:
            raise ModelError(f"{where}: a lifter of sequences needs window (frames, rate_hz) and output_skeleton")
        self.model, self.window, self.size_wh = card.model, card.window, size_wh
        self.refused = 0
        """Poses answered with NaN: less than half of the joints known in all that the network would see."""
        self.skeleton = named(card.output_skeleton)
        self._given, self._seen = given, named(card.skeleton)
        self._joints, self._hips = Joints(given, self._seen), hips_of(self.skeleton)
        whole_span = card.window.frames - 1
        self._span = (whole_span, 0) if card.causal else (whole_span // 2, whole_span - whole_span // 2)
        self._runtime = load_runtime(card.runtime, folder / card.files[0].path, Engine(threads=threads))
        outputs = [tensor.shape for tensor in self._runtime.signature.outputs]
        self.has_trajectory = len(outputs) == 2
        _check(folder, "input", [t.shape for t in self._runtime.signature.inputs], [(len(self._seen), 2)])
        _check(folder, "output", outputs, [(len(self.skeleton), 3), (1, 3)][: max(1, min(2, len(outputs)))])

    def lift(self, windows: Sequence[Window]) -> list[Pose3D]:
        """The pose at each window's centre: metres, camera axes, origin at mid-hips; NaN where it is refused.

        A window of any rate is sampled at the card's, its ends are held. Raises ModelError for other joints, or when
        the picture's size is not known.
        """
        return [Pose3D(self.skeleton.name, self._at_centre(window)) for window in windows]

    def lift_track(self, keypoints: Float32, space: Literal["root", "camera"] = "root") -> Float32:
        """(F, K, 3) px of one person, every frame at the video's own rate -> (F, J, 3) metres, one pose a frame.

        ``space`` "camera": the trajectory added (ModelError without one). NaN and errors as ``lift``.
        """
        self._check_joints(keypoints[None])
        before, after = self._span
        points = padded(self._screen(whole(keypoints[None], self._given)), before, after)
        poses = self._answers(points, space)[0]
        share = np.concatenate([[0], np.cumsum(known_joints(keypoints).mean(axis=1))])
        frame = np.arange(len(keypoints))
        first, end = np.maximum(frame - before, 0), np.minimum(frame + after + 1, len(keypoints))
        return self._refusing(poses, np.asarray((share[end] - share[first]) / (end - first)))

    def lift_sequence(self, times_s: NDArray[np.float64], keypoints: Float32) -> Float32:
        """(F,) rising seconds and (F, K, 3) px of one person -> (F, J, 3) metres at those times.

        Frames of another rate than the card's are resampled to it, the answers back. Otherwise as ``lift_track``.
        """
        self._check_joints(keypoints[None])
        if len(times_s) < 2:
            return self.lift_track(keypoints)
        sampled = resampled(times_s, keypoints, self.window.rate_hz)
        poses = self.lift_track(sampled.points.astype(np.float32))
        place = np.clip((times_s - times_s[0]) * self.window.rate_hz, 0, len(poses) - 1)
        before = np.minimum(place.astype(np.intp), max(0, len(poses) - 2))
        after = np.minimum(before + 1, len(poses) - 1)
        weight = (place - before)[:, None, None]
        between = poses[before] * (1 - weight) + poses[after] * weight
        # A frame at a sample's time is that sample, whatever its neighbour.
        nearest = np.rint(place).astype(np.intp)
        exact = np.abs(place - nearest) < _SAME
        return np.asarray(np.where(exact[:, None, None], poses[nearest], between), np.float32)

    def lift_array(self, keypoints: Float32) -> Float32:
        """(N, rf, K, 3) px windows at the card's rate -> (N, J, 3) metres; otherwise as ``lift``."""
        self._check_joints(keypoints)
        if keypoints.shape[1] != self.window.frames:
            raise ModelError(f"{self.model.name}: expected {self.window.frames} frames, got {keypoints.shape[1]}")
        poses = self._answers(self._screen(whole(keypoints, self._given)), "root")[:, 0]
        return self._refusing(poses, known_joints(keypoints).mean(axis=(1, 2)))

    def _at_centre(self, window: Window) -> Float32:
        """(J, 3)."""
        self._check_joints(window.keypoints[None])
        points = whole(window.keypoints[None], self._given)
        wanted_s = window.centre_s + np.arange(-self._span[0], self._span[1] + 1) / self.window.rate_hz
        place = np.interp(wanted_s, window.times_s, np.arange(len(window.times_s)))
        start = np.minimum(place.astype(np.intp), len(window.times_s) - 2)
        weight = (place - start).astype(np.float32)[:, None, None]
        points = points[:, start] + weight * (points[:, start + 1] - points[:, start])
        poses = self._answers(self._screen(points), "root")[0]
        pose: Float32 = self._refusing(poses, np.array([known_joints(window.keypoints).mean()]))[0]
        return pose

    def _screen(self, points: Float32) -> Float32:
        """(N, T, K, 2) px without gaps -> (N, T, J, 2)."""
        if self.size_wh is None:
            raise ModelError(f"{self.model.name}: scales by the picture's width: its size must be given")
        return to_screen(self._joints(points), self.size_wh)

    def _answers(self, points: Float32, space: str) -> Float32:
        """(N, T, J, 2) -> (N, T - rf + 1, J', 3), piece by piece."""
        if space == "camera" and not self.has_trajectory:
            raise ModelError(f"{self.model.name}: has no trajectory, so no place in the camera's space")
        count = points.shape[1] - self.window.frames + 1
        pieces = [
            self._piece(points[:, start : start + min(_PIECE, count - start) + self.window.frames - 1], space)
            for start in range(0, count, _PIECE)
        ]
        return np.concatenate(pieces, axis=1, dtype=np.float32)

    def _piece(self, points: Float32, space: str) -> Float32:
        both = np.ascontiguousarray(np.concatenate([points, mirrored(points, self._seen.mirror)]))
        outputs = [output.reshape(2, len(points), *output.shape[1:]) for output in self._runtime.run(both)]
        pose = (outputs[0][0] + mirrored(outputs[0][1], self.skeleton.mirror)) * np.float32(0.5)
        if space == "camera":
            root = (outputs[1][0] + mirrored(outputs[1][1], np.zeros(1, np.intp))) * np.float32(0.5)
            moved: Float32 = pose + root
            return moved
        centred: Float32 = pose - pose[..., self._hips, :].mean(axis=-2, keepdims=True)
        return centred

    def _refusing(self, poses: Float32, share: NDArray[np.float64]) -> Float32:
        """NaN where less than half was known."""
        refused = share < 0.5
        self.refused += int(refused.sum())
        poses[refused] = np.nan
        return poses

    def _check_joints(self, keypoints: Float32) -> None:
        if keypoints.ndim != 4 or keypoints.shape[2:] != (len(self._given), 3):
            expected = f"{self._given.name} keypoints (…, {len(self._given)}, 3)"
            raise ModelError(f"{self.model.name}: expected {expected}, got {keypoints.shape[1:]}")


def load(
    folder: Path, card: Card, given: Skeleton, size_wh: tuple[int, int] | None, threads: int = 1
) -> SequenceLifter:
    """As ``SequenceLifter``."""
    return SequenceLifter(folder, card, given, size_wh, threads)


def _check(
    folder: Path, kind: str, shapes: Sequence[tuple[int | None, ...]], joints: Sequence[tuple[int, int]]
) -> None:
    fits = len(shapes) == len(joints) and all(
        len(shape) == 4 and shape[:2] == (None, None) and shape[2:] == wanted
        for shape, wanted in zip(shapes, joints, strict=True)
    )
    if not fits:
        expected = ", ".join(f"(None, None, {count}, {axes})" for count, axes in joints)
        got = ", ".join(map(str, shapes))
        raise ModelError(f"{folder}: expected {kind} {expected}, the network has {got}")
