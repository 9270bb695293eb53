"""``edgepose record``: run, and write a recorded session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgepose.cli.run import Config, Detector, Model, ModelsDir, Options, SourceOption, Threads, print_line

if TYPE_CHECKING:
    from edgepose.device import CameraLine
    from edgepose.outputs import Output
    from edgepose.session import SessionInfo


def command(
    out: Annotated[Path, typer.Option("--out", "-o", help="session folder to write; must be new or empty")],
    config: Config = None,
    source: SourceOption = None,
    model: Model = None,
    detector: Detector = None,
    option: Options = None,
    broker: Annotated[str | None, typer.Option("--broker", "-b", help="publish as well")] = None,
    video: Annotated[bool, typer.Option("--video", help="keep the picture too (video.mp4)")] = False,
    models_dir: ModelsDir = None,
    threads: Threads = None,
) -> int:
    """Run and write what is seen as a recorded session, for training, scoring and replay."""
    from edgepose.cli import running
    from edgepose.errors import SettingsError
    from edgepose.outputs import Recording

    pose = running.pose_from(model, detector, option, threads)
    settings = running.settings_from(config, source, pose, broker, models_dir)
    if len(settings.camera) > 1:
        raise SettingsError(f"{config}: a session has one camera, these settings have {len(settings.camera)}")
    publish = broker is not None or config is not None

    def record(line: CameraLine) -> Sequence[Output]:
        return [Recording(out, session_of(line, settings.device), video)]

    return running.run_device(settings, running.Wanted(publish, tell=print_line, extra=record))


def session_of(line: CameraLine, device: str) -> SessionInfo:
    """What a session says of the camera that is recorded."""
    from edgepose.session import SessionInfo

    info = line.info
    return SessionInfo(
        skeleton=line.skeleton.name,
        width=info.width,
        height=info.height,
        fps=info.fps,
        camera=line.name,
        device=device,
        started_at=datetime.fromtimestamp(info.started_unix_s, timezone.utc),
        pose_model={"name": line.model.name, "sha256": line.model.sha256} if line.model else None,
        source=info.address,
    )
