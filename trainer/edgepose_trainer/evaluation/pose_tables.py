"""The tables of a pose evaluation: by source, size and joint, and people who are not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from edgepose.skeletons import COCO17
from edgepose.types import Array
from edgepose_trainer.evaluation.figures import Figure, Row, Table, measured
from edgepose_trainer.evaluation.people import FOUND_IOU, People, strangers
from edgepose_trainer.pck import HEAD_FACTORS, interval, per_cent
from edgepose_trainer.pose.pictures import LIMBS, Picture
from edgepose_trainer.pose.validation import Found

HEIGHTS_PX = (0, 48, 96, 192)
SHARES = (0.0, 0.15, 0.3, 0.6)
_EVERYBODY = slice(None)


def overall(people: People, chosen: Array | slice = _EVERYBODY) -> tuple[Figure, ...]:
    """The figures of some of the people."""
    groups = people.picture[chosen]
    right = people.right[chosen]
    return (
        _rate("PCK@0.2 limbs", right[:, LIMBS], groups),
        _rate("PCK@0.2 all joints", right, groups),
        *(_rate(f"PCKh@0.5 (head × {factor:g})", people.pckh(factor)[chosen], groups) for factor in HEAD_FACTORS),
        _rate(f"found (IoU ≥ {FOUND_IOU:g})", people.found[chosen], groups, "people"),
    )


def tables(people: People, pictures: Sequence[Picture], found: Sequence[Found]) -> list[Table]:
    """Those in which anything was measured."""
    sources = [Row(str(name), overall(people, people.source == name)) for name in np.unique(people.source)]
    made = [
        Table("by_source", "By source", tuple(sources)),
        Table(
            "by_height",
            "By height of the person's box, px of the picture",
            tuple(Row(f"{name} px", overall(people, chosen)) for name, chosen in _bins(people.height_px, HEIGHTS_PX)),
        ),
        Table(
            "by_share",
            "By height of the person's box, per cent of the picture's height",
            tuple(
                Row(f"{name} %", overall(people, c)) for name, c in _bins(100 * people.share, 100 * np.array(SHARES))
            ),
            "A network sees the whole picture shrunk to its input: this decides how many pixels are left of a person.",
        ),
        Table("by_joint", "By joint", tuple(_joints(people))),
        Table(
            "strangers",
            "People found who are not there, a picture",
            tuple(_strangers(pictures, found)),
            "Only where everybody is labelled. Doubles of somebody count; in labelled crowds nobody can tell.",
        ),
    ]
    return [table for table in map(measured, made) if table.rows]


def _rate(name: str, right: Array, groups: Array, of: str = "joints") -> Figure:
    low, high = interval(right, groups)
    return Figure(name, per_cent(right), low, high, "%", int(np.isfinite(right).sum()), of)


def _bins(values: Array, edges: Sequence[float] | Array) -> Iterator[tuple[str, Array]]:
    """ "< 48", "48–96", …, "≥ 192" and who is in it."""
    for low, high in zip(edges, [*edges[1:], np.inf], strict=True):
        name = f"< {high:g}" if low == 0 else f"≥ {low:g}" if high == np.inf else f"{low:g}–{high:g}"
        yield name, (values >= low) & (values < high)


def _joints(people: People) -> Iterator[Row]:
    heads = [(factor, people.pckh(factor)) for factor in HEAD_FACTORS]
    for index, joint in enumerate(COCO17.joints):
        figures = [_rate("PCK@0.2", people.right[:, [index]], people.picture)]
        figures += [_rate(f"PCKh@0.5 (head × {f:g})", rows[:, [index]], people.picture) for f, rows in heads]
        yield Row(joint.replace("_", " "), tuple(figures))


def _strangers(pictures: Sequence[Picture], found: Sequence[Found]) -> Iterator[Row]:
    judged = [(p, int(strangers(p, seen).sum())) for p, seen in zip(pictures, found, strict=True) if p.everyone]
    for empty, words in ((True, "nobody there"), (False, "with people")):
        counts = np.array([n for p, n in judged if empty == (not p.people and not len(p.crowds))], float)
        if len(counts):
            low, high = interval(counts[:, None])
            mean = float(counts.mean())
            yield Row(words, (Figure("people", mean, low / 100, high / 100, "", len(counts), "pictures"),))
