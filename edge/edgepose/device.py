"""One device: every camera's capture and line in its own threads, until the sources end or someone stops it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgepose import build
from edgepose.capture import Capture
from edgepose.card import ModelId
from edgepose.config import CameraSettings, Settings
from edgepose.decoders import View
from edgepose.estimator import Estimator
from edgepose.outputs import Output
from edgepose.pipeline import Pipeline
from edgepose.skeletons import Skeleton, named
from edgepose.types import Frame

_log = logging.getLogger(__name__)
_LATENCIES = 512


@dataclass(slots=True)
class Prepared:
    """A frame with the network inputs that the capture thread made of it."""

    frame: Frame
    views: list[View] | None
    arrived_s: float
    """time.monotonic()."""


@dataclass(slots=True)
class Progress:
    """How one camera is doing."""

    frames: int = 0
    people: int = 0
    """Of the newest frame."""
    events: int = 0
    first_s: float | None = None
    """time.monotonic() of the first result."""
    last_s: float = 0.0
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_LATENCIES))


class CameraLine:
    """One camera from capture to outputs. ``run`` is its thread's body."""

    def __init__(self, settings: Settings, camera: CameraSettings, boot: str, images: bool = False) -> None:
        """Opens the source and loads the models; raises EdgePoseError when anything is wrong.

        ``images``: pictures of a replayed session are wanted too (to draw on).
        """
        self.name = camera.name
        replayed = build.source_kind(camera.source) == "replay"
        pose = None if replayed else build.estimator(camera.pose or settings.pose, settings.models_dir)
        self._pose: Estimator | None = pose
        self.model: ModelId | None = pose.model if pose else None
        self.capture = Capture(
            lambda: build.open_source(camera.source, camera.capture, images), camera.capture, self._prepare
        )
        self.info = self.capture.info
        try:
            self.pipeline: Pipeline = build.pipeline(settings, camera, self.info, pose, boot)
        except BaseException:
            self.capture.stop()
            raise
        self.skeleton: Skeleton = pose.skeleton if pose else named(self.info.skeleton)
        self.outputs: list[Output] = []
        self.progress = Progress()
        self.error: Exception | None = None

    def run(self) -> None:
        """Takes every frame through the line; afterwards ``error`` says what went wrong, if anything did."""
        try:
            for prepared in self.capture:
                self._take(prepared)
            last = self.pipeline.finish()
            self.progress.events += len(last.events)
            for output in self.outputs:
                output.step(None, last)
        except Exception as error:  # noqa: BLE001 - the device must hear of it, the other cameras go on
            self.error = error
        finally:
            self.capture.stop()
            self._close_outputs()

    def _close_outputs(self) -> None:
        for output in self.outputs:
            try:
                output.close()
            except Exception as error:  # noqa: BLE001 - the others must be closed too
                self.error = self.error or error

    def stop(self) -> None:
        """Ends ``run`` after the frame in work; safe from any thread."""
        self.capture.stop()

    def metrics(self, since_s: float, frames_before: int) -> dict[str, Any]:
        """Of one camera for ``…/metrics``; rates hold since ``since_s`` (monotonic)."""
        progress, pipeline = self.progress, self.pipeline
        elapsed = max(time.monotonic() - since_s, 1e-6)
        latencies = list(progress.latencies_ms)
        p50, p95 = np.percentile(latencies, [50, 95]) if latencies else (None, None)
        return {
            "status": self.capture.status,
            "error": None if self.error is None else str(self.error),
            "fps": round((progress.frames - frames_before) / elapsed, 2),
            "frames": progress.frames,
            "dropped": self.capture.dropped,
            "skipped": self.capture.skipped,
            "reconnects": self.capture.reconnects,
            "people": progress.people,
            "events": progress.events,
            "stage_ms": {
                stage: round(1e3 * seconds / max(pipeline.frames, 1), 3) for stage, seconds in pipeline.stage_s.items()
            },
            "capture_to_publish_ms": {"p50": _rounded(p50), "p95": _rounded(p95)},
        }

    def _prepare(self, frame: Frame) -> Prepared:
        arrived_s = time.monotonic()
        if frame.tracks is not None or self._pose is None or frame.image is None:
            return Prepared(frame, None, arrived_s)
        return Prepared(frame, self._pose.prepare(frame.image), arrived_s)

    def _take(self, prepared: Prepared) -> None:
        frame, progress = prepared.frame, self.progress
        step = self.pipeline.step(frame, prepared.views)
        for output in self.outputs:
            output.step(frame, step)
        now_s = time.monotonic()
        captured_s = self.info.started_monotonic_s + frame.time_s if self.info.live else prepared.arrived_s
        progress.latencies_ms.append(1e3 * (now_s - captured_s))
        progress.frames += 1
        progress.people = len(step.tracks)
        progress.events += len(step.events)
        progress.last_s = now_s
        if progress.first_s is None:
            progress.first_s = now_s


class Device:
    """All cameras of one settings file. Opens everything first, so that what is wrong fails at start."""

    def __init__(self, lines: Sequence[CameraLine]) -> None:
        self.lines = list(lines)
        self._started_s = time.monotonic()
        self._before: dict[str, tuple[float, int]] = {}
        self._stopping = threading.Event()
        self._told: set[str] = set()

    def run(
        self,
        every_s: float,
        beat: Callable[[Mapping[str, Any]], None] | None = None,
        watch: Callable[[str, int], None] | None = None,
    ) -> None:
        """Runs until every source has ended or ``ask_to_stop``.

        Calls ``beat`` with the metrics every ``every_s``, ``watch`` with each camera's frames several times a second.
        What went wrong in a camera's thread is in ``error`` afterwards.
        """
        threads = [threading.Thread(target=line.run, name=f"camera {line.name}") for line in self.lines]
        for thread in threads:
            thread.start()
        due_s = time.monotonic() + every_s
        try:
            while (alive := [thread for thread in threads if thread.is_alive()]) and not self._stopping.is_set():
                alive[0].join(0.1)
                self._tell_of_losses()
                if watch is not None:
                    for line in self.lines:
                        watch(line.name, line.progress.frames)
                if beat is not None and time.monotonic() >= due_s:
                    due_s += every_s
                    beat(self.metrics())
        finally:
            for line in self.lines:
                line.stop()
            for thread in threads:
                thread.join()

    @property
    def error(self) -> Exception | None:
        """Of the first camera that failed, if one did."""
        return next((line.error for line in self.lines if line.error is not None), None)

    def _tell_of_losses(self) -> None:
        """Says once that a camera has failed while the others go on; it is in ``error`` at the end."""
        for line in self.lines:
            if line.error is not None and len(self.lines) > 1 and line.name not in self._told:
                self._told.add(line.name)
                _log.error("camera %s has stopped: %s", line.name, line.error)

    def ask_to_stop(self) -> None:
        """``run`` ends soon, after the frames in work; safe from a signal handler."""
        self._stopping.set()

    def metrics(self) -> dict[str, Any]:
        """Per camera since the last call; the whole device's temperature where it can be read."""
        cameras = {}
        for line in self.lines:
            since_s, frames = self._before.get(line.name, (self._started_s, 0))
            cameras[line.name] = line.metrics(since_s, frames)
            self._before[line.name] = (time.monotonic(), line.progress.frames)
        return {
            "uptime_s": round(time.monotonic() - self._started_s, 1),
            "fps": round(sum(camera["fps"] for camera in cameras.values()), 2),
            "dropped": sum(camera["dropped"] for camera in cameras.values()),
            "cameras": cameras,
            "temperature_c": _temperature_c(),
        }


def _temperature_c() -> float | None:
    """The hottest thermal zone, as Linux on a Pi or Jetson shows them."""
    values = []
    for zone in Path("/sys/class/thermal").glob("thermal_zone*/temp"):
        try:
            values.append(int(zone.read_text()) / 1000.0)
        except (OSError, ValueError):
            continue
    return max(values) if values else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 2)
