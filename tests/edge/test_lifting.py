"""What lifters of sequences see, by hand: screen units, repeated edges, closed gaps, other joint sets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgepose.errors import ModelError
from edgepose.lifter import Lifter
from edgepose.lifting import load_lifter
from edgepose.lifting.gaps import whole
from edgepose.lifting.joints import Joints, hips_of
from edgepose.lifting.screen import padded, to_screen
from edgepose.skeletons import BODY25, COCO17, H36M17, MPI15, MUCO21, RUNNINGPOSE18, named
from edgepose.types import Float32

COURTLIFT = Path(__file__).parents[2] / "models" / "courtlift-n"


def test_screen_units_by_hand() -> None:
    # 1280×720: the width is 2, so the height is 1.125; y does not reach ±1.
    points = np.array([[0, 0], [640, 360], [1280, 720], [960, 180]], np.float32)
    expected = [[-1, -0.5625], [0, 0], [1, 0.5625], [0.5, -0.28125]]
    np.testing.assert_allclose(to_screen(points, (1280, 720)), expected, atol=1e-7)


def test_edges_are_repeated() -> None:
    points = np.array([1, 2, 3], np.float32).reshape(1, 3, 1, 1)
    assert padded(points, 2, 1).ravel().tolist() == [1, 1, 1, 2, 3, 3]


def person(frames: int = 5) -> Float32:
    """Joint k of frame t is at (10 k + t, k)."""
    keypoints = np.ones((frames, 17, 3), np.float32)
    keypoints[..., 0] = 10 * np.arange(17) + np.arange(frames)[:, None]
    keypoints[..., 1] = np.arange(17)
    return keypoints


def test_a_gap_in_time_is_a_straight_line_and_ends_are_held() -> None:
    keypoints = person()
    keypoints[[0, 2, 3], 9] = (np.nan, np.nan, 0)
    assert whole(keypoints[None], COCO17)[0, :, 9, 0].tolist() == [91, 91, 92, 93, 94]


def test_a_joint_never_seen_lies_where_its_neighbours_lie() -> None:
    keypoints = person()
    wrist, elbow, ankle = COCO17.indices("left_wrist", "left_elbow", "left_ankle")
    keypoints[:, [wrist, ankle]] = (np.nan, np.nan, 0)
    points = whole(keypoints[None], COCO17)[0]
    np.testing.assert_array_equal(points[:, wrist], keypoints[:, elbow, :2])
    np.testing.assert_array_equal(points[:, ankle], keypoints[:, COCO17.index("left_knee"), :2])


def test_without_a_face_it_lies_amid_what_is_known_never_at_zero() -> None:
    keypoints = person()
    keypoints[:, :5] = (np.nan, np.nan, 0)
    points = whole(keypoints[None], COCO17)[0]
    np.testing.assert_allclose(points[:, 0], keypoints[:, 5:, :2].mean(axis=1), rtol=1e-6)
    assert (points > 0).all()


def test_other_joint_sets_come_over_their_bridges() -> None:
    pelvis = (person()[..., 11, :2] + person()[..., 12, :2]) / 2
    np.testing.assert_allclose(Joints(COCO17, H36M17)(person()[..., :2])[:, 0], pelvis)
    assert Joints(COCO17, COCO17)(person()[..., :2]) is not None
    body25 = np.zeros((4, 25, 2), np.float32)
    body25[:, BODY25.index("left_wrist")] = (3, 4)
    assert Joints(BODY25, COCO17)(body25)[0, COCO17.index("left_wrist")].tolist() == [3, 4]


def test_poses_without_the_joints_that_a_lifter_needs_are_refused() -> None:
    with pytest.raises(ModelError, match=r"h36m17; poses of mpi15 have no .*left_eye"):
        Joints(MPI15, H36M17)
    with pytest.raises(ModelError, match=r"h36m19; poses of coco17 have no left_big_toe"):
        Joints(COCO17, named("h36m19"))


def test_hips_by_their_own_names() -> None:
    assert hips_of(H36M17).tolist() == [4, 1]
    assert hips_of(RUNNINGPOSE18).tolist() == [6, 8]
    assert hips_of(MUCO21).tolist() == [11, 8]


def test_courtlift_is_still_chosen_by_its_card() -> None:
    assert isinstance(load_lifter(COURTLIFT), Lifter)


def test_features_that_nobody_knows_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(COURTLIFT, folder)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"features": "octopus"}))
    with pytest.raises(ModelError, match=r"features is 'octopus'; lifters here know lift-…, videopose3d, martinez"):
        load_lifter(folder)
