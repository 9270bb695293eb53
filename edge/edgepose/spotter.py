"""Spotter: class probabilities over time -> exactly one Stroke per stroke.

The evidence is 1 - p(idle). A swing begins where it rises above ``enter`` and ends where it falls below
``leave`` (hysteresis) or where the scores stop. Two swings whose peaks are nearer than ``refractory_s``
are one stroke. The stroke's label is the one with the most summed probability; its score is the mean of
that label's three best windows, and below ``abstain`` nothing is reported.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgepose.card import SpotterSpec
from edgepose.types import Float32, Scores, Stroke

LONGEST_S = 3.0
"""A swing that lasts longer is decided anyway; the next one must begin below ``leave``."""
_BEST = 3
_SAME_PLACE = 0.5
"""Two tracks this near together, in body heights, are one person whose id was renewed."""


class Spotter:
    """All tracks of one camera. Delay after a stroke's peak: at most its end or ``refractory_s``."""

    def __init__(self, labels: Sequence[str], idle: str, spec: SpotterSpec) -> None:
        """``labels`` in the order of the probabilities; raises ValueError when ``idle`` is not among them."""
        self._labels = tuple(labels)
        self._idle = self._labels.index(idle)
        self._spec = spec
        self._tracks: dict[int, _Track] = {}
        self._told: deque[_Place] = deque(maxlen=64)

    def add(self, scores: Sequence[Scores]) -> list[Stroke]:
        """Scores per track in time order -> the strokes that are decided now."""
        strokes: list[Stroke] = []
        for score in scores:
            track = self._tracks.setdefault(score.window.track, _Track())
            strokes += self._step(track, score)
        if scores:
            newest_s = max(score.window.centre_s for score in scores)
            for track_id, track in list(self._tracks.items()):
                # Other people's windows tell the time for those who are out of sight.
                if newest_s - track.newest_s > self._spec.refractory_s:
                    strokes += self._finish(track)
                    del self._tracks[track_id]
        return strokes

    def end(self, track: int) -> list[Stroke]:
        """The track will not come back: what it was doing is decided."""
        ended = self._tracks.pop(track, None)
        return self._finish(ended) if ended else []

    def flush(self) -> list[Stroke]:
        """The end of the stream."""
        strokes = [stroke for track in self._tracks.values() for stroke in self._finish(track)]
        self._tracks.clear()
        return sorted(strokes, key=lambda stroke: stroke.peak_s)

    def _step(self, track: _Track, score: Scores) -> list[Stroke]:
        now_s = score.window.centre_s
        over: list[_Swing] = []
        if now_s - track.newest_s > self._spec.refractory_s or now_s < track.newest_s:
            over += self._drain(track)
        track.newest_s = now_s
        evidence = 1.0 - float(score.probabilities[self._idle])
        if evidence < self._spec.leave:
            track.blocked = False
            over += self._close(track)
        elif not track.blocked and (track.swing is not None or evidence >= self._spec.enter):
            track.swing = track.swing or _Swing()
            track.swing.add(score, now_s, evidence)
            if track.swing.length_s > LONGEST_S:
                track.blocked = True
                over += self._close(track)
        if track.waiting and not track.swing and now_s - track.waiting.peak_s >= self._spec.refractory_s:
            over.append(track.waiting)
            track.waiting = None
        return self._strokes(over)

    def _close(self, track: _Track) -> list[_Swing]:
        """The swing is over: it joins one that waits when their peaks are near, else it waits itself."""
        swing, track.swing = track.swing, None
        if swing is None or swing.length_s < self._spec.min_length_s:
            return []
        swing.settle()
        before = track.waiting
        if before and swing.peak_s - before.peak_s < self._spec.refractory_s:
            before.join(swing)
            return []
        track.waiting = swing
        return [before] if before else []

    def _drain(self, track: _Track) -> list[_Swing]:
        over = self._close(track)
        if track.waiting:
            over.append(track.waiting)
        track.waiting, track.blocked = None, False
        return over

    def _finish(self, track: _Track) -> list[Stroke]:
        return self._strokes(self._drain(track))

    def _strokes(self, swings: list[_Swing]) -> list[Stroke]:
        told = (self._stroke(swing) for swing in swings)
        return [stroke for stroke in told if stroke is not None]

    def _stroke(self, swing: _Swing) -> Stroke | None:
        """None when the label is too weak, or another id of the same person told this stroke already."""
        probabilities = np.stack([score.probabilities for score in swing.scores]).astype(np.float64)
        total = probabilities.sum(axis=0)
        total[self._idle] = -1.0
        label = int(np.argmax(total))
        best = np.sort(probabilities[:, label])[-_BEST:]
        if best.mean() < self._spec.abstain:
            return None
        times_s = np.array(swing.times_s)
        peak_s = _centre(times_s, probabilities[:, label])
        peak = swing.scores[int(np.argmin(np.abs(times_s - peak_s)))]
        place = _Place.of(peak, peak_s, swing.times_s[0], swing.times_s[-1])
        if any(place.repeats(told, self._spec.refractory_s) for told in self._told):
            return None
        self._told.append(place)
        mean = probabilities.mean(axis=0)
        last = swing.scores[-1]  # knows the track best
        return Stroke(
            label=self._labels[label],
            score=float(best.mean()),
            scores={name: float(p) for name, p in zip(self._labels, mean, strict=True)},
            start_s=place.start_s,
            peak_s=peak_s,
            end_s=place.end_s,
            window=peak.window,
            handedness=last.handedness,
            handedness_confidence=last.handedness_confidence,
        )


@dataclass(slots=True)
class _Swing:
    """Consecutive windows of one stroke."""

    scores: list[Scores] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    evidence: list[float] = field(default_factory=list)
    peak_s: float = np.nan
    """Known once the swing is over."""

    def add(self, score: Scores, time_s: float, evidence: float) -> None:
        self.scores.append(score)
        self.times_s.append(time_s)
        self.evidence.append(evidence)

    def join(self, later: _Swing) -> None:
        self.scores += later.scores
        self.times_s += later.times_s
        self.evidence += later.evidence
        self.settle()

    def settle(self) -> None:
        self.peak_s = _centre(np.array(self.times_s), np.array(self.evidence))

    @property
    def length_s(self) -> float:
        return self.times_s[-1] - self.times_s[0]


@dataclass(slots=True)
class _Track:
    newest_s: float = -np.inf
    swing: _Swing | None = None
    """Going on now."""
    waiting: _Swing | None = None
    """Over, but a second bump of the same stroke may follow."""
    blocked: bool = False
    """Longer than the longest: not before the evidence has fallen."""


@dataclass(slots=True)
class _Place:
    """Who told a stroke, when and where: enough to know it again under another id."""

    track: int
    peak_s: float
    start_s: float
    end_s: float
    body_xy: Float32
    height: float

    @staticmethod
    def of(score: Scores, peak_s: float, start_s: float, end_s: float) -> _Place:
        points = score.window.keypoints[..., :2].reshape(-1, 2)
        points = points[~np.isnan(points[:, 0])]
        if len(points) == 0:
            nowhere = np.full(2, np.nan, np.float32)
            return _Place(score.window.track, peak_s, start_s, end_s, nowhere, 0.0)
        height = float(np.ptp(points[:, 1]))
        return _Place(score.window.track, peak_s, start_s, end_s, np.median(points, axis=0), height)

    def repeats(self, told: _Place, refractory_s: float) -> bool:
        """Another id, peaks too near for two strokes, the same place."""
        if self.track == told.track:
            return abs(self.peak_s - told.peak_s) < refractory_s
        near = float(np.linalg.norm(self.body_xy - told.body_xy)) < _SAME_PLACE * max(self.height, told.height)
        apart = self.start_s >= told.end_s or told.start_s >= self.end_s
        return near and apart and abs(self.peak_s - told.peak_s) < refractory_s


def _centre(times_s: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """The weighted middle in time: steadier on a plateau than the highest window."""
    heavy = weights**2
    return float(np.sum(times_s * heavy) / max(float(np.sum(heavy)), 1e-12))
