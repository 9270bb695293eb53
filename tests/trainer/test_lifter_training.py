"""`edgepose train lifter --arch`: inputs by hand, and short trainings that make folders which load."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra trainer)")

from edgepose import card as cards  # noqa: E402
from edgepose.errors import SettingsError, SourceError  # noqa: E402
from edgepose.lifting import load_lifter  # noqa: E402
from edgepose.skeletons import COCO17, H36M17  # noqa: E402
from edgepose_trainer.lifters.checkpoints import Network, load, name_of  # noqa: E402
from edgepose_trainer.lifters.gast import GastNet  # noqa: E402
from edgepose_trainer.lifters.martinez import Martinez  # noqa: E402
from edgepose_trainer.lifters.recipes import inputs_of, network_of, targets_of, window_of  # noqa: E402
from edgepose_trainer.lifters.temporal import Stack  # noqa: E402
from edgepose_trainer.lifters.training import train  # noqa: E402
from edgepose_trainer.lifters.videopose3d import VideoPose3D  # noqa: E402
from tests.shared import SHARED, needs  # noqa: E402
from tests.trainer.lifter_files import walker  # noqa: E402

CALDAS = SHARED / "data" / "mocap" / "caldas"


@pytest.mark.parametrize("arch", ["videopose3d-27", "videopose3d-81-causal", "gast-81", "gast-243", "martinez"])
def test_names_make_the_published_networks(arch: str) -> None:
    network = network_of(arch)
    assert name_of(network) == arch
    assert {"gast-81": 64, "gast-243": 32}.get(arch) in (None, getattr(network, "channels", None))


def test_other_names_are_refused() -> None:
    with pytest.raises(SettingsError, match="--arch octopus: expected videopose3d-27"):
        network_of("octopus")


def test_what_each_system_sees_of_one_window() -> None:
    keypoints = walker(3)[None]
    seen = inputs_of(VideoPose3D(channels=4), keypoints)
    np.testing.assert_allclose(seen[0, 1, 9], keypoints[0, 1, 9, :2] / 640 - [1, 0.5625], rtol=1e-5)
    gast = inputs_of(GastNet(channels=4), keypoints)
    np.testing.assert_allclose(gast[0, 1, H36M17.index("left_wrist")], seen[0, 1, COCO17.index("left_wrist")])
    flat = inputs_of(Martinez(size=8), keypoints)
    # 16 joints without the neck: the left wrist is the 13th of Human3.6M, so the 12th here; px of the middle frame.
    np.testing.assert_allclose(flat[0].reshape(16, 2)[12], keypoints[0, 1, COCO17.index("left_wrist"), :2])


def test_what_each_system_shall_answer() -> None:
    truth = np.arange(51, dtype=np.float32).reshape(1, 17, 3)
    assert targets_of(VideoPose3D(channels=4), truth).shape == (1, 1, 17, 3)
    assert targets_of(Martinez(size=8), truth)[0, :3].tolist() == [3, 4, 5]  # the hip is left out
    assert window_of(VideoPose3D(stack=Stack((3, 3)), channels=4), 30).frames == 9


def small(arch: str) -> Network:
    stack = Stack((3, 3), causal=arch.endswith("causal"))
    networks = {"videopose3d": VideoPose3D(stack=stack, channels=16), "martinez": Martinez(size=16, dropout=0.0)}
    return networks.get(arch.partition("-")[0]) or GastNet(17, stack, 4)


@needs(CALDAS)
@pytest.mark.parametrize("arch", ["videopose3d-9-causal", "gast-9", "martinez"])
def test_a_short_training_makes_a_folder_that_lifts(arch: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for player in ("adorozco", "astrejos", "cferrero", "lvargas"):
        (data / f"{player}_VReves.bvh.xz").symlink_to((CALDAS / f"{player}_VReves.bvh.xz").resolve())
    said: list[str] = []
    steps = 20 if arch == "gast-9" else 50
    out = train(data, tmp_path / "model", arch, steps=steps, say=said.append, size=16, network=small(arch), judged=20)
    losses = [float(line.rpartition(" ")[2]) for line in said]
    assert len(losses) == steps
    if arch != "martinez":  # 50 steps of 16 single frames say nothing there
        assert np.mean(losses[-5:]) < 0.95 * np.mean(losses[:5])
    card = cards.load(out)
    assert (card.causal, len(card.figures), card.data[0].licence) == (arch.endswith("causal"), 6, "CC BY-SA 3.0")
    assert "without the players lvargas" in card.data[0].use
    lifter = load_lifter(out, size_wh=(1280, 720))
    assert np.isfinite(lifter.lift_track(walker(12))).all()  # type: ignore[attr-defined]
    assert load(out / "checkpoint.bin").arch == arch


def test_no_takes_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no \.bvh"):
        train(tmp_path, tmp_path / "out", "martinez")
