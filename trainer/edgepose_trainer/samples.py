"""Recordings -> labelled windows -> features, with copies that look through worse cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgepose.card import WindowSpec
from edgepose.features import features, names
from edgepose.skeletons import COCO17
from edgepose.types import Float32, Handedness
from edgepose.window import Batch, windows_of
from edgepose_trainer import peaks
from edgepose_trainer.recordings import IDLE, UNSURE, Recording

_BATCH = 4096
_FASTER = 1.15
"""A player whose hand nobody told is left-handed when that wrist is so much faster."""
_IDLE_MORE = 4
_HEAD = slice(0, 5)
_HIPS = COCO17.indices("left_hip", "right_hip")
_SHOULDERS = COCO17.indices("left_shoulder", "right_shoulder")


@dataclass(frozen=True)
class Samples:
    """Windows of several recordings: where they lie. Their keypoints are cut when they are asked for."""

    recordings: Sequence[Recording]
    """Right-handed."""
    spec: WindowSpec
    hop_s: Mapping[str, float]
    recording: NDArray[np.intp]
    """(N,) index into the recordings."""
    number: NDArray[np.intp]
    """(N,) which of its recording's windows."""
    labels: NDArray[np.str_]
    """(N,) the label at the window's centre."""
    centre_s: NDArray[np.float64]
    """(N,)"""

    @property
    def keypoints(self) -> Float32:
        """(N, T, 17, 3), right-handed; computed anew at every call: 3 kB a window, so take few of many."""
        out = np.empty((len(self), self.spec.frames, len(COCO17), 3), np.float32)
        order = np.argsort(self.recording, kind="stable")
        edges = np.flatnonzero(np.diff(self.recording[order])) + 1
        for rows in np.split(order, edges) if len(order) else ():
            recording = self.recordings[self.recording[rows[0]]]
            out[rows] = _windows(recording, self.spec, self.hop_s).keypoints[self.number[rows]]
        return out

    @property
    def times_s(self) -> NDArray[np.float64]:
        """(N, T)"""
        middle = (self.spec.frames - 1) / 2
        return self.centre_s[:, None] + (np.arange(self.spec.frames) - middle) / self.spec.rate_hz

    @property
    def groups(self) -> NDArray[np.str_]:
        """(N,)"""
        return np.array([r.group for r in self.recordings])[self.recording]

    @property
    def datasets(self) -> NDArray[np.str_]:
        """(N,) the first word of the group."""
        return np.array([r.group.partition("/")[0] for r in self.recordings])[self.recording]

    @property
    def aspect_lost(self) -> NDArray[np.bool_]:
        """(N,)"""
        return np.array([r.aspect_lost for r in self.recordings])[self.recording]

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Samples:
        return replace(
            self, recording=self.recording[which], number=self.number[which], labels=self.labels[which],
            centre_s=self.centre_s[which],
        )  # fmt: skip

    def sure(self) -> Samples:
        """Without the windows centred where the label is doubtful."""
        return self.take(self.labels != UNSURE)

    def __len__(self) -> int:
        return len(self.labels)


def cut(recordings: Sequence[Recording], spec: WindowSpec, hop_s: Mapping[str, float] | None = None) -> Samples:
    """A window round every frame of every recording, left-handers mirrored.

    ``hop_s``: data sets that give a window only every so many seconds.
    """
    right = [replace(one, handedness=hand_of(one)).right_handed() for one in recordings]
    centres = [_windows(one, spec, hop_s or {}).centre for one in right]
    counts = [len(centre) for centre in centres]
    return Samples(
        right, spec, hop_s or {},
        recording=np.repeat(np.arange(len(right)), counts),
        number=np.concatenate([np.arange(count) for count in counts]),
        labels=np.concatenate([one.labels[centre] for one, centre in zip(right, centres, strict=True)]),
        centre_s=np.concatenate([one.times_s[centre] for one, centre in zip(right, centres, strict=True)]),
    )  # fmt: skip


def _windows(recording: Recording, spec: WindowSpec, hop_s: Mapping[str, float]) -> Batch:
    return windows_of(recording.times_s, recording.keypoints, spec, hop_s.get(recording.dataset, 0.0))


def hand_of(recording: Recording) -> Handedness:
    """The hand that was told, else that of the clearly faster wrist."""
    if recording.handedness is not None:
        return recording.handedness
    points = recording.keypoints[..., :2].astype(np.float64)
    left, right = (
        float(np.nan_to_num(peaks.wrist_speed(recording.times_s, points, side)).max(initial=0.0))
        for side in ("left", "right")
    )
    return "left" if left > _FASTER * right else "right"


def thin(samples: Samples, most: int, rng: np.random.Generator) -> Samples:
    """At most so many windows of a label of a data set, four times as many of idle, drawn evenly."""
    datasets = samples.datasets
    kept = []
    for dataset in sorted(set(datasets.tolist())):
        for label in sorted(set(samples.labels[datasets == dataset].tolist())):
            rows = np.flatnonzero((datasets == dataset) & (samples.labels == label))
            limit = most * (_IDLE_MORE if label == IDLE else 1)
            kept.append(rng.choice(rows, limit, replace=False) if len(rows) > limit else rows)
    rows = np.sort(np.concatenate(kept))
    return samples if len(rows) == len(samples) else samples.take(rows)  # no copy of millions of labels


@dataclass(frozen=True)
class Worse:
    """How a copy differs from the original window."""

    noise: float = 0.012
    """Standard deviation of jitter, in heights of the window's joints."""
    joint_gone: float = 0.08
    """Chance that a joint is missing throughout."""
    sample_gone: float = 0.05
    """Chance that a joint is missing in one sample."""
    head_gone: float = 0.3
    """Chance that the whole head is missing throughout."""
    aspect: float = 0.15
    """Standard deviation of ln(x stretch)."""
    tilt_deg: float = 6.0
    joint_off: float = 0.0
    """Standard deviation of a joint's error that lasts: detectors disagree where a joint is. In heights, as jitter."""
    hips_up: float = 0.0
    """Standard deviation of how much longer or shorter the trunk is to another detector, as a share of it."""
    hips_wide: float = 0.0
    """Standard deviation of how much further apart the hips are, as a share of their distance."""


def worsen(keypoints: Float32, worse: Worse, rng: np.random.Generator) -> Float32:
    """(N, T, K, 3) -> a copy with misplaced and missing joints, jitter, another aspect and a tilted camera."""
    count, frames, joints, _ = keypoints.shape
    points = _misplaced(keypoints[..., :2].copy(), worse, rng)
    stretch = np.exp(rng.normal(0, worse.aspect, count)).astype(np.float32)
    points[..., 0] *= stretch[:, None, None]
    tilt = np.radians(rng.normal(0, worse.tilt_deg, count)).astype(np.float32)
    cos, sin = np.cos(tilt)[:, None, None], np.sin(tilt)[:, None, None]
    x, y = points[..., 0] * cos - points[..., 1] * sin, points[..., 0] * sin + points[..., 1] * cos
    points = np.stack([x, y], axis=-1)
    height = np.fmax.reduce(y, axis=(1, 2)) - np.fmin.reduce(y, axis=(1, 2))
    jitter = rng.standard_normal(points.shape, dtype=np.float32) * np.float32(worse.noise)
    points += jitter * height[:, None, None, None]
    gone = rng.random((count, 1, joints)) < worse.joint_gone
    gone = gone | (rng.random((count, frames, joints)) < worse.sample_gone)
    gone[:, :, _HEAD] |= rng.random((count, 1, 1)) < worse.head_gone
    out = np.concatenate([points, keypoints[..., 2:]], axis=-1)
    out[gone] = (np.nan, np.nan, 0)
    return out


def _misplaced(points: Float32, worse: Worse, rng: np.random.Generator) -> Float32:
    """(N, T, K, 2) changed in place as another detector would put the joints, the same throughout a window."""
    count = len(points)
    if worse.joint_off > 0:
        height = np.fmax.reduce(points[..., 1], axis=(1, 2)) - np.fmin.reduce(points[..., 1], axis=(1, 2))
        off = rng.standard_normal((count, 1, points.shape[2], 2), dtype=np.float32) * np.float32(worse.joint_off)
        points += off * height[:, None, None, None]
    if worse.hips_up > 0 or worse.hips_wide > 0:
        up = rng.normal(0, worse.hips_up, (count, 1, 1, 1)).astype(np.float32)
        wide = rng.normal(0, worse.hips_wide, (count, 1, 1, 1)).astype(np.float32)
        hips = points[:, :, _HIPS]
        middle = hips.mean(axis=2, keepdims=True)
        shoulders = points[:, :, _SHOULDERS].mean(axis=2, keepdims=True)
        # Where a shoulder is unknown there is no trunk to be longer along.
        trunk = np.where(np.isnan(shoulders), np.float32(0), middle - shoulders)
        points[:, :, _HIPS] = hips + up * trunk + wide * np.where(np.isnan(middle), np.float32(0), hips - middle)
    return points


def restore_aspect(samples: Samples, rng: np.random.Generator, low: float = 0.3, high: float = 0.75) -> Float32:
    """Keypoints with a likely width given back to boxes that were squeezed into the unit square."""
    keypoints = samples.keypoints
    keypoints[..., 0] *= likely_widths(samples, rng, low, high)[:, None, None]
    return keypoints


def likely_widths(samples: Samples, rng: np.random.Generator, low: float = 0.3, high: float = 0.75) -> Float32:
    """(N,) what ``restore_aspect`` stretches x by."""
    width = rng.uniform(low, high, len(samples)).astype(np.float32)
    return np.where(samples.aspect_lost, width, np.float32(1))


def featurise(keypoints: Float32, feature_set: str, out: Float32 | None = None) -> Float32:
    """(N, T, 17, 3) -> (N, D), into ``out`` where given, in batches that stay in the cache."""
    if out is None:
        out = np.empty((len(keypoints), len(names(feature_set, keypoints.shape[1]))), np.float32)
    for start in range(0, len(keypoints), _BATCH):
        part = slice(start, start + _BATCH)
        out[part] = features(keypoints[part], feature_set, COCO17)
    return out
