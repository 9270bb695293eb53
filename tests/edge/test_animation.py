"""3D poses drawn and exported: places by hand, what the files hold, mistakes in one line."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgepose import animation, arrays3d, cli, stage3d
from edgepose.draw import LEFT, RIGHT
from edgepose.errors import SessionError, SettingsError
from edgepose.session import Poses3D, write_poses3d
from edgepose.skeletons import H36M17

PLACES = {
    "pelvis": (0, 0, 0), "right_hip": (-0.1, 0, 0), "right_knee": (-0.1, 0.4, 0), "right_ankle": (-0.1, 0.8, 0),
    "left_hip": (0.1, 0, 0), "left_knee": (0.1, 0.4, 0), "left_ankle": (0.1, 0.8, 0), "spine": (0, -0.25, 0),
    "thorax": (0, -0.5, 0), "neck": (0, -0.6, 0), "head": (0, -0.75, 0),
    "left_shoulder": (0.2, -0.5, 0), "left_elbow": (0.45, -0.5, 0), "left_wrist": (0.7, -0.5, 0),
    "right_shoulder": (-0.2, -0.5, 0), "right_elbow": (-0.45, -0.5, 0), "right_wrist": (-0.7, -0.5, 0),
}  # fmt: skip
STANDING = np.array([PLACES[joint] for joint in H36M17.joints], np.float32)
"""Faces the camera with arms stretched aside: camera axes, y down; the own left is at the picture's right."""


def poses(frames: int = 12, tracks: tuple[int, ...] = (4,), space: str = "root", fps: float = 24.0) -> Poses3D:
    frame = np.tile(np.arange(frames), len(tracks))
    points = np.tile(STANDING, (len(frame), 1, 1))
    if space == "camera":
        points[..., 2] += 5
    return Poses3D(frame, frame / fps, np.repeat(tracks, frames).astype(np.int32), points, H36M17.name, space)


def frames_of(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    found = []
    while (read := capture.read())[0]:
        found.append(read[1])
    return found


def near(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """(N, 2) x, y of pixels of nearly that colour."""
    rows, columns = np.nonzero(np.abs(image.astype(int) - np.array(colour)).max(axis=2) < 60)
    return np.column_stack([columns, rows])


@pytest.mark.parametrize("up", [(0, -1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0), (-1, 0, 0), (0, 0, -1)])
def test_the_stage_stands_on_its_up_axis_and_is_no_mirror(up: tuple[int, int, int]) -> None:
    axes = stage3d.basis(np.array(up))
    np.testing.assert_allclose(axes @ np.array(up), [0, 0, 1])
    assert np.linalg.det(axes) == pytest.approx(1)


def test_camera_axes_become_right_away_up() -> None:
    axes = stage3d.basis(np.array((0.0, -1.0, 0.0)))
    np.testing.assert_allclose(np.array([1.0, -2.0, 3.0]) @ axes.T, [1, 3, 2])


def test_the_centre_is_in_the_middle_and_right_stays_right() -> None:
    eye = stage3d.Eye(np.array([1.0, 2.0, 0.9]), 1.0)
    x, y, depth = stage3d.seen(eye.centre, eye, 400)
    assert (x, y) == pytest.approx((200, 200))
    assert depth == pytest.approx(1 / np.sin(np.radians(16)))
    moved = stage3d.seen(eye.centre + np.array([[0.5, 0, 0], [0, 0, 0.5]]), eye, 400)
    assert moved[0, 0] > 200
    assert moved[0, 1] == pytest.approx(200)
    assert moved[1, 1] < 200


def test_after_a_quarter_turn_the_eye_stands_to_the_right() -> None:
    eye = stage3d.Eye(np.zeros(3), 1.0, np.pi / 2)
    places = stage3d.seen(np.array([[0.0, 0.5, 0.0], [0.5, 0.0, 0.0]]), eye, 400)
    assert places[0, 0] > 200  # what was away is now at the right
    assert places[1, 0] == pytest.approx(200)
    assert places[1, 2] < 1 / np.sin(np.radians(16))  # and what was at the right is near


def test_feet_stand_on_the_ground_frame_by_frame() -> None:
    raised = np.stack([STANDING, STANDING]) @ stage3d.basis(np.array((0.0, -1.0, 0.0))).T
    raised[1, :, 2] += 3
    lowered = stage3d.on_ground(np.repeat(raised, 5, axis=0))
    np.testing.assert_allclose(lowered[[0, 1, 8, 9]][..., 2].min(axis=1), 0, atol=1e-6)


def test_row_55_an_mp4_shows_the_person_as_the_camera_does(tmp_path: Path) -> None:
    path = tmp_path / "animation_serve.mp4"
    said = animation.animate(poses(), path, animation.Look(side_px=240, turn_deg_s=0))
    assert said == "12 pictures, 24 a second, 1 person"
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(24)
    images = frames_of(path)
    assert len(images) == 12
    assert images[0].shape == (240, 240, 3)
    left, right = near(images[0], LEFT), near(images[0], RIGHT)
    assert left[:, 0].mean() > 130  # who faces the camera has the left hand at the picture's right
    assert right[:, 0].mean() < 110
    assert [file.name for file in tmp_path.iterdir()] == ["animation_serve.mp4"]


def test_row_55_a_gif_moves_and_keeps_the_time(tmp_path: Path) -> None:
    path = tmp_path / "turning.gif"
    animation.animate(poses(), path, animation.Look(side_px=160, turn_deg_s=180))
    good, read = cv2.imreadanimation(str(path))
    assert good
    assert len(read.frames) == 10  # 11/24 s at 20 a second, both ends
    assert list(read.durations) == [50] * 10
    spread = [np.ptp(near(image[..., :3], LEFT)[:, 0]) for image in read.frames]
    assert spread[-1] < spread[0]  # turned by 81 degrees, the stretched arm is short


def test_row_30_the_video_stands_beside_frame_by_frame(tmp_path: Path) -> None:
    video = tmp_path / "serve.mp4"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"mp4v"), 24, (320, 240))
    for frame in range(12):
        writer.write(np.full((240, 320, 3), 20 * frame, np.uint8))
    writer.release()
    path = tmp_path / "animation_serve.mp4"
    animation.animate(poses(), path, animation.Look(side_px=240, video=video))
    images = frames_of(path)
    assert [image.shape for image in images] == [(240, 560, 3)] * 12
    greys = [float(image[60:180, 60:260].mean()) for image in images]
    assert greys == pytest.approx([20.0 * frame for frame in range(12)], abs=9)


def test_row_30_and_55_arrays_are_videopose3ds_and_gast_nets(tmp_path: Path) -> None:
    found = poses(frames=4, tracks=(4, 9))
    keep = np.array([0, 1, 3, 4, 5, 6, 7])  # track 4 is not there in frame 2
    part = Poses3D(found.frame[keep], found.time_s[keep], found.track[keep], found.keypoints[keep], "h36m17", "camera")
    said = arrays3d.export(part, tmp_path / "all.npz")
    assert said == "2 × 4 frames × 17 joints, 1 of them without a pose (NaN); metres, camera axes"
    with np.load(tmp_path / "all.npz") as read:
        assert read["reconstruction"].shape == (2, 4, 17, 3)
        assert np.isnan(read["reconstruction"][0, 2]).all()
        np.testing.assert_array_equal(read["reconstruction"][1, 2], STANDING)
        assert read["tracks"].tolist() == [4, 9]
        np.testing.assert_allclose(read["times_s"], np.arange(4) / 24)
        assert str(read["space"]) == "camera"
    one = part.track == 9
    alone = Poses3D(part.frame[one], part.time_s[one], part.track[one], part.keypoints[one], "h36m17", "camera")
    arrays3d.export(alone, tmp_path / "one.npy")
    assert np.load(tmp_path / "one.npy").shape == (4, 17, 3)
    with pytest.raises(SettingsError, match=r"two\.npy: holds one person; choose --track of 4, 9"):
        arrays3d.export(part, tmp_path / "two.npy")


def test_people_round_their_own_hips_stand_side_by_side() -> None:
    made, notes = animation.clip_of(poses(tracks=(1, 2)), 24)
    assert notes == ()
    first, second = (made.points[made.rows[0, place]] for place in (0, 1))
    np.testing.assert_allclose(second[0] - first[0], [1.3, 0, 0], atol=1e-6)
    placed, _ = animation.clip_of(poses(tracks=(1, 2), space="camera"), 24)
    np.testing.assert_allclose(placed.points[placed.rows[0, 1]], placed.points[placed.rows[0, 0]])


def test_people_across_the_court_are_brought_together_and_it_is_said() -> None:
    found = poses(tracks=(1, 2), space="camera")
    found.keypoints[found.track == 2, :, 2] += 3  # 3 m apart: as they stand
    near_by, notes = animation.clip_of(found, 24)
    assert notes == ()
    assert near_by.points[near_by.rows[0, 1], 0, 1] == pytest.approx(8)
    found.keypoints[found.track == 2, :, 2] += 3
    together, notes = animation.clip_of(found, 24)
    assert notes == ("people far apart are shown side by side",)
    first, second = (together.points[together.rows[0, place]] for place in (0, 1))
    np.testing.assert_allclose(second - first, np.tile([1.3, 0, 0], (17, 1)), atol=1e-6)


def test_the_view_follows_who_runs_away(tmp_path: Path) -> None:
    found = poses(frames=72, space="camera")
    found.keypoints[..., 0] += found.frame[:, None] * 0.25  # 6 m/s to the right, 18 m in all
    animation.animate(found, tmp_path / "run.mp4", animation.Look(side_px=240, turn_deg_s=0))
    images = frames_of(tmp_path / "run.mp4")
    for at in (5, 36, 66):
        assert len(near(images[at], LEFT)) > 20


def test_unknown_poses_are_told_and_not_drawn() -> None:
    found = poses()
    found.keypoints[3:] = np.nan
    made, notes = animation.clip_of(found, 24)
    assert notes == ("9 unknown poses",)
    assert len(made.times_s) == 3
    found.keypoints[:] = np.nan
    with pytest.raises(SessionError, match="no pose in it"):
        animation.clip_of(found, 24)


def test_nobody_is_shown_for_long_without_a_pose() -> None:
    found = poses(frames=48)
    gap = (found.frame < 12) | (found.frame >= 36)
    part = Poses3D(found.frame[gap], found.time_s[gap], found.track[gap], found.keypoints[gap], "h36m17", "root")
    made, _ = animation.clip_of(part, 24)
    assert (made.rows[:12, 0] >= 0).all()
    assert (made.rows[15:32, 0] == -1).all()


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["edgepose", "animate", *map(str, arguments)])
    with pytest.raises(SystemExit) as done:
        cli.main()
    return int(done.value.code or 0)


def test_the_command_writes_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "poses3d.parquet"
    write_poses3d(table, poses(frames=6, tracks=(1, 2)))
    out = [tmp_path / name for name in ("animation_x.mp4", "x.npz")]
    assert command(monkeypatch, table, "--out", out[0], "--out", out[1], "--size", 160) == 0
    assert all(path.stat().st_size > 500 for path in out)


def test_mistakes_are_one_line_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "poses3d.parquet"
    write_poses3d(table, poses(frames=6, tracks=(1, 2)))
    for arguments, words in (
        ((table, "--out", tmp_path / "x.avi"), ".mp4 or .gif"),
        ((table, "--out", tmp_path / "x.npy"), "x.npy: holds one person"),
        ((table, "--out", tmp_path / "x.mp4", "--track", 7), "no track 7; tracks here: 1, 2"),
        ((table, "--out", tmp_path / "x.mp4", "--start", 9), "no pose in that time"),
        ((table, "--out", tmp_path / "x.mp4", "--rate", 500), "expected 1 to 60"),
        ((table, "--out", tmp_path / "x.mp4", "--video", tmp_path / "no.mp4"), "no video that can be read"),
        ((table, "--out", tmp_path / "no" / "x.mp4"), "no folder"),
        ((tmp_path / "nothing", "--out", tmp_path / "x.mp4"), "nothing"),
    ):
        assert command(monkeypatch, *arguments) == 2
        said = capsys.readouterr().err.strip()
        assert len(said.splitlines()) == 1
        assert words in said
    assert [path.name for path in tmp_path.iterdir()] == ["poses3d.parquet"]
