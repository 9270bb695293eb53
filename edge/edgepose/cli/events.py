"""``edgepose events``: the strokes of a recorded session, by the same code path as ``run``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgepose.cli.run import ModelsDir, print_line

Session = Annotated[Path, typer.Argument(help="recorded session")]
StrokeModel = Annotated[str, typer.Option("--model", "-m", help="strokes model: name or folder")]


def command(
    session: Session,
    out: Annotated[Path, typer.Option("--out", "-o", help="events, one JSON object a line")],
    model: StrokeModel = "tennis-strokes",
    models_dir: ModelsDir = None,
) -> int:
    """Spot the strokes in a recorded session and write them as events."""
    from edgepose.cli import running

    settings = running.replay_settings(session, model, models_dir)
    with running.replaced(out) as partial:
        return running.run_device(settings, running.Wanted(mqtt=False, events=partial, tell=print_line))
