"""Joint sets into one another: copied, derived, or honestly unknown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.conversions import convert, missing
from edgepose.errors import ModelError
from edgepose.skeletons import BODY25, COCO17, H36M17, MPI15, MPII16, OPENPOSE18, SKELETONS, named

NAMES = sorted(SKELETONS)
HOLD_COCO17 = ["openpose18", "body25", "halpe26", "coco_wholebody_feet", "blazepose33"]


def numbered(skeleton: str) -> np.ndarray:
    """Joint i at (10 i, 10 i + 1) with confidence 0.5 + i / 100."""
    i = np.arange(len(named(skeleton)))
    return np.stack([10.0 * i, 10.0 * i + 1, 0.5 + i / 100], 1).astype(np.float32)


def picked(source: str, target: str) -> list[int]:
    """Which joint of the source stands at each place of the target, read from its coordinates."""
    return (convert(numbered(source), source, target)[:, 0] / 10).astype(int).tolist()


def test_row_41_openpose18_and_body25_to_coco17_are_the_published_lists() -> None:
    assert picked("openpose18", "coco17") == [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]
    assert picked("body25", "coco17") == [0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11]


def test_row_41_coco17_to_openpose18_is_the_published_list_with_a_neck_between_the_shoulders() -> None:
    order = [0, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]
    there = convert(numbered("coco17"), "coco17", "openpose18")
    np.testing.assert_array_equal(np.delete(there, 1, axis=0), numbered("coco17")[order])
    # Shoulders are joints 5 and 6: (50, 51, .55) and (60, 61, .56).
    np.testing.assert_allclose(there[1], [55, 56, 0.55], rtol=1e-6)


def test_row_41_no_neck_without_both_shoulders() -> None:
    person = numbered("coco17")
    person[COCO17.index("left_shoulder")] = (123, 45, 0)
    there = convert(person, "coco17", "openpose18")
    for joint in ("neck", "left_shoulder"):
        np.testing.assert_array_equal(there[OPENPOSE18.index(joint)], [np.nan, np.nan, 0])
    assert there[OPENPOSE18.index("right_shoulder")].tolist() == person[COCO17.index("right_shoulder")].tolist()


@pytest.mark.parametrize("other", HOLD_COCO17)
@given(data=st.data())
def test_row_41_round_trip_keeps_every_coco17_joint(other: str, data: st.DataObject) -> None:
    number = st.floats(-5000, 5000, width=32)
    joint = st.tuples(number, number, st.floats(0.125, 1, width=32)) | st.just((np.nan, np.nan, 0.0))
    person = np.array(data.draw(st.lists(joint, min_size=17, max_size=17)), np.float32)
    np.testing.assert_array_equal(convert(convert(person, "coco17", other), other, "coco17"), person)


@pytest.mark.parametrize("source", NAMES)
@pytest.mark.parametrize("target", NAMES)
def test_what_can_be_known_is_known_and_nothing_else(source: str, target: str) -> None:
    there = convert(numbered(source), source, target)
    unknown = [joint for joint, row in zip(named(target).joints, there, strict=True) if np.isnan(row[0])]
    assert tuple(unknown) == missing(source, target)
    assert (there[np.isnan(there[:, 0]), 2] == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_to_itself_changes_nothing(name: str) -> None:
    np.testing.assert_array_equal(convert(numbered(name), name, name), numbered(name))
    assert missing(name, name) == ()


@pytest.mark.parametrize("source", NAMES)
@pytest.mark.parametrize("target", NAMES)
def test_mirrored_then_converted_is_converted_then_mirrored(source: str, target: str) -> None:
    mirrored = convert(numbered(source)[named(source).mirror], source, target)
    np.testing.assert_array_equal(mirrored, convert(numbered(source), source, target)[named(target).mirror])


def test_the_source_says_what_it_cannot_know() -> None:
    assert missing("coco17", "openpose18") == ()
    assert missing("coco17", "mpii16") == ("upper_neck", "head_top")
    assert missing("mpii16", "coco17") == ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
    assert missing("coco17", "body25") == tuple(j for j in BODY25.joints if "toe" in j or "heel" in j)


def test_openpose_neck_is_not_the_upper_neck_of_mpii() -> None:
    assert np.isnan(convert(numbered("openpose18"), "openpose18", "mpii16")[MPII16.index("upper_neck")]).sum() == 2
    neck = convert(numbered("mpii16"), "mpii16", "openpose18")[OPENPOSE18.index("neck")]
    # MPII's shoulders are joints 12 and 13: x 120 and 130.
    assert neck[0] == 125


def test_mpii16_to_h36m17_is_the_published_list() -> None:
    # seed_systems §5: where each MPII joint goes; spine = mean of both hips (2, 3) and shoulders (12, 13).
    goes = [3, 2, 1, 4, 5, 6, 0, 8, 9, 10, 16, 15, 14, 11, 12, 13]
    there = convert(numbered("mpii16"), "mpii16", "h36m17")
    np.testing.assert_array_equal(there[goes], numbered("mpii16"))
    np.testing.assert_allclose(there[H36M17.index("spine")], [75, 76, 0.52], rtol=1e-6)
    np.testing.assert_allclose(
        convert(numbered("mpii16"), "mpii16", "mpi15")[MPI15.index("chest")], [75, 76, 0.52], rtol=1e-6
    )


def test_many_people_and_frames_at_once() -> None:
    people = np.stack([numbered("coco17"), numbered("coco17") + np.float32(1)])[None].repeat(3, 0)
    together = convert(people, "coco17", "body25")
    assert together.shape == (3, 2, 25, 3)
    np.testing.assert_array_equal(together[2, 1], convert(people[2, 1], "coco17", "body25"))
    assert convert(np.zeros((0, 17, 3), np.float32), "coco17", "body25").shape == (0, 25, 3)


def test_infinite_numbers_are_missing() -> None:
    person = numbered("coco17")
    person[0, 0] = np.inf
    np.testing.assert_array_equal(convert(person, "coco17", "body25")[0], [np.nan, np.nan, 0])


def test_wrong_shape_and_unknown_skeleton_are_told() -> None:
    with pytest.raises(ValueError, match=r"coco17 keypoints must be \(..., 17, 3\), got \(18, 3\)"):
        convert(np.zeros((18, 3), np.float32), "coco17", "body25")
    with pytest.raises(ModelError, match="octopus"):
        convert(np.zeros((17, 3), np.float32), "coco17", "octopus")
    with pytest.raises(ModelError, match="octopus"):
        missing("octopus", "coco17")
