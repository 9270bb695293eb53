"""A report as one HTML file that needs nothing else: style, charts and pictures are inside."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from edgepose_trainer.evaluation.figures import Figure, Table, range_words, words

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --paper: #fff; --card: #f4f6f8; --line: #d9dee4;
  --bar: #2f6fb0; --mark: #1b1f24; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebee; --soft: #9aa5b1; --paper: #14171a; --card: #1e2328;
  --line: #333b44; --bar: #5b9bd9; --mark: #fff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 16px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .5rem; }
p, li { max-width: 46rem; } p { margin: .4rem 0; }
.soft { color: var(--soft); font-size: .9rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .6rem; }
.figure { background: var(--card); border-radius: .5rem; padding: .6rem .8rem; }
.figure b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { font-weight: 600; vertical-align: bottom; white-space: normal; min-width: 6.2rem; }
th:first-child, td:first-child { text-align: left; padding-left: 0; position: sticky; left: 0;
  background: var(--paper); }
td small { display: block; color: var(--soft); }
svg { display: block; width: 100%; max-width: 34rem; height: auto; margin-bottom: 1rem; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
.cases { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: .8rem; }
.cases.strips { grid-template-columns: 1fr; } .cases svg { margin: .4rem auto; }
.curves { display: flex; flex-wrap: wrap; gap: .4rem .8rem; }
.cases figure { margin: 0; background: var(--card); border-radius: .5rem; overflow: hidden; }
.cases img { display: block; width: 100%; height: 13rem; object-fit: contain; background: #000; }
figcaption { padding: .4rem .6rem; font-size: .85rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0; font-size: .92rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 34rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } }
"""


def document(title: str, sections: Iterable[str], script: str = "") -> str:
    """The whole file; a policy inside it keeps browsers from loading anything from elsewhere and from other scripts."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    allowed = f"; script-src 'sha256-{digest}'" if script else ""
    last = f"\n<script>{script}</script>" if script else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        f"style-src 'unsafe-inline'{allowed}\">\n"
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        + "\n".join(sections)
        + f"{last}\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> str:
    """Parts under a heading."""
    return f"<h2>{escape(title)}</h2>\n" + "\n".join(parts)


def paragraph(text: str) -> str:
    """Plain text."""
    return f'<p class="soft">{escape(text)}</p>'


def bullets(texts: Sequence[str]) -> str:
    """A list of plain texts."""
    return f'<ul class="soft">{"".join(f"<li>{escape(text)}</li>" for text in texts)}</ul>'


def cards(figures: Sequence[Figure]) -> str:
    """Large numbers with their intervals."""
    return '<div class="figures">' + "".join(map(_card, figures)) + "</div>"


def _card(figure: Figure) -> str:
    interval = range_words(figure)
    below = f"95 %: {interval}, {figure.count} {figure.of}" if interval else f"{figure.count} {figure.of}"
    return (
        f'<div class="figure">{escape(figure.name)}<b>{escape(words(figure))}</b>'
        f'<span class="soft">{escape(below)}</span></div>'
    )


def table(given: Table) -> str:
    """Value over interval in every cell; then how many joints, people or pictures the figures are of."""
    names = [figure.name for figure in given.rows[0].figures]
    counted = dict.fromkeys(figure.of for figure in given.rows[0].figures)
    head = "".join(f"<th>{escape(name)}</th>" for name in ("", *names, *counted))
    rows = "".join(
        f"<tr><td>{escape(row.of)}</td>{''.join(map(_cell, row.figures))}"
        f"{''.join(f'<td>{_count(row.figures, of)}</td>' for of in counted)}</tr>"
        for row in given.rows
    )
    note = paragraph(given.note) if given.note else ""
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{note}'


def _count(figures: Sequence[Figure], of: str) -> int:
    """The largest: not every figure can judge everything."""
    return max(figure.count for figure in figures if figure.of == of)


def _cell(figure: Figure) -> str:
    interval = range_words(figure)
    return f"<td>{escape(words(figure))}{f'<small>{escape(interval)}</small>' if interval else ''}</td>"


def chart(rows: Sequence[tuple[str, Figure]], most: float = 100) -> str:
    """Bars of 0..``most`` with their intervals."""
    step, left, width = 20, 100, 400
    scale = (width - left - 66) / most
    bars = []
    for number, (name, figure) in enumerate(rows):
        y = number * step
        bars.append(f'<text x="{left - 6}" y="{y + 14}" text-anchor="end">{escape(name)}</text>')
        if not math.isfinite(figure.value):
            continue
        end = left + scale * figure.value
        bars.append(f'<rect x="{left}" y="{y + 3}" width="{end - left:.1f}" height="{step - 6}" fill="var(--bar)"/>')
        if math.isfinite(figure.low):
            low, high = (left + scale * value for value in (figure.low, figure.high))
            bars.append(f'<path d="M{low:.1f} {y + 10}H{high:.1f}" stroke="var(--mark)" stroke-width="1.5"/>')
            end = max(end, high)
        bars.append(f'<text x="{end + 5:.1f}" y="{y + 14}">{escape(words(figure))}</text>')
    high = step * len(rows)
    return f'<svg viewBox="0 0 {width} {high}" role="img" aria-label="bars">{"".join(bars)}</svg>'


def definitions(entries: Mapping[str, str]) -> str:
    """Names and what they are; empty ones are left out."""
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in entries.items() if v) + "</dl>"


def pictures(cases: Iterable[tuple[str, bytes, tuple[int, int]]]) -> str:
    """Captions, JPEG bytes and sizes."""
    return '<div class="cases">' + "".join(_picture(*case) for case in cases) + "</div>"


def _picture(words_: str, jpeg: bytes, size_wh: tuple[int, int]) -> str:
    data = base64.b64encode(jpeg).decode("ascii")
    width, height = size_wh
    return (
        f'<figure><img src="data:image/jpeg;base64,{data}" width="{width}" height="{height}" alt="{escape(words_)}">'
        f"<figcaption>{escape(words_)}</figcaption></figure>"
    )
