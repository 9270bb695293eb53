"""``edgepose track``: the people of a recorded session, tracked anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgepose.cli.events import Session
from edgepose.cli.run import Config


def command(
    session: Session,
    out: Annotated[Path, typer.Option("--out", "-o", help="table to write (.parquet)")],
    config: Config = None,
) -> int:
    """Track a session's poses anew: the columns of ``poses`` with ``track`` filled, row order kept."""
    from edgepose import config as files
    from edgepose import session as sessions
    from edgepose.skeletons import named
    from edgepose.tracker import retrack

    settings = (files.load(config) if config else files.Settings()).tracker
    skeleton = named(sessions.read_info(session).skeleton)
    poses = sessions.read_poses(session)
    for part in poses.skipped_parts:
        typer.echo(f"edgepose: skipped {part}", err=True)
    poses.track = retrack(poses, skeleton, settings)
    sessions.write_poses(out, poses)
    ids = set(poses.track.tolist()) - {-1}
    typer.echo(f"{out}: {len(poses.track)} rows, {len(ids)} people", err=True)
    return 0
