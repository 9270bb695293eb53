"""``edgepose label``: checks everything that can be wrong, serves the page until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer

from edgepose.cli.events import Session
from edgepose.cli.run import ModelsDir

if TYPE_CHECKING:
    from edgepose_trainer.label_page.serving import LabelServer
    from edgepose_trainer.label_page.suggesting import Suggestions

NO_MODEL = "none"


def command(
    session: Session,
    model: Annotated[
        str, typer.Option("--model", "-m", help="strokes model that suggests: name, folder, or none")
    ] = "tennis-strokes",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="of 127.0.0.1; 0: any that is free")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="open the page at once")] = True,
    models_dir: ModelsDir = None,
) -> int:
    """Mark a recorded session's strokes in the browser; every change is in its labels.csv at once.

    The page is for this machine only: its address holds a key and it listens on 127.0.0.1. Ctrl-C ends it.
    """
    from edgepose.cli.running import replay_settings
    from edgepose_trainer.label_page import site
    from edgepose_trainer.label_page.serving import LabelServer
    from edgepose_trainer.label_page.suggesting import Suggestions

    settings = replay_settings(session, model, models_dir)
    suggestions = None if model == NO_MODEL else Suggestions(settings, model)
    try:
        page = site.of(session, suggestions)
        server = LabelServer(page, port)
    except BaseException:
        if suggestions is not None:
            suggestions.stop()
        raise
    for note in page.notes:
        typer.echo(f"edgepose: {note}", err=True)
    return _serve(server, suggestions, browser)


def _serve(server: LabelServer, suggestions: Suggestions | None, browser: bool) -> int:
    """Until Ctrl-C or SIGTERM; what the page has sent by then is on the disk."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    server.start()
    print(f"{server.address}  (Ctrl-C ends it)", flush=True)
    if suggestions is not None:
        suggestions.start()
    if browser and _has_screen():
        webbrowser.open(server.address)
    stopping.wait()
    server.stop()
    if suggestions is not None:
        suggestions.stop()
    print(f"{server.page.ledger.path}: {server.page.ledger.count()} labels", file=sys.stderr)
    return 0


def _has_screen() -> bool:
    """Without one, a browser of the terminal would take the terminal from us."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
