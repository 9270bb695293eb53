"""Writes a recorded session (contracts §1) part by part, so that a power cut loses the open part only."""

from __future__ import annotations

import json
import os
import queue
import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgepose.errors import SessionError, SettingsError
from edgepose.parquet import PARTIAL
from edgepose.session import Poses, SessionInfo, write_info, write_poses
from edgepose.skeletons import named
from edgepose.types import Image, Track

_WAITING_PARTS = 2
_LEAST_FREE = 32 << 20
"""Bytes kept free, so that the video's index can still be written."""
_FPS = 30.0
Row = tuple[int, float, Sequence[Track]]


class Recorder:
    """A session being written; ``add`` never waits for the disk unless it is parts behind.

    Raises SessionError from ``add`` or ``close`` when the disk is full or fails: whatever was written
    before is whole.
    """

    def __init__(self, folder: Path, info: SessionInfo, part_s: float = 5.0) -> None:
        """Creates the folder; raises SettingsError when it cannot or when something is in it already."""
        self._folder = folder
        self._joints = len(named(info.skeleton))
        self._part_s = part_s
        self._fps = info.fps or _FPS
        self._rows: list[Row] = []
        self._part = 0
        self._failure: str | None = None
        self._closed = False
        _create(folder)
        write_info(folder, info)
        self._events = (folder / "events.jsonl").open("a", encoding="utf-8")
        self._video: cv2.VideoWriter | None = None
        self._canvas: Image | None = None
        self._pictures = 0
        self._parts: queue.Queue[tuple[Path, list[Row]] | None] = queue.Queue(_WAITING_PARTS)
        self._writer = threading.Thread(target=self._write_parts, name="recorder", daemon=True)
        self._writer.start()

    def add(self, frame_index: int, time_s: float, tracks: Sequence[Track], image: Image | None = None) -> None:
        """Records one frame, people or none; with ``image`` (H, W, 3) BGR also its picture in video.mp4.

        Picture n of the video is frame n: a frame that was dropped shows the picture before it.
        """
        self._raise_failure()
        if self._rows and time_s - self._rows[0][1] >= self._part_s:
            self._end_part()
        if not self._rows:
            # Left behind by a power cut, the empty file tells the reader that a part is missing.
            self._mark_part()
        self._rows.append((frame_index, time_s, tracks))
        if image is not None:
            self._add_picture(frame_index, image)

    def event(self, event: Mapping[str, Any]) -> None:
        """Appends one JSON object to events.jsonl, handed to the system at once."""
        try:
            self._events.write(json.dumps(event, ensure_ascii=False) + "\n")
            self._events.flush()
        except OSError as error:
            self._failure = error.strerror or str(error)
            self._raise_failure()

    def close(self) -> None:
        """Ends the open part and the video; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        try:
            self._end_part()
        finally:
            self._parts.put(None)
            self._writer.join()
            if self._video is not None:
                self._video.release()
            try:
                self._events.close()
            except OSError as error:
                self._failure = self._failure or error.strerror
        self._raise_failure()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _open_part(self) -> Path:
        return self._folder / "poses" / f"{self._part:06d}.parquet{PARTIAL}"

    def _mark_part(self) -> None:
        try:
            self._open_part().touch()
        except OSError as error:
            self._failure = error.strerror or str(error)
            self._raise_failure()

    def _end_part(self) -> None:
        if self._rows:
            self._parts.put((self._open_part(), self._rows))
            self._rows, self._part = [], self._part + 1

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise SessionError(
                f"{self._folder}: recording stopped: {self._failure}; the parts written before are whole"
            )

    def _write_parts(self) -> None:
        """The writer thread. After a failure it only empties the queue."""
        while (item := self._parts.get()) is not None:
            partial, rows = item
            if self._failure is not None:
                continue
            try:
                if shutil.disk_usage(self._folder).free < _LEAST_FREE:
                    raise OSError(None, f"less than {_LEAST_FREE >> 20} MiB free on the disk")
                write_poses(partial.with_name(partial.name.removesuffix(PARTIAL)), columns(rows, self._joints))
            except (OSError, ValueError) as error:  # ValueError: poses of another skeleton
                why = error.strerror if isinstance(error, OSError) else None
                self._failure = why or " ".join(str(error).split())
                if partial.exists():
                    os.truncate(partial, 0)  # gives the room back, keeps the mark of a missing part

    def _add_picture(self, frame_index: int, image: Image) -> None:
        if self._video is None or self._canvas is None:
            height, width = image.shape[:2]
            path = str(self._folder / "video.mp4")
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._video = cv2.VideoWriter(path, cv2.CAP_FFMPEG, code, self._fps, (width, height))
            if not self._video.isOpened():
                self._failure = "OpenCV cannot write video.mp4"
                self._raise_failure()
            self._canvas = image.copy()
        while self._pictures < frame_index:
            self._video.write(self._canvas)
            self._pictures += 1
        self._draw(image)
        self._video.write(self._canvas)
        self._pictures += 1

    def _draw(self, image: Image) -> None:
        """A picture of another size is cut or padded, never scaled: keypoints are in its pixels."""
        assert self._canvas is not None
        if image.shape != self._canvas.shape:
            self._canvas[:] = 0
        height = min(image.shape[0], self._canvas.shape[0])
        width = min(image.shape[1], self._canvas.shape[1])
        self._canvas[:height, :width] = image[:height, :width]


def columns(rows: Sequence[Row], joints: int) -> Poses:
    """Frames with their people -> one row per person, and the frames with nobody."""
    people = [(frame, time_s, track) for frame, time_s, tracks in rows for track in tracks]
    empty = [(frame, time_s) for frame, time_s, tracks in rows if not tracks]
    boxes = [track.pose.box_xyxy for _, _, track in people]
    keypoints = [track.pose.keypoints for _, _, track in people]
    return Poses(
        frame=np.array([frame for frame, _, _ in people], np.int64),
        time_s=np.array([time_s for _, time_s, _ in people], np.float64),
        track=np.array([track.id for _, _, track in people], np.int32),
        score=np.array([track.pose.score for _, _, track in people], np.float32),
        box=np.array(boxes, np.float32).reshape(len(people), 4),
        keypoints=np.array(keypoints, np.float32).reshape(len(people), joints, 3),
        empty_frame=np.array([frame for frame, _ in empty], np.int64),
        empty_time_s=np.array([time_s for _, time_s in empty], np.float64),
    )


def _create(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise SettingsError(f"{folder}: not empty; choose a new folder for the recording")
        (folder / "poses").mkdir()
    except OSError as error:
        raise SettingsError(f"{folder}: cannot create the recording: {error.strerror}") from None
