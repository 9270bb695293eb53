"""Virtual cameras, errors and training by hand; the shipped model on players that it has not seen."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra trainer)")

from edgepose import card as cards  # noqa: E402
from edgepose.errors import ModelError, SourceError  # noqa: E402
from edgepose.lifter import Lifter  # noqa: E402
from edgepose.models import Engine, load_runtime  # noqa: E402
from edgepose.skeletons import COCO17, H36M17  # noqa: E402
from edgepose.types import Float32  # noqa: E402
from edgepose_trainer import lifter as trainer  # noqa: E402
from edgepose_trainer.errors3d import mpjpe, n_mpjpe, p_mpjpe  # noqa: E402
from edgepose_trainer.lifters import courttraining  # noqa: E402
from edgepose_trainer.lifters.courtlift import CourtLift  # noqa: E402
from edgepose_trainer.motions import Pool, Take  # noqa: E402
from edgepose_trainer.views import EXACT, Detector, court_cameras, detected, looking_at  # noqa: E402
from tests.shared import SHARED, needs  # noqa: E402

CALDAS = SHARED / "data" / "mocap" / "caldas"
CMU = SHARED / "data" / "mocap" / "cmu"
MODEL = Path(__file__).parents[2] / "models" / "courtlift-n"
ZERO = np.zeros(1)


def camera_in_front() -> np.ndarray:
    return looking_at(np.array([[0.0, 1.0, 10.0]]), np.array([[0.0, 1.0, 0.0]]), np.array([1000.0]), ZERO)


def test_projection_by_hand() -> None:
    # The camera stands at z = 10 and looks towards the origin: its right is the world's right.
    camera = camera_in_front()
    seen = camera.into(np.array([[[0.0, 1.0, 0.0], [1.0, 3.0, 0.0], [0.0, 0.0, 5.0]]]))
    np.testing.assert_allclose(seen[0], [[0, 0, 10], [1, -2, 10], [0, 1, 5]], atol=1e-12)
    np.testing.assert_allclose(camera.project(seen)[0], [[640, 360], [740, 160], [640, 560]], atol=1e-9)


def test_rolled_camera_keeps_what_it_looks_at() -> None:
    upright = camera_in_front()
    rolled = looking_at(upright.position, np.array([[0.0, 1.0, 0.0]]), upright.focal_px, np.array([np.pi / 2]))
    points = np.array([[[0.0, 1.0, 0.0], [1.0, 1.0, 0.0]]])
    np.testing.assert_allclose(rolled.into(points)[0], [[0, 0, 10], [0, -1, 10]], atol=1e-12)


def test_court_cameras_are_cameras_that_see_the_player() -> None:
    players = np.tile([3.0, 0.9, -2.0], (500, 1))
    cameras = court_cameras(np.random.default_rng(0), players)
    identity = cameras.rotation @ cameras.rotation.transpose(0, 2, 1)
    np.testing.assert_allclose(identity, np.tile(np.eye(3), (500, 1, 1)), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(cameras.rotation), 1)
    assert cameras.position[:, 1].min() >= 0.5
    assert cameras.position[:, 1].max() <= 6
    seen = cameras.into(players[:, None])
    assert seen[:, 0, 2].min() > 1
    assert np.percentile(np.abs(cameras.project(seen)[:, 0, 0] - 640), 95) < 640


def standing(count: int = 200) -> np.ndarray:
    """(N, 15, 17, 2): everybody stands still, shoulders at y 100, hips at y 200."""
    points = np.zeros((count, 15, 17, 2))
    points[..., COCO17.indices("left_shoulder", "right_shoulder"), 1] = 100
    points[..., COCO17.indices("left_hip", "right_hip"), 1] = 200
    return points


def test_exact_detector_changes_nothing() -> None:
    keypoints = detected(standing(), EXACT, np.random.default_rng(0))
    np.testing.assert_array_equal(keypoints[..., :2], standing())
    assert (keypoints[..., 2] == 1).all()


def test_detector_noise_is_what_it_says() -> None:
    keypoints = detected(standing(), Detector(swaps=0), np.random.default_rng(0))
    gone = np.isnan(keypoints[..., 0])
    assert gone.mean() == pytest.approx(0.05, abs=0.005)
    assert (keypoints[gone][:, 2] == 0).all()
    error = (keypoints[..., :2] - standing())[~gone]
    assert error.std() == pytest.approx(2.5, rel=0.03)
    size, confidence = np.hypot(*error.T), keypoints[..., 2][~gone]
    assert confidence[size < 1].mean() > confidence[size > 5].mean() + 0.1


def test_swaps_exchange_left_and_right() -> None:
    points = np.tile(np.arange(17.0)[:, None], (1, 15, 1, 2))
    swapped = detected(points, Detector(0, 0, swaps=1), np.random.default_rng(0))
    np.testing.assert_array_equal(swapped[0, 0, :, 0], COCO17.mirror)


def test_errors_by_hand() -> None:
    truth = np.array([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]])
    assert mpjpe(truth + np.array([0, 3, 4]), truth) == pytest.approx(5)
    assert mpjpe(2 * truth, truth) == pytest.approx(0.75)
    assert n_mpjpe(2 * truth, truth) == pytest.approx(0, abs=1e-12)
    turned = truth @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    assert n_mpjpe(turned, truth) > 0.3
    assert p_mpjpe(3 * turned + 7, truth) == pytest.approx(0, abs=1e-9)
    assert p_mpjpe(truth * [-1, 1, 1], truth) > 0.1  # a mirror image is not the same pose


def test_no_takes_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no \.bvh"):
        courttraining.train(tmp_path, tmp_path / "out")


def test_every_fourth_player_is_kept_aside() -> None:
    paths = [Path(f"{player}_{stroke}.bvh.xz") for player in "hgfedcba" for stroke in ("Derecha", "Reves")]
    assert trainer.kept_aside(paths) == ["d", "h"]


def test_loss_by_hand() -> None:
    network = CourtLift(15, hidden=8)  # untrained: both answers are near the origin
    truth = torch.zeros(4, 17, 3)
    truth[:, :, 2] = 2.0
    newest = torch.full((4, 17, 3), torch.nan)
    newest[:, H36M17.index("left_wrist")] = torch.tensor([3.0, 0.0, 4.0])  # five metres away, the others unknown
    with torch.no_grad():
        for head in (network.middle, network.newest):
            head.weight.zero_()
    loss = courttraining.loss_of(network, (torch.zeros(4, 15 * 51), truth, newest))
    assert loss.item() == pytest.approx(2 + 0.5 * 5, rel=1e-4)
    truth[:, H36M17.index("left_elbow"), 2] = 3.0  # two of eight limbs are a metre long and answered with nothing
    longer = courttraining.loss_of(network, (torch.zeros(4, 15 * 51), truth, newest))
    middle = (2 * 11 + 3 + 0.5 * 5 * 2) / (12 + 0.5 * 5)  # face and spine count half
    assert longer.item() == pytest.approx(middle + 0.5 * 5 + 0.2 * 2 / 8, rel=1e-3)


@needs(CALDAS)
def test_training_windows_are_seen_straight_on_and_as_large_as_their_poses() -> None:
    takes = [trainer.load_take(CALDAS / f"{player}_VReves.bvh.xz") for player in ("jangel", "jarua")]
    inputs, middle, newest = courttraining.windows(Pool(takes), 300, np.random.default_rng(2))
    assert inputs.shape[1:] == (15, 17, 3)
    assert np.abs(inputs[..., :2].mean(axis=(1, 2))).mean() < 1.0  # torso lengths from the hips
    np.testing.assert_allclose(middle[:, 0], 0, atol=1e-6)
    np.testing.assert_allclose(newest[:, 0], 0, atol=1e-6)
    reach = np.linalg.norm(middle[:, H36M17.indices("left_ankle", "right_ankle")], axis=-1)
    assert np.median(reach) == pytest.approx(0.75, abs=0.1)  # of a 1.75 m person


@needs(CALDAS)
def test_a_short_training_makes_a_folder_that_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "aside_views", partial(trainer.aside_views, count=200))
    data = tmp_path / "data"
    data.mkdir()
    for player in ("adorozco", "astrejos", "cferrero", "lvargas"):
        (data / f"{player}_VReves.bvh.xz").symlink_to((CALDAS / f"{player}_VReves.bvh.xz").resolve())
    others = tmp_path / "others"
    others.mkdir()
    for name in ("03.asf.xz", "03_01.amc.xz", "03_02.amc.xz"):
        (others / name).symlink_to((CMU / name).resolve())
    said: list[str] = []
    out = courttraining.train(data, tmp_path / "model", 3, 24, said.append, others, 32)
    again = courttraining.train(data, tmp_path / "again", 3, 24, said.append, others, 32)
    card = cards.load(out)
    assert card.files == cards.load(again).files  # the same seed gives the same weights
    assert sum((out / file.path).stat().st_size for file in card.files) < 5_000_000
    assert Lifter(out).window == trainer.LIFT_WINDOW
    assert {figure.data.split(",")[0] for figure in card.figures} == {"Tennis-MoCap players lvargas (not trained on)"}
    small = load_runtime("onnx", out / "weights-int8.onnx", Engine(threads=1))
    window = np.random.default_rng(0).normal(0, 1, (3, 15 * 51)).astype(np.float32)
    full = load_runtime("onnx", out / "weights.onnx", Engine(threads=1)).run(window)
    for a, b in zip(full, small.run(window), strict=True):
        np.testing.assert_allclose(a, b, atol=0.05)
    assert trainer.unseen_by(card) == ["lvargas"]
    again_begun = courttraining.begun(out / "weights.onnx", 1).eval()
    np.testing.assert_allclose(again_begun(torch.from_numpy(window))[0].detach(), full[0], atol=1e-5)


@needs(CALDAS)
def test_players_kept_aside_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "aside_views", partial(trainer.aside_views, count=50))
    for player in ("adorozco", "astrejos", "cferrero"):
        (tmp_path / f"{player}_VReves.bvh.xz").symlink_to((CALDAS / f"{player}_VReves.bvh.xz").resolve())
    aside = ["cferrero", "adorozco"]
    card = cards.load(courttraining.train(tmp_path, tmp_path / "out", 3, 1, list, size=8, aside=aside))
    assert trainer.unseen_by(card) == ["adorozco", "cferrero"]
    assert card.figures[0].data.startswith("Tennis-MoCap players adorozco, cferrero (not trained on)")
    with pytest.raises(SourceError, match="no takes of nadal, to be kept aside"):
        courttraining.train(tmp_path, tmp_path / "out", 3, 1, aside=["nadal"])


def test_weights_of_another_network_are_no_start(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save({"first.weight": torch.zeros(4, 765)}, path)
    with pytest.raises(ModelError, match="checkpoint.pt: expected weights"):
        courttraining.begun(path, 1)


def test_a_window_is_seen_three_times_on_average() -> None:
    """Eight batches' worth of windows are drawn for every 24 batches."""
    standing = np.random.default_rng(0).normal(0, 0.3, (1, 17, 3)) + np.array([0, 1, 0])
    pool = Pool([Take("a", *[np.repeat(standing, 100, axis=0)] * 2, 0.01, 1.75)])
    asked: list[int] = []
    original = courttraining.windows

    def windows(pool: Pool, count: int, rng: np.random.Generator) -> tuple[Float32, Float32, Float32]:
        asked.append(count)
        return original(pool, count, rng)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(courttraining, "windows", windows)
        seen = list(itertools.islice(courttraining.batches(pool, 4, np.random.default_rng(1)), 48))
    assert asked == [32, 32]
    assert {tuple(part.shape) for part in seen[0]} == {(4, 765), (4, 17, 3)}


@needs(CALDAS)
def test_shipped_model_on_players_that_it_has_not_seen() -> None:
    paths = trainer.takes_in(CALDAS)
    aside = trainer.kept_aside(paths, trainer.unseen_by(cards.load(MODEL)))
    takes = [trainer.load_take(path) for path in paths if trainer.player_of(path) in aside]
    errors = trainer.errors_of(Lifter(MODEL, camera=trainer.JUDGED_BY), trainer.aside_views(takes, EXACT, 1000))
    assert errors["N-MPJPE"] < 48
    assert errors["P-MPJPE"] < errors["N-MPJPE"] < 1.02 * errors["MPJPE"]
