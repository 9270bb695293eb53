"""How a device bears its cameras: frames offered and processed, time from camera to poses and to a subscriber."""

from __future__ import annotations

import json
import resource
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edgepose import comparing
from edgepose.device import CameraLine
from edgepose.pipeline import Step
from edgepose.session import Label
from edgepose.types import Event, Frame

_SWING_S = 1.0
"""A stroke is told so long after it, at most: those at the end of a run are not expected."""


@dataclass(slots=True)
class Meter:
    """An Output that measures one camera; the last in its line, so that all others have done their work."""

    name: str
    zero_s: float
    """time.monotonic() at the source's time 0."""
    begin: Callable[[], None]
    """Called before the first frame counts."""
    first: int | None = None
    """Index of the first frame."""
    last: int = 0
    processed: int = 0
    people: int = 0
    """Of all frames together."""
    span_s: tuple[float, float] = (0.0, 0.0)
    """Source times of the first and the last frame."""
    to_poses_s: list[float] = field(default_factory=list)
    events: list[tuple[Event, float | None]] = field(default_factory=list)
    """With the time.monotonic() at which the frame that brought it was captured; None: told at the end of the run."""
    cpu_s: float = 0.0
    """Processor time of the line's thread since its first frame."""
    _cpu_before_s: float = 0.0

    def step(self, frame: Frame | None, step: Step) -> None:
        if frame is None:
            self.events += [(event, None) for event in step.events]
            return
        if self.first is None:
            self.begin()
            self.first, self.span_s, self._cpu_before_s = frame.index, (frame.time_s, 0.0), time.thread_time()
        captured_s = self.zero_s + frame.time_s
        self.last, self.span_s = frame.index, (self.span_s[0], frame.time_s)
        self.processed += 1
        self.people += len(step.tracks)
        self.to_poses_s.append(time.monotonic() - captured_s)
        self.events += [(event, captured_s) for event in step.events]

    def close(self) -> None:
        """Called in the line's thread, as ``step`` is."""
        if self.first is not None:
            self.cpu_s = time.thread_time() - self._cpu_before_s


class Heard:
    """When a subscriber got which event."""

    def __init__(self) -> None:
        self.at_s: dict[str, float] = {}
        """Event id -> time.monotonic()."""
        self._more = threading.Condition()

    def __call__(self, topic: str, payload: bytes) -> None:
        now_s = time.monotonic()
        with self._more:
            self.at_s.setdefault(json.loads(payload)["id"], now_s)
            self._more.notify_all()

    def wait(self, count: int, timeout_s: float) -> None:
        """Until so many have come."""
        with self._more:
            self._more.wait_for(lambda: len(self.at_s) >= count, timeout_s)


class Load:
    """Meters every camera of a device for ``seconds`` from the first frame on, then stops them."""

    def __init__(self, seconds: float) -> None:
        self.meters: list[Meter] = []
        self.wall_s = self.cpu_s = 0.0
        """Of the whole process, while it was measured."""
        self._lines: list[CameraLine] = []
        self._seconds = seconds
        self._lock = threading.Lock()
        self._begun: tuple[float, float] | None = None

    def watch(self, line: CameraLine) -> list[Meter]:
        """The outputs that a camera gets beside its own."""
        self._lines.append(line)
        self.meters.append(Meter(line.name, line.info.started_monotonic_s, self._begin))
        return self.meters[-1:]

    def _begin(self) -> None:
        with self._lock:
            if self._begun is None:
                self._begun = time.monotonic(), _cpu_s()
                timer = threading.Timer(self._seconds, self.end)
                timer.daemon = True
                timer.start()

    def end(self) -> None:
        """Stops the cameras; the second call does nothing."""
        with self._lock:
            if self._begun is None or self.wall_s:
                return
            self.wall_s, self.cpu_s = time.monotonic() - self._begun[0], _cpu_s() - self._begun[1]
        for line in self._lines:
            line.stop()


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def row(meter: Meter, heard: Mapping[str, float], labels: Sequence[Label], wall_s: float) -> dict[str, Any]:
    """What one camera did. ``heard``: of ``Heard``; ``labels``: strokes that its clip shows the first time."""
    offered = 0 if meter.first is None else meter.last - meter.first + 1
    span_s = meter.span_s[1] - meter.span_s[0]
    reached = [
        (at_s, captured_s, meter.zero_s + event.peak_s)
        for event, captured_s in meter.events
        if captured_s is not None and (at_s := heard.get(event.id)) is not None
    ]
    return {
        "camera": meter.name,
        "offered": offered,
        "processed": meter.processed,
        "dropped": offered - meter.processed,
        "fps": round((meter.processed - 1) / span_s, 2) if span_s > 0 else None,
        "people": round(meter.people / meter.processed, 2) if meter.processed else None,
        "camera_to_poses_ms": spread_ms(meter.to_poses_s),
        "camera_to_event_ms": spread_ms([at_s - captured_s for at_s, captured_s, _ in reached]),
        "peak_to_event_ms": spread_ms([at_s - peak_s for at_s, _, peak_s in reached]),
        "events": len(meter.events),
        "lost_events": sum(event.id not in heard for event, _ in meter.events),
        "strokes": strokes(meter, labels),
        "cpu": round(meter.cpu_s / wall_s, 3) if wall_s else None,
    }


def spread_ms(seconds: Sequence[float]) -> dict[str, float] | None:
    """Median and 95th percentile in milliseconds; None of nothing."""
    if not seconds:
        return None
    p50, p95 = np.percentile(seconds, [50, 95])
    return {"p50": round(1e3 * float(p50), 1), "p95": round(1e3 * float(p95), 1)}


def strokes(meter: Meter, labels: Sequence[Label]) -> dict[str, int] | None:
    """Strokes that lie well within what was seen of a clip's first showing; None when there are none."""
    begin_s, end_s = meter.span_s[0], meter.span_s[1] - _SWING_S
    expected = [replace(one, track=None) for one in labels if begin_s <= one.start_s and one.end_s <= end_s]
    if not expected:
        return None
    told = [
        {"media": {"peak_s": event.peak_s}, "label": event.label, "score": event.score, "track": event.track}
        for event, _ in meter.events
    ]
    judged = comparing.strokes(told, expected, {})
    right, wrong = judged.count("right"), judged.count("wrong")
    return {"shown": len(expected), "found": right + wrong, "right": right}
