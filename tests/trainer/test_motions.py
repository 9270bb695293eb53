"""The pool of takes: a point that moves one metre a second; bodies made longer and shorter."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.card import WindowSpec
from edgepose.skeletons import COCO17, H36M17
from edgepose_trainer.motions import Drawn, Pool, Take, resized

WINDOW = WindowSpec(frames=15, rate_hz=30)


def gliding(seconds: float = 4.0, fps: float = 100.0) -> Take:
    """All joints at x = the time in seconds."""
    count = round(seconds * fps)
    points = np.zeros((count, 17, 3))
    points[..., 0] = np.arange(count)[:, None] / fps
    return Take("a", points, points, 1 / fps, 1.8)


def drawn(faster: tuple[float, float] = (1.0, 1.0), seconds: float = 4.0) -> Drawn:
    return Pool([gliding(seconds)]).draw(200, WINDOW, np.random.default_rng(0), faster)


def test_samples_are_a_thirtieth_of_a_second_apart_and_the_truths_at_middle_and_end() -> None:
    windows = drawn()
    np.testing.assert_allclose(np.diff(windows.seen[..., 0], axis=1), 1 / 30, atol=1e-5)
    np.testing.assert_allclose(windows.centre[..., 0], windows.seen[:, 7, :, 0], atol=1e-5)
    np.testing.assert_allclose(windows.newest[..., 0], windows.seen[:, -1, :, 0], atol=1e-5)
    assert (windows.height_m == 1.8).all()
    assert windows.centre[:, 0, 0].std() > 0.5  # all over the take


def test_windows_may_span_more_time() -> None:
    steps = np.diff(drawn((1.0, 2.0)).seen[:, :2, 0, 0], axis=1)
    assert steps.min() == pytest.approx(1 / 30, rel=0.05)
    assert steps.max() == pytest.approx(2 / 30, rel=0.05)


def test_beyond_the_ends_of_a_short_take_it_stands_still() -> None:
    windows = drawn(seconds=0.2)
    assert windows.seen[..., 0].min() == 0
    assert windows.seen[..., 0].max() == pytest.approx(0.19)
    assert np.isfinite(windows.seen).all()


def test_takes_are_drawn_by_their_shares() -> None:
    still = Take("b", np.full((10, 17, 3), 9.0), np.full((10, 17, 3), 9.0), 0.01, 1.6)
    windows = Pool([gliding(), still], [0.2, 0.8]).draw(1000, WINDOW, np.random.default_rng(0))
    assert (windows.height_m == 1.6).mean() == pytest.approx(0.8, abs=0.05)


def test_resized_bodies_move_alike_on_both_skeletons_and_keep_their_symmetry() -> None:
    rng = np.random.default_rng(1)
    body = rng.normal(0, 0.4, (50, 1, 17, 3)).astype(np.float32)
    seen = np.repeat(body, 15, axis=1)
    pose = np.zeros((50, 17, 3), np.float32)
    for joint in set(COCO17.joints) & set(H36M17.joints):
        pose[:, H36M17.index(joint)] = seen[:, 0, COCO17.index(joint)]
    other = resized(Drawn(seen, pose, pose, np.full(50, 1.75)), rng)

    def lengths(points: np.ndarray, skeleton: object, a: str, b: str) -> np.ndarray:
        return np.linalg.norm(points[:, skeleton.index(a)] - points[:, skeleton.index(b)], axis=-1)  # type: ignore[attr-defined]

    grown = {}
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")):
        for side in ("left", "right"):
            names = f"{side}_{a}", f"{side}_{b}"
            grown[side, a] = lengths(other.seen[:, 4], COCO17, *names) / lengths(seen[:, 4], COCO17, *names)
            np.testing.assert_allclose(
                grown[side, a], lengths(other.centre, H36M17, *names) / lengths(pose, H36M17, *names), rtol=1e-4
            )
        np.testing.assert_allclose(grown["left", a], grown["right", a], rtol=1e-4)
        assert np.log(grown["left", a]).std() == pytest.approx(0.08, abs=0.03)
    hips = COCO17.indices("left_hip", "right_hip")
    np.testing.assert_allclose(other.seen[:, :, hips].mean(axis=2), seen[:, :, hips].mean(axis=2), atol=1e-6)
