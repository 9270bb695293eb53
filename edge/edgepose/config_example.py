"""An example settings file written from the settings' own types, so that it cannot go stale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from edgepose.config import CameraSettings, Settings, section_of


def example_toml(root: type[Settings]) -> str:
    """Every key with its default (commented out) and meaning; one camera is filled in."""
    lines = ["# EdgePose settings. Keys in comments show their defaults.", ""]
    lines += _keys(root)
    for name, field in root.model_fields.items():
        section = section_of(field.annotation)
        if section is not None and section is not CameraSettings:
            lines += ["", f"[{name}]", *_table(section, name)]
    lines += ["", "[[camera]]", 'name = "near"', f'source = "0"  # {_note(CameraSettings, "source")}']
    lines += ["", "# [camera.capture]", *_keys(_section(CameraSettings, "capture"))]
    lines += ["", "# [camera.player]", '# name = "Ada"', '# handedness = "right"  # or "left"']
    lines += ['# height_m = ""  # metres']
    return "\n".join(lines) + "\n"


def _table(section: type[BaseModel], path: str) -> list[str]:
    lines = _keys(section)
    for name, field in section.model_fields.items():
        inner = section_of(field.annotation)
        if inner is not None:
            lines += ["", f"# [{path}.{name}]", *_table(inner, f"{path}.{name}")]
    return lines


def _keys(section: type[BaseModel]) -> list[str]:
    lines = []
    for name, field in section.model_fields.items():
        if section_of(field.annotation) is None:
            value = _toml(None if field.is_required() else field.default)
            note = _note(section, name)
            lines.append(f"# {name} = {value}" + (f"  # {note}" if note else ""))
    return lines


def _section(section: type[BaseModel], key: str) -> type[BaseModel]:
    inner = section_of(section.model_fields[key].annotation)
    assert inner is not None
    return inner


def _note(section: type[BaseModel], name: str) -> str:
    return section.model_fields[name].description or ""


def _toml(value: Any) -> str:
    """TOML has no null: a key without a default is shown as "" and stays commented out."""
    if value is None:
        return '""'
    if isinstance(value, Path | SecretStr):
        return json.dumps(str(value))
    return json.dumps(value)
