"""edgepose evaluate pose: figures worked out by hand, pycocotools run by hand, and what the report may not do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from typer.testing import CliRunner

from edgepose.card import sha256_of
from edgepose.cli import app
from edgepose.config import PoseSettings
from edgepose.errors import ModelError, SettingsError, SourceError
from edgepose.skeletons import COCO17
from edgepose_trainer.evaluation import average_precision as precision
from edgepose_trainer.evaluation.gallery import groups
from edgepose_trainer.evaluation.pose import Wanted, evaluate, publish
from edgepose_trainer.pose import coco
from tests.end_to_end.programs import edgepose
from tests.onnx_files import constant_network, raw_yolo
from tests.trainer.pose_data import (
    HEIGHT,
    coco_annotation,
    drawn,
    lspet_row,
    standing,
    stanford_row,
    write_coco,
    write_folder,
    write_table,
)

SIDE = 96
DOWN = (SIDE - HEIGHT) // 2
"""The pictures are as wide as the network's input and lie in its middle."""


def answer(joints: np.ndarray, score: float = 0.9) -> tuple[list[float], float, np.ndarray]:
    """What the network says: the same person, in pixels of its input."""
    low, high = joints.min(axis=0) - 3, joints.max(axis=0) + 3
    centre, size = (low + high) / 2 + (0, DOWN), high - low
    return [*centre, *size], score, np.column_stack([joints + np.array([0, DOWN]), np.full(17, 0.9)])


def seeing(path: Path, *people: tuple[list[float], float, np.ndarray]) -> Path:
    """A network that sees these people in every picture."""
    return constant_network(path, (1, 3, SIDE, SIDE), raw_yolo(people))


def measured(network: Path, data: Path, **wanted: Any) -> dict[str, dict[str, Any]]:
    result = evaluate(PoseSettings(model=str(network), threads=1), None, Wanted(data, **wanted))
    return {figure.name: {"value": figure.value, "count": figure.count} for figure in result.headline}


def shifted(joints: np.ndarray, joint: str, x: float) -> np.ndarray:
    moved = joints.copy()
    moved[COCO17.index(joint)] += (x, 0)
    return moved


def one_person(folder: Path) -> Path:
    write_table(folder / "lspet224.parquet", [lspet_row("im1.jpg", standing(48, 40), "val")])
    return folder


def test_a_person_found_as_labelled_has_every_joint_right(tmp_path: Path) -> None:
    found = measured(seeing(tmp_path / "n.onnx", answer(standing(48, 40))), one_person(tmp_path))
    assert found["PCK@0.2 limbs"] == {"value": 100, "count": 12}
    assert found["found (IoU ≥ 0.4)"] == {"value": 100, "count": 1}
    assert "OKS-AP" not in found  # other people of LSPET are unlabelled


def test_row_12_one_wrist_two_tenths_of_the_torso_away_is_right_a_little_more_is_wrong(tmp_path: Path) -> None:
    person = standing(48, 40)  # left shoulder (8, -22), right hip (-5, 2): torso 27.3 px, a fifth 5.46
    data = one_person(tmp_path)
    near = measured(seeing(tmp_path / "a.onnx", answer(shifted(person, "left_wrist", 5.4))), data)
    far = measured(seeing(tmp_path / "b.onnx", answer(shifted(person, "left_wrist", 5.6))), data)
    assert near["PCK@0.2 limbs"]["value"] == 100
    assert far["PCK@0.2 limbs"]["value"] == pytest.approx(100 * 11 / 12)


def test_row_11_the_head_is_neck_to_crown_and_both_factors_are_given(tmp_path: Path) -> None:
    person = standing(48, 40)  # neck (0, -22), crown (0, -35): head 13 px, half 6.5, times 0.6 3.9
    network = seeing(tmp_path / "n.onnx", answer(shifted(person, "left_wrist", 5)))
    found = measured(network, one_person(tmp_path))
    assert found["PCKh@0.5 (head × 1)"] == {"value": 100, "count": 12}
    assert found["PCKh@0.5 (head × 0.6)"]["value"] == pytest.approx(100 * 11 / 12)


def test_a_missed_person_is_wrong_on_every_joint(tmp_path: Path) -> None:
    rows = [lspet_row("a.jpg", standing(25, 40), "val"), lspet_row("b.jpg", standing(72, 40), "val")]
    write_table(tmp_path / "lspet224.parquet", rows)
    found = measured(seeing(tmp_path / "n.onnx", answer(standing(25, 40))), tmp_path)
    assert found["PCK@0.2 limbs"] == {"value": 50, "count": 24}
    assert found["PCKh@0.5 (head × 1)"]["value"] == 50
    assert found["found (IoU ≥ 0.4)"]["value"] == 50


def test_two_labelled_people_are_not_both_found_by_one_answer(tmp_path: Path) -> None:
    people = standing(40, 40), standing(44, 40)
    write_coco(tmp_path / "d", {"1.png": drawn(*people)}, [coco_annotation(0, joints) for joints in people])
    found = measured(seeing(tmp_path / "n.onnx", answer(people[0])), tmp_path / "d")
    assert found["PCK@0.2 all joints"] == {"value": 50, "count": 34}


def a_crowded_folder(folder: Path) -> tuple[Path, Path]:
    """Six pictures of two people each, one of them labelled a little beside, a crowd, one without joints."""
    rng = np.random.default_rng(3)
    pictures, annotations = {}, []
    for number in range(6):
        people = [standing(26 + number, 40), standing(68 - number, 41)]
        pictures[f"{number}.png"] = drawn(*people)
        for joints in people:
            row = coco_annotation(number, joints + rng.normal(0, 1 + number / 2, (17, 2)), category_id=1)
            annotations.append({"id": len(annotations) + 1, "area": 900.0 + 400 * number, **row})
    annotations[3] |= {"iscrowd": 1}
    annotations[5] |= {"num_keypoints": 0, "keypoints": [0] * 51}
    write_coco(folder, pictures, annotations)
    labels = json.loads((folder / "annotations.json").read_text())
    labels["categories"] = [{"id": 1, "name": "person", "keypoints": list(COCO17.joints)}]
    (folder / "annotations.json").write_text(json.dumps(labels))
    network = seeing(
        folder / "n.onnx", answer(standing(27, 40), 0.8), answer(standing(66, 41), 0.1), answer(standing(48, 40), 0.3)
    )
    return folder, network


def by_hand(annotations: Path, results: Path, capsys: pytest.CaptureFixture[str]) -> np.ndarray:
    """(10,) what pycocotools says of two files."""
    truth = COCO(str(annotations))
    evaluation = COCOeval(truth, truth.loadRes(str(results)), "keypoints")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    capsys.readouterr()
    return np.asarray(evaluation.stats)


def test_row_32_ap_is_that_of_pycocotools_on_the_same_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, network = a_crowded_folder(tmp_path / "d")
    result = evaluate(PoseSettings(model=str(network), threads=1), None, Wanted(data))
    publish(result, tmp_path / "out", 2, ["edgepose"])
    stats = 100 * by_hand(data / "annotations.json", tmp_path / "out" / "people.json", capsys)
    ours = {figure.name: figure for figure in result.headline}
    assert 5 < stats[0] < 95  # neither nothing nor everything
    for name, index in (("OKS-AP", 0), ("OKS-AP50", 1), ("OKS-AP75", 2), ("OKS-AP medium", 3), ("OKS-AR", 5)):
        assert ours[name].value == pytest.approx(stats[index], abs=1e-9), name
    assert ours["OKS-AP"].low < ours["OKS-AP"].value < ours["OKS-AP"].high
    assert len(result.coco_results) == 18  # the unsure ones too


def test_row_32_ap_of_part_of_the_pictures_and_of_nobody_found(tmp_path: Path) -> None:
    data, network = a_crowded_folder(tmp_path / "d")
    assert measured(network, data, limit=3)["OKS-AP"]["count"] == 3
    table = coco.load(data / "annotations.json")
    assert [figure.value for figure in precision.average_precision(table, [], [0, 1])][:4] == [0, 0, 0, 0]


def test_an_annotation_without_an_area_gets_a_share_of_its_box(tmp_path: Path) -> None:
    write_coco(tmp_path, {"1.png": drawn()}, [coco_annotation(0, standing(40, 40))])
    table = coco.load(tmp_path / "annotations.json")
    _, _, width, height = table.annotations[0]["bbox"]
    assert table.guessed_areas == 1
    assert table.annotations[0]["area"] == pytest.approx(0.53 * width * height)
    result = evaluate(
        PoseSettings(model=str(seeing(tmp_path / "n.onnx", answer(standing(40, 40)))), threads=1),
        None,
        Wanted(tmp_path),
    )
    assert "no area" in result.judged.remarks[0]
    assert result.headline[0].value == pytest.approx(100)


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a model that always sees the same two people, on every source."""
    folder = tmp_path_factory.mktemp("reported")
    data = write_folder(folder / "data")
    write_table(data / "stanford40_pose.parquet", [stanford_row(f"r_{i}", standing(45, 40)) for i in range(30)])
    network = seeing(folder / "n.onnx", answer(standing(50, 40)), answer(standing(20, 40)))
    options = ["--model", str(network), "--data", str(data), "--report", str(folder / "out"), "--all", "--json"]
    outcome = CliRunner().invoke(app, ["evaluate", "pose", *options])
    assert outcome.exit_code == 0, outcome.output
    assert json.loads(outcome.stdout) == json.loads((folder / "out" / "metrics.json").read_text())
    return folder / "out"


def test_the_metrics_keep_their_form(reported: Path) -> None:
    metrics = json.loads((reported / "metrics.json").read_text())
    keys = ["format", "task", "date", "command", "model", "data", "headline", "tables", "remarks", "left_out"]
    assert list(metrics) == keys
    assert (metrics["format"], metrics["task"]) == ("edgepose-evaluation/1", "pose")
    assert all(list(f) == ["name", "value", "low", "high", "unit", "count", "of"] for f in metrics["headline"])
    names = [figure["name"] for figure in metrics["headline"]]
    assert names == [
        "OKS-AP", "OKS-AP50", "OKS-AP75", "OKS-AR", "OKS-AP medium", "OKS-AP large", "PCK@0.2 limbs",
        "PCK@0.2 all joints", "PCKh@0.5 (head × 1)", "PCKh@0.5 (head × 0.6)", "found (IoU ≥ 0.4)",
    ]  # fmt: skip
    tables = {table["name"]: table["rows"] for table in metrics["tables"]}
    assert list(tables) == ["by_source", "by_height", "by_share", "by_joint", "strangers"]
    assert [row["of"] for row in tables["by_source"]] == ["coco_train_kp", "courtside", "lspet", "stanford40"]
    assert [row["of"] for row in tables["by_height"]] == ["48–96 px"]
    assert len(tables["by_joint"]) == 17
    assert tables["strangers"][0]["of"] == "nobody there"
    assert tables["strangers"][0]["figures"][0]["value"] == 2  # both people that it always sees
    assert "NaN" not in (reported / "metrics.json").read_text()


def test_the_report_loads_nothing_from_anywhere(reported: Path) -> None:
    page = (reported / "report.html").read_text()
    assert not re.search(r"https?://|<script|<link|@import", page)
    assert set(re.findall(r"""(?:src|href)=["']?([a-z]+:|[^"'>]{0,12})""", page)) == {"data:"}
    assert "default-src 'none'" in page
    assert page.count("<img ") > 5
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles[:5] == [
        "By source",
        "By height of the person&#x27;s box, px of the picture",
        "By height of the person&#x27;s box, per cent of the picture&#x27;s height",
        "By joint",
        "People found who are not there, a picture",
    ]
    assert titles[-4] == "Found, but nobody is there: the surest"
    assert titles[-3:] == ["How it was measured", "The model", "This run"]


def test_the_tallest_missed_and_the_worst_found_come_first(tmp_path: Path) -> None:
    people = [standing(20, 40), standing(70, 40) * 0.9, standing(20, 40), standing(20, 40)]
    people[2] = shifted(shifted(people[2], "left_knee", 9), "right_knee", 9)
    people[3] = shifted(people[3], "left_knee", 9)
    taller = standing(70, 40)
    rows = [lspet_row(f"{i}.jpg", joints, "val") for i, joints in enumerate([*people, taller])]
    write_table(tmp_path / "lspet224.parquet", rows)
    network = seeing(tmp_path / "n.onnx", answer(standing(20, 40)))
    result = evaluate(PoseSettings(model=str(network), threads=1), None, Wanted(tmp_path))
    found = {
        group.title: [(case.words.split(",")[0], case.words[-5]) for case in group.cases]
        for group in groups(result.people, result.judged.pictures, result.found, 2)
    }
    assert found == {
        "Missed, the tallest first": [("missed", "4"), ("missed", "1")],
        "Found, with the most joints wrong": [("10 of 12 joints right", "2"), ("11 of 12 joints right", "3")],
        "In the middle of all who were found": [("10 of 12 joints right", "2"), ("11 of 12 joints right", "3")],
    }


def test_names_in_the_report_cannot_break_it(tmp_path: Path) -> None:
    write_table(tmp_path / "lspet224.parquet", [lspet_row("<b>&.jpg", standing(48, 40), "val")])
    result = evaluate(
        PoseSettings(model=str(seeing(tmp_path / "n.onnx", answer(standing(48, 40)))), threads=1),
        None,
        Wanted(tmp_path),
    )
    publish(result, tmp_path / "out", 3, ["edgepose", "a'b"])
    page = (tmp_path / "out" / "report.html").read_text()
    assert "lspet/&lt;b&gt;&amp;.jpg" in page
    assert "<b>&.jpg" not in page


def no_labels(folder: Path) -> str:
    (folder / "picture.png").write_bytes(drawn())
    return "no labels in it"


def only_boxes(folder: Path) -> str:
    write_coco(folder, {"1.png": drawn()}, [{"image_id": 0, "bbox": [1, 1, 9, 9]}])
    return "without keypoints"


def other_joints(folder: Path) -> str:
    annotation = {"image_id": 0, "bbox": [1, 1, 9, 9], "keypoints": [1, 1, 2] * 16}
    write_coco(folder, {"1.png": drawn()}, [annotation])
    return "expected 51 numbers"


def lost_pictures(folder: Path) -> str:
    write_coco(folder, {"1.png": drawn()}, [coco_annotation(0, standing(40, 40))])
    (folder / "images" / "1.png").unlink()
    return "names the picture 1.png"


def broken_labels(folder: Path) -> str:
    (folder / "labels.json").write_text("{")
    return "no COCO keypoint annotations"


def two_files(folder: Path) -> str:
    broken_labels(folder)
    (folder / "more.json").write_text("{}")
    return "say which with --annotations"


@pytest.mark.parametrize("spoil", [no_labels, only_boxes, other_joints, lost_pictures, broken_labels, two_files])
def test_a_folder_that_cannot_judge_is_one_line(spoil: Callable[[Path], str], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    complaint = spoil(tmp_path / "data")
    network = seeing(tmp_path / "n.onnx", answer(standing(40, 40)))
    with pytest.raises((SettingsError, SourceError), match=re.escape(complaint)):
        evaluate(PoseSettings(model=str(network), threads=1), None, Wanted(tmp_path / "data"))


def test_a_model_with_other_joints_is_refused(tmp_path: Path) -> None:
    data, folder = one_person(tmp_path), tmp_path / "other"
    folder.mkdir()
    weights = seeing(folder / "n.onnx", answer(standing(48, 40)))
    card = {"name": "other", "version": "1", "task": "pose", "runtime": "onnx", "skeleton": "h36m17", "licence": "none"}
    card |= {"decoder": "yolo_pose", "files": [{"path": "n.onnx", "sha256": sha256_of(weights)}]}
    (folder / "card.json").write_text(json.dumps({"format": "edgepose-card/1", **card}))
    with pytest.raises(ModelError, match="labels are of coco17, this model finds h36m17"):
        evaluate(PoseSettings(model=str(folder), threads=1), None, Wanted(data))


def test_no_such_model_exits_with_2_and_one_line(tmp_path: Path) -> None:
    data = one_person(tmp_path / "data")
    outcome = edgepose("evaluate", "pose", "-m", "nosuch", "--data", data, "--report", tmp_path / "out")
    assert outcome.returncode == 2, outcome.stderr
    assert "no model 'nosuch'" in outcome.stderr
    assert outcome.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
