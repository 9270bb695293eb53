"""What was found against the known truth, with numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgepose import comparing
from edgepose.session import Label, Poses, Poses3D
from edgepose.skeletons import COCO17, H36M17


def event(peak_s: float, label: str, track: int) -> dict[str, object]:
    return {"media": {"peak_s": peak_s}, "label": label, "score": 0.9, "track": track}


def label(peak_s: float, name: str, track: int) -> Label:
    return Label(peak_s - 0.43, peak_s + 0.43, name, track)


def person(x: float, y: float) -> np.ndarray:
    """(17, 3) a torso of 100 px from the shoulders' middle at (x, y), arms and legs 100 px to the side."""
    points = np.zeros((17, 3), np.float32)
    points[:] = (x + 100, y + 50, 1.0)
    points[COCO17.indices("left_shoulder", "right_shoulder")] = [(x - 20, y, 1), (x + 20, y, 1)]
    points[COCO17.indices("left_hip", "right_hip")] = [(x - 10, y + 100, 1), (x + 10, y + 100, 1)]
    return points


def poses(*rows: tuple[int, int, np.ndarray]) -> Poses:
    """Rows of frame, track, keypoints."""
    frames = np.array([frame for frame, _, _ in rows], np.int64)
    tracks = np.array([track for _, track, _ in rows], np.int32)
    points = np.array([points for *_, points in rows], np.float32).reshape(-1, 17, 3)
    boxes = np.full((len(rows), 4), np.nan, np.float32)
    return Poses(frames, frames / 30, tracks, np.ones(len(rows), np.float32), boxes, points)


def poses3d(*rows: tuple[int, int, np.ndarray]) -> Poses3D:
    frames = np.array([frame for frame, _, _ in rows], np.int64)
    tracks = np.array([track for _, track, _ in rows], np.int32)
    points = np.array([points for *_, points in rows], np.float32)
    return Poses3D(frames, frames / 30, tracks, points, "h36m17", "camera")


def test_a_stroke_is_right_wrong_missed_or_false() -> None:
    truth = [label(1.0, "forehand", 0), label(3.0, "serve", 1), label(5.0, "backhand", 0), label(7.0, "smash", 1)]
    told = [event(1.2, "forehand", 7), event(3.3, "smash", 8), event(5.4, "backhand", 7), event(7.0, "smash", 7)]
    found = comparing.strokes(told, truth, {7: 0, 8: 1})
    assert [one.verdict for one in found.judged] == ["right", "wrong", "missed", "missed"]
    assert [(false.label, false.player) for false in found.false] == [("backhand", 0), ("smash", 0)]
    assert str(found) == "1 of 4 strokes found with the right label, 1 wrong label, 2 missed, 2 false"


def test_of_two_events_the_nearer_counts_and_the_other_is_false() -> None:
    found = comparing.strokes([event(1.3, "serve", 0), event(0.9, "smash", 0)], [label(1.0, "serve", 0)], {0: 0})
    assert found.judged[0].told is not None
    assert found.judged[0].told.label == "smash"
    assert [false.label for false in found.false] == ["serve"]


def test_a_label_without_a_track_is_anybodys() -> None:
    anybody = Label(0.6, 1.4, "serve")
    assert comparing.strokes([event(1.1, "serve", 5)], [anybody], {}).count("right") == 1


def test_the_error_of_2d_is_in_torsos_and_hidden_joints_count() -> None:
    right, other = person(200, 100), person(600, 100)
    right[5, 2] = 0.5
    shifted = right.copy()
    shifted[:, 0] += 5
    truth = poses((0, 0, right), (0, 1, other), (1, 0, right), (1, 1, other))
    seen = comparing.seen(poses((0, 3, shifted), (1, 3, shifted), (1, 4, other)), truth)
    assert seen.players == {3: 0, 4: 1}
    assert seen.found == pytest.approx(3 / 4)
    assert seen.error == pytest.approx((0.05 + 0.05 + 0) / 3, abs=1e-6)


def test_who_overlaps_nobody_is_nobody() -> None:
    seen = comparing.seen(poses((0, 3, person(900, 500))), poses((0, 0, person(200, 100))))
    assert (seen.players, seen.found) == ({}, 0.0)
    assert math.isnan(seen.error)


def test_nobody_found_is_no_number() -> None:
    seen = comparing.seen(poses(), poses((0, 0, person(200, 100))))
    assert seen.found == 0.0
    assert math.isnan(seen.error)


def test_3d_is_judged_at_its_best_scale_and_from_the_hips() -> None:
    truth = np.random.default_rng(3).normal(size=(17, 3)).astype(np.float32)
    found = 2 * truth + (1.0, 0.5, 3.0)
    assert comparing.n_mpjpe(poses3d((4, 9, found)), poses3d((4, 1, truth)), {9: 1}) == pytest.approx(0, abs=1e-6)


def test_one_wrist_at_a_right_angle_is_a_twelfth_of_its_length_off() -> None:
    """Nothing but the wrist is away from the hips, so the best scale of a wrist beside it is 0."""
    truth, found = np.zeros((17, 3), np.float32), np.zeros((17, 3), np.float32)
    wrist = H36M17.indices("left_wrist")[0]
    truth[wrist], found[wrist] = (1, 0, 0), (0, 1, 0)
    assert comparing.n_mpjpe(poses3d((0, 0, found)), poses3d((0, 0, truth)), {0: 0}) == pytest.approx(1 / 12)


def test_3d_of_people_who_are_not_there_counts_for_nothing() -> None:
    pose = np.ones((17, 3), np.float32)
    assert math.isnan(comparing.n_mpjpe(poses3d((0, 5, pose)), poses3d((0, 0, pose)), {}))
