"""Closer looks: squares round people who are followed, and their poses back in the frame; places worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from edgepose import build
from edgepose.card import ModelId
from edgepose.config import PoseSettings
from edgepose.decoders import View
from edgepose.errors import SettingsError
from edgepose.estimator import Estimator
from edgepose.looks import Look, Looker
from edgepose.models import look_of
from edgepose.runtimes import Signature
from edgepose.skeletons import COCO17
from edgepose.types import Pose, Track
from tests.shared import MOVENET, needs

SIDE = 200
FAR = (400.0, 180.0, 420.0, 230.0)  # 50 px long: a square of 100 px, enlarged twice
SQUARE = (360, 155, 460, 255)
LARGE = (100.0, 40.0, 300.0, 440.0)


def looks(*people: tuple[float, ...], looker: Looker | None = None) -> list[Look]:
    """Of a black frame with one white pixel, in the middle of FAR."""
    image = np.zeros((480, 640, 3), np.uint8)
    image[205, 410] = 255
    return (looker or Looker((SIDE, SIDE))).looks(image, [Track(0, pose(*box)) for box in people])


def pose(*box: float, score: float = 0.9) -> Pose:
    """Joints in the middle of the box."""
    keypoints = np.ones((17, 3), np.float32)
    keypoints[:, :2] = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return Pose(keypoints, np.array(box, np.float32), score)


def test_somebody_small_is_enlarged_round_their_middle_and_comes_back_to_their_place() -> None:
    (look,) = looks(FAR)
    assert look.square_xyxy == SQUARE
    assert look.picture.shape == (SIDE, SIDE, 3)
    there = np.argwhere(look.picture[..., 0] > 25).mean(axis=0)[::-1] + 0.5
    assert there.tolist() == pytest.approx([101, 101])  # 410.5 - 360 = 50.5, doubled
    (back,) = look.people([pose(80, 50, 122, 152)])
    assert back.box_xyxy.tolist() == [400, 180, 421, 231]
    assert back.keypoints[0].tolist() == [410.5, 205.5, 1]


def test_a_square_reaches_over_the_frame_is_grey_there_and_nobody_leaves_the_frame() -> None:
    (look,) = looks((0, 200, 20, 250))
    assert look.square_xyxy == (-40, 175, 60, 275)
    assert look.picture[110, 20].tolist() == [114] * 3
    assert look.picture[110, 150].tolist() == [0] * 3
    (back,) = look.people([pose(40, 50, 110, 150)])
    assert back.box_xyxy.tolist() == [0, 200, 15, 250]


def test_somebody_large_needs_no_closer_look_and_a_crowd_shares_one() -> None:
    assert [look.square_xyxy for look in looks(LARGE)] == [None]
    assert [look.square_xyxy for look in looks(*[FAR] * 5)] == [None]
    assert [look.square_xyxy for look in looks(LARGE, FAR)] == [SQUARE, None]


def test_the_whole_picture_is_searched_every_fifth_frame_for_others() -> None:
    looker = Looker((SIDE, SIDE))
    assert [len(looks(FAR, looker=looker)) for _ in range(10)] == [1, 1, 1, 1, 2, 1, 1, 1, 1, 2]
    for _ in range(4):
        looks(FAR, looker=looker)
    whole = looks(FAR, looker=looker)[-1]
    other = pose(500, 182, 520, 230)
    assert whole.people([pose(402, 182, 420, 230), other]) == [other]


def test_somebody_cut_by_the_square_is_not_told_but_cut_by_the_frame_is() -> None:
    (look,) = looks(FAR)
    assert not look.people([pose(0, 60, 40, 160)])  # where the square ends
    (look,) = looks((0, 200, 20, 250))
    assert look.people([pose(90, 60, 130, 160)])  # the frame's edge is at 80


def test_broken_boxes_have_no_look() -> None:
    assert [look.square_xyxy for look in looks((np.nan, 1, 2, 3), FAR)] == [SQUARE]


@dataclass
class Always:
    """A network and decoder that finds somebody at one place of whatever it is shown."""

    answers: list[Pose]
    follows = False
    needs_boxes = False
    skeleton = COCO17
    signature = Signature((), (), {})
    shown: list[tuple[int, ...]] = field(default_factory=list)

    def run(self, tensor: np.ndarray) -> list[np.ndarray]:
        return [tensor]

    def views(self, image: np.ndarray, people: object) -> list[View]:
        self.shown.append(image.shape)
        return [View(image, None)]

    def decode(self, outputs: list[np.ndarray], view: View) -> list[Pose]:
        return self.answers


def test_one_person_seen_by_two_looks_is_told_once() -> None:
    network = Always([pose(90, 50, 110, 150)])
    find = Estimator(network, network, ModelId("n", "1", "0" * 64), looker=Looker((SIDE, SIDE)))
    image = np.zeros((480, 640, 3), np.uint8)
    near = (402.0, 180.0, 422.0, 230.0)
    assert find.prepare(image) is None  # it must know first whom to look at
    assert len(find(image, [Track(0, pose(*FAR)), Track(1, pose(*near))])) == 1
    assert network.shown == [(SIDE, SIDE, 3)] * 2
    assert len(find(image, [])) == 1
    assert network.shown[2:] == [image.shape]


def test_the_option_is_the_users_then_the_cards(tmp_path: Path) -> None:
    weights = tmp_path / "net.onnx"
    weights.touch()
    assert look_of(weights, {}) == "picture"
    assert look_of(weights, {"look": "people"}) == "people"
    with pytest.raises(SettingsError, match="option look = 'twice': give people or picture"):
        look_of(weights, {"look": "twice"})


@needs(MOVENET)
def test_a_network_that_follows_people_by_itself_takes_no_look() -> None:
    assert build.estimator(PoseSettings(model=str(MOVENET), options={"look": "picture"}), None).looker is None
    with pytest.raises(SettingsError, match="follows people by itself: it takes no option look=people"):
        build.estimator(PoseSettings(model=str(MOVENET), options={"look": "people"}), None)
