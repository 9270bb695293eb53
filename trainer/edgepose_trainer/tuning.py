"""``--tune MINUTES``: settings searched by optuna's TPE on grouped folds; the same trials from the same seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgepose.errors import SettingsError
from edgepose_trainer import stroke_settings
from edgepose_trainer.calibrating import judged, log_loss
from edgepose_trainer.crossing import Crossed
from edgepose_trainer.presets import Preset

SHARE = 4
"""Trials learn from a quarter of the preset's windows: more trials tell more than more windows."""
_SPACE: dict[str, tuple[float, float, bool]] = {
    "leaves": (7, 63, True), "rate": (0.03, 0.3, True), "features": (0.04, 0.6, True), "rows": (0.2, 1.0, False),
    "rarest": (1.0, 8.0, True), "noise": (0.0, 0.03, False), "joint_gone": (0.0, 0.2, False),
}  # fmt: skip
"""From, to, evenly in the logarithm."""
Judge = Callable[[Preset], Crossed]
"""Cross-validates a preset."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Settings that were tried."""

    settings: dict[str, int | float]
    log_loss: float
    """Held-out windows, nats, mean of the data sets."""


def tune(
    preset: Preset,
    judge: Judge,
    seed: int,
    minutes: float,
    say: Callable[[str], object],
    clock: Callable[[], float] = time.monotonic,
) -> list[Trial]:
    """Trials in the order in which they were made, the preset's own settings first.

    None begins that would probably outlast the time. How many there are depends on the machine; which settings
    the n-th one tries does not.
    """
    study = _study(seed)
    study.enqueue_trial({name: value for name, value in stroke_settings.of(preset).items() if name in _SPACE})
    smaller = replace(preset, most=max(preset.most // SHARE, 1))
    start_s = clock()
    trials: list[Trial] = []
    while not trials or (clock() - start_s) * (1 + 1 / len(trials)) <= 60 * minutes:
        asked = study.ask()
        settings = _suggested(asked)
        crossed = judge(stroke_settings.apply(smaller, settings))
        trials.append(Trial(settings, round(log_loss(judged(crossed)), 6)))
        study.tell(asked, trials[-1].log_loss)
        told = ", ".join(f"{name} {value:g}" for name, value in settings.items())
        say(f"trial {len(trials)}: log loss {trials[-1].log_loss:.4f} with {told}")
    return trials


def best_of(trials: Sequence[Trial]) -> Trial:
    """The least log loss; the earlier one where two are equal."""
    return trials[int(np.argmin([trial.log_loss for trial in trials]))]


def log_of(trials: Sequence[Trial], seed: int) -> dict[str, object]:
    """What ``tuning.json`` holds; ``--settings`` reads its ``best``."""
    best = best_of(trials)
    return {
        "best": best.settings,
        "log_loss": best.log_loss,
        "seed": seed,
        "trials": [{**trial.settings, "log_loss": trial.log_loss} for trial in trials],
    }


def _study(seed: int):  # type: ignore[no-untyped-def]  # optuna is loaded here only
    try:
        import optuna
    except ImportError:
        raise SettingsError("--tune needs optuna; install it: pip install 'edgepose[trainer]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))


def _suggested(trial) -> dict[str, int | float]:  # type: ignore[no-untyped-def]
    out: dict[str, int | float] = {}
    for name, (low, high, log) in _SPACE.items():
        if name == "leaves":
            out[name] = trial.suggest_int(name, int(low), int(high), log=log)
        else:
            out[name] = float(trial.suggest_float(name, low, high, log=log))
    return out
