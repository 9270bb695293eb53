"""The messages of the straight line: Frame, Pose, Track, Window, Scores, Pose3D, Event.

Keypoints are float32 (K, 3): x px, y px, confidence 0..1, in skeleton order, in pixels of the
original frame; a missing joint is (NaN, NaN, 0). Times called ``time_s`` are seconds since the
source's ``started_at``; times called ``*_unix_s`` are seconds since 1970 (UTC).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) BGR."""
Float32: TypeAlias = NDArray[np.float32]
Array: TypeAlias = NDArray[Any]
Handedness: TypeAlias = Literal["right", "left"]


@dataclass(slots=True)
class Pose:
    """One person in one frame."""

    keypoints: Float32
    """(K, 3) x px, y px, confidence."""
    box_xyxy: Float32
    """(4,) px; NaN where unknown."""
    score: float
    """Person score 0..1."""


@dataclass(slots=True)
class Track:
    """One person in one frame with an id that belongs to the camera (-1: not tracked)."""

    id: int
    pose: Pose


@dataclass(slots=True)
class Frame:
    """One picture, or one frame of ready poses when a recorded session is replayed."""

    index: int
    """0-based; a gap means dropped frames."""
    time_s: float
    """Capture time, seconds since the source's ``started_at``."""
    image: Image | None = None
    tracks: list[Track] | None = None
    """Recorded people (replay only); None means: ask the estimator."""
    file: str | None = None
    """Name of the picture's own file, where it has one."""


@dataclass(slots=True)
class Window:
    """Samples of one person's keypoints, evenly spread over a span of time (contracts §6)."""

    track: int
    frame: int
    """Index of the last frame that the window could see."""
    times_s: NDArray[np.float64]
    """(T,) sample times."""
    keypoints: Float32
    """(T, K, 3) interpolated at the sample times, px; NaN, NaN, 0 where unknown."""

    @property
    def centre_s(self) -> float:
        return 0.5 * (float(self.times_s[0]) + float(self.times_s[-1]))


@dataclass(slots=True)
class Scores:
    """Class probabilities of one window."""

    window: Window
    probabilities: Float32
    """(L,) in the order of the classifier's labels; sums to 1."""
    handedness: Handedness | None = None
    """Given, or the choice when both were scored."""
    handedness_confidence: float | None = None
    """0.5..1, that the choice is right; None when the hand was given."""


@dataclass(slots=True)
class Pose3D:
    """One person in 3D."""

    skeleton: str
    keypoints: Float32
    """(K, 3) metres, x right, y down, z away from the camera, origin at mid-hips; NaN: unknown."""
    space: str = "root"


@dataclass(slots=True)
class Stroke:
    """What the spotter found: one stroke or action of one track, times in ``time_s``."""

    label: str
    score: float
    scores: dict[str, float]
    start_s: float
    peak_s: float
    end_s: float
    window: Window
    """The window centred nearest to the peak."""
    handedness: Handedness | None = None
    handedness_confidence: float | None = None
    """0.5..1 where it was estimated; None where it was given."""


@dataclass(slots=True)
class Rep:
    """What the counter found: one repetition of one side of one track, times in ``time_s``."""

    label: str
    """Exercise and side: bicep_curl_left."""
    track: int
    count: int
    """Of this side of this track so far, this one included."""
    score: float
    """Mean confidence of the joints' weakest while it lasted."""
    start_s: float
    """The limb leaves its extended position."""
    peak_s: float
    """Middle of the time in which it is bent: the smallest angle jumps about on a plateau."""
    end_s: float
    """Extended again."""
    angle_min_deg: float
    angle_max_deg: float
    keypoints: Float32
    """(K, 3) px at the peak."""


@dataclass(slots=True)
class Bend:
    """How far one limb of a person who is counted is bent in the newest frame."""

    track: int
    label: str
    fraction: float
    """0 extended .. 1 bent; NaN: not seen."""
    count: int


@dataclass(slots=True)
class Event:
    """One stroke, action or count on its way to the broker (contracts §4)."""

    id: str
    """UUIDv7."""
    boot: str
    seq: int
    """Gapless per boot and camera."""
    device: str
    camera: str
    kind: Literal["stroke", "action", "count"]
    label: str
    score: float
    scores: dict[str, float]
    track: int
    start_unix_s: float
    peak_unix_s: float
    end_unix_s: float
    start_s: float
    peak_s: float
    end_s: float
    player: str | None = None
    handedness: Handedness | None = None
    models: dict[str, str] = field(default_factory=dict)
    """pose, strokes, lifter -> "name@sha256[:12]"."""
    kinematics: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    """name -> (value, unit)."""
    skeleton: str = "coco17"
    pose2d: Float32 | None = None
    """(K, 3) px at the peak."""
    pose3d: Pose3D | None = None
    """At the peak."""
