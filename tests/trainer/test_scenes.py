"""The simulated scenes: repeatable, honest about who is who, and as faulty as was asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgepose_trainer.scenes import Difficulty, make_scene, make_scenes
from edgepose_trainer.walkers import Motion

PERFECT = Difficulty(
    people=3, duration_s=3.0, noise=0.0, box_noise=0.0, miss=0.0, burst_per_s=0.0, occlusion=0.0, ghosts=0.0,
    duplicates=0.0, swap=0.0, joint_drop=0.0,
)  # fmt: skip
MOTIONS: tuple[Motion, ...] = ("walk", "court", "street", "crossing", "bounce")


def test_the_seed_decides_everything() -> None:
    a, b, c = (make_scene(seed, Difficulty(duration_s=2.0)) for seed in (3, 3, 4))
    assert np.array_equal(a.pose_keypoints, b.pose_keypoints, equal_nan=True)
    assert a.pose_box.tolist() == b.pose_box.tolist()
    assert a.truth_box.tolist() != c.truth_box.tolist()


@pytest.mark.parametrize("motion", MOTIONS)
def test_a_perfect_detector_sees_exactly_the_truth(motion: Motion) -> None:
    scene = make_scene(1, replace(PERFECT, motion=motion))
    order = np.lexsort((scene.pose_person, scene.pose_frame))
    assert scene.pose_frame[order].tolist() == scene.truth_frame.tolist()
    assert scene.pose_person[order].tolist() == scene.truth_person.tolist()
    np.testing.assert_allclose(scene.pose_box[order], scene.truth_box, atol=1e-3)
    np.testing.assert_allclose(scene.pose_keypoints[order, :, :2], scene.truth_keypoints[:, :, :2], atol=1e-3)


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("fps", [10.0, 60.0])
def test_nobody_jumps(motion: Motion, fps: float) -> None:
    scene = make_scene(2, replace(PERFECT, motion=motion, fps=fps))
    for person in range(3):
        mine = scene.truth_person == person
        boxes, frames = scene.truth_box[mine], scene.truth_frame[mine]
        centre = boxes.reshape(-1, 2, 2).mean(axis=1)
        tall = boxes[:, 3] - boxes[:, 1]
        next_to = np.diff(frames) == 1
        speed = np.linalg.norm(np.diff(centre, axis=0), axis=1)[next_to] * fps / tall[1:][next_to]
        assert speed.max(initial=0.0) < 6.0


def test_a_tenth_missed_is_a_tenth_missed() -> None:
    scene = make_scene(5, replace(PERFECT, people=6, duration_s=20.0, miss=0.1))
    assert 1 - len(scene.pose_frame) / len(scene.truth_frame) == pytest.approx(0.1, abs=0.02)


def test_false_people_are_marked_and_as_many_as_asked() -> None:
    scene = make_scene(6, replace(PERFECT, people=6, duration_s=20.0, ghosts=0.05, duplicates=0.03))
    assert (scene.pose_person < 0).sum() / len(scene.truth_frame) == pytest.approx(0.08, abs=0.02)


def test_frames_hand_out_every_pose_once_and_empty_frames_too() -> None:
    scene = make_scene(7, replace(PERFECT, people=1, motion="street", duration_s=12.0, miss=0.5))
    frames = list(scene.frames())
    assert len(frames) == len(scene.times_s)
    assert sum(len(poses) for _, poses in frames) == len(scene.pose_frame)
    assert any(not poses for _, poses in frames)


def test_mixed_scenes_span_people_and_rates() -> None:
    scenes = make_scenes(8, 15, Difficulty(duration_s=1.0))
    assert {scene.name.split("-")[0] for scene in scenes} == set(MOTIONS)
    assert len({scene.fps for scene in scenes}) >= 3
    assert all(1 <= len(np.unique(scene.truth_person)) <= 10 for scene in scenes)
