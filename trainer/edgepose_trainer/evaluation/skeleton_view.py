"""The interactive 3D view of a report: what the page holds of it; ``skeleton_view.js`` draws."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgepose.skeletons import H36M17
from edgepose_trainer.evaluation.lifter_data import RATE_HZ, Float64
from edgepose_trainer.evaluation.lifter_judged import MPJPE, Judged
from edgepose_trainer.evaluation.lifter_tables import conditions, of

MOST_FRAMES = 300
_UNKNOWN = -32768
_REACH_MM = 30_000
_BOX = """<div id="view3d" class="view3d">
<p><select data-is="clip" aria-label="recording"></select> <span class="soft" data-is="note"></span></p>
<canvas tabindex="0" role="img" aria-label="true pose and answer in 3D; arrow keys turn, space plays"></canvas>
<p class="controls"><button type="button" data-is="play">Play</button>
<input type="range" min="0" max="0" value="0" data-is="frame" aria-label="frame"> <span data-is="time"></span></p>
<p class="controls"><label><input type="checkbox" checked data-is="truth"> truth (grey)</label>
<label><input type="checkbox" checked data-is="answer"> answer (own left blue, right orange)</label>
<button type="button" data-is="camera">as the camera</button>
<button type="button" data-is="side">from the side</button>
<button type="button" data-is="above">from above</button></p>
</div>"""


def script() -> str:
    """For the page's end."""
    return (Path(__file__).parent / "skeleton_view.js").read_text(encoding="utf-8")


def view(judged: Sequence[Judged]) -> str:
    """The best, middle and worst recording of every kind of 2D, to be turned and played; "" when there is none."""
    clips = [
        _clip(one, f"{condition}, {which}: {one.seen.name}")
        for condition in conditions(judged)
        for which, one in picked(of(judged, condition))
    ]
    if not clips:
        return ""
    data = {"joints": H36M17.joints, "edges": [_edge(*edge) for edge in H36M17.edges], "clips": clips}
    text = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")
    return f'{_BOX}\n<script type="application/json" id="view3d-data">{text}</script>'


def picked(part: Sequence[Judged]) -> list[tuple[str, Judged]]:
    """The worst, the middle and the best recording by their mean error, each once."""
    measured = [(mean, one) for one in part if np.isfinite(mean := mean_error(one))]
    ranked = [one for _, one in sorted(measured, key=lambda pair: pair[0])]
    places = {"worst": len(ranked) - 1, "middle": (len(ranked) - 1) // 2, "best": 0}
    chosen: dict[int, str] = {}
    for which, place in places.items():
        if ranked:
            chosen.setdefault(place, which)
    return [(which, ranked[place]) for place, which in chosen.items()]


def level(up: Float64) -> Float64:
    """(3, 3) rows are the axes of a level camera, x right, y down, z away, in those of the tilted one."""
    down = -up / np.linalg.norm(up)
    away = np.array([0.0, 0.0, 1.0]) - down[2] * down
    away /= max(float(np.linalg.norm(away)), 1e-9)
    return np.stack([np.cross(down, away), down, away])


def mean_error(one: Judged) -> float:
    """MPJPE of one recording, mm; NaN without an answer."""
    known = one.errors[MPJPE][np.isfinite(one.errors[MPJPE])]
    return float(known.mean()) if len(known) else float("nan")


def frame_errors(one: Judged) -> Float64:
    """(F,) mean error of every frame, mm; NaN without an answer."""
    known = np.isfinite(one.errors[MPJPE])
    total, count = np.where(known, one.errors[MPJPE], 0).sum(axis=1), known.sum(axis=1)
    return np.asarray(np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0))


def _clip(one: Judged, name: str) -> dict[str, Any]:
    errors = frame_errors(one)
    worst = int(np.nanargmax(errors))
    first = int(np.clip(worst - MOST_FRAMES // 2, 0, max(len(errors) - MOST_FRAMES, 0)))
    part = slice(first, first + MOST_FRAMES)
    step = np.median(np.diff(one.seen.times_s)) if len(errors) > 1 else 1 / RATE_HZ
    return {
        "name": name,
        "note": f"{mean_error(one):.0f} mm on average; begins at its worst frame, {one.seen.times_s[worst]:.2f} s",
        "rate": round(float(1 / step), 3),
        "from_s": round(float(one.seen.times_s[first]), 3),
        "start": worst - first,
        "errors": [round(value, 1) if np.isfinite(value) else None for value in errors[part].tolist()],
        "tilt": round(float(np.radians(one.tilt_deg)), 4),
        "truth": _packed(one.seen.truth[part] @ level(np.array(one.seen.up)).T),
        "found": _packed(one.found[part] @ level(np.array(one.seen.up)).T),
    }


def _packed(points: Float64) -> str:
    """(F, 17, 3) metres -> whole mm as base64 of little-endian int16."""
    mm = np.clip(points * 1000, -_REACH_MM, _REACH_MM).round()
    whole = np.where(np.isfinite(points).all(axis=2, keepdims=True), mm, _UNKNOWN)
    return base64.b64encode(whole.astype("<i2").tobytes()).decode("ascii")


def _edge(a: int, b: int) -> tuple[int, int, str]:
    sides = {H36M17.joints[joint].partition("_")[0] for joint in (a, b)} & {"left", "right"}
    return a, b, sides.pop() if len(sides) == 1 else ""
