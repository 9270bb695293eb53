"""Row 66: MoveNet's crops and layouts, PoseNet's walk over displacements, with numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.decoders import DecoderSettings, movenet_multi, movenet_single, posenet
from edgepose.errors import SettingsError
from edgepose.runtimes import Signature, Tensor
from edgepose.skeletons import COCO17
from edgepose.types import Pose, Track
from tests.onnx_files import column_of_joints

STRIDE = 16
TREE = (
    "nose-left_eye left_eye-left_ear nose-right_eye right_eye-right_ear nose-left_shoulder left_shoulder-left_elbow "
    "left_elbow-left_wrist left_shoulder-left_hip left_hip-left_knee left_knee-left_ankle nose-right_shoulder "
    "right_shoulder-right_elbow right_elbow-right_wrist right_shoulder-right_hip right_hip-right_knee "
    "right_knee-right_ankle"
).split()  # as published for the browser's PoseNet
EDGES = [tuple(COCO17.index(joint) for joint in edge.split("-")) for edge in TREE]


def network(*channels: int, backbone: str = "mobilenet") -> tuple[Signature, DecoderSettings]:
    outputs = tuple(Tensor(f"out{i}", (1, 17, 17, n), "float32") for i, n in enumerate(channels))
    image = Tensor("image", (1, 257, 257, 3), "float32")
    return Signature((image,), outputs, {}), DecoderSettings(options={"backbone": backbone})


class Scene:
    """PoseNet's maps of people whose joints sit on cells (17 × 17, stride 16)."""

    def __init__(self) -> None:
        self.heat = np.full((17, 17, 17), -9.0, np.float32)
        self.offsets = np.zeros((17, 17, 34), np.float32)
        self.forward, self.backward = np.zeros((2, 17, 17, 32), np.float32)

    def add(self, cells_xy: np.ndarray, logits: np.ndarray, offset_xy: tuple[float, float] = (3, -2)) -> np.ndarray:
        """(17, 2) where the joints are, px: cell · 16 + offset. Displacements miss their joint by 4 px."""
        for joint, (x, y) in enumerate(cells_xy):
            self.heat[y, x, joint] = logits[joint]
            self.offsets[y, x, [joint + 17, joint]] = offset_xy
        at = cells_xy * STRIDE + offset_xy
        for edge, (parent, child) in enumerate(EDGES):
            for maps, a, b in ((self.forward, parent, child), (self.backward, child, parent)):
                x, y = cells_xy[a]
                maps[y, x, [edge + 16, edge]] = at[b] - at[a] + 4
        return at

    def decoded(self) -> list[Pose]:
        displacements = np.concatenate([self.forward, self.backward], axis=2)
        signature, settings = network(17, 34, 64)
        decoder = posenet.create(signature, COCO17, settings)
        view = decoder.views(np.zeros((257, 257, 3), np.uint8))[0]
        return decoder.decode([self.heat[None], self.offsets[None], displacements[None]], view)


def cells(column: int) -> np.ndarray:
    """(17, 2) joints two columns wide, one row each: left joints one column to the right."""
    left = np.array(["left" in joint for joint in COCO17.joints])
    return np.column_stack([column + left, np.arange(17)])


@pytest.mark.parametrize("root", ["nose", "left_ankle", "right_elbow"])
def test_row_66_posenet_walks_the_tree_from_any_joint(root: str) -> None:
    scene = Scene()
    logits = np.full(17, -0.1)  # sigmoid 0.475: no root
    logits[COCO17.index(root)] = 3.0  # sigmoid 0.953
    at = scene.add(cells(4), logits)
    (pose,) = scene.decoded()
    np.testing.assert_allclose(pose.keypoints[:, :2], np.maximum(at, 0), atol=1e-4)  # the nose's y is -2: clipped
    assert pose.keypoints[COCO17.index(root), 2] == pytest.approx(0.9526, abs=1e-4)
    assert pose.score == pytest.approx((0.9526 + 16 * 0.4750) / 17, abs=1e-4)


def test_row_66_posenet_keeps_two_people_apart_and_counts_nobody_twice() -> None:
    scene = Scene()
    logits = np.full(17, 2.0)  # every joint may be a root: the walk from the first claims the others
    first, second = scene.add(cells(2), logits + 0.5), scene.add(cells(9), logits)
    a, b = scene.decoded()
    np.testing.assert_allclose(a.keypoints[:, :2], np.maximum(first, 0), atol=1e-4)
    np.testing.assert_allclose(b.keypoints[:, :2], np.maximum(second, 0), atol=1e-4)


def test_row_66_posenets_maps_come_in_any_order_and_displacements_in_one_or_two() -> None:
    scene = Scene()
    scene.add(cells(4), np.full(17, 2.0))
    (expected,) = scene.decoded()
    for channels in ((34, 32, 17, 32), (32, 32, 17, 34)):
        maps = {17: [scene.heat], 34: [scene.offsets], 32: [scene.forward, scene.backward]}
        signature, settings = network(*channels)
        decoder = posenet.create(signature, COCO17, settings)
        view = decoder.views(np.zeros((257, 257, 3), np.uint8))[0]
        (pose,) = decoder.decode([maps[n].pop(0)[None] for n in channels], view)
        np.testing.assert_array_equal(pose.keypoints, expected.keypoints)


@pytest.mark.parametrize(
    ("backbone", "red", "blue"), [("mobilenet", 250 / 127.5 - 1, 10 / 127.5 - 1), ("resnet", 250 - 123.15, 10 - 103.06)]
)
def test_row_66_posenets_input_range_is_its_backbones(backbone: str, red: float, blue: float) -> None:
    signature, settings = network(17, 34, 64, backbone=backbone)
    image = np.full((257, 257, 3), (10, 0, 250), np.uint8)
    tensor = posenet.create(signature, COCO17, settings).views(image)[0].tensor
    np.testing.assert_allclose(tensor[0, 100, 100, [0, 2]], [red, blue], rtol=1e-5)


def test_an_option_that_a_network_has_not_is_refused() -> None:
    signature, settings = network(17, 34, 64, backbone="vgg")
    with pytest.raises(SettingsError, match=r"backbone = 'vgg': give mobilenet or resnet"):
        posenet.create(signature, COCO17, settings)
    with pytest.raises(SettingsError, match=r"unknown option 'mode'.*backbone = mobilenet \| resnet"):
        posenet.create(signature, COCO17, DecoderSettings(options={"mode": "lecture"}))


def single() -> movenet_single.MoveNetSingle:
    signature = Signature(
        (Tensor("input", (1, 192, 192, 3), "uint8"),), (Tensor("output", (1, 1, 17, 3), "float32"),), {}
    )
    return movenet_single.create(signature, COCO17, DecoderSettings())


def test_row_66_movenets_next_crop_is_centred_at_the_hips_and_reaches_far_enough() -> None:
    """Torso reach 100 px · 1.9 = 190; body reach 200 px (the ankles) · 1.2 = 240: the half side is 240."""
    keypoints = column_of_joints(600, 300, 0).astype(np.float32)
    for joint, y in (("shoulder", 300), ("hip", 400), ("knee", 500), ("ankle", 600)):
        keypoints[COCO17.indices(f"left_{joint}", f"right_{joint}"), 1] = y
    person = Track(7, Pose(keypoints, np.array([590, 300, 610, 600], np.float32), 0.9))
    crop = single().views(np.zeros((720, 1280, 3), np.uint8), [person])[0].place
    assert (crop.x, crop.y, crop.side) == (600 - 240, 400 - 240, 480)


def test_row_66_movenet_reads_y_x_score_as_fractions_of_the_crop() -> None:
    decoder = single()
    view = decoder.views(np.zeros((720, 1280, 3), np.uint8), None)[0]  # the padded square: 1280 px from y = -280
    output = np.tile(np.array([0.5, 0.25, 0.8], np.float32), (1, 1, 17, 1))
    (pose,) = decoder.decode([output], view)
    np.testing.assert_allclose(pose.keypoints, np.tile([320, 360, 0.8], (17, 1)), rtol=1e-5)


def test_row_66_movenet_multi_takes_its_people_above_the_least_score() -> None:
    signature = Signature(
        (Tensor("input", (1, None, None, 3), "int32"),), (Tensor("output", (1, 6, 56), "float32"),), {}
    )
    decoder = movenet_multi.create(signature, COCO17, DecoderSettings(min_score=0.25))
    view = decoder.views(np.zeros((1000, 500, 3), np.uint8))[0]  # 128×256 lie in it without padding: 1000/256 px a px
    assert view.tensor.shape == (1, 256, 128, 3)
    rows = np.zeros((1, 6, 56), np.float32)
    rows[0, :3, :51] = np.tile([0.5, 0.25, 0.9], 17)
    rows[0, :3, 51:55] = (0.1, 0.2, 0.9, 0.4)
    rows[0, :3, 55] = (0.9, 0.25, 0.24)
    people = decoder.decode([rows], view)
    assert [round(float(pose.score), 2) for pose in people] == [0.9, 0.25]
    np.testing.assert_allclose(people[0].keypoints[0], [0.25 * 500, 0.5 * 1000, 0.9], rtol=1e-5)
    np.testing.assert_allclose(people[0].box_xyxy, [100, 100, 200, 900], rtol=1e-5)
