"""``edgepose score``: class probabilities for every window of a recorded session."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgepose.cli.events import Session, StrokeModel
from edgepose.cli.run import ModelsDir


def command(
    session: Session,
    out: Annotated[Path, typer.Option("--out", "-o", help="table to write (.parquet)")],
    model: StrokeModel = "tennis-strokes",
    models_dir: ModelsDir = None,
) -> int:
    """Write the class probabilities of every due window: frame, centre_s, track, one column per label."""
    from edgepose import models
    from edgepose.cli import running
    from edgepose.outputs import ScoreTable

    settings = running.replay_settings(session, model, models_dir, hop_s=0.0)
    labels = models.load_card(models.find(model, models_dir), "strokes").labels
    table = ScoreTable(labels)
    running.run_device(settings, running.Wanted(mqtt=False, extra=lambda line: [table]))
    table.write(out)
    return 0
