"""The test picture: a drawn figure on a court. A network trained on photographs may not see it."""

from __future__ import annotations

import cv2
import numpy as np

from edgepose.types import Float32, Image

WIDTH, HEIGHT = 640, 480
_HEAD_PX = 44.0
_JOINTS = {
    "head": (320, 92), "neck": (320, 128), "left_shoulder": (360, 142), "right_shoulder": (280, 142),
    "left_elbow": (392, 202), "right_elbow": (250, 204), "left_wrist": (404, 262), "right_wrist": (238, 262),
    "left_hip": (346, 262), "right_hip": (294, 262), "left_knee": (354, 342), "right_knee": (288, 342),
    "left_ankle": (362, 420), "right_ankle": (280, 420), "left_toe": (378, 432), "right_toe": (264, 432),
}  # fmt: skip
_SKIN, _SHIRT, _SHORTS, _SHOES, _HAIR = (132, 164, 214), (178, 92, 48), (62, 54, 52), (238, 238, 238), (38, 48, 62)
# From, to, widths in px at both ends, colour: what lies behind comes first.
_PARTS = (
    ("left_hip", "left_knee", 40, 30, _SKIN), ("right_hip", "right_knee", 40, 30, _SKIN),
    ("left_knee", "left_ankle", 29, 17, _SKIN), ("right_knee", "right_ankle", 29, 17, _SKIN),
    ("left_ankle", "left_toe", 20, 17, _SHOES), ("right_ankle", "right_toe", 20, 17, _SHOES),
    ("head", "neck", 24, 26, _SKIN),
    ("left_elbow", "left_wrist", 20, 14, _SKIN), ("right_elbow", "right_wrist", 20, 14, _SKIN),
    ("left_shoulder", "left_elbow", 28, 21, _SHIRT), ("right_shoulder", "right_elbow", 28, 21, _SHIRT),
)  # fmt: skip


def picture() -> Image:
    """(480, 640, 3) BGR; the same on every machine."""
    image = _court()
    for start, end, first, last, colour in _PARTS:
        _tapered(image, _JOINTS[start], _JOINTS[end], first, last, colour)
    _torso(image)
    for wrist in ("left_wrist", "right_wrist"):
        _disc(image, _JOINTS[wrist], 10, _SKIN)
    _head(image)
    return np.asarray(cv2.GaussianBlur(image, (3, 3), 0), np.uint8)


def box_xyxy() -> Float32:
    """(4,) px of the picture: the whole figure."""
    points = np.array(list(_JOINTS.values()), np.float32)
    low, high = points.min(axis=0) - 20, points.max(axis=0) + 12
    return np.array([low[0], points[0, 1] - _HEAD_PX, high[0], high[1]], np.float32)


def _court() -> Image:
    shade = np.linspace(0.75, 1.05, HEIGHT)[:, None, None]
    ground = np.where(np.arange(HEIGHT)[:, None, None] < 190, (168, 150, 120), (96, 128, 92))
    image = np.clip(ground * shade * np.ones((1, WIDTH, 1)), 0, 255).astype(np.uint8)
    cv2.line(image, (0, 400), (WIDTH, 400), (226, 230, 228), 5, cv2.LINE_AA)
    cv2.ellipse(image, (322, 434), (96, 11), 0, 0, 360, (66, 92, 64), -1, cv2.LINE_AA)
    return image


def _tapered(
    image: Image, start: tuple[int, int], end: tuple[int, int], first: int, last: int, colour: tuple[int, int, int]
) -> None:
    """A limb: round ends, darker along one side, as light from the left makes it."""
    a, b = np.array(start, float), np.array(end, float)
    across = np.array([a[1] - b[1], b[0] - a[0]]) / max(float(np.hypot(*(b - a))), 1.0) / 2
    corners = np.array([a + across * first, b + across * last, b - across * last, a - across * first])
    cv2.fillConvexPoly(image, np.round(corners).astype(np.int32), colour, cv2.LINE_AA)
    _disc(image, start, first // 2, colour)
    _disc(image, end, last // 2, colour)
    dark = tuple(int(0.82 * value) for value in colour)
    side = across * (1 if across[0] > 0 else -1) * 0.55
    upper, lower = (np.round(point).astype(int).tolist() for point in (a + side * first, b + side * last))
    cv2.line(image, upper, lower, dark, max(last // 4, 2), cv2.LINE_AA)


def _torso(image: Image) -> None:
    names = ("right_shoulder", "left_shoulder", "left_hip", "right_hip")
    middle = np.mean([_JOINTS[name] for name in names], axis=0)
    outline = np.array([np.array(_JOINTS[name]) + np.sign(np.array(_JOINTS[name]) - middle) * 9 for name in names])
    cv2.fillConvexPoly(image, np.round(outline).astype(np.int32), _SHIRT, cv2.LINE_AA)
    (x, y), (x2, _) = _JOINTS["right_hip"], _JOINTS["left_hip"]
    cv2.rectangle(image, (x - 14, y - 18), (x2 + 14, y + 12), _SHORTS, -1)
    for hip, knee in (("left_hip", "left_knee"), ("right_hip", "right_knee")):
        half = tuple(int(value) for value in np.mean([_JOINTS[hip], _JOINTS[hip], _JOINTS[knee]], axis=0))
        _tapered(image, _JOINTS[hip], (half[0], half[1] + 8), 44, 40, _SHORTS)


def _head(image: Image) -> None:
    x, y = _JOINTS["head"]
    cv2.ellipse(image, (x, y - 4), (24, 31), 0, 0, 360, _SKIN, -1, cv2.LINE_AA)
    cv2.ellipse(image, (x, y - 17), (25, 21), 0, 180, 360, _HAIR, -1, cv2.LINE_AA)
    for side in (-1, 1):
        _disc(image, (x + 25 * side, y - 2), 5, _SKIN)
        _disc(image, (x + 9 * side, y - 6), 3, (40, 40, 40))
    cv2.line(image, (x, y - 2), (x - 1, y + 6), (104, 134, 182), 2, cv2.LINE_AA)
    cv2.ellipse(image, (x, y + 13), (8, 4), 0, 0, 180, (86, 92, 168), 2, cv2.LINE_AA)


def _disc(image: Image, centre: tuple[int, int], radius: int, colour: tuple[int, int, int]) -> None:
    cv2.circle(image, centre, radius, colour, -1, cv2.LINE_AA)
