"""What the demo leaves: the animation and the page, from what was seen and heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgepose.cli.watching import Comparison, Footage
from edgepose.summary_page import Cell, Mark, Page, Still, document

if TYPE_CHECKING:
    from edgepose.comparing import Judged
    from edgepose.session import Poses, Poses3D
    from edgepose.types import Array

PAGE, ANIMATION, ANNOTATED, EVENTS, SESSION = "index.html", "animation.mp4", "annotated.mp4", "events.jsonl", "session"
_MOVING_PX, _MOVING_HZ = 300, 10.0
_MOST_STILLS = 24
_HALF_S = 0.43
"""How long a stroke without an end of its own is drawn: as long as labels of made sessions."""
Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One source, watched to its end."""

    footage: Footage
    out: Path
    events: Sequence[Event]
    """As the subscriber got them."""
    poses: Poses
    lifted: Poses3D | None
    comparison: Comparison | None

    @property
    def result(self) -> str:
        """In one line."""
        if self.comparison is not None:
            return str(self.comparison.strokes)
        people = len({event["track"] for event in self.events})
        return f"{len(self.events)} strokes of {people} people"

    @property
    def frames(self) -> Array:
        """(F,) indices of all frames, people in them or not: picture n of the annotated video is the nth."""
        return np.union1d(self.poses.frame, self.poses.empty_frame)


def write(outcome: Outcome) -> None:
    """``animation.mp4`` and the page; raises EdgePoseError when the video cannot be read or written."""
    moving = _animated(outcome) or outcome.out / ANNOTATED
    page = _page(outcome, moving)
    (outcome.out / PAGE).write_text(document(page), encoding="utf-8")


def _animated(outcome: Outcome) -> Path | None:
    """The annotated video with the people in 3D beside it; None when nobody was lifted."""
    from edgepose import animation

    path = outcome.out / ANIMATION
    path.unlink(missing_ok=True)
    lifted = outcome.lifted
    if lifted is None or not np.isfinite(lifted.keypoints).all(axis=2).any():
        return None
    pictures = np.searchsorted(outcome.frames, lifted.frame).astype(np.int64)
    look = animation.Look(video=outcome.out / ANNOTATED)
    animation.animate(replace(lifted, frame=pictures), path, look)
    return path


def _page(outcome: Outcome, moving: Path) -> Page:
    from edgepose import excerpts

    comparison = outcome.comparison
    times_s = np.concatenate([outcome.poses.time_s, outcome.poses.empty_time_s])
    head, rows = _told_rows(outcome.events) if comparison is None else _judged_rows(comparison)
    return Page(
        title=f"EdgePose demo: {outcome.footage.name}",
        result=outcome.result,
        cards=_cards(outcome),
        webp=excerpts.moving(moving, _MOVING_PX, _MOVING_HZ),
        lanes=_lanes(outcome),
        span_s=float(times_s.max()) if len(times_s) else 1.0,
        head=head,
        rows=rows,
        stills=_stills(outcome),
        facts=_facts(outcome),
    )


def _cards(outcome: Outcome) -> list[tuple[str, str, str]]:
    cards = []
    found = outcome.comparison
    if found is not None:
        right, total = found.strokes.count("right"), len(found.strokes.judged)
        near = f"{100 * right / max(total, 1):.0f} % with the right label within ±10 frames"
        cards.append(("Strokes", f"{right} of {total}", near))
        cards.append(("False strokes", str(len(found.strokes.false)), "events where nobody struck"))
    if found is not None and found.seen is not None:
        cards.append(("2D error", f"{100 * found.seen.error:.1f} %", "of a torso's length, mean of all joints"))
        cards.append(("People found", f"{100 * found.seen.found:.1f} %", "of all people in all frames"))
    if found is not None and found.n_mpjpe_m is not None:
        cards.append(("3D error", f"{1000 * found.n_mpjpe_m:.0f} mm", "N-MPJPE, 12 joints of the limbs"))
    cards.append(("Events", str(len(outcome.events)), "received over MQTT by the subscriber"))
    return cards


def _lanes(outcome: Outcome) -> dict[str, list[Mark]]:
    """True strokes over what was told of each player; without truth what was told of each track."""
    lanes: dict[str, list[Mark]] = {}
    if outcome.comparison is None:
        for event in sorted(outcome.events, key=lambda event: event["track"]):
            media = event["media"]
            mark = Mark(media["start_s"], media["end_s"], event["label"], "told")
            lanes.setdefault(f"#{event['track']}", []).append(mark)
        return lanes
    strokes = outcome.comparison.strokes
    for one in sorted(strokes.judged, key=lambda one: (one.truth.track or 0, one.peak_s)):
        name = _player(one)
        true = Mark(one.truth.start_s, one.truth.end_s, one.truth.label, one.verdict)
        lanes.setdefault(f"{name}: true", []).append(true)
        told = lanes.setdefault(f"{name}: told", [])
        if one.told is not None:
            told.append(_around(one.told.peak_s, one.told.label, one.verdict))
    if strokes.false:
        lanes["false"] = [_around(told.peak_s, told.label, "false") for told in strokes.false]
    return lanes


def _around(peak_s: float, label: str, verdict: str) -> Mark:
    return Mark(max(0.0, peak_s - _HALF_S), peak_s + _HALF_S, label, verdict)


def _player(one: Judged) -> str:
    return one.truth.player or ("all" if one.truth.track is None else f"player {one.truth.track + 1}")


def _judged_rows(comparison: Comparison) -> tuple[list[str], list[list[Cell]]]:
    rows = []
    for one in comparison.strokes.judged:
        told, verdict = one.told, one.verdict
        late = "" if told is None else f"{1000 * (told.peak_s - one.peak_s):+.0f}"
        rows.append(
            [
                Cell(f"{one.peak_s:.2f}", number=True), Cell(_player(one)), Cell(one.truth.label),
                Cell("–" if told is None else told.label, verdict),
                Cell("" if told is None else f"{told.score:.2f}", number=True), Cell(late, number=True),
                Cell({"right": "right", "wrong": "wrong label", "missed": "missed"}[verdict], verdict),
            ]
        )  # fmt: skip
    for false in comparison.strokes.false:
        rows.append(
            [
                Cell(f"{false.peak_s:.2f}", number=True), Cell(""), Cell("–"), Cell(false.label, "false"),
                Cell(f"{false.score:.2f}", number=True), Cell("", number=True), Cell("false", "false"),
            ]
        )  # fmt: skip
    return ["second", "player", "true stroke", "told", "score", "off by, ms", ""], rows


def _told_rows(events: Sequence[Event]) -> tuple[list[str], list[list[Cell]]]:
    rows = [
        [
            Cell(f"{event['media']['peak_s']:.2f}", number=True), Cell(f"#{event['track']}"), Cell(event["label"]),
            Cell(f"{event['score']:.2f}", number=True), Cell(event.get("handedness") or ""),
        ]
        for event in sorted(events, key=lambda event: event["media"]["peak_s"])
    ]  # fmt: skip
    return ["second", "person", "stroke", "score", "hand"], rows


def _stills(outcome: Outcome) -> list[Still]:
    """The player of every event at its peak, cut out of the annotated video."""
    from edgepose import excerpts
    from edgepose.geometry import box_of_keypoints

    frames, times_s = _times(outcome)
    if not len(frames):
        return []
    events = sorted(outcome.events, key=lambda event: event["media"]["peak_s"])[:_MOST_STILLS]
    spots, said = [], []
    for event in events:
        picture = int(np.abs(times_s - event["media"]["peak_s"]).argmin())
        points = np.array(event["pose2d"]["keypoints"], np.float32) if event.get("pose2d") else np.full((1, 3), np.nan)
        spots.append(excerpts.Spot(picture, box_of_keypoints(points[points[:, 2] > 0])))
        said.append(f"{event['media']['peak_s']:.2f} s: {event['label']} {event['score']:.2f}")
    jpegs = excerpts.crops(outcome.out / ANNOTATED, spots)
    verdicts = [_verdict(outcome, event) for event in events]
    return [Still(*each) for each in zip(jpegs, said, verdicts, strict=True) if each[0]]


def _times(outcome: Outcome) -> tuple[Array, Array]:
    """(F,) frames and their times."""
    poses = outcome.poses
    frames, first = np.unique(np.concatenate([poses.frame, poses.empty_frame]), return_index=True)
    return frames, np.concatenate([poses.time_s, poses.empty_time_s])[first]


def _verdict(outcome: Outcome, event: Event) -> str:
    if outcome.comparison is None:
        return ""
    for one in outcome.comparison.strokes.judged:
        if one.told is not None and (one.told.peak_s, one.told.label) == (event["media"]["peak_s"], event["label"]):
            return one.verdict
    return "false"


def _facts(outcome: Outcome) -> dict[str, str]:
    frames, times_s = _times(outcome)
    length = f"{len(frames)} frames, {times_s[-1] - times_s[0]:.1f} s" if len(frames) > 1 else f"{len(frames)} frames"
    models = outcome.events[0]["models"] if outcome.events else {}
    stated = _stated(outcome.footage)
    return {
        "source": outcome.footage.address,
        "length": length,
        **{f"{task} model": stamp for task, stamp in models.items()},
        "made by": stated.get("source", ""),
        "licence": stated.get("license", ""),
        "files": ", ".join(name for name in (ANNOTATED, ANIMATION, EVENTS) if (outcome.out / name).is_file()),
    }


def _stated(footage: Footage) -> dict[str, str]:
    """What the session says of itself."""
    from edgepose.session import read_info

    if footage.truth is None:
        return {}
    info = read_info(footage.truth)
    return {"source": info.source or "", "license": info.license or ""}
