"""What ``edgepose pose`` reads and writes beside its results: the box table, OpenPose's files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from edgepose import boxes, build
from edgepose.card import ModelId
from edgepose.cli import pose
from edgepose.cli.results import Format
from edgepose.conversions import convert
from edgepose.decoders import View
from edgepose.errors import SettingsError, SourceError
from edgepose.estimator import Estimator
from edgepose.openpose_json import read_folder
from edgepose.runtimes import Signature
from edgepose.skeletons import BODY25, COCO17, OPENPOSE18, Skeleton
from edgepose.types import Array, Image, Pose, Track
from tests.end_to_end.programs import clip, edgepose, network

NET = ModelId("pose", "net", "0" * 64)


@dataclass
class Nothing:
    """A runtime that answers nothing."""

    signature: Signature = field(default_factory=lambda: Signature((), (), {}))

    def run(self, *arrays: Array) -> list[Array]:
        return []


class Finds:
    """A detector: in picture n of a clip of five somebody n px from the left, and nobody in picture 2."""

    skeleton = Skeleton("boxes", (), ())
    follows = needs_boxes = False

    def __init__(self) -> None:
        self.pictures = 0

    def views(self, image: Image, people: Sequence[Track] | None) -> list[View]:
        self.pictures += 1
        return [View(np.zeros(0), (self.pictures - 1) % 5)]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        if view.place == 2:
            return []
        box = np.array([view.place + 0.1, 10, view.place + 50.7, 100], np.float32)
        return [Pose(np.zeros((0, 3), np.float32), box, 0.8)]


class MiddleOfTheBox:
    """A top-down network: every joint in the middle of the box that it was given."""

    skeleton = COCO17
    follows, needs_boxes = False, True

    def views(self, image: Image, people: Sequence[Track] | None) -> list[View]:
        assert people is not None
        return [View(np.zeros(0), person.pose.box_xyxy) for person in people]

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        middle = (view.place[:2] + view.place[2:]) / 2
        return [Pose(np.tile(np.array([*middle, 0.9], np.float32), (17, 1)), view.place, 0.7)]


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch) -> Finds:
    """``--model`` top-down is the network with this detector, alone the network without, else the detector."""
    decoder = Finds()
    detector = Estimator(Nothing(), decoder, NET)
    models = {
        "top-down": Estimator(Nothing(), MiddleOfTheBox(), NET, detector),
        "alone": Estimator(Nothing(), MiddleOfTheBox(), NET),
    }
    monkeypatch.setattr(build, "estimator", lambda pose, models_dir, boxes=False: models.get(pose.model, detector))
    return decoder


def run(source: Path, out: Path, model: str = "top-down", **options: Path) -> list[dict]:
    assert pose.command(str(source), out, model, **options) == 0
    return list(json.loads(out.read_text()))


def test_row_4_pose_writes_the_table_where_it_is_not_and_reads_it_where_it_is(
    tmp_path: Path, finds: Finds, capsys: pytest.CaptureFixture[str]
) -> None:
    source, table = clip(tmp_path / "c.mp4", 5), tmp_path / "boxes.csv"
    first = run(source, tmp_path / "a.json", boxes=table)
    assert "boxes written to" in capsys.readouterr().err
    assert finds.pictures == 5
    rows = boxes.read(table)
    assert [(row.frame, len(row.scores)) for row in rows.values()] == [(0, 1), (1, 1), (2, 0), (3, 1), (4, 1)]
    assert rows[3].boxes_xyxy[0].tolist() == np.array([3.1, 10, 53.7, 100], np.float32).tolist()
    assert [row.time_s for row in rows.values()] == pytest.approx([n / 30 for n in range(5)], abs=1e-4)

    again = run(source, tmp_path / "b.json", "alone", boxes=table)
    assert f"{table}: read" in capsys.readouterr().err
    assert finds.pictures == 5, "the detector is not asked again"
    assert again == first
    assert [row["image_id"] for row in first] == [0, 1, 3, 4]
    assert first[2]["keypoints"][:2] == [28.4, 55.0]


def test_boxes_may_be_read_from_one_table_and_written_to_another(tmp_path: Path, finds: Finds) -> None:
    source, table, copy = clip(tmp_path / "c.mp4", 5), tmp_path / "boxes.csv", tmp_path / "copy.csv"
    run(source, tmp_path / "a.json", write_boxes=table)
    run(source, tmp_path / "b.json", "alone", boxes=table, write_boxes=copy)
    assert copy.read_text() == table.read_text()
    run(source, tmp_path / "c.json", write_boxes=copy)
    assert copy.read_text() == table.read_text()
    with pytest.raises(SettingsError, match="are one file"):
        run(source, tmp_path / "d.json", boxes=table, write_boxes=table)


def test_a_detector_alone_writes_its_boxes(tmp_path: Path, finds: Finds) -> None:
    table = tmp_path / "boxes.csv"
    rows = run(clip(tmp_path / "c.mp4", 5), tmp_path / "a.json", "detector", boxes=table)
    assert [(row["image_id"], row["keypoints"]) for row in rows] == [(n, []) for n in (0, 1, 3, 4)]
    assert len(boxes.read(table)) == 5


def test_boxes_that_do_not_fit_the_network_or_the_video(tmp_path: Path, finds: Finds) -> None:
    source, table, out = clip(tmp_path / "c.mp4", 5), tmp_path / "boxes.csv", tmp_path / "a.json"
    with pytest.raises(SettingsError, match=r"boxes.csv: net needs boxes and there are none yet: give --detector"):
        run(source, out, "alone", boxes=table)
    table.write_text("frame,time_s,boxes,scores\n0,0.0,[],[]\n1,0.03,[],[]\n")
    with pytest.raises(SettingsError, match=r"boxes.csv: is there and would be read, but net finds people by itself"):
        run(source, out, "detector", boxes=table)
    with pytest.raises(SourceError, match=r"boxes.csv: no row for frame 2; expected one for every frame"):
        run(source, out, boxes=table)
    assert not out.exists()
    assert len(boxes.read(table)) == 2


@pytest.mark.parametrize("people", [0, 1])
def test_a_network_that_finds_people_by_itself_writes_their_boxes(tmp_path: Path, people: int) -> None:
    table, net = tmp_path / "boxes.csv", str(network(tmp_path / "n.onnx", people))
    source = clip(tmp_path / "c.mp4", 3)
    run(source, tmp_path / "a.json", net, boxes=table)
    assert [len(row.scores) for row in boxes.read(table).values()] == [people] * 3
    with pytest.raises(SettingsError, match="finds people by itself; to write, --write-boxes"):
        run(source, tmp_path / "b.json", net, boxes=table)


def test_the_commands_own_words(tmp_path: Path) -> None:
    source, net, table = clip(tmp_path / "c.mp4", 2), network(tmp_path / "n.onnx"), tmp_path / "boxes.csv"
    result = edgepose("pose", source, "-m", net, "--write-boxes", table, "-o", tmp_path / "k", "--format", "openpose18")
    assert result.returncode == 0
    assert result.stderr == f"{tmp_path / 'k'}: 2 people in 2 pictures; boxes written to {table}\n"
    result = edgepose("pose", source, "-m", net, "--boxes", table, "-o", tmp_path / "a.json")
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
    result = edgepose("pose", source, "-m", net, "-o", tmp_path / "a.json", "--format", "body")
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
    assert "--format" in result.stderr


@pytest.mark.parametrize(
    ("form", "skeleton"), [(Format.OPENPOSE, BODY25), (Format.OPENPOSE18, OPENPOSE18), (None, BODY25)]
)
def test_row_40_pose_writes_openposes_files_and_they_are_read_again(
    tmp_path: Path, form: Format | None, skeleton: Skeleton
) -> None:
    source, net, out = clip(tmp_path / "rally.mp4", 3), str(network(tmp_path / "n.onnx")), tmp_path / "keypoints"
    results = run(source, tmp_path / "r.json", net)
    assert pose.command(str(source), out, net, form=form) == 0
    assert sorted(path.name for path in out.iterdir()) == [f"rally_{n:012d}_keypoints.json" for n in range(3)]
    frames = list(read_folder(out, skeleton))
    assert [frame for frame, _ in frames] == [0, 1, 2]
    for (_, (person,)), row in zip(frames, results, strict=True):
        own = np.reshape(row["keypoints"], (17, 3))
        np.testing.assert_allclose(person.pose.keypoints, convert(own, "coco17", skeleton.name), atol=0.02)
        assert person.pose.keypoints[1, 2] > 0, "the neck, which COCO has not"


def test_a_frame_with_nobody_has_its_openpose_file_too(tmp_path: Path) -> None:
    out = tmp_path / "keypoints"
    assert pose.command(str(clip(tmp_path / "c.mp4", 2)), out, str(network(tmp_path / "n.onnx", 0))) == 0
    assert [json.loads(path.read_text())["people"] for path in sorted(out.iterdir())] == [[], []]


def test_places_that_do_not_fit_the_format_are_refused(tmp_path: Path) -> None:
    source, net, out = clip(tmp_path / "c.mp4", 2), str(network(tmp_path / "n.onnx")), tmp_path / "keypoints"
    assert pose.command(str(source), out, net) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(SettingsError, match="keypoints: has OpenPose's files already; give a new folder"):
        pose.command(str(source), out, net)
    with pytest.raises(SettingsError, match="keypoints: is a folder; COCO results are one file"):
        pose.command(str(source), out, net, form=Format.COCO)
    with pytest.raises(SettingsError, match="no folder"):
        pose.command(str(source), tmp_path / "no" / "r.json", net)
    with pytest.raises(FileExistsError):
        pose.command(str(source), Path(net), net, form=Format.OPENPOSE)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
