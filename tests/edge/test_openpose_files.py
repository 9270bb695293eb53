"""OpenPose's networks from real ONNX and Caffe files: blue squares go in, people round them come out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgepose import card as cards
from edgepose.decoders import DecoderSettings
from edgepose.errors import ModelError, SettingsError
from edgepose.models import Engine, load_pose
from edgepose.openpose import BODY25, COCO18, MPI15, Layout
from edgepose.types import Pose
from tests.onnx_files import constant_network
from tests.openpose_files import CELLS, caffe_network, onnx_network, picture

LAYOUTS = {"openpose18": COCO18, "body25": BODY25, "mpi15": MPI15}
SQUARES = [(160, 184), (480, 176)]  # px, on the network's cells of 8 px


def folder_of(weights: Path, runtime: str, skeleton: str, channels: int = 57, **more: Any) -> Path:
    card = cards.Card(
        name="openpose",
        version="1",
        task="pose",
        runtime=runtime,  # type: ignore[arg-type]
        files=[cards.weights(weights)],
        decoder="openpose",
        skeleton=skeleton,
        licence="none",
        **more,
    )
    if runtime == "opencv":
        shapes = {"input_shape": [1, 3, None, None], "output_shapes": [[1, channels, None, None]]}
        card = card.model_copy(update=shapes)
    cards.save(card, weights.parent)
    return weights.parent


def poses(path: Path, image: np.ndarray, **options: str) -> list[Pose]:
    """From left to right."""
    runtime, decoder, _ = load_pose(path, Engine(threads=1), DecoderSettings(options=options))
    (view,) = decoder.views(image, None)
    return sorted(decoder.decode(runtime.run(view.tensor), view), key=lambda pose: np.nanmin(pose.keypoints[:, 0]))


def places(square_xy: tuple[int, int], joints: int) -> np.ndarray:
    """(K, 2) px of the input: the middle of every joint's cell."""
    return np.array(square_xy) + 8 * CELLS[:joints] + 4


@pytest.mark.parametrize("skeleton", LAYOUTS)
@pytest.mark.parametrize("runtime", ["onnx", "opencv"])
def test_rows_33_and_38_two_people_in_a_picture_through_real_files(tmp_path: Path, runtime: str, skeleton: str) -> None:
    layout: Layout = LAYOUTS[skeleton]
    made = onnx_network(tmp_path / "net.onnx", layout) if runtime == "onnx" else None
    weights = made or caffe_network(tmp_path / "net.caffemodel", layout)
    found = poses(folder_of(weights, runtime, skeleton, layout.channels), picture((656, 368), SQUARES))
    assert len(found) == 2
    for pose, square in zip(found, SQUARES, strict=True):
        assert pose.keypoints.shape == (layout.joints, 3)
        np.testing.assert_allclose(pose.keypoints[:, :2], places(square, layout.joints), atol=0.6)
        assert pose.keypoints[:, 2].min() > 0.9
        assert pose.score > 0.9


@pytest.mark.parametrize("skeleton", ["openpose18", "body25"])
def test_row_41_a_bare_file_gives_coco17(tmp_path: Path, skeleton: str) -> None:
    path = onnx_network(tmp_path / "net.onnx", LAYOUTS[skeleton])
    (pose,) = poses(path, picture((656, 368), SQUARES[:1]))
    own = places(SQUARES[0], 25)
    nose, left_shoulder, right_ankle = own[0], own[5], own[{"openpose18": 10, "body25": 11}[skeleton]]
    np.testing.assert_allclose(pose.keypoints[[0, 5, 16], :2], [nose, left_shoulder, right_ankle], atol=0.6)
    assert np.isfinite(pose.keypoints).all()


@pytest.mark.parametrize(
    ("frame_wh", "square"),
    [((656, 368), (320, 176)), ((1312, 736), (640, 352)), ((1920, 1080), (900, 500)), ((640, 640), (300, 300)),
     ((720, 1280), (340, 620))],
    ids=str,
)  # fmt: skip
def test_row_33_dynamic_sides_take_frames_of_every_size(
    tmp_path: Path, frame_wh: tuple[int, int], square: tuple[int, int]
) -> None:
    scale = frame_wh[1] / 368
    image = picture(frame_wh, [square], side=round(8 * scale))
    for folder, weights in (("a", onnx_network), ("b", caffe_network)):
        (tmp_path / folder).mkdir()
        path = weights(tmp_path / folder / ("net.onnx" if folder == "a" else "net.caffemodel"), COCO18)
        found = poses(folder_of(path, "onnx" if folder == "a" else "opencv", "openpose18"), image)
        assert len(found) == 1
        expected = np.array(square) + (8 * CELLS[:18] + 4) * scale
        np.testing.assert_allclose(found[0].keypoints[:, :2], expected, atol=4 * scale)


def test_one_network_takes_frames_of_changing_size(tmp_path: Path) -> None:
    path = onnx_network(tmp_path / "net.onnx", COCO18)
    runtime, decoder, _ = load_pose(path, Engine(threads=1), DecoderSettings())
    for size_wh in ((656, 368), (1312, 736), (656, 368)):
        side = 8 * size_wh[1] // 368
        (view,) = decoder.views(picture(size_wh, [(40 * side, 22 * side)], side), None)
        (pose,) = decoder.decode(runtime.run(view.tensor), view)
        nose = np.array([40, 22]) * side + (CELLS[0] + 0.5) * side
        np.testing.assert_allclose(pose.keypoints[0, :2], nose, atol=1.2)


def test_maps_and_fields_may_be_outputs_apart_the_last_stage_counts(tmp_path: Path) -> None:
    path = onnx_network(tmp_path / "net.onnx", COCO18, apart=True)
    (pose,) = poses(path, picture((656, 368), SQUARES[:1]))
    np.testing.assert_allclose(pose.keypoints[0, :2], places(SQUARES[0], 1)[0], atol=0.6)
    assert pose.keypoints[:, 2].min() > 0.9


def test_colours_are_blue_green_red(tmp_path: Path) -> None:
    path = onnx_network(tmp_path / "net.onnx", COCO18)
    image = picture((656, 368), SQUARES)
    assert len(poses(path, image)) == 2
    assert poses(path, np.ascontiguousarray(image[..., ::-1])) == []


def test_option_input_is_what_the_network_sees(tmp_path: Path) -> None:
    path = onnx_network(tmp_path / "net.onnx", COCO18)
    seen = {}
    frame = picture((910, 607), [(0, 0)], side=910)
    for name in ("openpose", "lecture", "lightweight"):
        _, decoder, _ = load_pose(path, Engine(threads=1), DecoderSettings(options={"input": name}))
        (view,) = decoder.views(frame, None)
        seen[name] = (view.tensor.shape[2:], *(round(float(view.tensor[0, c, 5, 5]), 4) for c in (0, 1)))
    assert seen == {
        "openpose": ((368, 544), 0.4961, -0.5),  # 551.7 px to a multiple of 16
        "lecture": ((368, 551), 1.0, 0.0),
        "lightweight": ((256, 384), 0.4961, -0.5),
    }


def test_row_39_the_lectures_mode_is_an_option_and_keeps_pairs_of_joints(tmp_path: Path) -> None:
    folder = folder_of(onnx_network(tmp_path / "net.onnx", COCO18), "onnx", "openpose18")
    whole = picture((656, 368), SQUARES[:1])
    (lecture,), (own,) = poses(folder, whole, mode="lecture"), poses(folder, whole, mode="openpose")
    np.testing.assert_allclose(lecture.keypoints[:, :2], own.keypoints[:, :2], atol=4.5)  # whole px, no centroid
    assert 0.9 < lecture.score <= 1
    # At the upper right corner joints 7, 10, 11, 12, 15, 16, 17 are in the picture: one leg's and one ear's link.
    corner = picture((656, 368), [(648, 40)])
    pairs = [np.flatnonzero(pose.keypoints[:, 2]).tolist() for pose in poses(folder, corner, mode="lecture")]
    assert sorted(pairs) == [[11, 12], [15, 17]]
    assert poses(folder, corner) == []


def test_lecture_mode_places_people_on_a_frame_of_another_size(tmp_path: Path) -> None:
    folder = folder_of(onnx_network(tmp_path / "net.onnx", COCO18, black=0.0), "onnx", "openpose18")
    (pose,) = poses(folder, picture((1312, 736), [(640, 352)], side=16), mode="lecture", input="lecture")
    np.testing.assert_allclose(pose.keypoints[:, :2], (648, 360) + 16 * CELLS[:18], atol=8)


def test_unknown_options_are_refused_with_what_there_is(tmp_path: Path) -> None:
    path = onnx_network(tmp_path / "net.onnx", COCO18)
    with pytest.raises(SettingsError, match="mode = 'fast': give openpose or lecture"):
        poses(path, picture((656, 368), []), mode="fast")
    with pytest.raises(SettingsError, match="unknown option 'modus'.*mode = openpose | lecture; input"):
        poses(path, picture((656, 368), []), modus="lecture")


def test_options_may_stand_in_the_card(tmp_path: Path) -> None:
    weights = onnx_network(tmp_path / "net.onnx", COCO18, black=0.0)
    folder = folder_of(weights, "onnx", "coco17", options={"input": "lecture"})
    assert len(poses(folder, picture((656, 368), SQUARES))) == 2


def test_a_bare_caffe_file_says_how_to_get_its_card(tmp_path: Path) -> None:
    path = caffe_network(tmp_path / "net.caffemodel", COCO18)
    with pytest.raises(ModelError, match=r"net\.caffemodel.*edgepose models import"):
        load_pose(path, Engine(), DecoderSettings())


@pytest.mark.parametrize("channels", [70, 56, 19, 38])
def test_another_number_of_maps_is_refused_with_those_that_are_known(tmp_path: Path, channels: int) -> None:
    path = constant_network(tmp_path / "net.onnx", [1, 3, 368, 368], np.zeros((1, channels, 46, 46)))
    for place in (path, folder_of(path, "onnx", "coco17")):
        with pytest.raises(ModelError, match=rf"\(1, {channels}, 46, 46\).*57 \(COCO-18\), 78 \(BODY_25\) or 44"):
            load_pose(place, Engine(), DecoderSettings())


def test_a_file_that_answers_otherwise_than_its_card_says_is_refused(tmp_path: Path) -> None:
    folder = folder_of(caffe_network(tmp_path / "net.caffemodel", BODY25), "opencv", "openpose18", 57)
    with pytest.raises(ModelError, match=r"expected 57 maps, the network answered 78; .* 57 .* 78 .* 44"):
        poses(folder, picture((656, 368), SQUARES))
