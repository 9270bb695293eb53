"""The seeds' lifters: sizes as published, public key layouts, time, mirrors, and the same numbers on the device."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra trainer)")

from edgepose import build  # noqa: E402
from edgepose.card import WindowSpec  # noqa: E402
from edgepose.errors import ModelError, SettingsError  # noqa: E402
from edgepose.lifting import load_lifter  # noqa: E402
from edgepose.lifting.screen import padded, to_screen  # noqa: E402
from edgepose.lifting.sequence import SequenceLifter  # noqa: E402
from edgepose.lifting.zscore import JOINTS_IN, JOINTS_OUT  # noqa: E402
from edgepose.skeletons import COCO17, COCO_WHOLEBODY_FEET, H36M17, RUNNINGPOSE18, named  # noqa: E402
from edgepose.types import Window  # noqa: E402
from edgepose_trainer.cli import app  # noqa: E402
from edgepose_trainer.lifters import runningpose  # noqa: E402
from edgepose_trainer.lifters.checkpoints import load  # noqa: E402
from edgepose_trainer.lifters.gast import GastNet  # noqa: E402
from edgepose_trainer.lifters.graphs import neighbours, symmetry  # noqa: E402
from edgepose_trainer.lifters.martinez import Martinez  # noqa: E402
from edgepose_trainer.lifters.temporal import Stack, momentum_at, parameters  # noqa: E402
from edgepose_trainer.lifters.videopose3d import VideoPose3D  # noqa: E402
from tests.trainer.lifter_files import folder, gast, martinez, saved, videopose3d, walker  # noqa: E402

SIZE = (1280, 720)


def lifter(out: Path, **given: Any) -> SequenceLifter:
    found = load_lifter(out, size_wh=SIZE, **given)
    assert isinstance(found, SequenceLifter)
    return found


def answers(network: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return network(torch.from_numpy(np.asarray(x, np.float32))).numpy()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(weights' name, causal) -> (network, model folder): exporting takes seconds."""
    weights = {"videopose3d": videopose3d(), "gast": gast()}
    held: dict[tuple[str, bool], Any] = {}

    def make(name: str, causal: bool = False) -> Any:
        if (name, causal) not in held:
            held[name, causal] = folder(tmp_path_factory.mktemp(name), causal=causal, model_pos=weights[name])
        return held[name, causal]

    return make


# --- sizes


def test_row_49_videopose3d_has_the_published_numbers_of_parameters() -> None:
    assert parameters(VideoPose3D()) == 8_555_571
    assert parameters(VideoPose3D(stack=Stack((3,) * 5))) == 16_952_371


def test_row_50_runningpose_has_18_joints_and_the_published_number_of_parameters() -> None:
    assert parameters(runningpose.network()) == 16_955_446


def test_row_57_martinez_has_about_4_29_million_parameters() -> None:
    # 32·1024 + 1024 + 2·1024, four layers of 1024² + 3·1024, 1024·48 + 48
    assert parameters(Martinez()) == 35_840 + 4 * 1_051_648 + 49_200 == 4_291_632


@pytest.mark.parametrize(("blocks", "frames", "pad"), [(2, 27, 13), (3, 81, 40), (4, 243, 121)])
def test_row_49_receptive_fields_and_shapes(blocks: int, frames: int, pad: int, tmp_path: Path) -> None:
    found = load(saved(tmp_path / "c.bin", model_pos=videopose3d(blocks)))
    assert (found.arch, found.network.channels) == (f"videopose3d-{frames}", 8)
    assert (found.network.stack.receptive_field, found.network.stack.padding) == (frames, (pad, pad))
    assert Stack(found.network.stack.widths, causal=True).padding == (2 * pad, 0)
    assert answers(found.network, np.zeros((2, frames + 4, 17, 2))).shape == (2, 5, 17, 3)


@pytest.mark.parametrize(("blocks", "frames"), [(2, 27), (3, 81), (4, 243)])
@pytest.mark.parametrize("shared", [False, True])
def test_row_24_gast_net_loads_and_its_shapes(blocks: int, frames: int, shared: bool, tmp_path: Path) -> None:
    found = load(saved(tmp_path / "c.bin", model_pos=gast(blocks, shared=shared)))
    assert found.arch == f"gast-{frames}"
    assert answers(found.network, np.zeros((1, frames + 2, 17, 2))).shape == (1, 3, 17, 3)


def test_row_24_graphs_by_hand() -> None:
    # h36m17: left wrist (13) is distal: itself, elbow, shoulder; the thorax (8): itself, spine, neck, both shoulders.
    assert torch.nonzero(neighbours(17)[13]).flatten().tolist() == [11, 12, 13]
    assert torch.nonzero(neighbours(17)[8]).flatten().tolist() == [7, 8, 9, 11, 14]
    assert torch.nonzero(symmetry(17)[13]).flatten().tolist() == [13, 16]
    assert torch.nonzero(symmetry(17)[0]).flatten().tolist() == [0]
    assert torch.nonzero(neighbours(19)[4]).flatten().tolist() == [2, 3, 4]  # right toe


def test_row_24_a_learnt_graph_by_hand() -> None:
    # One channel, W[0] = 2, W[1] = 3, all scores equal: the pelvis (itself, spine, two hips) weighs each a quarter.
    network = GastNet(17, Stack((3,)), channels=4)
    graph = network.layers_graph_conv[0].local_graph_layer.gcn_con
    with torch.no_grad():
        graph.W.zero_()
        graph.W[0, 0, 0], graph.W[1, 0, 0] = 2, 3
    x = np.zeros((1, 1, 17, 4), np.float32)
    x[0, 0, [0, 1, 4, 7], 0] = 1, 10, 100, 1000
    assert answers(graph, x)[0, 0, 0].tolist() == [(2 * 1 + 3 * 1110) / 4, 0, 0, 0]


# --- time


def restacked(kind: type, **how: Any) -> tuple[torch.nn.Module, torch.nn.Module]:
    torch.manual_seed(0)
    network = kind(17, channels=4) if kind is GastNet else kind(channels=8)
    network.eval()
    return network, network.restacked(Stack((3, 3, 3), **how)).eval()


@pytest.mark.parametrize("kind", [VideoPose3D, GastNet])
@pytest.mark.parametrize("causal", [False, True])
def test_row_49_strided_training_network_gives_the_same(kind: type, causal: bool) -> None:
    _, dilated = restacked(kind, causal=causal)
    _, strided = restacked(kind, causal=causal, strided=True)
    strided.load_state_dict(dilated.state_dict())
    x = np.random.default_rng(0).normal(size=(3, 27, 17, 2))
    np.testing.assert_allclose(answers(strided, x), answers(dilated, x), atol=1e-5)


def test_row_49_residual_is_the_middle_or_the_newest_frame() -> None:
    frames = torch.arange(9.0).reshape(1, 1, 9)
    assert Stack((3, 3)).residual(frames, 1).tolist() == [[[3, 4, 5]]]
    assert Stack((3, 3), causal=True).residual(frames, 1).tolist() == [[[6, 7, 8]]]
    assert Stack((3, 3), strided=True).residual(frames, 1).tolist() == [[[1, 4, 7]]]
    assert Stack((3, 3), causal=True, strided=True).residual(frames, 1).tolist() == [[[2, 5, 8]]]


@pytest.mark.parametrize("name", ["videopose3d", "gast"])
def test_row_25_causal_gives_one_pose_per_frame_and_does_not_know_the_future(name: str, made: Any) -> None:
    _, out = made(name, True)
    seen = walker(40)
    changed = seen.copy()
    changed[21:, :, :2] += 50
    causal = lifter(out)
    poses, others = causal.lift_track(seen), causal.lift_track(changed)
    assert poses.shape == (40, 17, 3)
    np.testing.assert_array_equal(poses[:21], others[:21])
    assert np.abs(poses[21] - others[21]).max() > 1e-4
    # Frame by frame, as a live stream comes: the newest 27 frames give the newest pose.
    live = causal.lift_array(seen[None, 8:35])[0]
    np.testing.assert_allclose(live, poses[34], atol=1e-5)


def test_row_49_not_causal_knows_half_a_window_of_the_future(made: Any) -> None:
    _, out = made("videopose3d")
    seen = walker(40)
    changed = seen.copy()
    changed[21:, :, :2] += 50
    poses, others = (lifter(out).lift_track(keypoints) for keypoints in (seen, changed))
    np.testing.assert_array_equal(poses[:8], others[:8])  # 8 + 13 = 21
    assert np.abs(poses[8] - others[8]).max() > 1e-4


def test_momentum_of_batch_normalisation_falls() -> None:
    assert momentum_at(0) == pytest.approx(0.1)
    assert momentum_at(0.5) == pytest.approx(0.01)
    assert momentum_at(1) == pytest.approx(0.001)


# --- the device


@pytest.mark.parametrize(("name", "skeleton", "causal"), [("videopose3d", COCO17, False), ("gast", H36M17, True)])
def test_row_49_device_gives_the_numbers_of_torch(name: str, skeleton: Any, causal: bool, made: Any) -> None:
    loaded, out = made(name, causal)
    seen = walker(30)
    x = padded(to_screen(seen[None, ..., :2], SIZE), *((26, 0) if causal else (13, 13)))
    twin = x[:, :, skeleton.mirror] * np.float32([-1, 1])
    straight, mirrored = answers(loaded.network, x), answers(loaded.network, twin)
    expected = (straight + mirrored[:, :, H36M17.mirror] * np.float32([-1, 1, 1])) / 2
    expected = expected[0] - expected[0][:, [1, 4]].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(lifter(out, skeleton=skeleton).lift_track(seen), expected, atol=1e-4)


def test_row_49_mirrored_person_gives_the_mirrored_pose(made: Any) -> None:
    _, out = made("videopose3d")
    seen = walker(30)
    twin = seen[:, COCO17.mirror].copy()
    twin[..., 0] = SIZE[0] - twin[..., 0]
    pose = lifter(out).lift_track(seen)
    expected = pose[:, H36M17.mirror] * np.float32([-1, 1, 1])
    np.testing.assert_allclose(lifter(out).lift_track(twin), expected, atol=1e-5)


def test_row_49_trajectory_is_added_to_the_pose(tmp_path: Path) -> None:
    trajectory = videopose3d(joints_out=1, seed=3)
    loaded, out = folder(tmp_path, model_pos=videopose3d(), model_traj=trajectory)
    seen = walker(30)
    found = lifter(out)
    x = padded(to_screen(seen[None, ..., :2], SIZE), 13, 13)
    twin = x[:, :, COCO17.mirror] * np.float32([-1, 1])
    assert loaded.trajectory is not None
    place = (answers(loaded.trajectory, x) + answers(loaded.trajectory, twin) * np.float32([-1, 1, 1]))[0] / 2
    root = found.lift_track(seen)
    camera = found.lift_track(seen, space="camera")
    assert found.has_trajectory
    # Both are the same pose; in the camera's space it stands where pose and trajectory say.
    np.testing.assert_allclose(camera - camera[:, [1, 4]].mean(axis=1, keepdims=True), root, atol=1e-5)
    pose = (answers(loaded.network, x) + answers(loaded.network, twin)[:, :, H36M17.mirror] * np.float32([-1, 1, 1]))[
        0
    ] / 2
    np.testing.assert_allclose(camera, pose + place, atol=1e-5)


def test_row_49_without_a_trajectory_there_is_no_place(made: Any) -> None:
    _, out = made("videopose3d")
    with pytest.raises(ModelError, match="has no trajectory"):
        lifter(out).lift_track(walker(30), space="camera")


def test_row_52_windows_of_another_rate_are_sampled_at_the_networks(made: Any) -> None:
    # A window at 25 Hz of a straight movement is, between its samples, the same movement at 50 Hz.
    _, out = made("videopose3d")
    fast = walker(27)
    fast[..., :2] = fast[0, :, :2] + np.arange(27)[:, None, None] * np.float32([4, 1])
    coarse = Window(1, 0, np.arange(14) / 25, fast[::2])
    pose = lifter(out).lift([coarse])[0]
    np.testing.assert_allclose(pose.keypoints, lifter(out).lift_array(fast[None])[0], atol=1e-5)
    assert (pose.skeleton, pose.space) == ("h36m17", "root")


def test_row_52_tracks_of_another_rate_are_resampled_and_back(made: Any) -> None:
    _, out = made("videopose3d")
    fast = walker(40)
    fast[..., :2] = fast[0, :, :2] + np.arange(40)[:, None, None] * np.float32([4, 1])
    poses = lifter(out).lift_track(fast)
    np.testing.assert_allclose(lifter(out).lift_sequence(np.arange(40) / 50, fast), poses, atol=1e-4)
    # Every second frame, 25 a second: the same movement up to frame 38, where the track ends.
    half = lifter(out).lift_sequence(np.arange(0, 40, 2) / 50, fast[::2])
    assert half.shape == (20, 17, 3)
    np.testing.assert_allclose(half[:13], poses[:26:2], atol=1e-3)  # 24 + 13 < 38: no answer there sees the end


def test_row_49_long_tracks_are_lifted_in_pieces_with_the_same_answers(tmp_path: Path) -> None:
    _, out = folder(tmp_path, model_pos=videopose3d(channels=4))
    seen = walker(600)
    whole = lifter(out).lift_track(seen)
    np.testing.assert_allclose(lifter(out).lift_array(seen[None, 250 - 13 : 250 + 14])[0], whole[250], atol=1e-5)
    np.testing.assert_allclose(lifter(out).lift_array(seen[None, 258 - 13 : 258 + 14])[0], whole[258], atol=1e-5)


def test_half_known_is_enough_and_less_is_refused(made: Any) -> None:
    _, out = made("videopose3d")
    seen = walker(80)
    seen[30:] = (np.nan, np.nan, 0)
    found = lifter(out)
    poses = found.lift_track(seen)
    # Frame 29 sees 16..42: 14 of 27 known; frame 30 sees 17..43: 13 of 27.
    assert np.isfinite(poses[:30]).all()
    assert np.isnan(poses[30:]).all()
    assert found.refused == 50
    nobody = np.full((27, 17, 3), (np.nan, np.nan, 0), np.float32)
    assert np.isnan(found.lift([Window(1, 26, np.arange(27) / 50, nobody)])[0].keypoints).all()


def test_row_26_gast_net_of_19_joints_sees_whole_bodies(tmp_path: Path) -> None:
    _, out = folder(tmp_path, model_pos=gast(1, joints=19))
    toes = lifter(out, skeleton=COCO_WHOLEBODY_FEET)
    seen = walker(30, 23)
    moved = seen.copy()
    moved[:, COCO_WHOLEBODY_FEET.index("left_big_toe"), 0] += 30
    poses, others = toes.lift_track(seen), toes.lift_track(moved)
    assert poses.shape == (30, 19, 3)
    assert toes.skeleton == named("h36m19")
    assert np.abs(poses - others).max() > 1e-5  # the toes are seen
    with pytest.raises(ModelError, match="poses of coco17 have no left_big_toe"):
        lifter(out)


@pytest.mark.parametrize("key", ["model_pos", "model_run"])
def test_row_50_runningpose_loads_under_both_keys(key: str, tmp_path: Path) -> None:
    loaded, out = folder(tmp_path, **{key: videopose3d(4, joints_out=18)})
    assert loaded.arch == "runningpose-243"
    poses = lifter(out).lift_track(walker(20))
    assert poses.shape == (20, 18, 3)
    hips = RUNNINGPOSE18.indices("left_trochanter_major", "right_trochanter_major")
    np.testing.assert_allclose(poses[:, hips].mean(axis=1), 0, atol=1e-6)


def statistics() -> dict[str, Any]:
    return {
        "input_mean": [500.0, 300.0] * 16, "input_std": [100.0, 50.0] * 16,
        "output_mean": [0.0, 0.1, -0.1] * 16, "output_std": [0.2, 0.4, 0.3] * 16, "picture_width": 1000,
    }  # fmt: skip


def test_row_57_martinez_with_stored_statistics(tmp_path: Path) -> None:
    loaded, out = folder(tmp_path, state_dict=martinez(), statistics=statistics())
    found = load_lifter(out, size_wh=(2000, 1000), skeleton=H36M17)
    seen = walker(3)
    # The training pictures were half as wide: (x / 2 - 500) / 100, (y / 2 - 300) / 50.
    scores = (seen[:, JOINTS_IN, :2] / 2 - [500, 300]) / [100, 50]
    metres = answers(loaded.network, scores.reshape(3, 32)).reshape(3, 16, 3) * [0.2, 0.4, 0.3] + [0, 0.1, -0.1]
    poses = found.lift_track(seen)  # type: ignore[attr-defined]
    hips = (metres[:, [0]] + metres[:, [3]]) / 2  # right and left hip behind the hip that is left out
    np.testing.assert_allclose(poses[:, JOINTS_OUT], metres - hips, atol=1e-5)
    np.testing.assert_allclose(poses[:, [0]], -hips, atol=1e-5)  # the hip itself is 0
    window = found.lift([Window(1, 2, np.arange(3) / 30, seen)])[0]
    np.testing.assert_allclose(window.keypoints, poses[1], atol=1e-6)


def test_row_57_martinez_without_statistics_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="without the stored statistics"):
        folder(tmp_path, state_dict=martinez())
    with pytest.raises(ModelError, match="input: 32 means and 31 standard deviations"):
        folder(tmp_path, state_dict=martinez(), statistics=statistics() | {"input_std": [1.0] * 31})


def test_row_57_max_norm_shortens_long_rows_only() -> None:
    network = Martinez(size=8)
    with torch.no_grad():
        network.w2.weight.fill_(0)
        network.w2.weight[0, :2] = torch.tensor([3.0, 4.0])
        network.w2.weight[1, 0] = 0.5
    network.clip()
    np.testing.assert_allclose(network.w2.weight[0, :2].detach(), [0.6, 0.8], atol=1e-5)
    assert network.w2.weight[1, 0].item() == pytest.approx(0.5)


# --- wrong files


@pytest.mark.parametrize(
    ("held", "says"),
    [
        ({"model_pos": {"conv1.weight": torch.zeros(3)}}, "no lifter that I know: expected expand_conv"),
        ({"epoch": 3}, "expected weights under model_pos, model_run, state_dict; the file has epoch"),
        ({"model_pos": {k: v for k, v in videopose3d().items() if k != "layers_bn.2.bias"}},
         "no weights 'layers_bn.2.bias', expected \\(8,\\)"),
        ({"model_pos": videopose3d() | {"extra.weight": torch.zeros(2)}}, "1 weights .* 'extra.weight' first"),
        ({"model_pos": videopose3d() | {"layers_conv.1.weight": torch.zeros(8, 8, 3)}},
         "layers_conv.1.weight: expected \\(8, 8, 1\\), got \\(8, 8, 3\\)"),
        ({"model_pos": videopose3d(joints_out=17) | {"shrink.weight": torch.zeros(50, 8, 1)}}, "got 34 and 50"),
        ({"model_pos": videopose3d(joints_out=20)}, "expected 17 .* or 18 .* joints out, got 20"),
        ({"model_pos": videopose3d(), "model_traj": videopose3d()}, "model_traj: expected 17 joints in, 1 out"),
        ({"state_dict": martinez() | {"w2.weight": torch.zeros(51, 16)}}, "32 numbers in and 48 out .* got 32 and 51"),
    ],
    ids=["network", "no weights", "missing", "left over", "shape", "not x y z", "joints", "trajectory", "Martinez"],
)  # fmt: skip
def test_a_checkpoint_of_another_architecture_says_where_it_differs(
    held: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=says):
        folder(tmp_path, **held)


def test_gast_net_of_other_joints_is_refused(tmp_path: Path) -> None:
    state = gast()
    state["layers_graph_conv.0.global_graph_layer.attentions.0.C_k"] = torch.zeros(15, 15)
    with pytest.raises(ModelError, match=r"expected 17 \(h36m17\) or 19 \(h36m19\) joints, got 15"):
        load(saved(tmp_path / "c.bin", model_pos=state))


def test_the_expected_architecture_is_checked(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected videopose3d-243, the checkpoint is videopose3d-27"):
        load(saved(tmp_path / "c.bin", model_pos=videopose3d()), arch="videopose3d-243")


def test_weights_of_several_cards_and_of_old_files_are_read(tmp_path: Path) -> None:
    state = {f"module.{name}": value for name, value in videopose3d().items()}
    torch.save({"model_pos": state}, tmp_path / "old.bin", _use_new_zipfile_serialization=False)
    assert load(tmp_path / "old.bin").arch == "videopose3d-27"


class Sprung:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (exec, ("import pathlib; pathlib.Path('sprung').touch()",))


def test_nothing_that_a_checkpoint_brings_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    load(saved(tmp_path / "c.bin", model_pos=videopose3d(), random_state=Sprung()))
    with zipfile.ZipFile(tmp_path / "c.bin") as file:
        assert any(b"exec" in file.read(name) for name in file.namelist() if name.endswith("data.pkl"))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", pickle.dumps([1, 2])], ids=["empty", "text", "list"])
def test_other_files_are_no_checkpoints(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "c.bin").write_bytes(content)
    with pytest.raises(ModelError, match=r"c\.bin: "):
        load(tmp_path / "c.bin")


def test_a_lifter_of_screen_units_needs_the_pictures_size(made: Any) -> None:
    _, out = made("videopose3d")
    assert build.verify(out) is None
    with pytest.raises(ModelError, match="its size must be given"):
        load_lifter(out).lift([Window(1, 26, np.arange(27) / 50, walker(27))])
    with pytest.raises(ModelError, match=r"expected coco17 keypoints \(…, 17, 3\), got \(27, 13, 3\)"):
        lifter(out).lift([Window(1, 26, np.arange(27) / 50, walker(27, 13))])


def test_a_card_that_does_not_fit_its_network_is_refused(tmp_path: Path) -> None:
    _, out = folder(tmp_path, model_pos=videopose3d())
    card = json.loads((out / "card.json").read_text())
    (out / "card.json").write_text(json.dumps(card | {"output_skeleton": "runningpose18"}))
    with pytest.raises(
        ModelError, match=r"expected output \(None, None, 18, 3\), the network has \(None, None, 17, 3\)"
    ):
        lifter(out)


# --- commands


def test_a_public_checkpoint_becomes_a_model_folder_by_command(tmp_path: Path) -> None:
    file = saved(tmp_path / "pretrained.bin", model_pos=videopose3d())
    out = tmp_path / "wild"
    given = ["lifter-checkpoint", str(file), "--out", str(out), "--licence", "CC BY-NC", "--causal"]
    result = CliRunner().invoke(app, given, catch_exceptions=False)
    assert result.exit_code == 0
    assert "videopose3d-27-causal, coco17 -> h36m17" in result.output
    found = lifter(out)
    assert found.window == WindowSpec(frames=27, rate_hz=50)
    assert found.lift_track(walker(5)).shape == (5, 17, 3)


def test_unknown_architectures_are_refused(tmp_path: Path) -> None:
    given = ["lifter", "--data", str(tmp_path), "--out", str(tmp_path / "m"), "--arch", "videopose3d-9"]
    with pytest.raises(SettingsError, match="expected videopose3d-27, "):
        CliRunner().invoke(app, given, catch_exceptions=False)


def test_the_trainer_is_imported_without_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import edgepose_trainer.cli, edgepose_trainer.custom2d, edgepose_trainer.importers.videopose3d"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
