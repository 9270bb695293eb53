"""What a user may choose for `train strokes`: labels, folds, settings, a search for settings; calibration."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from edgepose import session
from edgepose.card import load
from edgepose.errors import SettingsError
from edgepose_trainer import labelset, stroke_settings, tuning
from edgepose_trainer.calibrating import Judged, calibrated, calibration_error, log_loss, temperature_of
from edgepose_trainer.cli import app
from edgepose_trainer.crossing import Crossed, folds_of
from edgepose_trainer.presets import PRESETS, Preset
from edgepose_trainer.reading import read
from edgepose_trainer.samples import cut
from tests.shared import STROKES, needs
from tests.trainer.test_stroke_memory import SPEC, recording

PENN = STROKES / "penn_action.parquet"
EYE = np.eye(2)


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three players throw (right wrist up) and pass (right wrist out) by turns, once in 1.5 seconds."""
    folder = tmp_path_factory.mktemp("sessions")
    rng = np.random.default_rng(0)
    for player in ("ada", "bob", "eve"):
        times_s = np.arange(180) / 30
        points = np.ones((180, 17, 3), np.float32)
        points[..., 0] = [100, 98, 102, 96, 104, 110, 90, 112, 88, 112, 88, 107, 93, 107, 93, 107, 93]
        points[..., 1] = [10, 8, 8, 9, 9, 25, 25, 40, 40, 55, 55, 55, 55, 75, 75, 95, 95]
        labels = []
        for turn in range(4):
            middle_s = 0.75 + 1.5 * turn
            swing = np.exp(-(((times_s - middle_s) / 0.15) ** 2)) * 40
            points[:, 10, 1 - turn % 2] -= swing
            labels.append(session.Label(middle_s - 0.4, middle_s + 0.4, ("throw", "pass_it")[turn % 2]))
        points[..., :2] += rng.normal(0, 0.5, (180, 17, 2))
        path = folder / player
        info = session.SessionInfo(width=200, height=100, started_at=datetime.now(timezone.utc))
        (path / "poses").mkdir(parents=True)
        session.write_info(path, info.model_copy(update={"players": {0: session.Player(handedness="right")}}))
        rows = np.full((180, 4), np.nan, np.float32)
        poses = session.Poses(
            np.arange(180), times_s, np.zeros(180, np.int32), np.ones(180, np.float32), rows, points
        )  # fmt: skip
        session.write_poses(path / "poses" / "part-0.parquet", poses)
        session.write_labels(path, labels)
    return folder


def quick(sessions: Path, out: Path, *more: str) -> str:
    """The command; few rounds, so that it takes no time."""
    settings = out.parent / "few.json"
    out.parent.mkdir(exist_ok=True)
    settings.write_text(json.dumps({"most_rounds": 8, "rate": 0.3}))
    arguments = ["strokes", "--preset", "any", "--data", str(sessions), "--out", str(out)]
    given = [] if "--settings" in more else ["--settings", str(settings)]
    done = CliRunner().invoke(app, [*arguments, *given, *more])
    assert done.exit_code == 0, done.output
    return done.output


def test_another_sport_needs_data_only_and_the_same_settings_give_the_same_bytes(
    sessions: Path, tmp_path: Path
) -> None:
    told = quick(sessions, tmp_path / "hand ball", "--folds", "each")
    for player in ("ada", "bob", "eve"):
        assert f"of 3: without {player}: best after" in told
    first = load(tmp_path / "hand ball")
    assert (first.name, first.labels) == ("hand_ball", ["idle", "pass_it", "throw"])
    assert first.data[0].sha256
    figures = {figure.name: figure.value for figure in first.figures}
    assert figures["events F1 at 10 frames"] >= 0.9
    assert first.temperature is not None
    assert figures["log loss after calibration"] < figures["log loss before calibration"]
    card = str(tmp_path / "hand ball" / "card.json")
    quick(sessions, tmp_path / "again" / "hand ball", "--folds", "each", "--settings", card)
    weights, again = (path / "hand ball" / "strokes.txt" for path in (tmp_path, tmp_path / "again"))
    assert again.read_bytes() == weights.read_bytes()
    assert first.training is not None
    assert (first.training["preset"], first.training["seed"], first.training["most_rounds"]) == ("any", 1, 8)


def test_labels_are_kept_renamed_and_dropped_as_the_user_says(sessions: Path, tmp_path: Path) -> None:
    told = quick(sessions, tmp_path / "m", "--folds", "0", "--labels", "throw=lob")
    assert "labels idle, lob" in told
    card = load(tmp_path / "m")
    assert card.labels == ["idle", "lob"]
    assert card.temperature is None
    assert card.training is not None
    assert card.training["labels"] == "throw=lob"


def test_names_of_labels_by_hand() -> None:
    chosen = labelset.parse("forehand, forehand_slice=forehand,serve,lob=idle")
    assert chosen.labels == ("idle", "forehand", "serve")
    told = ("forehand", "forehand_slice", "lob", "smash", "idle", "", "aufschlag")
    assert [chosen.name_of(label) for label in told] == ["forehand", "forehand", "idle", "", "idle", "", "serve"]
    renamed = chosen.apply([replace(recording("a", 4, 0), labels=np.array(["lob", "smash", "forehand_slice", ""]))])
    assert renamed[0].labels.tolist() == ["idle", "", "forehand", ""]
    for text, message in (("a,,b", "got ''"), ("a=", "got 'a='"), ("a=b,a=c", "named twice"), ("x=idle", "one stroke")):
        with pytest.raises(SettingsError, match=message):
            labelset.parse(text)


@needs(PENN)
def test_penn_actions_are_strokes_of_a_model_that_asks_for_them() -> None:
    (golf,) = read([PENN], {"golf_swing"})
    assert sum(r.action == "golf_swing" for r in golf.recordings) == 89
    assert {r.action for r in golf.recordings} == {"golf_swing", "idle"}


def test_every_group_alone_or_dealt_out() -> None:
    samples = cut([recording(name, 40, i) for i, name in enumerate("abcde")], SPEC)
    assert [sorted(set(samples.groups[fold].tolist())) for fold in folds_of(samples, None)] == [
        ["made/a"], ["made/b"], ["made/c"], ["made/d"], ["made/e"],
    ]  # fmt: skip
    assert [len(set(samples.groups[fold].tolist())) for fold in folds_of(samples, 3)] == [2, 2, 1]
    own = [replace(recording(name, 40, i), group=name) for i, name in enumerate("abc")]
    alone = cut(own, SPEC)  # sessions without a data set's name
    assert [sorted(set(alone.groups[fold].tolist())) for fold in folds_of(alone, 4)] == [["a"], ["b"], ["c"]]


def test_temperature_by_hand() -> None:
    """Told 0.9 and right in 3 of 4: the loss is least where 0.9 becomes 0.75, at temperature 2 (3 = sqrt 9)."""
    told = np.tile([0.9, 0.1], (4, 1))
    sure = Judged(told, EYE, np.array([0, 0, 0, 1]))
    assert log_loss([sure]) == pytest.approx(-(3 * np.log(0.9) + np.log(0.1)) / 4)
    assert calibration_error([sure]) == pytest.approx(0.15)
    assert temperature_of([sure]) == pytest.approx(2.0, abs=0.005)
    assert calibration_error([sure], 2.0) == pytest.approx(0.0, abs=1e-9)
    # A data set that calls both labels the same is always right, and weighs as much as the other.
    blind = Judged(told, np.array([[1.0, 0], [1, 0]]), np.zeros(4, np.intp))
    assert log_loss([blind]) == pytest.approx(0.0, abs=1e-9)
    assert log_loss([sure, blind]) == pytest.approx(log_loss([sure]) / 2)


def test_a_fold_is_calibrated_by_the_other_folds() -> None:
    """Fold 0 is told 0.9 and always wrong: that must not reach its own temperature, only the other's."""
    recordings = [recording("a", 40, 0), recording("b", 40, 1)]
    samples = cut(recordings, SPEC)
    first = samples.groups == "made/a"
    truth = (samples.labels == "serve").astype(int)
    told = np.where(first, 1 - truth, truth)
    probabilities = np.where(told[:, None] == [0, 1], 0.9, 0.1)
    crossed = Crossed(recordings, samples, ("idle", "serve"), [first, ~first], [], [], probabilities)
    after = calibrated(crossed).probabilities
    assert after[first].max() > 0.99  # the other fold is always right: as sure as may be
    assert after[~first].max() < 0.65  # always wrong: temperature 5, 0.9 -> 0.61


def fake(losses: list[float]) -> tuning.Judge:
    """A cross-validation whose n-th answer is a window told with the n-th probability."""
    recordings = [recording("a", 40, 0)]
    samples = cut(recordings, SPEC)
    truth = (samples.labels == "serve").astype(int)

    def judge(preset: Preset) -> Crossed:
        p = losses.pop(0)
        probabilities = np.where(truth[:, None] == [0, 1], p, 1 - p)
        return Crossed(recordings, samples, ("idle", "serve"), [], [], [], probabilities)

    return judge


def test_the_search_begins_with_the_preset_ends_in_time_and_repeats_itself() -> None:
    """A trial takes a minute by this clock: four fit into 4.5 minutes; a fifth would outlast them."""
    runs = []
    for _ in range(2):
        minutes = iter(range(100))
        said: list[str] = []
        judge = fake([0.6, 0.9, 0.7, 0.5, 0.5])
        runs.append(tuning.tune(PRESETS["any"], judge, 7, 4.5, said.append, lambda: 60.0 * next(minutes)))  # noqa: B023
        assert len(said) == 4
    assert runs[0] == runs[1]
    trials = runs[0]
    assert [trial.log_loss for trial in trials] == pytest.approx(-np.log([0.6, 0.9, 0.7, 0.5]), abs=1e-6)
    own = stroke_settings.of(PRESETS["any"])
    assert trials[0].settings == {name: own[name] for name in trials[0].settings}
    assert tuning.best_of(trials) is trials[1]
    assert trials[1].settings != trials[0].settings


def test_what_was_tried_is_written_and_can_be_given_again(sessions: Path, tmp_path: Path) -> None:
    told = quick(sessions, tmp_path / "m", "--folds", "0", "--tune", "0")
    assert "best of 1" in told
    log = json.loads((tmp_path / "m" / "tuning.json").read_text())
    assert log["trials"][0] == {**log["best"], "log_loss": log["log_loss"]}
    again = stroke_settings.read(tmp_path / "m" / "tuning.json")
    assert stroke_settings.apply(PRESETS["any"], again).boosting == replace(PRESETS["any"].boosting, rate=0.3)


def test_settings_that_cannot_be_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    for text, message in (
        ('{"leafs": 3}', "unknown setting 'leafs'; known: aspect,"),
        ('{"leaves": 3.5}', "leaves: expected a number of type int, 0 or more, got 3.5"),
        ('{"rate": "fast"}', "got 'fast'"),
        ("[1]", "expected a JSON object of settings, got list"),
        ("{", "no readable JSON"),
        ('{"format": "edgepose-card/1"}', "does not say what its training was set to"),
    ):
        path.write_text(text)
        with pytest.raises(SettingsError, match=message):
            stroke_settings.read(path)
    with pytest.raises(SettingsError, match="expected a number or each, got 'all'"):
        CliRunner().invoke(
            app, ["strokes", "--data", "x", "--out", "y", "--folds", "all"], catch_exceptions=False
        )  # fmt: skip
