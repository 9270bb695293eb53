"""The report of ``edgepose evaluate pose``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgepose.card import Card
from edgepose_trainer.evaluation import page as html
from edgepose_trainer.evaluation.figures import Figure, Table
from edgepose_trainer.evaluation.gallery import Group
from edgepose_trainer.evaluation.people import FOUND_IOU
from edgepose_trainer.pck import SAME_PERSON_IOU

_HOW = (
    "The model is given whole pictures and finds people by itself. Each labelled person gets the one answer that "
    f"overlaps best, by IoU {SAME_PERSON_IOU:g} at least, of the boxes or of boxes round the labelled joints; somebody "
    "without an answer is wrong on every joint.",
    "PCK@0.2: the joint lies within 0.2 of the torso, left shoulder to right hip (right shoulder to left hip where one "
    "of these is not labelled; people with neither are not counted). PCKh@0.5: within half the head, its box's "
    "diagonal or the length from neck to crown, times 1.0 or 0.6.",
    f"Found: the answer's box overlaps the labelled one by IoU {FOUND_IOU:g}. OKS-AP and AR: pycocotools, all answers "
    "ranked by score; all other figures at the score from which the device shows somebody.",
    "Intervals are 95 % bootstrap intervals, drawing pictures with replacement.",
)


def page(
    metrics: Mapping[str, Any], headline: Sequence[Figure], tables: Sequence[Table], drawn: Sequence[Group],
    card: Card | None,
) -> str:  # fmt: skip
    """The whole file."""
    model, data = metrics["model"], metrics["data"]
    of = f"{data['pictures']} pictures, {data['people']} labelled people: {data['chosen']}."
    sections = [html.paragraph(of), html.cards(headline), html.bullets([*metrics["remarks"], *_left_out(metrics)])]
    for table in tables:
        chart = [html.chart([(row.of, row.figures[0]) for row in table.rows])] if table.name == "by_joint" else []
        caption = [html.paragraph(table.rows[0].figures[0].name)] if chart else []
        sections.append(html.section(table.title, *caption, *chart, html.table(table)))
    sections += [
        html.section(
            group.title,
            html.paragraph(_CASE_WORDS),
            html.pictures((case.words, case.jpeg, case.size_wh) for case in group.cases),
        )
        for group in drawn
    ]
    sections.append(html.section("How it was measured", html.bullets(_HOW)))
    sections.append(html.section("The model", html.definitions(_of_model(model, card))))
    about = {"command": metrics["command"], "data": data["folder"], "date": metrics["date"]}
    sections.append(html.section("This run", html.definitions(about)))
    return html.document(f"{model['name']}: pose evaluation", sections)


_CASE_WORDS = "Left the labels, right what the model found. The person's own left is blue, the own right orange."


def _left_out(metrics: Mapping[str, Any]) -> list[str]:
    return [f"Left out: {words}." for words in metrics["left_out"]]


def _of_model(model: Mapping[str, str], card: Card | None) -> dict[str, str]:
    entries = {"name": model["name"], "sha256": model["sha256"]}
    if card is None:
        return {**entries, "card": "none: bare weights"}
    return {
        **entries,
        "version": card.version,
        "runtime": card.runtime,
        "decoder": card.decoder or "",
        "input": " × ".join(map(str, card.input_shape or ())),
        "quantisation": card.quantisation or "",
        "trained on": "; ".join(f"{part.name} ({part.licence})" for part in card.data),
        "licence": card.licence,
        "limits": card.limits,
    }
