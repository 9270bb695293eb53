"""What each pose source labels and leaves open, and what the teacher may add to it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edgepose.errors import SourceError
from edgepose.skeletons import COCO17
from edgepose_trainer.pose import labels, sources
from edgepose_trainer.pose.pictures import (
    ABSENT,
    FACE,
    GUESSED,
    LIMBS,
    SEEN,
    UNKNOWN,
    Person,
    Picture,
    decoded,
    torso_px,
)
from tests.shared import MOVENET, SHARED, needs
from tests.trainer import pose_data as data

POSE = SHARED / "data" / "pose"
WRIST = COCO17.index("left_wrist")


def only(folder: Path) -> Person:
    (picture,) = sources.read(folder)
    (person,) = picture.people
    return person


def test_lspet_labels_limbs_of_one_person_and_leaves_the_rest_open(tmp_path: Path) -> None:
    joints = data.standing(48, 40)
    data.write_table(tmp_path / "lspet224.parquet", [data.lspet_row("a", joints, left_wrist_v=0)])
    (picture,) = sources.read(tmp_path)
    assert not picture.everyone
    person = picture.people[0]
    assert set(person.joints[FACE, 2]) == {UNKNOWN}
    assert person.joints[WRIST, 2] == UNKNOWN
    known = [joint for joint in LIMBS if joint != WRIST]
    np.testing.assert_allclose(person.joints[known, :2], joints[known])
    assert set(person.joints[known, 2]) == {SEEN}
    # Joints from head top (y 5) to ankles (70), wrists at 35 and 61: 7 % of 65 px wider.
    np.testing.assert_allclose(person.box_xyxy, [35 - 4.55, 5 - 4.55, 60 + 4.55, 70 + 4.55], atol=0.01)


def test_lspet_joints_with_left_and_right_in_doubt_are_open_but_the_box_counts(tmp_path: Path) -> None:
    data.write_table(tmp_path / "lspet224.parquet", [data.lspet_row("a", data.standing(48, 40), torso_cross=True)])
    assert set(only(tmp_path).joints[:, 2]) == {UNKNOWN}


def test_stanford_joints_squeezed_to_the_border_are_not_in_the_picture(tmp_path: Path) -> None:
    joints = data.standing(48, 40)
    joints[COCO17.index("left_ankle")] = (54, 79)
    joints[WRIST] = (93, 10)  # far from the box, which is drawn round the others
    row = data.stanford_row("a", joints) | {"box_x1": 65.0, "box_y1": 78.0}
    data.write_table(tmp_path / "stanford40_pose.parquet", [row])
    states = only(tmp_path).joints[:, 2]
    assert states[COCO17.index("left_ankle")] == ABSENT
    assert states[WRIST] == ABSENT
    assert Counter(states.tolist()) == {GUESSED: 15, ABSENT: 2}


def test_coco_crowds_and_people_without_joints_are_ignored_not_background(tmp_path: Path) -> None:
    joints = data.standing(48, 40)
    annotations = [
        data.coco_annotation(0, joints),
        data.coco_annotation(0, joints, iscrowd=1),
        data.coco_annotation(0, joints, num_keypoints=0),
    ]
    data.write_coco(tmp_path / "coco_train_kp", {"1.png": data.drawn(joints)}, annotations)
    (picture,) = sources.read(tmp_path)
    assert picture.everyone
    assert len(picture.people) == 1
    assert picture.crowds.shape == (2, 4)


def test_a_folder_without_pose_data_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"lspet224\.parquet"):
        sources.read(tmp_path)


def test_teacher_sees_upright_mirrored_shifted_crops_and_answers_in_the_picture() -> None:
    """A teacher that finds a red spot as left wrist and a blue one as right: its mirrored crops swap the two."""
    image = np.zeros((200, 300, 3), np.uint8)
    image[95:106, 195:206] = (0, 0, 255)
    image[95:106, 95:106] = (255, 0, 0)

    def teacher(crop: np.ndarray) -> np.ndarray:
        answer = np.zeros((17, 3), np.float32)
        red, blue = ((crop[:, :, channel] > 128).nonzero() for channel in (2, 0))
        spots = {"left": red, "right": blue}
        if red[1].mean() < blue[1].mean():  # as a network would say of a mirror image
            spots = {"left": blue, "right": red}
        for side, (rows, columns) in spots.items():
            answer[COCO17.index(f"{side}_wrist")] = (columns.mean() / 192, rows.mean() / 192, 0.8)
        return answer

    person = Person(np.array([80, 40, 220, 160], np.float32), np.zeros((17, 3), np.float32))
    found = labels.ask(teacher, image, person)
    np.testing.assert_allclose(found[WRIST, :3], [200, 100, 0.8], atol=1.5)
    np.testing.assert_allclose(found[COCO17.index("right_wrist"), :3], [100, 100, 0.8], atol=1.5)
    assert (found[[9, 10], 3] < 1.5).all()


def test_somebody_lying_is_turned_upright_for_the_teacher() -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    image[95:106, 145:156] = 255  # the head, to the right of the middle
    seen = []

    def teacher(crop: np.ndarray) -> np.ndarray:
        rows, columns = (crop[:, :, 0] > 128).nonzero()
        seen.append((columns.mean(), rows.mean()))
        return np.tile(np.array([columns.mean() / 192, rows.mean() / 192, 0.9], np.float32), (17, 1))

    joints = np.zeros((17, 3), np.float32)
    joints[[5, 6]], joints[[11, 12]] = (130, 100, SEEN), (100, 100, SEEN)
    found = labels.ask(teacher, image, Person(np.array([50, 50, 150, 150], np.float32), joints))
    assert seen[0][0] == pytest.approx(96, abs=2)
    assert seen[0][1] == pytest.approx(96 - 50 * 192 / 125, abs=2)
    np.testing.assert_allclose(found[:, :2], np.tile([150, 100], (17, 1)), atol=1.5)


def answered(joints: np.ndarray, confidence: float = 0.9, spread: float = 0.5) -> np.ndarray:
    return np.column_stack([joints, np.full((17, 2), (confidence, spread))]).astype(np.float32)


def merged(folder: Path, key: str, answer: np.ndarray) -> Person:
    (picture,) = labels.merged(sources.read(folder), {key: answer})
    return picture.people[0]


def test_where_a_label_exists_it_wins(tmp_path: Path) -> None:
    joints = data.standing(48, 40)
    data.write_table(tmp_path / "lspet224.parquet", [data.lspet_row("a", joints)])
    person = merged(tmp_path, "lspet/a#0", answered(joints + 1))
    np.testing.assert_allclose(person.joints[LIMBS, :2], joints[LIMBS])
    np.testing.assert_allclose(person.joints[FACE, :2], joints[FACE] + 1)
    assert set(person.joints[:, 2]) == {SEEN}


def test_a_teacher_that_missed_the_shoulders_is_not_asked_about_the_face(tmp_path: Path) -> None:
    joints = data.standing(48, 40)
    data.write_table(tmp_path / "lspet224.parquet", [data.lspet_row("a", joints)])
    assert set(merged(tmp_path, "lspet/a#0", answered(joints + 20)).joints[FACE, 2]) == {UNKNOWN}
    assert set(merged(tmp_path, "lspet/a#0", answered(joints, confidence=0.2)).joints[FACE, 2]) == {UNKNOWN}
    assert set(merged(tmp_path, "lspet/a#0", answered(joints, spread=30)).joints[FACE, 2]) == {UNKNOWN}


def test_a_networks_joints_count_as_seen_where_the_teacher_agrees(tmp_path: Path) -> None:
    joints = data.standing(48, 40)
    data.write_table(tmp_path / "stanford40_pose.parquet", [data.stanford_row("a", joints)])
    told = answered(joints)
    told[WRIST, :2] += 15  # torso: hypot(13, 24) = 27.3 px; sure of a place more than 0.4 of it away
    told[7, 2] = 0.1  # not sure: stays guessed
    person = merged(tmp_path, "stanford40/a#0", told)
    assert person.joints[WRIST, 2] == UNKNOWN
    assert person.joints[7, 2] == GUESSED
    assert Counter(person.joints[:, 2].tolist()) == {SEEN: 15, UNKNOWN: 1, GUESSED: 1}
    np.testing.assert_allclose(person.joints[:, :2], joints)


def test_the_courts_players_get_the_joints_of_which_the_teacher_is_sure(tmp_path: Path) -> None:
    joints = data.standing(48, 40)
    box = {"image_id": 0, "bbox": [30, 5, 36, 70], "iscrowd": 0}
    data.write_coco(tmp_path / "courtside_tennis", {"b.png": data.drawn(joints)}, [box], video="b")
    told = answered(joints)
    told[WRIST, 2] = 0.3
    person = merged(tmp_path, "courtside/b.png#0", told)
    assert person.joints[WRIST, 2] == UNKNOWN
    assert person.located.sum() == 16


def test_teachers_table_is_written_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data.write_folder(tmp_path / "data")
    monkeypatch.setattr(labels, "movenet", lambda path: lambda crop: np.full((17, 3), 0.5, np.float32))
    table = labels.load(labels.write(tmp_path / "data", MOVENET, tmp_path / "out" / "labels.npz", lambda text: None))
    assert len(table) == 5 + 4 + 2 + 1  # everybody with a box
    assert all(answer.shape == (17, 4) for answer in table.values())
    with pytest.raises(SourceError, match="pose-labels"):
        labels.load(tmp_path / "nothing.npz")


@pytest.fixture(scope="module")
def real() -> list[Picture]:
    return sources.read(POSE)


@needs(POSE)
def test_row_63_real_sources_have_their_own_joint_masks(real: list[Picture]) -> None:
    counts = Counter((picture.source, picture.validation) for picture in real)
    assert counts["lspet", False] == 7938
    assert counts["lspet", True] == 474
    assert 0.05 < counts["stanford40", True] / 5269 < 0.10
    assert counts["coco_train_kp", True] == 20
    assert {p.name[0] for p in real if p.source == "courtside" and p.validation} == {sources.HELD_OUT_VIDEO}
    assert {p.name[0] for p in real if p.source == "courtside" and not p.validation} == {"b"}
    faces = {s: [p.people[0].joints[FACE, 2].max() for p in real if p.source == s and p.people] for s, _ in counts}
    assert max(faces["lspet"]) == UNKNOWN
    assert max(faces["coco_train_kp"]) == SEEN


@needs(POSE, MOVENET)
def test_movenet_agrees_with_the_labels_of_upright_people(real: list[Picture]) -> None:
    teacher, shares = labels.movenet(MOVENET), []
    for picture in [p for p in real if p.name.startswith("waving_hands_01")]:
        person = picture.people[0]
        answer = labels.ask(teacher, decoded(picture), person)
        apart = np.linalg.norm(answer[:, :2] - person.joints[:, :2], axis=1) / torso_px(person.joints)
        shares.append((apart[(answer[:, 2] > 0.5) & person.located] < 0.2).mean())
    assert len(shares) == 9
    assert np.median(shares) > 0.9  # somebody seen from behind is taken for their mirror image now and then
