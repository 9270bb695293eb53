"""``edgepose train motion``."""

from __future__ import annotations

from pathlib import Path

import typer

_DATA = typer.Option(..., "--data", help="Folder of .bvh or .bvh.xz takes, <player>_<stroke>.")
_OUT = typer.Option(..., "--out", help="Model folder to write.")
_KINECT = typer.Option(None, "--kinect", help="THETIS table (.parquet): adds the slices.")


def motion(data: Path = _DATA, out: Path = _OUT, kinect: Path | None = _KINECT) -> None:
    """Learn how players move, for `edgepose synth`: strokes, their timing and footwork, ready stance."""
    from edgepose_trainer.motionmodel.training import train

    card = train(data, out, kinect, typer.echo)
    typer.echo(f"wrote {out}: {card.model.stamp}")
