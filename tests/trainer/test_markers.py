"""Marker files: Qualisys text, C3D and TRC written and read, seen by a calibrated camera."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from edgepose.cli import app
from edgepose.errors import SettingsError, SourceError
from edgepose.session import Calibration, read_info, read_poses, read_poses3d
from edgepose.skeletons import COCO17, RUNNINGPOSE18
from edgepose_trainer import projection
from edgepose_trainer.formats import format_of
from edgepose_trainer.importers import c3d, markers, qualisys, trc
from tests.shared import SHARED, needs

NAN = np.nan
RUNS = SHARED / "data" / "mocap" / "runningpose"
SINGLE = ("HeadFront", "SpineThoracic2", "SpineThoracic12", "WaistBack", "Chest")
PAIRED = ("ShoulderTop", "Thigh2", "Forefoot2", "ElbowIn", "ElbowOut", "WristIn", "WristOut", "KneeIn", "KneeOut",
          "AnkleIn", "AnkleOut")  # fmt: skip
NAMES = (*SINGLE, *(f"{side}{part}" for side in "LR" for part in PAIRED))


def walking(frames: int = 4) -> trc.Trc:
    """Marker m of frame f stands at (100 m + f, 10 m, m) mm; the left inner elbow has a gap in frame 1."""
    order = np.arange(len(NAMES))
    points = np.stack([np.stack([100.0 * order + f, 10.0 * order, 1.0 * order], axis=1) for f in range(frames)])
    points[1, NAMES.index("LElbowIn")] = NAN
    return trc.Trc(NAMES, np.arange(frames) + 1, np.arange(frames) / 100, points, "mm")


def as_text(folder: Path, file: trc.Trc) -> Path:
    rows = file.points.transpose(1, 0, 2).reshape(len(file.markers), -1)
    (folder / "labels.txt").write_text("\n".join(file.markers) + "\n")
    text = "\n".join(",".join("" if np.isnan(x) else f"{x:.2f}" for x in row) for row in rows)
    (folder / "run.txt").write_text(text + "\n")
    return folder / "run.txt"


def test_row_54_eighteen_joints_are_markers_or_means_of_two(tmp_path: Path) -> None:
    file = qualisys.read(as_text(tmp_path, walking()), 170)
    np.testing.assert_allclose(file.times_s, np.arange(4) / 170)
    joints = qualisys.joints18(file)
    assert joints.shape == (4, 18, 3)
    for joint, name in (
        ("waist_back", "WaistBack"),
        ("left_trochanter_major", "LThigh2"),
        ("right_forefoot", "RForefoot2"),
    ):
        at = NAMES.index(name)
        np.testing.assert_allclose(joints[2, RUNNINGPOSE18.index(joint)], [0.1 * at + 0.002, 0.01 * at, 0.001 * at])
    inner, outer = NAMES.index("RKneeIn"), NAMES.index("RKneeOut")
    middle = (inner + outer) / 2
    np.testing.assert_allclose(
        joints[0, RUNNINGPOSE18.index("right_knee")], [0.1 * middle, 0.01 * middle, 0.001 * middle]
    )
    elbow = joints[:, RUNNINGPOSE18.index("left_elbow"), 0]
    assert np.isnan(elbow).tolist() == [False, True, False, False]  # one of two markers is no mean
    coco = qualisys.coco17(joints)
    np.testing.assert_array_equal(coco[:, COCO17.index("right_hip")], joints[:, 8])
    assert np.isnan(coco[:, COCO17.index("nose")]).all()


def test_row_54_files_without_names_rate_or_shape_are_refused(tmp_path: Path) -> None:
    path = as_text(tmp_path, walking())
    assert format_of(path) == "qualisys"
    with pytest.raises(SettingsError, match="--fps"):
        markers.table(path)
    path.write_text(path.read_text() + "1,2,3\n")
    with pytest.raises(SourceError, match=f"{len(NAMES) + 1} lines, labels.txt names {len(NAMES)}"):
        qualisys.read(path, 170)
    (tmp_path / "labels.txt").write_text("\n".join([*NAMES, "More"]))
    with pytest.raises(SourceError, match=r"lines of \[3, 12\] numbers"):
        qualisys.read(path, 170)
    (tmp_path / "labels.txt").unlink()
    with pytest.raises(SourceError, match="got 0"):
        qualisys.read(path, 170)
    without = trc.Trc(NAMES[1:], np.arange(1), np.zeros(1), np.zeros((1, len(NAMES) - 1, 3)), "mm")
    with pytest.raises(SourceError, match="head_front: no marker HeadFront"):
        qualisys.joints18(without)


def test_row_54_c3d_and_trc_are_written_and_read_back(tmp_path: Path) -> None:
    pytest.importorskip("ezc3d")
    file = walking()
    c3d.write(tmp_path / "a.c3d", file)
    trc.write(tmp_path / "a.trc", file, c3d.rate_of(file, "a"))
    for found in (c3d.read(tmp_path / "a.c3d"), trc.read(tmp_path / "a.trc")):
        assert found.markers == file.markers
        assert found.units == "mm"
        np.testing.assert_allclose(found.points, file.points, atol=1e-3)
        np.testing.assert_allclose(found.times_s - found.times_s[0], file.times_s, atol=1e-6)
    assert format_of(tmp_path / "a.c3d") == "c3d"
    assert format_of(tmp_path / "a.trc") == "trc"


def test_row_54_a_c3d_of_the_library_itself_is_read(tmp_path: Path) -> None:
    ezc3d = pytest.importorskip("ezc3d")
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [200]
    file["parameters"]["POINT"]["LABELS"]["value"] = ("RShoulder", "RElbow")
    file["parameters"]["POINT"]["UNITS"]["value"] = ["m"]
    points = np.ones((4, 2, 3))
    points[0] = [[0.1, 0.2, 0.3], [1, 2, 3]]
    file["data"]["points"] = points
    residuals = np.zeros((1, 2, 3))
    residuals[0, 1, 2] = -1  # the last elbow was not measured
    file["data"]["meta_points"]["residuals"] = residuals
    file.write(str(tmp_path / "lib.c3d"))
    found = c3d.read(tmp_path / "lib.c3d")
    assert (found.markers, found.units) == (("RShoulder", "RElbow"), "m")
    np.testing.assert_allclose(found.times_s, [0, 0.005, 0.01])
    np.testing.assert_allclose(found.points[:, 0], [[0.1, 1, 1], [0.2, 1, 1], [0.3, 1, 1]], atol=1e-6)
    assert np.isnan(found.points[:, 1]).all(axis=1).tolist() == [False, False, True]
    (tmp_path / "bad.c3d").write_bytes(b"\x02\x50" + bytes(600))
    with pytest.raises(SourceError, match="no C3D file that can be read|no points"):
        c3d.read(tmp_path / "bad.c3d")


def test_uneven_times_cannot_be_written_as_a_rate() -> None:
    file = walking()
    file = trc.Trc(file.markers, file.frames, np.array([0, 0.01, 0.02, 0.5]), file.points, "mm")
    with pytest.raises(SourceError, match=r"0\.0100 to 0\.4800 s"):
        c3d.rate_of(file, "a.trc")


def in_front(**changed: object) -> dict[str, object]:
    """At (0, 1, -5), looking along the world's z; the world's y is up, the picture's down."""
    return {
        "K": [[1000, 0, 640], [0, 1000, 360], [0, 0, 1]], "R": [[1, 0, 0], [0, -1, 0], [0, 0, 1]],
        "t": [0, 1, 5], "width": 1280, "height": 720,
    } | changed  # fmt: skip


def test_row_54_world_to_camera_to_pixels_by_hand() -> None:
    turned = in_front(R=[[-1, 0, 0], [0, -1, 0], [0, 0, 1]])
    camera = projection.camera(Calibration.model_validate(turned), "k")
    seen = camera.into(np.array([[0.0, 1, 0], [1, 2, 5], [0, 0, -9], [NAN, 0, 0]]))
    np.testing.assert_allclose(seen[:3], [[0, 0, 5], [-1, -1, 10], [0, 1, -4]])
    np.testing.assert_allclose(camera.project(seen)[:2], [[640, 360], [540, 260]])
    assert np.isnan(camera.project(seen)[2:]).all()  # behind the camera, and unknown


def test_distortion_is_opencvs() -> None:
    cv2 = pytest.importorskip("cv2")
    bent = [-0.046, 0.137, 0.0011, 0.0005, 0.01]
    turned = in_front(R=[[-1, 0, 0], [0, -1, 0], [0, 0, 1]], distortion=bent)
    camera = projection.camera(Calibration.model_validate(turned), "k")
    points = np.random.default_rng(1).uniform((-1, -1, 3), (1, 1, 6), (20, 3))
    expected = cv2.projectPoints(points, np.zeros(3), np.zeros(3), camera.matrix, np.array(bent))[0][:, 0]
    np.testing.assert_allclose(camera.project(points), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("rotation", "expected"),
    [
        ([[1, 0, 0], [0, -1, 0], [0, 0, 1]], "a reflection"),
        ([[1, 0, 0], [0, 2, 0], [0, 0, 1]], "differs from 1 by 3"),
        ([[1, 0, 0], [0, 1, 0]], "3 × 3"),
    ],
)
def test_a_calibration_that_is_no_rotation_is_refused(
    tmp_path: Path, rotation: list[list[float]], expected: str
) -> None:
    (tmp_path / "k.json").write_text(json.dumps(in_front(R=rotation)))
    with pytest.raises(SourceError, match=expected):
        projection.read(tmp_path / "k.json")


@needs(RUNS)
def test_row_54_a_run_through_a_camera_becomes_a_session(tmp_path: Path) -> None:
    # The runner goes along x at y = 0.65 m with z up; the camera stands 8 m beside, turned to look along +y.
    beside = in_front(R=[[1, 0, 0], [0, 0, -1], [0, 1, 0]], t=[-4, 1, 8])
    (tmp_path / "k.json").write_text(json.dumps(beside))
    run = ["import", str(RUNS / "Tindra1.txt"), "--calibration", str(tmp_path / "k.json"), "--fps", "170"]
    result = CliRunner().invoke(app, [*run, "--out", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    info, poses, truth = read_info(tmp_path / "run"), read_poses(tmp_path / "run"), read_poses3d(tmp_path / "run")
    assert info.fps == pytest.approx(170)
    assert (truth.skeleton, truth.space) == ("runningpose18", "camera")
    assert len(truth.keypoints) == 685
    waist = truth.keypoints[:, RUNNINGPOSE18.index("waist_back")]
    assert waist[:, 2] == pytest.approx(8.65, abs=0.2)
    assert waist[-1, 0] - waist[0, 0] > 8  # it runs to the right
    head, ankle = (truth.keypoints[:, RUNNINGPOSE18.index(name), 1] for name in ("head_front", "left_ankle"))
    assert (head < ankle).all()  # y is down
    both = np.isin(truth.frame, poses.frame)
    hips = truth.keypoints[both][:, RUNNINGPOSE18.index("left_trochanter_major")]
    expected = 1000 * hips[:, :2] / hips[:, 2:] + (640, 360)
    np.testing.assert_allclose(poses.keypoints[:, COCO17.index("left_hip"), :2], expected, atol=0.01)


@needs(RUNS)
def test_row_54_a_run_through_virtual_cameras(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["import", str(RUNS), "--fps", "170", "--out", str(tmp_path / "r")])
    assert result.exit_code == 0, result.output
    assert sorted(folder.name for folder in (tmp_path / "r").iterdir()) == ["Tindra1_0", "Tindra2_0", "Tindra3_0"]
    truth = read_poses3d(tmp_path / "r" / "Tindra1_0").keypoints
    thigh = np.linalg.norm(truth[:, COCO17.index("left_hip")] - truth[:, COCO17.index("left_knee")], axis=1)
    assert np.nanmedian(thigh) == pytest.approx(0.38, abs=0.06)
