"""Random and broken tensors through every decoder, and pictures that are none through an Estimator.

A network may say anything. Then a decoder gives people whose numbers make sense, or ModelError "not finite".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from edgepose.decoders import Decoder, DecoderSettings, View
from edgepose.errors import ModelError, SettingsError
from edgepose.estimator import Estimator
from edgepose.models import Engine, load_pose
from edgepose.types import Pose
from tests.contract.test_decoders import CASES, FRAME_WH, Case, made
from tests.onnx_files import column_of_joints, constant_network, raw_yolo

MAGNITUDES = (1e-30, 0.1, 1.0, 30.0, 1e4, 1e30)
every_decoder = pytest.mark.parametrize("case", CASES.values(), ids=lambda c: c.decoder)
fuzz = settings(
    max_examples=4, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
REACH_OUTSIDE = ("movenet_single", "topdown_heatmaps", "topdown_simcc")
"""Their crops reach over the frame's edge, and so may their joints."""


@cache
def prepared(name: str) -> tuple[Decoder, View]:
    """A decoder made once, and its view of a black frame."""
    decoder = made(CASES[name])
    black = np.zeros((FRAME_WH[1], FRAME_WH[0], 3), np.uint8)
    return decoder, decoder.views(black, CASES[name].people or None)[0]


def answers(case: Case, outputs: Sequence[np.ndarray]) -> list[Pose] | None:
    """The people, checked; None for outputs that were refused as not finite."""
    decoder, view = prepared(case.decoder)
    with np.errstate(all="ignore"):
        try:
            people = decoder.decode(outputs, view)
        except ModelError as error:
            if "broken weights or wrong input range" in str(error):
                return None
            raise
    for pose in people:
        make_sense(pose, len(decoder.skeleton))
        if case.decoder not in REACH_OUTSIDE:
            inside(pose.keypoints[pose.keypoints[:, 2] > 0, :2])
            inside(pose.box_xyxy.reshape(2, 2)[np.isfinite(pose.box_xyxy).reshape(2, 2).all(axis=1)])
    return people


def make_sense(pose: Pose, joints: int) -> None:
    assert pose.keypoints.shape == (joints, 3)
    assert pose.keypoints.dtype == np.float32
    assert np.isfinite(pose.score)
    known = pose.keypoints[:, 2] > 0
    assert np.isfinite(pose.keypoints[known]).all()
    assert np.isfinite(pose.keypoints[:, 2]).all()
    missing = np.isnan(pose.keypoints[:, :2]).any(axis=1)
    assert (pose.keypoints[missing, 2] == 0).all()


def inside(points_xy: np.ndarray) -> None:
    """Decoders clip to the frame: a coordinate outside of it is nobody's answer."""
    assert (points_xy >= -0.01).all()
    assert (points_xy <= np.array(FRAME_WH) + 0.01).all()


@every_decoder
class TestFuzz:
    @fuzz
    @given(seed=st.integers(0, 2**32 - 1), magnitude=st.sampled_from(MAGNITUDES), signed=st.booleans())
    def test_finite_numbers_of_any_size_are_people_nobody_or_refused(
        self, case: Case, seed: int, magnitude: float, signed: bool
    ) -> None:
        random = np.random.default_rng(seed)
        low = -magnitude if signed else 0.0
        outputs = [random.uniform(low, magnitude, output.shape).astype(np.float32) for output in case.one_person]
        found = answers(case, outputs)
        assert found is not None or magnitude > 1e10  # only what overflows may be called not finite

    @fuzz
    @given(
        seed=st.integers(0, 2**32 - 1),
        broken=st.sampled_from((np.nan, np.inf, -np.inf)),
        share=st.sampled_from((0.001, 0.1, 0.9)),
    )
    def test_a_sprinkle_of_what_is_no_number_never_comes_out_as_a_joint(
        self, case: Case, seed: int, broken: float, share: float
    ) -> None:
        random = np.random.default_rng(seed)
        outputs = [
            np.where(random.random(output.shape) < share, np.float32(broken), output).astype(np.float32)
            for output in case.one_person
        ]
        answers(case, outputs)

    @pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
    def test_nothing_but_broken_numbers_is_an_error_not_nobody(self, case: Case, broken: float) -> None:
        outputs = [np.full_like(output, broken) for output in case.one_person]
        assert answers(case, outputs) is None

    @pytest.mark.parametrize("value", [-3.0e38, 0.0, 0.5, 1.0, 3.0e38])
    def test_constant_outputs_are_people_nobody_or_refused(self, case: Case, value: float) -> None:
        answers(case, [np.full_like(output, value) for output in case.one_person])


def tiny(tmp_path: Path) -> Estimator:
    """A 64×64 network that sees one person in the middle of whatever it is shown."""
    person = ([32, 32, 32, 32], 0.9, column_of_joints(32, 24, 1))
    path = constant_network(tmp_path / "tiny.onnx", (1, 3, 64, 64), raw_yolo([person]))
    return Estimator(*load_pose(path, Engine(threads=1), DecoderSettings()))


@pytest.mark.parametrize(
    ("picture", "got"),
    [
        (np.zeros((0, 0, 3), np.uint8), r"\(0, 0, 3\) uint8"),
        (np.zeros((0, 640, 3), np.uint8), r"\(0, 640, 3\) uint8"),
        (np.zeros((48, 64), np.uint8), r"\(48, 64\) uint8"),
        (np.zeros((48, 64, 1), np.uint8), r"\(48, 64, 1\) uint8"),
        (np.zeros((48, 64, 4), np.uint8), r"\(48, 64, 4\) uint8"),
        (np.zeros((48, 64, 3), np.uint16), r"\(48, 64, 3\) uint16"),
        (np.zeros((48, 64, 3), np.float32), r"\(48, 64, 3\) float32"),
        (np.zeros((1, 48, 64, 3), np.uint8), r"\(1, 48, 64, 3\) uint8"),
    ],
)
def test_a_picture_of_another_form_is_refused_by_expected_and_got(
    tmp_path: Path, picture: np.ndarray, got: str
) -> None:
    estimator = tiny(tmp_path)
    for call in (estimator, estimator.prepare):
        with pytest.raises(SettingsError, match=rf"expected a picture \(H, W, 3\) uint8 BGR, got {got}"):
            call(picture)


@pytest.mark.parametrize("size_wh", [(1, 1), (1, 500), (500, 1), (7680, 4320)], ids=str)
def test_a_picture_of_any_size_gives_the_person_in_its_middle(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    """Input (32, 32) is the frame's middle, whatever the frame: a one-pixel side may be half a pixel off."""
    (pose,) = tiny(tmp_path)(np.zeros((size_wh[1], size_wh[0], 3), np.uint8))
    np.testing.assert_allclose(pose.keypoints[8, :2], np.array(size_wh) / 2, atol=0.5 if min(size_wh) == 1 else 0.01)
    assert np.isfinite(pose.box_xyxy).all()
