"""Heights: of a session's player, of the camera's, of the device; and metres that scale with them."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose import build
from edgepose.card import ModelId
from edgepose.config import Settings, parse
from edgepose.errors import SettingsError
from edgepose.lifting.sized import Sized
from edgepose.skeletons import COCO17, H36M17
from edgepose.sources import SourceInfo
from edgepose.types import Pose3D, Window
from tests.edge.test_lifter import standing


class OneMetre:
    """Every joint a metre to the right."""

    model, skeleton, refused = ModelId("lifter", "one", "0" * 64), H36M17, 3

    def lift(self, windows: list[Window]) -> list[Pose3D]:
        return [Pose3D("h36m17", np.tile(np.float32([1, 0, 0]), (17, 1))) for _ in windows]


def window(track: int) -> Window:
    return Window(track, 14, np.arange(15) / 30, standing())


def test_every_track_has_its_own_metres() -> None:
    lifter = Sized(OneMetre(), {1: 1.75, 2: 1.4}.__getitem__)
    poses = lifter.lift([window(2), window(1)])
    assert [pose.keypoints[5].tolist() for pose in poses] == [pytest.approx([0.8, 0, 0]), [1, 0, 0]]
    assert (lifter.refused, lifter.skeleton, lifter.model.name) == (3, H36M17, "one")


@pytest.mark.parametrize(
    ("player", "usual_m", "expected"),
    [({"height_m": 1.62}, 1.8, 1.62), ({"name": "Ada"}, 1.8, 1.8), (None, 1.8, 1.8), (None, None, 1.9)],
)
def test_the_sessions_player_counts_before_the_camera_and_the_device(
    player: dict[str, object] | None, usual_m: float | None, expected: float
) -> None:
    camera = {"source": "0", "player": {"height_m": usual_m} if usual_m else {}}
    settings = Settings.model_validate({"camera": [camera], "lifter": {"height_m": 1.9}})
    info = SourceInfo("0", 640, 480, 30, False, 0.0, players={1: player} if player else {})
    assert build.heights(settings, settings.camera[0], info)(1) == expected


def test_the_line_of_a_camera_lifts_in_their_metres() -> None:
    models = build.action_models(Settings())
    assert models is not None
    usual, tall = (
        lifter.lift([window(1)])[0].keypoints
        for height_of in (None, lambda track: 3.5)
        if (lifter := build.action(models, COCO17, height_of=height_of).lifter)
    )
    np.testing.assert_allclose(tall, 2 * usual, rtol=1e-6)


def test_a_giant_is_a_mistake() -> None:
    with pytest.raises(SettingsError, match="height_m"):
        parse({"camera": [{"source": "0", "player": {"height_m": 175}}]}, "edge.toml")
