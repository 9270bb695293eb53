"""Strokes become events: ids, sequence numbers, UTC times, the models that made them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgepose.types import Event, Pose3D, Stroke
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
        """A stroke of ``time_s`` times -> an event with the pose at its peak."""
        seq, self.seq = self.seq, self.seq + 1
        zero = self._started_unix_s
        return Event(
            id=uuid7(),
            boot=self._boot,
            seq=seq,
            device=self._device,
            camera=self._camera,
            kind="stroke",
            label=stroke.label,
            score=stroke.score,
            scores=stroke.scores,
            track=stroke.window.track,
            player=self._player_of(stroke.window.track),
            handedness=stroke.handedness,
            start_unix_s=zero + stroke.start_s,
            peak_unix_s=zero + stroke.peak_s,
            end_unix_s=zero + stroke.end_s,
            start_s=stroke.start_s,
            peak_s=stroke.peak_s,
            end_s=stroke.end_s,
            models=self._models,
            skeleton=self._skeleton,
            pose2d=stroke.window.keypoints[len(stroke.window.times_s) // 2],
            pose3d=pose3d,
        )
