"""Features of a person who stands with torso 100 px and lifts the right hand."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepose.card import WindowSpec
from edgepose.errors import ModelError
from edgepose.features import extractor, features, mirror, names
from edgepose.skeletons import COCO17, H36M17, Skeleton
from edgepose.types import Float32
from edgepose.window import windows_of

STANDING = {
    "nose": (300, 150), "left_shoulder": (330, 200), "right_shoulder": (270, 200),
    "left_elbow": (340, 250), "right_elbow": (260, 250), "left_wrist": (340, 300), "right_wrist": (260, 300),
    "left_hip": (320, 300), "right_hip": (280, 300), "left_knee": (320, 400), "right_knee": (280, 400),
    "left_ankle": (320, 500), "right_ankle": (280, 500),
}  # fmt: skip


def lifting() -> Float32:
    """(1, 15, 17, 3): the right wrist rises 10 px a sample, a tenth of the torso."""
    window = np.zeros((15, 17, 3), np.float32)
    window[..., :2] = np.nan
    for joint, xy in STANDING.items():
        window[:, COCO17.index(joint)] = (*xy, 1)
    window[:, COCO17.index("right_wrist"), 1] -= 10 * np.arange(15)
    return window[None]


def named_features(window: Float32, feature_set: str = "tennis-1") -> dict[str, float]:
    values = features(window, feature_set, COCO17)[0]
    return dict(zip(names(feature_set), values.tolist(), strict=True))


def test_numbers_by_hand() -> None:
    got = named_features(lifting())
    # Origin (300, 300) between the hips; unit 100 px from the hips to the shoulders.
    assert got["position/nose/x/00"] == pytest.approx(0.0)
    assert got["position/nose/y/00"] == pytest.approx(-1.5)
    assert got["position/right_wrist/x/14"] == pytest.approx(-0.4)
    assert got["position/right_wrist/y/14"] == pytest.approx(-1.4)
    assert got["velocity/right_wrist/y/03"] == pytest.approx(-0.1, abs=1e-6)
    assert got["velocity/left_wrist/y/03"] == pytest.approx(0.0)
    assert got["acceleration/right_wrist/y/05"] == pytest.approx(0.0, abs=1e-5)
    assert got["speed/right_wrist/09"] == pytest.approx(0.1, abs=1e-6)
    assert got["distance/left_wrist-right_wrist/00"] == pytest.approx(0.8)
    assert got["cosine/left_knee/00"] == pytest.approx(1.0)
    assert got["length/torso/07"] == pytest.approx(1.0)
    assert got["least/right_wrist/y"] == pytest.approx(-1.4)
    assert got["most/right_wrist/y"] == pytest.approx(0.0)
    assert got["most_speed/right_wrist"] == pytest.approx(0.1, abs=1e-6)
    # In sample 5 the wrist passes the elbow: a forearm of no length has no angle.
    assert [name for name, value in got.items() if np.isnan(value)] == ["cosine/right_elbow/05"]


def test_the_swing_as_a_whole_by_hand() -> None:
    window = lifting()
    window[0, 9:, COCO17.index("right_wrist"), 1] -= 20
    got = named_features(window, "tennis-2")
    # From the shoulder (270, 200) the wrist is at (-10, 100 - 10 t); samples 3, 4, 5 are 60 below on average.
    assert got["arm/right_wrist/x/01"] == pytest.approx(-0.1)
    assert got["arm/right_wrist/y/01"] == pytest.approx(0.6)
    # Fastest into sample 9: 30 px. There it stands at y = 300 - 90 - 20 = 190, one sample before at 220.
    assert got["fastest+0/right_wrist/y"] == pytest.approx(-1.1)
    assert got["fastest-1/right_wrist/y"] == pytest.approx(-0.8)
    assert got["path/right_wrist"] == pytest.approx(1.6, abs=1e-5)
    assert got["most/hips_apart"] == pytest.approx(0.4)
    # 300 - 140 - 20 = 140 is ten px above the nose.
    assert got["least/right_over_nose"] == pytest.approx(-0.1)
    # 40 px to the right of the neck, shoulders 60 px apart the same way.
    assert got["span/right_across/04"] == pytest.approx(0.24)
    box = named_features(window, "boxed-1")
    assert box["box/left_wrist/x/00"] == 340
    assert box["box/nose/y/14"] == 150
    assert np.isnan(box["box/left_ear/x/03"])
    assert list(got)[: len(names("tennis-1"))] == names("tennis-1")


def test_row_44_a_window_of_15_frames_is_180_places_inside_the_box() -> None:
    track = np.concatenate([lifting()[0], lifting()[0][-1:]])  # 16 frames at 30 fps
    batch = windows_of(np.arange(16) / 30, track, WindowSpec(frames=15, rate_hz=30))
    middle = int(np.flatnonzero(batch.centre == 7)[0])
    np.testing.assert_array_equal(batch.keypoints[middle], lifting()[0])
    values = features(batch.keypoints[[middle]], "seed-180", COCO17)
    assert values.shape == (1, 180)
    assert values.min() == 0  # the wrist at the box's edge
    assert values.max() <= 1
    # Frame 8: the wrist has risen by 70 px to y 230, the box is still y 150..500, x 260..340.
    assert named_features(lifting(), "seed-180")["RWrist_y_-7"] == pytest.approx((230 - 150) / 350)
    assert named_features(lifting(), "seed-180")["RWrist_x_-7"] == 0
    moved = batch.keypoints[[middle]] * np.array([3, 2, 1], np.float32) + np.array([50, -20, 0], np.float32)
    np.testing.assert_allclose(features(moved, "seed-180", COCO17), values, atol=1e-5)


def test_row_44_seed_mode_has_the_lectures_180_columns() -> None:
    got = named_features(lifting(), "seed-180")
    assert len(got) == 180
    assert next(iter(got)) == "RShoulder_x_-14"
    assert list(got)[-1] == "LWrist_y_0"
    # The box of the first sample: x 260..340, y 150..500.
    assert got["RShoulder_x_-14"] == pytest.approx(10 / 80)
    assert got["LWrist_y_-14"] == pytest.approx(150 / 350)


@pytest.mark.parametrize("feature_set", ["tennis-1", "tennis-2", "seed-180"])
@settings(max_examples=30, deadline=None)
@given(scale=st.floats(0.01, 50), x=st.floats(-2000, 2000), y=st.floats(-2000, 2000), seed=st.integers(0, 10**6))
def test_free_of_scale_and_place(feature_set: str, scale: float, x: float, y: float, seed: int) -> None:
    window = lifting()
    window[..., :2] += np.random.default_rng(seed).normal(0, 15, window[..., :2].shape)
    moved = window.copy()
    moved[..., :2] = moved[..., :2] * np.float32(scale) + np.array([x, y], np.float32) * np.float32(scale)
    a, b = (features(w, feature_set, COCO17) for w in (window, moved))
    np.testing.assert_allclose(a, b, atol=0.02)


def test_twice_mirrored_is_the_window_itself_and_once_swaps_the_arms() -> None:
    window = lifting()
    np.testing.assert_array_equal(mirror(mirror(window, COCO17), COCO17), window)
    plain, twin = named_features(window), named_features(mirror(window, COCO17))
    assert twin["velocity/left_wrist/y/03"] == plain["velocity/right_wrist/y/03"]
    assert twin["position/left_wrist/x/00"] == -plain["position/right_wrist/x/00"]
    assert window[0, 0, 0, 0] == 300


def test_missing_hips_put_the_origin_between_the_shoulders() -> None:
    window = lifting()
    window[0, 4, COCO17.indices("left_hip", "right_hip")] = (np.nan, np.nan, 0)
    got = named_features(window)
    assert got["position/nose/y/04"] == pytest.approx(-0.5)
    assert got["position/nose/y/05"] == pytest.approx(-1.5)


def test_unknown_or_zero_torso_is_nan_without_a_warning() -> None:
    nobody = np.full((1, 15, 17, 3), np.nan, np.float32)
    point = np.zeros((1, 15, 17, 3), np.float32)
    far = lifting() * np.float32(1e30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for feature_set in ("tennis-1", "tennis-2", "boxed-1", "seed-180"):
            assert np.isnan(features(nobody, feature_set, COCO17)).all()
            assert not np.isinf(features(point, feature_set, COCO17)).any()
            assert not np.isinf(features(far, feature_set, COCO17)).any()
    assert np.isnan(features(point, "tennis-1", COCO17)).all()


def test_many_windows_at_once_equal_one_by_one() -> None:
    windows = np.repeat(lifting(), 5, axis=0)
    windows[..., :2] += np.random.default_rng(2).normal(0, 5, windows[..., :2].shape)
    extract = extractor("tennis-1", COCO17)
    np.testing.assert_array_equal(extract(windows), np.concatenate([extract(w[None]) for w in windows]))
    assert extract(windows).dtype == np.float32


def test_unknown_set_and_missing_joint_are_model_errors() -> None:
    with pytest.raises(
        ModelError, match="unknown feature set 'tennis-9'; known: tennis-1, tennis-2, boxed-1, seed-180"
    ):
        features(lifting(), "tennis-9", COCO17)
    with pytest.raises(ModelError, match="h36m17 has no joint 'nose'"):
        extractor("tennis-1", H36M17)
    assert Skeleton("one", ("nose",), ()).mirror.tolist() == [0]
