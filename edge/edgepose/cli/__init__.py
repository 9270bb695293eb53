"""The command line: thin commands. Importing this loads no inference runtime, cv2 or lightgbm."""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points

import typer

from edgepose import __version__
from edgepose.cli import (
    animate,
    bench,
    config,
    demo,
    events,
    frames,
    kinematics,
    lift,
    models,
    pose,
    pose3d,
    record,
    run,
    score,
    track,
)
from edgepose.errors import EdgePoseError

EXIT_FAILURE, EXIT_MISTAKE, EXIT_STOPPED = 1, 2, 130

app = typer.Typer(
    name="edgepose",
    help="Pose, strokes and 3D at the court side: a camera goes in, MQTT events come out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (run, record, pose, pose3d, frames, score, events, track, lift, kinematics, animate, demo):
    app.command(name=module.__name__.rpartition(".")[2])(module.command)
app.add_typer(bench.app, name="bench")
app.add_typer(config.app, name="config")
app.add_typer(models.app, name="models")
for entry in sorted(entry_points(group="edgepose.commands"), key=lambda e: e.name):
    found = entry.load()  # the trainer's, where it is installed: a group, or one command
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=entry.name)
    else:
        app.command(name=entry.name)(found)
for entry in entry_points(group="edgepose.models"):
    models.app.command(entry.name)(entry.load())


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edgepose {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show it and stop."),
) -> None:
    """Pose, strokes and 3D at the court side: a camera goes in, MQTT events come out."""


def main() -> None:
    """Entry point: exit 0, 2 with one line on a user's mistake, 1 on a failure, 130 on Ctrl-C."""
    sys.exit(_exit_code())


def _exit_code() -> int:
    try:
        return int(app(standalone_mode=False) or 0)
    except EdgePoseError as error:
        return _complain(str(error), EXIT_MISTAKE)
    except KeyboardInterrupt:
        return EXIT_STOPPED
    except BrokenPipeError:  # the reader of our output has gone (``| head``)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILURE
    except OSError as error:  # a full disk, a folder that may not be written
        return _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error), EXIT_MISTAKE)
    except typer.Exit as leaving:
        return leaving.exit_code
    except typer.Abort:
        return EXIT_STOPPED
    except Exception as error:
        if hasattr(error, "format_message"):  # the usage errors of typer's parser, whichever it bundles
            return _complain(error.format_message(), EXIT_MISTAKE) if str(error) else EXIT_MISTAKE
        if os.environ.get("EDGEPOSE_TRACEBACK"):
            raise
        return _complain(
            f"internal error: {type(error).__name__}: {error} (EDGEPOSE_TRACEBACK=1 shows where)",
            EXIT_FAILURE,
        )


def _complain(message: str, code: int) -> int:
    print(f"edgepose: {' '.join(message.split())}", file=sys.stderr)
    return code
