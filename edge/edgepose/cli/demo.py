"""``edgepose demo``: the main job against an embedded broker with a real subscriber."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgepose.cli.run import Model, ModelsDir

if TYPE_CHECKING:
    from edgepose.session import Label

_ARRIVE_S = 5.0


def command(
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the video and the events")] = Path("out/demo"),
    source: Annotated[
        str | None,
        typer.Option("--source", "-s", help="your own clip or camera; none: the recorded session that ships"),
    ] = None,
    model: Model = None,
    models_dir: ModelsDir = None,
) -> int:
    """Replay the sample session: strokes go over MQTT to a subscriber, which prints them as they arrive."""
    from edgepose.broker import EmbeddedBroker
    from edgepose.cli import running
    from edgepose.subscriber import Subscriber

    address = source or str(sample_session())
    out.mkdir(parents=True, exist_ok=True)
    events, video = out / "events.jsonl", out / "annotated.mp4"
    events.unlink(missing_ok=True)
    with EmbeddedBroker() as broker:
        settings = running.settings_from(None, address, {"model": model} if model else {}, None, models_dir)
        settings = settings.model_copy(update={"mqtt": broker.settings(settings.mqtt)})
        heard = Heard()
        subscriber = Subscriber(broker.url, f"edgepose/{settings.device}/+/event", heard)
        typer.echo(f"broker {broker.url}, subscribed to edgepose/{settings.device}/+/event")
        try:
            code = running.run_device(settings, running.Wanted(events=events, drawn=video))
            heard.wait(len(events.read_text(encoding="utf-8").splitlines()))
        finally:
            subscriber.close()
    _summary(heard.events, address, out)
    return code


def sample_session() -> Path:
    """The recorded session that ships: beside the package when installed, in the checkout otherwise."""
    from edgepose.errors import SettingsError

    package = Path(__file__).parents[1]
    for place in (package / "demo", package.parents[1] / "deploy" / "demo"):
        if (place / "session.json").is_file():
            return place
    raise SettingsError("the sample session is not installed; give --source")


class Heard:
    """What the subscriber got, printed as it arrives."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._more = threading.Condition()

    def __call__(self, topic: str, payload: bytes) -> None:
        event = json.loads(payload)
        peak_s = event["media"]["peak_s"]
        print(f"{topic}: {peak_s:6.2f} s  #{event['track']}  {event['label']} {event['score']:.2f}", flush=True)
        with self._more:
            self.events.append(event)
            self._more.notify_all()

    def wait(self, count: int) -> None:
        """Until so many have come, or a little while has passed."""
        deadline = time.monotonic() + _ARRIVE_S
        with self._more:
            while len(self.events) < count and time.monotonic() < deadline:
                self._more.wait(0.1)


def _summary(events: list[dict[str, Any]], address: str, out: Path) -> None:
    from edgepose.session import read_labels

    truth = read_labels(Path(address)) if Path(address).is_dir() else []
    if truth:
        right, wrong = _compare(events, truth)
        false = len(events) - right - wrong
        typer.echo(f"{right} of {len(truth)} strokes found, {wrong} wrong label, {false} false")
    typer.echo(f"{len(events)} events received; {out / 'annotated.mp4'}, {out / 'events.jsonl'}")


def _compare(events: list[dict[str, Any]], truth: list[Label]) -> tuple[int, int]:
    """Strokes found with the right and with a wrong label: the first free event of the same track inside it."""
    free = list(events)
    right = wrong = 0
    for label in truth:
        found = [
            event
            for event in free
            if label.start_s <= event["media"]["peak_s"] <= label.end_s and label.track in (None, event["track"])
        ]
        if found:
            free.remove(found[0])
            right += found[0]["label"] == label.label
            wrong += found[0]["label"] != label.label
    return right, wrong
