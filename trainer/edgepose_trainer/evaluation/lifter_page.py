"""The report of ``edgepose evaluate lifter``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from edgepose.card import Card
from edgepose.lifting import CARD_HEIGHT_M
from edgepose_trainer.evaluation import heatmap, skeleton_view
from edgepose_trainer.evaluation import page as html
from edgepose_trainer.evaluation.drawing import svg
from edgepose_trainer.evaluation.figures import Figure, Table
from edgepose_trainer.evaluation.lifter_judged import MPJPE, Judged
from edgepose_trainer.evaluation.lifter_tables import JOINTS, Frames, conditions, of
from edgepose_trainer.evaluation.lifter_worst import worst

_STYLE = """<style>
.figure b { font-size: 1.35rem; white-space: nowrap; }
.view3d { max-width: 46rem; } .view3d canvas { width: 100%; height: 27rem; touch-action: none; cursor: grab;
  background: var(--card); border-radius: .5rem; display: block; }
.view3d .controls { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center; }
.view3d p { max-width: none; }
.view3d input[type=range] { flex: 1; min-width: 9rem; } .view3d select { max-width: 100%; }
.view3d [data-is=time] { min-width: 9rem; font-variant-numeric: tabular-nums; }
.worst { display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: .8rem; }
.worst figure { margin: 0; background: var(--card); border-radius: .5rem; padding: .4rem; } .worst svg { margin: 0; }
</style>"""
_HOW = (
    "Judged joints: shoulders, elbows, wrists, hips, knees, ankles (contracts §7), from the middle of the hips, in "
    "camera axes, millimetres. A joint that the recording does not know counts for nothing; one that the lifter did "
    "not answer counts for nothing in the means, is wrong in 3DPCK and AUC, and is counted.",
    f"MPJPE: mean distance; the lifter takes everybody for {CARD_HEIGHT_M:g} m tall. Height known: the answer times "
    f"the player's height / {CARD_HEIGHT_M:g} m. N-MPJPE: after the best scale of each pose; P-MPJPE: after the best "
    "rotation, shift and scale.",
    "MPJVE: mean length of the difference between true and told steps, mm a frame over consecutive frames of 30 Hz. "
    "3DPCK@150: joints within 150 mm. AUC: its mean over limits of 0, 5 … 150 mm.",
    "Takes are seen at 30 Hz by virtual cameras, the same for the same take: any side, 4 to 25 m away, 0.5 to 6 m "
    "high, 1280 × 720 px, turned to the take's middle, those preferred that see all of it. Exact, and with noise: "
    "σ 2.5 % of the torso in every joint, alike from frame to frame, confidence that falls with it, 5 % of joints "
    "missing, 1 % of samples with left and right exchanged.",
    "View: the angle on the ground between where hips and shoulders face and the direction to the camera. Recorded "
    "cameras are taken to be level.",
    "Intervals are 95 % bootstrap intervals, drawing takes (with all their cameras) with replacement.",
)


def page(
    metrics: Mapping[str, Any], headline: Mapping[str, Sequence[Figure]], tables: Sequence[Table],
    judged: Sequence[Judged], counted: Sequence[Frames], card: Card, cases: int,
) -> str:  # fmt: skip
    """The whole file."""
    data = metrics["data"]
    sections = [
        _STYLE,
        html.paragraph(f"{data['takes']} takes, {data['recordings']} recordings: {metrics['way_words']}"),
    ]
    for condition, figures in headline.items():
        sections.append(html.section(condition[0].upper() + condition[1:], html.cards(figures)))
    sections.append(html.bullets([*map(_said, counted), *metrics["remarks"]]))
    sections.append(html.section("True pose and answer", _VIEW_WORDS, skeleton_view.view(judged)))
    sections.append(html.section("Joints and frames", _MAP_WORDS, *_heat_maps(judged)))
    sections += [_table(table) for table in tables]
    sections.append(html.section("The worst frames", _WORST_WORDS, _worst(judged, cases)))
    sections.append(html.section("How it was measured", html.bullets(_HOW)))
    sections.append(
        html.section("The model", html.definitions(_of_model(metrics["model"], card)), *_card_figures(card))
    )
    about = {"command": metrics["command"], "data": ", ".join(data["paths"]), "date": metrics["date"]}
    sections.append(html.section("This run", html.definitions(about)))
    return html.document(f"{card.name}: lifter evaluation", sections, skeleton_view.script())


_VIEW_WORDS = html.paragraph("Drag turns the view. For every kind of 2D the worst, the middle and the best recording.")
_MAP_WORDS = html.paragraph(
    f"Errors of every joint in every frame, dark exact, bright {heatmap.MOST_MM:.0f} mm and more; where nothing is "
    "drawn, the truth or the answer is missing. For every kind of 2D the worst and the middle recording."
)
_WORST_WORDS = html.paragraph(
    "Truth grey; of the answer and the 2D the person's own left is blue, the own right orange."
)


def _said(counted: Frames) -> str:
    words = f"{counted.condition}: {counted.asked} frames asked, {counted.answered} answered, "
    words += f"{counted.refused} without an answer"
    words += f"; in {counted.without_2d} nobody was seen in 2D" if counted.without_2d else ""
    return words + (f"; {counted.unlabelled} frames without truth not asked." if counted.unlabelled else ".")


def _heat_maps(judged: Sequence[Judged]) -> list[str]:
    made = []
    for condition in conditions(judged):
        for which, one in skeleton_view.picked(of(judged, condition))[:2]:
            words = f"{condition}, {which}: {one.seen.name}, {skeleton_view.mean_error(one):.0f} mm"
            drawn = heatmap.drawn(one.errors[MPJPE], JOINTS, one.seen.times_s, f"heat map, {words}")
            made.append(f"<h3>{escape(words)}</h3>{drawn}")
    return made


def _table(table: Table) -> str:
    parts = []
    if table.name.startswith(("by_joint", "by_view", "by_tilt", "by_speed")):
        rows = [(row.of.partition(" (")[0], row.figures[0]) for row in table.rows]
        ends = [value for _, figure in rows for value in (figure.value, figure.high) if math.isfinite(value)]
        parts = [html.paragraph(table.rows[0].figures[0].name), html.chart(rows, max(ends, default=1.0))]
    return html.section(table.title, *parts, html.table(table))


def _worst(judged: Sequence[Judged], cases: int) -> str:
    figures = [
        f"<figure>{svg(case.drawing)}<figcaption>{escape(case.words)}</figcaption></figure>"
        for case in worst(judged, cases)
    ]
    return f'<div class="worst">{"".join(figures)}</div>'


def _of_model(model: Mapping[str, str], card: Card) -> dict[str, str]:
    window = f"{card.window.frames} samples at {card.window.rate_hz:g} Hz" if card.window else ""
    return {
        "name": model["name"],
        "sha256": model["sha256"],
        "version": card.version,
        "runtime": card.runtime,
        "sees": f"{card.skeleton or ''} {card.features or ''}, {window}",
        "answers": card.output_skeleton or "",
        "normalisation": card.normalisation or "",
        "quantisation": card.quantisation or "",
        "trained on": "; ".join(f"{part.name} ({part.licence})" for part in card.data),
        "licence": card.licence,
        "limits": card.limits,
    }


def _card_figures(card: Card) -> list[str]:
    if not card.figures:
        return []
    said = [f"{figure.name}: {figure.value:g} {figure.unit}, {figure.data}" for figure in card.figures]
    return [html.paragraph("Figures of the card, measured when it was made:"), html.bullets(said)]
