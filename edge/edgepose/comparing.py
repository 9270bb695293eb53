"""Compares what was found in a video with the known truth: strokes, 2D, 3D.

Truth is a recorded session that was made, not filmed (`edgepose synth`): its poses and labels are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgepose.geometry import box_iou
from edgepose.session import Label, Poses, Poses3D
from edgepose.skeletons import COCO17, named
from edgepose.types import Float32

NEAR_S = 10 / 30
"""A stroke is found by an event so near to its peak: ten frames of 30 a second."""
SAME_PERSON_IOU = 0.3
"""Boxes that overlap less are not of the same person."""
NOBODY = -1
_LIMBS = tuple(
    f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
)
"""The joints by which 3D is judged (contracts §7)."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event: what was told, when, of whom."""

    peak_s: float
    label: str
    score: float
    player: int
    """The true player's track; NOBODY: of no player."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A true stroke and what was told of it."""

    truth: Label
    told: Told | None

    @property
    def peak_s(self) -> float:
        """A label's middle."""
        return (self.truth.start_s + self.truth.end_s) / 2

    @property
    def verdict(self) -> str:
        """right, wrong or missed."""
        return "missed" if self.told is None else "right" if self.told.label == self.truth.label else "wrong"


@dataclass(frozen=True, slots=True)
class Strokes:
    """All true strokes, and the events that were none."""

    judged: tuple[Judged, ...]
    false: tuple[Told, ...]

    def count(self, verdict: str) -> int:
        """Of right, wrong or missed ones."""
        return sum(one.verdict == verdict for one in self.judged)

    def __str__(self) -> str:
        right, wrong, missed = (self.count(verdict) for verdict in ("right", "wrong", "missed"))
        total = f"{right} of {len(self.judged)} strokes found with the right label"
        return f"{total}, {wrong} wrong label, {missed} missed, {len(self.false)} false"


@dataclass(frozen=True, slots=True)
class Seen:
    """How well the people of a video were seen."""

    players: Mapping[int, int]
    """Track that was found -> true track."""
    found: float
    """Share of all people in all frames who were found."""
    error: float
    """Mean distance of their joints from the true ones, in torso lengths; NaN when nobody was found."""


def strokes(events: Iterable[Mapping[str, Any]], labels: Sequence[Label], players: Mapping[int, int]) -> Strokes:
    """Each true stroke with the nearest event of its player within ``NEAR_S``; an event counts once.

    ``events``: as they come over MQTT. ``players``: true track of every track that was found.
    """
    left = [
        Told(event["media"]["peak_s"], event["label"], event["score"], players.get(event["track"], NOBODY))
        for event in events
    ]
    judged = []
    for label in sorted(labels, key=lambda label: label.start_s):
        middle_s = (label.start_s + label.end_s) / 2
        near = [told for told in left if abs(told.peak_s - middle_s) <= NEAR_S and label.track in (None, told.player)]
        told = min(near, key=lambda told: abs(told.peak_s - middle_s), default=None)
        if told is not None:
            left.remove(told)
        judged.append(Judged(label, told))
    return Strokes(tuple(judged), tuple(left))


def seen(found: Poses, truth: Poses) -> Seen:
    """2D of coco17; people are the same whose boxes overlap best in their frame.

    A torso reaches from the middle of the shoulders to the middle of the hips, in its own frame. Joints out of the
    picture do not count; those behind the own body or somebody else do.
    """
    rows = _same_people(found, truth)
    paired = np.flatnonzero(rows >= 0)
    true = truth.keypoints[rows[paired]].astype(np.float64)
    away = np.linalg.norm(found.keypoints[paired, :, :2] - true[..., :2], axis=2) / _torsos(true)[:, None]
    away = away[(true[..., 2] > 0) & np.isfinite(away)]
    return Seen(
        _players(found.track[paired], truth.track[rows[paired]]),
        len(paired) / max(len(truth.frame), 1),
        float(away.mean()) if len(away) else float("nan"),
    )


def n_mpjpe(found: Poses3D, truth: Poses3D, players: Mapping[int, int]) -> float:
    """Metres: mean distance of the 12 limb joints from the true ones, origins at mid-hips, each pose at its best scale.

    Rhodin et al., CVPR 2018; NaN when nobody was lifted.
    """
    row_of = {
        (int(frame), int(track)): row for row, (frame, track) in enumerate(zip(truth.frame, truth.track, strict=True))
    }
    rows = np.array(
        [
            row_of.get((int(frame), players.get(int(track), NOBODY)), -1)
            for frame, track in zip(found.frame, found.track, strict=True)
        ],
        np.intp,
    )
    told, true = _limbs(found, rows >= 0), _limbs(truth, rows[rows >= 0])
    whole = np.isfinite(told).all(axis=(1, 2)) & np.isfinite(true).all(axis=(1, 2))
    told, true = told[whole], true[whole]
    if not len(told):
        return float("nan")
    scale = (told * true).sum(axis=(1, 2)) / (told * told).sum(axis=(1, 2))
    return float(np.linalg.norm(scale[:, None, None] * told - true, axis=2).mean())


def _same_people(found: Poses, truth: Poses) -> NDArray[np.intp]:
    """(N,) row of the truth for every row found, -1: nobody's; in each frame the best overlaps first."""
    rows = np.full(len(found.frame), -1, np.intp)
    true_rows = {int(frame): np.flatnonzero(truth.frame == frame) for frame in np.unique(truth.frame)}
    boxes = _boxes(found)
    true_boxes = _boxes(truth)
    for frame in np.unique(found.frame).tolist():
        ours, theirs = np.flatnonzero(found.frame == frame), true_rows.get(frame, np.zeros(0, np.intp))
        overlap = box_iou(boxes[ours], true_boxes[theirs])
        while overlap.size and overlap.max() >= SAME_PERSON_IOU:
            a, b = np.unravel_index(int(overlap.argmax()), overlap.shape)
            rows[ours[a]] = theirs[b]
            overlap[a], overlap[:, b] = 0, 0
    return rows


def _boxes(poses: Poses) -> Float32:
    """(N, 4) px round the joints: networks draw boxes each in their own way."""
    known = np.where(poses.keypoints[..., 2:] > 0, poses.keypoints[..., :2], np.nan)
    corners = np.concatenate([np.fmin.reduce(known, axis=1), np.fmax.reduce(known, axis=1)], axis=1)
    return np.asarray(np.nan_to_num(corners), np.float32)


def _players(tracks: NDArray[np.int32], true_tracks: NDArray[np.int32]) -> dict[int, int]:
    """Who each track was most of the time."""
    players = {}
    for track in np.unique(tracks[tracks >= 0]).tolist():
        who, often = np.unique(true_tracks[tracks == track], return_counts=True)
        players[track] = int(who[often.argmax()])
    return players


def _torsos(keypoints: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) px; NaN where a shoulder or hip is unknown."""
    ends = (keypoints[:, COCO17.indices(f"left_{joint}", f"right_{joint}"), :2] for joint in ("shoulder", "hip"))
    top, bottom = (points.mean(axis=1) for points in ends)
    return np.asarray(np.linalg.norm(top - bottom, axis=1))


def _limbs(poses: Poses3D, rows: NDArray[Any]) -> NDArray[np.float64]:
    """(n, 12, 3) metres, origin at mid-hips."""
    points = poses.keypoints[rows][:, named(poses.skeleton).indices(*_LIMBS)].astype(np.float64)
    hips = [_LIMBS.index(f"{side}_hip") for side in ("left", "right")]
    return np.asarray(points - points[:, hips].mean(axis=1, keepdims=True))
