"""The bridge to Human3.6M's joints: seed_systems.md §6 worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.bridge import coco_to_h36m, mpii_to_h36m, wholebody_to_h36m19
from edgepose.skeletons import COCO17, COCO_WHOLEBODY_FEET, H36M17, H36M19, MPII16

PERSON = {
    "nose": (100, 50, 0.9), "left_eye": (104, 44, 0.8), "right_eye": (96, 46, 0.6),
    "left_ear": (112, 48, 0.4), "right_ear": (92, 50, 0.2),
    "left_shoulder": (120, 80, 0.5), "right_shoulder": (68, 80, 0.7),
    "left_elbow": (130, 110, 0.31), "right_elbow": (60, 112, 0.32),
    "left_wrist": (133, 140, 0.33), "right_wrist": (58, 141, 0.34),
    "left_hip": (112, 160, 0.6), "right_hip": (84, 160, 0.2),
    "left_knee": (114, 200, 0.35), "right_knee": (82, 201, 0.36),
    "left_ankle": (115, 240, 0.37), "right_ankle": (81, 241, 0.38),
}  # fmt: skip


def person() -> np.ndarray:
    return np.array([PERSON[joint] for joint in COCO17.joints], np.float32)


def at(keypoints: np.ndarray, joint: str) -> np.ndarray:
    return keypoints[..., H36M17.index(joint), :]


def test_row_22_coco_to_h36m_by_the_documented_formulas() -> None:
    h36m = coco_to_h36m(person())
    # Middle of the shoulders (94, 80), nose (100, 50), eyes at y 45.
    np.testing.assert_allclose(at(h36m, "pelvis"), (98, 160, 0.4), rtol=1e-6)
    np.testing.assert_allclose(at(h36m, "thorax"), (96, 80 - 10 + 5 * 2 / 3, 0.6), rtol=1e-6)
    # Mean of the four (96, 120); pelvis and thorax have their middle at x 97; 96 + 0.3 * (96 - 97).
    np.testing.assert_allclose(at(h36m, "spine"), (95.7, 120, 0.5), rtol=1e-6)
    np.testing.assert_allclose(at(h36m, "neck"), (98.5, 57.5, 0.9), rtol=1e-6)
    np.testing.assert_allclose(at(h36m, "head"), (101, 40, 0.5), rtol=1e-6)


def test_row_22_limbs_are_copied_side_by_side() -> None:
    h36m = coco_to_h36m(person())
    for joint in set(H36M17.joints) & set(COCO17.joints):
        np.testing.assert_array_equal(at(h36m, joint), person()[COCO17.index(joint)], err_msg=joint)
    assert len(set(H36M17.joints) & set(COCO17.joints)) == 12


def test_row_22_the_spines_factor_is_the_callers() -> None:
    assert at(coco_to_h36m(person(), spine=0), "spine")[0] == pytest.approx(96)
    assert at(coco_to_h36m(person(), spine=2), "spine")[0] == pytest.approx(94)


@pytest.mark.parametrize(
    ("unknown", "lost"),
    [
        ("left_ear", {"head"}),
        ("right_eye", {"head", "thorax"}),
        ("nose", {"head", "neck", "thorax", "spine"}),
        ("left_hip", {"left_hip", "pelvis", "spine"}),
        ("left_wrist", {"left_wrist"}),
        ("right_shoulder", {"right_shoulder", "thorax", "neck", "spine"}),
    ],
)
@pytest.mark.parametrize("how", [(np.nan, np.nan, 0), (0, 0, 0), (5, np.inf, 0.9), (5, 5, np.nan)])
def test_row_22_what_needs_an_unknown_joint_is_unknown(unknown: str, lost: set[str], how: tuple[float, ...]) -> None:
    keypoints = person()
    keypoints[COCO17.index(unknown)] = how
    h36m = coco_to_h36m(keypoints)
    assert {joint for joint in H36M17.joints if np.isnan(at(h36m, joint)[0])} == lost
    for joint in lost:
        np.testing.assert_array_equal(at(h36m, joint), (np.nan, np.nan, 0))


def test_row_22_any_leading_shape_and_the_input_stays_as_it_was() -> None:
    given = np.stack([person(), person() + np.array([10, 20, 0], np.float32)]).reshape(1, 2, 17, 3)
    before = given.copy()
    h36m = coco_to_h36m(given)
    assert h36m.shape == (1, 2, 17, 3)
    assert h36m.dtype == np.float32
    np.testing.assert_allclose(h36m[0, 1] - h36m[0, 0], np.tile((10, 20, 0), (17, 1)), atol=2e-5)
    np.testing.assert_array_equal(given, before)
    with pytest.raises(ValueError, match=r"coco17 keypoints must be \(\.\.\., 17, 3\), got \(16, 3\)"):
        coco_to_h36m(person()[:16])


def test_row_22_mpii16_takes_the_published_places() -> None:
    i = np.arange(16)
    h36m = mpii_to_h36m(np.stack([i, 100 + i, 0.5 + 0.01 * i], 1).astype(np.float32))
    places = [3, 2, 1, 4, 5, 6, 0, 8, 9, 10, 16, 15, 14, 11, 12, 13]
    np.testing.assert_allclose(h36m[places, 0], i)
    # Hips are joints 2 and 3, shoulders 12 and 13.
    np.testing.assert_allclose(at(h36m, "spine"), (7.5, 107.5, 0.52), rtol=1e-6)
    assert MPII16.joints[12] == "right_shoulder"


def test_row_22_wholebody_gives_toes_as_the_middle_of_big_and_small_toe() -> None:
    feet = {
        "left_big_toe": (120, 250, 0.8), "left_small_toe": (126, 252, 0.4), "left_heel": (110, 245, 0.9),
        "right_big_toe": (76, 250, 0.6), "right_small_toe": (70, 254, 0.2), "right_heel": (82, 244, 0.9),
    }  # fmt: skip
    keypoints = np.array([(PERSON | feet)[joint] for joint in COCO_WHOLEBODY_FEET.joints], np.float32)
    h36m = wholebody_to_h36m19(np.concatenate([keypoints, np.zeros((110, 3), np.float32)]))
    assert h36m.shape == (19, 3)
    np.testing.assert_allclose(h36m[4], (73, 252, 0.4), rtol=1e-6)
    np.testing.assert_allclose(h36m[8], (123, 251, 0.6), rtol=1e-6)
    np.testing.assert_array_equal(np.delete(h36m, (4, 8), axis=0), coco_to_h36m(person()))


def test_row_22_toe_skeleton_has_the_published_parents() -> None:
    parents = [-1, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 10, 13, 14, 10, 16, 17]
    wanted = {frozenset((joint, parent)) for joint, parent in enumerate(parents) if parent >= 0}
    assert {frozenset(edge) for edge in H36M19.edges} == wanted
