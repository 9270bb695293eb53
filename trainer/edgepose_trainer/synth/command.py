"""``edgepose synth``: a synthetic court session with exact truth, or pictures for ``train pose``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from edgepose.errors import SettingsError

_FAR_M = 100.0


def command(
    out: Annotated[Path, typer.Option("--out", "-o", help="session to write; with more cameras, their folder")],
    pose_images: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="write N labelled pictures for `train pose` instead; of the rest only --seed and --model count",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="the same seed gives the same session")] = 1,
    duration_s: Annotated[float, typer.Option("--duration", min=1.0, help="seconds")] = 20.0,
    players: Annotated[int, typer.Option("--players", min=1, max=6, help="four play, more walk about")] = 2,
    count: Annotated[int, typer.Option("--cameras", min=1, max=16)] = 1,
    setup: Annotated[
        Literal["line", "box"], typer.Option("--setup", help="cameras along the side line, 3 m apart; or at corners")
    ] = "line",
    distortion: Annotated[bool, typer.Option("--distortion", help="lenses that bend straight lines")] = False,
    offsets: Annotated[bool, typer.Option("--offsets", help="cameras start at different times")] = False,
    place: Annotated[
        str | None,
        typer.Option("--from", metavar="X,Y,Z", help="the one camera stands here (docs/synth.md), framing everybody"),
    ] = None,
    size: Annotated[str, typer.Option("--size", metavar="WxH", help="of the picture, px")] = "1280x720",
    fps: Annotated[float, typer.Option("--fps", min=1.0, max=240.0)] = 30.0,
    depth_m: Annotated[float, typer.Option("--depth", min=2.0, max=12.0, help="metres from the net to play at")] = 5.2,
    video: Annotated[bool, typer.Option("--video/--no-video", help="also draw video.mp4")] = True,
    model: Annotated[str, typer.Option("--model", help="motion model: installed name or folder")] = "tennis-motion",
    models_dir: Annotated[Path | None, typer.Option("--models-dir", help="look for models here first")] = None,
) -> int:
    """Write labelled sessions of a synthetic court: video, 2D, 3D, boxes, labels, calibration, all exact.

    One camera: OUT is the session. More: OUT/camera-1, … OUT/truth.json holds all strokes and when each camera started.
    """
    if pose_images is not None:
        return _pose_images(out, pose_images, seed, model, models_dir)
    from edgepose_trainer.motionmodel.model import load
    from edgepose_trainer.sessions import new_folder
    from edgepose_trainer.synth.sessions import Wish, write

    wish = Wish(
        seed, duration_s, players, count, setup, distortion, offsets, _size(size), fps, depth_m,
        None if place is None else _place(place),
    )  # fmt: skip
    motion = load(model, models_dir)
    with new_folder(out) as folder:
        court = write(folder, wish, motion, video, lambda text: None)
    typer.echo(f"wrote {out}: {len(court.hits)} strokes of {players} players, {count} cameras, {duration_s:g} s")
    return 0


def _pose_images(out: Path, count: int, seed: int, model: str, models_dir: Path | None) -> int:
    from edgepose_trainer.motionmodel.model import load
    from edgepose_trainer.sessions import new_folder
    from edgepose_trainer.synth.pose_images import write

    motion = load(model, models_dir)
    with new_folder(out) as folder:
        people = write(folder, count, seed, motion, typer.echo)
    typer.echo(f"wrote {out}: {count} pictures, {people} people")
    return 0


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) >= 16 and int(height) >= 16):
        raise SettingsError(f"--size: expected WIDTHxHEIGHT in px, got {text!r}")
    return int(width), int(height)


def _place(text: str) -> tuple[float, float, float]:
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise SettingsError(f"--from: expected X,Y,Z in metres, got {text!r}") from None
    if not (all(abs(metres) <= _FAR_M for metres in (x, y, z)) and y > 0):
        raise SettingsError(f"--from: expected metres within {_FAR_M:g} of the court and Y above 0, got {text!r}")
    return x, y, z
