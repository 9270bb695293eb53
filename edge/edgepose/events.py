"""Strokes and repetitions become events: ids, sequence numbers, UTC times, the models that made them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from edgepose.types import Event, Pose3D, Rep, Stroke
from edgepose.wire import uuid7


class EventMaker:
    """Numbers one camera's events without gaps since ``boot``."""

    def __init__(
        self,
        device: str,
        camera: str,
        boot: str,
        started_unix_s: float,
        models: Mapping[str, str],
        skeleton: str,
        player_of: Callable[[int], str | None] = lambda track: None,
    ) -> None:
        self._device, self._camera, self._boot = device, camera, boot
        self._started_unix_s = started_unix_s
        self._models = dict(models)
        self._skeleton = skeleton
        self._player_of = player_of
        self.seq = 0
        """Of the next event."""

    def __call__(self, stroke: Stroke, pose3d: Pose3D | None) -> Event:
        """A stroke of ``time_s`` times -> an event with the pose at its peak.

        An estimated hand has its confidence in ``kinematics``; a given one has none there.
        """
        event = self._event("stroke", stroke, stroke.window.track)
        event.scores = stroke.scores
        event.handedness = stroke.handedness
        if stroke.handedness_confidence is not None:
            event.kinematics = {**event.kinematics, "handedness_confidence": (stroke.handedness_confidence, "1")}
        event.pose2d = stroke.window.keypoints[len(stroke.window.times_s) // 2]
        event.pose3d = pose3d
        return event

    def counted(self, rep: Rep) -> Event:
        """A repetition -> a ``count`` event; which one it is and how it was done stand in ``kinematics``."""
        event = self._event("count", rep, rep.track)
        event.scores = {rep.label: rep.score}
        event.kinematics = {
            "count": (rep.count, "1"),
            "duration": (rep.end_s - rep.start_s, "s"),
            "angle_min": (rep.angle_min_deg, "deg"),
            "angle_max": (rep.angle_max_deg, "deg"),
        }
        event.pose2d = rep.keypoints
        return event

    def _event(self, kind: Literal["stroke", "count"], found: Stroke | Rep, track: int) -> Event:
        seq, self.seq = self.seq, self.seq + 1
        zero = self._started_unix_s
        return Event(
            id=uuid7(),
            boot=self._boot,
            seq=seq,
            device=self._device,
            camera=self._camera,
            kind=kind,
            label=found.label,
            score=found.score,
            scores={},
            track=track,
            player=self._player_of(track),
            start_unix_s=zero + found.start_s,
            peak_unix_s=zero + found.peak_s,
            end_unix_s=zero + found.end_s,
            start_s=found.start_s,
            peak_s=found.peak_s,
            end_s=found.end_s,
            models=self._models,
            skeleton=self._skeleton,
        )
