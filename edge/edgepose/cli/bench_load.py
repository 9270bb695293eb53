"""``edgepose bench load``: cameras in real time through the whole device, to a subscriber of the broker."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgepose.cli.run import Model, ModelsDir
from edgepose.errors import SettingsError

if TYPE_CHECKING:
    from edgepose.config import Settings
    from edgepose.loadtest import Load

_DEVICE = "load"
_VIDEO = "video.mp4"
_MOST_CLIPS, _LONGEST_S = 3, 30.0
"""Made ones: more cameras show the same again, a longer test shows them again."""
_PLACE_M = "-5,5,-20"
_ARRIVE_S = 5.0


def command(
    clips: Annotated[
        list[Path] | None,
        typer.Argument(help="videos, sessions with video.mp4, folders of those; none: `edgepose synth` makes some"),
    ] = None,
    cameras: Annotated[int, typer.Option("--cameras", min=1, help="at once; they show the clips in turn")] = 1,
    players: Annotated[int, typer.Option("--players", min=1, max=6, help="in a made clip")] = 2,
    seconds: Annotated[float, typer.Option("--seconds", min=1.0, help="measured")] = 20.0,
    size: Annotated[str, typer.Option("--size", metavar="WxH", help="of a made clip, px")] = "640x360",
    fps: Annotated[float, typer.Option("--fps", min=1.0, max=240.0, help="of a made clip")] = 30.0,
    model: Model = None,
    threads: Annotated[int, typer.Option("--threads", min=0, help="of each camera's inference engine")] = 1,
    broker: Annotated[
        str, typer.Option("--broker", metavar="URL", help="embedded, or an mqtt:// address without a password")
    ] = "embedded",
    models_dir: ModelsDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> int:
    """Play clips as cameras would, in real time, and measure what each camera gets: frames, drops, time to an event.

    The clock of a frame is when it was due. The embedded broker and the subscriber take part of the processor time.
    """
    from urllib.parse import urlsplit

    from edgepose import loadtest

    given = urlsplit(broker)
    if broker != "embedded" and (given.scheme != "mqtt" or given.username):
        raise SettingsError("--broker: expected embedded, or an mqtt:// address without a password")
    with ExitStack() as stack:
        found = list(_videos(clips)) if clips else stack.enter_context(_made(cameras, players, seconds, size, fps))
        addresses = [found[number % len(found)] for number in range(cameras)]
        settings = _settings(addresses, model, threads, models_dir)
        load, heard = loadtest.Load(seconds), loadtest.Heard()
        code = _run(settings, broker, load, heard)
        report = _report(load, heard, addresses, settings)  # made clips and their labels are still there
    typer.echo(json.dumps(report) if as_json else "\n".join(lines(report)))
    return code


def _videos(paths: Sequence[Path]) -> Iterator[Path]:
    """Raises SettingsError for a path that is or holds none."""
    for path in paths:
        inside = [path / _VIDEO] if (path / _VIDEO).is_file() else sorted(path.glob(f"*/{_VIDEO}"))
        if not path.is_file() and not inside:
            raise SettingsError(f"{path}: no video, and no session with a {_VIDEO} (edgepose synth --out makes some)")
        yield from inside or [path]


@contextmanager
def _made(cameras: int, players: int, seconds: float, size: str, fps: float) -> Iterator[list[Path]]:
    """Sessions by the trainer's command, gone afterwards. Raises SettingsError where it is not installed."""
    if not entry_points(group="edgepose.commands", name="synth"):
        raise SettingsError("no clips given, and `edgepose synth` is not installed here: it can make them elsewhere")
    with tempfile.TemporaryDirectory(prefix="edgepose-load-") as name:
        videos = []
        for seed in range(1, min(cameras, _MOST_CLIPS) + 1):
            out = Path(name) / f"clip-{seed}"
            print(f"edgepose synth: clip {seed} of {min(cameras, _MOST_CLIPS)}", file=sys.stderr)
            told = {
                "seed": seed, "players": players, "duration": min(seconds, _LONGEST_S), "size": size, "fps": fps,
                "from": _PLACE_M, "out": out,
            }  # fmt: skip
            options = [f"--{option}={value}" for option, value in told.items()]
            done = subprocess.run(
                [sys.executable, "-m", "edgepose", "synth", *options], capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise SettingsError(f"edgepose synth: {done.stderr.strip().removeprefix('edgepose: ')}")
            videos.append(out / _VIDEO)
        yield videos


def _settings(videos: Sequence[Path], model: str | None, threads: int, models_dir: Path | None) -> Settings:
    from edgepose.cli import running
    from edgepose.config import CameraSettings

    first = running.settings_from(
        None, f"loop:{videos[0]}", running.pose_from(model, None, None, threads), None, models_dir
    )
    cameras = [
        CameraSettings(name=f"camera-{number}", source=f"loop:{video}") for number, video in enumerate(videos, 1)
    ]
    return first.model_copy(update={"camera": cameras, "device": _DEVICE})


def _run(settings: Settings, broker: str, load: Load, heard: Any) -> int:
    from edgepose.broker import EmbeddedBroker
    from edgepose.cli import running
    from edgepose.subscriber import Subscriber

    with ExitStack() as stack:
        mqtt = settings.mqtt.model_copy(update={"broker": broker})
        if broker == "embedded":
            mqtt = stack.enter_context(EmbeddedBroker()).settings(mqtt)
        subscriber = Subscriber(mqtt.broker, f"edgepose/{settings.device}/+/event", heard)
        stack.callback(subscriber.close)
        code = running.run_device(settings.model_copy(update={"mqtt": mqtt}), running.Wanted(extra=load.watch))
        load.end()  # a signal came before the time was over
        heard.wait(sum(len(meter.events) for meter in load.meters), _ARRIVE_S)
    return code


def _report(load: Load, heard: Any, videos: Sequence[Path], settings: Settings) -> dict[str, Any]:
    from edgepose import build, loadtest
    from edgepose.session import read_labels

    rows = []
    for meter, video in zip(load.meters, videos, strict=True):
        labels = read_labels(video.parent) if (video.parent / "session.json").is_file() else []
        rows.append(loadtest.row(meter, heard.at_s, labels, load.wall_s))
    frames = sum(row["processed"] for row in rows)
    return {
        "cameras": rows,
        "seconds": round(load.wall_s, 2),
        "fps": round(sum(row["fps"] or 0 for row in rows), 2),
        "cpu": round(load.cpu_s / load.wall_s, 3) if load.wall_s else None,
        "cpu_ms_a_frame": round(1e3 * load.cpu_s / frames, 2) if frames else None,
        "models": build.model_ids(settings),
    }


def lines(report: dict[str, Any]) -> list[str]:
    """The report as a table."""
    heads = (
        "camera", "offered", "processed", "dropped", "fps", "to poses ms", "to event ms", "from peak ms", "events",
        "strokes", "cpu",
    )  # fmt: skip
    table = [heads, *(_cells(row) for row in report["cameras"])]
    wide = [max(len(cells[column]) for cells in table) for column in range(len(heads))]
    told = ["  ".join(text.rjust(width) for text, width in zip(cells, wide, strict=True)) for cells in table]
    if report["cpu"] is not None:
        total = f"{report['fps']:g} frames/s in all, {report['cpu']:.2f} cores busy"
        if report["cpu_ms_a_frame"] is not None:
            total += f", {report['cpu_ms_a_frame']:.1f} processor ms a frame"
        told.append(f"{report['seconds']:g} s, {total}; times: median/p95")
    return told


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    share = f" ({100 * row['dropped'] / row['offered']:.0f} %)" if row["dropped"] else ""
    strokes = row["strokes"]
    return (
        row["camera"], str(row["offered"]), str(row["processed"]), f"{row['dropped']}{share}", _number(row["fps"]),
        *(_times(row[name]) for name in ("camera_to_poses_ms", "camera_to_event_ms", "peak_to_event_ms")),
        f"{row['events']}" + (f" ({row['lost_events']} lost)" if row["lost_events"] else ""),
        f"{strokes['right']} of {strokes['shown']}" if strokes else "-", _number(row["cpu"]),
    )  # fmt: skip


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _times(spread: dict[str, float] | None) -> str:
    return "-" if spread is None else f"{spread['p50']:.0f}/{spread['p95']:.0f}"
