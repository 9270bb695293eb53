"""The report of ``edgepose evaluate strokes``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgepose.card import SpotterSpec
from edgepose_trainer.evaluation import curves, drawing, strokes_charts, strokes_worst
from edgepose_trainer.evaluation import page as html
from edgepose_trainer.evaluation.figures import Figure, Row, Table
from edgepose_trainer.evaluation.likeness import mean_curve
from edgepose_trainer.evaluation.spans import labelled
from edgepose_trainer.evaluation.stroke_events import count
from edgepose_trainer.evaluation.strokes_counts import MISSED, NOTHING
from edgepose_trainer.evaluation.strokes_judged import Judged
from edgepose_trainer.evaluation.strokes_tables import FRAMES
from edgepose_trainer.recordings import IDLE

if TYPE_CHECKING:
    from edgepose_trainer.evaluation.strokes import Result

_MOST_GROUPS = 20
_MOST_CURVES = 6
_MOST_PAIRS = 12
_HOW = (
    "Every recording goes through the device's own windows, classifier and spotter, with the thresholds of the model's "
    "card. A left-hander is mirrored where the data say so; otherwise the classifier finds out by itself, as on a "
    "device.",
    "Labels that a data set does not tell apart (a smash where every overhead is a serve) count as its own, their "
    "probabilities are added up.",
    "Windows are judged by the label at their middle, where the data are sure of it. In continuous recordings a stroke "
    "told where the labels leave it open is neither right nor wrong.",
    "The labelled peak is the middle of the labelled span.",
    "Intervals are 95 % bootstrap intervals, drawing whole groups (players, videos or takes) with replacement.",
)


def page(metrics: Mapping[str, Any], result: Result, cases: int) -> str:
    """The whole file."""
    data = metrics["data"]
    of = (
        f"{data['recordings']} recordings of {data['groups']} groups (players, videos or takes), "
        f"{data['seconds']:g} s, {data['strokes']} labelled strokes."
    )
    sections = [html.paragraph(of), html.cards(result.headline), html.bullets(result.remarks)]
    sections += [html.section(table.title, html.table(_short(table))) for table in result.tables]
    sections += [*_confusions(result), *_calibration(result), _importance(result), *_curves(result)]
    sections += [*_likeness(result), *_worst(result, cases)]
    sections.append(html.section("How it was measured", html.bullets(_HOW)))
    sections.append(html.section("The model", html.definitions(_of_model(result))))
    about = {"command": metrics["command"], "data": ", ".join(data["paths"]), "date": metrics["date"]}
    sections.append(html.section("This run", html.definitions(about)))
    return html.document(f"{result.card.name}: stroke evaluation", sections)


def strokes_in(labels: Sequence[str]) -> list[str]:
    """All but idle."""
    return [label for label in labels if label != IDLE]


def confusion(counts: NDArray[np.int64], rows: Sequence[str], columns: Sequence[str]) -> str:
    """Counts, the darker the larger their share of the row; labels that never occur are left out."""
    shown_rows = [i for i in range(len(rows)) if counts[i].any()]
    shown = [j for j in range(len(columns)) if counts[:, j].any() or (j in shown_rows and rows[j] == columns[j])]
    head = "".join(f"<th>{escape(columns[j].replace('_', ' '))}</th>" for j in shown)
    body = "".join(
        f"<tr><td>{escape(rows[i].replace('_', ' '))}</td>"
        f"{''.join(_cell(counts[i], j, rows[i] != NOTHING) for j in shown)}</tr>"
        for i in shown_rows
    )
    corner = "<th>labelled \\ told</th>"
    return f'<div class="wide"><table><thead><tr>{corner}{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(row: NDArray[np.int64], column: int, shares: bool) -> str:
    count, share = int(row[column]), float(row[column]) / max(int(row.sum()), 1)
    if not count:
        return "<td>·</td>"
    if not shares:
        return f"<td>{count}</td>"
    shade = f"background:color-mix(in srgb, var(--bar) {round(60 * share)}%, transparent)"
    return f'<td style="{shade}">{count}<small>{100 * share:.1f} %</small></td>'


def _short(table: Table) -> Table:
    """Where there are many groups those with the worst figures are shown."""
    if table.name != "by_group" or len(table.rows) <= _MOST_GROUPS:
        return table
    worst = sorted(table.rows, key=lambda row: (np.nan_to_num(row.figures[-1].value, nan=101), row.figures[0].value))
    note = f"The worst {_MOST_GROUPS} of {len(table.rows)}; metrics.json has them all. {table.note}"
    return replace(table, rows=tuple(worst[:_MOST_GROUPS]), note=note)


def _confusions(result: Result) -> Iterator[str]:
    if result.strokes.any():
        yield html.section(
            "Strokes: which are taken for which",
            html.paragraph(f"Matched by time alone, within ±{FRAMES} frames of 30 Hz; per cent of the row."),
            confusion(result.strokes, [*result.labels, NOTHING], [*result.labels, MISSED]),
        )
    if result.windows.any():
        yield html.section(
            "Windows: which are taken for which", confusion(result.windows, result.labels, result.labels)
        )


def _calibration(result: Result) -> Iterator[str]:
    if not result.reliability.count.any():
        return
    words = (
        "Windows by the probability of their likeliest label (to the right) and how many of them are right (upwards). "
        "On the diagonal the probabilities are true; bars above it: the model is better than it says. "
        f"Expected calibration error {result.reliability.error:.1f} %."
    )
    chart = drawing.svg(strokes_charts.reliability(result.reliability), wide=True)
    yield html.section("Are the probabilities true?", html.paragraph(words), chart)


def _importance(result: Result) -> str:
    words = (
        "Per cent of what the booster's splits gained, by the joints and the moment of their feature; a feature of two "
        "joints counts half for each. “all”: features of the whole window (extremes, paths, the moment of the fastest "
        "wrist). Right is the hitting side."
    )
    chart = drawing.svg(strokes_charts.importance(result.importance), wide=True)
    return html.section("What the model looks at", html.paragraph(words), f'<div class="wide">{chart}</div>')


def _curves(result: Result) -> Iterator[str]:
    colours = curves.colours_of(strokes_in(result.labels))
    drawn = []
    for one in chosen(result.judged):
        given = curves.curves(one.recording, one.told)
        drawn.append(drawing.svg(curves.drawn(given, colours, *_excerpt(one)), wide=True))
    if drawn:
        words = (
            "Above the place of the hitting wrist with the labelled strokes shaded, below its speed with the strokes "
            f"that the model tells; the line in a span is its peak. At most {curves.ROW_S:g} s of a recording; first "
            "those where most goes wrong."
        )
        yield html.section("Strokes over time", html.paragraph(words), f'<div class="curves">{"".join(drawn)}</div>')


def chosen(judged: Sequence[Judged]) -> list[Judged]:
    """Recordings to draw: half where most goes wrong, the others with the most strokes, of every group in turn."""
    drawable = [one for one in judged if len(one.recording.times_s) > 1]
    wrong = [one for one in sorted(drawable, key=lambda one: -_mistakes(one)) if _mistakes(one)]
    ranked: dict[str, list[Judged]] = {}
    for one in sorted(drawable, key=lambda one: -len(labelled(one.recording))):
        ranked.setdefault(one.recording.group, []).append(one)
    in_turn = [own[n] for n in range(_MOST_CURVES) for own in ranked.values() if n < len(own)]
    both = [*wrong[: _MOST_CURVES // 2], *in_turn]
    return list({one.recording.name: one for one in both}.values())[:_MOST_CURVES]


def _mistakes(one: Judged) -> float:
    hits, told, true = count(one.recording, one.told, FRAMES)[:3]
    return float(told + true - 2 * hits)


def _excerpt(one: Judged) -> tuple[float, float]:
    """The 15 s with the most strokes, labelled and told."""
    times_s = one.recording.times_s
    first, last = float(times_s[0]), float(times_s[-1])
    if last - first <= curves.ROW_S:
        return first, last
    peaks = np.array([span.peak_s for span in (*labelled(one.recording), *one.told)])
    starts = np.arange(first, last - curves.ROW_S + 1e-6, 1.0)
    inside = [int(((peaks >= start) & (peaks <= start + curves.ROW_S)).sum()) for start in starts]
    start = float(starts[int(np.argmax(inside))])
    return start, start + curves.ROW_S


def _likeness(result: Result) -> Iterator[str]:
    if not result.likeness:
        return
    rows = [
        Row(
            f"{row.label.replace('_', ' ')}: {row.player}",
            (
                Figure("mean curves apart", row.distance, unit="", count=row.swings, of="swings"),
                Figure("one swing from the reference, median", row.typical, unit="", count=row.swings, of="swings"),
            ),
        )
        for row in result.likeness
    ]
    note = (
        "Torso lengths along the best alignment in time; 0: the same. Shoulders, elbows and wrists seen from the hips, "
        "whatever the size and place; left-handers in the mirror. The reference's own second column says how much one "
        "swing differs from the next. Other cameras see other curves: compare players filmed from the same side."
    )
    table = html.table(Table("likeness", "", tuple(rows), note))
    key = "Mean curves: thick the hitting wrist, thin its elbow and the other wrist; a square where they begin."
    pairs = html.paragraph(key) + f'<div class="cases">{"".join(_pairs(result))}</div>'
    yield html.section(f"Likeness to {result.wanted.reference}", table, pairs)


def _pairs(result: Result) -> Iterator[str]:
    others = [row for row in result.likeness if np.isfinite(row.distance) and row.distance > 0]
    for row in others[:_MOST_PAIRS]:
        mine = [s for s in result.swings if s.label == row.label and s.player == row.player]
        own = [s for s in result.reference if s.label == row.label]
        names = (row.player, "reference")
        title = f"{row.label.replace('_', ' ')}, {row.distance:.2f} apart"
        chart = strokes_charts.mean_curves(mean_curve(mine), mean_curve(own), title, names)
        yield f"<figure>{drawing.svg(chart, wide=True)}</figure>"


def _worst(result: Result, cases: int) -> Iterator[str]:
    for group in strokes_worst.groups(result.judged, result.labels, FRAMES, cases):
        if not group.cases:
            continue
        words = (
            f"{len(group.cases)} of {group.count}, the worst first. The person's own left is blue, the right orange."
        )
        drawn = "".join(
            f"<figure>{drawing.svg(case.drawing, wide=True)}<figcaption>{escape(case.words)}</figcaption></figure>"
            for case in group.cases
        )
        yield html.section(group.title, html.paragraph(words), f'<div class="cases strips">{drawn}</div>')


def _of_model(result: Result) -> dict[str, str]:
    card, spotter = result.card, result.card.spotter or SpotterSpec()
    window = f"{card.window.frames} samples at {card.window.rate_hz:g} Hz" if card.window else ""
    return {
        "name": card.name,
        "sha256": card.model.sha256,
        "version": card.version,
        "window": window,
        "features": card.features or "",
        "thresholds": f"enter {spotter.enter:g}, leave {spotter.leave:g}, abstain {spotter.abstain:g}",
        "trained on": "; ".join(f"{part.name} ({part.licence})" for part in card.data),
        "licence": card.licence,
        "limits": card.limits,
    }
