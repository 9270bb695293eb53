"""The lifter: what the network sees by hand, a person who stands, a person in a mirror, bad input."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from edgepose.card import WindowSpec
from edgepose.errors import ModelError
from edgepose.features import mirror
from edgepose.lifter import LIMIT, Lifter, network_input
from edgepose.skeletons import COCO17, H36M17
from edgepose.types import Float32, Window

MODEL = Path(__file__).parents[2] / "models" / "courtlift-n"
# A person of 1.75 m who faces the camera, arms hanging: px, 100 a metre, y down, origin at mid-hips.
STANDING = {
    "nose": (0, -70), "left_eye": (3, -73), "right_eye": (-3, -73),
    "left_ear": (7, -71), "right_ear": (-7, -71),
    "left_shoulder": (19, -53), "right_shoulder": (-19, -53),
    "left_elbow": (21, -31), "right_elbow": (-21, -31),
    "left_wrist": (22, -8), "right_wrist": (-22, -8),
    "left_hip": (11, 0), "right_hip": (-11, 0),
    "left_knee": (12, 37), "right_knee": (-12, 37),
    "left_ankle": (13, 75), "right_ankle": (-13, 75),
}  # fmt: skip


@pytest.fixture(scope="module")
def lifter() -> Lifter:
    return Lifter(MODEL)


def standing() -> Float32:
    """(15, 17, 3) somewhere in the picture."""
    points = np.array([STANDING[joint] for joint in COCO17.joints], np.float32) + np.float32([400, 300])
    person = np.concatenate([points, np.ones((17, 1), np.float32)], axis=1)
    return np.tile(person, (15, 1, 1))


def without(*joints: str, samples: slice = slice(None)) -> Float32:
    keypoints = standing()
    keypoints[samples, COCO17.indices(*joints)] = (np.nan, np.nan, 0)
    return keypoints


def window(keypoints: Float32) -> Window:
    return Window(1, 14, np.arange(len(keypoints)) / 15, keypoints)


def lift(lifter: Lifter, keypoints: Float32) -> Float32:
    return lifter.lift([window(keypoints)])[0].keypoints


def seen(keypoints: Float32) -> Float32:
    inputs, usable = network_input(keypoints[None])
    assert usable.all()
    return inputs[0]


def test_network_sees_hip_centred_torso_lengths() -> None:
    inputs = seen(standing())
    np.testing.assert_allclose(inputs[7, COCO17.index("left_knee")], [12 / 53, 37 / 53, 1], rtol=1e-5)
    np.testing.assert_allclose(inputs[..., 2], 1)


def test_size_and_place_in_the_picture_do_not_matter() -> None:
    far = standing()
    far[..., :2] = far[..., :2] * 0.2 + (1000, 500)
    np.testing.assert_allclose(seen(far), seen(standing()), atol=1e-4)


def test_gap_is_filled_in_time_and_keeps_no_confidence() -> None:
    wrist = COCO17.index("left_wrist")
    keypoints = standing()
    keypoints[:, wrist, 0] += np.arange(15)
    moving = seen(keypoints)
    keypoints[5:8, wrist] = keypoints[13:, wrist] = (np.nan, np.nan, 0)
    filled = seen(keypoints)
    np.testing.assert_allclose(filled[:13, wrist, :2], moving[:13, wrist, :2], atol=1e-5)
    np.testing.assert_allclose(filled[13:, wrist, :2], moving[[12, 12], wrist, :2], atol=1e-5)
    np.testing.assert_array_equal(filled[[5, 6, 7, 13, 14], wrist, 2], 0)


def test_joint_never_seen_is_zero() -> None:
    np.testing.assert_array_equal(seen(without("nose"))[:, 0], 0)


def test_without_hips_the_neck_is_the_origin_and_the_limbs_give_the_size() -> None:
    inputs = seen(without("left_hip", "right_hip"))
    shoulders = inputs[:, COCO17.indices("left_shoulder", "right_shoulder"), :2]
    np.testing.assert_allclose(shoulders.mean(axis=1), 0, atol=1e-5)
    assert np.ptp(shoulders[0, :, 0]) == pytest.approx(38 / 53, rel=0.1)


def test_wild_outlier_is_clipped() -> None:
    keypoints = standing()
    keypoints[3, 0, :2] = 1e9
    assert np.abs(seen(keypoints)[..., :2]).max() == LIMIT


def test_standing_person_stands(lifter: Lifter) -> None:
    (pose,) = lifter.lift([window(standing())])
    assert (pose.skeleton, pose.space) == ("h36m17", "root")
    assert pose.keypoints.dtype == np.float32
    at = {joint: pose.keypoints[H36M17.index(joint)] for joint in H36M17.joints}
    np.testing.assert_allclose(at["left_hip"] + at["right_hip"], 0, atol=1e-6)
    ankles, shoulders = at["left_ankle"] + at["right_ankle"], at["left_shoulder"] + at["right_shoulder"]
    assert ankles[1] / 2 == pytest.approx(0.75, abs=0.12)
    assert shoulders[1] / 2 == pytest.approx(-0.53, abs=0.1)
    assert at["head"][1] < at["neck"][1] < at["thorax"][1] < at["spine"][1] < 0
    assert at["left_shoulder"][0] == pytest.approx(0.19, abs=0.06)  # faces us: the left side is on our right
    upper_arm = np.linalg.norm(at["left_shoulder"] - at["left_elbow"])
    assert upper_arm == pytest.approx(0.22, abs=0.08)


def test_mirrored_person_gives_the_mirrored_pose(lifter: Lifter) -> None:
    keypoints = standing()
    keypoints[:, COCO17.index("right_wrist"), :2] += (-40, -60)
    pose = lift(lifter, keypoints)
    np.testing.assert_allclose(lift(lifter, mirror(keypoints, COCO17)), mirror(pose, H36M17), atol=1e-5)


def test_many_windows_are_as_one_by_one(lifter: Lifter) -> None:
    various = [
        standing(),
        without("nose", samples=slice(4)),
        without("left_hip", "right_hip"),
        standing()[::-1],
    ]
    together = lifter.lift([window(keypoints) for keypoints in various])
    for pose, keypoints in zip(together, various, strict=True):
        np.testing.assert_allclose(pose.keypoints, lift(lifter, keypoints), atol=1e-5)
    assert lifter.lift([]) == []


def test_half_of_the_joints_is_enough(lifter: Lifter) -> None:
    gone = [joint for joint in COCO17.joints if joint.partition("_")[2] in ("eye", "ear", "knee", "ankle")]
    assert np.isfinite(lift(lifter, without(*gone))).all()
    assert np.isnan(lift(lifter, without(*gone, "nose"))).all()


def empty() -> Float32:
    return np.tile(np.float32([np.nan, np.nan, 0]), (15, 17, 1))


def one_joint() -> Float32:
    keypoints = empty()
    keypoints[:, 9] = (100, 100, 1)
    return keypoints


def half_known(keypoints: Float32) -> Float32:
    keypoints[:8] = (np.nan, np.nan, 0)
    return keypoints


def at_one_point() -> Float32:
    return np.tile(np.float32([100, 100, 1]), (15, 17, 1))


@pytest.mark.parametrize(
    "keypoints", [empty(), one_joint(), at_one_point(), half_known(standing()), np.full((15, 17, 3), np.inf)],
    ids=["all NaN", "one joint", "no torso", "7 of 15 samples", "infinite"],
)  # fmt: skip
def test_no_pose_is_invented(keypoints: Float32) -> None:
    lifter = Lifter(MODEL)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        poses = lifter.lift([window(standing()), window(keypoints.astype(np.float32))])
    assert np.isfinite(poses[0].keypoints).all()
    assert np.isnan(poses[1].keypoints).all()
    assert lifter.refused == 1


def test_nan_confidence_is_none(lifter: Lifter) -> None:
    keypoints = standing()
    keypoints[..., 2] = np.nan
    assert np.isfinite(lift(lifter, keypoints)).all()


def test_person_of_20_px_is_lifted(lifter: Lifter) -> None:
    keypoints = standing()
    keypoints[..., :2] = np.round(keypoints[..., :2] * 20 / 150)
    assert np.isfinite(lift(lifter, keypoints)).all()


def test_other_joints_or_samples_are_refused(lifter: Lifter) -> None:
    for keypoints in (standing()[:, :13], standing()[:9]):
        with pytest.raises(ModelError, match=r"expected coco17 windows \(15, 17, 3\), got"):
            lifter.lift([window(keypoints)])


def test_windows_of_other_rates_are_taken_and_of_other_lengths_refused() -> None:
    for rate_hz in (15, 25, 30):
        assert Lifter(MODEL, WindowSpec(frames=15, rate_hz=rate_hz)).window.rate_hz == rate_hz
    for frames, rate_hz in ((15, 5), (15, 60), (27, 30)):
        with pytest.raises(ModelError, match=f"15 samples at 12 to 45 Hz, is to be given {frames} samples"):
            Lifter(MODEL, WindowSpec(frames=frames, rate_hz=rate_hz))


def test_the_newest_sample_has_a_pose_of_its_own(lifter: Lifter) -> None:
    raised = standing()
    raised[:, COCO17.index("right_wrist"), 1] -= np.linspace(0, 60, 15)  # from the hip to the shoulder
    wrist = H36M17.index("right_wrist")
    middle, newest = lift(lifter, raised), lift(Lifter(MODEL, newest=True), raised)
    assert newest[wrist, 1] < middle[wrist, 1] - 0.1


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("task", "pose", "a lifter model is needed"),
        ("features", "lift-0", "features is 'lift-0'"),
        ("output_skeleton", "coco17", "output_skeleton is 'coco17'"),
        ("window", {"frames": 27, "rate_hz": 15}, r"expected input \(None, 1377\)"),
        ("window", None, "needs window"),
    ],
)
def test_card_that_does_not_fit(tmp_path: Path, key: str, value: object, says: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    card = json.loads((folder / "card.json").read_text())
    card[key] = value
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=says):
        Lifter(folder)


def test_damaged_weights(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    (folder / "weights.onnx").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="sha256"):
        Lifter(folder)
