"""The figures of a lifter evaluation: all, and by joint, view, speed, source, player and take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edgepose.skeletons import H36M17
from edgepose_trainer.errors3d import EVALUATED
from edgepose_trainer.evaluation.figures import Figure, Row, Table, measured
from edgepose_trainer.evaluation.lifter_judged import METRICS, MPJPE, MPJVE, N_MPJPE, P_MPJPE, PCK, Judged
from edgepose_trainer.evaluation.resampling import interval
from edgepose_trainer.joint_errors import joint_errors

Chosen = Callable[[Judged], NDArray[np.bool_]]
"""Recording -> (F,) or (F, 12) which errors count."""
JOINTS = tuple(H36M17.joints[at].replace("_", " ") for at in EVALUATED)
VIEWS_DEG = (0, 30, 60, 90, 120, 150, 180)
TILTS_DEG = (-90, 5, 15, 30, 50, 90)
SPEEDS_M_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, np.inf)
_UNITS = {PCK: "%", "AUC": "%"}
_SHORT = (MPJPE, N_MPJPE, P_MPJPE, PCK)
_DRAWS, _TABLE_DRAWS = 1000, 300


@dataclass(frozen=True, slots=True)
class Frames:
    """How many frames of a kind of 2D were asked for, and what became of them."""

    condition: str
    asked: int
    answered: int
    refused: int
    """Of those asked, without an answer."""
    without_2d: int
    """Of those asked, in which nobody was seen; the window round them may answer all the same."""
    unlabelled: int
    """Frames without any true joint: not asked."""


def conditions(judged: Sequence[Judged]) -> list[str]:
    """In the order in which they come."""
    return list(dict.fromkeys(one.seen.condition for one in judged))


def of(judged: Sequence[Judged], condition: str) -> list[Judged]:
    """Those of one kind of 2D."""
    return [one for one in judged if one.seen.condition == condition]


def frames(judged: Sequence[Judged]) -> list[Frames]:
    """None is lost without being counted."""
    return [_frames(condition, of(judged, condition)) for condition in conditions(judged)]


def figures(
    judged: Sequence[Judged], names: Sequence[str], chosen: Chosen | None = None, draws: int = _DRAWS
) -> list[Figure]:
    """Means over all joints that count, with intervals over takes."""
    return [_figure(judged, name, chosen, draws) for name in names]


def tables(judged: Sequence[Judged]) -> list[Table]:
    """Those in which anything was measured."""
    each = conditions(judged)
    whole = Table("by_2d", "All figures", tuple(Row(name, tuple(figures(of(judged, name), METRICS))) for name in each))
    made = [whole]
    for condition in each:
        part = of(judged, condition)
        suffix = f", {condition}" if len(each) > 1 else ""
        key = condition.split()[0].replace("-", "_")
        made += [
            Table(f"by_joint_{key}", f"By joint{suffix}", tuple(_joints(part)), _SEED),
            Table(f"by_view_{key}", f"By view{suffix}", tuple(_views(part))),
            Table(f"by_tilt_{key}", f"By how steeply the camera looks down{suffix}", tuple(_tilts(part))),
            Table(f"by_speed_{key}", f"By speed of the joint{suffix}", tuple(_speeds(part)), "True, from the hips."),
            Table(f"by_player_{key}", f"By player{suffix}", tuple(_groups(part, lambda one: one.seen.group))),
        ]
        if len({one.seen.source for one in part}) > 1:
            made.append(
                Table(f"by_source_{key}", f"By source{suffix}", tuple(_groups(part, lambda one: one.seen.source)))
            )
    return [table for table in map(measured, made) if table.rows]


_SEED = (
    "Seed: MPJPE as the 3DAT article counts it, null entries at the origin; it equals MPJPE where every labelled joint "
    "was found and none exactly. Labelled and not found: frames."
)


def _frames(condition: str, part: Sequence[Judged]) -> Frames:
    asked = sum(int(one.labelled.sum()) for one in part)
    refused = sum(int(one.refused.sum()) for one in part)
    unlabelled = sum(int((~one.labelled).sum()) for one in part)
    return Frames(condition, asked, asked - refused, refused, sum(one.seen.without_2d for one in part), unlabelled)


def _figure(judged: Sequence[Judged], name: str, chosen: Chosen | None, draws: int) -> Figure:
    counts = np.array([_sums(one, name, chosen) for one in judged]).reshape(-1, 2)
    takes = np.array([one.seen.take for one in judged])
    low, high = interval(counts, takes, _mean, draws=draws)
    total, count = counts.sum(axis=0)
    there = len({take for take, (_, known) in zip(takes.tolist(), counts, strict=True) if known})
    value = float(total / count) if count else float("nan")
    return Figure(name, value, low, high, _UNITS.get(name, "mm"), there, "takes")


def _sums(one: Judged, name: str, chosen: Chosen | None) -> tuple[float, float]:
    errors = one.errors[name]
    if chosen is not None:
        if name == MPJVE:
            raise ValueError("steps belong to no frame that could be chosen")
        mask = chosen(one)
        errors = np.where(mask if mask.ndim == 2 else mask[:, None], errors, np.nan)
    known = np.isfinite(errors)
    return float(errors[known].sum()), float(known.sum())


def _mean(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    total, count = counts[..., 0], counts[..., 1]
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def _joints(part: Sequence[Judged]) -> Iterator[Row]:
    found, truth = (
        np.concatenate(points) for points in zip(*((one.found, one.seen.truth) for one in part), strict=True)
    )
    plain = joint_errors(found[:, EVALUATED], truth[:, EVALUATED])
    seed = joint_errors(found[:, EVALUATED], truth[:, EVALUATED], seed=True)
    for at, joint in enumerate(JOINTS):
        of_joint = figures(part, _SHORT, partial(_column, at), _TABLE_DRAWS)
        extra = (
            Figure("seed MPJPE", 1000 * float(seed.per_joint[at]), unit="mm", of="takes"),
            Figure("labelled", float(plain.labelled[at]), unit="count", of="takes"),
            Figure("not found", float(plain.missing[at]), unit="count", of="takes"),
        )
        yield Row(joint, (*of_joint, *extra))


def _column(at: int, one: Judged) -> NDArray[np.bool_]:
    chosen = np.zeros_like(one.errors[MPJPE], np.bool_)
    chosen[:, at] = True
    return chosen


def _views(part: Sequence[Judged]) -> Iterator[Row]:
    names = {0: " (from the front)", 90: "", 150: " (from behind)", 60: " (from the side)"}
    for low, high in pairwise(VIEWS_DEG):
        inside = partial(_seen_from, low, high)
        yield Row(f"{low}–{high}°{names.get(low, '')}", tuple(figures(part, _SHORT, inside, _TABLE_DRAWS)))


def _seen_from(low: float, high: float, one: Judged) -> NDArray[np.bool_]:
    return np.asarray((one.view_deg >= low) & ((one.view_deg < high) | (high == VIEWS_DEG[-1])))


def _tilts(part: Sequence[Judged]) -> Iterator[Row]:
    for low, high in pairwise(TILTS_DEG):
        inside = [one for one in part if low <= one.tilt_deg < high]
        name = f"< {high}°" if low == TILTS_DEG[0] else f"≥ {low}°" if high == TILTS_DEG[-1] else f"{low}–{high}°"
        if inside:
            yield Row(name, tuple(figures(inside, _SHORT, None, _TABLE_DRAWS)))


def _speeds(part: Sequence[Judged]) -> Iterator[Row]:
    for low, high in pairwise(SPEEDS_M_S):
        name = f"< {high:g} m/s" if low == 0 else f"≥ {low:g} m/s" if high == np.inf else f"{low:g}–{high:g} m/s"
        yield Row(name, tuple(figures(part, _SHORT, partial(_moves, low, high), _TABLE_DRAWS)))


def _moves(low: float, high: float, one: Judged) -> NDArray[np.bool_]:
    return np.asarray((one.speed_m_s >= low) & (one.speed_m_s < high))


def _groups(part: Sequence[Judged], name: Callable[[Judged], str]) -> Iterator[Row]:
    for group in sorted({name(one) for one in part}):
        yield Row(
            group, tuple(figures([one for one in part if name(one) == group], (*_SHORT, MPJVE), None, _TABLE_DRAWS))
        )
