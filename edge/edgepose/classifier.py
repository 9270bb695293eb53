"""Strokes: Window -> Scores with LightGBM; left-handers are seen in the mirror (contracts §6)."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose import card as cards
from edgepose.card import Card, WindowSpec
from edgepose.errors import ModelError
from edgepose.features import extractor, mirror, names
from edgepose.runtimes.lightgbm import LightGbmRuntime
from edgepose.skeletons import named
from edgepose.types import Float32, Handedness, Scores, Window

_MOST_TRACKS = 256
_MEMORY = 0.995
"""Evidence for a hand counts half after 140 clear windows (some ten strokes): an early error is overcome, and nothing
is forgotten while the player only walks about."""
_SLOPE, _PRIOR = 0.05, 0.25
"""Log odds of right: slope · evidence + prior. Measured by `bench/strokes.py hands`."""


class StrokeClassifier:
    """One camera's classifier: it remembers which hand each track seems to play with."""

    def __init__(self, folder: Path) -> None:
        """Loads card and weights; raises ModelError with expected and got when they do not fit together."""
        self.card = cards.load(folder)
        spec, feature_set, idle = _checked(self.card, folder)
        skeleton = named(self.card.skeleton)
        self.labels = tuple(self.card.labels)
        self._skeleton = skeleton
        self._shape = (spec.frames, len(skeleton), 3)
        self._idle = self.labels.index(idle)
        self._extract = extractor(feature_set, skeleton)
        self._booster = LightGbmRuntime(folder / self.card.files[0].path)
        expected = len(names(feature_set, spec.frames)), len(self.labels)
        got = self._booster.features, self._booster.labels
        if got != expected:
            raise ModelError(
                f"{folder}: expected {expected[0]} features ({feature_set}) and {expected[1]} labels (card), "
                f"got {got[0]} and {got[1]} from the weights"
            )
        self._temperature = self.card.temperature
        self._evidence: OrderedDict[int, float] = OrderedDict()

    def scores(
        self,
        windows: Sequence[Window],
        handedness: Callable[[int], Handedness | None] | Mapping[int, Handedness | None],
    ) -> list[Scores]:
        """Probabilities of each window, per track in time order.

        ``handedness`` says which hand a track plays with. Where it says None both views are scored and
        mixed by the odds that the track's windows have given so far; the likelier hand is reported.
        Raises ValueError for windows of another shape.
        """
        if not windows:
            return []
        known = handedness.get if isinstance(handedness, Mapping) else handedness
        hands = [known(window.track) for window in windows]
        keypoints = self._stack(windows)
        plain = [i for i, hand in enumerate(hands) if hand != "left"]
        mirrored = [i for i, hand in enumerate(hands) if hand != "right"]
        views = keypoints[plain]
        if mirrored:
            views = np.concatenate([views, mirror(keypoints[mirrored], self._skeleton)])
        scored = self._booster.predict(self._extract(views))
        right = dict(zip(plain, scored, strict=False))
        left = dict(zip(mirrored, scored[len(plain) :], strict=True))
        return [self._one(window, hands[i], right.get(i), left.get(i)) for i, window in enumerate(windows)]

    def _one(
        self,
        window: Window,
        hand: Handedness | None,
        right: NDArray[np.float64] | None,
        left: NDArray[np.float64] | None,
    ) -> Scores:
        if right is not None and left is not None:
            odds = self._odds(window.track, right, left)
            weight = 1.0 / (1.0 + math.exp(-odds))
            mixed = self._calibrated(weight * right + (1.0 - weight) * left)
            return Scores(window, mixed, "right" if odds >= 0 else "left", max(weight, 1.0 - weight))
        chosen = right if right is not None else left
        assert chosen is not None
        return Scores(window, self._calibrated(chosen), hand)

    def _calibrated(self, probabilities: NDArray[np.float64]) -> Float32:
        if self._temperature is not None:
            probabilities = tempered(probabilities, self._temperature)
        return probabilities.astype(np.float32)

    def _odds(self, track: int, right: NDArray[np.float64], left: NDArray[np.float64]) -> float:
        """Log odds that the track plays right-handed, with what this window adds."""
        clear = _clarity(right, self._idle), _clarity(left, self._idle)
        before = math.pow(_MEMORY, max(clear)) * self._evidence.pop(track, 0.0)
        self._evidence[track] = evidence = before + clear[0] - clear[1]
        if len(self._evidence) > _MOST_TRACKS:
            self._evidence.popitem(last=False)
        return _SLOPE * evidence + _PRIOR

    def _stack(self, windows: Sequence[Window]) -> Float32:
        for window in windows:
            if window.keypoints.shape != self._shape:
                raise ValueError(f"expected a window {self._shape}, got {window.keypoints.shape}")
        return np.stack([window.keypoints for window in windows])


def tempered(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """(..., L) -> softmax(log p / temperature): above 1 less sure, the order stays (Guo et al. 2017)."""
    sharpened = np.power(probabilities, 1.0 / temperature)
    return np.asarray(sharpened / sharpened.sum(axis=-1, keepdims=True), np.float64)


def _clarity(probabilities: NDArray[np.float64], idle: int) -> float:
    """0..1: how clearly one stroke shows, the sum of the squared probabilities of the strokes."""
    return float(probabilities @ probabilities - probabilities[idle] ** 2)


def _checked(card: Card, folder: Path) -> tuple[WindowSpec, str, str]:
    if card.task != "strokes" or card.runtime != "lightgbm":
        raise ModelError(f"{folder}: expected task strokes on lightgbm, got {card.task} on {card.runtime}")
    if card.window is None or card.features is None or card.idle is None:
        raise ModelError(f"{folder}: the card of a strokes model needs window, features and idle")
    if card.idle not in card.labels:
        raise ModelError(f"{folder}: idle label {card.idle!r} is not among {', '.join(card.labels)}")
    return card.window, card.features, card.idle
