"""Figures with intervals and tables of them, as the report shows them and as metrics.json keeps them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FORMAT = "edgepose-evaluation/1"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; NaN where there was nothing to measure."""

    name: str
    value: float
    low: float = math.nan
    high: float = math.nan
    """95 % bootstrap interval."""
    unit: str = "%"
    count: int = 0
    of: str = "joints"
    """What ``count`` counts."""


@dataclass(frozen=True, slots=True)
class Row:
    """What its figures are of: a joint, a size, a source."""

    of: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with the same figures in the same order."""

    name: str
    """For machines: by_joint."""
    title: str
    rows: tuple[Row, ...]
    note: str = ""


def as_json(figure: Figure) -> dict[str, Any]:
    """NaN is null."""
    return {
        "name": figure.name,
        "value": _number(figure.value),
        "low": _number(figure.low),
        "high": _number(figure.high),
        "unit": figure.unit,
        "count": figure.count,
        "of": figure.of,
    }


def table_as_json(table: Table) -> dict[str, Any]:
    """With all its figures."""
    rows = [{"of": row.of, "figures": [as_json(figure) for figure in row.figures]} for row in table.rows]
    return {"name": table.name, "title": table.title, "note": table.note, "rows": rows}


def measured(table: Table) -> Table:
    """Without the columns and rows in which nothing was measured."""
    columns = range(len(table.rows[0].figures) if table.rows else 0)
    kept = [c for c in columns if any(math.isfinite(row.figures[c].value) for row in table.rows)]
    rows = [Row(row.of, tuple(row.figures[c] for c in kept)) for row in table.rows]
    filled = [row for row in rows if any(math.isfinite(figure.value) for figure in row.figures)]
    return Table(table.name, table.title, tuple(filled), table.note)


def words(figure: Figure) -> str:
    """The value with its unit, for people."""
    if not math.isfinite(figure.value):
        return "—"
    return f"{figure.value:.{_digits(figure)}f}{'' if figure.unit in ('', 'count') else f' {figure.unit}'}"


def range_words(figure: Figure) -> str:
    """ "48.1–52.0", or nothing."""
    if not math.isfinite(figure.low):
        return ""
    digits = _digits(figure)
    between = "–" if figure.low >= 0 else " to "
    return f"{figure.low:.{digits}f}{between}{figure.high:.{digits}f}"


def lines(figures: Sequence[Figure]) -> list[str]:
    """For a terminal."""
    return [
        f"{figure.name:<32} {words(figure):>8}  {range_words(figure):<12} {figure.count} {figure.of}".rstrip()
        for figure in figures
    ]


def _digits(figure: Figure) -> int:
    return {"%": 1, "mm": 1, "ms": 0, "count": 0}.get(figure.unit, 2)


def _number(value: float) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None
