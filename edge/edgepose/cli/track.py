"""``edgepose track``: the people of a recorded session, tracked anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgepose.cli.events import Session
from edgepose.cli.run import Config

if TYPE_CHECKING:
    from edgepose.session import Poses
    from edgepose.types import Array, Pose


def command(
    session: Session,
    out: Annotated[Path, typer.Option("--out", "-o", help="table to write (.parquet)")],
    config: Config = None,
) -> int:
    """Track a session's poses anew, with hindsight: the columns of poses with track filled, row order kept."""
    import numpy as np

    from edgepose import config as files
    from edgepose import session as sessions
    from edgepose.cli.running import replaced
    from edgepose.retrack import retrack
    from edgepose.skeletons import named

    settings = (files.load(config) if config else files.Settings()).tracker
    skeleton = named(sessions.read_info(session).skeleton)
    poses = sessions.read_poses(session)
    for part in poses.skipped_parts:
        typer.echo(f"edgepose: skipped {part}", err=True)
    order = np.argsort(poses.frame, kind="stable")
    ids = retrack(_frames(poses, order), skeleton, settings)
    poses.track[order] = np.concatenate([*ids, np.zeros(0, np.int32)])
    with replaced(out) as partial:
        sessions.write_poses(partial, poses)
    people = set(poses.track.tolist()) - {-1}
    typer.echo(f"{out}: {len(poses.track)} rows, {len(people)} people", err=True)
    return 0


def _frames(poses: Poses, order: Array) -> Iterator[tuple[float, list[Pose]]]:
    """(time_s, people) of every frame, the empty ones too; the people in ``order``."""
    import numpy as np

    from edgepose.types import Pose

    rows: dict[int, list[int]] = {int(frame): [] for frame in poses.empty_frame}
    times_s = dict(zip(poses.empty_frame.tolist(), poses.empty_time_s.tolist(), strict=True))
    for row in order.tolist():
        rows.setdefault(int(poses.frame[row]), []).append(row)
        times_s[int(poses.frame[row])] = float(poses.time_s[row])
    for frame in sorted(rows):
        yield (
            times_s[frame],
            [
                Pose(np.asarray(poses.keypoints[r]), np.asarray(poses.box[r]), float(poses.score[r]))
                for r in rows[frame]
            ],
        )
