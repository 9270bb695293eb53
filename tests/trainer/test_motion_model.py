"""The motion model by hand: rotations, limbs, a clip's time; and what every generated player must keep to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgepose import card as cards
from edgepose import models
from edgepose.errors import ModelError, SourceError
from edgepose_trainer.motionmodel import model as motion
from edgepose_trainer.motionmodel.body import JOINTS, joints_of, turns_of
from edgepose_trainer.motionmodel.clips import CHANNELS, SAMPLES, own_time, times_of
from edgepose_trainer.motionmodel.footwork import gait, planted
from edgepose_trainer.motionmodel.movement import Seen, move
from edgepose_trainer.motionmodel.path import RATE_HZ, Stay, Stroke
from edgepose_trainer.motionmodel.player import draw_clip, draw_player
from edgepose_trainer.motionmodel.rotations import about_y, between, matrices, reach, six
from edgepose_trainer.motionmodel.training import train
from edgepose_trainer.synth.scene import play
from tests.shared import SHARED, needs

CALDAS = SHARED / "data" / "mocap" / "caldas"
MODEL = motion.load()
RATE = 120.0
BONES = [
    (f"{side}_{a}", f"{side}_{b}")
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"), ("eye", "ear"))
] + [("left_hip", "right_hip")]
LEAST_HIPS_M_S, MOST_HIPS_M_S, MOST_JOINT_M_S = 1.0, 7.5, 15.0
"""A sprinter's hips are at 10 m/s; 15 m/s is what importers cut as a jump."""
MOST_HIPS_M_S2 = 65.0
"""The 99.9th percentile of the takes' hips is 23 m/s² in the median take and 61 in the wildest."""


def at(seen: Seen, joint: str) -> np.ndarray:
    return seen.joints[:, JOINTS.index(joint)]


@pytest.fixture(scope="module")
def people() -> list[Seen]:
    """Six players of three rallies, 20 s at 120 Hz, world axes."""
    times_s = np.arange(0, 20, 1 / RATE)
    return [one.at(times_s) for seed in (5, 6, 7) for one in play(MODEL, seed, 2, 20.0, 5.5).people]


def test_six_numbers_hold_a_rotation() -> None:
    turn = about_y(np.array([0.3, -2.0])) @ between(np.array([0.0, 1, 0]), np.array([0.6, 0.8, 0]))
    np.testing.assert_allclose(matrices(six(turn)), turn, atol=1e-12)
    np.testing.assert_allclose(matrices(3 * six(turn)), turn, atol=1e-12)


def test_turning_a_quarter_to_the_left_looks_to_the_left() -> None:
    np.testing.assert_allclose(about_y(np.array(np.pi / 2)) @ [0, 0, 1], [1, 0, 0], atol=1e-12)


def test_a_limb_of_three_and_four_bends_at_a_right_angle_when_its_end_is_five_away() -> None:
    middle, end = reach(np.zeros((1, 3)), np.array([[5.0, 0, 0]]), 3, 4, np.array([[0.0, 1, 0]]))
    np.testing.assert_allclose(end, [[5, 0, 0]])
    np.testing.assert_allclose(middle, [[1.8, 2.4, 0]])


def test_a_limb_does_not_stretch() -> None:
    middle, end = reach(np.zeros((1, 3)), np.array([[9.0, 0, 0]]), 3, 4, np.array([[0.0, 1, 0]]), straight=0.99)
    assert np.linalg.norm(end) == pytest.approx(6.93)
    assert np.linalg.norm(middle) == pytest.approx(3)
    assert np.linalg.norm(end - middle) == pytest.approx(4)


def test_own_time_is_the_inverse_of_seconds() -> None:
    u = np.linspace(-1, 1, 9)
    seconds = times_of(u, 0.9, 0.6)
    np.testing.assert_allclose(seconds[[0, 4, 8]], [-0.9, 0, 0.6])
    np.testing.assert_allclose(own_time(seconds, 0.9, 0.6), u, atol=1e-12)
    np.testing.assert_allclose(own_time(np.array([-5.0, 5.0]), 0.9, 0.6), [-1, 1])


def test_who_stands_still_has_both_feet_down_and_who_runs_flies_between_steps() -> None:
    _, still = gait(np.zeros(240))
    _, running = gait(np.full(240, 5.0))
    assert still.all()
    assert (~running.any(axis=1)).mean() > 0.1
    assert running[:, 0].mean() == pytest.approx(0.36, abs=0.05)


def test_a_foot_stands_where_the_body_passes_over_it() -> None:
    toes = np.stack([np.linspace(0, 1, 120), np.full(120, 0.03), np.zeros(120)], axis=1)
    standing = np.zeros(120, bool)
    standing[10:30] = standing[80:100] = True
    moved = toes + planted(toes, standing, np.full(120, 0.1), 0.03)
    np.testing.assert_allclose(moved[10:30, 0], toes[10:30, 0].mean())
    np.testing.assert_allclose(moved[80:100, 0], toes[80:100, 0].mean())
    assert moved[:, 1].min() >= 0.03 - 1e-9
    assert moved[55, 1] > 0.1
    assert np.abs(np.diff(moved[:, 0])).max() * RATE_HZ < 5


def test_the_shipped_model_is_small_and_says_whose_motion_it_is() -> None:
    folder = models.find("tennis-motion")
    card = cards.load(folder)
    assert (folder / "motion.npz").stat().st_size <= 3_000_000
    assert card.task == "motion"
    assert card.licence == "CC BY-SA 3.0"
    assert "Pulgarin-Giraldo" in card.data[0].name
    assert set(card.labels) == set(MODEL.labels) == {
        "forehand", "backhand", "forehand_slice", "backhand_slice", "serve", "smash", "forehand_volley",
        "backhand_volley",
    }  # fmt: skip


def test_bones_keep_their_length_to_a_millimetre(people: list[Seen]) -> None:
    for one in people:
        for a, b in BONES:
            assert np.ptp(np.linalg.norm(at(one, a) - at(one, b), axis=1)) < 0.001, (a, b)


def test_feet_do_not_sink(people: list[Seen]) -> None:
    for one in people:
        assert one.toes[..., 1].min() > 0.015
        assert one.heels[..., 1].min() > 0.0
        assert min(at(one, "left_ankle")[:, 1].min(), at(one, "right_ankle")[:, 1].min()) > 0.03


def test_feet_that_stand_do_not_slide(people: list[Seen]) -> None:
    for one in people:
        speed = np.linalg.norm(np.gradient(one.toes, 1 / RATE, axis=0), axis=2)
        low = one.toes[..., 1] < 0.032
        assert 0.4 < low.mean() < 0.95
        assert np.percentile(speed[low], 90) < 0.05
        assert low.any(axis=1).mean() > 0.85  # nobody floats


def test_nobody_is_faster_than_people_are(people: list[Seen]) -> None:
    for one in people:
        velocity = np.gradient(one.joints, 1 / RATE, axis=0)
        speed = np.linalg.norm(velocity, axis=2)
        hips = np.gradient(velocity[:, JOINTS.index("mid_hip")], 1 / RATE, axis=0)
        assert LEAST_HIPS_M_S < speed[:, JOINTS.index("mid_hip")].max() < MOST_HIPS_M_S
        assert speed.max() < MOST_JOINT_M_S
        assert np.percentile(np.linalg.norm(hips, axis=1), 99.9) < MOST_HIPS_M_S2


def test_knees_bend_backwards_only_and_not_too_far(people: list[Seen]) -> None:
    for one in people:
        for side, other in (("left", 1.0), ("right", -1.0)):
            thigh = at(one, f"{side}_knee") - at(one, f"{side}_hip")
            shin = at(one, f"{side}_ankle") - at(one, f"{side}_knee")
            cosine = np.sum(thigh * shin, axis=1) / np.linalg.norm(thigh, axis=1) / np.linalg.norm(shin, axis=1)
            assert np.degrees(np.arccos(cosine)).max() < 150
            foot = one.toes[:, 0 if other > 0 else 1] - at(one, f"{side}_ankle")
            forward = np.cross(np.cross(thigh, shin), thigh)  # towards the shin's side of the thigh
            bent = np.degrees(np.arccos(cosine)) > 40
            assert (np.sum(forward * foot, axis=1)[bent] < 0.08).mean() > 0.9


def test_heads_are_over_hips_and_people_of_human_height(people: list[Seen]) -> None:
    for one in people:
        assert np.percentile(at(one, "head_top")[:, 1], 99) < 2.2
        assert np.median(at(one, "head_top")[:, 1]) > 1.35
        assert (at(one, "neck")[:, 1] > at(one, "mid_hip")[:, 1] + 0.2).mean() > 0.999


def test_a_left_hander_is_the_mirror_image() -> None:
    seen = {}
    for hand, x in (("right", 0.4), ("left", -0.4)):
        rng = np.random.default_rng(3)
        player = draw_player(MODEL, rng, hand)
        strokes = [Stroke(draw_clip(MODEL, player, "forehand", rng), 1.5, (x, -4.0))]
        seen[hand] = move(MODEL, player, strokes, [], 3.0, rng).at(np.linspace(0.5, 2.5, 9))
    np.testing.assert_allclose(at(seen["left"], "left_wrist"), at(seen["right"], "right_wrist") * (-1, 1, 1))
    np.testing.assert_allclose(seen["left"].racket, seen["right"].racket * (-1, 1, 1))
    assert np.abs(seen["left"].racket[:, 0] - at(seen["left"], "left_wrist")).max() < 0.15


@pytest.mark.parametrize("label", MODEL.labels)
def test_the_wrist_is_fastest_at_the_stroke_and_overhead_where_it_should_be(label: str) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        player = draw_player(MODEL, rng, "right")
        stroke = Stroke(draw_clip(MODEL, player, label, rng), 3.0, (0.0, 0.0))
        times_s = np.arange(2.3, 3.7, 0.01)
        seen = move(MODEL, player, [stroke], [Stay(-1.0, 0.3, (0.0, 0.0))], 5.0, rng).at(times_s)
        speed = np.linalg.norm(np.gradient(at(seen, "right_wrist") - at(seen, "mid_hip"), 0.01, axis=0), axis=1)
        assert abs(times_s[np.argmax(speed * (np.abs(times_s - 3) < 0.4))] - 3.0) <= 0.15
        over_nose = (at(seen, "right_wrist") - at(seen, "nose"))[:, 1]
        if label in ("serve", "smash"):
            assert over_nose[np.abs(times_s - 3) < 0.25].max() > 0.1
        else:
            assert over_nose[np.abs(times_s - 3) < 0.05].max() < 0.05


def test_a_backhand_slice_starts_higher_and_ends_lower_than_the_plain_one() -> None:
    wrists = {}
    for label in ("backhand", "backhand_slice"):
        player = draw_player(MODEL, np.random.default_rng(8), "right")
        clip = draw_clip(MODEL, player, label, np.random.default_rng(9))
        places = joints_of(turns_of(clip.samples), np.zeros((SAMPLES, 3)), player.measures)
        wrists[label] = places["RightWrist"][:, 1]
    assert wrists["backhand_slice"][26] > wrists["backhand"][26] + 0.05
    assert wrists["backhand_slice"][58] < wrists["backhand"][58] - 0.15


def test_new_players_differ() -> None:
    players = [draw_player(MODEL, np.random.default_rng(seed)) for seed in range(40)]
    heights_m = np.array([player.height_m for player in players])
    assert 1.5 < heights_m.min() < 1.7 < 1.8 < heights_m.max() < 2.0
    assert {player.handedness for player in players} == {"left", "right"}


def test_a_file_that_is_no_motion_model_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "motion.npz", ready=np.zeros(CHANNELS))
    with pytest.raises(ModelError, match=r"motion\.npz: array 'proportions' is missing"):
        motion.read(tmp_path / "motion.npz")
    (tmp_path / "other.npz").write_bytes(b"no zip")
    with pytest.raises(ModelError, match=r"other\.npz: cannot be read as a motion model"):
        motion.read(tmp_path / "other.npz")


@needs(CALDAS)
def test_training_on_two_takes_makes_a_model_that_moves(tmp_path: Path) -> None:
    takes = tmp_path / "takes"
    takes.mkdir()
    for name in ("jarua_Derecha_18seg.bvh.xz", "lvargas_Derecha_7seg.bvh.xz"):
        (takes / name).symlink_to(CALDAS / name)
    said: list[str] = []
    card = train(takes, tmp_path / "model", None, said.append)
    assert card.labels == ["forehand"]
    assert said[-1].startswith("forehand: ")
    made = motion.read(tmp_path / "model" / "motion.npz")
    clip, before_s, after_s = made.strokes["forehand"].clip(np.zeros(len(made.strokes["forehand"].components)))
    assert clip.shape == (SAMPLES, CHANNELS)
    assert 0.7 <= before_s <= 1.05
    assert 0.6 <= after_s <= 0.9


def test_a_folder_without_takes_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no .bvh or .bvh.xz takes there"):
        train(tmp_path, tmp_path / "model", None, print)
