"""``edgepose evaluate lifter``: 3D poses of a lifter against motion capture and recorded truth."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from edgepose import models
from edgepose.card import Card
from edgepose.errors import ModelError, SettingsError
from edgepose.skeletons import H36M17
from edgepose_trainer.errors3d import EVALUATED
from edgepose_trainer.evaluation import figures, lifter_page, lifter_tables
from edgepose_trainer.evaluation.figures import Figure, Table
from edgepose_trainer.evaluation.lifter_data import RATE_HZ, Wanted, items
from edgepose_trainer.evaluation.lifter_judged import METRICS, WAYS, Judged, Way, judge
from edgepose_trainer.evaluation.lifter_tables import Frames
from edgepose_trainer.lifter import unseen_by

WAY_WORDS = {
    "window": "every frame by the window round it, nothing filled or smoothed.",
    "live": "every frame by the window that ends with it, as a live device does.",
    "lift": "as `edgepose lift` does afterwards: hidden joints filled, poses smoothed.",
}
DUMPS = (".npz", ".npy")


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that was measured."""

    card: Card
    wanted: Wanted
    way: Way
    judged: list[Judged]
    counted: list[Frames]
    headline: dict[str, list[Figure]]
    """By kind of 2D."""
    tables: list[Table]
    remarks: list[str]


def evaluate(model: str, models_dir: Path | None, wanted: Wanted, way: str) -> Result:
    """Raises SettingsError, SourceError, SessionError, ModelError: nothing to compare, no such model or way."""
    if way not in WAYS:
        raise SettingsError(f"--as {way}: expected one of {', '.join(WAYS)}")
    folder = models.find(model, models_dir)
    if folder.is_file():
        raise ModelError(f"{folder}: a lifter model is a folder with card.json")
    card = models.load_card(folder, "lifter")
    chosen, remarks = items(wanted, unseen_by(card))
    judged = judge(folder, card, chosen, wanted.cameras, way)
    headline = {
        condition: lifter_tables.figures(lifter_tables.of(judged, condition), METRICS)
        for condition in lifter_tables.conditions(judged)
    }
    takes = {one.seen.take for one in judged}
    if len(takes) < 5:
        remarks.append(f"{len(takes)} {'take' if len(takes) == 1 else 'takes'} only: read the intervals as a hint.")
    return Result(
        card, wanted, way, judged, lifter_tables.frames(judged), headline, lifter_tables.tables(judged), remarks
    )


def publish(result: Result, folder: Path, cases: int, command: Sequence[str]) -> dict[str, Any]:
    """Writes metrics.json and report.html; gives the metrics."""
    metrics = measured(result, command)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page = lifter_page.page(metrics, result.headline, result.tables, result.judged, result.counted, result.card, cases)
    (folder / "report.html").write_text(page, encoding="utf-8")
    return metrics


def measured(result: Result, command: Sequence[str]) -> dict[str, Any]:
    """For machines."""
    seconds = sum(float(np.ptp(one.seen.times_s)) for one in result.judged)
    return {
        "format": figures.FORMAT,
        "task": "lifter",
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "command": shlex.join(command),
        "model": {"name": result.card.name, "sha256": result.card.model.sha256},
        "data": {
            "paths": [str(path) for path in result.wanted.data],
            "takes": len({one.seen.take for one in result.judged}),
            "recordings": len(result.judged),
            "seconds": round(seconds, 1),
        },
        "way": result.way,
        "way_words": WAY_WORDS[result.way],
        "rate_hz": RATE_HZ,
        "joints": list(lifter_tables.JOINTS),
        "frames": [asdict(frames) for frames in result.counted],
        "headline": [
            {"of": condition} | figures.as_json(figure) for condition, row in result.headline.items() for figure in row
        ],
        "tables": [figures.table_as_json(table) for table in result.tables],
        "remarks": result.remarks,
    }


def lines(result: Result) -> list[str]:
    """For a terminal."""
    said: list[str] = []
    for frames in result.counted:
        said.append(f"{frames.condition}: {frames.answered} of {frames.asked} frames answered")
        said += [f"  {line}" for line in figures.lines(result.headline[frames.condition])]
    return [*said, *(f"note: {words}" for words in result.remarks)]


def check_dump(path: Path) -> None:
    """Before anything is computed; raises SettingsError for another ending or no folder."""
    if path.suffix.lower() not in DUMPS:
        raise SettingsError(f"{path}: poses are written as {' or '.join(DUMPS)}")
    if not path.parent.is_dir():
        raise SettingsError(f"{path}: no folder {path.parent}")


def dump(result: Result, path: Path) -> None:
    """What was found and the truth, of every frame of every recording, whole or not at all.

    .npz: ``found`` and ``truth`` (N, 17, 3) h36m17 in metres from mid-hips, camera axes, NaN unknown; of each frame
    ``recording``, ``condition``, ``frame``, ``time_s``; ``joints``, ``judged``. .npy: both alone, (2, N, 17, 3).
    """
    found, truth = (np.concatenate(points).astype(np.float32) for points in _poses(result.judged))
    partial = path.with_name(f".{path.stem}.partial{path.suffix.lower()}")
    if path.suffix.lower() == ".npy":
        np.save(partial, np.stack([found, truth]))
    else:
        each = [len(one.found) for one in result.judged]
        np.savez_compressed(
            partial, found=found, truth=truth, joints=np.array(H36M17.joints), judged=EVALUATED,
            recording=np.repeat([one.seen.name for one in result.judged], each),
            condition=np.repeat([one.seen.condition for one in result.judged], each),
            frame=np.concatenate([one.seen.frame for one in result.judged]),
            time_s=np.concatenate([one.seen.times_s for one in result.judged]),
        )  # fmt: skip
    partial.replace(path)


def _poses(judged: Sequence[Judged]) -> tuple[list[Any], list[Any]]:
    return [one.found for one in judged], [one.seen.truth for one in judged]
