"""Strokes that the current model finds in the session, by the code path of ``edgepose events``, in the background."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from edgepose import models
from edgepose.config import Settings
from edgepose.device import CameraLine, Device
from edgepose.errors import EdgePoseError
from edgepose.pipeline import Step
from edgepose.types import Event, Frame
from edgepose.wire import uuid7
from edgepose_trainer.peaks import HALF_STROKE_S


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A stroke that was found; it spans what a stroke spans in training, not what the spotter's windows smeared."""

    start_s: float
    end_s: float
    peak_s: float
    label: str
    score: float
    track: int | None


class Suggestions:
    """A device that replays the session; grows while it runs."""

    def __init__(self, settings: Settings, model: str) -> None:
        """Loads the model that the settings name; raises EdgePoseError when it does not fit the session."""
        card = models.load_card(models.find(model, settings.models_dir), "strokes")
        self.model = card.model.stamp
        self.labels: tuple[str, ...] = tuple(card.labels)
        self._line = CameraLine(settings, settings.camera[0], uuid7())
        self._line.outputs.append(self)
        self._device = Device([self._line])
        self._every_s = settings.mqtt.metrics_s
        self._thread = threading.Thread(target=self._run, name="suggestions", daemon=True)
        self._found: list[Suggestion] = []
        self._lock = threading.Lock()
        self._state = "running"
        self._error: str | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the replay and waits for it."""
        self._device.ask_to_stop()
        self._line.stop()
        if self._thread.is_alive():
            self._thread.join()

    def told(self) -> dict[str, Any]:
        """State ("running", "done", "failed"), share of the frames done, error, and what was found so far."""
        frames = self._line.info.frames or 1
        with self._lock:
            found = list(self._found)
        return {
            "state": self._state,
            "share": round(min(self._line.progress.frames / frames, 1.0), 3),
            "error": self._error,
            "found": found,
        }

    def step(self, frame: Frame | None, step: Step) -> None:
        """Takes the events of a frame (an ``Output``)."""
        with self._lock:
            self._found += [self._suggestion(event) for event in step.events]

    def close(self) -> None:
        """Nothing is held open."""

    def _suggestion(self, event: Event) -> Suggestion:
        track = event.track if self._line.info.tracked else None  # a tracker's ids are not the session's
        peak_s = round(event.peak_s, 4)
        start_s, end_s = round(peak_s - HALF_STROKE_S, 4), round(peak_s + HALF_STROKE_S, 4)
        return Suggestion(start_s, end_s, peak_s, event.label, round(event.score, 3), track)

    def _run(self) -> None:
        try:
            self._device.run(self._every_s)
            error: Exception | None = self._device.error
        except EdgePoseError as failed:
            error = failed
        self._error = None if error is None else str(error)
        self._state = "done" if error is None else "failed"
