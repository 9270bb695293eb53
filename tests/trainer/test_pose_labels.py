"""Whom the teacher and a finder add beside the labelled people, and the table that remembers them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edgepose.card import ModelId
from edgepose.errors import SourceError
from edgepose.geometry import box_iou, box_of_keypoints
from edgepose.skeletons import BOXES, COCO17, Skeleton
from edgepose.types import Pose
from edgepose_trainer.pose import augment, further, labels, sources, table
from edgepose_trainer.pose.canvas import Canvas, similarity
from edgepose_trainer.pose.pictures import GUESSED, NO_CROWDS, SEEN, UNKNOWN, Person, Picture, decoded
from edgepose_trainer.pose.table import Further, Table
from edgepose_trainer.pose.teacher import movenet
from tests.shared import MOVENET, POSENET, SHARED, needs
from tests.trainer import pose_data as data

POSE = SHARED / "data" / "pose"
WIDTH, HEIGHT = 240, 120
HERE, THERE = data.standing(60, 60), data.standing(160, 60)  # 26 px wide, 62 px high
WRISTS = [9, 10]


def picture_of_places() -> np.ndarray:
    """Its blue is x, its green y: whoever sees a crop knows where it was cut."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.dstack([x, y, np.full((HEIGHT, WIDTH), 255)]).astype(np.uint8)


class AllKnowing:
    """A teacher that knows the picture's people, and tells of the one nearest to the middle of its crop."""

    def __init__(self, *people: np.ndarray, confidence: float = 0.9) -> None:
        self.people, self.confidence, self.asked = people, np.full(17, confidence), 0

    def __call__(self, crop: np.ndarray) -> np.ndarray:
        self.asked += 1
        rows, columns = (crop[:, :, 2] == 255).nonzero()
        seen = np.column_stack([columns, rows, np.ones(len(rows))])
        places = np.column_stack([crop[rows, columns, :2].astype(float), np.ones(len(rows))])
        matrix = np.linalg.lstsq(places, seen[:, :2], rcond=None)[0]
        crops = [np.column_stack([joints, np.ones(17)]) @ matrix for joints in self.people]
        joints = min(crops, key=lambda joints: float(np.linalg.norm(joints.mean(axis=0) - 96)))
        if np.linalg.det(matrix[:2]) < 0:  # as a network would say of a mirror image
            joints, confidence = joints[COCO17.mirror], self.confidence[COCO17.mirror]
        else:
            confidence = self.confidence
        return np.column_stack([joints / 192, confidence]).astype(np.float32)


class Fixed:
    """A finder that always finds the same."""

    model = ModelId("pose", "fixed", "ab" * 32)

    def __init__(self, *found: np.ndarray, score: float = 0.8, skeleton: Skeleton = COCO17) -> None:
        self.skeleton, self.seen = skeleton, 0
        self._poses = [self._pose(joints, score - 0.01 * i) for i, joints in enumerate(found)]

    def _pose(self, joints: np.ndarray, score: float) -> Pose:
        keypoints = np.column_stack([joints, np.full(len(joints), 0.9)]).astype(np.float32)
        return Pose(keypoints[: len(self.skeleton)], box_of_keypoints(keypoints), score)

    def __call__(self, image: np.ndarray) -> Sequence[Pose]:
        self.seen += 1
        return self._poses


def labelled(joints: np.ndarray, state: int = SEEN) -> Person:
    box = np.concatenate([joints.min(axis=0) - 4, joints.max(axis=0) + 4]).astype(np.float32)
    return Person(box, np.column_stack([joints, np.full(17, state)]).astype(np.float32))


def added(finder: Fixed, teacher: AllKnowing, *known: Person, least: float = 0.0) -> list[Further]:
    return further.search(finder, teacher, picture_of_places(), known, least)


def test_somebody_unlabelled_on_whom_finder_and_teacher_agree_is_added() -> None:
    (one,) = added(Fixed(HERE, THERE), AllKnowing(HERE, THERE), labelled(HERE))
    person = further.person(one)
    np.testing.assert_allclose(person.joints[:, :2], THERE, atol=1)
    assert set(person.joints[:, 2]) == {GUESSED}
    # Joints from x 147 to 173 and y 28 to 90: a tenth of 62 px wider.
    np.testing.assert_allclose(one.box_xyxy, [147 - 6.2, 28 - 6.2, 173 + 6.2, 90 + 6.2], atol=1)
    assert one.score == pytest.approx(0.79)


def test_joints_of_which_the_teacher_is_not_sure_stay_open() -> None:
    teacher = AllKnowing(THERE)
    teacher.confidence[WRISTS] = 0.35
    (one,) = added(Fixed(THERE), teacher)
    assert [j for j in range(17) if further.person(one).joints[j, 2] == UNKNOWN] == WRISTS


@pytest.mark.parametrize(
    "found",
    [HERE, HERE + 3, HERE[COCO17.mirror], np.vstack([HERE[:11], HERE[5:11] + 1])],
    ids=["as labelled", "a little beside", "left for right", "its upper half"],
)
def test_a_labelled_person_found_again_is_not_added(found: np.ndarray) -> None:
    teacher = AllKnowing(HERE)
    assert not added(Fixed(found), teacher, labelled(HERE))
    assert not teacher.asked


def test_a_proposal_beside_a_labelled_person_of_whom_the_teacher_then_tells_is_not_added() -> None:
    beside = data.standing(76, 60)  # overlaps the labelled box by a quarter: is not that person by itself
    teacher = AllKnowing(HERE)
    assert not added(Fixed(beside, skeleton=BOXES), teacher, labelled(HERE))
    assert teacher.asked


def test_labelled_joints_tell_a_duplicate_where_the_boxes_do_not() -> None:
    elsewhere = Person(np.array([0, 0, 30, 15], np.float32), labelled(HERE).joints)
    assert not added(Fixed(HERE), AllKnowing(HERE), elsewhere)
    assert added(Fixed(HERE), AllKnowing(HERE), labelled(THERE))


@pytest.mark.parametrize("corners", [[[56, 20], [96, 100]], [[45, 60], [75, 100]]], ids=["IoU 0.43", "lies within"])
def test_boxes_alone_tell_a_duplicate(corners: list[list[int]]) -> None:
    boxed = Person(np.array([40, 20, 80, 100], np.float32), labelled(HERE, UNKNOWN).joints)
    teacher = AllKnowing(HERE)
    assert not added(Fixed(np.array(corners), skeleton=BOXES), teacher, boxed)
    assert not teacher.asked


def test_one_person_found_twice_is_added_once() -> None:
    assert len(added(Fixed(THERE, THERE + 9), AllKnowing(THERE))) == 1


@pytest.mark.parametrize(
    ("found", "taught"),
    [
        (THERE, data.standing(190, 60)),
        (THERE, (THERE - (160, 60)) * (1, -1) + (160, 60)),
        (THERE, (THERE - (160, 60)) * 0.4 + (160, 60)),
    ],
    ids=["beside", "upside down", "a small part"],
)
def test_nobody_is_added_where_the_teacher_means_something_else(found: np.ndarray, taught: np.ndarray) -> None:
    teacher = AllKnowing(taught)
    assert not added(Fixed(found), teacher)
    assert teacher.asked


def test_nobody_is_added_of_whom_the_teacher_is_not_sure() -> None:
    assert not added(Fixed(THERE), AllKnowing(THERE, confidence=0.35))
    no_torso = AllKnowing(THERE)
    no_torso.confidence[[5, 6, 11]] = 0.1
    assert not added(Fixed(THERE), no_torso)
    five = AllKnowing(THERE, confidence=0.3)
    five.confidence[[0, 5, 6, 11, 16]] = 0.9
    assert not added(Fixed(THERE), five)


def test_nobody_is_added_whose_joints_move_from_crop_to_crop() -> None:
    class Restless(AllKnowing):
        def __call__(self, crop: np.ndarray) -> np.ndarray:
            return super().__call__(crop) + np.float32([0, 0.08 * (-1) ** self.asked, 0])  # of the crop's 78 px: 6 px

    assert added(Fixed(THERE), AllKnowing(THERE))
    assert not added(Fixed(THERE), Restless(THERE))


def test_people_too_small_and_too_doubtful_are_not_even_asked_about() -> None:
    small = (THERE - (160, 60)) * 0.35 + (160, 60)  # 22 px
    teacher = AllKnowing(small, THERE)
    assert not added(Fixed(small), teacher)
    assert not added(Fixed(THERE, score=0.39), teacher, least=0.4)
    assert not teacher.asked


def test_a_detector_without_joints_is_a_finder_too() -> None:
    (one,) = added(Fixed(HERE, THERE, skeleton=BOXES), AllKnowing(HERE, THERE), labelled(HERE, UNKNOWN))
    np.testing.assert_allclose(further.person(one).joints[:, :2], THERE, atol=1)
    assert not added(Fixed(THERE, skeleton=BOXES), AllKnowing(data.standing(190, 60)))


def test_joints_outside_the_picture_are_left_open() -> None:
    low = data.standing(160, 95)  # ankles at y 125, of 120
    (one,) = added(Fixed(np.minimum(low, (239, 119))), AllKnowing(low))
    assert set(further.person(one).joints[[15, 16], 2]) == {UNKNOWN}
    assert one.box_xyxy[3] == HEIGHT  # up to the border, beyond which they go on


def somebody(joints: np.ndarray, score: float = 0.6) -> Further:
    answer = np.column_stack([joints, np.full(17, 0.9), np.full(17, 0.5)]).astype(np.float32)
    return Further(answer, labelled(joints).box_xyxy, score)


def test_table_keeps_labelled_and_added_people_and_who_made_it(tmp_path: Path) -> None:
    joints = {"lspet/a#0": np.full((17, 4), 2, np.float32)}
    people = {"lspet/a": (somebody(HERE, 0.75), somebody(THERE, 0.5)), "courtside/c": (somebody(HERE),)}
    made_by = {"teacher": "t@0", "finder": "f@1", "finder_score": 0.4, "rules": {"joints": 6}}
    path = table.save(tmp_path / "new" / "labels.npz", Table(joints, people, made_by))
    back = table.load(path)
    assert back.made_by == made_by
    np.testing.assert_array_equal(back.joints["lspet/a#0"], joints["lspet/a#0"])
    assert list(labels.load(path)) == ["lspet/a#0"]
    assert {key: len(found) for key, found in back.further.items()} == {"lspet/a": 2, "courtside/c": 1}
    assert [one.score for one in back.further["lspet/a"]] == [0.75, 0.5]
    np.testing.assert_array_equal(back.further["lspet/a"][1].answer, people["lspet/a"][1].answer)
    np.testing.assert_array_equal(back.further["lspet/a"][1].box_xyxy, people["lspet/a"][1].box_xyxy)
    assert [p.name for p in path.parent.iterdir()] == ["labels.npz"]


def test_tables_from_before_there_were_added_people_are_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "old.npz", keys=np.array(["lspet/a#0"]), joints=np.ones((1, 17, 4), np.float32))
    old = table.load(tmp_path / "old.npz")
    assert list(old.joints) == ["lspet/a#0"]
    assert not old.further
    assert not old.made_by


def test_what_is_no_table_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("nothing")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 cut")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    for name in ("text.npz", "cut.npz", "other.npz", "missing.npz"):
        with pytest.raises(SourceError, match=f"{name}.*pose-labels"):
            table.load(tmp_path / name)


def lspet(validation: bool = False, everyone: bool = False, *people: Person) -> Picture:
    encoded = data.drawn(HERE)
    return Picture("lspet", "a", encoded, people or (labelled(HERE),), everyone, NO_CROWDS, validation)


def test_added_people_come_behind_the_labelled_who_stay_as_they_are() -> None:
    (picture,) = labels.merged([lspet()], {}, {"lspet/a": (somebody(THERE),), "lspet/b": (somebody(HERE),)})
    first, second = picture.people
    np.testing.assert_array_equal(first.joints, labelled(HERE).joints)
    np.testing.assert_array_equal(second.joints[:, :2], THERE)
    assert set(second.joints[:, 2]) == {GUESSED}


def test_pictures_kept_aside_and_those_with_everybody_labelled_get_nobody() -> None:
    people = {"lspet/a": (somebody(THERE),)}
    for picture in (lspet(validation=True), lspet(everyone=True)):
        assert len(labels.merged([picture], {}, people)[0].people) == 1


def test_beside_added_people_the_picture_stays_ignored() -> None:
    (picture,) = labels.merged([lspet()], {}, {"lspet/a": (somebody(THERE),)})
    canvas = Canvas(256)
    canvas.place(picture, picture_of_places(), similarity(1, 0, np.zeros(2), np.zeros(2), False), (0, 0, 256, 256))
    ignored = canvas.sample(canvas.image).ignored
    assert ignored[60, 60] == ignored[60, 160] == 0
    assert ignored[60, 110] == ignored[10, 160] == 1


def test_who_touches_somebody_else_is_not_cut_out() -> None:
    alone, beside, touched = (
        lspet(False, False, labelled(HERE), *o) for o in ((), (labelled(THERE),), (labelled(HERE + 9),))
    )
    assert [augment._untouched(picture) for picture in (alone, beside, touched)] == [True, True, False]


def test_teacher_and_finder_go_through_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = data.write_folder(tmp_path / "data")
    file = tmp_path / "teacher.tflite"
    file.write_bytes(b"weights")
    told = np.column_stack([np.full((17, 2), 0.5), np.full(17, 0.9)]).astype(np.float32)
    monkeypatch.setattr(labels, "movenet", lambda path: lambda crop: told)
    monkeypatch.setattr(further, "ask", lambda teacher, image, person: somebody(data.standing(84, 40)).answer)
    finder, said = Fixed(data.standing(84, 40)), []
    path = labels.write(folder, file, tmp_path / "labels.npz", said.append, finder, 0.4)
    pictures = sources.read(folder)
    open_ = [p for p in pictures if labels.may_get_people(p)]
    assert finder.seen == len(open_) == 4 + len([p for p in open_ if p.source == "stanford40"]) + 1
    back = table.load(path)
    assert back.made_by["finder"] == "fixed@abababababab"
    assert back.made_by["teacher"].startswith("teacher@")
    assert back.made_by["finder_score"] == 0.4
    assert len(back.joints) == 5 + 4 + 2 + 1
    assert set(back.further) == {p.key for p in open_}
    assert said == [
        f"{len(pictures) - 1}/{len(pictures) - 1} pictures; {len(open_)} further people in {len(open_)} of them"
    ]
    people = {p.key: len(p.people) for p in labels.merged(pictures, back.joints, back.further)}
    assert people["lspet/im0.jpg"] == 2
    assert people["lspet/im9.jpg"] == 1  # kept aside
    assert people["coco_train_kp/1.png"] == 2  # everybody is labelled


@needs(POSE, MOVENET, POSENET)
def test_hidden_people_of_coco_are_found_again() -> None:
    finder, teacher = further.finder(str(POSENET), None, 0.4), movenet(MOVENET)
    found, right = 0, 0
    for picture in [p for p in sources.read(POSE) if p.source == "coco_train_kp" and len(p.people) > 1][:8]:
        largest, *hidden = sorted(picture.people, key=lambda p: -float((p.box_xyxy[2:] - p.box_xyxy[:2]).prod()))
        boxes = np.array([*(p.box_xyxy for p in hidden), *picture.crowds])
        for one in further.search(finder, teacher, decoded(picture), [largest], 0.4):
            found, right = found + 1, right + int(box_iou(one.box_xyxy[None], boxes).max() > 0.4)
    assert found >= 3
    assert right >= 0.8 * found
