"""Angles, turns, speeds and gait of motions that can be said in a sentence."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepose.errors import SettingsError
from edgepose.gait import gait
from edgepose.kinematics import Motion, curves, motion_2d, motion_3d, slopes
from edgepose.kinematics_files import Sheet, write
from edgepose.resampling import resampled
from edgepose.skeletons import COCO17, H36M17, H36M19, RUNNINGPOSE18
from edgepose.strokekinematics import HALF_S, StrokeMotions, stroke_kinematics
from edgepose.types import Pose3D, Stroke, Window
from tests.shared import SHARED, needs

NAN = np.nan
RUNS = SHARED / "data" / "mocap" / "runningpose"
# Facing the camera: the person's left is at x > 0; y down; hips at 0, shoulders half a metre above.
STANCE = {
    "left_hip": (0.15, 0, 0), "right_hip": (-0.15, 0, 0), "left_shoulder": (0.2, -0.5, 0),
    "right_shoulder": (-0.2, -0.5, 0), "left_elbow": (0.2, -0.2, 0), "right_elbow": (-0.5, -0.5, 0),
    "left_wrist": (0.2, 0.1, 0), "right_wrist": (-0.5, -0.5, -0.3), "left_knee": (0.15, 0.4, 0),
    "right_knee": (-0.15, 0, -0.4), "left_ankle": (0.15, 0.8, 0), "right_ankle": (-0.15, 0.4, -0.4),
}  # fmt: skip


def standing(frames: int = 31, fps: float = 30.0) -> tuple[np.ndarray, np.ndarray]:
    """(T,) times and (T, 17, 3) h36m17 of somebody who does not move."""
    points = np.full((frames, 17, 3), NAN)
    for joint, place in STANCE.items():
        points[:, H36M17.index(joint)] = place
    points[:, H36M17.index("pelvis")] = 0
    return np.arange(frames) / fps, points


def values(motion: Motion) -> dict[str, np.ndarray]:
    return {curve.name: curve.values for curve in curves(motion)}


def test_row_19_angles_of_a_stance_by_hand() -> None:
    found = {name: curve[15] for name, curve in values(motion_3d(*standing(), H36M17)).items()}
    assert found["left_elbow_angle"] == pytest.approx(180)  # hangs straight
    assert found["right_elbow_angle"] == pytest.approx(90)  # forearm towards the camera
    assert found["left_shoulder_angle"] == pytest.approx(np.degrees(np.arctan2(0.05, 0.5)))
    assert found["right_shoulder_angle"] == pytest.approx(90 + np.degrees(np.arctan2(0.05, 0.5)))
    assert found["left_knee_angle"] == pytest.approx(180)
    assert found["right_knee_angle"] == pytest.approx(90)
    assert found["right_hip_angle"] == pytest.approx(90)
    assert found["trunk_lean"] == pytest.approx(0, abs=1e-6)
    assert found["shoulder_heading"] == pytest.approx(0)
    assert found["shoulder_hip_separation"] == pytest.approx(0)
    assert found["right_wrist_speed"] == pytest.approx(0)


def test_row_19_rates_have_the_units_that_they_name() -> None:
    # The right forearm turns at 120 degrees a second about the elbow; the body walks at 2 m/s to the right.
    times_s, points = standing()
    turn = np.radians(90 + 120 * (times_s - 0.5))
    elbow = points[:, H36M17.index("right_elbow")]
    points[:, H36M17.index("right_wrist")] = elbow + 0.3 * np.stack([np.cos(turn), 0 * turn, -np.sin(turn)], axis=1)
    points[..., 0] += 2 * times_s[:, None]
    found = {curve.name: curve for curve in curves(motion_3d(times_s, points, H36M17))}
    assert found["right_elbow_angle"].values[15] == pytest.approx(90)
    rate = found["right_elbow_angle_rate"]
    assert (rate.unit, rate.column) == ("deg/s", "right_elbow_angle_rate_deg_s")
    np.testing.assert_allclose(rate.values[1:-1], 120, rtol=1e-6)  # the elbow opens
    assert np.isnan(rate.values[[0, -1]]).all()
    speed = found["right_wrist_speed_to_hips"]
    assert (speed.unit, speed.column) == ("m/s", "right_wrist_speed_to_hips_m_s")
    np.testing.assert_allclose(speed.values[1:-1], 0.3 * np.radians(120), rtol=1e-3)
    np.testing.assert_allclose(found["left_ankle_speed"].values[1:-1], 2, rtol=1e-6)
    np.testing.assert_allclose(found["left_ankle_speed_to_hips"].values[1:-1], 0, atol=1e-6)


def turned(points: np.ndarray, joints: str, degrees: np.ndarray) -> np.ndarray:
    """Left and right of ``joints`` turned about the vertical, counterclockwise seen from above."""
    out = points.copy()
    angle = np.radians(degrees)
    for side in ("left", "right"):
        at = H36M17.index(f"{side}_{joints}")
        x, z = points[:, at, 0], points[:, at, 2]
        out[:, at, 0] = x * np.cos(angle) - z * np.sin(angle)
        out[:, at, 2] = x * np.sin(angle) + z * np.cos(angle)
    return out


def test_row_19_a_turn_to_the_left_is_positive_and_goes_on_through_half_a_turn() -> None:
    # Facing the camera, turning to the own left moves the left shoulder (picture's right) away: z grows.
    times_s, points = standing()
    degrees = 150 + 90 * times_s
    found = values(motion_3d(times_s, turned(turned(points, "shoulder", degrees), "hip", degrees - 40), H36M17))
    np.testing.assert_allclose(found["shoulder_heading"][0], 150)
    np.testing.assert_allclose(found["shoulder_heading"][-1], 240 - 360)
    np.testing.assert_allclose(found["shoulder_heading_rate"][1:-1], 90, rtol=1e-6)
    np.testing.assert_allclose(found["shoulder_hip_separation"], 40)


def test_row_19_two_dimensions_are_in_torsos_and_say_so() -> None:
    # Torso 100 px; the left wrist moves 600 px a second to the right: 6 torsos a second.
    keypoints = np.full((16, 17, 3), NAN)
    for joint, (x, y, _) in STANCE.items():
        keypoints[:, COCO17.index(joint)] = 200 * x, 200 * y, 0.9
    times_s = np.arange(16) / 30
    keypoints[:, COCO17.index("left_wrist"), 0] += 600 * times_s
    found = {curve.name: curve for curve in curves(motion_2d(times_s, keypoints, COCO17))}
    assert found["left_wrist_speed"].unit == "torso/s"
    np.testing.assert_allclose(found["left_wrist_speed"].values[1:-1], 6)
    assert found["left_knee_angle"].unit == "deg (picture)"
    assert found["left_knee_angle"].column == "left_knee_angle_deg_picture"
    assert "shoulder_hip_separation" not in found
    keypoints[:, COCO17.index("left_hip")] = NAN  # no torso: no length to measure by
    assert all(np.isnan(curve.values).all() for curve in curves(motion_2d(times_s, keypoints, COCO17)))


def test_slopes_are_exact_on_lines_and_unknown_round_gaps() -> None:
    times_s = np.array([0, 0.03, 0.07, 0.1, 0.13, 0.17, 0.5, 0.53, 0.56])
    line = 3 * times_s + 1
    np.testing.assert_allclose(slopes(times_s, line), [NAN, 3, 3, 3, 3, NAN, NAN, 3, NAN])
    line[3] = NAN
    np.testing.assert_allclose(slopes(times_s, line), [NAN, 3, NAN, NAN, NAN, NAN, NAN, 3, NAN])
    np.testing.assert_allclose(slopes(np.arange(4) / 10, np.array([350.0, 358, 6, 14]), 360)[1:3], 80)
    assert np.isnan(slopes(times_s[:2], line[:2])).all()


@settings(max_examples=40, deadline=None)
@given(st.floats(-180, 180), st.tuples(*[st.floats(-5, 5)] * 3), st.integers(0, 2**16))
def test_angles_and_speeds_do_not_depend_on_where_one_stands_nor_which_way_one_faces(
    degrees: float, shift: tuple[float, ...], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 0.5, (8, 17, 3))
    turn = np.radians(degrees)
    rotation = np.array([[np.cos(turn), 0, -np.sin(turn)], [0, 1, 0], [np.sin(turn), 0, np.cos(turn)]])
    times_s = np.arange(8) / 30
    before, after = (values(motion_3d(times_s, p, H36M17)) for p in (points, points @ rotation.T + shift))
    for name in set(before) - {"shoulder_heading", "pelvis_heading"}:
        np.testing.assert_allclose(after[name], before[name], rtol=1e-5, atol=1e-4, err_msg=name)
    headed = (after["pelvis_heading"] - before["pelvis_heading"] - degrees + 180) % 360 - 180
    np.testing.assert_allclose(headed, 0, atol=1e-5)


def swing(peak_s: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The right wrist passes the peak at 6 m/s, slower before and after; the shoulders turn by 60 degrees."""
    times_s, points = standing(61)
    u = times_s - peak_s
    points[:, H36M17.index("right_wrist"), 0] += 6 * 0.2 * np.tanh(u / 0.2)  # 6 m/s at the peak
    return times_s, turned(points, "shoulder", 30 * np.tanh(u / 0.1))


def test_row_19_numbers_of_a_stroke() -> None:
    times_s, points = swing()
    numbers = stroke_kinematics(motion_3d(times_s, points, H36M17), 1.0, "right")
    assert numbers["wrist_speed_peak"] == (pytest.approx(6, rel=0.02), "m/s")
    assert numbers["wrist_speed"] == numbers["wrist_speed_peak"]
    assert numbers["wrist_speed_peak_at"] == (pytest.approx(0, abs=1e-9), "s")
    assert numbers["trunk_rotation_range"] == (pytest.approx(60, rel=0.01), "deg")
    assert numbers["shoulder_hip_separation_peak"][0] == pytest.approx(-30, rel=0.01)  # drawn back to the right
    assert numbers["knee_angle_min"] == (pytest.approx(90), "deg")
    assert stroke_kinematics(motion_3d(times_s, points, H36M17), 1.0)["wrist_speed_peak"][0] == pytest.approx(
        6, rel=0.02
    )
    left = stroke_kinematics(motion_3d(times_s, points, H36M17), 1.0, "left")
    assert left["wrist_speed_peak"][0] == pytest.approx(0, abs=1e-9)
    assert stroke_kinematics(motion_3d(times_s, points, H36M17), 9.0) == {}
    nobody = stroke_kinematics(motion_3d(times_s, np.full_like(points, NAN), H36M17), 1.0)
    assert set(nobody) == set(numbers)
    assert all(np.isnan(value) for value, _ in nobody.values())


class FakeLifter:
    """Answers the pose of ``swing`` at a window's centre."""

    def __init__(self) -> None:
        self.asked = 0

    def lift(self, windows: list[Window]) -> list[Pose3D]:
        times_s, points = swing()
        self.asked += len(windows)
        at = [int(np.abs(times_s - window.centre_s).argmin()) for window in windows]
        return [Pose3D("h36m17", points[index].astype(np.float32)) for index in at]


def window_at(centre_s: float, track: int = 3) -> Window:
    offsets = (np.arange(15) - 7) / 15
    keypoints = np.ones((15, 17, 3), np.float32)
    for joint, (x, y, _) in STANCE.items():
        keypoints[:, COCO17.index(joint), :2] = 200 * x, 200 * y
    keypoints[:, COCO17.index("right_wrist"), 0] += 800 * (centre_s + offsets)  # 8 torsos a second
    return Window(track, 0, centre_s + offsets, keypoints)


def test_row_19_a_stroke_event_gets_the_windows_round_its_peak_lifted() -> None:
    lifter = FakeLifter()
    motions = StrokeMotions(COCO17, lifter)
    for index in range(61):
        motions.add([window_at(index / 30), window_at(index / 30, track=4)])
    assert lifter.asked == 0  # nothing while nobody strikes
    stroke = Stroke("forehand", 0.9, {}, 0.8, 1.0, 1.2, window_at(1.0), "right")
    numbers = motions.of(stroke)
    assert numbers["wrist_speed_peak"] == (pytest.approx(6, rel=0.02), "m/s")
    assert lifter.asked == 2 * round(30 * HALF_S) + 1
    flat = StrokeMotions(COCO17)
    for index in range(61):
        flat.add([window_at(index / 30)])
    assert flat.of(stroke)["wrist_speed_peak"] == (pytest.approx(8, rel=1e-3), "torso/s")
    assert flat.of(Stroke("forehand", 0.9, {}, 8.8, 9.0, 9.2, window_at(9.0))) == {}


def test_old_windows_and_lost_tracks_are_let_go() -> None:
    motions = StrokeMotions(COCO17)
    motions.add([window_at(0.0, track=1)])
    for index in range(600):
        motions.add([window_at(1 + index / 30, track=2)])
    assert set(motions._windows) == {2}
    assert len(motions._windows[2]) <= 4 * 30 + 2
    motions.add([window_at(0.5, track=2)])  # a file that begins anew
    assert len(motions._windows[2]) == 1


def walking_feet(
    speed: float,
    belt: float,
    contact: float,
    stride_s: float,
    seconds: float = 6.0,
    fps: float = 100.0,
    rise: float = 0.0,
) -> Motion:
    """Feet with a known pattern: h36m19, y down; each foot stands for ``contact`` of its stride, then swings.

    Every step ends ``rise`` metres higher than that foot's last.

    The person goes ``speed`` m/s over a ground that itself moves at ``belt``; ``speed`` + belt = 0 on the spot.
    """
    times_s = np.arange(int(seconds * fps)) / fps
    points = np.full((len(times_s), 19, 3), NAN)
    for side, lag in (("left", 0.0), ("right", 0.5)):
        phase = (times_s / stride_s + lag) % 1.0
        number = np.floor(times_s / stride_s + lag)
        swing_share = np.clip((phase - contact) / (1 - contact), 0, 1)
        eased = 0.5 - 0.5 * np.cos(np.pi * swing_share)
        over_ground = (speed - belt) * stride_s * (number + eased - lag)
        toe = H36M19.index(f"{side}_toe")
        points[:, toe, 0] = over_ground + belt * times_s
        points[:, toe, 1] = -0.3 * np.sin(np.pi * swing_share) - rise * (number + eased)
        points[:, toe, 2] = 5
    return motion_3d(times_s, points, H36M19)


@pytest.mark.parametrize(("speed", "belt"), [(3.0, 0.0), (0.0, -3.0)])
def test_row_56_gait_of_known_feet_over_ground_and_on_a_belt(speed: float, belt: float) -> None:
    # A stride of 0.7 s, each foot down for 0.3 of it: steps of 0.35 s, 171 a minute, contact 0.21 s, 40 % in the air.
    steps = gait(walking_feet(speed, belt, contact=0.3, stride_s=0.7))
    assert steps is not None
    assert steps.foot == "toe"
    assert steps.cadence_steps_min == pytest.approx(60 / 0.35, rel=0.01)
    assert steps.step_time_s == pytest.approx(0.35, rel=0.01)
    assert steps.contact_time_s == pytest.approx(0.21, abs=0.05)
    assert steps.flight_share == pytest.approx(0.4, abs=0.15)
    assert steps.ground_speed == pytest.approx(abs(belt), abs=0.02)
    assert [contact.side for contact in steps.contacts[:4]] in (["left", "right"] * 2, ["right", "left"] * 2)


def test_row_56_walking_is_never_in_the_air() -> None:
    steps = gait(walking_feet(1.4, 0.0, contact=0.62, stride_s=1.1))
    assert steps is not None
    assert steps.cadence_steps_min == pytest.approx(109, abs=2)
    assert steps.contact_time_s == pytest.approx(0.68, abs=0.08)
    assert steps.flight_share == pytest.approx(0, abs=0.03)


def test_row_56_stairs_are_ground_too_and_ankles_do_not_tell_who_flies() -> None:
    motion = walking_feet(1.4, 0.0, contact=0.62, stride_s=1.1)
    level, stairs = gait(motion), gait(walking_feet(1.4, 0.0, contact=0.62, stride_s=1.1, rise=0.25))
    assert level is not None and stairs is not None  # noqa: PT018
    assert stairs.cadence_steps_min == pytest.approx(level.cadence_steps_min, rel=0.02)
    ankles = np.full((len(motion.times_s), 17, 3), NAN)
    for side in ("left", "right"):
        ankles[:, H36M17.index(f"{side}_ankle")] = motion.points[:, H36M19.index(f"{side}_toe")]
    found = gait(motion_3d(motion.times_s, ankles, H36M17))
    assert found is not None
    assert found.foot == "ankle"
    assert np.isnan(found.flight_share)
    assert found.cadence_steps_min == pytest.approx(level.cadence_steps_min)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 40), st.floats(0, 1), st.integers(0, 2**16))
@pytest.mark.filterwarnings("error")
def test_unknown_joints_never_raise_and_never_give_a_value(frames: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 1, (frames, 19, 3))
    points[rng.random((frames, 19)) < share] = NAN
    motion = motion_3d(np.arange(frames) / 30, points, H36M19)
    found = values(motion)
    gait(motion)
    elbow = [H36M19.index(f"left_{part}") for part in ("shoulder", "elbow", "wrist")]
    known = np.isfinite(points[:, elbow]).all(axis=(1, 2))
    np.testing.assert_array_equal(np.isfinite(found["left_elbow_angle"]), known)
    hips = np.isfinite(points[:, H36M19.indices("left_hip", "right_hip", "left_wrist")]).all(axis=(1, 2))
    assert not np.isfinite(found["left_wrist_speed_to_hips"])[~hips].any()


def test_row_56_no_feet_no_gait() -> None:
    motion = walking_feet(3, 0, 0.3, 0.7)
    unknown = motion_3d(motion.times_s, np.full_like(motion.points, NAN), H36M19)
    assert gait(unknown) is None
    keypoints = np.ones((20, 17, 3))
    assert gait(motion_2d(np.arange(20) / 30, keypoints, COCO17)) is None
    still = motion_3d(motion.times_s, np.broadcast_to(motion.points[:1], motion.points.shape), H36M19)
    steps = gait(still)
    assert steps is None or np.isnan(steps.cadence_steps_min)


@needs(RUNS)
@pytest.mark.parametrize("run", ["Tindra1", "Tindra2", "Tindra3"])
def test_row_56_gait_of_the_recorded_runs(run: str) -> None:
    # Not a treadmill: a start from standing over nine metres, so the ground is still and the cadence a sprinter's.
    from edgepose_trainer.importers import qualisys

    file = qualisys.read(RUNS / f"{run}.txt", 170)
    steps = gait(motion_3d(file.times_s, qualisys.joints18(file), RUNNINGPOSE18, (0, 0, 1)))
    assert steps is not None
    assert steps.ground_speed < 0.05
    sides = [contact.side for contact in steps.contacts[2:]]
    assert all(a != b for a, b in pairwise(sides))
    assert 210 < steps.cadence_steps_min < 240
    whole = [contact.end_s - contact.start_s for contact in steps.contacts if contact.whole]
    assert whole[0] > 0.2 > whole[-1] > 0.12  # contacts shorten as she accelerates


def test_row_52_85_and_50_frames_a_second_become_a_models_rate() -> None:
    for had, wanted in ((85, 50), (85, 30), (60, 25), (50, 60), (50, 15)):
        times_s = 2.0 + np.arange(had) / had
        points = np.stack([3 * times_s, -times_s, 0 * times_s], axis=1)[:, None]
        even = resampled(times_s, points, wanted)
        np.testing.assert_allclose(np.diff(even.times_s), 1 / wanted)
        assert even.times_s[0] == 2.0
        assert times_s[-1] - even.times_s[-1] < 1 / wanted + 1e-9
        np.testing.assert_allclose(even.points[:, 0], np.stack([3 * even.times_s, -even.times_s, 0 * even.times_s], 1))
        assert len(even.notes) == 1
        assert ("is not there" in even.notes[0]) == (wanted > had)
    assert resampled(times_s, points, 50).notes == ()


def test_row_52_gaps_stay_gaps_and_a_clip_is_a_clip() -> None:
    times_s = np.arange(86) / 85
    points = np.tile(times_s[:, None, None], (1, 2, 3))
    points[20:30, 1] = NAN  # 0.13 s: bridged
    points[40:70, 1] = NAN  # 0.36 s: a gap
    even = resampled(times_s, points, 50)
    known = np.isfinite(even.points).all(axis=-1)
    assert known[:, 0].all()
    assert np.flatnonzero(~known[:, 1]).tolist() == [k for k in range(51) if 39 / 85 + 1e-4 < k / 50 < 70 / 85 - 1e-4]
    clip = resampled(times_s, points, 50, start_s=0.2, end_s=0.5)
    assert (clip.times_s[0], clip.times_s[-1], len(clip.times_s)) == (0.2, pytest.approx(0.5), 16)
    with pytest.raises(SettingsError, match="nothing between"):
        resampled(times_s, points, 50, start_s=3)
    with pytest.raises(SettingsError, match="more than 0"):
        resampled(times_s, points, 0)


def test_row_19_tables_as_csv_parquet_and_mot(tmp_path: Path) -> None:
    times_s, points = standing(4)
    points[2, H36M17.index("right_wrist")] = NAN
    found = curves(motion_3d(times_s, points, H36M17))
    sheets = [Sheet(7, times_s, found), Sheet(8, times_s, found)]
    write(tmp_path / "k.csv", sheets)
    with (tmp_path / "k.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    assert (rows[1]["track"], rows[1]["time_s"], rows[1]["right_elbow_angle_deg"]) == ("7", "0.0333", "90.0000")
    assert rows[2]["right_elbow_angle_deg"] == ""
    write(tmp_path / "k.parquet", sheets)
    table = pq.read_table(tmp_path / "k.parquet").to_pydict()
    assert table["track"] == [7] * 4 + [8] * 4
    assert table["right_knee_angle_deg"][0] == pytest.approx(90)
    with pytest.raises(SettingsError, match=r"tracks here: 7, 8; choose with --track"):
        write(tmp_path / "k.mot", sheets)
    write(tmp_path / "k.mot", sheets[:1])
    lines = (tmp_path / "k.mot").read_text().splitlines()
    assert lines[1:6] == ["version=1", "nRows=4", f"nColumns={len(found) + 5}", "inDegrees=yes", "endheader"]
    first = dict(zip(lines[6].split("\t"), lines[7].split("\t"), strict=True))
    assert float(first["knee_angle_r"]) == pytest.approx(90)
    assert float(first["elbow_flex_l"]) == pytest.approx(0, abs=1e-4)  # straight
    assert dict(zip(lines[6].split("\t"), lines[9].split("\t"), strict=True))["elbow_flex_r"] == "NaN"
    with pytest.raises(SettingsError, match="ends in"):
        write(tmp_path / "k.txt", sheets)
