"""STAF: ids from temporal affinity fields that are drawn here, scene cuts, the network's memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgepose.errors import ModelError
from edgepose.openpose import BODY21A
from edgepose.runtimes import Signature, Tensor
from edgepose.scenecut import SceneCuts
from edgepose.skeletons import named
from edgepose.staf import PAIRS, StafTracker, people_of
from edgepose.staf_network import StafNetwork
from tests.shared import VIDEO, needs

SIZE_WH = (320, 160)
CELL = 8
CLIPS = [VIDEO / name for name in ("bicep_curls.mp4", "golf_swing.mp4", "street_people.avi")]
# Nose, neck, right arm, left arm, mid hip, right leg, left leg, eyes and ears, upper neck, crown: px from the neck.
BODY = np.array(
    [(0, -16), (0, 0), (-16, 0), (-20, 26), (-22, 50), (16, 0), (20, 26), (22, 50), (0, 46), (-10, 46), (-12, 70),
     (-12, 94), (10, 46), (12, 70), (12, 94), (-5, -20), (5, -20), (-10, -18), (10, -18), (0, -6), (0, -30)], float
)  # fmt: skip


def person(x: float, y: float = 50.0) -> np.ndarray:
    """(21, 3) standing with the neck at x, y."""
    return np.column_stack([BODY + np.array((x, y)), np.full(21, 0.9)]).astype(np.float32)


def fields(moves: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """(96, 20, 40) unit vectors from each joint before to its pair's joint now, a cell to each side; mean of all."""
    y, x = (np.mgrid[:20, :40] + 0.5) * CELL
    taf = np.zeros((96, 20, 40), np.float32)
    for pair, (now_joint, before_joint) in enumerate(PAIRS):
        hits = np.zeros((20, 40))
        for before, now in moves:
            start, step = before[before_joint, :2], now[now_joint, :2] - before[before_joint, :2]
            length = max(float(np.hypot(*step)), 1e-6)
            along = ((x - start[0]) * step[0] + (y - start[1]) * step[1]) / length
            across = ((x - start[0]) * step[1] - (y - start[1]) * step[0]) / length
            on = (along >= -CELL) & (along <= length + CELL) & (np.abs(across) <= CELL)
            hits += on
            taf[2 * pair : 2 * pair + 2] += on * (step / length)[:, None, None]
        taf[2 * pair : 2 * pair + 2] /= np.maximum(hits, 1)
    return taf


def still(*people: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """What ``update`` takes when nobody moved."""
    return np.stack(people), fields([(one, one) for one in people]), SIZE_WH


def test_row_43_pairs_are_24_limbs_and_each_reversed() -> None:
    assert len(PAIRS) == 48
    assert PAIRS[:3] == ((1, 8), (9, 10), (10, 11))
    assert PAIRS[22:24] == ((5, 12), (2, 9))
    assert PAIRS[24:] == tuple((b, a) for a, b in PAIRS[:24])
    assert BODY21A.channels == 70
    assert len(named("body21a")) == 21


def test_row_43_synthetic_taf_keeps_the_ids_of_two_people_who_cross() -> None:
    tracker = StafTracker()
    before = [person(100, 46), person(200, 62)]
    assert tracker.update(np.stack(before), fields([]), SIZE_WH).tolist() == [0, 1]
    for step in range(1, 13):
        now = [person(100 + 10 * step, 46), person(200 - 10 * step, 62)]
        order = [0, 1] if step % 2 else [1, 0]  # the decoder's order means nothing
        taf = fields(list(zip(before, now, strict=True)))
        ids = tracker.update(np.stack([now[i] for i in order]), taf, SIZE_WH)
        assert ids.tolist() == order, f"step {step}"
        before = now
    assert before[0][1, 0] > before[1][1, 0]  # they did cross


def test_row_43_the_fields_decide_not_the_place() -> None:
    tracker = StafTracker()
    left, right = person(100), person(130)
    tracker.update(*still(left, right))
    swapped = fields([(left, right), (right, left)])
    assert tracker.update(np.stack([left, right]), swapped, SIZE_WH).tolist() == [1, 0]


def test_row_43_without_fields_everybody_is_new() -> None:
    tracker = StafTracker()
    tracker.update(*still(person(100)))
    assert tracker.update(person(102)[None], fields([]), SIZE_WH).tolist() == [1]


def test_row_43_reversed_pairs_vote_too() -> None:
    people, taf, size_wh = still(person(100))
    for half in (slice(0, 48), slice(48, 96)):
        tracker = StafTracker()
        tracker.update(people, taf, size_wh)
        one_half = np.zeros_like(taf)
        one_half[half] = taf[half]
        assert tracker.update(people, one_half, size_wh).tolist() == [0]


@pytest.mark.parametrize(("limbs", "expected"), [(4, 1), (5, 0)])
def test_row_43_five_votes_are_needed(limbs: int, expected: int) -> None:
    tracker = StafTracker()
    people, taf, size_wh = still(person(100))
    few = np.zeros_like(taf)
    few[: 2 * limbs] = taf[: 2 * limbs]
    tracker.update(people, taf, size_wh)
    assert tracker.update(people, few, size_wh).tolist() == [expected]


def test_row_43_pairs_of_the_upper_neck_and_the_crown_do_not_vote() -> None:
    people, taf, size_wh = still(person(100))
    touching = [pair for pair in range(48) if {19, 20} & set(PAIRS[pair])]
    assert len(touching) == 4
    few = np.zeros_like(taf)
    for pair in (*touching, 0, 1, 2):  # three votes
        few[2 * pair : 2 * pair + 2] = taf[2 * pair : 2 * pair + 2]
    tracker = StafTracker()
    tracker.update(people, taf, size_wh)
    assert tracker.update(people, few, size_wh).tolist() == [1]


def test_row_43_of_two_rivals_the_one_with_more_votes_keeps_the_id() -> None:
    tracker = StafTracker()
    whole, half = person(100), person(101)
    half[9:15] = (np.nan, np.nan, 0)  # no legs: ten pairs less
    people, taf, size_wh = still(whole)
    tracker.update(people, taf, size_wh)
    assert tracker.update(np.stack([half, whole]), taf, size_wh).tolist() == [1, 0]


def test_row_43_a_leavers_id_dies_at_once() -> None:
    tracker = StafTracker()
    a, b = person(100), person(220)
    tracker.update(*still(a, b))
    assert tracker.update(*still(a)).tolist() == [0]
    assert tracker.update(*still(a, b)).tolist() == [0, 1]  # a new track: (largest live id + 1), as in the source
    # Who comes in the frame in which somebody leaves does not get the leaver's id.
    assert tracker.update(np.stack([a, person(280)]), fields([(a, a)]), SIZE_WH).tolist() == [0, 2]


def test_row_43_nobody_is_remembered_over_an_empty_frame() -> None:
    tracker = StafTracker()
    tracker.update(*still(person(100)))
    assert tracker.update(np.zeros((0, 21, 3), np.float32), fields([]), SIZE_WH).tolist() == []
    assert tracker.update(*still(person(100))).tolist() == [0]


@pytest.mark.parametrize(("joints", "expected"), [(5, -1), (6, 0)])
def test_row_43_a_newcomer_has_more_than_five_joints(joints: int, expected: int) -> None:
    few = person(100)
    few[joints:, 2] = 0.05  # not above 0.05
    assert StafTracker().update(few[None], fields([]), SIZE_WH).tolist() == [expected]


def test_row_43_ids_begin_again_after_998_and_pass_over_those_in_use() -> None:
    tracker = StafTracker()
    a, b = person(100), person(250)
    tracker.update(*still(a))
    both, only_a = np.stack([a, b]), fields([(a, a)])
    for number in (*range(1, 999), 1, 2):  # a stays 0; somebody else comes and goes in every frame
        assert tracker.update(both, only_a, SIZE_WH).tolist() == [0, number]


def test_row_43_ids_are_new_after_a_cut_and_begin_at_0_after_a_reset() -> None:
    random = np.random.default_rng(1)
    one, other = (random.integers(0, 256, (90, 160, 3), np.uint8) for _ in range(2))
    tracker = StafTracker()
    people, taf, size_wh = still(person(100))
    assert tracker.update(people, taf, size_wh, one).tolist() == [0]
    assert tracker.update(people, taf, size_wh, one).tolist() == [0]
    assert tracker.update(people, taf, size_wh, other).tolist() == [1]
    assert tracker.update(people, taf, size_wh, other).tolist() == [1]
    tracker.reset()
    assert tracker.update(people, taf, size_wh, other).tolist() == [0]
    assert tracker.update(people, taf, (640, 320), other).tolist() == [1]  # another size


def test_row_43_wrong_shapes_and_broken_fields_are_refused() -> None:
    people, taf, size_wh = still(person(100))
    with pytest.raises(ValueError, match="96"):
        StafTracker().update(people, taf[:48], size_wh)
    with pytest.raises(ValueError, match="21"):
        StafTracker().update(people[:, :18], taf, size_wh)
    with pytest.raises(ModelError, match="not finite"):
        StafTracker().update(people, np.full_like(taf, np.nan), size_wh)


def test_row_43_maps_of_body_21a_become_people() -> None:
    maps = np.zeros((70, 20, 40), np.float32)
    cells = np.floor(BODY / CELL + (20, 5)).astype(int)
    cells[[0, 15, 16, 17, 18, 19, 20]] = [(20, 3), (18, 2), (22, 2), (16, 3), (24, 3), (20, 4), (20, 1)]
    for joint, (x, y) in enumerate(cells):
        maps[joint, y, x] = 1
    for link, (a, b) in enumerate(BODY21A.links):
        step = (cells[b] - cells[a]) / np.linalg.norm(cells[b] - cells[a])
        maps[22 + 2 * link : 24 + 2 * link] = step[:, None, None]
    found = people_of(maps, SIZE_WH)
    assert found.shape == (1, 21, 3)
    np.testing.assert_allclose(found[0, :, :2], (cells + 0.5) * CELL, atol=0.6)
    assert people_of(np.zeros_like(maps), SIZE_WH).shape == (0, 21, 3)


def frames(path: Path, most: int) -> Iterator[np.ndarray]:
    video = cv2.VideoCapture(str(path))
    for _ in range(most):
        got, image = video.read()
        if not got:
            return
        yield cv2.resize(image, (640, 360), interpolation=cv2.INTER_AREA)


@needs(*CLIPS)
def test_row_43_two_cuts_are_seen_between_three_clips_and_none_within() -> None:
    cuts = SceneCuts()
    pictures = (image for path in CLIPS for image in frames(path, 60))
    assert [index for index, image in enumerate(pictures) if cuts(image)] == [60, 120]


def test_a_light_that_goes_on_and_a_dark_cameras_noise_are_no_cuts() -> None:
    random = np.random.default_rng(1)
    black = np.zeros((180, 320, 3), np.uint8)
    small = random.integers(0, 120, (9, 16, 3), np.uint8)
    scene = np.asarray(cv2.resize(small, (320, 180), interpolation=cv2.INTER_CUBIC), np.uint8)
    cuts = SceneCuts()
    for gain in (1, 2, 0.5):
        assert not cuts(np.asarray(scene * gain, np.uint8))
    cuts = SceneCuts()
    assert [cuts(image) for image in (scene, black, black, scene)] == [False, True, False, True]
    cuts = SceneCuts()
    for _ in range(5):
        assert not cuts(random.integers(0, 4, (180, 320, 3), np.uint8))


class Counting:
    """A network of STAF's names; every answer is full of the number of the run."""

    signature = Signature(
        tuple(Tensor(name, (1, None, None, None), "float32") for name in ("last_hm", "image", "last_fm", "last_paf")),
        tuple(Tensor(name, (1, None, None, None), "float32") for name in ("output_taf", "net_output", "conv4_4_CPM")),
        {},
    )

    def __init__(self) -> None:
        self.seen: list[dict[str, tuple[tuple[int, ...], float]]] = []

    def run(self, *arrays: np.ndarray) -> list[np.ndarray]:
        names = [tensor.name for tensor in self.signature.inputs]
        self.seen.append(
            {name: (a.shape, float(a.ravel()[-1])) for name, a in zip(names, arrays, strict=True) if name != "image"}
        )
        run, (height, width) = len(self.seen), (side // 8 for side in arrays[1].shape[2:])
        shapes = ((96, run + 0.5), (70, run), (128, run + 0.25))
        return [np.full((1, channels, height, width), value, np.float32) for channels, value in shapes]


def test_row_43_the_network_sees_its_answer_to_the_frame_before() -> None:
    runtime = Counting()
    network = StafNetwork(runtime)
    net, taf = network(np.zeros((1, 3, 64, 96), np.float32))
    assert (net.shape, taf.shape) == ((70, 8, 12), (96, 8, 12))
    assert runtime.seen[0] == {
        "last_paf": ((1, 144, 8, 12), 0.0), "last_hm": ((1, 22, 8, 12), 0.0), "last_fm": ((1, 128, 8, 12), 0.0),
    }  # fmt: skip
    # The first picture is run twice; the last of 144 channels is one of the temporal fields.
    assert {name: value for name, (_, value) in runtime.seen[1].items()} == {
        "last_paf": 1.5, "last_hm": 1.0, "last_fm": 1.25,
    }  # fmt: skip
    network(np.zeros((1, 3, 64, 96), np.float32))
    assert len(runtime.seen) == 3
    network(np.zeros((1, 3, 32, 96), np.float32))
    assert len(runtime.seen) == 5
    assert runtime.seen[3]["last_hm"] == ((1, 22, 4, 12), 0.0)


def test_row_43_another_network_is_refused() -> None:
    runtime = Counting()
    runtime.signature = Signature(runtime.signature.inputs[:1], runtime.signature.outputs, {})
    with pytest.raises(ModelError, match="last_paf"):
        StafNetwork(runtime)
