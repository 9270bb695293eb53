"""Rendered pictures for the pose trainer: what is written, what the trainer reads back."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from edgepose.errors import SourceError
from edgepose.skeletons import COCO17
from edgepose_trainer.motionmodel.model import load
from edgepose_trainer.pose import sources
from edgepose_trainer.pose.augment import SHARES
from edgepose_trainer.pose.pictures import GUESSED, SEEN, decoded
from edgepose_trainer.render.pictures import Labelled
from edgepose_trainer.synth import pose_images
from edgepose_trainer.synth.command import command
from edgepose_trainer.synth.scene import play
from tests.trainer import pose_data as data

MODEL = load()
RIGHT_WRIST = COCO17.index("right_wrist")
LEFTY_SEED = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the command writes it."""
    out = tmp_path_factory.mktemp("rendered") / "pictures"
    assert command(out, pose_images=26, seed=4) == 0
    return out


def table(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "annotations.json").read_text()))


def test_it_is_a_coco_folder_with_its_licence(folder: Path) -> None:
    told = table(folder)
    assert told["categories"][0]["keypoints"] == list(COCO17.joints)
    assert told["categories"][0]["skeleton"][0] == [
        COCO17.edges[0][0] + 1,
        COCO17.edges[0][1] + 1,
    ]  # COCO counts from 1
    assert "CC BY-SA 3.0" in told["licenses"][0]["name"]
    assert told["images"][0]["file_name"] == "4-000001.jpg"
    # Blocks of 12 pictures of a size.
    assert Counter((i["width"], i["height"]) for i in told["images"]) == {(400, 300): 12, (480, 270): 12, (480, 360): 2}
    for image in told["images"]:
        assert cv2.imread(str(folder / "images" / image["file_name"])).shape == (image["height"], image["width"], 3)


def test_joints_lie_in_the_picture_and_nearly_all_in_their_box(folder: Path) -> None:
    told = table(folder)
    sizes = {image["id"]: (image["width"], image["height"]) for image in told["images"]}
    inside = []
    for person in told["annotations"]:
        joints = np.array(person["keypoints"]).reshape(17, 3)
        there = joints[joints[:, 2] > 0]
        assert len(there) == person["num_keypoints"] > 0
        assert (there[:, :2] > -0.51).all()
        assert (there[:, :2] < np.array(sizes[person["image_id"]]) + 0.51).all()
        x, y, width, height = person["bbox"]
        inside += [(x - 2 <= px <= x + width + 2 and y - 2 <= py <= y + height + 2) for px, py, _ in there.tolist()]
    assert np.mean(inside) > 0.995
    counts = Counter(person["image_id"] for person in told["annotations"])
    assert 1 <= max(counts.values()) <= 4


def test_more_pictures_of_a_seed_begin_with_the_same_ones(folder: Path, tmp_path: Path) -> None:
    pose_images.write(tmp_path / "few", 5, 4, MODEL, lambda text: None)
    few, many = table(tmp_path / "few"), table(folder)
    assert few["images"] == many["images"][:5]
    assert few["annotations"] == many["annotations"][: len(few["annotations"])]
    for image in few["images"]:
        assert all((one / "images" / image["file_name"]).is_file() for one in (folder, tmp_path / "few"))
    first = "images/4-000001.jpg"
    assert (tmp_path / "few" / first).read_bytes() == (folder / first).read_bytes()


def test_somebody_quite_hidden_is_ignored_and_somebody_half_hidden_is_not() -> None:
    """Fourteen of 17 joints hidden (0.82) is more than four fifths, thirteen (0.76) is not."""
    joints = np.zeros((2, 17, 3), np.float32)
    joints[..., 2] = SEEN
    joints[0, :14, 2] = joints[1, :13, 2] = GUESSED
    boxes = np.array([[10, 20, 30, 60], [0, 0, 5, 5]], np.float32)
    first, second = pose_images._people(Labelled(np.zeros((80, 80, 3), np.uint8), boxes, joints))
    assert (first["iscrowd"], second["iscrowd"]) == (1, 0)
    assert first["bbox"] == [10, 20, 20, 40]


def test_everybodys_moments_are_those_of_right_handers() -> None:
    """At the peak the racket's grip is at the right wrist; a left-hander's, mirrored, too."""
    court = play(MODEL, LEFTY_SEED, 4, 20.0, 5.2)
    assert {court.people[who].player.handedness for who, _ in court.hits} == {"left", "right"}
    strokes = pose_images.moments(court)
    for (who, hit), stroke in zip(court.hits, strokes, strict=False):
        person = court.people[who]
        grip = person.at(np.array([hit.time_s])).racket[0, 0]
        if person.player.handedness == "left":
            grip = grip * (-1, 1, 1)
        assert np.linalg.norm(stroke[24, RIGHT_WRIST] - grip) < 0.15  # 0.8 s from the beginning, 30 a second


def test_the_trainer_reads_them_beside_its_sources_and_inside_the_data_folder(folder: Path, tmp_path: Path) -> None:
    own = data.write_folder(tmp_path / "data")
    before = [picture.key for picture in sources.read(own)]
    both = sources.read(own, [folder])
    assert [picture.key for picture in both[: len(before)]] == before
    extra = both[len(before) :]
    assert {picture.source for picture in extra} == {"synthetic"}
    assert all(picture.everyone for picture in extra)
    told = table(folder)
    assert sum(len(picture.people) for picture in extra) == sum(not a["iscrowd"] for a in told["annotations"])
    assert sum(len(picture.crowds) for picture in extra) == sum(a["iscrowd"] for a in told["annotations"])
    assert decoded(extra[0]).shape == (300, 400, 3)
    (own / "synthetic").symlink_to(folder)
    assert [picture.key for picture in sources.read(own)] == [picture.key for picture in both]


def test_a_fiftieth_of_the_pictures_is_kept_aside_by_name() -> None:
    aside = [number for number in range(2000) if sources._share(f"1-{number:06d}.jpg", 2)]
    assert 20 < len(aside) < 60


def test_other_coco_pictures_are_named_by_their_folder_and_may_lie_beside_the_table(tmp_path: Path) -> None:
    joints = data.standing(48, 40)
    data.write_coco(tmp_path / "mine", {"1.png": data.drawn(joints)}, [data.coco_annotation(0, joints)])
    (tmp_path / "mine" / "images" / "1.png").rename(tmp_path / "mine" / "1.png")
    own = data.write_folder(tmp_path / "data")
    assert sources.read(own, [tmp_path / "mine"])[-1].key == "mine/1.png"


def test_the_same_pictures_twice_are_refused(folder: Path, tmp_path: Path) -> None:
    own = data.write_folder(tmp_path / "data")
    with pytest.raises(SourceError, match=r"synthetic/4-000001\.jpg: in two folders"):
        sources.read(own, [folder, folder])
    with pytest.raises(SourceError, match=r"nothing/annotations\.json: cannot read it"):
        sources.read(own, [tmp_path / "nothing"])


def test_photographs_stay_more_than_half_of_what_is_drawn() -> None:
    assert sum(SHARES.values()) == pytest.approx(1.0)
    assert 0 < SHARES["synthetic"] < 0.5


def test_two_steps_with_extra_pictures_name_them_in_the_card(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed (extra trainer)")
    from edgepose_trainer.cli import app

    own = data.write_folder(tmp_path / "data")
    arguments = ["pose", "--data", own, "--extra", folder, "--out", tmp_path / "model", "--work", tmp_path / "work"]
    done = CliRunner().invoke(app, [*map(str, arguments), *"--epochs 0 --size 64 --width 0.25".split()])
    assert done.exit_code == 0, done.output
    assert "synthetic 26" in done.output
    card = json.loads((tmp_path / "model" / "card.json").read_text())
    (ours,) = [one for one in card["data"] if "edgepose synth" in one["name"]]
    assert "CC BY-SA 3.0" in ours["licence"]
