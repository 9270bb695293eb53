"""``edgepose animate``: 3D poses as a moving picture, and as arrays for other programs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgepose.cli.progress import bars

if TYPE_CHECKING:
    from edgepose.session import Poses3D


def command(
    poses3d: Annotated[Path, typer.Argument(help="3D poses as `lift` writes them (.parquet), or a session with them")],
    out: Annotated[
        list[Path], typer.Option("--out", "-o", help="animation (.mp4, .gif) or arrays (.npz, .npy); repeatable")
    ],
    video: Annotated[
        Path | None, typer.Option("--video", help="shown beside; else the session's own video.mp4, if it has one")
    ] = None,
    alone: Annotated[bool, typer.Option("--alone", help="no video beside")] = False,
    track: Annotated[int | None, typer.Option("--track", help="this person only; a .npy holds one")] = None,
    start_s: Annotated[float | None, typer.Option("--start", help="from here on, seconds")] = None,
    end_s: Annotated[float | None, typer.Option("--end", help="to here")] = None,
    rate_hz: Annotated[
        float | None, typer.Option("--rate", help="pictures a second; else as recorded, 20 in a .gif")
    ] = None,
    turn: Annotated[float, typer.Option("--turn", help="degrees a second that the view goes round; 0: fixed")] = 15.0,
    size: Annotated[int, typer.Option("--size", min=120, max=2160, help="height of the picture, px")] = 480,
    up: Annotated[str | None, typer.Option("--up", help="up axis of world poses: x, y, z, -x, -y or -z")] = None,
) -> int:
    """Draw 3D poses on a ground, slowly turned, beside their video; or write them as arrays.

    .npy is VideoPose3D's layout, (frames, joints, 3) of one person; .npz holds everybody.
    """
    from edgepose import animation, arrays3d
    from edgepose.cli.kinematics import axis
    from edgepose.errors import SettingsError

    for path in out:
        if path.suffix.lower() not in arrays3d.ENDINGS:
            animation.check(path)
    if video is not None and alone:
        raise SettingsError("--video or --alone: give one of them")
    if video is None and not alone and (poses3d / "video.mp4").is_file():
        video = poses3d / "video.mp4"
    poses = _chosen(poses3d, track, start_s, end_s)
    look = animation.Look(size - size % 2, rate_hz, turn, axis(up), video)
    for path in out:
        if path.suffix.lower() in arrays3d.ENDINGS:
            said = arrays3d.export(poses, path)
        else:
            with bars({path.name: None}) as advance:
                said = animation.animate(poses, path, look, partial(advance, path.name) if advance else None)
        typer.echo(f"{path}: {said}", err=True)
    return 0


def _chosen(path: Path, track: int | None, start_s: float | None, end_s: float | None) -> Poses3D:
    """The rows wanted; raises SessionError, SettingsError when none is left."""
    import numpy as np

    from edgepose import session as sessions
    from edgepose.errors import SettingsError

    poses = sessions.read_poses3d(path)
    for part in poses.skipped_parts:
        typer.echo(f"edgepose: skipped {part}", err=True)
    if track is not None and track not in poses.track:
        raise SettingsError(f"{path}: no track {track}; tracks here: {', '.join(map(str, np.unique(poses.track)))}")
    wanted = np.ones(len(poses.track), bool) if track is None else poses.track == track
    wanted &= (poses.time_s >= (start_s if start_s is not None else -np.inf)) & np.isfinite(poses.time_s)
    wanted &= poses.time_s <= (end_s if end_s is not None else np.inf)
    if not wanted.any():
        raise SettingsError(f"{path}: no pose in that time")
    return sessions.Poses3D(
        poses.frame[wanted], poses.time_s[wanted], poses.track[wanted], poses.keypoints[wanted],
        poses.skeleton, poses.space,
    )  # fmt: skip
