"""Synthetic sessions: exact to the calibration, the same for the same seed, and readable by everything that reads."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgepose.errors import SettingsError
from edgepose.session import Poses, Poses3D, read_info, read_labels, read_poses, read_poses3d
from edgepose.skeletons import COCO17, H36M17
from edgepose_trainer import peaks
from edgepose_trainer.motionmodel.body import JOINTS
from edgepose_trainer.motionmodel.model import load
from edgepose_trainer.motionmodel.movement import Seen
from edgepose_trainer.projection import camera
from edgepose_trainer.render.court import POSTS_M
from edgepose_trainer.render.lens import Lens, looking
from edgepose_trainer.synth import rally, seen
from edgepose_trainer.synth.cameras import SPACING_M, cameras
from edgepose_trainer.synth.sessions import Wish, write
from tests.end_to_end.programs import edgepose

MODEL = load()
SHARED_JOINTS = [name for name in COCO17.joints if name in H36M17.joints]
SLICES = {"forehand_slice", "backhand_slice"}


def made(folder: Path, **wishes: object) -> Path:
    write(folder, Wish(**{"seed": 5, "duration_s": 12.0, "players": 2} | wishes), MODEL, False, lambda text: None)  # type: ignore[arg-type]
    return folder


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("synth") / "one", distortion=True)


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three cameras along the side line that start at different times."""
    return made(tmp_path_factory.mktemp("synth") / "row", cameras=3, offsets=True, duration_s=8.0)


def matched(poses: Poses, truth: Poses3D) -> np.ndarray:
    """(N,) row of the truth for every pose."""
    rows = {(int(f), int(t)): i for i, (f, t) in enumerate(zip(truth.frame, truth.track, strict=True))}
    return np.array([rows[int(f), int(t)] for f, t in zip(poses.frame, poses.track, strict=True)])


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_3d_projected_by_the_calibration_is_the_2d(session: Path) -> None:
    poses, truth, info = read_poses(session), read_poses3d(session), read_info(session)
    assert info.calibration is not None
    assert np.any(np.array(info.calibration.distortion))
    assert (truth.skeleton, truth.space) == ("h36m17", "camera")
    known = camera(info.calibration, "calibration")
    placed = truth.keypoints[matched(poses, truth)][:, H36M17.indices(*SHARED_JOINTS)].astype(np.float64)
    keypoints = poses.keypoints[:, COCO17.indices(*SHARED_JOINTS)]
    inside = keypoints[..., 2] > 0
    assert inside.mean() > 0.9
    off = np.linalg.norm(known.project(placed) - keypoints[..., :2], axis=-1)[inside]
    assert off.max() < 0.1
    opencv, _ = cv2.projectPoints(placed.reshape(-1, 3), np.zeros(3), np.zeros(3), known.matrix, known.distortion)
    assert np.linalg.norm(opencv.reshape(*inside.shape, 2) - keypoints[..., :2], axis=-1)[inside].max() < 0.1


def test_boxes_hold_the_joints_and_lie_in_the_picture(session: Path) -> None:
    poses, info = read_poses(session), read_info(session)
    low, high = np.nanmin(poses.keypoints[..., :2], axis=1), np.nanmax(poses.keypoints[..., :2], axis=1)
    assert (poses.box[:, :2] <= low).all()
    assert (poses.box[:, 2:] >= high).all()
    assert poses.box.min() >= 0
    assert (poses.box.max(axis=0) <= [info.width, info.height, info.width, info.height]).all()
    height = np.median(poses.box[:, 3] - poses.box[:, 1])
    assert height < 1.25 * np.median(high[:, 1] - low[:, 1])


def test_labels_lie_round_the_moments_when_the_wrist_is_fastest(session: Path) -> None:
    poses3d, info, labels = read_poses3d(session), read_info(session), read_labels(session)
    assert len(labels) >= 4
    body = np.full((len(poses3d.frame), 17, 3), np.nan)
    body[:, COCO17.indices(*SHARED_JOINTS)] = poses3d.keypoints[:, H36M17.indices(*SHARED_JOINTS)]
    for label in labels:
        assert label.end_s - label.start_s == pytest.approx(2 * peaks.HALF_STROKE_S, abs=0.001)
        assert label.track is not None
        rows = poses3d.track == label.track
        times_s = poses3d.time_s[rows]
        speed = peaks.wrist_speed(times_s, body[rows], info.players[label.track].handedness)
        near = np.where((times_s >= label.start_s) & (times_s <= label.end_s), np.nan_to_num(speed), 0)
        assert abs(times_s[near.argmax()] - (label.start_s + label.end_s) / 2) <= 0.17
        assert near.max() > 2.5


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_rally(session: Path, tmp_path: Path) -> None:
    again, other = made(tmp_path / "again", distortion=True), made(tmp_path / "other", distortion=True, seed=6)
    assert digests(again) == digests(session)
    assert read_labels(other) != read_labels(session)


def test_the_truth_names_every_stroke_and_player(session: Path) -> None:
    truth = json.loads((session / "truth.json").read_text())
    assert truth["cameras"] == [{"folder": ".", "start_s": 0.0}]
    assert [player["track"] for player in truth["players"]] == [0, 1]
    middles = {(label.track, round((label.start_s + label.end_s) / 2, 2)) for label in read_labels(session)}
    assert middles <= {(stroke["track"], round(stroke["peak_s"], 2)) for stroke in truth["strokes"]}
    assert "CC BY-SA 3.0" in truth["license"]


def test_cameras_of_a_row_see_the_same_world_at_different_times(row: Path) -> None:
    truth = json.loads((row / "truth.json").read_text())
    starts_s = [one["start_s"] for one in truth["cameras"]]
    assert min(starts_s) == 0 < max(starts_s) <= 1.5
    paths = []
    for one in truth["cameras"]:
        folder = row / one["folder"]
        calibration, poses3d = read_info(folder).calibration, read_poses3d(folder)
        assert calibration is not None
        wrist = poses3d.keypoints[poses3d.track == 0][:, H36M17.index("right_wrist")]
        world = (wrist - np.array(calibration.t)) @ np.array(calibration.R)
        paths.append((poses3d.time_s[poses3d.track == 0] + one["start_s"], world))
    wanted_s = np.arange(2.0, 7.5, 0.05)
    first, *others = [np.stack([np.interp(wanted_s, t, axis) for axis in xyz.T], axis=1) for t, xyz in paths]
    for other in others:
        assert np.percentile(np.linalg.norm(first - other, axis=1), 95) < 0.02


def test_a_row_has_its_spacing_and_a_box_its_corners() -> None:
    eyes = [Lens.of(view, (640, 360)).eye for view in cameras(3, "line", (640, 360), False)]
    np.testing.assert_allclose(np.diff([eye[2] for eye in eyes]), SPACING_M)
    assert len({round(float(eye[0]), 6) for eye in eyes}) == 1
    corners = [Lens.of(view, (640, 360)).eye for view in cameras(4, "box", (640, 360), False)]
    assert {(eye[0] > 0, eye[2] > 0) for eye in corners} == {(a, b) for a in (True, False) for b in (True, False)}
    with pytest.raises(SettingsError, match="4 corners, got --cameras 5"):
        cameras(5, "box", (640, 360), False)


def standing(x: float, z: float) -> Seen:
    """Somebody upright for one frame; every joint on a line over (x, z), the arms beside it."""
    joints = np.zeros((1, len(JOINTS), 3))
    for number, name in enumerate(JOINTS):
        part = name.partition("_")[2] or name
        heights_m = {"ankle": 0.1, "knee": 0.5, "hip": 0.95, "shoulder": 1.45, "elbow": 1.2, "wrist": 1.0}
        heights_m |= {"top": 1.75, "neck": 1.45, "nose": 1.6, "eye": 1.65, "ear": 1.62}
        side = 0.2 if name.startswith("left") else -0.2 if name.startswith("right") else 0.0
        joints[0, number] = x + side * (part != "hip"), heights_m[part], z
    spots = joints[:, :2]
    return Seen(joints, spots, spots, spots, spots)


def lens() -> Lens:
    """At the south, 1.2 m high, looking along z."""
    return Lens.of(looking(np.array([0.0, 1.2, -6.0]), np.array([0.0, 1.2, 0.0]), 600.0, (640, 480)), (640, 480))


def test_a_camera_behind_the_base_line_holds_everybody_all_the_time_and_no_more(tmp_path: Path) -> None:
    folder = made(tmp_path / "s", seed=230, place_m=(-5.0, 5.0, -20.0), size_wh=(960, 720))
    poses, info = read_poses(folder), read_info(folder)
    assert len(poses.track) == 2 * 12 * 30
    assert (poses.keypoints[..., 2] > 0).all()
    assert info.calibration is not None
    eye = -np.array(info.calibration.R).T @ np.array(info.calibration.t)
    assert eye == pytest.approx([-5.0, 5.0, -20.0])
    x, y = poses.keypoints[..., 0], poses.keypoints[..., 1]
    assert max((x.max() - x.min()) / 960, (y.max() - y.min()) / 720) > 0.85


def test_who_stands_behind_somebody_is_hidden_and_who_stands_beside_is_not() -> None:
    view = seen.see([standing(0.0, 0.0), standing(0.0, 3.0), standing(2.0, 3.0)], lens())
    torso = COCO17.indices("left_hip", "right_hip")
    assert (view.keypoints[1, 0, torso, 2] == seen.HIDDEN).all()
    assert (view.keypoints[0, 0, :, 2] == 1).all()
    assert (view.keypoints[2, 0, :, 2] == 1).all()


def test_a_net_post_hides_a_leg_behind_it_but_not_the_head_over_it() -> None:
    behind = standing(POSTS_M, 2.0)
    at_post = Lens.of(
        looking(np.array([POSTS_M, 1.2, -6.0]), np.array([POSTS_M, 1.2, 0.0]), 600.0, (640, 480)), (640, 480)
    )
    keypoints = seen.see([behind], at_post).keypoints[0, 0]
    assert keypoints[COCO17.index("nose"), 2] == 1
    hips = keypoints[COCO17.indices("left_hip", "right_hip"), 2]
    assert (hips == seen.HIDDEN).all()


def test_who_is_out_of_the_picture_has_no_row_but_a_place_in_3d() -> None:
    view = seen.see([standing(0.0, 0.0), standing(40.0, 0.0), standing(0.0, -9.0)], lens())
    assert view.present[:, 0].tolist() == [True, False, False]


def test_people_leave_the_picture_and_come_back(tmp_path: Path) -> None:
    poses = read_poses(made(tmp_path / "five", players=6, duration_s=30.0, seed=3))
    counts = np.bincount(poses.frame, minlength=900)
    assert counts.max() >= 4
    gone = [track for track in range(6) if np.diff(poses.frame[poses.track == track]).max(initial=1) > 10]
    assert gone
    assert (poses.keypoints[..., 2] == seen.HIDDEN).any()


@pytest.mark.parametrize("players", [1, 2, 4, 6])
def test_strokes_of_a_plan_are_apart_and_between_the_net_and_the_fence(players: int) -> None:
    for seed in range(5):
        parts = rally.plan(np.random.default_rng(seed), players, 60.0, 5.5)
        assert len(parts) == players
        assert sum(len(part.hits) for part in parts) > 10
        for part in parts:
            times_s = [hit.time_s for hit in part.hits]
            assert np.diff(times_s).min(initial=9) >= 2.2
            assert all(-9 < hit.place[1] < -2 for hit in part.hits)


def test_a_rally_begins_with_a_serve_and_has_every_kind_of_stroke() -> None:
    plans = [rally.plan(np.random.default_rng(seed), 2, 60.0, 5.5) for seed in range(30)]
    hits = [hit for parts in plans for part in parts for hit in part.hits]
    assert {hit.label for hit in hits} == set(MODEL.labels)
    for parts in plans:
        first = min((hit for part in parts for hit in part.hits), key=lambda hit: hit.time_s)
        assert first.label == "serve"


def test_the_command_writes_a_session_whose_strokes_events_finds(tmp_path: Path) -> None:
    out, events = tmp_path / "session", tmp_path / "events.jsonl"
    done = edgepose("synth", "--seed", 1, "--duration", 16, "--no-video", "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"wrote {out}: ")
    found = edgepose("events", out, "--model", "tennis-strokes", "--out", events)
    assert found.returncode == 0, found.stderr
    told = [json.loads(line) for line in events.read_text().splitlines()]
    labels = read_labels(out)
    near = {
        label: [event for event in told if event["track"] == label.track
                and abs(event["media"]["peak_s"] - (label.start_s + label.end_s) / 2) <= 10 / 30]
        for label in labels
    }  # fmt: skip
    right = [label for label in labels if near[label] and near[label][0]["label"] == label.label]
    assert len(right) >= 0.85 * len(labels)
    assert SLICES & {label.label for label in right}
    assert len(told) - sum(map(len, near.values())) <= 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cameras", 5, "--setup", "box"], "--setup box has 4 corners, got --cameras 5"),
        (["--from=0,1,-5"], "--from 0,1,-5: that is among the players"),
        (["--from=0,behind"], "--from: expected X,Y,Z in metres, got '0,behind'"),
        (["--from=0,5,-20", "--cameras", 2], "--from places one camera, got --cameras 2"),
    ],
)
def test_a_mistake_is_said_in_one_line(tmp_path: Path, options: list[object], said: str) -> None:
    done = edgepose("synth", *options, "--duration", 5, "--no-video", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.strip() == f"edgepose: {said}"
    assert not (tmp_path / "out").exists()


def test_the_video_has_the_sessions_frames(tmp_path: Path) -> None:
    wish = Wish(seed=1, duration_s=1.0, players=1, size_wh=(320, 180), fps=10.0)
    write(tmp_path / "one", wish, MODEL, True, lambda text: None)
    capture = cv2.VideoCapture(str(tmp_path / "one" / "video.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 10
    assert (capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (320, 180)
