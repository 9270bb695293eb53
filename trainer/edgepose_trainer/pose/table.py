"""The teacher's table: an npz with its joints for labelled people, and with people whom nobody had labelled."""

from __future__ import annotations

import json
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from edgepose.errors import SourceError
from edgepose.types import Float32


@dataclass(frozen=True, slots=True)
class Further:
    """Somebody whom no label names: a finder found them, and the teacher agrees."""

    answer: Float32
    """(17, 4) as ``teacher.ask`` answers; confidence 0 for a joint outside the picture."""
    box_xyxy: Float32
    """(4,) px, round their joints."""
    score: float
    """The finder's, 0..1."""


Everyone = Mapping[str, tuple[Further, ...]]
"""Picture key -> the people added to it."""
NOBODY: Everyone = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Table:
    """What a teacher and a finder say of a folder of pictures."""

    joints: Mapping[str, Float32]
    """Key of a labelled person, "<picture key>#<number>" -> (17, 4)."""
    further: Everyone
    made_by: Mapping[str, Any]
    """Stamps of teacher and finder, and the settings; empty in tables from before these were kept."""


EMPTY = Table(MappingProxyType({}), NOBODY, MappingProxyType({}))


def save(path: Path, table: Table) -> Path:
    """Whole or not at all."""
    people = [(key, person) for key, added in table.further.items() for person in added]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez_compressed(
        partial,
        keys=np.array(list(table.joints), np.str_),
        joints=np.array(list(table.joints.values()), np.float32).reshape(-1, 17, 4),
        further_keys=np.array([key for key, _ in people], np.str_),
        further_joints=np.array([person.answer for _, person in people], np.float32).reshape(-1, 17, 4),
        further_boxes=np.array([person.box_xyxy for _, person in people], np.float32).reshape(-1, 4),
        further_scores=np.array([person.score for _, person in people], np.float32),
        made_by=np.array(json.dumps(dict(table.made_by))),
    )
    partial.replace(path)
    return path


def load(path: Path) -> Table:
    """Reads older tables too, which know labelled people only; raises SourceError when it is no such table."""
    try:
        with np.load(path) as stored:
            joints = dict(zip(stored["keys"].tolist(), np.asarray(stored["joints"], np.float32), strict=True))
            if "further_keys" not in stored:
                return Table(joints, NOBODY, {})
            return Table(joints, _people(stored), json.loads(str(stored["made_by"])))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise SourceError(f"{path}: no teacher's labels (edgepose train pose-labels writes them): {error}") from None


def _people(stored: Mapping[str, Any]) -> Everyone:
    found: dict[str, list[Further]] = defaultdict(list)
    columns = (stored[f"further_{name}"] for name in ("keys", "joints", "boxes", "scores"))
    for key, answer, box, score in zip(*columns, strict=True):
        found[str(key)].append(Further(answer, box, float(score)))
    return {key: tuple(people) for key, people in found.items()}
