"""What a camera's line feeds beside its events: event file, terminal, recorded session, table of scores."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from edgepose import wire
from edgepose.errors import SettingsError
from edgepose.mqtt import Publisher
from edgepose.parquet import write_table
from edgepose.pipeline import Step
from edgepose.recorder import Recorder
from edgepose.session import SessionInfo
from edgepose.skeletons import Skeleton
from edgepose.sources import SourceInfo
from edgepose.types import Array, Event, Frame, Scores


class Output(Protocol):
    """Takes what every frame brought, in the camera's own thread; frame None: what came after the last."""

    def step(self, frame: Frame | None, step: Step) -> None: ...

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

    def step(self, frame: Frame | None, step: Step) -> None:
        for event in step.events:
            line = wire.encode(wire.event_message(event, time.time(), replayed=False)) + b"\n"
            with self._lock:
                self._file.write(line)

    def close(self) -> None:
        """Every line is on its way to the disk already; other cameras may still write."""


class Publishing:
    """Events and, where they are wanted, live poses of one camera to the broker."""

    def __init__(self, publisher: Publisher, camera: str, info: SourceInfo, skeleton: Skeleton) -> None:
        self._publisher = publisher
        self._camera = camera
        self._started_unix_s = info.started_unix_s
        self._skeleton = skeleton.name

    def step(self, frame: Frame | None, step: Step) -> None:
        for event in step.events:
            self._publisher.publish_event(event)
        if frame is None:
            return
        unix_s = self._started_unix_s + frame.time_s
        self._publisher.publish_poses(self._camera, frame.index, unix_s, step.tracks, self._skeleton)

    def close(self) -> None:
        """The publisher is shared: the device stops it."""


class Telling:
    """Calls back with every event: the terminal, the demo."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell

    def step(self, frame: Frame | None, step: Step) -> None:
        for event in step.events:
            self._tell(event)

    def close(self) -> None:
        """Nothing is held."""


class Recording:
    """A recorded session: people, events and, if wanted, the pictures."""

    def __init__(self, folder: Path, session: SessionInfo, video: bool = False) -> None:
        """Creates the session; raises SettingsError when the folder is not empty."""
        self._recorder = Recorder(folder, session)
        self._video = video

    def step(self, frame: Frame | None, step: Step) -> None:
        if frame is not None:
            image = frame.image if self._video else None
            self._recorder.add(frame.index, frame.time_s, step.tracks, image)
        for event in step.events:
            self._recorder.event(wire.event_message(event, time.time(), replayed=False))

    def close(self) -> None:
        self._recorder.close()


class ScoreTable:
    """Class probabilities of every window, kept in memory until ``write``."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self._rows: list[Scores] = []

    def step(self, frame: Frame | None, step: Step) -> None:
        self._rows += step.scores

    def close(self) -> None:
        """Nothing is held open."""

    def write(self, path: Path) -> None:
        """Writes parquet: frame, centre_s, track, one float32 column per label; raises SettingsError."""
        windows = [row.window for row in self._rows]
        probabilities = np.array([row.probabilities for row in self._rows], np.float32)
        table: dict[str, Array] = {
            "frame": np.array([window.frame for window in windows], np.int64),
            "centre_s": np.array([window.centre_s for window in windows], np.float64),
            "track": np.array([window.track for window in windows], np.int32),
        }
        columns = probabilities.reshape(len(windows), len(self._labels)).T
        write_table(path, table | dict(zip(self._labels, columns, strict=True)), {})
