"""Rendered players: where their pixels are, what hides what, the same bytes again, and what a pose network sees."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edgepose.errors import SettingsError
from edgepose.skeletons import COCO17
from edgepose.types import Array, Float32
from edgepose_trainer.pck import per_cent
from edgepose_trainer.pose.pictures import ABSENT, GUESSED, SEEN
from edgepose_trainer.render.body import JOINTS, Body, Look, completed, held
from edgepose_trainer.render.lens import Lens, View, looking
from edgepose_trainer.render.pictures import labels, pictures
from edgepose_trainer.render.scene import Renderer, boxes
from tests.shared import MOVENET, SHARED, needs

SIZE = (320, 240)
MOCAP = SHARED / "data" / "mocap" / "caldas"
RED, BLUE = (30, 30, 220), (220, 60, 30)
# Upright, facing +z, arms straight out to the sides; x to the person's left.
STANDING = {
    "nose": (0, 1.62, 0.11), "left_eye": (0.035, 1.66, 0.09), "right_eye": (-0.035, 1.66, 0.09),
    "left_ear": (0.075, 1.63, 0), "right_ear": (-0.075, 1.63, 0),
    "left_shoulder": (0.19, 1.42, 0), "right_shoulder": (-0.19, 1.42, 0),
    "left_elbow": (0.49, 1.42, 0), "right_elbow": (-0.49, 1.42, 0),
    "left_wrist": (0.75, 1.42, 0), "right_wrist": (-0.75, 1.42, 0),
    "left_hip": (0.11, 0.92, 0), "right_hip": (-0.11, 0.92, 0),
    "left_knee": (0.12, 0.5, 0.02), "right_knee": (-0.12, 0.5, 0.02),
    "left_ankle": (0.13, 0.09, 0), "right_ankle": (-0.13, 0.09, 0),
}  # fmt: skip
LOOK = Look.of(1)
CAMERA = looking(np.array([0.0, 1.2, -4.0]), np.array([0.0, 1.0, -9.0]), 280.0, SIZE)
"""5 m in front of somebody who stands at z = -9 m and faces it."""


def standing(x: float = 0.0, z: float = -9.0, look: Look = LOOK, racket: bool = False) -> Body:
    joints = np.array([STANDING[joint] for joint in COCO17.joints]) + np.array([x, 0, z])
    return Body(completed(joints), held(joints) if racket else None, look)


def px(points: Array, camera: View = CAMERA, size: tuple[int, int] = SIZE) -> Array:
    return Lens.of(camera, size).project(np.asarray(points, np.float64).reshape(-1, 3))[0]


def covered(renderer: Renderer, body: Body, camera: View = CAMERA, size: tuple[int, int] = SIZE) -> Float32:
    """(H, W) how much of each pixel shows the person."""
    whole = np.zeros((size[1], size[0]), np.float32)
    (patch,) = renderer.draw(camera, [body]).patches
    assert patch is not None
    patch.region(whole)[:] = patch.cover[..., 0]
    return whole


def test_the_lens_is_opencvs() -> None:
    bent = np.array([-0.2, 0.05, 0.001, -0.002, 0.01])
    camera = looking(np.array([3.0, 2.0, -15.0]), np.array([0.0, 1.0, -9.0]), 250.0, SIZE, bent)
    points = np.array([[0.0, 0.0, -9.0], [1.0, 1.7, -8.0], [-1.5, 0.4, -5.0]])
    expected = cv2.projectPoints(points, cv2.Rodrigues(camera.R)[0], camera.t, camera.K, bent)[0][:, 0]
    np.testing.assert_allclose(px(points, camera), expected, atol=1e-6)
    lens = Lens.of(camera, SIZE)
    ahead = (points - lens.eye) @ camera.R.T
    np.testing.assert_allclose(lens.tangents(expected), ahead[:, :2] / ahead[:, 2:], atol=1e-4)


@pytest.mark.parametrize("bent", [None, np.array([-0.2, 0.05, 0.001, -0.002, 0.01])])
def test_the_ray_of_a_pixel_meets_what_it_shows(bent: Array | None) -> None:
    camera = looking(np.array([3.0, 2.0, -15.0]), np.array([0.0, 1.0, -9.0]), 250.0, SIZE, bent)
    lens = Lens.of(camera, SIZE)
    ray = lens.rays(150, 4)[2, 70]
    np.testing.assert_allclose(px(lens.eye + 5 * ray, camera)[0], (70, 152), atol=0.02)


def test_a_player_5_m_away_is_as_large_as_the_focal_length_says() -> None:
    # From the eyes' line to the ankles' 1.57 m; at 5 m and 280 px: 88 px. The camera looks down by a few degrees.
    eye, ankle = px(standing().joints[[JOINTS.index("left_eye"), JOINTS.index("left_ankle")]])
    assert ankle[1] - eye[1] == pytest.approx(88, abs=1.5)
    ((x1, y1, x2, y2),) = boxes(CAMERA, SIZE, [standing()])
    assert x1 < px(standing().joints)[:, 0].min() < px(standing().joints)[:, 0].max() < x2
    assert 95 < y2 - y1 < 112


@pytest.mark.parametrize("limb", ["elbow-wrist", "shoulder-elbow", "hip-knee", "knee-ankle"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_limbs_pixels_lie_round_its_projected_bone(side: str, limb: str) -> None:
    body = standing()
    start, end = (body.joints[JOINTS.index(f"{side}_{joint}")] for joint in limb.split("-"))
    cover = covered(Renderer(SIZE, 1), body)
    for share in (0.0, 0.3, 0.6, 1.0):
        x, y = np.round(px(start + share * (end - start))[0]).astype(int)
        assert cover[y, x] > 0.95, (limb, share)
    middle = px((start + end) / 2)[0]
    along = px(end)[0] - px(start)[0]
    square = np.array([-along[1], along[0]]) / np.hypot(*along)
    # 0.16 m outside a bone is more than any limb's radius: 9 px.
    outward = square if abs(square[0]) < 0.5 else square * np.sign(square[0] * (middle[0] - SIZE[0] / 2))
    x, y = np.round(middle + 9 * outward).astype(int)
    assert cover[y, x] < 0.05


def test_left_is_the_players_own() -> None:
    # They face the camera: their left arm is on the picture's right.
    left, right = px(standing().joints[[JOINTS.index("left_wrist"), JOINTS.index("right_wrist")]])
    assert left[0] > right[0] + 70


def test_the_nearer_player_covers_the_farther_in_any_order() -> None:
    red, blue = (replace(LOOK, shirt=colour) for colour in (RED, BLUE))
    near, far = standing(z=-8.0, look=red), standing(z=-10.0, look=blue)
    renderer = Renderer(SIZE, 1)
    x, y = np.round(px(np.array([0.0, 1.2, -8.0]))[0]).astype(int)
    for people in ([near, far], [far, near]):
        b, _, r = renderer.frame(CAMERA, people)[y, x].astype(int)
        assert r > b + 60
    b, _, r = renderer.frame(CAMERA, [far])[y, x].astype(int)
    assert b > r + 60


def test_the_net_covers_who_stands_behind_it() -> None:
    camera = looking(np.array([0.0, 1.2, -4.0]), np.array([0.0, 1.0, 3.0]), 280.0, SIZE)
    white = replace(LOOK, skin=(255, 255, 255), bottoms=(255, 255, 255), leg=0.3)
    person = standing(z=1.5, look=white)
    renderer = Renderer(SIZE, 1)
    band = np.round(px(np.array([0.1, 0.895, 0.0]), camera)[0]).astype(int)
    empty, shown = renderer.frame(camera, []), renderer.frame(camera, [person])
    assert np.abs(empty[band[1], band[0]].astype(int) - shown[band[1], band[0]]).max() < 25
    before = renderer.frame(camera, [standing(z=-1.5, look=white)])
    assert np.abs(before.astype(int) - empty).max() > 100
    assert renderer.draw(camera, [person]).veils[0] is not None
    assert renderer.draw(camera, [standing(z=-1.5)]).veils == [None]


def test_the_same_seed_gives_the_same_bytes_whatever_was_drawn_before() -> None:
    people = [standing(racket=True), standing(1.0, -10.0, Look.of(2))]
    first = Renderer(SIZE, 5)
    once = first.frame(CAMERA, people)
    first.frame(CAMERA, [standing(0.5)])
    np.testing.assert_array_equal(first.frame(CAMERA, people), once)
    np.testing.assert_array_equal(Renderer(SIZE, 5).frame(CAMERA, people), once)
    assert (Renderer(SIZE, 6).frame(CAMERA, people) != once).mean() > 0.5


def test_nobody_gives_the_court_alone_with_its_lines_where_they_are() -> None:
    camera = looking(np.array([0.0, 6.0, -16.0]), np.array([0.0, 0.0, -8.0]), 280.0, SIZE)
    image = Renderer(SIZE, 5).frame(camera, []).astype(int)
    assert image.shape == (240, 320, 3)
    # Middle of the near base line, service line, service centre line: whiter than half a metre beside them.
    for line, beside in (
        ((2.0, 0, -11.885), (2.0, 0, -11.2)),
        ((2.0, 0, -6.4), (2.0, 0, -7.2)),
        ((0, 0, -4.0), (0.6, 0, -4.0)),
    ):
        (x, y), (u, v) = (np.round(px(np.array(place), camera)[0]).astype(int) for place in (line, beside))
        assert image[y, x].min() > image[v, u].min() + 40, line


def test_who_is_behind_the_camera_or_beside_the_picture_is_not_drawn() -> None:
    renderer = Renderer(SIZE, 1)
    away = [standing(z=-1.0), standing(x=30.0)]
    drawn = renderer.draw(CAMERA, away)
    assert drawn.patches == [None, None]
    assert np.isnan(boxes(CAMERA, SIZE, away)).all()
    assert np.abs(drawn.image.astype(int) - renderer.frame(CAMERA, [])).max() < 40  # the grain differs


def test_somebody_half_in_the_picture_is_drawn_to_its_edge() -> None:
    body = standing(x=2.9)
    assert px(body.joints)[:, 0].max() > SIZE[0] > px(body.joints)[:, 0].min()
    cover = covered(Renderer(SIZE, 1), body)
    assert cover[:, -1].max() > 0.9
    assert boxes(CAMERA, SIZE, [body])[0, 2] == SIZE[0]


def test_the_shadow_darkens_the_ground_only() -> None:
    renderer = Renderer(SIZE, 5)
    camera = looking(np.array([0.0, 4.0, -4.0]), np.array([0.0, 0.5, -9.0]), 280.0, SIZE)
    body = standing()
    change = renderer.frame(camera, [body]).astype(int) - renderer.frame(camera, [])
    shaded = (change.mean(axis=2) < -25) & (covered(renderer, body, camera) == 0)
    assert shaded.sum() > 100


def test_a_4k_picture() -> None:
    size = (3840, 2160)
    camera = looking(np.array([0.0, 5.0, -4.0]), np.array([0.0, 0.0, -9.0]), 3400.0, size)
    image = Renderer(size, 1).frame(camera, [standing()])
    assert image.shape == (2160, 3840, 3)
    x, y = np.round(px(standing().joints[JOINTS.index("left_elbow")], camera, size)[0]).astype(int)
    assert np.abs(image[y, x].astype(int) - image[y + 300, x]).max() > 10


def test_a_racket_and_a_ball_are_drawn() -> None:
    renderer = Renderer(SIZE, 1)
    with_racket, without = covered(renderer, standing(racket=True)), covered(renderer, standing())
    # Held by the right hand in line with the arm, 0.07 to 0.67 m beyond the wrist; the rim is at its tip.
    tip = np.round(px(np.array([-0.75 - 0.66, 1.42, -9.0]))[0]).astype(int)
    region = np.s_[tip[1] - 3 : tip[1] + 4, tip[0] - 3 : tip[0] + 4]
    assert with_racket[region].max() > 0.4
    assert without[region].max() == 0
    place = np.array([1.2, 2.0, -8.0])
    x, y = np.round(px(place)[0]).astype(int)
    change = renderer.frame(CAMERA, [], place).astype(int) - renderer.frame(CAMERA, [])
    assert np.abs(change[y - 2 : y + 3, x - 2 : x + 3]).max() > 50


def test_a_missing_joint_is_refused() -> None:
    broken = standing()
    broken.joints[3] = np.nan
    with pytest.raises(SettingsError, match="20, 3"):
        Renderer(SIZE, 1).frame(CAMERA, [broken])
    with pytest.raises(SettingsError, match="16 by 16"):
        Renderer((8, 8), 1)


def test_looks_differ_by_seed_and_stay_the_same() -> None:
    assert Look.of(3) == Look.of(3)
    assert len({Look.of(seed).shirt for seed in range(30)}) > 10
    assert {Look.of(seed).skirt for seed in range(30)} == {True, False}


def test_labels_tell_seen_from_hidden_and_from_outside() -> None:
    near, far = standing(z=-8.0), standing(x=0.1, z=-10.5)
    drawn = Renderer(SIZE, 1).draw(CAMERA, [near, far, standing(x=30.0)], depth=True)
    joints = labels(Lens.of(CAMERA, SIZE), [near, far, standing(x=30.0)], drawn)
    assert (joints[0, :, 2] == SEEN).all()
    trunk = COCO17.indices("left_hip", "right_hip", "left_shoulder", "right_shoulder")
    assert (joints[1, trunk, 2] == GUESSED).all()
    assert (joints[2, :, 2] == ABSENT).all()
    np.testing.assert_allclose(joints[0, :, :2], px(near.joints[:17]), atol=1e-3)


def test_labels_of_somebody_seen_from_behind_hide_the_face() -> None:
    camera = looking(np.array([0.0, 1.2, -14.0]), np.array([0.0, 1.0, -9.0]), 280.0, SIZE)
    drawn = Renderer(SIZE, 1).draw(camera, [standing()], depth=True)
    (joints,) = labels(Lens.of(camera, SIZE), [standing()], drawn)
    assert (joints[:3, 2] == GUESSED).all()
    assert (joints[5:, 2] == SEEN).all()


def test_pictures_for_training() -> None:
    take = np.stack([standing().joints[:17], standing(0.4).joints[:17]]).astype(np.float64)
    drawn = list(pictures([take], 4, seed=4, size_wh=SIZE, heights_px=(60, 160)))
    again = list(pictures([take], 4, seed=4, size_wh=SIZE, heights_px=(60, 160)))
    assert len(drawn) == 4
    for one, other in zip(drawn, again, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.joints, other.joints)
        assert one.boxes_xyxy.shape == (len(one.joints), 4)
        assert (one.boxes_xyxy[:, 2:] > one.boxes_xyxy[:, :2]).all()
        for box, joints in zip(one.boxes_xyxy, one.joints, strict=True):
            there = joints[joints[:, 2] != ABSENT, :2]
            assert (there >= box[:2] - 1).all()
            assert (there <= box[2:] + 1).all()
    assert max(len(one.joints) for one in drawn) > 1
    with pytest.raises(SettingsError, match="no take"):
        next(pictures([], 1, seed=0))


@needs(MOVENET, MOCAP)
def test_movenet_finds_the_joints_of_rendered_players() -> None:
    from edgepose_trainer import lifter
    from edgepose_trainer.pose.teacher import movenet
    from edgepose_trainer.render.judging import in_crop, judged

    paths = lifter.takes_in(MOCAP)
    takes = [lifter.load_take(path).coco17[::10] for path in paths[::16]]
    # From anywhere round the court, hidden joints included, behind the net, too; bench/synth.md measures 200.
    drawn = pictures(takes, 50, seed=11, size_wh=(480, 360), people=(1, 1), heights_px=(80, 250))
    told = judged(in_crop(movenet(MOVENET)), drawn)
    assert len(told.score) >= 40
    assert told.score.mean() > 0.5
    assert per_cent(told.right) > 80
    assert per_cent(np.where(told.seen, told.right, np.nan)) > 83
