"""``edgepose bench``: what every stage costs on this machine, and how many cameras it bears."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from edgepose.cli import bench_load
from edgepose.cli.run import Model, ModelsDir

app = typer.Typer(help="What this machine can do.", invoke_without_command=True)
app.command(name="load")(bench_load.command)


@app.callback()
def stages(
    context: typer.Context,
    model: Model = None,
    strokes: Annotated[str, typer.Option("--strokes", help="strokes model: name or folder")] = "tennis-strokes",
    people: Annotated[int, typer.Option("--people", min=1, help="in every frame")] = 4,
    rounds: Annotated[int, typer.Option("--rounds", min=30, help="frames measured, at least a second of them")] = 200,
    threads: Annotated[int, typer.Option("--threads", min=0, help="of the inference engine")] = 1,
    models_dir: ModelsDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> int:
    """Measure the stages one by one on made-up frames, or with `load` the whole device with cameras.

    Of the stages: median and 95th percentile in milliseconds.
    """
    if context.invoked_subcommand is not None:
        return 0
    from edgepose import stopwatch

    rows = stopwatch.measure(model, strokes, people, rounds, threads, models_dir)
    if as_json:
        typer.echo(json.dumps(rows))
        return 0
    typer.echo(f"{'stage':<34}{'median ms':>12}{'p95 ms':>12}")
    for row in rows:
        typer.echo(f"{row['stage']:<34}{row['median_ms']:>12.3f}{row['p95_ms']:>12.3f}")
    return 0
