"""BORIS (Friard and Gamba 2016): "Export events" and "Export aggregated events" as CSV or TSV.

Events have a row for the START and one for the STOP of a state, aggregated events one row with both times. A point
event is a moment. Lines before the header (media, player, weight of old versions) are left out.
"""

from __future__ import annotations

from edgepose.errors import SourceError
from edgepose_trainer.importers.labels.marked import Marked
from edgepose_trainer.importers.labels.rows import has_columns, seconds, table

_NOBODY = ("", "no focal subject")
_NONE = ("", "na", "nan")


def fits(text: str) -> bool:
    """See ``Form``."""
    return has_columns(text, "behavior", "start (s)", "stop (s)") or has_columns(text, "behavior", "time")


def parse(text: str, where: str) -> list[Marked]:
    """See ``Form``."""
    if has_columns(text, "behavior", "start (s)", "stop (s)"):
        return [_pair(row, f"{where}:{line}") for line, row in table(text, "behavior", "start (s)", "stop (s)")]
    return _events(text, where)


def _pair(row: dict[str, str], at: str) -> Marked:
    start_s = seconds(row.get("start (s)", ""), at)
    stop = row.get("stop (s)", "")
    return _mark(row, start_s, start_s if stop.lower() in _NONE else seconds(stop, at), at)


def _events(text: str, where: str) -> list[Marked]:
    found = []
    begun: dict[tuple[str, ...], tuple[float, str]] = {}
    for line, row in table(text, "behavior", "time"):
        at = f"{where}:{line}"
        time_s = seconds(row.get("time", ""), at)
        who: tuple[str, ...] = (
            row.get("observation id", ""),
            row.get("subject", ""),
            row["behavior"],
            row.get("modifiers", ""),
        )
        kind = (row.get("behavior type") or row.get("status") or "").upper()
        if kind == "START":
            begun[who] = time_s, at
        elif kind == "STOP":
            if who not in begun:
                raise SourceError(f"{at}: {row['behavior']!r} stops without a START before it")
            found.append(_mark(row, begun.pop(who)[0], time_s, at))
        elif kind == "POINT":
            found.append(_mark(row, time_s, time_s, at))
        else:
            raise SourceError(f"{at}: expected behavior type START, STOP or POINT, got {kind!r}")
    for who, (_, at) in begun.items():
        raise SourceError(f"{at}: {who[2]!r} starts and never stops")
    return found


def _mark(row: dict[str, str], start_s: float, end_s: float, at: str) -> Marked:
    subject = row.get("subject", "")
    who = None if subject.lower() in _NOBODY else subject
    return Marked(start_s, end_s, row.get("behavior", ""), at, who=who, part=row.get("observation id") or None)
