"""Virtual cameras, errors and training by hand; the shipped model on players that it has not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgepose import card as cards
from edgepose.errors import SourceError
from edgepose.lifter import Lifter
from edgepose.skeletons import COCO17
from edgepose_trainer import lifter as trainer
from edgepose_trainer.errors3d import mpjpe, n_mpjpe, p_mpjpe
from edgepose_trainer.mlp import Adam, Perceptron
from edgepose_trainer.views import EXACT, Detector, court_cameras, detected, looking_at
from tests.shared import SHARED, needs

CALDAS = SHARED / "data" / "mocap" / "caldas"
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


def test_gradients_are_those_of_the_distance() -> None:
    rng = np.random.default_rng(0)
    network = Perceptron(6, 8, 6, rng)
    network.weights[4] += rng.standard_normal((8, 6), np.float32)
    network.weights[:] = [weight.astype(np.float64) for weight in network.weights]
    x, target = rng.standard_normal((5, 6)), rng.standard_normal((5, 6))
    gradients, _ = network.gradients(x, target)
    for weight, gradient in zip(network.weights, gradients, strict=True):
        place = (0,) * weight.ndim
        weight[place] += 1e-5
        above = network.gradients(x, target)[1]
        weight[place] -= 2e-5
        below = network.gradients(x, target)[1]
        weight[place] += 1e-5
        assert gradient[place] == pytest.approx((above - below) / 2e-5, abs=1e-4)


def test_adam_learns_a_constant() -> None:
    network = Perceptron(3, 4, 3, np.random.default_rng(0))
    optimiser = Adam(network.weights)
    x, target = np.ones((8, 3), np.float32), np.full((8, 3), 0.5, np.float32)
    for _ in range(300):
        optimiser.step(network.gradients(x, target)[0], 0.01)
    np.testing.assert_allclose(network(x), target, atol=0.05)


def test_no_takes_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no \.bvh"):
        trainer.train(tmp_path, tmp_path / "out")


def test_every_fourth_player_is_kept_aside() -> None:
    paths = [Path(f"{player}_{stroke}.bvh.xz") for player in "hgfedcba" for stroke in ("Derecha", "Reves")]
    assert trainer.kept_aside(paths) == ["d", "h"]


@needs(CALDAS)
def test_a_short_training_makes_a_folder_that_loads(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for player in ("adorozco", "astrejos", "cferrero", "lvargas"):
        (data / f"{player}_VReves.bvh.xz").symlink_to((CALDAS / f"{player}_VReves.bvh.xz").resolve())
    said: list[str] = []
    out = trainer.train(data, tmp_path / "model", seed=3, steps=40, say=said.append)
    again = trainer.train(data, tmp_path / "again", seed=3, steps=40, say=said.append)
    assert (out / "weights.onnx").stat().st_size < 3_000_000
    assert cards.load(out).files == cards.load(again).files  # the same seed gives the same weights
    assert Lifter(out).window == trainer.WINDOW
    assert {figure.data.split(",")[0] for figure in cards.load(out).figures} == {
        "Tennis-MoCap players lvargas (not trained on)"
    }


@needs(CALDAS)
def test_shipped_model_on_players_that_it_has_not_seen() -> None:
    paths = trainer.takes_in(CALDAS)
    aside = trainer.kept_aside(paths)
    assert all(player in cards.load(MODEL).data[0].use for player in aside)
    takes = [trainer.load_take(path) for path in paths if trainer.player_of(path) in aside]
    errors = trainer.measure(Lifter(MODEL), trainer.aside_views(takes, EXACT, 1000))
    assert errors.n_mpjpe < 72
    assert errors.p_mpjpe < errors.n_mpjpe < errors.mpjpe < 82
