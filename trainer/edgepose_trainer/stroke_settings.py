"""Settings of the stroke training from a file, and into the card: the same settings give the same weights again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeAlias

from edgepose.errors import SettingsError
from edgepose_trainer.boosting import Boosting
from edgepose_trainer.presets import Preset
from edgepose_trainer.samples import Worse

Settings: TypeAlias = Mapping[str, int | float]
"""Field of ``Boosting`` or ``Worse``, or ``most`` -> value."""
_BOOSTING = {field.name: type(getattr(Boosting(), field.name)) for field in fields(Boosting)}
_WORSE = {field.name: float for field in fields(Worse)}
_TYPES: Mapping[str, type] = {**_BOOSTING, **_WORSE, "most": int}
_ASKED = frozenset({"preset", "seed", "rate_hz", "labels"})
"""Of a card's ``training``: said on the command line."""


def read(path: Path) -> Settings:
    """From what ``--tune`` wrote (its best), a model's card, or a JSON object of settings; raises SettingsError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: no readable JSON: {error}") from None
    if not isinstance(found, dict):
        raise SettingsError(f"{path}: expected a JSON object of settings, got {type(found).__name__}")
    if "format" in found and "training" not in found:
        raise SettingsError(f"{path}: this card does not say what its training was set to")
    chosen: dict[str, Any] = found.get("best") or found.get("training") or found
    return {name: _checked(path, name, value) for name, value in chosen.items() if name not in _ASKED}


def apply(preset: Preset, settings: Settings) -> Preset:
    """The preset with these settings in place of its own."""
    boosting = {name: value for name, value in settings.items() if name in _BOOSTING}
    worse = {name: value for name, value in settings.items() if name in _WORSE}
    most = int(settings.get("most", preset.most))
    return replace(
        preset, boosting=_replaced(preset.boosting, boosting), worse=_replaced(preset.worse, worse), most=most
    )


def of(preset: Preset) -> dict[str, int | float]:
    """Everything that ``apply`` sets."""
    return {**vars(preset.boosting), **vars(preset.worse), "most": preset.most}


def _replaced(table: Any, changes: Mapping[str, int | float]) -> Any:
    return replace(table, **changes)


def _checked(path: Path, name: str, value: Any) -> int | float:
    if name not in _TYPES:
        raise SettingsError(f"{path}: unknown setting {name!r}; known: {', '.join(sorted(_TYPES))}")
    wanted = _TYPES[name]
    if isinstance(value, bool) or not isinstance(value, int if wanted is int else (int, float)) or value < 0:
        raise SettingsError(f"{path}: {name}: expected a number of type {wanted.__name__}, 0 or more, got {value!r}")
    return wanted(value)  # type: ignore[no-any-return]
