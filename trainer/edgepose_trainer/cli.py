"""``edgepose train …``: builds model folders from recorded sessions and tables."""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer(help="Build model folders.", no_args_is_help=True)


@app.callback()
def train() -> None:
    """Build model folders from recorded sessions and tables."""


@app.command()
def lifter(
    data: Path = typer.Option(..., help="Folder of .bvh or .bvh.xz takes, <player>_<stroke>."),
    out: Path = typer.Option(..., help="Model folder to write."),
    seed: int = typer.Option(1, help="The same seed and takes give the same weights."),
    steps: int = typer.Option(20000, min=1, help="Training steps of 128 windows."),
) -> None:
    """Train 2D -> 3D on motion capture; every fourth player is kept aside and only measured."""
    from edgepose_trainer.lifter import train

    typer.echo(f"wrote {train(data, out, seed, steps, typer.echo)}")


@app.command()
def strokes(
    data: list[Path] = typer.Option(..., help="Stroke table (.parquet) or recorded session with labels.csv."),
    out: Path = typer.Option(..., help="Model folder to write."),
    preset: str = typer.Option("tennis", help="tennis, or hampen (that data set alone, as published)."),
    rate_hz: float = typer.Option(15.0, min=1.0, help="Samples a second; a window is 15 of them."),
    seed: int = typer.Option(1, help="The same seed and data give the same weights."),
) -> None:
    """Train the stroke classifier; groups (players, videos) are held out in turn for its figures."""
    from edgepose_trainer.strokes import train

    card = train(data, out, preset, rate_hz, seed, typer.echo)
    typer.echo(f"wrote {out}: {card.model.stamp}")
