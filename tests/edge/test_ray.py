"""The camera turned to the player: directions by hand, and what a turn must not change."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.lifting.ray import VIEW_FOCAL_PX, assumed, back, straight
from edgepose.pinhole import Camera

CAMERA = Camera(500, 500, 640, 360)


def window(x: float, y: float) -> np.ndarray:
    """(1, 2, 1, 3): one joint in two samples."""
    return np.full((1, 2, 1, 3), (x, y, 0.8), np.float32)


def test_a_joint_on_the_axis_is_not_turned() -> None:
    seen, turn = straight(window(640, 360), CAMERA)
    np.testing.assert_allclose(turn[0], np.eye(3), atol=1e-12)
    np.testing.assert_allclose(seen[0, 0, 0], [0, 0, 0.8], atol=1e-6)


def test_a_person_at_45_degrees_comes_to_the_middle_and_their_pose_is_turned_back() -> None:
    seen, turn = straight(window(1140, 360), CAMERA)  # x / z = 1
    np.testing.assert_allclose(seen[..., :2], 0, atol=1e-3)
    # One metre towards the turned camera is half a root of two to its left and as much nearer.
    np.testing.assert_allclose(back(np.float32([[[0, 0, -1]]]), turn)[0, 0], [-(0.5**0.5), 0, -(0.5**0.5)], atol=1e-6)
    np.testing.assert_allclose(turn[0] @ turn[0].T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(turn[0, 1], [0, 1, 0], atol=1e-12)  # about the vertical: up stays up


def test_what_the_turned_camera_sees_is_what_it_would_see() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(0, 0.5, (4, 15, 17, 3)) + np.array([3.0, -1.5, 8.0])
    keypoints = np.concatenate([CAMERA.project(points), np.ones((4, 15, 17, 1))], axis=-1).astype(np.float32)
    seen, turn = straight(keypoints, CAMERA)
    there = points @ turn[:, None].transpose(0, 1, 3, 2)
    np.testing.assert_allclose(seen[..., :2], VIEW_FOCAL_PX * there[..., :2] / there[..., 2:], atol=0.02)
    np.testing.assert_allclose(seen[..., :2].mean(axis=(1, 2)), 0, atol=25)  # of a person some 100 px wide
    np.testing.assert_allclose(back(there[:, 0].astype(np.float32), turn), points[:, 0], atol=1e-5)


def test_unknown_joints_stay_unknown_and_do_not_count() -> None:
    keypoints = np.concatenate([window(1140, 360), np.full((1, 2, 1, 3), np.nan, np.float32)], axis=2)
    seen, turn = straight(keypoints, CAMERA)
    assert np.isnan(seen[0, :, 1]).all()
    np.testing.assert_allclose(turn, straight(window(1140, 360), CAMERA)[1])
    nobody, turn = straight(np.full((1, 2, 1, 3), np.nan, np.float32), CAMERA)
    assert np.isnan(nobody).all()
    np.testing.assert_allclose(turn[0], np.eye(3))


def test_an_assumed_camera_sees_fifty_degrees() -> None:
    camera = assumed((1280, 720))
    assert np.degrees(2 * np.arctan(640 / camera.fx)) == pytest.approx(50, abs=0.2)
    assert (camera.cx, camera.cy) == (640, 360)
