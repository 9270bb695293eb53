"""Files that are no model, or none that can be used: one line that names the file and says what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx.external_data_helper import convert_model_to_external_data

from edgepose.decoders import DecoderSettings
from edgepose.errors import ModelError, SettingsError
from edgepose.estimator import Estimator
from edgepose.models import Engine, load_pose
from edgepose.sources.images import read_image
from tests.onnx_files import column_of_joints, constant_network, raw_yolo

PERSON = raw_yolo([([32, 32, 32, 32], 0.9, column_of_joints(32, 24, 1))])
FRAME = np.zeros((64, 64, 3), np.uint8)


def load(path: Path, **options: str) -> Estimator:
    return Estimator(*load_pose(path, Engine(threads=1), DecoderSettings(options=options)))


def refused(path: Path, *words: str) -> None:
    with pytest.raises(ModelError) as caught:
        load(path)(FRAME)
    said = str(caught.value)
    assert path.stem in said
    assert "\n" not in said
    for word in words:
        assert word in said


@pytest.mark.parametrize("name", ["text.onnx", "text.tflite"])
@pytest.mark.parametrize("content", [b"", b"not a model at all\n" * 50], ids=["empty", "text"])
def test_a_file_that_is_no_model(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, name, "cannot load it")


def test_a_file_cut_in_half(tmp_path: Path) -> None:
    path = constant_network(tmp_path / "half.onnx", (1, 3, 64, 64), PERSON)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(path, "half.onnx", "cannot load it")


def test_an_opset_of_the_future(tmp_path: Path) -> None:
    path = constant_network(tmp_path / "new.onnx", (1, 3, 64, 64), PERSON)
    model = onnx.load(path)
    model.opset_import[0].version = 99
    onnx.save(model, path)
    refused(path, "new.onnx", "opset")


def test_weights_whose_second_file_is_missing(tmp_path: Path) -> None:
    path = constant_network(tmp_path / "big.onnx", (1, 3, 64, 64), PERSON)
    model = onnx.load(path)
    convert_model_to_external_data(model, location="big.onnx.data", size_threshold=0)
    onnx.save(model, path)
    load(path)
    (tmp_path / "big.onnx.data").unlink()
    refused(path, "big.onnx", "big.onnx.data")


@pytest.mark.parametrize("shape", [(1, 1, 64, 64), (1, 4, 64, 64), (1, 64, 64, 1), (3, 64, 64)], ids=str)
def test_an_input_that_is_no_colour_picture(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = constant_network(tmp_path / "grey.onnx", shape, PERSON)
    refused(path, "grey.onnx", "expected an image (1, 3, H, W) or (1, H, W, 3)", str(shape))


def test_scores_that_are_no_numbers(tmp_path: Path) -> None:
    refused(constant_network(tmp_path / "nan.onnx", (1, 3, 64, 64), PERSON * np.nan), "nan", "not finite")


def test_a_network_of_zeros_sees_nobody_and_one_of_ones_a_single_person(tmp_path: Path) -> None:
    """All boxes alike: one stays after suppression."""
    assert load(constant_network(tmp_path / "zeros.onnx", (1, 3, 64, 64), PERSON * 0))(FRAME) == []
    (pose,) = load(constant_network(tmp_path / "ones.onnx", (1, 3, 64, 64), np.ones_like(PERSON)))(FRAME)
    assert pose.score == 1


def test_open_sides_that_the_network_cannot_take_are_told_with_its_words(tmp_path: Path) -> None:
    """The file says any H and W, but a shape inside holds for 32×32 alone."""
    path = constant_network(tmp_path / "open.onnx", (1, 3, "h", "w"), PERSON)
    model = onnx.load(path)
    model.graph.node[0].input[0] = "fixed"
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 3, 32, 32]), "sides"))
    model.graph.node.insert(0, helper.make_node("Reshape", ["images", "sides"], ["fixed"]))
    onnx.save(model, path)
    refused(path, "open", "(1, 3, 640, 640)")


@pytest.mark.parametrize(("kpt_shape", "said"), [("[5, 2]", "the export has 5 joints"), ("[x", "is not [joints,")])
def test_metadata_of_other_joints_asks_for_a_card(tmp_path: Path, kpt_shape: str, said: str) -> None:
    output = np.zeros((1, 15, 84), np.float32)
    path = constant_network(tmp_path / "face.onnx", (1, 3, 64, 64), output, {"task": "pose", "kpt_shape": kpt_shape})
    refused(path, "face.onnx", said)


def test_an_option_that_the_network_does_not_have_names_the_file(tmp_path: Path) -> None:
    path = constant_network(tmp_path / "raw.onnx", (1, 3, 64, 64), PERSON)
    with pytest.raises(SettingsError, match=r"raw\.onnx: unknown option 'resize'"):
        load(path, resize="squash")


@pytest.mark.parametrize("form", ["grey", "grey16", "bgra", "colour16"])
def test_pictures_of_every_form_are_read_as_bgr(tmp_path: Path, form: str) -> None:
    """Value 200 of 255 in every channel; 16 bits: 200 · 257."""
    import cv2

    picture = {
        "grey": np.full((4, 6), 200, np.uint8),
        "grey16": np.full((4, 6), 200 * 257, np.uint16),
        "bgra": np.full((4, 6, 4), 200, np.uint8),
        "colour16": np.full((4, 6, 3), 200 * 257, np.uint16),
    }[form]
    cv2.imwrite(str(tmp_path / "p.png"), picture)
    image = read_image(tmp_path / "p.png")
    assert image is not None
    assert (image.shape, image.dtype) == ((4, 6, 3), np.uint8)
    assert (image == 200).all()
