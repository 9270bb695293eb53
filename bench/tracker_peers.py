"""The other trackers of the comparison, each as (fps) -> step, and step(poses) -> one id per pose.

None of them is a dependency of EdgePose; what is not installed is reported as missing.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np

from edgepose.types import Pose

Step = Callable[[Sequence[Pose]], list[int]]


def nearest_centroid(fps: float) -> Step:
    """The seed lecture's words: pair the smallest distance; unmatched old ends, unmatched new is a new id."""
    ids: list[int] = []
    centres = np.empty((0, 2))
    count = 0

    def step(poses: Sequence[Pose]) -> list[int]:
        nonlocal ids, centres, count
        here = np.array([np.nanmean(p.keypoints[:, :2], axis=0) for p in poses]).reshape(-1, 2)
        distance = np.linalg.norm(here[:, None] - centres[None], axis=2)
        out = [-1] * len(poses)
        for _ in range(min(distance.shape)):
            new, old = np.unravel_index(np.argmin(distance), distance.shape)
            out[new] = ids[old]
            distance[new, :] = distance[:, old] = np.inf
        for i in np.flatnonzero(np.array(out) < 0):
            out[i], count = count, count + 1
        ids, centres = out, here
        return out

    return step


def _ultralytics(module: str, cls: str, **extra: Any) -> Callable[[float], Step]:
    """A tracker of ultralytics (AGPL, comparison only) with the values of its own yaml file."""
    # Its trackers never touch torchvision, but the package asks for its version while importing.
    real = importlib.metadata.version
    with patch.object(importlib.metadata, "version", lambda name: "0.0" if name == "torchvision" else real(name)):
        sys.modules.setdefault("torchvision", ModuleType("torchvision"))
        tracker = getattr(importlib.import_module(module), cls)
    settings = SimpleNamespace(
        track_high_thresh=0.25, track_low_thresh=0.1, new_track_thresh=0.25, track_buffer=30,
        match_thresh=0.8, fuse_score=True, **extra,
    )  # fmt: skip

    def start(fps: float) -> Step:
        track = tracker(settings)

        def step(poses: Sequence[Pose]) -> list[int]:
            out = [-1] * len(poses)
            for row in track.update(_Boxes.of(poses)):
                out[int(row[7])] = int(row[4])
            return out

        return step

    return start


class _Boxes:
    """The part of ultralytics' Boxes that its trackers read."""

    def __init__(self, xyxy: np.ndarray, conf: np.ndarray) -> None:
        self.xyxy, self.conf = xyxy, conf
        self.cls = np.zeros(len(conf))
        self.xywh = np.concatenate([(xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]], axis=1)

    @staticmethod
    def of(poses: Sequence[Pose]) -> _Boxes:
        return _Boxes(np.array([p.box_xyxy for p in poses]).reshape(-1, 4), np.array([p.score for p in poses]))

    def __len__(self) -> int:
        return len(self.conf)

    def __getitem__(self, rows: Any) -> _Boxes:
        return _Boxes(self.xyxy[rows], self.conf[rows])


def byte_track() -> Callable[[float], Step]:
    """ByteTrack of ultralytics."""
    return _ultralytics("ultralytics.trackers.byte_tracker", "BYTETracker")


def bot_sort() -> Callable[[float], Step]:
    """BoT-SORT of ultralytics, without pictures: no camera motion, no appearance."""
    return _ultralytics(
        "ultralytics.trackers.bot_sort", "BOTSORT", gmc_method="none", proximity_thresh=0.5,
        appearance_thresh=0.8, with_reid=False, model="auto",
    )  # fmt: skip


def _roboflow(cls: str, **extra: Any) -> Callable[[float], Step]:
    """A tracker of the package `trackers` with its own defaults, told the frame rate."""
    import supervision
    import trackers

    def start(fps: float) -> Step:
        track = getattr(trackers, cls)(frame_rate=fps, **extra)

        def step(poses: Sequence[Pose]) -> list[int]:
            detections = supervision.Detections(
                xyxy=np.array([p.box_xyxy for p in poses], np.float32).reshape(-1, 4),
                confidence=np.array([p.score for p in poses], np.float32),
                data={"row": np.arange(len(poses))},
            )
            out = [-1] * len(poses)
            found = track.update(detections)
            for row, identity in zip(found.data.get("row", ()), found.tracker_id, strict=True):
                out[int(row)] = int(identity)
            return out

        return step

    return start


def byte_track_roboflow() -> Callable[[float], Step]:
    """ByteTrack of the package `trackers`."""
    return _roboflow("ByteTrackTracker")


def bot_sort_roboflow() -> Callable[[float], Step]:
    """BoT-SORT of the package `trackers`, without pictures."""
    return _roboflow("BoTSORTTracker", enable_cmc=False)


def norfair() -> Callable[[float], Step]:
    """norfair on keypoints, with the distance and threshold of its own pose demos, relative to the box."""
    import norfair as package

    def distance(detection: Any, tracked: Any) -> float:
        known = detection.scores > 0
        shift = np.linalg.norm(detection.points[known] - tracked.estimate[known], axis=1)
        return float(np.mean(shift) / detection.data[1]) if known.any() else np.inf

    def start(fps: float) -> Step:
        track = package.Tracker(distance_function=distance, distance_threshold=0.25)

        def step(poses: Sequence[Pose]) -> list[int]:
            detections = [
                package.Detection(
                    points=np.nan_to_num(p.keypoints[:, :2].astype(float)),
                    scores=p.keypoints[:, 2].astype(float),
                    data=(i, float(p.box_xyxy[3] - p.box_xyxy[1])),
                )
                for i, p in enumerate(poses)
            ]  # fmt: skip
            out = [-1] * len(poses)
            for person in track.update(detections):
                if person.last_detection in detections:
                    out[person.last_detection.data[0]] = person.id
            return out

        return step

    return start


PEERS: dict[str, tuple[str, Callable[[], Callable[[float], Step]]]] = {
    "nearest centroid": ("", lambda: nearest_centroid),
    "ByteTrack (ultralytics)": ("ultralytics", byte_track),
    "BoT-SORT (ultralytics)": ("ultralytics", bot_sort),
    "ByteTrack (trackers)": ("trackers", byte_track_roboflow),
    "BoT-SORT (trackers)": ("trackers", bot_sort_roboflow),
    "norfair, keypoints": ("norfair", norfair),
}
"""Name in the table -> (package, maker)."""
