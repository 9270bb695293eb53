"""Which windows are learnt from, and with which hand: recordings of one moving wrist."""

from __future__ import annotations

import numpy as np

from edgepose.card import WindowSpec
from edgepose.skeletons import COCO17
from edgepose.types import Float32
from edgepose_trainer.crossing import Crossed
from edgepose_trainer.recordings import IDLE, UNSURE, Recording
from edgepose_trainer.samples import cut, hand_of, thin

SPEC = WindowSpec(frames=15, rate_hz=15)


def waving(side: str, other_px: float = 0.0) -> Float32:
    """(90, 17, 3) at 30 fps: one wrist swings 100 px to and fro once a second, the other ``other_px``."""
    keypoints = np.full((90, 17, 3), 50, np.float32)
    swing = np.sin(2 * np.pi * np.arange(90) / 30)
    keypoints[:, COCO17.index("left_wrist"), 0] += swing * (100 if side == "left" else other_px)
    keypoints[:, COCO17.index("right_wrist"), 0] += swing * (100 if side == "right" else other_px)
    return keypoints


def recording(keypoints: Float32, dataset: str = "a", label: str = "forehand", hand: str | None = None) -> Recording:
    labels = np.full(90, IDLE, dtype="<U16")
    labels[30:60] = label
    labels[60:70] = UNSURE
    return Recording(dataset, f"{dataset}/{label}", f"{dataset}/one", np.arange(90) / 30, keypoints, labels, hand)  # type: ignore[arg-type]


def test_the_clearly_faster_wrist_holds_the_racket_when_nobody_told() -> None:
    assert hand_of(recording(waving("left"))) == "left"
    assert hand_of(recording(waving("right"))) == "right"
    assert hand_of(recording(waving("left", other_px=95))) == "right"
    assert hand_of(recording(waving("left"), hand="right")) == "right"
    mirrored = cut([recording(waving("left"))], SPEC).keypoints
    assert np.ptp(mirrored[:, 7, COCO17.index("right_wrist"), 0]) > 150
    assert np.ptp(mirrored[:, 7, COCO17.index("left_wrist"), 0]) == 0


def test_a_data_set_of_many_cameras_gives_a_window_now_and_then() -> None:
    both = [recording(waving("right"), "many"), recording(waving("right"), "few")]
    samples = cut(both, SPEC, {"many": 0.1})
    assert np.bincount(samples.recording).tolist() == [30, 90]


def test_thinned_windows_are_so_many_of_a_label_of_a_data_set_and_four_times_as_many_idle() -> None:
    both = [recording(waving("right"), "a"), recording(waving("right"), "b", "serve")]
    samples = cut(both, SPEC).sure()
    fewer = thin(samples, 8, np.random.default_rng(0))
    counts = {(d, label): 0 for d in "ab" for label in (IDLE, "forehand", "serve")}
    for group, label in zip(fewer.groups.tolist(), fewer.labels.tolist(), strict=True):
        counts[group[0], label] += 1
    assert [counts["a", IDLE], counts["a", "forehand"], counts["a", "serve"]] == [32, 8, 0]
    assert [counts["b", IDLE], counts["b", "forehand"], counts["b", "serve"]] == [32, 0, 8]
    again = thin(samples, 8, np.random.default_rng(0))
    np.testing.assert_array_equal(fewer.times_s, again.times_s)
    assert len(thin(samples, 1000, np.random.default_rng(0))) == len(samples)


def test_what_a_data_set_does_not_tell_apart_counts_as_its_own_label() -> None:
    plain = [recording(waving("right"), "plain"), recording(waving("right"), "plain", "serve")]
    whole = [recording(waving("right"), "whole"), recording(waving("right"), "whole", "smash")]
    labels = (IDLE, "forehand", "forehand_slice", "forehand_volley", "backhand_volley", "serve", "smash")
    crossed = Crossed([*plain, *whole], cut(plain, SPEC), labels, [], [], [], np.zeros((0, 7)))
    slices_and_volleys = {"forehand_slice": "forehand", "forehand_volley": "forehand"}
    assert crossed.family["plain"] == {**slices_and_volleys, "smash": "serve"}
    assert crossed.family["whole"] == slices_and_volleys
    assert plain[1].action == "serve"
    assert recording(waving("right"), label=IDLE).action == IDLE
