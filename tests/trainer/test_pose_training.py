"""The pose network's layout, its export, and training that resumes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra trainer)")

from edgepose import card as cards  # noqa: E402
from edgepose import models  # noqa: E402
from edgepose.decoders import DecoderSettings  # noqa: E402
from edgepose.errors import EdgePoseError, ModelError, SettingsError  # noqa: E402
from edgepose_trainer.cli import app  # noqa: E402
from edgepose_trainer.pose import export, recipe, sources, table  # noqa: E402
from edgepose_trainer.pose.batches import Batches, Plan  # noqa: E402
from edgepose_trainer.pose.network import Exported, PoseNetwork, cells, gflop  # noqa: E402
from edgepose_trainer.pose.table import Further, Table  # noqa: E402
from edgepose_trainer.pose.together import Team, together  # noqa: E402
from edgepose_trainer.pose.training import Training  # noqa: E402
from tests.trainer import pose_data as data  # noqa: E402

TINY = Plan(size=64, width=0.25, batch=4, epochs=1, samples=8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return data.write_folder(tmp_path / "data")


def test_workers_draw_what_one_process_draws(folder: Path) -> None:
    drawn = Batches(sources.read(folder), TINY)
    cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (5, 5), 1)  # OpenCV has threads of its own by now
    alone, workers = drawn.loaded(5, 0), drawn.loaded(5, 2)
    for _ in range(3):
        (images, truth), (other_images, other_truth) = next(alone), next(workers)
        torch.testing.assert_close(images, other_images)
        torch.testing.assert_close(truth.joints, other_truth.joints)
    assert truth.ignored.shape == (4, 84)
    assert images.dtype == torch.uint8


def test_the_shipped_size_is_within_its_budget() -> None:
    network = PoseNetwork()
    assert gflop(network, 256) == pytest.approx(0.62, abs=0.01)
    assert gflop(network, 288) <= 0.8
    assert 4 * sum(p.numel() for p in network.parameters()) < 6e6  # bytes of fp32


def test_cells_by_hand() -> None:
    places, strides = cells(64)
    assert len(places) == 64 + 16 + 4
    assert places[0].tolist() == [4, 4]
    assert places[9].tolist() == [12, 12]  # second row, second column
    assert places[-1].tolist() == [48, 48]
    assert strides[63].item() == 8
    assert strides[64].item() == 16


def biased() -> PoseNetwork:
    """Answers the same in every cell: a box of one cell to each side, the left wrist half a cell to the right."""
    network = PoseNetwork(0.25).eval()
    with torch.no_grad():
        for head in network.heads:
            for layer in (head.box[2], head.joints[2]):
                layer.weight.zero_()
                layer.bias.zero_()
            head.box[2].bias[:4] = 1.0
            head.joints[2].bias[27] = 0.25
            head.joints[2].bias[29] = 20.0
    return network


def test_exported_rows_are_ultralytics_v8s() -> None:
    rows = Exported(biased(), 64)(torch.zeros(1, 3, 64, 64))[0][0].detach().numpy()
    assert rows.shape == (56, 84)
    np.testing.assert_allclose(rows[:5, 9], [12, 12, 16, 16, 0.5])
    np.testing.assert_allclose(rows[5:8, 9], [12, 12, 0.5])  # nose: no offset, undecided
    np.testing.assert_allclose(rows[5 + 27 : 5 + 30, 9], [16, 12, 1.0], atol=1e-5)  # 0.25 · 2 · 8 px
    np.testing.assert_allclose(rows[:4, 83], [48, 48, 64, 64])  # the coarsest stride


def test_training_and_export_read_the_same_answers() -> None:
    torch.manual_seed(3)
    network = PoseNetwork(0.25).eval()
    image = torch.rand(2, 3, 64, 64)
    raw, (rows, maps) = network(image), Exported(network, 64)(image)
    middle, size = rows[:, :2].transpose(1, 2), rows[:, 2:4].transpose(1, 2)
    torch.testing.assert_close(raw.boxes, torch.cat([middle - size / 2, middle + size / 2], dim=2))
    torch.testing.assert_close(raw.scores.sigmoid(), rows[:, 4])
    torch.testing.assert_close(raw.joints[..., 1], rows[:, 6::3].transpose(1, 2))
    torch.testing.assert_close(raw.visible.sigmoid(), rows[:, 7::3].transpose(1, 2))
    torch.testing.assert_close(raw.heat.sigmoid(), maps)


def test_the_device_reads_the_exported_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.onnx"
    export.write(biased(), 64, path)
    runtime, decoder, _ = models.load_pose(path, models.Engine(threads=1), DecoderSettings(min_score=0.4, iou=0.99))
    view = decoder.views(np.zeros((64, 64, 3), np.uint8), None)[0]
    poses = decoder.decode(runtime.run(view.tensor), view)
    centres = {tuple(np.round(pose.keypoints[0, :2]).tolist()) for pose in poses}
    assert (12.0, 12.0) in centres
    assert len(centres) > 40
    wrists = [pose.keypoints[9] for pose in poses if tuple(np.round(pose.keypoints[0, :2])) == (12, 12)]
    np.testing.assert_allclose(wrists[0], [16, 12, 0.05], atol=1e-3)  # in sight, but no map has a peak there


def test_weights_come_back_from_the_shipped_file(tmp_path: Path) -> None:
    torch.manual_seed(4)
    network = PoseNetwork(0.25).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    export.write(network, 64, tmp_path / "weights.onnx")
    training = recipe.begun(TINY, tmp_path / "work", tmp_path)
    image = torch.rand(1, 3, 64, 64)
    again, before = Exported(training.average.eval(), 64)(image), Exported(network, 64)(image)
    torch.testing.assert_close(again, before, rtol=5e-3, atol=1e-2)  # px; the file's weights have ten bits
    assert training.plan.width == 0.25
    assert training.step == 0


def test_other_files_are_not_resumed_from(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nothing to resume from"):
        recipe.begun(TINY, tmp_path, tmp_path / "missing.pt")
    (tmp_path / "weights.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(ModelError, match="no checkpoint"):
        recipe.begun(TINY, tmp_path, tmp_path / "weights.pt")
    (tmp_path / "weights.onnx").write_bytes(b"not a network")
    with pytest.raises(ModelError, match="not an ONNX file"):
        recipe.begun(TINY, tmp_path, tmp_path / "weights.onnx")
    with pytest.raises(SettingsError, match="multiple of 32"):
        Training(Plan(size=100), tmp_path)


def test_a_resumed_training_goes_on_as_if_it_had_not_stopped(folder: Path, tmp_path: Path) -> None:
    batch = Batches(sources.read(folder), TINY)[0]
    through = Training(TINY, tmp_path / "a")
    for _ in range(3):
        through.learn(*batch)
    broken = Training(TINY, tmp_path / "b")
    broken.learn(*batch)
    path = broken.save()
    resumed = recipe.begun(TINY, tmp_path / "b", path)
    for _ in range(2):
        resumed.learn(*batch)
    assert resumed.step == through.step == 3
    for ours, theirs in zip(resumed.average.state_dict().values(), through.average.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert [p.name for p in (tmp_path / "b").iterdir()] == ["checkpoint.pt"]


def test_two_processes_learn_as_one(folder: Path, tmp_path: Path) -> None:
    drawn = Batches(sources.read(folder), TINY)
    training, told = Training(TINY, tmp_path), {}

    def work(team: Team) -> None:
        training.learn(*drawn[team.rank], team)
        gradients = {name: p.grad.double().sum() for name, p in training.network.named_parameters()}
        weights = {name: p.detach().double().sum() for name, p in training.network.named_parameters()}
        mine = {f"{team.rank} {name}": float(weights[name] + gradients[name]) for name in weights}
        told.update(team.gathered(mine) | {"loss": team.mean(float(team.rank))})

    together(2, work)
    assert told.pop("loss") == 0.5
    assert {told[f"0 {name}"] - told[f"1 {name}"] for name, _ in training.network.named_parameters()} == {0.0}
    assert training.drawn == 2 * TINY.batch


def test_gradients_become_their_mean_and_a_lost_process_is_named() -> None:
    told = []

    def work(team: Team) -> None:
        weight = torch.zeros(2, 3, 2, 2).contiguous(memory_format=torch.channels_last)
        weight.grad = torch.arange(24.0).reshape(2, 3, 2, 2).contiguous(memory_format=torch.channels_last) * team.rank
        team.average([weight, torch.zeros(3)])
        told.append(weight.grad)
        if team.rank == 0:
            team.average([weight])

    with pytest.raises(EdgePoseError, match="a process of the training has ended"):
        together(2, work)
    torch.testing.assert_close(told, [torch.arange(24.0).reshape(2, 3, 2, 2) / 2])


def test_a_few_samples_can_be_learned_by_heart(folder: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    batch = Batches(sources.read(folder), TINY)[0]
    training = Training(Plan(size=64, width=0.25, batch=4, epochs=40, samples=4, rate=5e-3, warm_steps=5), tmp_path)
    values = [training.learn(*batch).values() for _ in range(40)]
    first, last = (sum(v.values()) for v in (values[0], values[-1]))
    assert last < 0.7 * first
    assert values[-1]["score"] < values[0]["score"]
    assert values[-1]["box"] < values[0]["box"]
    assert training.progress == 1


def test_row_63_trained_from_the_command_line_into_a_folder_that_the_device_loads(folder: Path, tmp_path: Path) -> None:
    out, work, again = tmp_path / "tiny-pose", tmp_path / "work", tmp_path / "larger"
    common = ["pose", "--data", str(folder), "--work", str(work), "--width", "0.25", "--size", "64", "--batch", "4"]
    done = CliRunner().invoke(app, [*common, "--out", str(out), "--minutes", "0.005"], catch_exceptions=False)
    assert "no teacher's labels" in done.output
    line = json.loads((work / "log.jsonl").read_text().splitlines()[-1])
    assert line["progress"] == 1
    assert line["score"] > 0
    card = cards.load(out)
    assert card.input_shape == [1, 3, 64, 64]
    assert card.output_shapes == [[1, 56, 84], [1, 17, 16, 16]]
    assert {dataset.use for dataset in card.data} >= {"4 pictures in training, 1 kept aside"}
    assert "research" in card.licence
    runtime, decoder, _ = models.load_pose(out, models.Engine(threads=1), DecoderSettings())
    view = decoder.views(np.zeros((80, 96, 3), np.uint8), None)[0]
    assert isinstance(decoder.decode(runtime.run(view.tensor), view), list)
    finished = ["--out", str(again), "--resume", str(work / "checkpoint.pt"), "--export-size", "96"]
    CliRunner().invoke(app, [*common, *finished], catch_exceptions=False)
    assert cards.load(again).input_shape == [1, 3, 96, 96]


def test_an_unfinished_training_can_be_exported_as_it_is(folder: Path, tmp_path: Path) -> None:
    training = Training(TINY, tmp_path / "work")
    training.learn(*Batches(sources.read(folder), TINY)[0])
    path = training.save()
    unchanged = path.read_bytes()
    out = tmp_path / "early"
    recipe.train(folder, out, replace(TINY, epochs=0), resume=path, work=tmp_path / "work", say=lambda text: None)
    assert cards.load(out).input_shape == [1, 3, 64, 64]
    assert path.read_bytes() == unchanged
    assert not (tmp_path / "work" / "log.jsonl").exists()


def test_the_card_says_how_many_people_were_added_and_by_whom(folder: Path, tmp_path: Path) -> None:
    Training(TINY, tmp_path / "work").save()
    one = Further(np.full((17, 4), 0.5, np.float32), np.array([60, 10, 90, 70], np.float32), 0.6)
    added = {"lspet/im0.jpg": (one, one), "lspet/im1.jpg": (one,), "lspet/im9.jpg": (one,)}  # im9: kept aside
    told = table.save(tmp_path / "labels.npz", Table({}, added, {"teacher": "mo@12", "finder": "po@34"}))
    checkpoint, said = tmp_path / "work" / "checkpoint.pt", []
    plan = replace(TINY, epochs=0)
    card = recipe.train(folder, tmp_path / "out", plan, told, checkpoint, tmp_path / "work", say=said.append)
    uses = {dataset.name.split()[0]: dataset.use for dataset in card.data}
    expected = "3 people added whom no label names, found by po@34, confirmed by mo@12"
    assert uses["Leeds"] == f"4 pictures in training, 1 kept aside; {expected}"
    assert "added" not in uses["COCO"]
    assert any("3 people added" in line for line in said)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (["--data", "nothing"], "no pose data here"),
        (["--device", "tpu"], "expected cpu or cuda"),
        (["--size", "100"], "multiple of 32"),
        (["--labels", "none.npz"], "pose-labels"),
    ],
)
def test_mistakes_are_one_line(folder: Path, tmp_path: Path, changed: list[str], expected: str) -> None:
    common = ["pose", "--data", str(folder), "--out", str(tmp_path / "o"), "--work", str(tmp_path / "w")]
    with pytest.raises(EdgePoseError, match=expected):
        CliRunner().invoke(app, [*common, *changed], catch_exceptions=False)
