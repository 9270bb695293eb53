"""``edgepose demo``: the main job against an embedded broker with a real subscriber, and a page about it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgepose.cli.run import Model, ModelsDir

if TYPE_CHECKING:
    from edgepose.broker import EmbeddedBroker
    from edgepose.cli.running import Wanted
    from edgepose.cli.watching import Footage
    from edgepose.config import Settings

_ARRIVE_S = 5.0
_POSES_HZ = 10.0
"""Live skeletons for whoever looks on while it plays."""


def command(
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for page, videos, events")] = Path("out/demo"),
    source: Annotated[
        str | None,
        typer.Option("--source", "-s", help="your own clip, camera or session; none: the clip that ships"),
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="then play it again and again in real time, until Ctrl-C")
    ] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="of the broker; 0: a free one")] = 0,
    model: Model = None,
    models_dir: ModelsDir = None,
) -> int:
    """Watch a clip as a device does: strokes go over MQTT to a subscriber; a page compares them with the truth.

    OUT gets index.html, annotated.mp4, animation.mp4, events.jsonl and session/. A camera is watched until Ctrl-C.
    """
    from edgepose.broker import EmbeddedBroker
    from edgepose.cli import running, watching
    from edgepose.subscriber import Subscriber

    footage = watching.footage(source) if source else watching.footage(str(sample_session()), "the clip that ships")
    settings = _settings(footage, model, models_dir)
    _check(footage, serve)
    out.mkdir(parents=True, exist_ok=True)
    with EmbeddedBroker(port=port, ws_port=0 if serve else None) as broker:
        settings = settings.model_copy(update={"mqtt": broker.settings(settings.mqtt)})
        heard = Heard()
        topic = f"edgepose/{settings.device}/+/event"
        with closing(Subscriber(broker.url, topic, heard)):
            typer.echo(f"broker {broker.url}, subscribed to {topic}")
            if serve and _live(footage):
                heard.kept = False
                return _play(settings, broker)
            wanted = running.Wanted()
            code = _watched(settings, footage, out, wanted, heard)
            if serve and not wanted.halted.is_set():
                with _serving(out) as address:
                    typer.echo(f"page {address}")
                    return _play(_again(settings), broker)
    return code


def sample_session() -> Path:
    """The clip that ships, with its truth: beside the package when installed, in the checkout otherwise."""
    from edgepose.errors import SettingsError

    package = Path(__file__).parents[1]
    for place in (package / "demo", package.parents[1] / "deploy" / "demo"):
        if (place / "session.json").is_file():
            return place
    raise SettingsError("the sample clip is not installed; give --source")


class Heard:
    """What the subscriber got, printed as it arrives."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.kept = True
        self._more = threading.Condition()

    def __call__(self, topic: str, payload: bytes) -> None:
        event = json.loads(payload)
        peak_s = event["media"]["peak_s"]
        print(f"{topic}: {peak_s:6.2f} s  #{event['track']}  {event['label']} {event['score']:.2f}", flush=True)
        with self._more:
            if self.kept:
                self.events.append(event)
            self._more.notify_all()

    def wait(self, count: int) -> None:
        """Until so many have come, or a little while has passed; later ones are printed and not kept."""
        deadline = time.monotonic() + _ARRIVE_S
        with self._more:
            while len(self.events) < count and time.monotonic() < deadline:
                self._more.wait(0.1)
            self.kept = False


def _settings(footage: Footage, model: str | None, models_dir: Path | None) -> Settings:
    from edgepose.cli import running

    settings = running.settings_from(None, footage.address, {"model": model} if model else {}, None, models_dir)
    camera = settings.camera[0].model_copy(update={"focal_px": footage.focal_px})
    return settings.model_copy(update={"camera": [camera]})


def _check(footage: Footage, serve: bool) -> None:
    """Raises SettingsError for what cannot be played again and again."""
    from edgepose import build
    from edgepose.errors import SettingsError

    kind = build.source_kind(footage.address)
    if serve and kind in ("images", "replay"):
        raise SettingsError(f"{footage.address}: --serve plays videos and cameras, not pictures or recorded poses")


def _live(footage: Footage) -> bool:
    from edgepose import build

    return build.source_kind(footage.address) != "video"


def _watched(settings: Settings, footage: Footage, out: Path, wanted: Wanted, heard: Heard) -> int:
    """Once to the end, with all that is left of it; returns run's exit code."""
    from edgepose.cli import summary, watching
    from edgepose.session import read_poses

    wanted.events, wanted.drawn = out / summary.EVENTS, out / summary.ANNOTATED
    wanted.events.unlink(missing_ok=True)
    session = out / summary.SESSION
    code = watching.watch(settings, footage, session, wanted)
    heard.wait(len(wanted.events.read_text(encoding="utf-8").splitlines()))
    typer.echo("3D and the page …", err=True)
    poses, lifted = read_poses(session), watching.lift(session, settings)
    compared = watching.compare(heard.events, poses, lifted, footage)
    outcome = summary.Outcome(footage, out, heard.events, poses, lifted, compared)
    summary.write(outcome)
    typer.echo(f"look at {out / summary.PAGE}; beside it {summary.ANNOTATED}, {summary.ANIMATION}, {summary.EVENTS}")
    typer.echo(outcome.result)
    return code


def _again(settings: Settings) -> Settings:
    """The same video as a camera that never ends."""
    camera = settings.camera[0]
    return settings.model_copy(update={"camera": [camera.model_copy(update={"source": f"loop:{camera.source}"})]})


def _play(settings: Settings, broker: EmbeddedBroker) -> int:
    """Until Ctrl-C; nothing is written."""
    from edgepose.cli import running

    live = settings.model_copy(update={"mqtt": settings.mqtt.model_copy(update={"poses_hz": _POSES_HZ})})
    typer.echo(f"playing until Ctrl-C; subscribe at {broker.url} or {broker.ws_url}")
    return running.run_device(live, running.Wanted())


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    """The folder's files for browsers on this machine."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing: the terminal shows events."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
