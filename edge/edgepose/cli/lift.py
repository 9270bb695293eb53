"""``edgepose lift``: the 3D poses of a recorded session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgepose.cli.events import Session
from edgepose.cli.run import ModelsDir

if TYPE_CHECKING:
    from edgepose.lifting.offline import Lifted


def command(
    session: Session,
    out: Annotated[Path, typer.Option("--out", "-o", help="table to write (.parquet)")],
    model: Annotated[str, typer.Option("--model", "-m", help="lifter: name or folder")] = "courtlift-n",
    height_m: Annotated[float, typer.Option("--height-m", help="of players for whom the session states none")] = 1.75,
    smooth: Annotated[bool, typer.Option("--smooth/--raw", help="calm what rests, keep what strikes")] = True,
    fill: Annotated[bool, typer.Option("--fill/--seen", help="guess hidden joints from the moments around")] = True,
    newest: Annotated[bool, typer.Option("--newest", help="as a live device: nothing of the future is used")] = False,
    models_dir: ModelsDir = None,
) -> int:
    """Lift every frame of every track to 3D: metres, origin at mid-hips, axes of the camera.

    Past and future are used: hidden joints are filled, the poses smoothed without lag. Where the session states its
    calibration, the lens is known and not assumed.
    """
    from edgepose import session as sessions
    from edgepose.cli.running import replaced

    found = lifted(session, model, height_m, fill and not newest, smooth and not newest, newest, models_dir)
    with replaced(out) as partial:
        sessions.write_poses3d(partial, found.poses)
    typer.echo(f"{out}: {found.said}", err=True)
    return 0


def lifted(
    session: Path,
    model: str,
    height_m: float = 1.75,
    fill: bool = True,
    smooth: bool = True,
    newest: bool = False,
    models_dir: Path | None = None,
) -> Lifted:
    """All tracked poses of a session in 3D; raises EdgePoseError, a SessionError when nobody is tracked."""
    from edgepose import models
    from edgepose import session as sessions
    from edgepose.lifting import load_lifter, offline
    from edgepose.skeletons import named

    info = sessions.read_info(session)
    poses = sessions.read_poses(session)
    for part in poses.skipped_parts:
        typer.echo(f"edgepose: skipped {part}", err=True)
    skeleton = named(info.skeleton)
    lens = sessions.lens_of(info)
    if lens is not None and info.calibration is not None:
        poses.keypoints = offline.undistorted(poses.keypoints, lens, info.calibration.distortion or [])
    size_wh = info.width, info.height
    lifter = load_lifter(models.find(model, models_dir), None, size_wh, skeleton, camera=lens, newest=newest)
    heights_m = {track: player.height_m for track, player in info.players.items() if player.height_m}
    return offline.lifted(poses, skeleton, lifter, offline.Wanted(heights_m, height_m, fill, smooth))
