"""VGG Image Annotator for video (VIA 3, Dutta and Zisserman 2019): CSV export and JSON project.

A segment has two times in seconds, a moment one; marks with a shape in the picture are left out. The label is the
value of the segment's attribute; of several the one called stroke, action, activity or label. Files are the parts.
"""

from __future__ import annotations

import csv
import json
from typing import Any

from edgepose.errors import SourceError
from edgepose_trainer.importers.labels.marked import Marked

_HEADER = "# CSV_HEADER"
_NAMES = ("stroke", "action", "activity", "label")


def fits(text: str) -> bool:
    """See ``Form``."""
    return _HEADER in text[:65536] or (text.lstrip().startswith("{") and '"metadata"' in text and '"vid_list"' in text)


def parse(text: str, where: str) -> list[Marked]:
    """See ``Form``."""
    try:
        return _json(text, where) if text.lstrip().startswith("{") else _csv(text, where)
    except (KeyError, TypeError, ValueError, AttributeError, csv.Error) as error:
        raise SourceError(f"{where}: not as VIA 3 writes it: {type(error).__name__} {error}") from None


def _json(text: str, where: str) -> list[Marked]:
    project = json.loads(text)
    attributes = _attributes(project.get("attribute", {}))
    found = []
    for name, mark in project["metadata"].items():
        if mark.get("xy"):
            continue
        files = project.get("view", {}).get(str(mark["vid"]), {}).get("fid_list", [])
        part = project.get("file", {}).get(str(files[0]), {}).get("fname") if files else None
        found += _marks(mark["z"], mark["av"], attributes, f"{where}: metadata {name}", part or str(mark["vid"]))
    return found


def _csv(text: str, where: str) -> list[Marked]:
    """The header and the attributes' names stand in comment lines."""
    columns: list[str] = []
    attributes: dict[str, tuple[str, dict[str, str]]] = {}
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            key, _, value = line[1:].partition("=")
            if key.strip() == "CSV_HEADER":
                columns = [column.strip() for column in value.split(",")]
            elif key.strip() in ("ATTRIBUTE", "ATTRIBUTES"):
                attributes = _attributes(json.loads(value))
        elif line.strip():
            cells = dict(zip(columns, (cell.strip() for cell in next(csv.reader([line]))), strict=False))
            if json.loads(cells.get("spatial_coordinates") or "[]"):
                continue
            part = json.loads(cells["file_list"])[0]
            found += _marks(_times(cells), json.loads(cells["metadata"]), attributes, f"{where}:{number}", part)
    return found


def _times(cells: dict[str, str]) -> list[float]:
    """Versions before 3.0.6 had a column for each end."""
    if "temporal_coordinates" in cells:
        return list(json.loads(cells["temporal_coordinates"]))
    return [float(cells["temporal_segment_start"]), float(cells["temporal_segment_end"])]


def _attributes(raw: dict[str, Any]) -> dict[str, tuple[str, dict[str, str]]]:
    """Attribute id -> (name, option id -> option); older exports give the name alone."""
    return {
        key: (value["aname"], dict(value.get("options", {}))) if isinstance(value, dict) else (str(value), {})
        for key, value in raw.items()
    }


def _marks(
    times: list[float], values: dict[str, str], attributes: dict[str, tuple[str, dict[str, str]]], at: str, part: str
) -> list[Marked]:
    if not values or not times:
        return []
    ids = sorted(values, key=lambda key: attributes.get(key, ("", {}))[0].strip().lower() not in _NAMES)
    label = attributes.get(ids[0], ("", {}))[1].get(values[ids[0]], values[ids[0]])
    return [Marked(float(times[0]), float(times[-1]), label, at, part=part)] if label else []
