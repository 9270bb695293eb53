"""``edgepose lift``: the 3D poses of a recorded session."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgepose.cli.events import Session
from edgepose.cli.run import ModelsDir


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
    from edgepose import models
    from edgepose import session as sessions
    from edgepose.cli.running import replaced
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
    wanted = offline.Wanted(
        heights_m={track: player.height_m for track, player in info.players.items() if player.height_m},
        height_m=height_m,
        fill=fill and not newest,
        smooth=smooth and not newest,
    )
    found = offline.lifted(poses, skeleton, lifter, wanted)
    with replaced(out) as partial:
        sessions.write_poses3d(partial, found.poses)
    typer.echo(f"{out}: {found.said}", err=True)
    return 0
