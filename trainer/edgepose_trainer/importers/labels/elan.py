"""ELAN (Max Planck Institute for Psycholinguistics): .eaf files and the tab-delimited text export.

The tiers are the parts of a file; with several tiers that hold annotations one is chosen. A tier's participant is
the player. An .eaf's times count from the media file's own begin, its time origin added.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np

from edgepose.errors import SourceError
from edgepose_trainer.importers.labels.marked import Marked
from edgepose_trainer.importers.labels.rows import cells, has_columns, seconds, table

_MS = 0.001
_CLOCK = re.compile(r"\d+:\d\d:\d\d[.,]\d+")
_DECIMAL = re.compile(r"\d+[.,]\d+")
_WHOLE = re.compile(r"\d+")


def fits(text: str) -> bool:
    """See ``Form``; a tab export without a header is told by its clock times."""
    return "<ANNOTATION_DOCUMENT" in text[:4096] or _has_header(text) or _bare(text)


def parse(text: str, where: str) -> list[Marked]:
    """See ``Form``."""
    if "<ANNOTATION_DOCUMENT" in text[:4096]:
        return _eaf(text, where)
    return _with_header(text, where) if _has_header(text) else _without_header(text, where)


def _eaf(text: str, where: str) -> list[Marked]:
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise SourceError(f"{where}: damaged XML: {error}") from None
    slots_s = _slots(root, where)
    spans: dict[str, tuple[float, float]] = {}
    annotations = []
    for tier in root.iter("TIER"):
        for kind in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
            annotations += [(tier, one) for one in tier.iter(kind)]
    for _, one in annotations:
        if one.tag == "ALIGNABLE_ANNOTATION":
            ends = [one.get("TIME_SLOT_REF1", ""), one.get("TIME_SLOT_REF2", "")]
            if not set(ends) <= set(slots_s):
                raise SourceError(f"{where}: annotation {one.get('ANNOTATION_ID')} has no time slot {ends}")
            spans[one.get("ANNOTATION_ID", "")] = slots_s[ends[0]], slots_s[ends[1]]
    found = []
    for tier, one in annotations:
        name = one.get("ANNOTATION_ID", "")
        label = (one.findtext("ANNOTATION_VALUE") or "").strip()
        start_s, end_s = _span(name, spans, annotations, where)
        if label:
            who = tier.get("PARTICIPANT") or None
            found.append(
                Marked(start_s, end_s, label, f"{where}: annotation {name}", who=who, part=tier.get("TIER_ID"))
            )
    return found


def _span(
    name: str,
    spans: dict[str, tuple[float, float]],
    annotations: list[tuple[ElementTree.Element, ElementTree.Element]],
    where: str,
) -> tuple[float, float]:
    """Times of an annotation, or of the one that it hangs on."""
    parents = {one.get("ANNOTATION_ID", ""): one.get("ANNOTATION_REF", "") for _, one in annotations}
    first = name
    for _ in range(len(parents) + 1):
        if name in spans:
            return spans[name]
        name = parents.get(name, "")
    raise SourceError(f"{where}: annotation {first} hangs on none that has times")


def _slots(root: ElementTree.Element, where: str) -> dict[str, float]:
    """Time slot -> seconds; a slot without a time lies evenly between its neighbours in the order."""
    slots = [(slot.get("TIME_SLOT_ID", ""), slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")]
    header = root.find("HEADER")
    unit = "milliseconds" if header is None else header.get("TIME_UNITS", "milliseconds")
    if unit != "milliseconds":
        raise SourceError(f"{where}: expected times in milliseconds, got {unit!r}")
    media = root.find("HEADER/MEDIA_DESCRIPTOR")
    try:
        origin_ms = float(media.get("TIME_ORIGIN", "0")) if media is not None else 0.0
        known = [(index, float(value)) for index, (_, value) in enumerate(slots) if value is not None]
    except ValueError as error:
        raise SourceError(f"{where}: a time slot that is no number: {error}") from None
    if not known:
        return {}
    times_ms = np.interp(np.arange(len(slots)), *np.array(known).T)
    return {name: (float(time_ms) + origin_ms) * _MS for (name, _), time_ms in zip(slots, times_ms, strict=True)}


def _has_header(text: str) -> bool:
    head = text[:4096].lower()
    return "begin time" in head and "end time" in head


def _with_header(text: str, where: str) -> list[Marked]:
    """Columns "Begin Time - ss.msec" and the like; a column a tier, or tier and annotation in columns of their own."""
    begin, end, factor = _time_columns(text, where)
    found = []
    for line, row in table(text, begin, end):
        at = f"{where}:{line}"
        start_s, end_s = seconds(row[begin], at) * factor, seconds(row[end], at) * factor
        tiers = {name: cell for name, cell in row.items() if "time - " not in name and "duration - " not in name}
        label = tiers.pop("annotation", None)
        tier, who = tiers.pop("tier", None), tiers.pop("participant", None) or None
        given = [(tier, label)] if label is not None else list(tiers.items())
        found += [Marked(start_s, end_s, value, at, who=who, part=name) for name, value in given if value]
    return found


def _time_columns(text: str, where: str) -> tuple[str, str, float]:
    for kind, factor in (("ss.msec", 1.0), ("msec", _MS), ("hh:mm:ss.ms", 1.0)):
        pair = f"begin time - {kind}", f"end time - {kind}"
        if has_columns(text, *pair):
            return *pair, factor
    raise SourceError(f"{where}: expected columns 'Begin Time - ss.msec' and 'End Time - ss.msec'")


def _bare(text: str) -> bool:
    first = next(cells(text), None) if "\t" in text[:4096] else None
    return first is not None and _times_s(first[1]) is not None


def _without_header(text: str, where: str) -> list[Marked]:
    """Tier, participant, times, annotation: the times are the cells that look like them."""
    found = []
    for line, row in cells(text):
        times_s = _times_s(row)
        if times_s is None or not row[-1]:
            raise SourceError(f"{where}:{line}: expected tier, begin, end and annotation, got {' | '.join(row)[:80]!r}")
        who = row[1] if len(row) > 2 and row[1] and not _is_time(row[1]) else None
        found.append(Marked(*times_s, row[-1], f"{where}:{line}", who=who, part=row[0] or None))
    return found


def _times_s(row: list[str]) -> tuple[float, float] | None:
    """Begin and end from the first two cells of the clearest way of writing times."""
    for pattern, factor in ((_CLOCK, 1.0), (_DECIMAL, 1.0), (_WHOLE, _MS)):
        times = [cell for cell in row[1:-1] if pattern.fullmatch(cell)]
        if len(times) >= 2:
            return seconds(times[0], "") * factor, seconds(times[1], "") * factor
    return None


def _is_time(cell: str) -> bool:
    return any(pattern.fullmatch(cell) for pattern in (_CLOCK, _DECIMAL, _WHOLE))
