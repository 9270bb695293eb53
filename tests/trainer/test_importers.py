"""Recordings of other tools become sessions: small files by hand, and a few real ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepose import cli
from edgepose.errors import SettingsError, SourceError
from edgepose.session import read_info, read_labels, read_poses, read_poses3d
from edgepose.skeletons import COCO17
from edgepose_trainer import asf, bringing, reading
from edgepose_trainer.formats import Wishes, format_of
from edgepose_trainer.formats import read as read_source
from edgepose_trainer.frametimes import of_video
from edgepose_trainer.importers import csvposes, markers, mocap, penn, thetis, trc
from edgepose_trainer.joints import joint_of, skeleton_of
from edgepose_trainer.sessions import plain_name
from tests.clips import make, needs_ffmpeg
from tests.shared import SHARED, STROKES, needs

CALDAS = SHARED / "data" / "mocap" / "caldas"
CMU = SHARED / "data" / "mocap" / "cmu"
TAKE = CALDAS / "lvargas_Derecha_4seg.bvh.xz"
PLACES = {"Nose": (0, 1.6), "RShoulder": (-0.2, 1.4), "LShoulder": (0.2, 1.4), "RWrist": (-0.3, 1.0),
          "LWrist": (0.3, 1.0), "RHip": (-0.1, 0.9), "LHip": (0.1, 0.9), "RAnkle": (-0.1, 0.1),
          "LAnkle": (0.1, 0.1)}  # fmt: skip


def table(path: Path, columns: dict[str, object]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def trc_text(points: np.ndarray, names: tuple[str, ...] = tuple(PLACES), units: str = "m", fps: float = 50) -> str:
    """(F, M, 3) as Pose2Sim writes it: an empty line before the numbers, none after."""
    head = [
        "PathFileType\t4\t(X/Y/Z)\ttrial.trc",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{fps}\t{fps}\t{len(points)}\t{len(names)}\t{units}\t{fps}\t0\t{len(points)}",
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        "\t\t" + "\t".join(f"X{i}\tY{i}\tZ{i}" for i in range(1, len(names) + 1)),
    ]
    rows = []
    for frame, row in enumerate(points):
        cells = ["" if np.isnan(value) else repr(float(value)) for value in row.ravel()]
        rows.append("\t".join([str(frame), repr(frame / fps), *cells]))
    return "\n".join([*head, *rows]) + "\n"


def standing(frames: int = 30, depth: float = 0.0) -> np.ndarray:
    """(F, 9, 3) metres, y up, walking to the left by 1 cm a frame, swaying in depth."""
    still = np.array([(x, y, 0.0) for x, y in PLACES.values()])
    motion = np.array([(0.01 * f, 0.0, depth * np.sin(f)) for f in range(frames)])
    return still + motion[:, None]


def joint(poses: object, name: str) -> np.ndarray:
    return poses.keypoints[:, COCO17.index(name)]  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("RWrist", "right_wrist"), ("left_wrist", "left_wrist"), ("Left Ankle", "left_ankle"),
        ("wrist_r", "right_wrist"),
        ("LBigToe", "left_big_toe"), ("Nose", "nose"), ("Hip", "mid_hip"), ("RightToeBase", None), ("Marker01", None),
    ],
)  # fmt: skip
def test_names_of_joints(name: str, ours: str | None) -> None:
    assert joint_of(name) == ours


def test_a_number_of_joints_that_two_sets_have_says_nothing() -> None:
    assert (skeleton_of(25).name, skeleton_of(26).name) == ("body25", "halpe26")  # type: ignore[union-attr]
    assert skeleton_of(19) is None


def test_trc_is_read_with_gaps_and_its_own_times(tmp_path: Path) -> None:
    points = standing(3)
    points[1, 3] = np.nan
    file = trc.parse(trc_text(points))
    assert file.markers == tuple(PLACES)
    assert (file.units, file.unit_m) == ("m", 1.0)
    assert file.times_s.tolist() == [0, 0.02, 0.04]
    np.testing.assert_allclose(file.points, points)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("PathFileType", "PathType"), "not a TRC file"),
        (("\n2\t0.04\t", "\n2\t0.02\t"), ":8: expected a frame number and a time after the one before"),
        (("\n1\t", "\nx\t"), ":7: could not convert"),
        (("\n1\t", "\n1\t0\t0\t0\t"), ":7: expected 29 columns, got 32"),
    ],
)
def test_a_damaged_trc_is_told_by_its_line(change: tuple[str, str], why: str) -> None:
    with pytest.raises(SourceError, match=why):
        trc.parse(trc_text(standing(3)).replace(*change), "trial.trc")


@settings(max_examples=40)
@given(st.lists(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=6, max_size=6), min_size=1, max_size=5))
def test_trc_gives_back_what_was_written(rows: list[list[float]]) -> None:
    points = np.array(rows).reshape(-1, 2, 3)
    np.testing.assert_array_equal(trc.parse(trc_text(points, ("A", "B"))).points, points)


def test_sports2ds_pixels_become_one_session_with_a_track_a_person(tmp_path: Path) -> None:
    """Pixels are written with y downwards and "m" as their unit; metres of the same people lie beside them."""
    folder = tmp_path / "demo_Sports2D"
    folder.mkdir()
    for person, shift in ((0, 0.0), (3, 400.0)):
        pixels = standing(10) * (100, -100, 0) + (300 + shift, 300, 0)
        pixels[4] = np.nan if person == 3 else pixels[4]
        (folder / f"demo_Sports2D_px_person{person:02d}.trc").write_text(trc_text(pixels))
        (folder / f"demo_Sports2D_m_person{person:02d}.trc").write_text(trc_text(standing(10)))
    assert format_of(folder) == "trc"
    (one,) = read_source(folder, "trc", Wishes())
    assert one.name == "demo_Sports2D"
    assert sorted(set(one.poses.track.tolist())) == [0, 3]
    assert len(one.poses.track) == 19
    first = one.poses.keypoints[one.poses.track == 0][0]
    np.testing.assert_allclose(first[COCO17.index("nose")], (300, 140, 1))
    np.testing.assert_allclose(first[COCO17.index("left_wrist")], (330, 200, 1))
    assert np.isnan(first[COCO17.index("left_ear"), 0])


def test_pixels_with_y_upwards_are_turned(tmp_path: Path) -> None:
    path = tmp_path / "a_px_person00.trc"
    path.write_text(trc_text(standing(3) * (100, 100, 0)))
    (one,) = read_source(path, "trc", Wishes())
    assert joint(one.poses, "nose")[0, 1] < joint(one.poses, "left_hip")[0, 1] < joint(one.poses, "left_ankle")[0, 1]


@pytest.mark.parametrize("scale", [1, 1000])
def test_three_dimensions_are_seen_by_a_virtual_camera_with_their_truth(tmp_path: Path, scale: float) -> None:
    path = tmp_path / "trial.trc"
    path.write_text(trc_text(standing(60, depth=0.2) * scale))
    (one,) = read_source(path, "trc", Wishes())
    assert one.truth is not None
    calibration = one.info.calibration
    assert calibration is not None
    projected = one.truth.keypoints @ np.array(calibration.K).T
    shown = np.nanmedian(np.abs(projected[..., :2] / projected[..., 2:] - one.poses.keypoints[..., :2]))
    assert shown < 5  # px: the detector's noise
    tall = one.truth.keypoints[:, COCO17.index("nose")] - one.truth.keypoints[:, COCO17.index("left_ankle")]
    assert np.linalg.norm(tall, axis=1) == pytest.approx(np.hypot(1.5, 0.1), rel=0.02)
    assert not one.labels


CSV = """time_s,track,left_shoulder_x,left_shoulder_y,right_shoulder_x,right_shoulder_y,left_hip_x,left_hip_y,\
right_hip_x,right_hip_y,left_wrist_x,left_wrist_y,left_wrist_c
0,1,10,20,30,20,12,60,28,60,5,50,0.5
0,2,110,20,130,20,112,60,128,60,,,
0.04,1,11,20,31,20,13,60,29,60,6,50,0.9
0.10,1,12,20,32,20,14,60,30,60,7,50,0
"""


def test_plain_csv_keeps_its_own_uneven_times(tmp_path: Path) -> None:
    path = tmp_path / "match.csv"
    path.write_text(CSV)
    assert format_of(path) == "csv"
    poses = csvposes.read(path).poses
    assert poses.frame.tolist() == [0, 0, 1, 2]
    assert poses.time_s.tolist() == [0, 0, 0.04, 0.10]
    assert poses.track.tolist() == [1, 2, 1, 1]
    np.testing.assert_allclose(
        joint(poses, "left_wrist"), [(5, 50, 0.5), (np.nan, np.nan, 0), (6, 50, 0.9), (np.nan, np.nan, 0)]
    )
    assert joint(poses, "left_hip")[0].tolist() == [12, 60, 1]
    assert np.isnan(joint(poses, "nose")).any()


def test_csv_without_times_needs_a_clock(tmp_path: Path) -> None:
    path = tmp_path / "match.csv"
    path.write_text(CSV.replace("time_s", "frame").replace("0.04", "3").replace("0.10", "7"))
    with pytest.raises(SettingsError, match="give --video .* or --fps"):
        next(read_source(path, "csv", Wishes()))
    (one,) = read_source(path, "csv", Wishes(fps=50))
    assert one.poses.frame.tolist() == [0, 0, 3, 7]
    assert one.poses.time_s.tolist() == [0, 0, 0.06, 0.14]


def test_a_bad_cell_is_told_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "match.csv"
    path.write_text(CSV.replace("0.04,1,11", "0.04,1,eleven"))
    with pytest.raises(SourceError, match=r"match.csv:4: expected a number, got 'eleven'"):
        csvposes.read(path)


def test_deeplabcuts_header_rows(tmp_path: Path) -> None:
    parts = ["LShoulder", "RShoulder", "LHip", "RHip", "RWrist"]
    rows = [
        ["scorer", *["net"] * 15],
        ["bodyparts", *[part for part in parts for _ in range(3)]],
        ["coords", *["x", "y", "likelihood"] * 5],
        ["0", *[str(value) for value in range(1, 16)]],
    ]
    path = tmp_path / "dlc.csv"
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")
    (one,) = read_source(path, format_of(path), Wishes(fps=30))
    assert joint(one.poses, "right_wrist")[0].tolist() == [13, 14, 15]


ASF = """:units
  length 0.45
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name arm
     direction 1 0 0
     length 2
     axis 0 0 0  XYZ
    dof rz
    limits (-10 170)
  end
  begin
     id 2
     name hand
     direction 1 0 0
     length 1
     axis 0 0 90  XYZ
    dof rx
    limits (-10 170)
  end
:hierarchy
  begin
    root arm
    arm hand
  end
"""
AMC = """#!OML:ASF a.asf
:FULLY-SPECIFIED
:DEGREES
1
root 0 0 0 0 0 0
arm 90
hand 0
2
root 5 0 0 0 90 0
arm 0
hand 90
"""


def test_acclaim_bones_turn_about_their_own_axes() -> None:
    """The arm turned up by 90° about z; then the root by 90° about y, and the hand about its own x, the world's y."""
    skeleton = asf.parse_asf(ASF)
    _, ends, _ = asf.forward(skeleton, asf.parse_amc(AMC, skeleton))
    np.testing.assert_allclose(ends["arm"], [(0, 2, 0), (5, 0, -2)], atol=1e-12)
    np.testing.assert_allclose(ends["hand"], [(0, 3, 0), (4, 0, -2)], atol=1e-12)
    assert skeleton.unit_m == pytest.approx(0.0254 / 0.45)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("arm 90", "arm 90 1"), "take.amc:6: arm needs 1 finite numbers, got 2"),
        (("hand 90", "foot 90"), "take.amc:11: the skeleton has no bone 'foot'"),
        (("hand 90\n", ""), "expected every bone in each of 2 frames, got hand 1 times"),
        (("arm 90", "arm nan"), "take.amc:6: arm needs 1 finite numbers"),
    ],
)
def test_a_damaged_amc_is_told_by_its_line(change: tuple[str, str], why: str) -> None:
    with pytest.raises(SourceError, match=why):
        asf.parse_amc(AMC.replace(*change), asf.parse_asf(ASF), "take.amc")


def test_an_asf_that_hangs_on_nothing_is_refused() -> None:
    with pytest.raises(SourceError, match="bone 'hand' hangs on 'leg', which has no bone data"):
        asf.parse_asf(ASF.replace("arm hand", "leg hand"))
    with pytest.raises(SourceError, match="sections hierarchy are missing"):
        asf.parse_asf(ASF.partition(":hierarchy")[0])


@pytest.mark.parametrize(
    ("stem", "label"),
    [
        ("jarua_Derecha_18seg", "forehand"), ("ann_forehand_slice_2", "forehand_slice"),
        ("ann_VReves", "backhand_volley"),
        ("ann_lob", "lob"), ("03_02", None), ("serve", None),
    ],
)  # fmt: skip
def test_the_stroke_in_a_files_name(stem: str, label: str | None) -> None:
    assert mocap.stroke_in(stem, {"lob": "lob"}) == label


@needs(CMU)
def test_cmu_takes_stand_upright_and_the_known_jumps_are_cut() -> None:
    moved = mocap.motion(CMU / "03_02.amc.xz")
    assert [note.partition(":")[0] for note in moved.notes] == ["jump of 32 m/s at 0.20 s", "jump of 98 m/s at 0.42 s"]
    wrists = moved.points[:, COCO17.indices("left_wrist", "right_wrist")]
    speed = np.linalg.norm(np.diff(wrists, axis=0), axis=2) * 120
    assert np.isnan(speed).any()
    assert np.nanmax(speed) < 6
    nose, ankle = (np.nanmedian(moved.points[:, COCO17.index(name), 1]) for name in ("nose", "left_ankle"))
    assert 1.3 < nose - ankle < 1.7
    left, right = (moved.points[0, COCO17.index(f"{side}_hip")] for side in ("left", "right"))
    assert 0.1 < np.linalg.norm(left - right) < 0.3


@needs(TAKE)
def test_a_bvh_take_becomes_a_session_of_repeated_strokes(tmp_path: Path) -> None:
    """Three or four forehands in about five seconds."""
    assert bringing.command(TAKE, tmp_path / "s", handedness="right", player="Luis", views=1) == 0
    info, labels, poses = read_info(tmp_path / "s"), read_labels(tmp_path / "s"), read_poses(tmp_path / "s")
    assert (info.players[0].name, info.players[0].handedness) == ("Luis", "right")
    strokes = [label for label in labels if label.label == "forehand"]
    assert 2 <= len(strokes) <= 4
    assert all(0.4 < label.end_s - label.start_s < 0.87 for label in strokes)
    truth = read_poses3d(tmp_path / "s")
    assert (truth.skeleton, truth.space) == ("coco17", "camera")
    assert np.nanmin(truth.keypoints[..., 2]) > 2
    assert len(poses.frame) == len(truth.frame)
    (source,) = reading.read([tmp_path / "s"])
    assert source.recordings[0].group == "mocap/Luis"
    assert {"forehand", ""} <= set(source.recordings[0].labels.tolist())


@needs(TAKE)
def test_several_views_are_several_sessions_and_one_group(tmp_path: Path) -> None:
    bringing.command(TAKE, tmp_path / "s", views=2)
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == [
        "lvargas_Derecha_4seg_0",
        "lvargas_Derecha_4seg_1",
    ]
    (source,) = reading.read([tmp_path / "s"])
    assert {recording.group for recording in source.recordings} == {"mocap/lvargas"}
    assert len(source.recordings) == 2


@needs(STROKES / "thetis_skeletons.parquet")
def test_thetis_takes_hold_about_three_strokes_each(tmp_path: Path) -> None:
    whole = pq.read_table(STROKES / "thetis_skeletons.parquet")
    wanted = ["experts/servicekick/p13", "amateurs/volley/p6", "amateurs/forehandflat/p7", "experts/backhand/p17"]
    few = table(tmp_path / "few.parquet", {})
    pq.write_table(whole.filter(pa.compute.is_in(whole["clip"], pa.array(wanted, pa.large_string()))), few)
    takes = {take.name: take for take in thetis.takes(few)}
    assert [takes[name].handedness for name in wanted] == ["right", "right", "left", None]
    serve = takes["experts/servicekick/p13"]
    assert serve.peaks_s == pytest.approx([2.4, 5.17, 7.63], abs=0.1)  # the same downward swing, read off the data
    assert set(serve.labels.tolist()) == {"serve", "idle", ""}
    ankles = serve.points[:, COCO17.indices("left_ankle", "right_ankle"), 1]
    assert abs(np.nanmedian(ankles)) < 0.15
    (source,) = reading.read([few])
    own = next(r for r in source.recordings if r.name.startswith("amateurs/volley"))
    seen = own.keypoints[~np.isnan(own.keypoints[:, 5, 0])]
    assert np.nanmedian(seen[:, 5, 0]) > np.nanmedian(seen[:, 6, 0])  # faces the sensor: the left is on the right
    assert np.nanmedian(seen[:, 0, 1]) < np.nanmedian(seen[:, 15, 1])  # y down
    assert np.isnan(own.keypoints[:, 5, 0]).mean() > 0.1  # frames without a skeleton stay in time


@needs(STROKES / "penn_action.parquet")
def test_penns_other_actions_are_not_strokes(tmp_path: Path) -> None:
    whole = pq.read_table(STROKES / "penn_action.parquet")
    few = tmp_path / "few.parquet"
    names = whole["action"].to_pylist()
    first = {action: whole["clip"][names.index(action)].as_py() for action in ("tennis_serve", "golf_swing")}
    pq.write_table(
        whole.filter(pa.compute.is_in(whole["clip"], pa.array(list(first.values()), pa.large_string()))), few
    )
    serve, golf = sorted(penn.read(few).recordings, key=lambda one: one.name.startswith("golf"))
    assert set(golf.labels.tolist()) == {"idle"}
    assert set(serve.labels.tolist()) == {"serve", ""}
    assert serve.handedness is None
    assert set(np.unique(serve.keypoints[..., 2]).tolist()) <= {0, np.float32(0.3), 1}
    assert bringing.command(few, tmp_path / "sessions") == 0
    (source,) = reading.read([tmp_path / "sessions"])
    for before in (serve, golf):
        after = next(one for one in source.recordings if one.name == f"{plain_name(before.name)}/0")
        assert after.labels.tolist() == before.labels.tolist()
        np.testing.assert_array_equal(after.keypoints, before.keypoints)
        np.testing.assert_array_equal(after.times_s, before.times_s)
        assert (after.group, after.clip, after.dataset) == (before.group, before.clip, before.dataset)


@needs(STROKES / "hampen_frames.parquet", STROKES / "keller_clips.parquet")
@pytest.mark.parametrize("name", ["hampen_frames", "keller_clips"])
def test_a_table_as_sessions_says_what_the_table_says(name: str, tmp_path: Path) -> None:
    whole = pq.read_table(STROKES / f"{name}.parquet")
    few = tmp_path / "few.parquet"
    pq.write_table(whole.slice(0, 900), few)
    bringing.command(few, tmp_path / "sessions")
    ((direct,), (again,)) = (reading.read([path]) for path in (few, tmp_path / "sessions"))
    found = {one.name.removesuffix("/0"): one for one in again.recordings}
    assert len(direct.recordings) == len(found) > 2
    for before in direct.recordings:
        after = found[plain_name(before.name)]
        seen = np.isin(before.times_s, after.times_s)  # frames without a joint hold nobody
        assert after.labels.tolist() == before.labels[seen].tolist()
        np.testing.assert_allclose(after.keypoints[..., :2], 1000 * before.keypoints[seen][..., :2], rtol=1e-5)
        assert (after.group, after.aspect_lost, after.kept_aside) == (
            before.group,
            before.aspect_lost,
            before.kept_aside,
        )


@needs_ffmpeg
def test_times_come_from_the_video_not_from_a_rate(tmp_path: Path) -> None:
    """Every second picture after the fifth is gone: frame 7 is at 0.40 s, not at 0.28."""
    gaps = "select='lt(n,5)+not(mod(n,2))',setpts=PTS"
    clip = make(tmp_path / "match.mp4", "-vf", gaps, "-fps_mode", "passthrough", frames=20)
    times = of_video(clip)
    assert times.size_wh == (64, 48)
    assert [times.of(frame) for frame in (4, 5, 6, 7)] == pytest.approx([0.16, 0.24, 0.32, 0.40], abs=1e-3)
    with pytest.raises(SettingsError, match=r"has 12 frames, asked for number 12 \(from 0\)"):
        times.of(12)


def ran(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """`edgepose import` in this process, whatever is installed."""
    import typer

    app = typer.Typer()
    app.command(name="import")(bringing.command)
    app.command(name="other")(lambda: None)
    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr(sys, "argv", ["edgepose", "import", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


def test_the_command_labels_a_session_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "match.csv").write_text(CSV)
    (tmp_path / "labels.csv").write_text("start_s,end_s,label\n0,0.05,Drive\n0.05,0.1,chat\n")
    session, labels = str(tmp_path / "s"), str(tmp_path / "labels.csv")
    assert ran(monkeypatch, str(tmp_path / "match.csv"), "--out", session) == 0
    assert read_labels(tmp_path / "s") == []
    assert ran(monkeypatch, session, "--labels", labels, "--map", "chat=-") == 0
    assert [(one.label, one.end_s) for one in read_labels(tmp_path / "s")] == [("forehand", 0.05)]
    assert ran(monkeypatch, session, "--labels", labels) == 2
    assert "has labels.csv already; --force replaces it" in capsys.readouterr().err
    assert ran(monkeypatch, session, "--labels", labels, "--force") == 0
    assert len(read_labels(tmp_path / "s")) == 2


def test_a_label_files_one_player_is_the_one_person_of_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = "".join(line for line in CSV.splitlines(keepends=True) if not line.startswith("0,2"))
    for name, text in (("alone", alone), ("two", CSV)):
        (tmp_path / f"{name}.csv").write_text(text)
    labels = tmp_path / "labels.csv"
    labels.write_text("start_s,end_s,label,player\n0,0.05,Drive,Ann\n")
    for name, players in (("alone", {"Ann"}), ("two", set())):
        out = tmp_path / f"{name}_session"
        assert (
            ran(monkeypatch, str(tmp_path / f"{name}.csv"), "--out", str(out), "--labels", str(labels), "--json") == 0
        )
        assert {player.name for player in read_info(out).players.values()} == players
        rows = 3 if name == "alone" else 4
        assert json.loads(capsys.readouterr().out) == [{"session": str(out), "rows": rows, "labels": 1}]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nowhere", "--out", "x"], "nowhere: not there"),
        (["match.csv"], "give --out"),
        (["match.csv", "--out", "."], "not empty; choose a new folder"),
        (["match.csv", "--out", "x", "--map", "forehand"], "--map: expected THEIRS=OURS, got 'forehand'"),
        (["match.csv", "--out", "x", "--size", "640"], "--size: expected WIDTHxHEIGHT, got '640'"),
        (["match.csv", "--out", "x", "--handedness", "both"], "--handedness: expected right or left, got 'both'"),
        (
            ["match.csv", "--out", "x", "--player", "Ann"],
            "2 people, tracks 1, 2: --player and --handedness are for one",
        ),
        (["match.csv", "--out", "x", "--format", "fbx"], "format 'fbx' is unknown; known: keller"),
        (["match.csv", "--out", "x", "--labels", "no.csv"], "no.csv: cannot read the labels"),
        (["notes.txt", "--out", "x"], "no recording that I know"),
        (["empty", "--out", "x"], "empty: no recording in it"),
        (["other.parquet", "--out", "x"], "no stroke table that I know"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(
    arguments: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "match.csv").write_text(CSV)
    (tmp_path / "notes.txt").write_text("Tuesday: forehands, cross court\n")
    (tmp_path / "empty").mkdir()
    table(tmp_path / "other.parquet", {"a": [1]})
    monkeypatch.chdir(tmp_path)
    assert ran(monkeypatch, *arguments) == 2
    said = capsys.readouterr().err.strip()
    assert why in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "x").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_folder_with_one_bad_take_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "takes").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "takes" / f"{name}.trc").write_text(trc_text(standing(40, depth=0.2)))
    assert ran(monkeypatch, str(tmp_path / "takes"), "--out", str(tmp_path / "s")) == 0
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["a_0", "b_0", "c_0"]
    (tmp_path / "takes" / "c.trc").write_text(trc_text(standing(40, depth=0.2)).replace("\n7\t", "\nseven\t"))
    assert ran(monkeypatch, str(tmp_path / "takes"), "--out", str(tmp_path / "again")) == 2
    assert "c.trc:13: could not convert string to float: 'seven'" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s", "takes"]


def test_markers_need_a_handful_of_joints() -> None:
    with pytest.raises(SourceError, match="only 1 markers are joints"):
        markers.coco17(trc.parse(trc_text(standing(3)[:, :2], ("Nose", "Clip"))), "x.trc")
