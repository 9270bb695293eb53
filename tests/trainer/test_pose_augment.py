"""Samples for the pose trainer: where people, joints and the unlabelled end up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgepose.skeletons import COCO17
from edgepose_trainer.pose import sources
from edgepose_trainer.pose.augment import Augmenter, PictureCache
from edgepose_trainer.pose.canvas import GREY, Canvas, moved, similarity
from edgepose_trainer.pose.photometric import motion_kernel, spoil
from edgepose_trainer.pose.pictures import (
    ABSENT,
    LIMBS,
    NO_CROWDS,
    SEEN,
    UNKNOWN,
    Person,
    Picture,
    decoded,
    torso_px,
)
from tests.trainer import pose_data as data

LEFT, RIGHT = COCO17.indices("left_wrist", "right_wrist")
ALL = (0, 0, 100, 100)


def person(x: float = 48, y: float = 40) -> Person:
    joints = np.column_stack([data.standing(x, y), np.full(17, SEEN)]).astype(np.float32)
    return Person(np.array([x - 15, y - 33, x + 15, y + 32], np.float32), joints)


def picture(*people: Person, everyone: bool = False) -> Picture:
    encoded = data.drawn(*(one.joints[:, :2] for one in people))
    return Picture("lspet", str(len(people)), encoded, people, everyone, NO_CROWDS)


def shift(x: float = 0, y: float = 0, scale: float = 1.0) -> np.ndarray:
    return similarity(scale, 0, np.zeros(2), np.array([x, y]), False)


def test_mirroring_swaps_left_and_right() -> None:
    mirrored = moved(person(), similarity(1, 0, np.array([48, 40]), np.array([48, 40]), True), 100)
    np.testing.assert_allclose(mirrored.joints[LEFT, :2], person().joints[LEFT, :2], atol=1e-4)  # a symmetric stance
    one_armed = person()
    one_armed.joints[LEFT] = (48, 40, UNKNOWN)
    mirrored = moved(one_armed, similarity(1, 0, np.array([48, 40]), np.array([48, 40]), True), 100)
    assert mirrored.joints[RIGHT, 2] == UNKNOWN
    assert mirrored.joints[LEFT, 2] == SEEN


def test_a_quarter_turn_lays_the_person_down() -> None:
    lying = moved(person(), similarity(1, 90, np.array([48, 40]), np.array([50, 50]), False), 100)
    # x right, y down: the head, 30 px above, comes to lie 30 px to the right.
    np.testing.assert_allclose(lying.joints[0, :2], [80, 50], atol=1e-3)
    width, height = lying.box_xyxy[2:] - lying.box_xyxy[:2]
    assert (width, height) == pytest.approx((65, 30), abs=3)


def test_scaling_by_two_doubles_the_torso_and_the_box() -> None:
    large = moved(person(), shift(scale=2), 200)
    assert torso_px(large.joints) == pytest.approx(2 * torso_px(person().joints))
    np.testing.assert_allclose(large.box_xyxy, 2 * person().box_xyxy, atol=1.5)  # joints keep a margin


def test_outside_the_labelled_box_of_such_a_picture_anybody_may_be() -> None:
    canvas = Canvas(100)
    one = picture(person())
    canvas.place(one, decoded(one), shift(), ALL)
    ignored = canvas.sample(canvas.image).ignored
    assert ignored[5, 5] == 1  # the picture, far from the labelled person
    assert ignored[40, 48] == 0  # inside their box
    assert ignored[90, 50] == 0  # below the picture: grey, certainly nobody
    assert (canvas.image[95, 50] == GREY).all()


def test_where_everybody_is_labelled_all_else_is_background() -> None:
    canvas = Canvas(100)
    one = picture(person(), everyone=True)
    canvas.place(one, decoded(one), shift(), ALL)
    assert not canvas.sample(canvas.image).ignored.any()


def test_joints_outside_the_tile_are_absent_and_people_mostly_outside_are_ignored() -> None:
    canvas = Canvas(100)
    one = picture(person(), everyone=True)
    canvas.place(one, decoded(one), shift(0, 30), ALL)  # ankles at y 100: outside
    sample = canvas.sample(canvas.image)
    ankles = COCO17.indices("left_ankle", "right_ankle")
    assert (sample.joints[0, ankles, 2] == ABSENT).all()
    assert (sample.joints[0, LIMBS[:4], 2] == SEEN).all()
    assert sample.boxes[0, 3] == 100
    canvas = Canvas(100)
    canvas.place(one, decoded(one), shift(0, 75), ALL)  # only the head is left
    sample = canvas.sample(canvas.image)
    assert len(sample.boxes) == 0
    assert sample.ignored[95, 48] == 1


def test_who_is_covered_is_gone_and_covered_joints_are_open() -> None:
    canvas = Canvas(100)
    one = picture(person(30, 40), everyone=True)
    canvas.place(one, decoded(one), shift(), ALL)
    image = np.full((100, 100, 3), 200, np.uint8)
    mask = np.zeros((100, 100), np.uint8)
    mask[:30] = 255  # head and shoulders
    canvas.cover(image, shift(), mask)
    sample = canvas.sample(canvas.image)
    assert sample.joints[0, 0, 2] == UNKNOWN
    assert sample.joints[0, 15, 2] == SEEN
    assert (canvas.image[10, 50] == 200).all()
    mask[:60] = 255
    canvas.cover(image, shift(), mask)
    assert len(canvas.sample(canvas.image).boxes) == 0


def test_a_pasted_person_stands_where_they_were_put_and_is_labelled() -> None:
    canvas = Canvas(100)
    cut = person()
    mask = np.zeros((data.HEIGHT, data.WIDTH), np.uint8)
    mask[5:75, 30:66] = 255
    canvas.paste(cut, decoded(picture(cut)), shift(10, 15), mask)
    sample = canvas.sample(canvas.image)
    np.testing.assert_allclose(sample.joints[0, :, :2], cut.joints[:, :2] + (10, 15))
    x, y = sample.joints[0, LEFT, :2].astype(int)
    assert sample.image[y, x].min() > 150  # the white stick is there
    assert not sample.ignored.any()


@pytest.fixture
def augmenter(tmp_path: Path) -> Augmenter:
    found = sources.read(data.write_folder(tmp_path))
    return Augmenter([p for p in found if not p.validation], 128, PictureCache(1 << 20))


def test_samples_hold_several_people_whose_joints_lie_on_the_canvas(augmenter: Augmenter) -> None:
    rng = np.random.default_rng(1)
    samples = [augmenter(rng) for _ in range(400)]
    counts = [len(sample.boxes) for sample in samples]
    assert max(counts) >= 4
    assert 0 in counts  # pictures without anybody
    for sample in samples:
        assert sample.image.shape == (128, 128, 3)
        located = sample.joints[sample.joints[..., 2] > 0]
        assert (located[:, :2] >= 0).all()
        assert (located[:, :2] <= 128).all()
        assert (sample.boxes[:, 2:] > sample.boxes[:, :2]).all()
    lengths = np.concatenate([(s.boxes[:, 2:] - s.boxes[:, :2]).max(axis=1) for s in samples if len(s.boxes)])
    assert np.percentile(lengths, 10) < 30 < 60 < np.percentile(lengths, 95)


def test_row_63_joints_of_open_sources_stay_open_through_augmentation(tmp_path: Path) -> None:
    data.write_table(tmp_path / "lspet224.parquet", [data.lspet_row("a", data.standing(48, 40))])
    draw = Augmenter(sources.read(tmp_path), 128, PictureCache(1 << 20))
    rng = np.random.default_rng(2)
    joints = np.concatenate([draw(rng).joints for _ in range(60)])
    assert len(joints) > 40
    assert set(np.unique(joints[:, :5, 2])) == {UNKNOWN}
    assert SEEN in joints[:, LIMBS, 2]


def test_the_same_seed_draws_the_same_sample(augmenter: Augmenter) -> None:
    first, second = (augmenter(np.random.default_rng([7, 3])) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.joints, second.joints)


def test_somebody_in_the_distance_is_not_blown_up_beyond_what_can_be_seen() -> None:
    far = shift(30, 30, 0.3)  # 20 px high
    draw = Augmenter([picture(moved(person(), far, 96))], 200, PictureCache(0))
    samples = [draw(np.random.default_rng(seed)) for seed in range(60)]
    sides = np.concatenate([(sample.boxes[:, 2:] - sample.boxes[:, :2]).max(axis=1) for sample in samples])
    assert 40 < sides.max() < 3.3 * 20  # some room for the slack round turned joints


def test_spoiling_keeps_size_and_kind() -> None:
    image = np.full((64, 64, 3), 100, np.uint8)
    rng = np.random.default_rng(4)
    for _ in range(40):
        spoiled = spoil(image.copy(), rng)
        assert spoiled.shape == image.shape
        assert spoiled.dtype == np.uint8


@pytest.mark.parametrize("angle", [0, 37, 90])
def test_motion_kernel_spreads_light_and_loses_none(angle: float) -> None:
    kernel = motion_kernel(7, angle)
    assert kernel.sum() == pytest.approx(1)
    assert np.count_nonzero(kernel) >= 5


def test_the_cache_stays_within_its_bytes(tmp_path: Path) -> None:
    found = sources.read(data.write_folder(tmp_path))
    one = data.WIDTH * data.HEIGHT * 3
    cache = PictureCache(2 * one)
    images = [cache(p) for p in found[:4]]
    assert cache(found[0]) is images[0]
    assert cache(found[3]) is not images[3]
