"""What run, record, events and demo share: settings from options, one device from start to summary."""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgepose.cli.progress import bars
from edgepose.errors import BrokerError, SettingsError

if TYPE_CHECKING:
    from edgepose.config import Settings
    from edgepose.device import CameraLine, Device
    from edgepose.mqtt import Publisher
    from edgepose.outputs import Output
    from edgepose.types import Event

_FLUSH_S = 10.0


@dataclass(slots=True)
class Wanted:
    """What to do with the events of one run."""

    mqtt: bool = True
    events: Path | None = None
    drawn: Path | None = None
    draw_scores: bool = False
    tell: Callable[[Event], None] | None = None
    extra: Callable[[CameraLine], Sequence[Output]] = field(default=lambda line: ())
    summary: Path | None = None
    halted: threading.Event = field(default_factory=threading.Event)
    """Set when a signal ended the run."""


def pose_from(
    model: str | None, detector: str | None, option: Sequence[str] | None, threads: int | None
) -> dict[str, Any]:
    """What the command line says of [pose]; raises SettingsError for an option that is not NAME=VALUE."""
    pairs = [pair.partition("=") for pair in option or ()]
    wrong = ["".join(pair) for pair in pairs if not pair[1]]
    if wrong:
        raise SettingsError(f"--option {wrong[0]}: give NAME=VALUE")
    options = {name: value for name, _, value in pairs} or None
    given = {"model": model, "detector": detector, "options": options, "threads": threads}
    return {key: value for key, value in given.items() if value is not None}


def settings_from(
    config: Path | None, source: str | None, pose: Mapping[str, Any], broker: str | None, models_dir: Path | None
) -> Settings:
    """The file's settings with the command line's on top; raises SettingsError when no camera is left.

    ``pose`` are keys of [pose] and their values.
    """
    from edgepose import build
    from edgepose import config as files

    settings = files.load(config) if config else files.Settings()
    changes: dict[str, Any] = {}
    if source is not None:
        first = settings.camera[0] if settings.camera else files.CameraSettings(source=source)
        changes["camera"] = [first.model_copy(update={"source": source})]
    elif not settings.camera:
        where = f"{config}: no [[camera]] table" if config else "no camera"
        raise SettingsError(f"{where}: give --source (camera number, address, file, folder, session) or --config")
    if pose:
        changes["pose"] = settings.pose.model_copy(update=pose)
        cameras = changes.get("camera", settings.camera)
        changes["camera"] = [camera.model_copy(update={"pose": None}) for camera in cameras]
    if broker is not None:
        changes["mqtt"] = settings.mqtt.model_copy(update={"broker": broker})
    if models_dir is not None:
        changes["models_dir"] = models_dir
    settings = settings.model_copy(update=changes)
    if config is not None and "model" not in pose:
        build.find_models(settings, str(config))
    return settings


def counting(settings: Settings, exercise: str) -> Settings:
    """The settings with repetitions counted and strokes left alone; raises SettingsError on an unknown exercise."""
    from edgepose.config import parse

    given = settings.counter.model_dump() | {"enabled": True, "exercise": exercise}
    counter = parse({"counter": given}, "--count").counter
    return settings.model_copy(
        update={"counter": counter, "strokes": settings.strokes.model_copy(update={"enabled": False})}
    )


def replay_settings(session: Path, model: str, models_dir: Path | None, **strokes: float) -> Settings:
    """Settings that replay one recorded session through a strokes model."""
    from edgepose import build
    from edgepose.config import CameraSettings, Settings, StrokeSettings

    if build.source_kind(str(session)) != "replay":
        raise SettingsError(f"{session}: not a recorded session (no session.json in it)")
    return Settings(
        models_dir=models_dir,
        strokes=StrokeSettings(model=model, **strokes),
        camera=[CameraSettings(source=str(session))],
    )


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A file beside ``path`` to write; it takes ``path``'s place when all went well. Raises SettingsError."""
    if not path.parent.is_dir():
        raise SettingsError(f"{path}: no folder {path.parent}")
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def run_device(settings: Settings, wanted: Wanted) -> int:
    """Runs all cameras until their sources end or a signal comes; returns the exit code.

    Raises EdgePoseError for what is wrong at start: nothing was read or published then.
    """
    from edgepose.device import CameraLine, Device
    from edgepose.wire import uuid7

    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="edgepose: %(message)s")
    logging.getLogger("edgepose.mqtt").setLevel(logging.CRITICAL)  # until first contact, which says it itself
    boot = uuid7()
    labels = _score_labels(settings) if wanted.draw_scores else ()
    with ExitStack() as stack:
        publisher = _publisher(settings, boot, stack) if wanted.mqtt and settings.mqtt.enabled else None
        lines: list[CameraLine] = []
        for camera in settings.camera:
            line = CameraLine(settings, camera, boot, images=wanted.drawn is not None)
            stack.callback(line.stop)
            lines.append(line)
        device = Device(lines)
        _outputs(device, publisher, wanted, labels)
        if publisher is not None:
            _first_contact(publisher, settings, live=any(line.info.live for line in lines))
        _stop_on_signals(device, wanted.halted, stack)
        with bars({line.name: line.info.frames for line in lines}) as watch:
            device.run(settings.mqtt.metrics_s, publisher.publish_metrics if publisher else None, watch)
        if publisher is not None:
            publisher.publish_metrics(device.metrics())
        left = publisher.stop(_FLUSH_S) if publisher else 0
        code = _summarise(device, left, wanted)
        if device.error is not None:
            raise device.error
        return code


def _publisher(settings: Settings, boot: str, stack: ExitStack) -> Publisher:
    """Starts to connect at once: the broker answers while the models load."""
    from edgepose import build, wire
    from edgepose.mqtt import Publisher

    mqtt = settings.mqtt
    if mqtt.broker == "embedded":
        from edgepose.broker import EmbeddedBroker

        embedded = stack.enter_context(EmbeddedBroker())
        mqtt = embedded.settings(mqtt)
        print(f"embedded broker: {embedded.url}", file=sys.stderr)
    cameras = [{"name": camera.name} for camera in settings.camera]
    info = wire.info_message(settings.device, cameras, build.model_ids(settings))
    publisher = Publisher(settings.device, mqtt, info, boot)
    publisher.start()
    stack.callback(publisher.stop, 0.0)
    return publisher


def _first_contact(publisher: Publisher, settings: Settings, live: bool) -> None:
    """A broker that says no is a mistake; one that is away is weather for cameras, a mistake for files."""
    where = settings.mqtt.broker.rpartition("@")[2]
    if not publisher.connected(settings.mqtt.connect_timeout_s):
        if not live:
            advice = "start one, give --broker, or publish nothing: run --no-mqtt, or mqtt.enabled = false"
            raise BrokerError(f"broker {where} is not there; {advice}")
        logging.warning("broker %s is not there yet; events wait in the queue", where)
    logging.getLogger("edgepose.mqtt").setLevel(logging.NOTSET)


def _outputs(device: Device, publisher: Publisher | None, wanted: Wanted, labels: Sequence[str]) -> None:
    from edgepose.drawn_video import DrawnVideo
    from edgepose.outputs import EventLines, Publishing, Telling

    events = EventLines(wanted.events) if wanted.events else None
    for line in device.lines:
        if publisher is not None:
            line.outputs.append(Publishing(publisher, line.name, line.info, line.skeleton))
        if events is not None:
            line.outputs.append(events)
        if wanted.drawn is not None:
            name = (
                wanted.drawn if len(device.lines) == 1 else wanted.drawn.with_stem(f"{wanted.drawn.stem}-{line.name}")
            )
            line.outputs.append(DrawnVideo(name, line.info, line.skeleton, labels))
        line.outputs += wanted.extra(line)
        if wanted.tell is not None:
            line.outputs.append(Telling(wanted.tell))


def _score_labels(settings: Settings) -> Sequence[str]:
    from edgepose import build

    strokes = build.action_models(settings)
    if strokes is None:
        raise SettingsError("--draw-scores: there are none without a stroke model: set strokes.model in --config")
    return strokes.card.labels


def _stop_on_signals(device: Device, halted: threading.Event, stack: ExitStack) -> None:
    """The first Ctrl-C or SIGTERM ends cleanly, the second at once; afterwards all is as it was."""

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        halted.set()
        device.ask_to_stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        stack.callback(signal.signal, number, signal.signal(number, stop))


def _summarise(device: Device, left: int, wanted: Wanted) -> int:
    summary = _summary(device, left)
    if wanted.summary is not None:
        wanted.summary.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    for name, camera in summary["cameras"].items():
        lost = f", {camera['dropped']} dropped" if camera["dropped"] else ""
        lost += f", {camera['skipped']} unreadable" if camera["skipped"] else ""
        rate = f" ({camera['fps']:.1f} fps)" if camera["fps"] else ""
        print(f"{name}: {camera['frames']} frames{rate}{lost}, {camera['events']} events", file=sys.stderr)
    if left:
        print(f"edgepose: {left} events did not reach the broker", file=sys.stderr)
    return 1 if left else 0


def _summary(device: Device, left: int) -> dict[str, Any]:
    """Figures of a whole run, for benches and scripts."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    started_s = _process_started_s()
    cameras = {}
    for line in device.lines:
        progress = line.progress
        span_s = progress.last_s - (progress.first_s or progress.last_s)
        cameras[line.name] = line.metrics(progress.last_s, progress.frames) | {
            "fps": round((progress.frames - 1) / span_s, 2) if span_s > 0 else None,
            "first_result_s": round(progress.first_s - started_s, 3) if progress.first_s and started_s else None,
        }
    return {
        "cameras": cameras,
        "undelivered": left,
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
        "peak_memory_mb": round(usage.ru_maxrss / 1024, 1),
    }


def _process_started_s() -> float | None:
    """When this process began, on time.monotonic()'s scale; None where the system does not say."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError):
        return None
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - age_s
