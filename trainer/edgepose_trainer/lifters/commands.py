"""``edgepose train lifter-checkpoint`` and ``lifter-data``: public weights in, 2D data sets out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def checkpoint(
    file: Annotated[Path, typer.Argument(help="PyTorch checkpoint of VideoPose3D, RunningPose, GAST-Net or Martinez")],
    out: Annotated[Path, typer.Option("--out", help="model folder to write")],
    licence: Annotated[str, typer.Option("--licence", help="of the weights, as their publisher states it")],
    arch: Annotated[str | None, typer.Option("--arch", help="what it must be, e.g. videopose3d-243")] = None,
    causal: Annotated[bool, typer.Option("--causal", help="trained causally: the weights do not tell")] = False,
    rate_hz: Annotated[
        float, typer.Option("--rate-hz", min=1.0, help="of the training's frames; Human3.6M: 50")
    ] = 50.0,
    skeleton: Annotated[
        str | None, typer.Option("--skeleton", help="it sees: coco17 or h36m17; default: the system's")
    ] = None,
    statistics: Annotated[
        Path | None, typer.Option("--statistics", help="Martinez: JSON of input_mean, input_std, output_mean, …")
    ] = None,
) -> None:
    """Make a model folder for the device from a public checkpoint; nothing but its weights is loaded."""
    from edgepose_trainer.lifters import need_torch

    need_torch()
    from edgepose_trainer.lifters.checkpoints import load, with_statistics
    from edgepose_trainer.lifters.exporting import Words, to_folder

    loaded = load(file, causal, arch)
    if statistics is not None:
        loaded = with_statistics(loaded, statistics)
    name = "".join(c if c.isalnum() or c in "_.-" else "_" for c in out.resolve().name)
    card = to_folder(loaded, out, Words(name, licence, rate_hz, skeleton))
    typer.echo(f"wrote {out}: {loaded.arch}, {card.skeleton} -> {card.output_skeleton}, {card.model.stamp}")


def data(
    sessions: Annotated[list[Path], typer.Argument(help="recorded sessions; a person's frames become a video")],
    out: Annotated[Path, typer.Option("--out", help=".npz to write, e.g. data_2d_custom_court.npz")],
    track: Annotated[int | None, typer.Option("--track", help="whose; default: who is seen most")] = None,
) -> None:
    """Write recorded sessions as VideoPose3D's custom 2D data set; `edgepose import` reads it back."""
    from edgepose_trainer.custom2d import of_session, write

    sequences = [of_session(folder, track) for folder in sessions]
    write(out, sequences)
    for one in sequences:
        typer.echo(f"{one.name}: {len(one.points)} frames, {one.interpolated} of them interpolated", err=True)
    typer.echo(f"wrote {out}")
