"""The straight line, once through per frame: pose, tracks, windows, scores, strokes, counts, events."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edgepose.decoders import View
from edgepose.types import Bend, Event, Frame, Handedness, Image, Pose, Pose3D, Rep, Scores, Stroke, Track, Window

STAGES = ("pose", "track", "window", "classify", "spot", "count")
_FORGET_S = 2.0  # a recorded track unseen for so long has ended


class Estimates(Protocol):
    """The estimator's call."""

    def __call__(
        self, image: Image, people: Sequence[Track] | None = None, views: list[View] | None = None
    ) -> list[Pose]: ...


class Tracks(Protocol):
    """The tracker."""

    @property
    def ended(self) -> Sequence[int]: ...

    def update(self, poses: Sequence[Pose], time_s: float) -> list[Track]: ...


class Cuts(Protocol):
    """The window cutter."""

    def add(self, tracks: Sequence[Track], frame: int, time_s: float, ended: Sequence[int] = ()) -> list[Window]: ...

    def flush(self) -> list[Window]: ...


class Classifies(Protocol):
    """The classifier."""

    def scores(self, windows: Sequence[Window], handedness: Callable[[int], Handedness | None]) -> list[Scores]: ...


class Spots(Protocol):
    """The spotter."""

    def add(self, scores: Sequence[Scores]) -> list[Stroke]: ...

    def end(self, track: int) -> list[Stroke]: ...

    def flush(self) -> list[Stroke]: ...


class Lifts(Protocol):
    """The lifter."""

    def lift(self, windows: Sequence[Window]) -> list[Pose3D]: ...


class Describes(Protocol):
    """The kinematics of strokes."""

    def add(self, windows: Sequence[Window]) -> None: ...

    def of(self, stroke: Stroke) -> Mapping[str, tuple[float, str]]: ...


class Counts(Protocol):
    """The counter."""

    @property
    def bends(self) -> Sequence[Bend]: ...

    def add(self, tracks: Sequence[Track], time_s: float) -> list[Rep]: ...


@dataclass(slots=True)
class Action:
    """The half of the line behind the tracker; absent when only poses are wanted."""

    windows: Cuts
    classifier: Classifies
    spotter: Spots
    lifter: Lifts | None = None
    kinematics: Describes | None = None


@dataclass(slots=True)
class Counting:
    """The counter beside it; absent when nothing is counted."""

    counter: Counts
    make_event: Callable[[Rep], Event]


@dataclass(slots=True)
class Step:
    """What one frame brought."""

    tracks: list[Track]
    scores: list[Scores] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    bends: Sequence[Bend] = ()


class RecordedTracks:
    """Keeps the ids of a recorded session in the tracker's place, and notices which have ended."""

    def __init__(self) -> None:
        self._seen_s: dict[int, float] = {}
        self.ended: list[int] = []

    def follow(self, tracks: Sequence[Track], time_s: float) -> list[Track]:
        for track in tracks:
            if track.id >= 0:
                self._seen_s[track.id] = time_s
        self.ended = [track for track, seen_s in self._seen_s.items() if time_s - seen_s > _FORGET_S]
        for track_id in self.ended:
            del self._seen_s[track_id]
        return list(tracks)


class Pipeline:
    """One camera's line; handed built objects, it picks nothing. Not thread-safe: one thread owns it."""

    def __init__(
        self,
        estimator: Estimates | None,
        tracker: Tracks | None,
        action: Action | None,
        make_event: Callable[[Stroke, Pose3D | None], Event],
        handedness: Callable[[int], Handedness | None] = lambda track: None,
        counting: Counting | None = None,
    ) -> None:
        """``tracker`` None keeps the ids of recorded frames; ``estimator`` None takes recorded people only."""
        self._estimator = estimator
        self._tracker = tracker
        self._recorded = RecordedTracks()
        self._action = action
        self._make_event = make_event
        self._handedness = handedness
        self._counting = counting
        self._people: list[Track] | None = None
        self.stage_s = dict.fromkeys(STAGES, 0.0)
        """Seconds spent in each stage so far."""
        self.frames = 0

    def step(self, frame: Frame, views: list[View] | None = None) -> Step:
        """Takes one frame through the line; ``views`` were prepared by the estimator ahead of time.

        Raises ModelError when a network's outputs make no sense.
        """
        tracks, ended = self._track(frame, views)
        self.frames += 1
        step = self._spot(frame, tracks, ended)
        if self._counting is not None:
            self._count(self._counting, step, frame.time_s)
        return step

    def finish(self) -> Step:
        """The stream is over: the last windows, and the strokes that were still open."""
        if self._action is None:
            return Step([])
        step = self._classify([], self._action.windows.flush())
        step.events += self._events(self._action.spotter.flush())
        return step

    def _spot(self, frame: Frame, tracks: list[Track], ended: Sequence[int]) -> Step:
        if self._action is None:
            return Step(tracks)
        begun = time.perf_counter()
        windows = self._action.windows.add(tracks, frame.index, frame.time_s, ended)
        self.stage_s["window"] += time.perf_counter() - begun
        step = self._classify(tracks, windows)
        for track_id in ended:
            step.events += self._events(self._action.spotter.end(track_id))
        return step

    def _count(self, counting: Counting, step: Step, time_s: float) -> None:
        begun = time.perf_counter()
        reps = counting.counter.add(step.tracks, time_s)
        step.events += [counting.make_event(rep) for rep in reps]
        step.bends = counting.counter.bends
        self.stage_s["count"] += time.perf_counter() - begun

    def _track(self, frame: Frame, views: list[View] | None) -> tuple[list[Track], Sequence[int]]:
        if self._tracker is None:
            return self._recorded.follow(frame.tracks or [], frame.time_s), self._recorded.ended
        begun = time.perf_counter()
        poses = self._poses(frame, views)
        estimated = time.perf_counter()
        self._people = self._tracker.update(poses, frame.time_s)
        self.stage_s["pose"] += estimated - begun
        self.stage_s["track"] += time.perf_counter() - estimated
        return self._people, self._tracker.ended

    def _poses(self, frame: Frame, views: list[View] | None) -> list[Pose]:
        if frame.tracks is not None:
            return [track.pose for track in frame.tracks]
        if frame.image is None or self._estimator is None:
            raise ValueError("a frame without people needs a picture and an estimator")
        return self._estimator(frame.image, self._people, views)

    def _classify(self, tracks: list[Track], windows: list[Window]) -> Step:
        if self._action is None or not windows:
            return Step(tracks)
        if self._action.kinematics is not None:
            self._action.kinematics.add(windows)
        begun = time.perf_counter()
        scores = self._action.classifier.scores(windows, self._handedness)
        classified = time.perf_counter()
        events = self._events(self._action.spotter.add(scores))
        self.stage_s["classify"] += classified - begun
        self.stage_s["spot"] += time.perf_counter() - classified
        return Step(tracks, scores, events)

    def _events(self, strokes: Sequence[Stroke]) -> list[Event]:
        return [self._event(self._action, stroke) for stroke in strokes] if self._action else []

    def _event(self, action: Action, stroke: Stroke) -> Event:
        event = self._make_event(stroke, action.lifter.lift([stroke.window])[0] if action.lifter else None)
        if action.kinematics is not None:
            event.kinematics = {**event.kinematics, **action.kinematics.of(stroke)}
        return event
