"""``edgepose run``: the device's main job."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edgepose.types import Event

Config = Annotated[Path | None, typer.Option("--config", "-c", help="settings file (TOML)")]
SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source",
        "-s",
        help="camera number, device path, RTSP/HTTP address, video file, image folder, recorded session, "
        "pipe:COMMAND, ffmpeg:INPUT, picamera or jetson-csi",
    ),
]
Model = Annotated[
    str | None, typer.Option("--model", "-m", help="pose model: name, folder or weights file; without: courtpose-n")
]
Detector = Annotated[str | None, typer.Option("--detector", help="person detector of a top-down pose model")]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="NAME=VALUE",
        help="of the pose model; repeatable: look=people, mode=lecture, detector.person=14",
    ),
]
ModelsDir = Annotated[Path | None, typer.Option("--models-dir", help="look for models here first")]
Threads = Annotated[int | None, typer.Option("--threads", min=0, help="of the inference engine; 0: its own choice")]
Summary = Annotated[Path | None, typer.Option("--summary", help="write the run's figures here (JSON)")]


def command(
    config: Config = None,
    source: SourceOption = None,
    model: Model = None,
    detector: Detector = None,
    option: Options = None,
    broker: Annotated[
        str | None,
        typer.Option("--broker", "-b", help="mqtt://[user:pass@]host:port, mqtts://, ws://, or embedded"),
    ] = None,
    events: Annotated[Path | None, typer.Option("--events", help="append events to this file (JSON lines)")] = None,
    no_mqtt: Annotated[bool, typer.Option("--no-mqtt", help="publish nothing")] = False,
    drawn: Annotated[Path | None, typer.Option("--draw", help="write a video with skeletons (.mp4)")] = None,
    draw_scores: Annotated[
        bool, typer.Option("--draw-scores", help="with --draw: the classifier's scores under each person")
    ] = False,
    count: Annotated[
        str | None,
        typer.Option("--count", help="count repetitions instead of strokes: bicep_curl (both: [counter] in --config)"),
    ] = None,
    models_dir: ModelsDir = None,
    threads: Threads = None,
    summary: Summary = None,
    as_json: Annotated[bool, typer.Option("--json", help="print events as JSON lines")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="print no events")] = False,
) -> int:
    """Watch cameras, find people, recognise strokes (or count), publish events over MQTT. Ctrl-C ends it cleanly."""
    from edgepose.cli import running
    from edgepose.errors import SettingsError

    pose = running.pose_from(model, detector, option, threads)
    settings = running.settings_from(config, source, pose, broker, models_dir)
    settings = settings if count is None else running.counting(settings, count)
    tell = None if quiet else (print_json if as_json else print_line)
    if draw_scores and drawn is None:
        raise SettingsError("--draw-scores says what --draw draws: give --draw FILE.mp4 as well")
    wanted = running.Wanted(not no_mqtt, events, drawn, draw_scores, tell, summary=summary)
    return running.run_device(settings, wanted)


def print_line(event: Event) -> None:
    """One event for people."""
    more = f", {event.handedness}-handed" if event.handedness else ""
    if event.kind == "count":
        more = f", number {event.kinematics['count'][0]:.0f}, {event.kinematics['duration'][0]:.1f} s"
    print(f"{event.peak_s:8.2f} s  {event.camera}  #{event.track}  {event.label} {event.score:.2f}{more}", flush=True)


def print_json(event: Event) -> None:
    """One event for machines."""
    from edgepose import wire

    print(json.dumps(wire.event_message(event, time.time(), replayed=False)), flush=True)
