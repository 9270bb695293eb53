"""Virtual cameras round the court, and what a pose detector would make of their pictures.

World axes are the takes': y up, metres. Camera axes: x right, y down, z away from the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgepose.skeletons import COCO17
from edgepose.types import Float32

Float64 = NDArray[np.float64]
CENTRE_PX = (640.0, 360.0)
"""Principal point of the virtual 1280×720 pictures."""
_HIPS = COCO17.indices("left_hip", "right_hip")
_SHOULDERS = COCO17.indices("left_shoulder", "right_shoulder")
_PARTS = tuple(
    COCO17.indices(*names)
    for names in (
        ("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
        ("left_elbow", "left_wrist"), ("right_elbow", "right_wrist"),
        ("left_knee", "left_ankle"), ("right_knee", "right_ankle"),
        ("left_knee", "right_knee", "left_ankle", "right_ankle"), ("left_hip", "right_hip"),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cameras:
    """N pinhole cameras without distortion."""

    rotation: Float64
    """(N, 3, 3) world -> camera."""
    position: Float64
    """(N, 3) metres, world."""
    focal_px: Float64
    """(N,)."""

    def into(self, points: Float64) -> Float64:
        """(N, ..., 3) world -> camera axes, one camera for each of the N."""
        flat = points.reshape(len(points), -1, 3) - self.position[:, None]
        return (flat @ self.rotation.transpose(0, 2, 1)).reshape(points.shape)

    def project(self, points: Float64) -> Float64:
        """(N, ..., 3) camera axes, in front of the camera -> (N, ..., 2) px."""
        focal = self.focal_px.reshape(-1, *(1,) * (points.ndim - 1))
        projected: Float64 = points[..., :2] / points[..., 2:] * focal + np.array(CENTRE_PX)
        return projected


def looking_at(position: Float64, target: Float64, focal_px: Float64, roll_rad: Float64) -> Cameras:
    """(N, 3) places and targets -> upright cameras, then rolled by (N,) about the line of sight."""
    z = target - position
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    x = np.cross(z, np.array([0.0, 1.0, 0.0]))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    y = np.cross(z, x)
    cos, sin = np.cos(roll_rad)[:, None], np.sin(roll_rad)[:, None]
    rotation = np.stack([cos * x + sin * y, cos * y - sin * x, z], axis=1)
    return Cameras(rotation, position, focal_px)


def court_cameras(rng: np.random.Generator, players: Float64) -> Cameras:
    """One random camera for each of the (N, 3) players: any azimuth, 4-25 m away, 0.5-6 m high.

    Opening angle 25-80°, roll within 3°, the player anywhere in the inner half of the picture.
    """
    count = len(players)
    azimuth = rng.uniform(0, 2 * np.pi, count)
    distance = np.exp(rng.uniform(np.log(4), np.log(25), count))
    height = np.exp(rng.uniform(np.log(0.5), np.log(6), count))
    ground = np.sqrt(np.maximum(distance**2 - height**2, 4.0))
    position = np.stack(
        [players[:, 0] + ground * np.cos(azimuth), height, players[:, 2] + ground * np.sin(azimuth)], axis=1
    )
    half_angle = np.radians(rng.uniform(25, 80, count)) / 2
    aside = rng.uniform(-0.5, 0.5, (count, 3)) * (np.tan(half_angle) * distance)[:, None] * (1, 0.56, 1)
    focal_px = CENTRE_PX[0] / np.tan(half_angle)
    return looking_at(position, players + aside, focal_px, rng.normal(0, np.radians(1.5), count))


FACING_FOCAL_PX = 1000.0


def facing(rng: np.random.Generator, players: Float64) -> Cameras:
    """As ``court_cameras``, but turned to the player to within 0.15 m and a few degrees of roll; one focal length."""
    cameras = court_cameras(rng, players)
    count = len(players)
    target = players + rng.normal(0, 0.15, (count, 3))
    focal_px = np.full(count, FACING_FOCAL_PX)
    return looking_at(cameras.position, target, focal_px, rng.normal(0, np.radians(2.5), count))


@dataclass(frozen=True, slots=True)
class Detector:
    """What a pose detector does to exact 2D; the defaults are issue 6's detector-like noise."""

    sigma: float = 0.025
    """Of a joint, in torso lengths."""
    missing: float = 0.05
    swaps: float = 0.01
    """Share of samples with left and right exchanged."""
    hidden: float = 0.0
    """Share of windows without their face, an arm, a leg, both legs or the hips (each)."""


EXACT = Detector(0.0, 0.0, 0.0)


def detected(points_px: Float64, detector: Detector, rng: np.random.Generator) -> Float32:
    """(N, T, 17, 2) exact px -> (N, T, 17, 3) keypoints with errors, gaps and confidence.

    Errors are correlated in time (0.5-0.9 from sample to sample); confidence falls with the error.
    """
    count, frames, joints, _ = points_px.shape
    torso = np.hypot(*np.moveaxis(points_px[:, :, _SHOULDERS].mean(2) - points_px[:, :, _HIPS].mean(2), -1, 0))
    keypoints = np.ones((count, frames, joints, 3), np.float32)
    keypoints[..., :2] = points_px
    if detector.sigma > 0:
        error = _correlated(rng, (count, frames, joints, 2))
        keypoints[..., :2] += detector.sigma * np.nanmedian(torso, axis=1)[:, None, None, None] * error
        doubt = 0.12 * np.hypot(error[..., 0], error[..., 1]) + np.abs(rng.normal(0, 0.1, error.shape[:3]))
        keypoints[..., 2] = np.clip(1 - doubt, 0.05, 1) * rng.uniform(0.5, 1, (count, 1, 1))
    if detector.swaps > 0:
        swapped = rng.random((count, frames)) < detector.swaps
        keypoints[swapped] = keypoints[swapped][:, COCO17.mirror]
    gone = rng.random((count, frames, joints)) < detector.missing
    if detector.hidden > 0:
        for part in _PARTS:
            windows = np.flatnonzero(rng.random(count) < detector.hidden)
            gone[windows[:, None], :, part] = True
    keypoints[gone] = (np.nan, np.nan, 0)
    return keypoints


def _correlated(rng: np.random.Generator, shape: tuple[int, int, int, int]) -> Float32:
    """Unit normal noise (N, T, K, 2), each window with its own correlation in time."""
    noise = rng.standard_normal(shape, np.float32)
    keep = rng.uniform(0.5, 0.9, (shape[0], 1, 1)).astype(np.float32)
    fresh = np.sqrt(1 - keep**2)
    for t in range(1, shape[1]):
        noise[:, t] = keep * noise[:, t - 1] + fresh * noise[:, t]
    return noise
