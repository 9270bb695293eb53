"""The straight line with hand-written stages: what goes where, and what happens at the ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from edgepose.events import EventMaker
from edgepose.pipeline import Action, Pipeline
from edgepose.types import Frame, Pose, Pose3D, Scores, Stroke, Track, Window

IMAGE = np.zeros((4, 4, 3), np.uint8)


def pose(x: float = 10.0) -> Pose:
    keypoints = np.full((17, 3), 0.9, np.float32)
    keypoints[:, :2] = x
    return Pose(keypoints, np.array([x, x, x + 5, x + 5], np.float32), 0.9)


def a_window(track: int, time_s: float) -> Window:
    keypoints = np.zeros((15, 17, 3), np.float32)
    keypoints[7] = 7.0  # the centre sample
    return Window(track, 0, time_s + (np.arange(15) - 7) / 15, keypoints)


class OnePerson:
    """An estimator that finds one person and remembers whom it was told of."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def __call__(self, image: object, people: object = None, views: object = None) -> list[Pose]:
        self.told.append(people)
        return [pose()]


class Counting:
    """A tracker that numbers everybody 5 and ends them at frame 3."""

    def __init__(self) -> None:
        self.ended: list[int] = []
        self.frames = 0

    def update(self, poses: Sequence[Pose], time_s: float) -> list[Track]:
        self.frames += 1
        self.ended = [5] if self.frames == 3 else []
        return [Track(5, p) for p in poses]


class Stages:
    """Windows, classifier, spotter and lifter that pass one thing on and write down what they saw."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def add(self, *given: object, **_: object) -> list:
        if len(given) == 4:
            tracks, frame, time_s, ended = given
            self.seen.append(f"window {frame} ended {list(ended)}")  # type: ignore[call-overload]
            return [a_window(track.id, time_s) for track in tracks]  # type: ignore[attr-defined, arg-type]
        (scores,) = given
        self.seen.append(f"spot {len(scores)}")  # type: ignore[arg-type]
        return []

    def flush(self) -> list:
        self.seen.append("flush")
        return []

    def end(self, track: int) -> list[Stroke]:
        self.seen.append(f"end {track}")
        return [Stroke("forehand", 0.9, {"forehand": 0.9}, 0.1, 0.2, 0.3, a_window(track, 0.2), "left")]

    def scores(self, windows: Sequence[Window], handedness: Callable[[int], object]) -> list[Scores]:
        self.seen.append(f"classify {len(windows)} {handedness(5)}")
        return [Scores(window, np.array([0.1, 0.9], np.float32)) for window in windows]

    def lift(self, windows: Sequence[Window]) -> list[Pose3D]:
        return [Pose3D("h36m17", np.ones((17, 3), np.float32)) for _ in windows]


def maker() -> EventMaker:
    models = {"pose": "net@0123", "strokes": "s@4567"}
    return EventMaker("court", "north", "boot-1", 1000.0, models, "coco17", lambda track: "Ada" if track == 5 else None)


def line(stages: Stages, estimator: OnePerson) -> Pipeline:
    action = Action(stages, stages, stages, stages)
    return Pipeline(estimator, Counting(), action, maker(), lambda track: "left")


def test_every_frame_goes_through_every_stage_in_order() -> None:
    stages, estimator = Stages(), OnePerson()
    pipeline = line(stages, estimator)
    step = pipeline.step(Frame(0, 0.0, IMAGE))
    assert stages.seen == ["window 0 ended []", "classify 1 left", "spot 1"]
    assert [track.id for track in step.tracks] == [5]
    assert len(step.scores) == 1
    assert pipeline.frames == 1


def test_the_estimator_is_told_of_the_people_before() -> None:
    estimator = OnePerson()
    pipeline = line(Stages(), estimator)
    for index in range(2):
        pipeline.step(Frame(index, index / 30, IMAGE))
    assert estimator.told[0] is None
    assert [track.id for track in estimator.told[1]] == [5]  # type: ignore[attr-defined]


def test_a_stroke_becomes_an_event_with_times_models_and_poses() -> None:
    stages = Stages()
    pipeline = line(stages, OnePerson())
    events = [event for index in range(3) for event in pipeline.step(Frame(index, index / 30, IMAGE)).events]
    (event,) = events
    assert stages.seen[-1] == "end 5"
    assert (event.label, event.track, event.player, event.handedness) == ("forehand", 5, "Ada", "left")
    assert (event.start_unix_s, event.peak_unix_s, event.end_unix_s) == (1000.1, 1000.2, 1000.3)
    assert event.models == {"pose": "net@0123", "strokes": "s@4567"}
    assert event.pose2d is not None
    assert event.pose2d[0, 0] == 7.0
    assert event.pose3d is not None
    assert event.pose3d.skeleton == "h36m17"


def test_an_estimated_hand_comes_with_its_confidence_and_a_given_one_without() -> None:
    stroke = Stroke("forehand", 0.9, {}, 0.1, 0.2, 0.3, a_window(5, 0.2), "left", 0.875)
    assert maker()(stroke, None).kinematics == {"handedness_confidence": (0.875, "1")}
    stroke.handedness_confidence = None
    assert maker()(stroke, None).kinematics == {}


class Fast:
    """Kinematics of one number."""

    def add(self, windows: Sequence[Window]) -> None:
        pass

    def of(self, stroke: Stroke) -> dict[str, tuple[float, str]]:
        return {"wrist_speed_peak": (12.0, "m/s")}


def test_kinematics_keep_the_confidence_of_the_hand() -> None:
    class Sure(Stages):
        def end(self, track: int) -> list[Stroke]:
            return [replace(stroke, handedness_confidence=0.75) for stroke in super().end(track)]

    stages = Sure()
    action = Action(stages, stages, stages, stages, Fast())
    pipeline = Pipeline(OnePerson(), Counting(), action, maker(), lambda track: None)
    (event,) = [event for index in range(3) for event in pipeline.step(Frame(index, index / 30, IMAGE)).events]
    assert event.kinematics == {"handedness_confidence": (0.75, "1"), "wrist_speed_peak": (12.0, "m/s")}


def test_events_are_numbered_without_gaps() -> None:
    make = maker()
    stroke = Stroke("serve", 0.9, {}, 0, 0, 0, a_window(1, 0))
    events = [make(stroke, None) for _ in range(3)]
    assert [event.seq for event in events] == [0, 1, 2]
    assert len({event.id for event in events}) == 3
    assert [event.id for event in events] == sorted(event.id for event in events)
    assert events[0].player is None


def test_the_end_flushes_windows_and_spotter() -> None:
    stages = Stages()
    pipeline = line(stages, OnePerson())
    pipeline.step(Frame(0, 0.0, IMAGE))
    pipeline.finish()
    assert stages.seen[-2:] == ["flush", "flush"]


def test_recorded_ids_are_kept_and_end_after_two_seconds_away() -> None:
    stages = Stages()
    pipeline = Pipeline(None, None, Action(stages, stages, stages), maker())
    step = pipeline.step(Frame(0, 0.0, tracks=[Track(9, pose()), Track(-1, pose())]))
    assert [track.id for track in step.tracks] == [9, -1]
    pipeline.step(Frame(1, 1.9, tracks=[]))
    assert "end 9" not in stages.seen
    pipeline.step(Frame(2, 2.1, tracks=[]))
    assert stages.seen[-1] == "end 9"


def test_poses_alone_need_no_action() -> None:
    pipeline = Pipeline(OnePerson(), Counting(), None, maker())
    assert [track.id for track in pipeline.step(Frame(0, 0.0, IMAGE)).tracks] == [5]
    assert pipeline.finish().events == []


def test_a_frame_with_nothing_in_it_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="needs a picture"):
        Pipeline(OnePerson(), Counting(), None, maker()).step(Frame(0, 0.0))
