"""``edgepose evaluate strokes``: what a stroke model tells of labelled recordings, against their labels."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgepose import models
from edgepose.card import Card, SpotterSpec
from edgepose.errors import ModelError, SettingsError
from edgepose.features import names
from edgepose_trainer.boosting import gains
from edgepose_trainer.evaluation import (
    calibration,
    curves,
    drawing,
    figures,
    strokes_counts,
    strokes_page,
    strokes_tables,
)
from edgepose_trainer.evaluation.calibration import Reliability
from edgepose_trainer.evaluation.figures import Figure, Table
from edgepose_trainer.evaluation.importance import Importance, importance
from edgepose_trainer.evaluation.likeness import Likeness, Swing, compared, swings_of
from edgepose_trainer.evaluation.spans import labelled
from edgepose_trainer.evaluation.strokes_judged import Judged, Wanted, data_of, judge, named
from edgepose_trainer.reading import read
from edgepose_trainer.recordings import IDLE, UNSURE, Recording


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that was measured."""

    card: Card
    wanted: Wanted
    labels: tuple[str, ...]
    """The model's, then those that only the data have."""
    judged: list[Judged]
    headline: list[Figure]
    tables: list[Table]
    windows: NDArray[np.int64]
    """(L, L) confusion, truth by row."""
    strokes: NDArray[np.int64]
    """(L+1, L+1) the same of strokes; last column not told, last row nothing labelled."""
    reliability: Reliability
    importance: Importance
    swings: list[Swing]
    reference: list[Swing]
    likeness: list[Likeness]
    remarks: list[str]


def evaluate(model: str, models_dir: Path | None, wanted: Wanted) -> Result:
    """Raises SettingsError, SessionError, SourceError, ModelError: no labels, no such model, another skeleton."""
    folder = models.find(model, models_dir)
    card = _card(folder)
    recordings, remarks = data_of(wanted, card)
    if not any(len(recording.labels) for recording in recordings):
        raise SettingsError(f"{', '.join(map(str, wanted.data))}: no frame of anybody in it")
    reference = _reference(wanted.reference, recordings)
    judged = judge(folder, recordings, wanted)
    labels = _labels(card, recordings)
    tally = strokes_counts.tally(judged, labels)
    assert card.window is not None
    assert card.features is not None
    columns = names(card.features, card.window.frames)
    swings = [swing for one in recordings for swing in swings_of(one)] if wanted.reference else []
    return Result(
        card=card,
        wanted=wanted,
        labels=labels,
        judged=judged,
        headline=strokes_tables.headline(tally),
        tables=strokes_tables.tables(tally, judged, labels, (card.spotter or SpotterSpec()).abstain),
        windows=strokes_counts.window_confusion(judged, labels),
        strokes=strokes_counts.stroke_confusion(judged, labels, strokes_tables.FRAMES),
        reliability=calibration.reliability(tally.bins.sum(axis=0)),
        importance=importance(gains(folder / card.files[0].path), columns, card.window.frames, card.window.rate_hz),
        swings=swings,
        reference=reference,
        likeness=compared(swings, reference),
        remarks=[*remarks, *_few(recordings)],
    )


def publish(result: Result, folder: Path, cases: int, command: Sequence[str]) -> dict[str, Any]:
    """Writes metrics.json and report.html; gives the metrics."""
    metrics = measured(result, command)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "report.html").write_text(strokes_page.page(metrics, result, cases), encoding="utf-8")
    return metrics


def measured(result: Result, command: Sequence[str]) -> dict[str, Any]:
    """For machines."""
    return {
        "format": figures.FORMAT,
        "task": "strokes",
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "command": shlex.join(command),
        "model": {"name": result.card.name, "sha256": result.card.model.sha256},
        "data": _data(result),
        "labels": list(result.labels),
        "headline": [figures.as_json(figure) for figure in result.headline],
        "tables": [figures.table_as_json(table) for table in result.tables],
        "confusion": _confusion(result),
        "reliability": _reliability(result.reliability),
        "importance": _importance(result.importance),
        "likeness": _likeness(result),
        "remarks": result.remarks,
    }


def lines(result: Result) -> list[str]:
    """The headline for a terminal."""
    return [*figures.lines(result.headline), *(f"note: {words}" for words in result.remarks)]


def draw_curves(result: Result, path: Path, recording: str | None) -> None:
    """Writes one recording's curves as .png or .svg; raises SettingsError for no such recording or other ending."""
    check_picture(path)
    chosen = _chosen(result.judged, recording)
    drawn = curves.drawn(
        curves.curves(chosen.recording, chosen.told), curves.colours_of(strokes_page.strokes_in(result.labels))
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".png":
        path.write_bytes(drawing.png(drawn))
    else:
        path.write_text(drawing.svg_file(drawn), encoding="utf-8")


def check_picture(path: Path) -> None:
    """Before anything is computed; raises SettingsError for an ending that is not drawn."""
    if path.suffix.lower() not in (".png", ".svg"):
        raise SettingsError(f"{path}: curves are written as .png or .svg")


def _chosen(judged: Sequence[Judged], name: str | None) -> Judged:
    """The named recording, or the one with the most strokes."""
    if name is None:
        return max(judged, key=lambda one: len(labelled(one.recording)))
    for one in judged:
        if one.recording.name == name:
            return one
    some = ", ".join(one.recording.name for one in judged[:8])
    raise SettingsError(f"no recording {name!r} in the data; it has {some}{' …' if len(judged) > 8 else ''}")


def _card(folder: Path) -> Card:
    if folder.is_file():
        raise ModelError(f"{folder}: a strokes model is a folder with card.json")
    card = models.load_card(folder, "strokes")
    if card.skeleton != "coco17":
        raise ModelError(f"{folder}: labelled recordings are of coco17, this model looks at {card.skeleton}")
    if card.idle != IDLE:
        raise ModelError(f"{folder}: recordings call what is no stroke {IDLE!r}, this model calls it {card.idle!r}")
    return card


def _labels(card: Card, recordings: Sequence[Recording]) -> tuple[str, ...]:
    there = {str(label) for recording in recordings for label in np.unique(recording.labels)} - {UNSURE}
    return (*card.labels, *sorted(there - set(card.labels)))


def _reference(name: str | None, recordings: Sequence[Recording]) -> list[Swing]:
    if name is None:
        return []
    if Path(name).exists():
        others: Sequence[Recording] = [one for source in read([Path(name)]) for one in source.recordings]
    else:
        found = named(name, sorted({recording.group for recording in recordings}))
        others = [recording for recording in recordings if recording.group in found]
    swings = [swing for one in others for swing in swings_of(one)]
    if not swings:
        raise SettingsError(f"reference {name}: no labelled stroke in it")
    return swings


def _few(recordings: Sequence[Recording]) -> list[str]:
    groups = {recording.group for recording in recordings}
    if len(groups) == 1 and len(recordings) > 1:
        return ["One group only: intervals draw its recordings, so they say nothing of other players."]
    if 1 < len(groups) < 5:
        return [f"Intervals draw {len(groups)} groups only: read them as a hint."]
    return []


def _number(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _data(result: Result) -> dict[str, Any]:
    of = [one.recording for one in result.judged]
    return {
        "paths": [str(path) for path in result.wanted.data],
        "recordings": len(of),
        "groups": len({recording.group for recording in of}),
        "strokes": sum(len(labelled(recording)) for recording in of),
        "seconds": round(sum(float(r.times_s[-1] - r.times_s[0]) for r in of if len(r.times_s)), 1),
    }


def _confusion(result: Result) -> dict[str, Any]:
    strokes = {
        "rows": [*result.labels, strokes_counts.NOTHING],
        "columns": [*result.labels, strokes_counts.MISSED],
        "tolerance_frames": strokes_tables.FRAMES,
        "counts": result.strokes.tolist(),
    }
    return {"windows": {"labels": list(result.labels), "counts": result.windows.tolist()}, "strokes": strokes}


def _reliability(given: Reliability) -> list[dict[str, Any]]:
    bins = zip(given.count, given.confidence, given.right, strict=True)
    return [
        {"from": place / calibration.BINS, "windows": int(count), "said": _number(said), "right": _number(right)}
        for place, (count, said, right) in enumerate(bins)
    ]


def _importance(given: Importance) -> dict[str, Any]:
    return {
        "unit": "% of the gains",
        "offsets_s": [round(offset, 4) for offset in given.offsets_s],
        "by_time": {thing: row.round(4).tolist() for thing, row in zip(given.things, given.by_time, strict=True)},
        "no_moment": dict(zip(given.things, given.whole.round(4).tolist(), strict=True)),
    }


def _likeness(result: Result) -> dict[str, Any]:
    rows = [
        {"player": row.player, "label": row.label, "swings": row.swings,
         "distance": _number(row.distance), "typical": _number(row.typical)}
        for row in result.likeness
    ]  # fmt: skip
    return {"reference": result.wanted.reference, "unit": "torso lengths", "players": rows}
