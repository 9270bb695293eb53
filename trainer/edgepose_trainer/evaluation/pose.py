"""``edgepose evaluate pose``: what a pose model finds by itself, against labels."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edgepose import build, models
from edgepose import card as cards
from edgepose.card import Card, ModelId
from edgepose.cli.progress import bars
from edgepose.cli.results import CocoRows
from edgepose.config import PoseSettings
from edgepose.errors import ModelError
from edgepose.estimator import Estimator
from edgepose.skeletons import COCO17
from edgepose.types import Frame
from edgepose_trainer.evaluation import figures, gallery, pose_data, pose_page, pose_tables
from edgepose_trainer.evaluation.average_precision import average_precision
from edgepose_trainer.evaluation.figures import Figure, Table
from edgepose_trainer.evaluation.people import People, side_by_side
from edgepose_trainer.pose import judging
from edgepose_trainer.pose.pictures import decoded
from edgepose_trainer.pose.validation import Found

_ALL_SCORES = 0.01
"""OKS-AP ranks all answers, so it is given the unsure ones too; all else is measured at the device's threshold."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to judge on."""

    data: Path
    annotations: Path | None = None
    labels: Path | None = None
    everything: bool = False
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that was measured."""

    model: ModelId
    card: Card | None
    judged: pose_data.Judged
    data: Path
    found: list[Found]
    people: People
    headline: tuple[Figure, ...]
    tables: list[Table]
    coco_results: list[dict[str, Any]]
    left_out: tuple[str, ...]


def evaluate(settings: PoseSettings, models_dir: Path | None, wanted: Wanted) -> Result:
    """Raises SettingsError, SourceError, ModelError: no such model or labels, or joints that are not COCO's 17."""
    find = build.estimator(settings, models_dir)
    if find.skeleton != COCO17:
        raise ModelError(f"{settings.model}: labels are of coco17, this model finds {find.skeleton.name}")
    path = models.find(str(settings.model), models_dir)
    judged = pose_data.read(wanted.data, wanted.annotations, wanted.labels, wanted.everything, wanted.limit)
    found, heights_px = _search(find, judged)
    people = side_by_side(judged.pictures, found, heights_px)
    ranked = build.estimator(settings.model_copy(update={"min_score": _ALL_SCORES}), models_dir)
    precision, results = _average_precision(ranked, judged)
    tables = pose_tables.tables(people, judged.pictures, found)
    return Result(
        model=find.model,
        card=None if path.is_file() else cards.load(path),
        judged=judged,
        data=wanted.data,
        found=found,
        people=people,
        headline=(*precision, *(figure for figure in pose_tables.overall(people) if figure.count)),
        tables=tables,
        coco_results=results,
        left_out=tuple(_left_out(judged, people, tables)),
    )


def publish(result: Result, folder: Path, cases: int, command: Sequence[str]) -> dict[str, Any]:
    """Writes metrics.json, people.json (what OKS-AP was measured on) and report.html; gives the metrics."""
    metrics = {
        "format": figures.FORMAT,
        "task": "pose",
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "command": shlex.join(command),
        "model": {"name": result.model.name, "sha256": result.model.sha256},
        "data": {
            "folder": str(result.data),
            "chosen": result.judged.words,
            "pictures": len(result.judged.pictures),
            "people": len(result.people.picture),
        },
        "headline": [figures.as_json(figure) for figure in result.headline],
        "tables": [figures.table_as_json(table) for table in result.tables],
        "remarks": list(result.judged.remarks),
        "left_out": list(result.left_out),
    }
    drawn = gallery.groups(result.people, result.judged.pictures, result.found, cases)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "people.json").write_text(json.dumps(result.coco_results) + "\n", encoding="utf-8")
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page = pose_page.page(metrics, result.headline, result.tables, drawn, result.card)
    (folder / "report.html").write_text(page, encoding="utf-8")
    return metrics


def lines(result: Result) -> list[str]:
    """The headline for a terminal."""
    return [*figures.lines(result.headline), *(f"left out: {words}" for words in result.left_out)]


def _search(find: Estimator, judged: pose_data.Judged) -> tuple[list[Found], list[int]]:
    found, heights_px = [], []
    with bars({"pictures": len(judged.pictures)}) as advance:
        for picture in judged.pictures:
            image = decoded(picture)
            found.append(judging.in_order(find(image)))
            heights_px.append(image.shape[0])
            if advance is not None:
                advance("pictures", len(found))
    return found, heights_px


def _average_precision(find: Estimator, judged: pose_data.Judged) -> tuple[list[Figure], list[dict[str, Any]]]:
    if judged.table is None:
        return [], []
    rows = CocoRows()
    pictures = [picture for picture in judged.pictures if picture.source == judged.source_of_table]
    for index, (picture, image_id) in enumerate(zip(pictures, judged.image_ids, strict=True)):
        rows.add(Frame(index, 0.0), picture.name, image_id, find(decoded(picture)))
    return average_precision(judged.table, rows.rows, judged.image_ids), rows.rows


def _left_out(judged: pose_data.Judged, people: People, tables: Sequence[Table]) -> list[str]:
    """Which figures could not be measured, and why."""
    names = {table.name for table in tables}
    reasons = []
    if judged.table is None:
        reasons.append("OKS-AP: needs pictures in which everybody is labelled (COCO keypoints)")
    if not (people.head_px > 0).any():
        reasons.append("PCKh@0.5: nobody's head (its box, or neck and crown) is labelled")
    if "strangers" not in names:
        reasons.append("people who are not there: needs pictures in which everybody is labelled")
    return reasons
