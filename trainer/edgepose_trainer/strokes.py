"""``edgepose train strokes``: labelled recordings -> a model folder with honest figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from edgepose import card as cards
from edgepose.card import Card, Figure, SpotterSpec, WindowSpec
from edgepose.errors import SettingsError
from edgepose.features import names
from edgepose_trainer.boosting import Boosting, Fitted, fit
from edgepose_trainer.crossing import Crossed, figures_of, folds_of
from edgepose_trainer.reading import read
from edgepose_trainer.recordings import IDLE, Recording, Source
from edgepose_trainer.samples import Samples, Worse, cut, featurise, likely_widths, restore_aspect, thin, worsen
from edgepose_trainer.spotting import choose

FRAMES = 15
_PART = 20_000
STOP_SHARE = 3
"""Of the limit of windows, for those that say when to stop."""
Say = Callable[[str], object]


@dataclass(frozen=True)
class Preset:
    """What is trained; a new sport needs a new preset or none at all (labels from the data)."""

    name: str
    labels: tuple[str, ...] | None
    """None: those of the data, idle first."""
    limits: str
    features: str = "tennis-1"
    restore_aspect: bool = True
    """Squeezed boxes get a likely width back, so that they may be pooled with true pictures."""
    worse: Worse = field(default_factory=Worse)
    boosting: Boosting = field(default_factory=Boosting)
    hop_s: Mapping[str, float] = field(default_factory=dict)
    """Data sets of which a window every so many seconds is enough."""
    most: int = 1_000_000
    """Windows of one label of one data set that are learnt from; four times as many of idle."""
    folds: int = 4
    spotter: SpotterSpec = field(default_factory=SpotterSpec)
    """Where no folds choose the thresholds."""


PRESETS = MappingProxyType(
    {
        "tennis": Preset(
            "tennis-strokes",
            (
                IDLE,
                "forehand",
                "backhand",
                "forehand_slice",
                "backhand_slice",
                "serve",
                "smash",
                "forehand_volley",
                "backhand_volley",
            ),
            "Slices, smashes and volleys come from a Kinect in a hall and from motion capture seen by virtual "
            "cameras, none from a match: smash and serve, volley and ground stroke are often told for one another, "
            "slices as plain strokes.",
            features="tennis-2",
            boosting=Boosting(rate=0.12, most_rounds=260, features=0.1, rows=0.4),
            hop_s=MappingProxyType({"mocap": 0.18, "thetis": 0.1}),
            most=3000,
            folds=3,
            spotter=SpotterSpec(enter=0.5, leave=0.4, abstain=0.65),
        ),
        "hampen": Preset(
            "hampen-strokes",
            None,
            "One player, one camera; keypoints inside the person box, each axis divided by the box.",
            features="boxed-1",
            boosting=Boosting(rate=0.08, features=0.1, rarest=1.0, patience=60),
            restore_aspect=False,
            worse=replace(Worse(), aspect=0.0, tilt_deg=0.0),
        ),
    }
)


def train(
    data: Sequence[Path] | Sequence[str],
    out: Path,
    preset: str = "tennis",
    rate_hz: float = 15.0,
    seed: int = 1,
    say: Say = print,
    folds: int | None = None,
    engine: Engine | None = None,
) -> Card:
    """Reads, cross-validates by group, fits on everything, writes ``out``.

    ``folds``: None is the preset's number; 0 fits at once, with the preset's number of rounds and thresholds and
    without figures. ``engine``: None is this process's memory.

    Raises SettingsError for data or settings that cannot work. Same data and seed: same weights, byte
    for byte.
    """
    chosen = _preset(preset)
    engine = engine or IN_MEMORY
    sources = engine.read(data)
    recordings = [r for source in sources for r in source.recordings if not r.kept_aside]
    spec = WindowSpec(frames=FRAMES, rate_hz=rate_hz)
    samples = cut(recordings, spec, chosen.hop_s)
    labels = preset_labels(chosen, samples)
    say(f"{len(recordings)} recordings, {len(samples)} windows, labels {', '.join(labels)}")
    chosen = chosen if folds is None else replace(chosen, folds=folds)
    spotter, rounds, figures = chosen.spotter, chosen.boosting.most_rounds, list[Figure]()
    if chosen.folds > 0:
        crossed = cross_validate(recordings, samples, labels, chosen, seed, say, engine)
        spotter = choose(crossed.scored(crossed.dense), labels, crossed.family)
        rounds = int(np.mean([fitted.best for fitted in crossed.fitted]))
        command = f"edgepose train strokes --preset {preset} --rate-hz {rate_hz:g} --seed {seed}"
        figures = figures_of(crossed, f"{command} (cross-validation)", date.today().isoformat())
    fitted = engine.fit_on(samples.sure(), labels, chosen, seed, rounds=rounds)
    out.mkdir(parents=True, exist_ok=True)
    fitted.save(out / "strokes.txt")
    for figure in figures:
        say(f"{figure.name}: {figure.value:.4f} ({figure.data})")
    card = card_of(chosen, labels, spec, spotter, sources, figures, out)
    cards.save(card, out)
    return card


def cross_validate(
    recordings: list[Recording],
    samples: Samples,
    labels: Sequence[str],
    preset: Preset,
    seed: int,
    say: Say,
    engine: Engine | None = None,
) -> Crossed:
    """One booster per fold of held-out groups, with its scores for them.

    The number of rounds that judges a fold comes from the other folds.
    """
    engine = engine or IN_MEMORY
    folds = folds_of(samples, preset.folds)
    fitted = []
    for fold, held_out in enumerate(folds):
        seen, judge = samples.take(~held_out).sure(), samples.take(held_out).sure()
        fitted.append(engine.fit_on(seen, labels, preset, seed, judge))
        groups = ", ".join(sorted(set(samples.groups[held_out].tolist())))
        say(f"fold {fold + 1} of {len(folds)}: without {groups}: best after {fitted[-1].best} rounds")
    best = [one.best for one in fitted]
    rounds = [int(np.mean(best[:fold] + best[fold + 1 :])) for fold in range(len(folds))]
    probabilities = np.zeros((len(samples), len(labels)))
    for fold, held_out in enumerate(folds):
        rows = np.flatnonzero(held_out)
        probabilities[rows] = engine.predict(fitted[fold], samples, rows, preset, rounds[fold], seed)
    sparse = frozenset(preset.hop_s)
    return Crossed(recordings, samples, tuple(labels), folds, fitted, rounds, probabilities, sparse)


def predict(
    fitted: Fitted, samples: Samples, rows: NDArray[np.intp], preset: Preset, rounds: int, seed: int
) -> NDArray[np.float64]:
    """(R, L) of these windows as ``seen_by`` shows them, in parts that fit into memory."""
    rng = np.random.default_rng(seed)
    width = likely_widths(samples, rng) if preset.restore_aspect else np.ones(len(samples), np.float32)
    parts = []
    for start in range(0, len(rows), _PART):
        part = rows[start : start + _PART]
        keypoints = samples.take(part).keypoints
        keypoints[..., 0] *= width[part, None, None]
        parts.append(fitted.predict(featurise(keypoints, preset.features), rounds))
    return np.concatenate(parts)


def seen_by(samples: Samples, preset: Preset, seed: int) -> NDArray[np.float32]:
    """(N, T, 17, 3) as the preset trains and judges them, without the worse copies."""
    return restore_aspect(samples, np.random.default_rng(seed)) if preset.restore_aspect else samples.keypoints


def fit_on(
    samples: Samples,
    labels: Sequence[str],
    preset: Preset,
    seed: int,
    held_out: Samples | None = None,
    rounds: int | None = None,
) -> Fitted:
    """On windows as they are and every second one through a worse camera."""
    rng = np.random.default_rng(seed)
    samples = thin(samples, preset.most, rng)
    second = samples.take(np.arange(0, len(samples), 2))
    truth = numbers(np.concatenate([samples.labels, second.labels]), labels)
    columns = names(preset.features, FRAMES)
    inputs = np.empty((len(truth), len(columns)), np.float32)
    copy = restore_aspect(second, rng) if preset.restore_aspect else second.keypoints
    featurise(worsen(copy, preset.worse, rng), preset.features, inputs[len(samples) :])
    del copy
    featurise(seen_by(samples, preset, seed), preset.features, inputs[: len(samples)])
    judge = None
    if held_out is not None:
        held_out = thin(held_out, preset.most // STOP_SHARE, rng)
        judge = featurise(seen_by(held_out, preset, seed), preset.features), numbers(held_out.labels, labels)
    return fit(inputs, truth, columns, len(labels), seed, preset.boosting, judge, rounds)


@dataclass(frozen=True, slots=True)
class Engine:
    """Who reads, fits and predicts; the calls are those of `reading.read`, ``fit_on`` and ``predict``."""

    read: Callable[..., list[Source]]
    fit_on: Callable[..., Fitted]
    predict: Callable[..., NDArray[np.float64]]


IN_MEMORY = Engine(read, fit_on, predict)


def numbers(labels: NDArray[np.str_], known: Sequence[str]) -> NDArray[np.intp]:
    """(N,) places among the known labels."""
    number = {label: i for i, label in enumerate(known)}
    return np.array([number[label] for label in labels.tolist()], dtype=np.intp)


def _preset(name: str) -> Preset:
    if name not in PRESETS:
        raise SettingsError(f"unknown preset {name!r}; known: {', '.join(PRESETS)}")
    return PRESETS[name]


def preset_labels(preset: Preset, samples: Samples) -> list[str]:
    """Idle first; raises SettingsError for data without a stroke or with a label that is not in the preset."""
    seen = sorted(set(samples.sure().labels.tolist()) - {IDLE})
    if not seen:
        raise SettingsError("the data hold no stroke at all: nothing to learn")
    allowed = list(preset.labels or (IDLE, *seen))
    unknown = [label for label in seen if label not in allowed]
    if unknown:
        raise SettingsError(f"label {unknown[0]!r} is not in the preset; it has {', '.join(allowed)}")
    return allowed


def card_of(
    preset: Preset,
    labels: list[str],
    spec: WindowSpec,
    spotter: SpotterSpec,
    sources: Sequence[Source],
    figures: list[Figure],
    out: Path,
) -> Card:
    """The card of the weights in ``out``."""
    return Card(
        name=preset.name,
        version="0.2.0",
        task="strokes",
        runtime="lightgbm",
        files=[cards.weights(out / "strokes.txt")],
        skeleton="coco17",
        labels=labels,
        idle=IDLE,
        window=spec,
        features=preset.features,
        normalisation="origin mid-hips, unit median torso length, right-handed",
        spotter=spotter,
        licence="Apache-2.0 for the weights; the training data state no licence, see data",
        data=[source.card for source in sources],
        figures=figures,
        limits=preset.limits,
    )
