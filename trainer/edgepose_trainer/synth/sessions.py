"""A scene as recorded sessions (contracts §1): one folder, or one for each camera, and the whole truth beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.errors import SettingsError
from edgepose.session import (
    Calibration,
    Label,
    Player,
    Poses,
    Poses3D,
    SessionInfo,
    write_info,
    write_labels,
    write_poses,
    write_poses3d,
)
from edgepose_trainer import peaks
from edgepose_trainer.motionmodel import body
from edgepose_trainer.motionmodel.model import MotionModel
from edgepose_trainer.motionmodel.movement import Seen
from edgepose_trainer.render.body import Body
from edgepose_trainer.render.lens import Lens, View
from edgepose_trainer.render.scene import Renderer
from edgepose_trainer.synth.cameras import Setup, cameras, framed
from edgepose_trainer.synth.scene import Court, ball, play
from edgepose_trainer.synth.seen import View2D, see

Float64 = NDArray[np.float64]
TRUTH = "truth.json"
LICENCE = "CC BY-SA 3.0: motion made with tennis-motion, learned from Tennis-MoCap (Pulgarin-Giraldo et al. 2017)"
_STARTED = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
"""Of every session: the same seed gives the same bytes."""
_MOST_OFFSET_S = 1.5
_FRAMING_HZ = 15.0
"""How often it is looked where people are, to frame them."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be made."""

    seed: int
    duration_s: float
    players: int
    cameras: int = 1
    setup: Setup = "line"
    distortion: bool = False
    offsets: bool = False
    """Cameras start at different times."""
    size_wh: tuple[int, int] = (1280, 720)
    fps: float = 30.0
    depth_m: float = 5.2
    """From the net, where players play."""
    place_m: tuple[float, float, float] | None = None
    """Of the one camera, aimed and zoomed to hold everybody; None: at the side, with a fixed lens."""


def write(folder: Path, wish: Wish, model: MotionModel, video: bool, say: Callable[[str], None]) -> Court:
    """Sessions into a new folder: its own for one camera, ``camera-1`` … for more, and ``truth.json``.

    Raises SettingsError for cameras that cannot stand so.
    """
    rng = np.random.default_rng([wish.seed, 3])
    starts_s = rng.uniform(0, _MOST_OFFSET_S, wish.cameras).round(4) if wish.offsets else np.zeros(wish.cameras)
    starts_s -= starts_s.min()
    court = play(model, wish.seed, wish.players, wish.duration_s + float(starts_s.max()), wish.depth_m)
    views = _views(wish, court)
    names = ["."] if len(views) == 1 else [f"camera-{number + 1}" for number in range(len(views))]
    folder.mkdir(parents=True, exist_ok=True)
    for name, view, start_s in zip(names, views, starts_s.tolist(), strict=True):
        _write_camera(folder / name, wish, court, view, start_s, video)
        say(f"{folder / name}: {round(wish.duration_s * wish.fps)} frames")
    truth = _truth(wish, court, dict(zip(names, starts_s.tolist(), strict=True)))
    (folder / TRUTH).write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return court


def _views(wish: Wish, court: Court) -> list[View]:
    if wish.place_m is None:
        return cameras(wish.cameras, wish.setup, wish.size_wh, wish.distortion)
    if wish.cameras > 1:
        raise SettingsError(f"--from places one camera, got --cameras {wish.cameras}")
    people = [person.at(np.arange(0, wish.duration_s, 1 / _FRAMING_HZ)) for person in court.people]
    bodies = [np.concatenate([one.joints, one.toes, one.heels], axis=1).reshape(-1, 3) for one in people]
    return [framed(wish.place_m, np.concatenate(bodies), wish.size_wh, wish.distortion)]


def _write_camera(folder: Path, wish: Wish, court: Court, view: View, start_s: float, video: bool) -> None:
    folder.mkdir(exist_ok=True)
    times_s = np.arange(round(wish.duration_s * wish.fps)) / wish.fps
    people = [person.at(times_s + start_s) for person in court.people]
    lens = Lens.of(view, wish.size_wh)
    seen = see(people, lens)
    (folder / "poses").mkdir()
    write_poses(folder / "poses" / "000000.parquet", _poses(seen, times_s))
    (folder / "poses3d").mkdir()
    write_poses3d(folder / "poses3d" / "000000.parquet", _poses3d(people, lens, times_s))
    write_labels(folder, _labels(court, seen, start_s, wish))
    if video:
        _film(folder / "video.mp4", wish, court, people, view, ball(court, times_s + start_s))
    write_info(folder, _info(wish, court, view, folder.name))


def _poses(seen: View2D, times_s: Float64) -> Poses:
    """Rows in the order of frames, then of people."""
    frame, track = np.nonzero(seen.present.T)
    keypoints = seen.keypoints[track, frame]
    empty = np.flatnonzero(~seen.present.any(axis=0))
    known = np.maximum((keypoints[..., 2] > 0).sum(axis=1), 1)
    return Poses(
        frame.astype(np.int64), times_s[frame], track.astype(np.int32),
        (keypoints[..., 2].sum(axis=1) / known).astype(np.float32), seen.boxes[track, frame], keypoints,
        empty.astype(np.int64), times_s[empty],
    )  # fmt: skip


def _poses3d(people: Sequence[Seen], lens: Lens, times_s: Float64) -> Poses3D:
    """Everybody in every frame, in sight or not."""
    world = np.stack([body.h36m17(one.joints, one.necks) for one in people], axis=1)
    placed = world @ lens.rotation.T + lens.shift
    frame, track = np.divmod(np.arange(len(times_s) * len(people)), len(people))
    return Poses3D(
        frame.astype(np.int64), times_s[frame], track.astype(np.int32),
        placed.reshape(-1, *placed.shape[2:]).astype(np.float32), "h36m17", "camera",
    )  # fmt: skip


def _labels(court: Court, seen: View2D, start_s: float, wish: Wish) -> list[Label]:
    """Strokes whose swing this camera sees whole, in its own time."""
    labels = []
    for who, hit in court.hits:
        begin_s, end_s = (hit.time_s - start_s + way * peaks.HALF_STROKE_S for way in (-1, 1))
        rows = slice(max(0, round(begin_s * wish.fps)), round(end_s * wish.fps) + 1)
        if begin_s >= 0 and end_s <= wish.duration_s and seen.present[who, rows].all():
            labels.append(Label(round(begin_s, 4), round(end_s, 4), hit.label, who, _name(who)))
    return labels


def _info(wish: Wish, court: Court, view: View, name: str) -> SessionInfo:
    distortion = None if view.distortion is None else np.asarray(view.distortion).tolist()
    players = {
        number: Player(name=_name(number), handedness=one.player.handedness, height_m=round(one.player.height_m, 4))
        for number, one in enumerate(court.people)
    }
    return SessionInfo(
        width=wish.size_wh[0], height=wish.size_wh[1], fps=wish.fps, device="synth",
        camera=name if wish.cameras > 1 else "court", started_at=_STARTED, players=players,
        calibration=Calibration(
            K=np.asarray(view.K).tolist(), R=np.asarray(view.R).tolist(), t=np.asarray(view.t).tolist(),
            distortion=distortion,
        ),
        license=LICENCE, source=_command(wish),
    )  # fmt: skip


def _command(wish: Wish) -> str:
    """What makes the session again."""
    size = "x".join(map(str, wish.size_wh))
    words = f"edgepose synth --seed {wish.seed} --duration {wish.duration_s:g} --players {wish.players} --size {size}"
    if wish.place_m is not None:
        words += f" --from={','.join(f'{metres:g}' for metres in wish.place_m)}"
    else:
        words += f" --cameras {wish.cameras} --setup {wish.setup}"
    words += "".join(f" --{name}" for name in ("distortion", "offsets") if getattr(wish, name))
    return f"{words} --fps {wish.fps:g} --depth {wish.depth_m:g}"


def _truth(wish: Wish, court: Court, starts_s: dict[str, float]) -> dict[str, object]:
    """What no single camera knows; times count from the scene's beginning."""
    players = [
        {"track": number, "name": _name(number), "handedness": one.player.handedness,
         "height_m": round(one.player.height_m, 4), "skill": round(one.player.skill, 3)}
        for number, one in enumerate(court.people)
    ]  # fmt: skip
    strokes = [{"track": who, "label": hit.label, "peak_s": hit.time_s, "rally": hit.rally} for who, hit in court.hits]
    return {
        "format": "edgepose-synth/1", "seed": wish.seed, "duration_s": wish.duration_s, "fps": wish.fps,
        "setup": wish.setup if wish.cameras > 1 else None,
        "cameras": [{"folder": name, "start_s": start_s} for name, start_s in starts_s.items()],
        "players": players, "strokes": strokes, "license": LICENCE,
    }  # fmt: skip


def _film(path: Path, wish: Wish, court: Court, people: Sequence[Seen], view: View, balls: Float64) -> None:
    """Raises SettingsError when no video can be written there."""
    renderer = Renderer(wish.size_wh, wish.seed)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), wish.fps, wish.size_wh)
    if not writer.isOpened():
        raise SettingsError(f"{path}: cannot write the video")
    try:
        for frame, place in enumerate(balls):
            bodies = [
                Body(one.joints[frame].astype(np.float32), one.racket[frame].astype(np.float32), person.look)
                for one, person in zip(people, court.people, strict=True)
            ]
            writer.write(renderer.frame(view, bodies, place if np.isfinite(place).all() else None))
    finally:
        writer.release()


def _name(number: int) -> str:
    return f"player-{number + 1}"
