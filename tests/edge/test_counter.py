"""Curls of drawn arms: how many, whose, when, and what must not count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from edgepose.config import CounterSettings, parse
from edgepose.counter import RepCounter
from edgepose.drawn_video import DrawnVideo
from edgepose.errors import SettingsError
from edgepose.events import EventMaker
from edgepose.pipeline import Counting, Pipeline, Step
from edgepose.skeletons import BODY25, COCO17, LSP14, Skeleton
from edgepose.sources import SourceInfo
from edgepose.types import Bend, Frame, Pose, Rep, Track
from edgepose.wire import event_message

Degrees = Callable[[float], float]
SHOULDER, UPPER_PX, FORE_PX = np.array([300.0, 200.0]), 60.0, 55.0


def person(left_deg: float, right_deg: float = 175.0, confidence: float = 0.9, turn: float = 1.0) -> Pose:
    """Somebody whose upper arms hang; the elbows are bent so far. ``turn`` -1: seen from the other side."""
    keypoints = np.full((17, 3), (np.nan, np.nan, 0.0), np.float32)
    for side, angle_deg in enumerate((left_deg, right_deg)):
        shoulder = SHOULDER + np.array([80.0 * side, 0.0])
        elbow = shoulder + np.array([0.0, UPPER_PX])
        opened = np.radians(angle_deg)
        wrist = elbow + FORE_PX * np.array([turn * np.sin(opened), -np.cos(opened)])
        keypoints[[5 + side, 7 + side, 9 + side]] = [(*at, confidence) for at in (shoulder, elbow, wrist)]
    return Pose(keypoints, np.array([250, 150, 450, 500], np.float32), 0.9)


def curls(period_s: float = 2.0, most_deg: float = 170.0, least_deg: float = 40.0) -> Degrees:
    """Extended at 0, bent at half a period, and again."""
    middle, half = (most_deg + least_deg) / 2, (most_deg - least_deg) / 2
    return lambda time_s: middle + half * np.cos(2 * np.pi * time_s / period_s)


def count(poses: Callable[[float], Sequence[Track]], until_s: float, fps: float = 30, **settings: float) -> list[Rep]:
    counter = RepCounter(COCO17, CounterSettings(enabled=True, **settings))  # type: ignore[arg-type]
    times_s = np.arange(round(until_s * fps)) / fps
    return [rep for time_s in times_s for rep in counter.add(poses(time_s), time_s)]


def left(motion: Degrees, **how: float) -> Callable[[float], list[Track]]:
    return lambda time_s: [Track(0, person(motion(time_s), **how))]


def test_row_64_three_curls_of_the_left_arm_are_three_with_their_times() -> None:
    reps = count(left(curls()), 6.2)
    assert [(rep.label, rep.track, rep.count) for rep in reps] == [("bicep_curl_left", 0, n) for n in (1, 2, 3)]
    assert [rep.peak_s for rep in reps] == pytest.approx([1, 3, 5], abs=0.04)
    # 150 = 105 + 65 cos(pi t): extended until t = 0.2575 s, again from 1.7425 s.
    assert [rep.start_s for rep in reps] == pytest.approx([0.2575, 2.2575, 4.2575], abs=0.07)
    assert [rep.end_s for rep in reps] == pytest.approx([1.7425, 3.7425, 5.7425], abs=0.07)
    for rep in reps:
        assert rep.angle_min_deg == pytest.approx(40, abs=2)
        assert rep.angle_max_deg == pytest.approx(170, abs=2)
        assert rep.score == pytest.approx(0.9, abs=1e-6)


@pytest.mark.parametrize("fps", [10, 12, 25, 30, 60, 120])
def test_row_64_the_frame_rate_does_not_change_the_count(fps: float) -> None:
    reps = count(left(curls()), 10.2, fps)
    assert [rep.count for rep in reps] == [1, 2, 3, 4, 5]
    assert [rep.peak_s for rep in reps] == pytest.approx([1, 3, 5, 7, 9], abs=0.11)


def test_row_64_an_arm_seen_from_the_other_side_counts_as_well() -> None:
    """The seed read 360 - angle there: 300 and more, which is 0 %, so that nothing ever counted."""
    motion = curls()
    assert len(count(left(motion, turn=-1.0), 6.2)) == len(count(left(motion), 6.2)) == 3


def test_row_64_both_arms_have_a_counter() -> None:
    slow = curls(3.0)
    reps = count(lambda t: [Track(0, person(curls()(t), slow(t)))], 6.2)
    assert [rep.count for rep in reps if rep.label == "bicep_curl_left"] == [1, 2, 3]
    assert [rep.count for rep in reps if rep.label == "bicep_curl_right"] == [1, 2]


def test_row_64_two_people_have_two_counters_whatever_their_order() -> None:
    def both(time_s: float) -> list[Track]:
        people = [Track(4, person(curls()(time_s))), Track(9, person(curls(1.5)(time_s)))]
        return people if round(time_s * 30) % 2 else people[::-1]

    reps = count(both, 6.2)
    assert [rep.count for rep in reps if rep.track == 4] == [1, 2, 3]
    assert [rep.count for rep in reps if rep.track == 9] == [1, 2, 3, 4]


def test_row_64_unsure_joints_count_nothing() -> None:
    assert count(left(curls(), confidence=0.29), 10) == []
    assert len(count(left(curls(), confidence=0.31), 10.2)) == 5


def test_one_unsure_joint_of_three_is_enough_for_no_reading() -> None:
    def wrist_unseen(time_s: float) -> list[Track]:
        pose = person(curls()(time_s))
        pose.keypoints[9, 2] = 0.1
        return [Track(0, pose)]

    assert count(wrist_unseen, 10) == []


def test_row_64_a_wrong_reading_for_a_frame_is_no_repetition() -> None:
    """Extended but for single frames at 20 degrees, as networks give them now and then."""
    assert count(left(lambda t: 20.0 if round(t * 30) % 15 == 0 else 170.0), 10) == []


def test_row_64_an_arm_that_stays_bent_but_for_wrong_frames_is_one_repetition() -> None:
    def flips(time_s: float) -> float:
        return 30.0 if 1 < time_s < 9 and round(time_s * 30) % 15 else 175.0

    assert [rep.count for rep in count(left(flips), 10)] == [1]


@pytest.mark.parametrize("least_deg", [62, 90, 140])
def test_half_a_curl_is_none(least_deg: float) -> None:
    assert count(left(curls(least_deg=least_deg)), 10) == []


def test_an_arm_that_is_not_extended_again_is_not_done() -> None:
    assert count(left(curls(most_deg=145)), 10) == []
    assert count(left(lambda t: 170 if t < 1 else 30), 10) == []


def test_an_arm_that_comes_in_bent_has_made_no_repetition() -> None:
    assert count(left(lambda t: 30 if t < 2 else 170), 4) == []


def test_trembling_at_a_limit_does_not_count() -> None:
    """Five degrees to and fro round 150, then round 60: hysteresis."""
    assert count(left(lambda t: 150 + 5 * np.sin(9 * t)), 10) == []
    assert len(count(left(lambda t: 60 + 5 * np.sin(9 * t) if 1 < t < 9 else 170.0), 10)) == 1


def test_a_twitch_is_too_short_for_a_repetition() -> None:
    # 150 = 105 + 65 cos(2 pi t / 0.5): 0.37 s from extended to extended.
    assert count(left(curls(0.5)), 5, fps=60, smooth_s=0.05) == []
    assert len(count(left(curls(0.5)), 5, fps=60, smooth_s=0.05, least_s=0.3)) >= 9


def test_a_long_gap_voids_the_repetition_and_a_short_one_does_not() -> None:
    def without(begin_s: float, end_s: float) -> Callable[[float], list[Track]]:
        return lambda t: [] if begin_s < t < end_s else left(curls(4.0))(t)

    # The middle of the first is not seen: the last reading before stands for it.
    assert [rep.peak_s for rep in count(without(1.8, 2.3), 8.3)] == pytest.approx([1.8, 6], abs=0.04)
    assert [rep.count for rep in count(without(1.0, 3.6), 8.3)] == [1]


def test_the_count_outlives_a_gap_of_the_track() -> None:
    reps = count(lambda t: [] if 4.2 < t < 14.1 else left(curls())(t), 18.2)
    assert [rep.count for rep in reps] == [1, 2, 3, 4]


def test_what_is_long_gone_is_forgotten() -> None:
    counter = RepCounter(COCO17, CounterSettings())
    for track in range(1000):
        counter.add([Track(track, person(170))], float(track))
    assert len(counter._people) <= 62


def test_people_without_an_id_are_not_counted() -> None:
    assert count(lambda t: [Track(-1, person(curls()(t)))], 6) == []


def test_joints_in_one_place_and_nobody_at_all_are_survived() -> None:
    pose = person(90)
    pose.keypoints[:, :2] = 5.0
    pose.keypoints[:, 2] = 0.9
    assert count(lambda t: [Track(0, pose)] if t < 1 else [], 2) == []


def test_the_bar_is_empty_extended_and_full_when_bent() -> None:
    counter = RepCounter(COCO17, CounterSettings())
    for frame in range(30):
        counter.add([Track(3, person(105.0, 40.0))], frame / 30)
    # (150 - 105) / (150 - 60)
    assert [(b.track, b.label, b.fraction, b.count) for b in counter.bends] == [
        (3, "bicep_curl_left", pytest.approx(0.5), 0),
        (3, "bicep_curl_right", 1.0, 0),
    ]
    counter.add([Track(3, person(105.0, confidence=0.1))], 5.0)
    assert np.isnan([bend.fraction for bend in counter.bends]).all()


def test_other_joint_sets_count_too_if_they_have_the_arm() -> None:
    counter = RepCounter(BODY25, CounterSettings())
    reps = []
    for frame in range(70):
        keypoints = np.zeros((25, 3), np.float32)
        keypoints[[5, 6, 7]] = person(curls()(frame / 30)).keypoints[[5, 7, 9]]
        reps += counter.add([Track(0, Pose(keypoints, np.zeros(4, np.float32), 1.0))], frame / 30)
    assert [rep.label for rep in reps] == ["bicep_curl_left"]
    assert len(RepCounter(LSP14, CounterSettings())._corners) == 2
    with pytest.raises(SettingsError, match=r"counter.exercise: bicep_curl .* legs has no joint 'left_shoulder'"):
        RepCounter(Skeleton("legs", ("left_knee", "right_knee"), ()), CounterSettings())


def test_limits_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(ValidationError, match="must be below"):
        CounterSettings(bent_deg=150, extended_deg=60)
    with pytest.raises(SettingsError, match=r"court.toml: counter"):
        parse({"counter": {"bent_deg": 150}}, "court.toml")


def test_the_event_says_which_how_long_and_how_far() -> None:
    keypoints = person(40).keypoints
    maker = EventMaker("gym", "near", "boot", 1000.0, {"pose": "net@0"}, "coco17", lambda track: "Ada")
    event = maker.counted(Rep("bicep_curl_left", 2, 7, 0.8, 1.0, 1.5, 2.25, 41.0, 171.0, keypoints))
    message = event_message(event, 1003.0, replayed=False)
    assert (message["kind"], message["label"], message["score"], message["seq"]) == ("count", "bicep_curl_left", 0.8, 0)
    assert message["scores"] == {"bicep_curl_left": 0.8}
    assert (message["track"], message["player"], message["handedness"]) == (2, "Ada", None)
    assert message["media"] == {"start_s": 1.0, "peak_s": 1.5, "end_s": 2.25}
    assert message["peak"] == "1970-01-01T00:16:41.500Z"
    assert message["kinematics"] == {
        "count": {"value": 7, "unit": "1"},
        "duration": {"value": 1.25, "unit": "s"},
        "angle_min": {"value": 41.0, "unit": "deg"},
        "angle_max": {"value": 171.0, "unit": "deg"},
    }
    assert message["pose2d"]["keypoints"][5] == [300.0, 200.0, 0.9]


class TheFramesOwnPeople:
    """A tracker that gives everybody the id 5."""

    ended: Sequence[int] = ()

    def update(self, poses: Sequence[Pose], time_s: float) -> list[Track]:
        return [Track(5, pose) for pose in poses]


def test_the_counter_hangs_on_the_tracks_with_strokes_off() -> None:
    maker = EventMaker("gym", "near", "boot", 0.0, {}, "coco17")
    counting = Counting(RepCounter(COCO17, CounterSettings()), maker.counted)
    pipeline = Pipeline(None, TheFramesOwnPeople(), None, maker, counting=counting)
    events = []
    for frame in range(130):
        step = pipeline.step(Frame(frame, frame / 30, tracks=left(curls())(frame / 30)))
        events += step.events
        assert [bend.track for bend in step.bends] == [5, 5]
    assert [(event.kind, event.seq, event.track) for event in events] == [("count", 0, 5), ("count", 1, 5)]
    assert pipeline.stage_s["count"] > 0


def test_the_drawn_video_has_a_bar_for_every_arm_that_is_counted(tmp_path: Path) -> None:
    info = SourceInfo("clip", 640, 360, 30.0, live=False, started_unix_s=0.0)
    video = DrawnVideo(tmp_path / "drawn.mp4", info, COCO17)
    for frame, fraction in enumerate((None, 1.0, 0.0)):
        bends = [] if fraction is None else [Bend(0, f"bicep_curl_{side}", fraction, 3) for side in ("left", "right")]
        video.step(Frame(frame, frame / 30), Step([], bends=bends))
    video.close()
    capture = cv2.VideoCapture(str(tmp_path / "drawn.mp4"))
    bare, full, empty = (np.argwhere(capture.read()[1].max(-1) > 100) for _ in range(3))
    assert len(bare) == 0
    assert len(full) > len(empty) + 1000 > 1200
    assert full[:, 0].min() > 180, "in the lower half"
    assert full[:, 1].max() < 320, "on the left"
