"""A player's motion in three dimensions with labels, and how cameras round the court would see it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgepose.skeletons import COCO17
from edgepose.types import Float32, Handedness
from edgepose_trainer import peaks
from edgepose_trainer.recordings import Recording
from edgepose_trainer.views import Cameras, Detector, court_cameras, detected

Float64 = NDArray[np.float64]
_NEAREST_M = 0.5
"""Nearer to the camera a joint is not seen."""
_FPS = (25.0, 30.0, 50.0, 60.0)
"""Rates of virtual cameras."""


@dataclass(frozen=True, slots=True)
class Take:
    """One person over time."""

    dataset: str
    name: str
    player: str
    """Groups are held out whole: ``<dataset>/<player>``."""
    times_s: Float64
    """(N,) ascending."""
    points: Float64
    """(N, 17, 3) coco17: metres, world axes with y up and the ground near y = 0; NaN where unknown."""
    labels: NDArray[np.str_]
    """(N,) a label, ``IDLE`` or ``UNSURE``."""
    peaks_s: Float64
    """(P,) of the strokes, ascending."""
    handedness: Handedness | None = None

    @property
    def group(self) -> str:
        return f"{self.dataset}/{self.player}"


def of_one_stroke(
    dataset: str,
    name: str,
    player: str,
    times_s: Float64,
    points: Float64,
    label: str,
    hand: Handedness | None,
    forward: Float64 | None = None,
    overhead: bool = False,
) -> Take:
    """A take that repeats one stroke: swings found as ``peaks.find`` does, labels round them.

    ``overhead``: a swing that stays below the nose, after a low ball, is neither this stroke nor idle.
    """
    peaks_s = peaks.find(times_s, points, hand, forward)
    if overhead:
        peaks_s = peaks_s[peaks.raised(times_s, points, hand, peaks_s)]
    labels = peaks.labels_round(times_s, points, hand, peaks_s, label)
    return Take(dataset, name, player, times_s, points, labels, peaks_s, hand)


@dataclass(frozen=True, slots=True)
class View:
    """A take as one camera sees it."""

    recording: Recording
    camera: Cameras
    """One."""
    points_m: Float32
    """(M, 17, 3) the truth: metres, camera axes (x right, y down, z away)."""


def seen(take: Take, rng: np.random.Generator, detector: Detector, number: int = 0) -> View:
    """One fixed random camera on the court films the take at its own rate; keypoints in px of 1280×720."""
    middle = np.nanmedian(take.points[:, COCO17.indices("left_hip", "right_hip")], axis=(0, 1))
    times_s = np.arange(take.times_s[0], take.times_s[-1], 1 / rng.choice(_FPS))
    return through(take, court_cameras(rng, middle[None]), times_s, detector, rng, number)


def through(
    take: Take, camera: Cameras, times_s: Float64, detector: Detector, rng: np.random.Generator, number: int = 0
) -> View:
    """The take at times (M,) through one given camera; a joint nearer than half a metre is unknown."""
    placed = camera.into(sampled(take.times_s, take.points, times_s)[None])
    placed[placed[..., 2] < _NEAREST_M] = np.nan
    keypoints = detected(camera.project(placed), detector, rng)[0]
    keypoints[~np.isfinite(keypoints[..., :2]).all(axis=-1)] = (np.nan, np.nan, 0)
    after = np.searchsorted(take.times_s, times_s).clip(1, len(take.times_s) - 1)
    nearest = after - (times_s - take.times_s[after - 1] < take.times_s[after] - times_s)
    recording = Recording(
        take.dataset, f"{take.name}/{number}", take.group, times_s, keypoints, take.labels[nearest],
        handedness=take.handedness,
    )  # fmt: skip
    return View(recording, camera, placed[0].astype(np.float32))


def sampled(times_s: Float64, points: Float64, wanted_s: Float64) -> Float64:
    """(M, K, 3) linear between the neighbouring frames of (N, K, 3); NaN where one of them is."""
    after = np.searchsorted(times_s, wanted_s).clip(1, len(times_s) - 1)
    weight = ((wanted_s - times_s[after - 1]) / (times_s[after] - times_s[after - 1]))[:, None, None]
    return np.asarray(points[after - 1] * (1 - weight) + points[after] * weight, np.float64)
