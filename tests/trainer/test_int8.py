"""``models quantize`` on an untrained network: folders, cards, refusals."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from edgepose import build
from edgepose import card as cards
from edgepose.card import Card
from edgepose.errors import ModelError, SettingsError
from edgepose_trainer.pose import export
from edgepose_trainer.pose.int8 import Wish, quantize
from edgepose_trainer.pose.network import PoseNetwork

SIZE = 64


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quarter as wide as courtpose-n, never trained, sure of four people side by side: the coarsest cells."""
    import torch

    torch.manual_seed(0)
    network = PoseNetwork(0.25)
    with torch.no_grad():
        box, joints = network.heads[2].box[2].bias, network.heads[2].joints[2].bias.view(17, 3)
        box[:4], box[4], joints[:, 2] = 0.4, 2.0, 2.0
        network.maps.maps[1].bias[:] = 1.0  # peaks everywhere: joints that the maps know nothing of count for nothing
    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    export.write(network, SIZE, folder / "weights.onnx")
    card = Card(name="tiny", version="1", task="pose", runtime="onnx", files=[cards.weights(folder / "weights.onnx")],
                decoder="yolo_pose_maps", input_shape=[1, 3, SIZE, SIZE], licence="Apache-2.0")  # fmt: skip
    cards.save(card, folder)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(1)
    for number in range(8):
        noise = cv2.resize(rng.integers(0, 256, (8, 8, 3), np.uint8), (96, 72))
        cv2.imwrite(str(folder / f"{number}.png"), noise)
    return folder


def test_an_int8_twin_is_a_model_of_its_own(model: Path, pictures: Path, tmp_path: Path) -> None:
    told: list[str] = []
    card = quantize(model, pictures, tmp_path / "tiny-int8", Wish(100.0, 8, 8), False, told.append)
    assert build.verify(tmp_path / "tiny-int8") is None
    assert card.name == "tiny-int8"
    assert card.quantisation == "weights-int8.onnx: int8, static, weights per channel, calibrated on 8 pictures"
    figures = {figure.name: figure.value for figure in card.figures}
    assert figures["PCK@0.2 float, beside weights-int8.onnx"] == 100.0  # its own people are the truth
    assert 0 <= figures["PCK@0.2 weights-int8.onnx"] <= 100
    (weights,) = card.files
    assert (tmp_path / "tiny-int8" / weights.path).stat().st_size < (model / "weights.onnx").stat().st_size
    assert "the float model's own people" in told[0]


def test_in_its_own_folder_int8_is_loaded_and_float_stays(model: Path, pictures: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(model, tmp_path / "tiny"))
    for _ in range(2):  # again: nothing piles up
        card = quantize(folder, pictures, None, Wish(100.0, 8, 4), False, lambda line: None)
    assert [file.path for file in card.files] == ["weights-int8.onnx", "weights.onnx"]
    assert len(card.figures) == 2
    assert build.verify(folder) is None
    assert (folder / "weights.onnx").read_bytes() == (model / "weights.onnx").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_nothing_is_left_of_a_model_that_lost_too_much(model: Path, pictures: Path, tmp_path: Path) -> None:
    """No int8 model gains a point over the truth itself: with -1 allowed, every one is refused."""
    with pytest.raises(ModelError, match=r"int8 loses .* points .* layers in float"):
        quantize(model, pictures, tmp_path / "out", Wish(-1.0, 8, 4), False, lambda line: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["nothing", "text"])
def test_a_folder_without_pictures_is_said(model: Path, tmp_path: Path, content: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    if content == "text":
        (data / "a.txt").write_text("no picture")
    with pytest.raises(SettingsError, match="no pose data and no pictures"):
        quantize(model, data, tmp_path / "out", Wish(1.5, 8, 8), False, lambda line: None)
    with pytest.raises(SettingsError, match="expected onnx or litert, got 'tensorrt'"):
        quantize(model, data, tmp_path / "out", Wish(1.5, 8, 8, "tensorrt"), False, lambda line: None)
