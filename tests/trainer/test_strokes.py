"""`edgepose train strokes` on made-up players whose right wrist goes up (serve) or sideways (forehand)."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from edgepose.card import SpotterSpec, WindowSpec
from edgepose.classifier import StrokeClassifier
from edgepose.errors import SettingsError
from edgepose.skeletons import COCO17
from edgepose.types import Scores, Window
from edgepose_trainer.boosting import Boosting, _slim, fit
from edgepose_trainer.cli import app
from edgepose_trainer.reading import read
from edgepose_trainer.recordings import IDLE, UNSURE, Recording
from edgepose_trainer.samples import Worse, cut, restore_aspect, worsen
from edgepose_trainer.spotting import Count, compare, spot, swings
from edgepose_trainer.strokes import PRESETS, train
from tests.shared import STROKES, needs

SPEC = WindowSpec(frames=15, rate_hz=15)
STANDING = {
    "nose": (0.5, 0.1), "shoulder": (0.1, 0.25), "elbow": (0.12, 0.4), "wrist": (0.12, 0.55),
    "hip": (0.07, 0.55), "knee": (0.07, 0.75), "ankle": (0.07, 0.95),
}  # fmt: skip
JOINTS = ("nose", *COCO17.joints[5:])
KELLER, HAMPEN = STROKES / "keller_clips.parquet", STROKES / "hampen_frames.parquet"


def clip(label: str, hand: str, rng: np.random.Generator) -> dict[str, list[float]]:
    """30 frames; the hitting wrist swings round frame 14.5."""
    swing = np.exp(-(((np.arange(30) - 14.5) / 5) ** 2))
    out: dict[str, list[float]] = {}
    for joint in JOINTS:
        side, _, part = joint.partition("_")
        dx, y = STANDING[part or joint]
        x = 0.5 if not part else 0.5 + (dx if side == "left" else -dx)
        xs, ys = np.full(30, x), np.full(30, y)
        if part == "wrist" and side == hand:
            away = 1 if side == "left" else -1
            xs = xs - away * 0.4 * swing * (label == "forehand")
            ys = ys - 0.6 * swing * (label == "serve")
        out[f"{joint}_x"] = (xs + rng.normal(0, 0.01, 30)).tolist()
        out[f"{joint}_y"] = (ys + rng.normal(0, 0.01, 30)).tolist()
    return out


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos with four clips of each kind; the third player is left-handed."""
    rng = np.random.default_rng(0)
    columns: dict[str, list[object]] = {}
    for video, hand in (("one", "right"), ("two", "right"), ("three", "left")):
        for label in ("neutral", "forehand", "serve"):
            for number in range(4):
                rows = {
                    "clip": [f"{video}/{label}_{number}"] * 30, "video": [video] * 30,
                    "handedness": [hand] * 30, "label": [label] * 30, "frame": list(range(30)),
                    **clip(label, hand, rng),
                }  # fmt: skip
                for name, values in rows.items():
                    columns.setdefault(name, []).extend(values)
    path = tmp_path_factory.mktemp("data") / "any_name.parquet"
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture(scope="module")
def trained(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model")
    done = CliRunner().invoke(app, ["strokes", "--data", str(clips), "--out", str(out), "--seed", "3"])
    assert done.exit_code == 0, done.output
    assert "fold 1 of 3: without keller/one" in done.output
    return out


def test_the_model_knows_players_it_has_not_seen(trained: Path, clips: Path) -> None:
    card = json.loads((trained / "card.json").read_text())
    figures = {figure["name"]: figure["value"] for figure in card["figures"]}
    assert figures["clip accuracy, best window, all"] >= 0.9
    assert figures["events F1 at 10 frames"] >= 0.9
    assert card["data"][0]["licence"] == "none stated"
    assert card["labels"][0] == card["idle"] == IDLE
    classifier = StrokeClassifier(trained)
    left = next(r for r in read([clips])[0].recordings if r.name == "three/serve_0")
    middle = cut([left], SPEC).take(np.array([15]))
    assert left.handedness == "left"
    # `cut` has mirrored it already: to the device it comes as a right-hander's.
    window = Window(0, 15, middle.times_s[0], middle.keypoints[0])
    (score,) = classifier.scores([window], {0: "right"})
    assert classifier.labels[int(score.probabilities.argmax())] == "serve"


def test_the_same_seed_gives_the_same_bytes(trained: Path, clips: Path, tmp_path: Path) -> None:
    train([clips], tmp_path, seed=3, say=lambda line: None)
    assert (tmp_path / "strokes.txt").read_bytes() == (trained / "strokes.txt").read_bytes()
    undated = [re.sub(r'"date": "[^"]*"', '"date": ""', (one / "card.json").read_text()) for one in (tmp_path, trained)]
    assert undated[0] == undated[1]
    assert json.loads(undated[0])["data"][0]["sha256"] == hashlib.sha256(clips.read_bytes()).hexdigest()


def test_the_file_has_no_more_than_predictions_need() -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(400, 6)).astype(np.float32), np.arange(400) % 3
    features[:, 0] += labels
    fitted = fit(features, labels, [f"f{n}" for n in range(6)], 3, 1, Boosting(most_rounds=12), rounds=12)
    whole = fitted.booster.model_to_string()
    slim = _slim(whole)
    again = lgb.Booster(model_str=slim)
    np.testing.assert_array_equal(again.predict(features), fitted.booster.predict(features))
    np.testing.assert_array_equal(again.feature_importance("gain"), fitted.booster.feature_importance("gain"))
    assert len(slim) < 0.8 * len(whole)
    sizes = [int(size) for size in slim.partition("tree_sizes=")[2].partition("\n")[0].split()]
    assert sum(sizes) == len(slim[slim.index("\nTree=0") + 1 : slim.index("end of trees")])


def test_without_folds_there_are_no_figures_and_the_presets_thresholds(clips: Path, tmp_path: Path) -> None:
    card = train([clips], tmp_path, seed=3, say=lambda line: None, folds=0)
    assert card.figures == []
    assert card.spotter == PRESETS["tennis"].spotter
    assert StrokeClassifier(tmp_path).labels == PRESETS["tennis"].labels


def test_keller_clips_are_recognised_by_columns_and_labelled_round_the_middle(clips: Path) -> None:
    (source,) = read([clips])
    assert len(source.recordings) == 36
    serve = next(r for r in source.recordings if r.name == "one/serve_0")
    assert serve.group == "keller/one"
    # 26 frames round the hit; the rest is neither stroke nor idle for sure.
    assert (serve.labels == "serve").sum() == 26
    assert serve.labels[[0, 1, 28, 29]].tolist() == [UNSURE] * 4
    assert np.isnan(serve.keypoints[:, COCO17.index("left_eye"), :2]).all()
    assert swings(serve) == [(pytest.approx(14.5 / 30), "serve")]
    idle = next(r for r in source.recordings if r.name == "one/neutral_0")
    assert set(idle.labels.tolist()) == {IDLE}


def test_a_left_handers_recording_is_mirrored(clips: Path) -> None:
    left = next(r for r in read([clips])[0].recordings if r.name == "three/forehand_0")
    right = left.right_handed()
    wrist = COCO17.index("right_wrist"), COCO17.index("left_wrist")
    np.testing.assert_array_equal(right.keypoints[:, wrist[0], 0], -left.keypoints[:, wrist[1], 0])
    assert right.right_handed() is right


def test_a_recorded_session_with_labels_is_data(tmp_path: Path) -> None:
    from datetime import datetime, timezone

    from edgepose import session

    frames = np.arange(90)
    info = session.SessionInfo(width=100, height=100, started_at=datetime.now(timezone.utc))
    session.write_info(tmp_path, info.model_copy(update={"players": {7: session.Player(handedness="left")}}))
    poses = session.Poses(
        frames, frames / 30, np.full(90, 7, np.int32), np.ones(90, np.float32),
        np.full((90, 4), np.nan, np.float32), np.ones((90, 17, 3), np.float32),
    )  # fmt: skip
    (tmp_path / "poses").mkdir()
    session.write_poses(tmp_path / "poses" / "part-0.parquet", poses)
    with pytest.raises(SettingsError, match="nothing to learn from"):
        read([tmp_path])
    session.write_labels(tmp_path, [session.Label(1.0, 2.0, "forehand")])
    (recording,) = read([tmp_path])[0].recordings
    assert recording.handedness == "left"
    assert recording.labels[[29, 30, 60, 61]].tolist() == [IDLE, "forehand", "forehand", IDLE]


def test_worse_copies_keep_shape_and_lose_joints() -> None:
    keypoints = np.random.default_rng(0).normal(100, 30, (200, 15, 17, 3)).astype(np.float32)
    before = keypoints.copy()
    worse = Worse(noise=0, joint_gone=0.1, sample_gone=0, head_gone=0, aspect=0, tilt_deg=0)
    copy = worsen(keypoints, worse, np.random.default_rng(1))
    gone = np.isnan(copy[..., 0])
    assert copy.shape == keypoints.shape
    assert 0.08 < gone.mean() < 0.12
    assert (gone.all(axis=1) == gone.any(axis=1)).all()
    np.testing.assert_allclose(copy[~gone], keypoints[~gone], rtol=1e-5)
    np.testing.assert_array_equal(keypoints, before)


def test_another_detector_puts_joints_and_hips_elsewhere_throughout_a_window() -> None:
    """Of a trunk of 100 px 10 % are 10 px, of half the width of 20 px 20 % are 4, 5 % of the height are 5."""
    shoulders, hips = COCO17.indices("left_shoulder", "right_shoulder"), COCO17.indices("left_hip", "right_hip")
    keypoints = np.ones((2000, 15, 17, 3), np.float32)
    keypoints[:, :, shoulders, :2] = (20, 0), (-20, 0)
    keypoints[:, :, hips, :2] = (20, 100), (-20, 100)
    still = Worse(noise=0, joint_gone=0, sample_gone=0, head_gone=0, aspect=0, tilt_deg=0)
    moved = worsen(keypoints, replace(still, hips_up=0.1, hips_wide=0.2), np.random.default_rng(0))
    off = (moved - keypoints)[..., :2]
    assert np.ptp(off, axis=1).max() == 0  # all 15 samples alike
    assert np.abs(np.delete(off, hips, axis=2)).max() == 0
    assert off[:, 0, hips].std(axis=0) == pytest.approx(np.array([(4, 10), (4, 10)]), rel=0.06)
    np.testing.assert_allclose(off[:, 0, hips[0], 0], -off[:, 0, hips[1], 0], atol=1e-3)
    off = (worsen(keypoints, replace(still, joint_off=0.05), np.random.default_rng(0)) - keypoints)[..., :2]
    assert np.ptp(off, axis=1).max() == 0
    assert off[:, 0].std(axis=0) == pytest.approx(np.full((17, 2), 5), rel=0.06)
    keypoints[:, :, shoulders] = (np.nan, np.nan, 0)
    lost = worsen(keypoints, replace(still, hips_up=0.1, hips_wide=0.2), np.random.default_rng(0))
    np.testing.assert_array_equal(lost[:, :, hips, 1], 100)


def test_only_squeezed_boxes_get_a_width_back(clips: Path) -> None:
    whole = read([clips])[0].recordings[:1]
    squeezed = [Recording(**{**vars(whole[0]), "aspect_lost": True})]
    rng = np.random.default_rng(0)
    same = cut(whole, SPEC)
    np.testing.assert_array_equal(restore_aspect(same, rng), same.keypoints)
    narrow = restore_aspect(cut(squeezed, SPEC), rng, 0.5, 0.5)
    np.testing.assert_allclose(narrow[..., 0], same.keypoints[..., 0] * 0.5)


def test_events_are_counted_by_hand() -> None:
    """Two swings; told are the first in time, the second too late, and a third that is not there."""
    times = np.arange(0, 6, 1 / 30)
    labels = np.full(len(times), IDLE, dtype="<U8")
    labels[(times > 1) & (times < 2)] = "forehand"
    labels[(times > 3) & (times < 4)] = "serve"
    recording = Recording("a", "a/1", "a", times, np.zeros((len(times), 17, 3), np.float32), labels)
    keypoints = np.zeros((15, 17, 3), np.float32)
    scores = []
    for t in times:
        p = [max(0.0, 0.9 - 3 * abs(t - middle)) for middle in (1.5, 3.9, 5.0)]
        probabilities = np.array([1 - sum(p), p[0] + p[2], p[1]], np.float32)
        scores.append(Scores(Window(0, 0, t + (np.arange(15) - 7) / 15, keypoints), probabilities))
    strokes = spot(scores, (IDLE, "forehand_slice", "serve"), SpotterSpec())
    assert compare(strokes, recording, {"forehand_slice": "forehand"}) == Count(hits=1, told=3, true=2)
    assert compare(strokes, recording, {}) == Count(hits=0, told=3, true=2)
    assert Count(1, 3, 2).f1 == pytest.approx(0.4)


def test_mistakes_are_said_in_one_line(clips: Path, tmp_path: Path) -> None:
    def wrong(message: str, **kwargs: object) -> None:
        with pytest.raises(SettingsError, match=message):
            train(**{"data": [clips], "out": tmp_path / "out", **kwargs})  # type: ignore[arg-type]

    wrong("unknown preset 'golf'; known: tennis, any, hampen", preset="golf")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    wrong("no stroke table that I know", data=[tmp_path / "other.parquet"])
    (tmp_path / "empty.parquet").touch()
    wrong("no readable parquet table", data=[tmp_path / "empty.parquet"])
    table = pq.read_table(clips)
    one = table.filter(pa.compute.equal(table["video"], "one"))
    pq.write_table(one, tmp_path / "one.parquet")
    wrong("one group only", data=[tmp_path / "one.parquet"])
    index = table.column_names.index("label")
    named = pa.array([label.replace("serve", "lob") for label in table["label"].to_pylist()])
    pq.write_table(table.set_column(index, "label", named), tmp_path / "lob.parquet")
    wrong("label 'lob' is not in the preset", data=[tmp_path / "lob.parquet"])
    quiet = table.filter(pa.compute.equal(table["label"], "neutral"))
    pq.write_table(quiet, tmp_path / "quiet.parquet")
    wrong("no stroke at all", data=[tmp_path / "quiet.parquet"])
    assert not (tmp_path / "out").exists()


@needs(KELLER, HAMPEN)
def test_the_real_tables_are_read_as_documented() -> None:
    keller, hampen = (source.recordings for source in read([KELLER, HAMPEN]))
    assert len(keller) == 1157
    assert {r.handedness for r in keller if r.group == "keller/nadal"} == {"left"}
    assert sum(len(r.labels) for r in hampen) == 16462
    assert {r.group for r in hampen} == {f"hampen/{block}" for block in range(4)}
    assert not any(r.kept_aside for r in hampen)
    # 26 frames a swing, as published: 57 forehands.
    assert sum((r.labels == "forehand").sum() for r in hampen) == 57 * 26
