"""Raw frames from a command's output: yuv4mpeg or rawvideo, with presets for what OpenCV cannot open.

Addresses: ``pipe:COMMAND`` and ``pipe+live:COMMAND`` (yuv4mpeg, of a file and of a camera),
``pipe+raw:PIXFMT:COMMAND`` (bgr24, rgb24, gray, yuv420p; size from the settings), ``picamera[:N]``,
``jetson-csi[:N]``, ``ffmpeg:FILE`` and ``ffmpeg:-f v4l2 -i /dev/video0``. No shell is involved.
"""

from __future__ import annotations

import logging
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from edgepose.clock import StreamClock
from edgepose.command import Command, CommandEnded
from edgepose.config import CaptureSettings
from edgepose.errors import SourceError, SourceLost
from edgepose.rawvideo import RAW_FORMATS, RawFormat, parse_y4m_header, raw_format
from edgepose.sources import SourceInfo, without_password
from edgepose.types import Frame

_FPS = 30.0
_SIZE = (1280, 720)
_HEADER_BYTES = 1024
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run and what it will write."""

    argv: list[str]
    live: bool
    raw: RawFormat | None = None
    """None: yuv4mpeg, whose header says it."""
    fps: float | None = None
    own_descriptor: bool = False
    """Frames come through a descriptor of their own, whose number replaces ``{fd}`` in ``argv``."""


def open_source(address: str, settings: CaptureSettings) -> PipeSource:
    """Starts the command and waits for its first frame; raises SourceError with its own last line."""
    plan = plan_of(address, settings)
    shown = without_password(address)
    if shutil.which(plan.argv[0]) is None:
        raise SourceError(f"{shown}: command {plan.argv[0]!r} is not installed or not on the PATH")
    try:
        command = Command(plan.argv, own_descriptor=plan.own_descriptor)
    except OSError as error:
        raise SourceError(f"{shown}: {plan.argv[0]} cannot be started: {error.strerror}") from None
    try:
        return PipeSource(shown, command, plan, settings)
    except (CommandEnded, TimeoutError, ValueError) as error:
        command.close()
        raise SourceError(without_password(f"{shown}: {error}")) from None


def plan_of(address: str, settings: CaptureSettings) -> Plan:
    """The command behind an address; raises SourceError when it is none or lacks what it needs."""
    kind, _, rest = address.partition(":")
    if kind in ("pipe", "pipe+live") and rest.strip():
        return Plan(_split(address, rest), live=kind == "pipe+live")
    if kind == "pipe+raw":
        return _raw(address, rest, settings)
    if kind == "ffmpeg" and rest.strip():
        return _ffmpeg(address, rest.strip())
    if kind == "picamera" and re.fullmatch(r"[0-9]*", rest):
        return _picamera(rest, settings)
    if kind == "jetson-csi" and re.fullmatch(r"[0-9]*", rest):
        return _jetson(rest, settings)
    raise SourceError(
        f"{address!r} is no pipe; known: pipe:COMMAND, pipe+live:COMMAND, pipe+raw:PIXFMT:COMMAND, "
        "picamera[:N], jetson-csi[:N], ffmpeg:FILE, ffmpeg:-i INPUT"
    )


def _split(address: str, command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise SourceError(f"{address!r}: {str(error).lower()}") from None


def _raw(address: str, rest: str, settings: CaptureSettings) -> Plan:
    pixels, _, command = rest.partition(":")
    if pixels not in RAW_FORMATS or not command.strip():
        raise SourceError(f"{address!r}: expected pipe+raw:PIXFMT:COMMAND with PIXFMT one of {', '.join(RAW_FORMATS)}")
    if not settings.width or not settings.height:
        raise SourceError(f"{address!r}: raw video has no header; set width and height in [capture]")
    raw = raw_format(pixels, settings.width, settings.height)
    return Plan(_split(address, command), live=False, raw=raw, fps=settings.fps)


def _ffmpeg(address: str, rest: str) -> Plan:
    """``rest`` is one input, taken whole (it may hold spaces), or options from ``-`` on."""
    arguments = _split(address, rest) if rest.startswith("-") else ["-i", rest]
    if "-i" not in arguments[:-1]:
        raise SourceError(f"{address!r}: no input; write ffmpeg:FILE or ffmpeg:[options] -i INPUT")
    inputs = [value for option, value in pairwise(arguments) if option == "-i"]
    live = any(value.startswith("/dev/") or (re.match(r"\w+://", value) and "file://" not in value) for value in inputs)
    head = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error"]
    return Plan([*head, *arguments, "-an", "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", "-"], live=live)


def _picamera(number: str, settings: CaptureSettings) -> Plan:
    """rpicam-vid, or libcamera-vid as it was called before Raspberry Pi OS 12.

    Its yuv420 rows are padded to 64 pixels (raspberrypi/rpicam-apps issue 188) and nothing says so.
    """
    width, height, fps = settings.width or _SIZE[0], settings.height or _SIZE[1], settings.fps or _FPS
    if width % 64 or height % 2:
        raise SourceError(f"picamera: width must be a multiple of 64 and height of 2, not {width}×{height}")
    names = ("rpicam-vid", "libcamera-vid")
    name = next((name for name in names if shutil.which(name)), names[0])
    argv = [name, "--nopreview", "--timeout", "0", "--codec", "yuv420", "--width", str(width)]
    argv += ["--height", str(height), "--framerate", f"{fps:g}", "--flush", "--output", "-"]
    if number:
        argv += ["--camera", number]
    return Plan(argv, live=True, raw=raw_format("yuv420p", width, height), fps=fps)


def _jetson(number: str, settings: CaptureSettings) -> Plan:
    """nvarguscamerasrc prints its greetings on standard output, so frames take a descriptor of their own."""
    width, height, fps = settings.width or _SIZE[0], settings.height or _SIZE[1], settings.fps or _FPS
    caps = f"width={width},height={height}"
    pipeline = (
        f"nvarguscamerasrc sensor-id={number or 0} ! "
        f"video/x-raw(memory:NVMM),format=NV12,{caps},framerate={round(fps)}/1 ! "
        f"nvvidconv ! video/x-raw,format=I420,{caps} ! y4menc ! fdsink fd={{fd}} sync=false"
    )
    return Plan(["gst-launch-1.0", "-q", *pipeline.split()], live=True, own_descriptor=True)


class PipeSource:
    """A running command. Times: arrival for live ones, index / rate for files."""

    def __init__(self, shown: str, command: Command, plan: Plan, settings: CaptureSettings) -> None:
        """Waits for the first frame; raises CommandEnded, TimeoutError, ValueError (no yuv4mpeg)."""
        self._command = command
        self._settings = settings
        self.skipped = 0
        deadline_s = time.monotonic() + settings.open_timeout_s
        self._y4m = plan.raw is None
        header_fps = plan.fps
        if plan.raw is None:
            line = command.read_line(_HEADER_BYTES, deadline_s)
            if not line:
                raise CommandEnded(f"{command.name} ended before its first frame{command.said()}")
            self._format, header_fps = parse_y4m_header(line)
        else:
            self._format = plan.raw
        self._buffer = bytearray(self._format.bytes)
        if not self._read(deadline_s):
            raise CommandEnded(f"{command.name} ended before its first frame{command.said()}")
        self._fps = header_fps or settings.fps or _FPS
        self.info = SourceInfo(
            address=shown,
            width=self._format.width,
            height=self._format.height,
            fps=header_fps,
            live=plan.live,
            started_unix_s=time.time(),
            started_monotonic_s=time.monotonic() if plan.live else 0.0,
        )

    def frames(self) -> Iterator[Frame]:
        """Yields frames; raises SourceLost when a live command ends, or any gives nothing for stall_s."""
        clock, index, start_s = StreamClock(), 0, self.info.started_monotonic_s
        try:
            while True:
                at_s = clock.stamp(None, time.monotonic()) - start_s if self.info.live else index / self._fps
                yield Frame(index, at_s, self._format.to_bgr(self._buffer))
                index += 1
                if not self._read(time.monotonic() + self._settings.stall_s):
                    break
        except TimeoutError:
            raise self._lost(f"nothing came for {self._settings.stall_s:g} s{self._command.said()}") from None
        except CommandEnded as ended:
            if not self._command.closing:
                self._broken(str(ended))
            return
        if self.info.live and not self._command.closing:
            raise self._lost(f"{self._command.name} ended{self._command.said()}")

    def _broken(self, why: str) -> None:
        """A live command is started again; what a file's command had still to give is gone."""
        if self.info.live:
            raise self._lost(why)
        self.skipped += 1
        _log.warning("%s: ends early: %s", self.info.address, without_password(why))

    def _lost(self, why: str) -> SourceLost:
        return SourceLost(f"{self.info.address}: {without_password(why)}")

    def _read(self, deadline_s: float) -> bool:
        """Fills the buffer; False at a clean end."""
        if self._y4m:
            line = self._command.read_line(_HEADER_BYTES, deadline_s)
            if not line:
                return False
            if not line.startswith(b"FRAME"):
                raise CommandEnded(f"{self._command.name} wrote something that is no yuv4mpeg frame")
        return self._command.read_into(self._buffer, deadline_s)

    def close(self) -> None:
        """Ends the command with its children; safe to call twice and from another thread."""
        self._command.close()
