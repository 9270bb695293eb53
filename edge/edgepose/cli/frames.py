"""``edgepose frames``: pictures out of a video, with names and an index that say when each was taken."""

from __future__ import annotations

import csv
import io
import json
import math
import signal
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, BinaryIO, cast

import typer

from edgepose.cli.progress import bars

if TYPE_CHECKING:
    from edgepose.sources import Source
    from edgepose.types import Frame, Image

INDEX = "frames.csv"
_TICK_S = 1e-6
"""Timestamps that stand for one tick differ by less: 0.9999999 s is in second 1."""


def command(
    video: Annotated[str, typer.Argument(help="video, or folder of pictures")],
    out: Annotated[Path, typer.Option("--out", "-o", help="folder to write; must be new or empty")],
    every: Annotated[float | None, typer.Option("--every", help="one frame every so many seconds, not all")] = None,
    fps: Annotated[float | None, typer.Option("--fps", help="at most so many frames a second, not all")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print what was written as JSON")] = False,
) -> int:
    """Write frames as {video}_{second:04d}_{frame:06d}.png, and frames.csv with the time of each.

    Frames are numbered from 0 through the whole video; seconds and times are the video's own timestamps.
    """
    from edgepose import build
    from edgepose.config import CaptureSettings
    from edgepose.errors import SettingsError

    step_s = _step_s(every, fps)
    if build.source_kind(video) not in ("images", "video"):
        raise SettingsError(f"{video}: give a video or a folder of pictures; for a camera there is record --video")
    source = build.open_source(video, CaptureSettings())
    with closing(source), _index(out) as index, _asked_to_stop() as stopping:
        written = _write(source, _stem(Path(video).resolve()), out, index, step_s, stopping)
    unread = f", {source.skipped} unreadable" if source.skipped else ""
    typer.echo(f"{out}: {written} pictures, {INDEX}{unread}" + (", stopped" if stopping.is_set() else ""), err=True)
    if as_json:
        found = {"folder": str(out), "index": str(out / INDEX), "pictures": written, "unreadable": source.skipped}
        typer.echo(json.dumps(found))
    if stopping.is_set():
        raise KeyboardInterrupt
    return 0


def name(stem: str, frame: int, time_s: float) -> str:
    """The picture's file name; frame is 0-based in the whole video, the second that of its own timestamp."""
    return f"{stem}_{math.floor(time_s + _TICK_S):04d}_{frame:06d}.png"


def due(frames: Iterable[Frame], step_s: float) -> Iterator[Frame]:
    """The first frame of every ``step_s`` since the first of all; 0: every frame."""
    first_s, last = None, -1
    for frame in frames:
        first_s = frame.time_s if first_s is None else first_s
        turn = math.floor((frame.time_s - first_s + _TICK_S) / step_s) if step_s else last + 1
        if turn > last:
            last = turn
            yield frame


def _stem(video: Path) -> str:
    return video.name if video.is_dir() else video.stem


def _step_s(every: float | None, fps: float | None) -> float:
    from edgepose.errors import SettingsError

    if every is not None and fps is not None:
        raise SettingsError("--every and --fps say the same in two ways: give one of them")
    for option, value in (("--every", every), ("--fps", fps)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise SettingsError(f"{option} {value:g}: expected a number above 0")
    return every or (1.0 / fps if fps else 0.0)


def _write(source: Source, stem: str, out: Path, index: BinaryIO, step_s: float, stopping: Event) -> int:
    """Writes what is due and lists it at once, so that the index is right whatever happens next."""
    from edgepose.errors import SettingsError

    written = 0
    with bars({"frames": source.info.frames}) as advance:
        for frame in due(source.frames(), step_s):
            if stopping.is_set():
                break
            if frame.image is None:
                continue
            path = out / name(stem, frame.index, frame.time_s)
            try:
                _save(frame.image, path)
                index.write(_row(path.name, frame.index, f"{frame.time_s:.6f}"))
            except OSError as error:
                path.unlink(missing_ok=True)
                before = f"the {written} pictures before it are whole and in {out / INDEX}"
                raise SettingsError(f"{path}: {error.strerror}; {before}") from None
            written += 1
            if advance is not None:
                advance("frames", frame.index + 1)
    return written


def _row(*cells: object) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode("utf-8", "surrogateescape")


def _save(image: Image, path: Path) -> None:
    """A whole PNG or none; raises OSError."""
    import cv2

    partial = path.with_suffix(".partial")
    try:
        partial.write_bytes(cv2.imencode(".png", image)[1].tobytes())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _index(out: Path) -> Iterator[BinaryIO]:
    """The open index of a folder that is new or empty; raises SettingsError when it is not."""
    from edgepose.errors import SettingsError

    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise SettingsError(f"{out}: the folder is not empty; give a new one, so that nothing is mixed or lost")
    with (out / INDEX).open("xb", buffering=0) as file:
        file.write(_row("file", "frame", "time_s"))
        yield cast(BinaryIO, file)


@contextmanager
def _asked_to_stop() -> Iterator[Event]:
    """Set by the first Ctrl-C or SIGTERM, which lets the picture in work be finished; the second ends at once."""
    stopping = Event()

    def stop(number: int, frame: object) -> None:
        restore()
        stopping.set()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        restore()
