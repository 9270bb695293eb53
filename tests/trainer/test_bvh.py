"""BVH by hand: a root, one arm of two bones, an end site."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import pytest

from edgepose.errors import SourceError
from edgepose_trainer import bvh
from tests.shared import SHARED, needs

CALDAS = SHARED / "data" / "mocap" / "caldas"
TAKE = CALDAS / "adorozco_Derecha.bvh.xz"
HIERARCHY = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Arm
  {
    OFFSET 10 0 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 5 0 0
    }
  }
}
"""
AT_REST = "0 0 0 0 0 0 0 0 0"


def text(*frames: str, declared: int | None = None) -> str:
    declared = len(frames) if declared is None else declared
    return f"{HIERARCHY}MOTION\nFrames: {declared}\nFrame Time: 0.01\n" + "\n".join(frames) + "\n"


def places(frame: str) -> np.ndarray:
    """(3, 3): Hips, Arm, end of the arm."""
    return bvh.forward(bvh.parse(text(frame)))[0][0]


def test_hierarchy_is_read() -> None:
    take = bvh.parse(text(AT_REST, AT_REST))
    assert take.joints == ("Hips", "Arm", "Arm_end")
    assert take.parents == (-1, 0, 1)
    assert take.channels[1] == ("Zrotation", "Xrotation", "Yrotation")
    assert take.motion.shape == (2, 9)
    assert take.frame_s == 0.01


def test_rest_pose_is_the_sum_of_the_offsets() -> None:
    np.testing.assert_allclose(places(AT_REST), [[0, 0, 0], [10, 0, 0], [15, 0, 0]])


def test_root_position_moves_everything() -> None:
    np.testing.assert_allclose(places("1 2 3 0 0 0 0 0 0"), [[1, 2, 3], [11, 2, 3], [16, 2, 3]])


def test_quarter_turn_of_the_root_about_z_lifts_the_arm() -> None:
    np.testing.assert_allclose(places("0 0 0 90 0 0 0 0 0"), [[0, 0, 0], [0, 10, 0], [0, 15, 0]], atol=1e-9)


def test_bent_arm_turns_in_the_axes_of_its_parent() -> None:
    # The root's quarter turn about z makes the arm's own x point up; bending by 90° more points it to -x.
    np.testing.assert_allclose(places("0 0 0 90 0 0 90 0 0"), [[0, 0, 0], [0, 10, 0], [-5, 10, 0]], atol=1e-9)


def test_rotations_apply_in_channel_order() -> None:
    # Z then Y by 90°: the innermost (Y) takes x to -z, and Z leaves z alone.
    np.testing.assert_allclose(places("0 0 0 90 0 90 0 0 0")[1], [0, 0, -10], atol=1e-9)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("", "not a BVH file"),
        ("solid teapot", "not a BVH file"),
        (text(AT_REST, declared=2), "expected 2 frames"),
        (text("0 0 0 0 0 0 0 0"), "expected 1 frames"),
        (text("0 0 0 0 0 0 0 0 nan"), "expected 1 frames"),
        (text("0 0 0 0 0 0 0 0 x"), "damaged"),
        (text(AT_REST).replace("}\n}\nMOTION", "}\nMOTION"), "not closed"),
        (text(AT_REST).replace("OFFSET 10 0 0", "OFFSET 10 0"), "damaged"),
        (HIERARCHY + "MOTION\n", "damaged"),
    ],
)
def test_damage_is_said_in_one_line(broken: str, says: str) -> None:
    with pytest.raises(SourceError, match=says) as caught:
        bvh.parse(broken, "x.bvh")
    assert str(caught.value).startswith("x.bvh")
    assert "\n" not in str(caught.value)


def test_a_row_more_than_declared_is_left_out() -> None:
    assert len(bvh.parse(text(AT_REST, AT_REST, declared=1)).motion) == 1


def test_unknown_channel() -> None:
    with pytest.raises(SourceError, match="Xscale"):
        bvh.forward(bvh.parse(text(AT_REST).replace("Xposition", "Xscale")))


def test_xz_and_plain_files_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_text(text(AT_REST))
    (tmp_path / "a.bvh.xz").write_bytes(lzma.compress(text(AT_REST).encode()))
    plain, packed = bvh.read(tmp_path / "a.bvh"), bvh.read(tmp_path / "a.bvh.xz")
    np.testing.assert_array_equal(plain.motion, packed.motion)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        bvh.read(tmp_path / "none.bvh")
    (tmp_path / "bad.bvh.xz").write_bytes(b"not xz")
    with pytest.raises(SourceError, match="not a BVH file"):
        bvh.read(tmp_path / "bad.bvh.xz")


def test_body_needs_the_joints_of_the_contract() -> None:
    with pytest.raises(SourceError, match="the take has no joint"):
        bvh.body(bvh.parse(text(AT_REST)))


@needs(TAKE)
def test_real_take_is_a_person() -> None:
    from edgepose.skeletons import COCO17, H36M17

    coco17, h36m17 = bvh.body(bvh.read(TAKE))
    assert coco17.shape == h36m17.shape == (2999, 17, 3)
    pelvis, hip = h36m17[:, 0], h36m17[:, H36M17.index("right_hip")]
    np.testing.assert_allclose(np.linalg.norm(hip - pelvis, axis=1), 11.6, atol=0.01)
    up = h36m17[:, H36M17.index("head"), 1] - h36m17[:, H36M17.index("left_ankle"), 1]
    assert 130 < np.median(up) < 165
    # The nose is in front of the ears, which side is front the toes tell: rest pose looks along +z.
    nose, ears = coco17[:, 0], coco17[:, COCO17.indices("left_ear", "right_ear")].mean(axis=1)
    assert 5 < np.median(np.linalg.norm(nose - ears, axis=1)) < 15
