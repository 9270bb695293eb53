"""3DMPPE: crops, k, soft-argmax, back-projection and several people, by numbers worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from edgepose import boxes as tables
from edgepose import mppe, pinhole
from edgepose.cli import app
from edgepose.errors import ModelError, SourceError
from edgepose.mppe_networks import PoseNet3D, RootNet, people
from edgepose.pinhole import Camera
from edgepose.scene import above, scene
from edgepose.skeletons import H36M18, MUCO21, Skeleton
from edgepose.types import Pose

CENTRE = 32.0
"""Cell at the middle of the grid: depth 0 relative to the root."""
WH = (1200, 1100)
NEAR = (100, 60, 901, 861)
"""Clipped 800 px, enlarged 1000: at f = 1500 k is 2 * 1500 / 1000 = 3 m."""
FAR = (950, 500, 1101, 801)
"""Taller than wide: clipped 150 x 300 px, made square, enlarged 375: k = 8 m."""


def save(path: Path, nodes: list[onnx.NodeProto], inputs: dict[str, list[int | str]], out: list[int | str],
         constants: dict[str, np.ndarray]) -> Path:  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, out)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def root_net(path: Path, gamma: float = 1.0, takes_k: bool = True, batch: int | str = 1) -> Path:
    """(32, 32, gamma k), or (32, 32, gamma) of an export without k."""
    unit = np.array([[0, 0, gamma]], np.float32)
    middle = np.array([[CENTRE, CENTRE, 0]], np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Mul", ["k" if takes_k else "one", "unit"], ["depth"]),
        helper.make_node("Add", ["depth", "middle"], ["answer"]),
        helper.make_node("Add", ["answer", "nothing"], ["out"]),
    ]
    inputs: dict[str, list[int | str]] = {"image": [batch, 3, 256, 256]}
    if takes_k:
        inputs["k"] = [batch, 1]
    constants = {"zero": np.zeros(1, np.float32), "one": np.ones((1, 1), np.float32), "unit": unit, "middle": middle}
    return save(path, nodes, inputs, [batch, 3], constants)


def pose_net(path: Path, points: np.ndarray, batch: int | str = 1) -> Path:
    """The same (J, 3) cells for everybody."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Reshape", ["nothing", "shape"], ["wide"]),
        helper.make_node("Add", ["wide", "points"], ["out"]),
    ]
    constants = {"zero": np.zeros(1, np.float32), "shape": np.array([-1, 1, 1]), "points": points[None]}
    return save(path, nodes, {"image": [batch, 3, 256, 256]}, [batch, len(points), 3], constants)


def volume_net(path: Path, cells: Sequence[tuple[int, int, int]]) -> Path:
    """(1, J * 64, 64, 64): joint j has one high cell (x, y, z) in its slice of the channels."""
    at = np.array([[0, j * 64 + z, y, x] for j, (x, y, z) in enumerate(cells)])
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["flat"]),
        helper.make_node("ScatterND", ["flat", "at", "high"], ["peaks"]),
        helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["peaks", "nothing"], ["out"]),
    ]
    shape = [1, len(cells) * 64, 64, 64]
    constants = {"shape": np.array(shape), "at": at, "high": np.full(len(at), 60, np.float32),
                 "zero": np.zeros((), np.float32)}  # fmt: skip
    return save(path, nodes, {"image": [1, 3, 256, 256]}, list(shape), constants)


def upright(skeleton: Skeleton) -> np.ndarray:
    """(J, 3) cells: the pelvis in the middle, left joints right of it by index, deeper by index."""
    i = np.arange(len(skeleton), dtype=np.float32)
    points = np.stack([CENTRE + i, CENTRE - i / 2, CENTRE + i / 4], axis=1)
    points[skeleton.index("pelvis")] = CENTRE
    return points


def two() -> tuple[np.ndarray, np.ndarray]:
    return np.array([NEAR, FAR], np.float32), np.array([0.9, 0.8], np.float32)


def test_row_06_crop_is_the_clipped_square_enlarged() -> None:
    found, usable = mppe.areas(np.array([NEAR, FAR, (-200, 0, 101, 51), (5, 5, 5, 9), (np.nan, 0, 1, 1)]), WH)
    np.testing.assert_array_equal(usable, [True, True, True, False, False])
    np.testing.assert_allclose(found[0], (0, -40, 1000, 1000))
    np.testing.assert_allclose(found[1], (1025 - 187.5, 650 - 187.5, 375, 375))
    # As published the width of 300 is kept from the clipped corner 0 on.
    np.testing.assert_allclose(found[2], (150 - 187.5, 25 - 187.5, 375, 375))


def test_row_06_k_is_that_of_the_enlarged_box_in_metres() -> None:
    found, _ = mppe.areas(two()[0], WH)
    np.testing.assert_allclose(mppe.k_m(found, Camera.guess(WH)), (3.0, 8.0), rtol=1e-6)
    # sqrt(2 * 2 * 1000 * 2250 / (1000 * 1000)) = 3, and 1500 / 375 * 2 = 8
    np.testing.assert_allclose(mppe.k_m(found, Camera(1000, 2250, 0, 0)), (3.0, 8.0), rtol=1e-6)


@pytest.mark.parametrize("takes_k", [True, False])
@pytest.mark.parametrize("batch", [1, "n", 4])
def test_row_06_depth_is_gamma_k(tmp_path: Path, takes_k: bool, batch: int | str) -> None:
    root = RootNet(root_net(tmp_path / "root.onnx", 1.5, takes_k, batch))
    found, _ = mppe.areas(two()[0], WH)
    image = np.zeros((WH[1], WH[0], 3), np.uint8)
    np.testing.assert_allclose(root.depths_m(image, found, Camera.guess(WH)), (4.5, 12.0), rtol=1e-6)
    np.testing.assert_allclose(root.depths_m(image, found, Camera.guess(WH, 3000)), (9.0, 24.0), rtol=1e-6)


def test_row_06_a_depth_that_is_none_is_an_error(tmp_path: Path) -> None:
    root = RootNet(root_net(tmp_path / "root.onnx", -1.0))
    with pytest.raises(ModelError, match="answered -8 m"):
        root.depths_m(np.zeros((8, 8, 3), np.uint8), mppe.areas(two()[0], WH)[0], Camera.guess(WH))


def test_row_07_soft_argmax_is_exact_on_peaks_and_between_them() -> None:
    volume = np.zeros((2, 2 * 64, 64, 64), np.float32)
    volume[0, 5, 20, 40] = 100  # joint 0: z 5, y 20, x 40
    volume[0, 64 + 63, 0, 1] = 100  # joint 1 is the slow index
    volume[1, 10, 30, [12, 13]] = 100  # two equal cells
    volume[1, 64 + 7, 8, 9] = 1e30  # no overflow
    found = mppe.soft_argmax(volume)
    np.testing.assert_allclose(found[0], [(40, 20, 5), (1, 0, 63)], atol=1e-4)
    np.testing.assert_allclose(found[1], [(12.5, 30, 10), (9, 8, 7)], atol=1e-4)
    np.testing.assert_allclose(mppe.soft_argmax(np.zeros((1, 64, 64, 64), np.float32)), 31.5, atol=1e-4)
    with pytest.raises(ModelError, match="expected volumes"):
        mppe.soft_argmax(volume[:, :100])
    with pytest.raises(ModelError, match="not finite"):
        mppe.soft_argmax(np.full((1, 64, 64, 64), np.nan, np.float32))


def test_row_07_an_export_without_soft_argmax_is_the_same_network(tmp_path: Path) -> None:
    cells = [(2 * j, 3 * j, 63 - j) for j in range(18)]
    raw = PoseNet3D(volume_net(tmp_path / "raw.onnx", cells))
    whole = PoseNet3D(pose_net(tmp_path / "whole.onnx", np.array(cells, np.float32)))
    image, found = np.zeros((WH[1], WH[0], 3), np.uint8), mppe.areas(two()[0], WH)[0]
    assert raw.skeleton is H36M18
    np.testing.assert_allclose(raw.points(image, found), whole.points(image, found), atol=1e-3)


@given(st.floats(-3, 3), st.floats(-2, 2), st.floats(0.5, 60), st.floats(300, 4000))
def test_row_07_back_projection_undoes_projection(x: float, y: float, z: float, focal: float) -> None:
    camera = Camera(focal, 1.1 * focal, 640, 360)
    point = np.array([[x, y, z]])
    np.testing.assert_allclose(camera.back_project(camera.project(point), point[:, 2]), point, atol=1e-9)


def test_row_07_a_known_point_comes_back_in_metres() -> None:
    # f 1000, centre (600, 400): 2 m to the right at 8 m is 250 px right of it.
    camera = Camera(1000, 1000, 600, 400)
    np.testing.assert_allclose(camera.back_project(np.array([850.0, 275.0]), np.array(8.0)), (2, -1, 8))


def test_row_07_flip_test_mirrors_x_as_published_and_swaps_the_sides() -> None:
    plain = np.zeros((1, 18, 3), np.float32)
    mirrored = np.zeros((1, 18, 3), np.float32)
    plain[0, H36M18.index("left_wrist")] = (50, 8, 4)
    mirrored[0, H36M18.index("right_wrist")] = (64 - 50 - 1, 10, 6)
    mean = mppe.with_mirrored(plain, mirrored, H36M18)
    np.testing.assert_allclose(mean[0, H36M18.index("left_wrist")], (50, 9, 5))


def test_row_07_flip_shows_the_network_the_mirror_image(tmp_path: Path) -> None:
    points = np.full((18, 3), 31.5, np.float32)
    points[:, 2] = CENTRE
    net = PoseNet3D(pose_net(tmp_path / "p.onnx", points, "n"), flip=True)
    found = net.points(np.zeros((WH[1], WH[0], 3), np.uint8), mppe.areas(two()[0], WH)[0])
    np.testing.assert_allclose(found, np.broadcast_to(points, (2, 18, 3)))


def test_row_07_human36m_18_has_the_published_order_and_its_thorax_is_not_evaluated() -> None:
    edges = "0-7,7-8,8-9,9-10,8-11,11-12,12-13,8-14,14-15,15-16,0-1,1-2,2-3,0-4,4-5,5-6"
    assert {frozenset(edge) for edge in H36M18.edges} == {frozenset(map(int, e.split("-"))) for e in edges.split(",")}
    assert H36M18.joints[7:11] == ("torso", "neck", "nose", "head")
    assert H36M18.joints[17] == "thorax"
    np.testing.assert_array_equal(mppe.EVALUATED, np.arange(17))


def test_row_07_crops_are_imagenets_and_black_beyond_the_picture(tmp_path: Path) -> None:
    net = PoseNet3D(pose_net(tmp_path / "p.onnx", upright(H36M18)))
    image = np.zeros((100, 100, 3), np.uint8)
    image[..., 2] = 255  # red
    found, _ = mppe.areas(np.array([(0, 0, 101, 101)]), (100, 100))
    ((_, crop),) = net._crops.batches(image, found)
    np.testing.assert_allclose(crop[0, :, 128, 128], [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225], rtol=1e-5)
    np.testing.assert_allclose(crop[0, :, 2, 2], [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225], rtol=1e-5)


def test_row_08_muco_21_has_the_published_order_edges_and_root() -> None:
    edges = "0-16,16-1,1-15,15-14,14-8,14-11,8-9,9-10,10-19,11-12,12-13,13-20,1-2,2-3,3-4,4-17,1-5,5-6,6-7,7-18"
    assert {frozenset(edge) for edge in MUCO21.edges} == {frozenset(map(int, e.split("-"))) for e in edges.split(",")}
    assert MUCO21.index("pelvis") == 14
    assert MUCO21.joints[17:] == ("right_hand", "left_hand", "right_toe", "left_toe")


def test_row_08_muco_network_gives_21_joints_drawn_on_the_picture(tmp_path: Path) -> None:
    net = PoseNet3D(pose_net(tmp_path / "p.onnx", upright(MUCO21)))
    root = RootNet(root_net(tmp_path / "r.onnx"))
    image = np.zeros((WH[1], WH[0], 3), np.uint8)
    (person,) = people(image, two()[0][:1], two()[1][:1], Camera.guess(WH), root, net)
    assert person.pose3d.skeleton == "muco21"
    assert person.pose3d.keypoints.shape == (21, 3)
    drawn = scene(image, [person.pose], person.pose3d.keypoints[None], MUCO21)
    assert drawn.shape == (WH[1], WH[0] + WH[1], 3)
    for x, y in person.pose.keypoints[:, :2].round().astype(int):
        assert drawn[y, x].any()


def test_row_08_another_number_of_joints_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"p.onnx: PoseNet with 5 joints: known are 18 \(h36m18\), 21 \(muco21\)"):
        PoseNet3D(pose_net(tmp_path / "p.onnx", np.zeros((5, 3), np.float32)))
    with pytest.raises(ModelError, match="a RootNet has image"):
        RootNet(tmp_path / "p.onnx")
    with pytest.raises(ModelError, match="a PoseNet has"):
        PoseNet3D(root_net(tmp_path / "r.onnx"))


def test_row_09_two_people_stand_at_their_own_depths(tmp_path: Path) -> None:
    root, net = RootNet(root_net(tmp_path / "r.onnx")), PoseNet3D(pose_net(tmp_path / "p.onnx", upright(H36M18)))
    image, camera = np.zeros((WH[1], WH[0], 3), np.uint8), Camera.guess(WH)
    near, far = people(image, *two(), camera, root, net)
    assert [near.root_depth_m, far.root_depth_m] == pytest.approx([3, 8])
    # The root of the near one is at the middle of its box, (500, 460): X = (500 - 600) / 1500 * 3.
    np.testing.assert_allclose(near.pose3d.keypoints[0], (-0.2, (460 - 550) / 1500 * 3, 3), rtol=1e-5)
    np.testing.assert_allclose(far.pose3d.keypoints[0], ((1025 - 600) / 1500 * 8, (650 - 550) / 1500 * 8, 8), rtol=1e-5)
    # Joint 17 is 17/4 cells deeper: 17 / 4 / 64 * 2 m.
    for person in (near, far):
        assert person.pose3d.keypoints[17, 2] - person.root_depth_m == pytest.approx(17 / 128, rel=1e-4)
        np.testing.assert_allclose(camera.project(person.pose3d.keypoints), person.pose.keypoints[:, :2], atol=0.01)
        np.testing.assert_allclose(mppe.root_relative(person.pose3d.keypoints, H36M18)[0], 0)


def test_row_09_from_above_each_stands_at_the_depth_in_its_colour() -> None:
    points = np.array([[[0.0, 0, 2.0]] * 18, [[1.0, 0, 8.0]] * 18])
    picture = above(points, H36M18, 440)  # 8.8 m reach: 50 px a metre
    assert picture[439 - 100, 220].tolist() != picture[439 - 150, 300].tolist()
    assert picture[439 - 400, 270].tolist() not in (picture[439 - 100, 220].tolist(), [32, 32, 32])


def test_row_09_nobody_and_boxes_outside_the_picture(tmp_path: Path) -> None:
    root, net = RootNet(root_net(tmp_path / "r.onnx")), PoseNet3D(pose_net(tmp_path / "p.onnx", upright(H36M18)))
    image = np.zeros((WH[1], WH[0], 3), np.uint8)
    assert people(image, np.empty((0, 4), np.float32), np.empty(0, np.float32), Camera.guess(WH), root, net) == []
    outside = np.array([(5000, 10, 5100, 90)], np.float32)
    assert people(image, outside, np.ones(1, np.float32), Camera.guess(WH), root, net) == []


def written(folder: Path) -> list[str]:
    """A picture, networks and a box table of two people; the command line without --out."""
    cv2.imwrite(str(folder / "court.png"), np.zeros((WH[1], WH[0], 3), np.uint8))
    with (folder / "boxes.csv").open("w", newline="") as file:
        poses = [Pose(np.empty((0, 3), np.float32), box, float(score)) for box, score in zip(*two(), strict=True)]
        tables.BoxWriter(file).add(tables.FrameBoxes.of(0, 0.0, poses))
    root, pose = root_net(folder / "r.onnx"), pose_net(folder / "p.onnx", upright(H36M18))
    return ["pose3d", str(folder / "court.png"), "--root", str(root), "--pose", str(pose),
            "--boxes", str(folder / "boxes.csv")]  # fmt: skip


def test_row_09_command_writes_people_in_metres_and_draws_them(tmp_path: Path) -> None:
    arguments = [*written(tmp_path), "--draw", str(tmp_path / "drawn"), "--flip"]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out.json")], catch_exceptions=False)
    assert result.exit_code == 0
    near, far = json.loads((tmp_path / "out.json").read_text())
    assert (near["file_name"], near["skeleton"], near["space"], near["units"]) == ("court.png", "h36m18", "camera", "m")
    assert near["camera"] == {"fx": 1500, "fy": 1500, "cx": 600, "cy": 550, "assumed": True}
    assert [near["root_depth_m"], far["root_depth_m"]] == pytest.approx([3, 8])
    assert far["score"] == pytest.approx(0.8)
    drawn = cv2.imread(str(tmp_path / "drawn" / "court_000000.png"))
    assert drawn is not None
    assert drawn.shape == (WH[1], WH[0] + WH[1], 3)


def test_row_09_command_takes_a_camera_and_gives_poses_about_the_root(tmp_path: Path) -> None:
    (tmp_path / "k.json").write_text(json.dumps({"calibration": {"K": [[3000, 0, 600], [0, 3000, 500], [0, 0, 1]]}}))
    arguments = [*written(tmp_path), "--camera", str(tmp_path / "k.json"), "--space", "root"]
    assert (
        CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "o.json")], catch_exceptions=False).exit_code == 0
    )
    near, _ = json.loads((tmp_path / "o.json").read_text())
    assert near["root_depth_m"] == pytest.approx(6)
    assert near["keypoints3d"][0] == [0, 0, 0]
    assert near["camera"]["assumed"] is False


@pytest.mark.parametrize("wrong", ["[]", "{}", '{"K": [[1, 0, 0], [0, -1, 0], [0, 0, 1]]}', '{"K": "far"}', "no"])
def test_a_file_that_is_no_camera_is_refused(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "k.json").write_text(wrong)
    with pytest.raises(SourceError, match=r"k\.json"):
        pinhole.read(tmp_path / "k.json")
