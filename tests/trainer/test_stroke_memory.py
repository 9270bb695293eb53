"""Training holds no more in memory than it needs, and gives the same weights for it."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.card import WindowSpec
from edgepose.window import windows_of
from edgepose_trainer import boosting
from edgepose_trainer.boosting import Boosting, fit
from edgepose_trainer.recordings import Recording
from edgepose_trainer.samples import cut

SPEC = WindowSpec(frames=15, rate_hz=15)


def recording(name: str, frames: int, seed: int) -> Recording:
    points = np.random.default_rng(seed).normal(100, 20, (frames, 17, 3)).astype(np.float32)
    labels = np.where(np.arange(frames) < frames // 2, "idle", "serve")
    return Recording("made", name, f"made/{name}", np.arange(frames) / 30, points, labels, handedness="right")


def test_bins_found_a_few_columns_at_a_time_give_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """300 columns are three parts; some are nearly always zero, which LightGBM likes to bundle."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(3000, 300)).astype(np.float32)
    features[rng.random(features.shape) < 0.1] = np.nan
    features[:, 120:140] = rng.random((3000, 20)) < 0.02
    labels = (np.nan_to_num(features[:, 10]) + np.nan_to_num(features[:, 290]) > 0).astype(np.intp)
    names = [f"column_{i}" for i in range(300)]
    few = Boosting(most_rounds=6)
    parts = fit(features, labels, names, 2, 1, few).booster.model_to_string()
    monkeypatch.setattr(boosting, "_COLUMNS", 1000)
    assert fit(features, labels, names, 2, 1, few).booster.model_to_string() == parts


def test_windows_are_cut_when_asked_for_and_are_those_of_the_device() -> None:
    """Two recordings of 60 and 40 frames; 2 million windows of 3 kB would not fit into memory."""
    recordings = [recording("a", 60, 1), recording("b", 40, 2)]
    samples = cut(recordings, SPEC, {"made": 0.1})
    batches = [windows_of(r.times_s, r.keypoints, SPEC, 0.1) for r in recordings]
    expected = np.concatenate([batch.keypoints for batch in batches])
    np.testing.assert_array_equal(samples.keypoints, expected)
    np.testing.assert_array_equal(samples.times_s, np.concatenate([batch.times_s for batch in batches]))
    some = np.array([len(samples) - 1, 0, 3])
    np.testing.assert_array_equal(samples.take(some).keypoints, expected[some])
    assert samples.take(some).groups.tolist() == ["made/b", "made/a", "made/a"]
    held = sum(value.nbytes for value in vars(samples).values() if isinstance(value, np.ndarray))
    assert held < 100 * len(samples)
    assert len(samples.take(np.zeros(len(samples), np.bool_)).keypoints) == 0
