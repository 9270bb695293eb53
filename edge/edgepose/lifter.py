"""Windows of 2D keypoints -> the 3D pose at the centre of each window, or of its newest sample.

The network sees the window as a camera turned to the player would (``lifting.ray``), as ``network_input`` makes it
(the trainer uses that very function), and its mirror image; both answers are averaged, so a mirrored player gives the
mirrored pose.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose.card import WindowSpec
from edgepose.errors import ModelError
from edgepose.lifting.gaps import filled
from edgepose.lifting.joints import mirrored
from edgepose.lifting.ray import back, straight
from edgepose.models import Engine, load_card, load_runtime
from edgepose.pinhole import Camera
from edgepose.skeletons import COCO17, H36M17
from edgepose.types import Float32, Pose3D, Window

FEATURES = "lift-2"
"""Name and version of what the network sees and says; the card's ``features``."""
RATES_HZ = (12.0, 45.0)
"""Of the samples that it was trained on, whatever the card's own rate."""
HEADS = ("centre", "newest")
"""Outputs: the pose in the middle of the window, and that of its last sample, which is not late."""
LIMIT = 8.0
"""Positions are clipped to so many torso lengths: nobody is larger, only errors are."""
LEAST_TORSO_PX = 1e-3
"""A median torso shorter than this is no torso."""

_SHOULDERS = COCO17.indices("left_shoulder", "right_shoulder")
_HIPS = COCO17.indices("left_hip", "right_hip")
_HIPS_3D = H36M17.indices("left_hip", "right_hip")
# Limbs and their length in torso lengths: the unit where no torso is known.
_LIMBS: tuple[tuple[str, float], ...] = (
    ("left_shoulder-left_elbow", 0.42), ("right_shoulder-right_elbow", 0.42),
    ("left_elbow-left_wrist", 0.44), ("right_elbow-right_wrist", 0.44),
    ("left_hip-left_knee", 0.69), ("right_hip-right_knee", 0.69),
    ("left_knee-left_ankle", 0.72), ("right_knee-right_ankle", 0.72),
    ("left_shoulder-right_shoulder", 0.72), ("left_hip-right_hip", 0.43),
)  # fmt: skip
_LIMB_A, _LIMB_B = (COCO17.indices(*(limb.split("-")[end] for limb, _ in _LIMBS)) for end in (0, 1))
_LIMB_TORSOS = np.array([torsos for _, torsos in _LIMBS], np.float32)


class Lifter:
    """A loaded lifter model; keeps nothing of a player but the count of refused windows."""

    def __init__(
        self,
        folder: Path,
        window: WindowSpec | None = None,
        camera: Camera | None = None,
        threads: int = 1,
        newest: bool = False,
    ) -> None:
        """``window``: what it will be given; None: what the card says. ``camera``: None looks straight at everybody.

        Raises ModelError when card, file and window do not fit together.
        """
        card = load_card(folder, "lifter")
        where = folder / "card.json"
        if card.window is None:
            raise ModelError(f"{where}: a lifter model needs window (frames, rate_hz)")
        self.window = window or card.window
        if self.window.frames != card.window.frames or not RATES_HZ[0] <= self.window.rate_hz <= RATES_HZ[1]:
            span = f"{card.window.frames} samples at {RATES_HZ[0]:g} to {RATES_HZ[1]:g} Hz"
            raise ModelError(f"{where}: lifts windows of {span}, is to be given {_say(self.window)}")
        _expect(where, "features", FEATURES, card.features)
        _expect(where, "skeleton", COCO17.name, card.skeleton)
        _expect(where, "output_skeleton", H36M17.name, card.output_skeleton)
        self.model, self.skeleton = card.model, H36M17
        self.refused = 0
        """Windows answered with NaN: too little known, or no size to be found."""
        self.newest = newest
        self._camera, self._head = camera, HEADS.index("newest" if newest else "centre")
        self._runtime = load_runtime(card.runtime, folder / card.files[0].path, Engine(threads=threads))
        width = self.window.frames * len(COCO17) * 3
        _check_widths(folder, "input", [t.shape for t in self._runtime.signature.inputs], [width])
        _check_widths(folder, "output", [t.shape for t in self._runtime.signature.outputs], [len(H36M17) * 3] * 2)

    def lift(self, windows: Sequence[Window]) -> list[Pose3D]:
        """The h36m17 pose of each window for a 1.75 m player: metres, camera axes, origin at mid-hips.

        A window with less than half of its joints known, or without any size, gives an all-NaN pose.
        Raises ModelError when a window is not (frames, 17, 3).
        """
        if not windows:
            return []
        expected = (self.window.frames, len(COCO17), 3)
        for window in windows:
            if window.keypoints.shape != expected:
                raise ModelError(f"{self.model.name}: expected coco17 windows {expected}, got {window.keypoints.shape}")
        poses = self.lift_array(np.stack([window.keypoints for window in windows]))
        return [Pose3D(H36M17.name, pose) for pose in poses]

    def lift_array(self, keypoints: Float32) -> Float32:
        """(N, T, 17, 3) px windows -> (N, 17, 3) metres; otherwise as ``lift``."""
        turn = None
        if self._camera is not None:
            keypoints, turn = straight(keypoints, self._camera)
        inputs, usable = network_input(keypoints)
        poses = np.full((len(inputs), len(H36M17), 3), np.nan, np.float32)
        self.refused += int(np.count_nonzero(~usable))
        if usable.any():
            inputs = inputs[usable]
            both = np.concatenate([inputs, mirrored(inputs, COCO17.mirror)])
            answer = self._runtime.run(both.reshape(len(both), -1))[self._head].reshape(2, len(inputs), -1, 3)
            pose = (answer[0] + mirrored(answer[1], H36M17.mirror)) * np.float32(0.5)
            poses[usable] = pose - pose[:, _HIPS_3D].mean(axis=1, keepdims=True)
        return poses if turn is None else back(poses, turn)


def network_input(keypoints: Float32) -> tuple[Float32, NDArray[np.bool_]]:
    """(N, T, 17, 3) px -> (N, T, 17, 3) x, y in torso lengths and confidence; (N,) which are usable.

    Missing joints are interpolated from the neighbouring samples and keep confidence 0; a joint missing
    all through the window is (0, 0, 0). Origin of each sample: mid-hips, else neck, else the mean of the
    known joints; unit: median torso length of the window, else a guess from the limbs; y down
    (contracts §6). Usable: at least half of all joints known and a length to measure by.
    """
    known = np.isfinite(keypoints[..., 0]) & np.isfinite(keypoints[..., 1])
    usable: NDArray[np.bool_] = 2 * np.count_nonzero(known, axis=(1, 2)) >= known.shape[1] * known.shape[2]
    points = np.where(known[..., None], keypoints[..., :2], np.float32(0))
    ever = np.logical_or.reduce(known, axis=1)
    if not known.all():
        points = filled(points, known)
    unit = _unit(points, ever)
    usable &= unit > LEAST_TORSO_PX
    unit = np.where(usable, unit, np.float32(1))
    points = (points - _origin(points, ever)) / unit[:, None, None, None]
    inputs = np.empty((*known.shape, 3), np.float32)
    inputs[..., :2] = np.where(ever[:, None, :, None], np.clip(points, -LIMIT, LIMIT), 0)
    confidence = np.where(known, keypoints[..., 2], 0)
    inputs[..., 2] = np.clip(np.nan_to_num(confidence, posinf=1.0), 0, 1)
    return inputs, usable


def _unit(points: Float32, ever: NDArray[np.bool_]) -> Float32:
    """(N,) median torso length in px of filled points; guessed from the limbs where no torso is known."""
    shoulders, hips = points[:, :, _SHOULDERS].mean(axis=2), points[:, :, _HIPS].mean(axis=2)
    torso = shoulders - hips
    lengths = np.sort(np.hypot(torso[..., 0], torso[..., 1]), axis=1)
    unit: Float32 = (lengths[:, (lengths.shape[1] - 1) // 2] + lengths[:, lengths.shape[1] // 2]) / 2  # the median
    without = ~(_both(ever, _SHOULDERS) & _both(ever, _HIPS))
    if without.any():
        points, ever = points[without], ever[without]
        # Foreshortening only shortens: the longest limb, at its longest, is the best measure.
        limbs = np.hypot(*np.moveaxis(points[:, :, _LIMB_A] - points[:, :, _LIMB_B], -1, 0))
        torsos = np.quantile(limbs, 0.9, axis=1) / _LIMB_TORSOS
        unit[without] = np.where(ever[:, _LIMB_A] & ever[:, _LIMB_B], torsos, 0).max(axis=1)
    return unit


def _origin(points: Float32, ever: NDArray[np.bool_]) -> Float32:
    """(N, T, 1, 2) mid-hips, else neck, else the mean of the joints that are known."""
    origin: Float32 = points[:, :, _HIPS].mean(axis=2, keepdims=True)
    hips = _both(ever, _HIPS)
    if not hips.all():
        neck = points[:, :, _SHOULDERS].mean(axis=2, keepdims=True)
        count = np.maximum(np.count_nonzero(ever, axis=1), 1).astype(np.float32)
        centre = points.sum(axis=2, keepdims=True) / count[:, None, None, None]
        other = np.where(_both(ever, _SHOULDERS)[:, None, None, None], neck, centre)
        origin = np.where(hips[:, None, None, None], origin, other)
    return origin


def _both(ever: NDArray[np.bool_], pair: NDArray[np.intp]) -> NDArray[np.bool_]:
    """(N, K) -> (N,)."""
    return ever[:, pair[0]] & ever[:, pair[1]]


def _say(window: WindowSpec) -> str:
    return f"{window.frames} samples at {window.rate_hz:g} Hz"


def _expect(where: Path, key: str, expected: str, got: str | None) -> None:
    if got != expected:
        raise ModelError(f"{where}: {key} is {got!r}; this version of edgepose lifts with {expected!r}")


def _check_widths(folder: Path, kind: str, shapes: Sequence[tuple[int | None, ...]], widths: list[int]) -> None:
    if list(shapes) != [(None, width) for width in widths]:
        expected, got = ", ".join(f"(None, {width})" for width in widths), ", ".join(map(str, shapes))
        raise ModelError(f"{folder}: expected {kind} {expected}, the network has {got}")
