"""What a camera's line feeds beside its events: event file, terminal, recorded session, drawn video."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

import cv2
import numpy as np

from edgepose import draw, wire
from edgepose.errors import SettingsError
from edgepose.mqtt import Publisher
from edgepose.pipeline import Step
from edgepose.skeletons import Skeleton
from edgepose.sources import SourceInfo
from edgepose.types import Event, Frame

_LABEL_S = 1.0  # a stroke's name stays on the drawn video so long


class Output(Protocol):
    """Takes what every frame brought, in the camera's own thread."""

    def step(self, frame: Frame, step: Step) -> None: ...

    def close(self) -> None: ...


class EventLines:
    """Events as JSON lines appended to a file, whole and at once, from any camera's thread."""

    def __init__(self, path: Path) -> None:
        """Raises SettingsError when the file cannot be written."""
        try:
            self._file: IO[bytes] = path.open("ab", buffering=0)
        except OSError as error:
            raise SettingsError(f"{path}: cannot write events: {error.strerror}") from None
        self._lock = threading.Lock()

    def step(self, frame: Frame, step: Step) -> None:
        for event in step.events:
            line = wire.encode(wire.event_message(event, time.time(), replayed=False)) + b"\n"
            with self._lock:
                self._file.write(line)

    def close(self) -> None:
        self._file.close()


class Publishing:
    """Events and, where they are wanted, live poses of one camera to the broker."""

    def __init__(self, publisher: Publisher, camera: str, info: SourceInfo, skeleton: Skeleton) -> None:
        self._publisher = publisher
        self._camera = camera
        self._started_unix_s = info.started_unix_s
        self._skeleton = skeleton.name

    def step(self, frame: Frame, step: Step) -> None:
        for event in step.events:
            self._publisher.publish_event(event)
        unix_s = self._started_unix_s + frame.time_s
        self._publisher.publish_poses(self._camera, frame.index, unix_s, step.tracks, self._skeleton)

    def close(self) -> None:
        """The publisher is shared: the device stops it."""


class Telling:
    """Calls back with every event: the terminal, the demo."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell

    def step(self, frame: Frame, step: Step) -> None:
        for event in step.events:
            self._tell(event)

    def close(self) -> None:
        """Nothing is held."""


class DrawnVideo:
    """An mp4 of the frames with skeletons, ids and strokes; black ground where there is no picture."""

    def __init__(self, path: Path, info: SourceInfo, skeleton: Skeleton) -> None:
        """Raises SettingsError when the video cannot be written."""
        if not path.parent.is_dir():
            raise SettingsError(f"{path}: cannot write the video: no folder {path.parent}")
        self._size = (info.width, info.height)
        self._skeleton = skeleton
        self._writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), info.fps or 30.0, self._size)
        if not self._writer.isOpened():
            raise SettingsError(f"{path}: cannot write the video (give a name that ends in .mp4)")
        self._recent: list[Event] = []

    def step(self, frame: Frame, step: Step) -> None:
        if frame.image is None:
            picture = np.zeros((self._size[1], self._size[0], 3), np.uint8)
        else:
            picture = frame.image.copy()
        draw.tracks(picture, step.tracks, self._skeleton)
        self._recent = [e for e in (*self._recent, *step.events) if frame.time_s - e.end_s < 2 * _LABEL_S]
        for row, event in enumerate(self._recent):
            words = f"#{event.track} {event.label} {event.score:.2f}  ({event.peak_s:.1f} s)"
            draw.text(picture, words, (20, 40 + 40 * row))
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = np.asarray(cv2.resize(picture, self._size), np.uint8)
        self._writer.write(picture)

    def close(self) -> None:
        self._writer.release()
