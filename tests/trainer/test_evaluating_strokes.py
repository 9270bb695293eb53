"""edgepose evaluate strokes: figures by hand, the report's promises, mistakes in one line."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from edgepose.errors import ModelError, SettingsError
from edgepose_trainer.evaluation import drawing
from edgepose_trainer.evaluation.curves import colours_of, curves, drawn
from edgepose_trainer.evaluation.spans import Span
from edgepose_trainer.evaluation.stick_figures import drawn as stick_figures
from edgepose_trainer.evaluation.strokes import Result, draw_curves, evaluate, measured, publish
from edgepose_trainer.evaluation.strokes_counts import MISSED, stroke_confusion
from edgepose_trainer.evaluation.strokes_judged import Judged, Wanted, merged
from edgepose_trainer.evaluation.strokes_page import chosen, confusion
from edgepose_trainer.evaluation.strokes_worst import groups
from edgepose_trainer.reading import read
from edgepose_trainer.recordings import IDLE
from edgepose_trainer.strokes import train
from tests.end_to_end.programs import edgepose
from tests.trainer.stroke_data import WAYS, playing, write_clips, write_session

LABELS = (IDLE, *WAYS)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two players and five labels."""
    folder = tmp_path_factory.mktemp("strokes")
    table = write_clips(folder / "learn.parquet", ("one", "two"), each=3)
    train([table], folder / "model", "hampen", seed=3, say=lambda line: None, folds=0)
    return folder / "model"


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two other players."""
    return write_clips(tmp_path_factory.mktemp("data") / "judge.parquet", ("three", "four"), each=3, seed=7)


@pytest.fixture(scope="module")
def result(model: Path, clips: Path) -> Result:
    return evaluate(str(model), None, Wanted((clips,), reference="three"))


def told(peak_s: float, label: str, score: float = 0.9) -> Span:
    return Span(label, peak_s - 0.3, peak_s, peak_s + 0.3, score)


def judged(hits: dict[float, str], *answers: Span, group: str = "a/one") -> Judged:
    recording = playing(hits, group=group)
    count = len(recording.times_s)
    return Judged(recording, np.arange(count), np.full((count, 5), 0.2, np.float32), list(answers), list(answers))


def test_row_45_five_classes_of_players_never_seen(result: Result) -> None:
    """Trained on players one and two, judged on three and four."""
    assert result.card.labels == sorted(LABELS, key=lambda label: (label != IDLE, label))
    found = {figure.name: figure for figure in result.headline}
    assert found["clips right"].value >= 90
    assert found["clips right"].count == 30
    assert result.windows.shape == (5, 5)
    right = found["windows right"]
    assert result.windows.sum() == right.count
    assert 100 * np.trace(result.windows) / result.windows.sum() == pytest.approx(right.value)
    assert (result.windows.argmax(axis=1) == np.arange(5)).all()
    by_group = next(table for table in result.tables if table.name == "by_group")
    assert [row.of for row in by_group.rows] == ["keller/four", "keller/three"]
    assert any("2 groups only" in words for words in result.remarks)
    assert not any("training data" in words for words in result.remarks)


def test_data_that_the_model_has_learnt_from_are_told(model: Path) -> None:
    learnt = evaluate(str(model), None, Wanted((model.parent / "learn.parquet",)))
    assert any("these very data as training data" in words for words in learnt.remarks)


def test_strokes_are_matched_by_time_for_the_confusion() -> None:
    """A forehand told as such, a backhand told as a forehand, one not told, one that nobody labelled."""
    one = judged(
        {1.0: "forehand", 2.5: "backhand", 4.0: "forehand"},
        told(1.1, "forehand"), told(2.4, "forehand"), told(5.5, "backhand"),
    )  # fmt: skip
    names = [*LABELS, MISSED]
    table = stroke_confusion([one], LABELS, 10)
    cells = {(names[i], names[j]): int(table[i, j]) for i, j in zip(*np.nonzero(table), strict=True)}
    assert cells == {
        ("forehand", "forehand"): 1, ("backhand", "forehand"): 1,
        ("forehand", MISSED): 1, (MISSED, "backhand"): 1,
    }  # fmt: skip
    html = confusion(table, [*LABELS, "nothing labelled"], names)
    assert "forehand slice" not in html  # never occurs
    assert "<small>50.0 %</small>" in html


def test_the_worst_are_drawn_by_kind_the_surest_mistake_first() -> None:
    one = judged({1.0: "forehand", 3.0: "backhand"}, told(1.0, "backhand", 0.7), told(5.0, "forehand", 0.8))
    two = judged({1.0: "forehand"}, told(1.0, "backhand_slice", 0.9), group="a/two")
    wrong, missed, invented = groups([one, two], LABELS, 10, most=1)
    assert (wrong.title, wrong.count, len(wrong.cases)) == ("Told as another stroke", 2, 1)
    assert wrong.cases[0].words.startswith("forehand, told backhand slice 0.90")
    assert missed.cases[0].words.startswith("backhand, its own probability 0.20")
    assert invented.cases[0].words.startswith("told forehand 0.80")


def test_what_a_data_set_does_not_tell_apart_is_added_up() -> None:
    plain = np.array([[0.1, 0.3, 0.2, 0.4, 0.0]], np.float32)
    both = merged(plain, LABELS, {"forehand_slice": "forehand"})
    np.testing.assert_allclose(both, [[0.1, 0.7, 0.2, 0.0, 0.0]])


def test_row_47_curves_hold_the_wrist_and_shade_labels_and_model() -> None:
    recording = playing({1.0: "forehand", 4.0: "backhand"})
    given = curves(recording, [told(1.1, "forehand"), told(4.0, "forehand_slice")])
    assert given.joint == "right_wrist"
    # Standing: 0.12 to the side of the hips, as high as they are; the torso is 0.3 long.
    np.testing.assert_allclose(given.place[0], [-0.4, 0], atol=1e-5)
    # At the hit the wrist is 0.4 further right.
    np.testing.assert_allclose(given.place[30], [(0.4 - 0.12) / 0.3, 0], atol=1e-5)
    assert abs(given.times_s[np.nanargmax(given.speed)] - 1.0) < 0.3
    colours = colours_of(list(WAYS))
    shaded = [shape for shape in drawn(given, colours).shapes if isinstance(shape, drawing.Box)]
    assert [box.colour for box in shaded] == [
        colours[s] for s in ("forehand", "backhand", "forehand", "forehand_slice")
    ]
    labels, model_ = shaded[0], shaded[2]
    assert labels.y < model_.y
    # 0.8 s and 0.6 s of 6 s on the same scale; the label begins at 0.6 s, the answer at 0.8 s.
    assert labels.width / model_.width == pytest.approx(0.8 / 0.6)
    assert model_.x - labels.x == pytest.approx(labels.width / 4)


def test_row_47_long_recordings_are_drawn_in_rows_and_gaps_stay_open() -> None:
    recording = playing({1.0: "forehand"}, seconds=40)
    recording.keypoints[600:660, :, :2] = np.nan
    picture = drawn(curves(recording), colours_of(list(WAYS)))
    assert picture.height > 2.5 * drawn(curves(recording), {}, 0, 15).height
    wrist = [
        s for s in drawn(curves(recording), {}, 15, 30).shapes if isinstance(s, drawing.Line) and s.colour == "bar"
    ]
    assert len(wrist) == 2  # before and after the two seconds in which nobody is seen


def test_drawings_are_svg_and_png(tmp_path: Path) -> None:
    picture = stick_figures(playing({1.0: "forehand"}), 1.0, "a <forehand>")
    tree = ElementTree.fromstring(drawing.svg_file(picture))
    assert tree.findtext("{http://www.w3.org/2000/svg}title") == "a <forehand>"
    image = cv2.imdecode(np.frombuffer(drawing.png(picture), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (2 * picture.height, 2 * picture.width, 3)
    blue, orange = (np.abs(image.astype(int) - colour).max(axis=2).min() for colour in ((240, 155, 46), (16, 125, 240)))
    assert (blue, orange) == (0, 0)  # both arms are there


def test_the_report_needs_no_network_and_says_what_metrics_say(result: Result, tmp_path: Path) -> None:
    metrics = publish(result, tmp_path / "out", 3, ["edgepose", "evaluate", "strokes", "a b.parquet"])
    page = (tmp_path / "out" / "report.html").read_text()
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == metrics
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "http:" not in page
    assert "https:" not in page
    assert "default-src 'none'" in page
    for title in ("Strokes found", "When they are", "By stroke", "Are the probabilities true?", "Strokes over time",
                  "What the model looks at", "Likeness to three", "Windows: which are taken for which"):  # fmt: skip
        assert title in page
    assert "evaluate strokes &#x27;a b.parquet&#x27;" in page
    assert metrics["format"] == "edgepose-evaluation/1"
    assert metrics["task"] == "strokes"
    assert {row["player"]: row["distance"] for row in metrics["likeness"]["players"]}["keller/three"] == 0
    assert sum(sum(row) for row in metrics["importance"]["by_time"].values()) <= 100.001
    events = next(table for table in metrics["tables"] if table["name"] == "events")
    assert [row["of"] for row in events["rows"]] == ["±3 frames", "±5 frames", "±10 frames"]
    assert len(chosen(result.judged)) == 6


def test_a_labelled_session_is_judged_and_a_group_can_be_picked(model: Path, clips: Path, tmp_path: Path) -> None:
    folder = write_session(tmp_path / "s", {1.5: "forehand", 4.0: "backhand"})
    on_session = measured(evaluate(str(model), None, Wanted((folder,))), [])
    assert on_session["data"]["strokes"] == 2
    picked = measured(evaluate(str(model), None, Wanted((clips,), groups=("four",))), [])
    assert picked["data"] | {"paths": [], "seconds": 0} == {
        "paths": [], "recordings": 15, "groups": 1, "strokes": 12, "seconds": 0
    }  # fmt: skip
    assert any("One group only" in words for words in picked["remarks"])


def test_labels_that_the_model_does_not_know_count_as_wrong(model: Path, tmp_path: Path) -> None:
    recordings = write_session(tmp_path / "s", {1.5: "forehand", 4.0: "backhand"})
    text = (recordings / "labels.csv").read_text()
    (recordings / "labels.csv").write_text(text.replace("backhand", "lob"))
    found = evaluate(str(model), None, Wanted((recordings,)))
    assert "Labels that the model does not know count as wrong: lob." in found.remarks
    assert found.labels[-1] == "lob"
    assert found.windows[-1].sum() > 0
    (recordings / "labels.csv").write_text(text.replace("backhand", "lob").replace("forehand", "dink"))
    with pytest.raises(SettingsError, match="knows none of the data's labels: dink, lob; it tells idle"):
        evaluate(str(model), None, Wanted((recordings,)))


def test_the_command_writes_report_and_curves(model: Path, clips: Path, tmp_path: Path) -> None:
    picture = tmp_path / "new" / "curves.png"
    done = edgepose("evaluate", "strokes", clips, "--model", model, "--limit", "6", "--report", tmp_path / "out",
                    "--curves", picture, "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout)
    assert metrics["data"]["recordings"] == 6
    assert metrics["model"]["name"] == "hampen-strokes"
    assert (tmp_path / "out" / "report.html").exists()
    assert cv2.imread(str(picture)).shape[1] > 900


def test_mistakes_are_one_line(model: Path, clips: Path, result: Result, tmp_path: Path) -> None:
    done = edgepose(
        "evaluate", "strokes", write_session(tmp_path / "bare", {1.5: "forehand"}, label=False), "-m", model
    )
    assert done.returncode == 2
    assert re.fullmatch(r"edgepose: .*bare: labels.csv is missing or empty.*\n", done.stderr)

    def wrong(message: str, **changes: object) -> None:
        wanted = replace(Wanted((clips,)), **changes)  # type: ignore[arg-type]
        with pytest.raises((SettingsError, ModelError), match=message):
            evaluate(str(model), None, wanted)

    (tmp_path / "empty").mkdir()
    with pytest.raises(Exception, match="empty.*is this a session folder"):
        evaluate(str(model), None, Wanted((tmp_path / "empty",)))
    wrong("no group 'federer' in the data; it has keller/four, keller/three", groups=("federer",))
    wrong("no group 'federer'", reference="federer")
    with pytest.raises(SettingsError, match="no recording 'x' in the data; it has three/neutral_0"):
        draw_curves(result, tmp_path / "c.png", "x")
    with pytest.raises(SettingsError, match=r"written as \.png or \.svg"):
        draw_curves(result, tmp_path / "c.gif", None)
    other = shutil.copytree(model, tmp_path / "other")
    card = json.loads((other / "card.json").read_text())
    (other / "card.json").write_text(json.dumps(card | {"skeleton": "h36m17"}))
    with pytest.raises(ModelError, match="labelled recordings are of coco17, this model looks at h36m17"):
        evaluate(str(other), None, Wanted((clips,)))


def test_readers_give_what_the_made_up_table_says(clips: Path) -> None:
    """Guards the other tests: six clips of every label, the hit in the middle."""
    recordings = read([clips])[0].recordings
    assert {r.action for r in recordings} == set(LABELS)
    assert len(recordings) == 30
