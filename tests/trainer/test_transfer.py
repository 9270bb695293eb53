"""Row 53: a new output layer learns alone, then everything, at a rate that the optimiser is really given."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra trainer)")

from torch import Tensor  # noqa: E402

from edgepose.errors import ModelError  # noqa: E402
from edgepose_trainer.lifters.temporal import Stack  # noqa: E402
from edgepose_trainer.lifters.transfer import Plan, distance, fit, with_new_output  # noqa: E402
from edgepose_trainer.lifters.videopose3d import VideoPose3D  # noqa: E402

MEAN = np.linspace(-0.5, 0.5, 54).reshape(18, 3).astype(np.float32)
Batches = Callable[[int], Iterable[tuple[Tensor, Tensor]]]


def wild() -> VideoPose3D:
    """Its batch normalisation has seen what it normalises, as a trained network's has."""
    torch.manual_seed(0)
    network = VideoPose3D(stack=Stack((3, 3), strided=True), channels=16, dropout=0.0)
    with torch.no_grad():
        for epoch in range(20):
            for seen, _ in data()(epoch):
                network(seen)
    return network


def data(rows: int = 256) -> Batches:
    """18 joints that follow the 17 seen ones linearly: what an output layer can learn."""
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(rows, 9, 17, 2)).astype(np.float32)
    truth = MEAN + 0.3 * seen[:, 4, :1, :1] * rng.normal(size=(18, 3)).astype(np.float32)
    pairs = torch.from_numpy(seen), torch.from_numpy(truth[:, None].astype(np.float32))
    return lambda epoch: [(pairs[0][a : a + 64], pairs[1][a : a + 64]) for a in range(0, rows, 64)]


def rest(network: VideoPose3D) -> dict[str, Tensor]:
    """Everything but the output layer, statistics of batch normalisation included."""
    return {k: v.clone() for k, v in network.state_dict().items() if not k.startswith("shrink.")}


def test_row_53_new_output_layer_answers_the_mean_pose_at_first() -> None:
    old = wild()
    network = with_new_output(old, MEAN).eval()
    assert network.joints_out == 18
    for name, value in rest(old).items():
        assert torch.equal(value, network.state_dict()[name]), name
    with torch.no_grad():
        network.shrink.weight.zero_()
        found = network(torch.randn(2, 9, 17, 2))
    np.testing.assert_allclose(found[1, 0], MEAN, atol=1e-7)


def test_row_53_frozen_weights_do_not_change_and_the_loss_falls() -> None:
    network = with_new_output(wild(), MEAN)
    before = rest(network)
    epochs = fit(network, data(), Plan(epochs=6, frozen_epochs=6, rate=1e-2), say=lambda line: None)
    for name, value in rest(network).items():
        assert torch.equal(value, before[name]), name
    assert epochs[-1].loss_m < 0.8 * epochs[0].loss_m
    assert all(weight.requires_grad for weight in network.parameters())


def test_row_53_all_weights_learn_after_the_thaw() -> None:
    network = with_new_output(wild(), MEAN)
    before = rest(network)
    epochs = fit(network, data(), Plan(epochs=8, frozen_epochs=2), say=lambda line: None)
    changed = [name for name, value in rest(network).items() if not torch.equal(value, before[name])]
    assert {"expand_conv.weight", "layers_conv.0.weight", "layers_bn.1.running_mean"} <= set(changed)
    assert epochs[-1].loss_m < epochs[1].loss_m < epochs[0].loss_m


def test_row_53_the_optimiser_is_given_the_lower_rate() -> None:
    plan = Plan(epochs=4, frozen_epochs=2, rate=3e-3, thawed_rate=3e-4, decay=0.97)
    epochs = fit(with_new_output(wild(), MEAN), data(64), plan, say=lambda line: None)
    assert [epoch.rates["rest"] for epoch in epochs[:2]] == [0, 0]
    assert epochs[1].rates["output"] == pytest.approx(3e-3 * 0.97)
    assert epochs[2].rates["output"] == epochs[2].rates["rest"] == pytest.approx(3e-4 * 0.97**2)
    assert epochs[3].rates["rest"] == pytest.approx(3e-4 * 0.97**3)


def test_row_53_the_seeds_recipe_is_the_default() -> None:
    assert Plan() == Plan(epochs=100, frozen_epochs=4, rate=3e-3, thawed_rate=3e-4, decay=0.97)


def test_distance_by_hand() -> None:
    truth = torch.zeros(1, 1, 2, 3)
    found = torch.tensor([[[[0.0, 3, 4], [0, 0, 1]]]])
    assert distance(found, truth).item() == 3


@pytest.mark.parametrize("mean", [np.zeros(54), np.full((18, 3), np.nan)], ids=["flat", "unknown"])
def test_a_mean_pose_that_is_none_is_refused(mean: np.ndarray) -> None:
    with pytest.raises(ModelError, match="mean pose: expected finite"):
        with_new_output(wild(), mean.astype(np.float32))
