"""Delimited text as rows that know their line, and times as tools write them."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator

from edgepose.errors import SourceError

_HEAD = 4096
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:[.,]\d+)?)")


def cells(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line number, stripped cells) of every line that is not empty, cut at the commonest of comma, semicolon, tab."""
    delimiter = max(",;\t", key=text[:_HEAD].count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    for row in reader:
        stripped = [cell.strip() for cell in row]
        if any(stripped):
            yield reader.line_num, stripped


def table(text: str, *needed: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, column -> cell) below the first row that has the ``needed`` columns, whatever stands before it.

    Column names are compared in lower case. Nothing is given when there is no such row.
    """
    header: list[str] | None = None
    for line, row in cells(text):
        if header is not None:
            yield line, dict(zip(header, row, strict=False))
            continue
        lower = [cell.lower() for cell in row]
        if all(name in lower for name in needed):
            header = lower


def has_columns(text: str, *needed: str) -> bool:
    """True when one of the first lines is a header with these columns, in lower case."""
    head = "".join(text.splitlines(keepends=True)[:40])
    try:
        return any(set(needed) <= {cell.lower() for cell in row} for _, row in cells(head))
    except csv.Error:
        return False


def seconds(cell: str, where: str) -> float:
    """ "12.5", "12,5" or "0:00:12.500" -> seconds; raises SourceError."""
    clock = _CLOCK.fullmatch(cell)
    try:
        if clock:
            hours, minutes, rest = clock.groups()
            value = int(hours or 0) * 3600 + int(minutes) * 60 + float(rest.replace(",", "."))
        else:
            value = float(cell.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SourceError(f"{where}: expected a time in seconds or h:mm:ss, got {cell!r}")
    return value
