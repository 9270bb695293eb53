"""``edgepose bench``: what every stage costs on this machine."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from edgepose.cli.run import Model, ModelsDir


def command(
    model: Model = None,
    strokes: Annotated[str, typer.Option("--strokes", help="strokes model: name or folder")] = "tennis-strokes",
    people: Annotated[int, typer.Option("--people", min=1, help="in every frame")] = 4,
    rounds: Annotated[int, typer.Option("--rounds", min=10, help="frames measured")] = 200,
    threads: Annotated[int, typer.Option("--threads", min=0, help="of the inference engine")] = 1,
    models_dir: ModelsDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> int:
    """Measure the stages one by one on made-up frames: median and 95th percentile in milliseconds."""
    from edgepose import stopwatch

    rows = stopwatch.measure(model, strokes, people, rounds, threads, models_dir)
    if as_json:
        typer.echo(json.dumps(rows))
        return 0
    typer.echo(f"{'stage':<34}{'median ms':>12}{'p95 ms':>12}")
    for row in rows:
        typer.echo(f"{row['stage']:<34}{row['median_ms']:>12.3f}{row['p95_ms']:>12.3f}")
    return 0
