"""The demo's summary as one HTML file that needs nothing else: style and pictures are inside."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --paper: #fff; --card: #f4f6f8; --line: #d9dee4;
  --right: #1a7f4b; --wrong: #b35c00; --missed: #6b7480; --false: #b3261e; --told: #2f6fb0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebee; --soft: #9aa5b1; --paper: #14171a; --card: #1e2328;
  --line: #333b44; --right: #56c28a; --wrong: #e69a47; --missed: #9aa5b1; --false: #ef7b73; --told: #6fb0ec; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 70rem; background: var(--paper); color: var(--ink);
  font: 16px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 1.8rem 0 .5rem; }
p { max-width: 46rem; margin: .4rem 0; } .soft { color: var(--soft); font-size: .9rem; }
.result { font-size: 1.15rem; font-weight: 600; max-width: none; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .6rem; }
.card { background: var(--card); border-radius: .5rem; padding: .6rem .8rem; }
.card b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
img.moving { display: block; width: 100%; height: auto; border-radius: .5rem; background: #000; }
svg { display: block; min-width: 46rem; width: 100%; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: var(--ink); } svg .soft { fill: var(--soft); }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
th:first-child, td:first-child { padding-left: 0; }
td.number, th.number { text-align: right; }
.right { color: var(--right); } .wrong { color: var(--wrong); } .missed { color: var(--missed); }
.false { color: var(--false); }
.stills { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: .8rem; }
figure { margin: 0; background: var(--card); border-radius: .5rem; overflow: hidden; }
figure img { display: block; width: 100%; height: auto; background: #000; }
figcaption { padding: .4rem .6rem; font-size: .85rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0; font-size: .92rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
"""
_LEFT, _WIDE, _LANE = 90, 960, 34
_PER_LETTER = 6.4
"""px of the timeline's letters."""
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
_MOST_TICKS = 24


@dataclass(frozen=True, slots=True)
class Mark:
    """A stroke on a lane of the timeline."""

    start_s: float
    end_s: float
    words: str
    verdict: str
    """right, wrong, missed, false or told."""


@dataclass(frozen=True, slots=True)
class Still:
    """A picture with what is to be said of it."""

    jpeg: bytes
    words: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Cell:
    """Of a table."""

    words: str
    verdict: str = ""
    number: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """All that the page shows, in its order; what is empty is left out."""

    title: str
    result: str
    cards: Sequence[tuple[str, str, str]]
    """Name, value, what it means."""
    webp: bytes | None
    lanes: Mapping[str, Sequence[Mark]]
    span_s: float
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    stills: Sequence[Still]
    facts: Mapping[str, str] = field(default_factory=dict)


def document(page: Page) -> str:
    """The whole file; a policy inside keeps browsers from loading anything from elsewhere, and from scripts."""
    parts = [f'<h1>{escape(page.title)}</h1><p class="result">{escape(page.result)}</p>', _cards(page)]
    if page.webp:
        parts.append(_section("What the device saw, and the people in 3D", _moving(page.webp)))
    if any(page.lanes.values()):
        parts.append(_section("When", f'<div class="wide">{_timeline(page)}</div>'))
    if page.rows:
        parts.append(_section("Stroke by stroke", f'<div class="wide">{_table(page)}</div>'))
    if page.stills:
        parts.append(_section("At the peak of each", f'<div class="stills">{"".join(map(_still, page.stills))}</div>'))
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in page.facts.items() if value)
    parts.append(_section("How", f"<dl>{facts}</dl>"))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{escape(page.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<h2>{escape(title)}</h2>\n{body}"


def _cards(page: Page) -> str:
    made = (
        f'<div class="card">{escape(name)}<b>{escape(value)}</b><span class="soft">{escape(note)}</span></div>'
        for name, value, note in page.cards
    )
    return f'<div class="cards">{"".join(made)}</div>'


def _moving(webp: bytes) -> str:
    data = base64.b64encode(webp).decode("ascii")
    return f'<img class="moving" src="data:image/webp;base64,{data}" alt="video with skeletons, 3D beside it">'


def _timeline(page: Page) -> str:
    scale = (_WIDE - _LEFT - 10) / max(page.span_s, 1e-3)
    parts = []
    for row, (name, marks) in enumerate(page.lanes.items()):
        y = row * _LANE
        parts.append(f'<text x="0" y="{y + 25}">{escape(name)}</text>')
        parts.append(f'<path d="M{_LEFT} {y + 29}H{_WIDE - 10}" stroke="var(--line)"/>')
        parts += _marks(marks, y, scale)
    high = len(page.lanes) * _LANE
    tick_s = next((tick for tick in _TICKS if page.span_s / tick <= _MOST_TICKS), _TICKS[-1])
    for number in range(int(page.span_s // tick_s) + 1):
        x = _LEFT + number * tick_s * scale
        parts.append(f'<text class="soft" x="{x:.1f}" y="{high + 14}" text-anchor="middle">{number * tick_s}</text>')
    words = f'<text class="soft" x="0" y="{high + 14}">seconds</text>'
    return f'<svg viewBox="0 0 {_WIDE} {high + 20}" role="img" aria-label="timeline">{"".join(parts)}{words}</svg>'


def _marks(marks: Sequence[Mark], y: int, scale: float) -> list[str]:
    """Bars, with words over them where the next ones leave room."""
    parts, free = [], 0.0
    for mark in sorted(marks, key=lambda mark: mark.start_s):
        x, wide = _LEFT + mark.start_s * scale, max((mark.end_s - mark.start_s) * scale, 2.0)
        told = f"<title>{escape(f'{mark.words}, {mark.start_s:.2f} s')}</title>"
        place = f'x="{x:.1f}" y="{y + 19}" width="{wide:.1f}" height="9" rx="2"'
        parts.append(f'<rect {place} fill="var(--{mark.verdict})">{told}</rect>')
        half = _PER_LETTER * len(mark.words) / 2
        if x + wide / 2 - half >= free:
            parts.append(f'<text x="{x + wide / 2:.1f}" y="{y + 14}" text-anchor="middle">{escape(mark.words)}</text>')
            free = x + wide / 2 + half
    return parts


def _table(page: Page) -> str:
    numbers = [cell.number for cell in page.rows[0]]
    head = "".join(_cell("th", Cell(name, number=number)) for name, number in zip(page.head, numbers, strict=True))
    rows = "".join(f"<tr>{''.join(_cell('td', cell) for cell in row)}</tr>" for row in page.rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(tag: str, cell: Cell) -> str:
    kinds = " ".join(filter(None, (cell.verdict, "number" if cell.number else "")))
    return f'<{tag} class="{kinds}">{escape(cell.words)}</{tag}>'


def _still(still: Still) -> str:
    data = base64.b64encode(still.jpeg).decode("ascii")
    return (
        f'<figure><img src="data:image/jpeg;base64,{data}" alt="{escape(still.words)}">'
        f'<figcaption class="{still.verdict}">{escape(still.words)}</figcaption></figure>'
    )
