"""Rallies made by the motion model to learn strokes from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgepose_trainer import peaks
from edgepose_trainer.motionmodel.model import load
from edgepose_trainer.reading import read
from edgepose_trainer.recordings import IDLE, UNSURE
from edgepose_trainer.synth import practice
from edgepose_trainer.takes import Take

MODEL = Path(__file__).parents[2] / "models" / "tennis-motion"


@pytest.fixture(scope="module")
def takes() -> list[Take]:
    return practice.takes(load(), 1_000_000)


def test_labels_are_round_the_hits_and_doubtful_beside_them(takes: list[Take]) -> None:
    (take, _) = takes
    away = np.abs(take.times_s[:, None] - take.peaks_s).min(axis=1)
    stroke, doubt = away <= 0.43, (away > 0.43) & (away <= 0.73)
    assert (peaks.HALF_STROKE_S, peaks.DOUBT_S) == (0.43, 0.3)
    assert set(take.labels[doubt].tolist()) == {UNSURE}
    assert set(take.labels[away > 0.73].tolist()) == {IDLE}
    assert not {UNSURE, IDLE} & set(take.labels[stroke].tolist())


def test_slices_are_as_frequent_as_plain_ground_strokes() -> None:
    rng = np.random.default_rng(0)
    hit = practice.Hit(1.0, "forehand", (0.0, -5.0), 0)
    labels = [practice._drawn(rng, hit).label for _ in range(4000)]
    for label in ("forehand", "backhand", "forehand_slice", "backhand_slice"):
        assert 900 <= labels.count(label) <= 1100


def test_serves_smashes_and_volleys_stay_as_the_rally_has_them(takes: list[Take]) -> None:
    rally = practice.plan(np.random.default_rng([1_000_000, 1]), 2, 30.0, 5.2)
    for part, take in zip(rally, takes, strict=True):
        told = [str(take.labels[np.abs(take.times_s - hit.time_s).argmin()]) for hit in part.hits]
        for hit, label in zip(part.hits, told, strict=True):
            assert label == hit.label or {label, hit.label} <= set(practice._GROUND)
        assert take.peaks_s.tolist() == [hit.time_s for hit in part.hits]


def test_a_motion_model_is_a_source_of_players_before_good_and_bad_networks() -> None:
    source = practice.read(MODEL, scenes=1)
    assert [r.group for r in source.recordings] == ["synth/1000000-0"] * 4 + ["synth/1000000-1"] * 4
    assert source.card.licence == "CC BY-SA 3.0"
    good, _, bad, _ = source.recordings[:4]
    missing = [float(np.isnan(r.keypoints[..., 0]).mean()) for r in (good, bad)]
    assert missing[0] < 0.07 < missing[1]
    again = practice.read(MODEL, scenes=1).recordings[0]
    np.testing.assert_array_equal(again.keypoints, good.keypoints)
    assert practice.fits(MODEL)
    assert not practice.fits(MODEL.parent / "tennis-strokes")


def test_train_strokes_reads_a_motion_model(monkeypatch: pytest.MonkeyPatch) -> None:
    made = practice.Source([], practice.read(MODEL, scenes=0).card)
    monkeypatch.setattr(practice, "read", lambda path: made)
    assert read([MODEL]) == [made]
