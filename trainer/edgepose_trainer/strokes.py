"""``edgepose train strokes``: labelled recordings -> a model folder with honest figures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgepose import card as cards
from edgepose.card import Card, Figure, SpotterSpec, WindowSpec
from edgepose.errors import SettingsError
from edgepose.features import names
from edgepose_trainer import labelset, stroke_settings, tuning
from edgepose_trainer.boosting import Fitted, fit
from edgepose_trainer.calibrating import calibrated, calibration_figures, temperature_of
from edgepose_trainer.calibrating import judged as judged_windows
from edgepose_trainer.crossing import Crossed, figures_of, folds_of
from edgepose_trainer.presets import PRESETS as PRESETS
from edgepose_trainer.presets import Preset as Preset
from edgepose_trainer.reading import read
from edgepose_trainer.recordings import IDLE, Recording, Source
from edgepose_trainer.samples import Samples, cut, featurise, likely_widths, restore_aspect, thin, worsen
from edgepose_trainer.spotting import choose

FRAMES = 15
_PART = 20_000
STOP_SHARE = 3
"""Of the limit of windows, for those that say when to stop."""
_TUNING_FOLDS = 3
_NAMED = 8
"""Groups that are named one by one."""
Each: TypeAlias = Literal["each"]
Say = Callable[[str], object]


def train(
    data: Sequence[Path] | Sequence[str],
    out: Path,
    preset: str = "tennis",
    rate_hz: float = 15.0,
    seed: int = 1,
    say: Say = print,
    folds: int | Each | None = None,
    engine: Engine | None = None,
    labels: str | None = None,
    settings: Path | None = None,
    tune_minutes: float | None = None,
) -> Card:
    """Reads, cross-validates by group, fits on everything, writes ``out``.

    ``folds``: None is the preset's number, "each" every group alone; 0 fits at once, with the preset's number of
    rounds and thresholds, uncalibrated and without figures. ``labels``: as `labelset.parse` takes them.
    ``settings``: a file as `stroke_settings.read` takes it. ``tune_minutes``: settings are searched for so long
    first. ``engine``: None is this process's memory.

    Raises SettingsError for data or settings that cannot work. Same data and seed: same weights, byte
    for byte.
    """
    chosen = _asked(preset, out, folds, settings)
    engine = engine or IN_MEMORY
    label_set = None if labels is None else labelset.parse(labels)
    sources = engine.read(data) if label_set is None else engine.read(data, frozenset(label_set.names))
    recordings = [r for source in sources for r in source.recordings if not r.kept_aside]
    if label_set is not None:
        recordings, chosen = label_set.apply(recordings), replace(chosen, labels=label_set.labels)
    spec = WindowSpec(frames=FRAMES, rate_hz=rate_hz)
    samples = cut(recordings, spec, chosen.hop_s)
    known = preset_labels(chosen, samples)
    say(f"{len(recordings)} recordings, {len(samples)} windows, labels {', '.join(known)}")
    training: dict[str, str | int | float] = {"preset": preset, "rate_hz": rate_hz, "seed": seed}
    training |= {} if labels is None else {"labels": labels}
    if tune_minutes is not None:
        chosen = tuned(recordings, samples, known, chosen, seed, tune_minutes, say, engine, out)
    judged = Judgement(chosen.spotter, chosen.boosting.most_rounds)
    if chosen.folds != 0:
        command = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in training.items())
        judged = judge(cross_validate(recordings, samples, known, chosen, seed, say, engine), command)
    fitted = engine.fit_on(samples.sure(), known, chosen, seed, rounds=judged.rounds)
    out.mkdir(parents=True, exist_ok=True)
    fitted.save(out / "strokes.txt")
    for figure in judged.figures:
        say(f"{figure.name}: {figure.value:.4f} ({figure.data})")
    card = card_of(chosen, known, spec, judged.spotter, sources, list(judged.figures), out)
    training |= stroke_settings.of(chosen)
    card = card.model_copy(update={"training": training, "temperature": judged.temperature})
    cards.save(card, out)
    return card


def _asked(preset: str, out: Path, folds: int | Each | None, settings: Path | None) -> Preset:
    chosen = _preset(preset)
    chosen = replace(chosen, name=chosen.name or re.sub(r"[^A-Za-z0-9_.-]+", "_", out.resolve().name))
    if folds is not None:
        chosen = replace(chosen, folds=None if folds == "each" else folds)
    return chosen if settings is None else stroke_settings.apply(chosen, stroke_settings.read(settings))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the held-out groups say."""

    spotter: SpotterSpec
    rounds: int
    temperature: float | None = None
    figures: Sequence[Figure] = ()


def judge(raw: Crossed, asked: str) -> Judgement:
    """Temperature, thresholds, rounds and figures from windows that their boosters have not seen."""
    crossed = calibrated(raw)
    command = f"edgepose train strokes {asked} (cross-validation)"
    today = date.today().isoformat()
    return Judgement(
        choose(crossed.scored(crossed.dense), crossed.labels, crossed.family),
        int(np.mean([fitted.best for fitted in crossed.fitted])),
        temperature_of(judged_windows(raw)),
        [*figures_of(crossed, command, today), *calibration_figures(raw, crossed, command, today)],
    )


def tuned(
    recordings: list[Recording],
    samples: Samples,
    labels: Sequence[str],
    preset: Preset,
    seed: int,
    minutes: float,
    say: Say,
    engine: Engine,
    out: Path,
) -> Preset:
    """The preset with the best settings that were found; what was tried stands in ``out``/tuning.json."""
    fewer = thin(samples.sure(), max(preset.most // tuning.SHARE, 1), np.random.default_rng(seed))
    folds = preset.folds if preset.folds != 0 else _TUNING_FOLDS

    def judge_preset(one: Preset) -> Crossed:
        return cross_validate(recordings, fewer, labels, replace(one, folds=folds), seed, lambda line: None, engine)

    trials = tuning.tune(preset, judge_preset, seed, minutes, say)
    out.mkdir(parents=True, exist_ok=True)
    (out / "tuning.json").write_text(json.dumps(tuning.log_of(trials, seed), indent=1) + "\n", encoding="utf-8")
    best = tuning.best_of(trials)
    say(f"best of {len(trials)}: log loss {best.log_loss:.4f}, the preset's own {trials[0].log_loss:.4f}")
    return stroke_settings.apply(preset, best.settings)


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
        groups = sorted(set(samples.groups[held_out].tolist()))
        without = ", ".join(groups[:_NAMED]) + (f" and {len(groups) - _NAMED} more" if len(groups) > _NAMED else "")
        say(f"fold {fold + 1} of {len(folds)}: without {without}: best after {fitted[-1].best} rounds")
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
    places = np.full(len(labels), -1, np.intp)
    for place, label in enumerate(known):  # no list of millions of strings
        places[labels == label] = place
    return places


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
        name=preset.name or "strokes",
        version="0.4.0",
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
