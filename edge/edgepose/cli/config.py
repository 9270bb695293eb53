"""``edgepose config check FILE`` and ``edgepose config example``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Settings: one TOML file.", no_args_is_help=True)


@app.command()
def check(file: Annotated[Path, typer.Argument(help="settings file")]) -> None:
    """Check a settings file, the models it names and their hashes; opens no camera and no connection."""
    from edgepose import build, config

    settings = config.load(file)
    build.check(settings, str(file))
    cameras = ", ".join(camera.name for camera in settings.camera) or "none"
    typer.echo(f"{file}: good (device {settings.device}, cameras: {cameras})")


@app.command()
def example() -> None:
    """Print a settings file with every key, its default and what it means."""
    from edgepose.config import Settings
    from edgepose.config_example import example_toml

    typer.echo(example_toml(Settings), nl=False)
