"""A video of what a camera's line saw: people, strokes, counts, scores."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edgepose import draw
from edgepose.errors import SettingsError
from edgepose.pipeline import Step
from edgepose.skeletons import Skeleton
from edgepose.sources import SourceInfo
from edgepose.types import Bend, Event, Frame, Image, Scores, Track

_SHOWN_S = 1.0  # a stroke's name, and a score that no newer one followed
_DELAY_S = 1.5  # most strokes are known by then
_MOST_BYTES = 128 << 20  # 1.5 s of 1280×720 at 30 fps, 0.7 s of 1920×1080


class DrawnVideo:
    """An mp4 of the frames with skeletons, ids, strokes and counts; black ground where there is no picture.

    A stroke's name stands over its player for 1 s from its peak, in the corner while the player is out of sight.
    Strokes are known about a second after their peak, so frames wait for 1.5 s before they are drawn, fewer where
    they would take more than 128 MiB; what is known later still is shown late.
    """

    def __init__(self, path: Path, info: SourceInfo, skeleton: Skeleton, labels: Sequence[str] = ()) -> None:
        """With the classifier's ``labels`` each person's highest scores are drawn as bars.

        Raises SettingsError when the video cannot be written.
        """
        if not path.parent.is_dir():
            raise SettingsError(f"{path}: cannot write the video: no folder {path.parent}")
        self._size = (info.width, info.height)
        self._skeleton = skeleton
        self._labels = labels
        self._writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), info.fps or 30.0, self._size)
        if not self._writer.isOpened():
            raise SettingsError(f"{path}: cannot write the video (give a name that ends in .mp4)")
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._events: list[tuple[float, Event]] = []
        """With the time from which they are shown."""
        self._scores: list[tuple[float, Scores]] = []

    def step(self, frame: Frame | None, step: Step) -> None:
        if frame is not None:
            image = None if frame.image is None else frame.image.copy()
            self._waiting.append(_Waiting(frame.time_s, image, step.tracks, step.bends))
            self._bytes += 0 if image is None else image.nbytes
        if not self._waiting:
            return
        first_s = self._waiting[0].time_s
        self._events += [(max(event.peak_s, first_s), event) for event in step.events]
        self._scores += [(max(scores.window.centre_s, first_s), scores) for scores in step.scores]
        while self._waiting[-1].time_s - self._waiting[0].time_s > _DELAY_S or self._bytes > _MOST_BYTES:
            if not self._write_first():
                break

    def close(self) -> None:
        while self._write_first():
            pass
        self._writer.release()

    def _write_first(self) -> bool:
        """Draws and writes the frame that waited longest; False when none waits."""
        if not self._waiting:
            return False
        shown = self._waiting.popleft()
        self._bytes -= 0 if shown.image is None else shown.image.nbytes
        width, height = self._size
        picture = np.zeros((height, width, 3), np.uint8) if shown.image is None else shown.image
        self._draw(picture, shown)
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = np.asarray(cv2.resize(picture, self._size), np.uint8)
        self._writer.write(picture)
        return True

    def _draw(self, picture: Image, shown: _Waiting) -> None:
        notes = self._notes(shown.time_s)
        draw.tracks(picture, shown.tracks, self._skeleton, notes=notes)
        if self._labels:
            self._draw_scores(picture, shown)
        _bars(picture, shown.bends)
        out_of_sight = notes.keys() - {track.id for track in shown.tracks}
        lines = [f"#{track} {words}" for track in sorted(out_of_sight) for words in notes[track]]
        for row, words in enumerate(lines, start=1):
            draw.text(picture, words, (0, row * draw.line_height(picture)))

    def _notes(self, time_s: float) -> dict[int, list[str]]:
        """What is to be read over each track at that time."""
        self._events = [(since_s, event) for since_s, event in self._events if time_s - since_s < _SHOWN_S]
        notes: dict[int, list[str]] = {}
        for since_s, event in self._events:
            if since_s <= time_s:
                notes.setdefault(event.track, []).append(_note(event))
        return notes

    def _draw_scores(self, picture: Image, shown: _Waiting) -> None:
        self._scores = [(since_s, scores) for since_s, scores in self._scores if shown.time_s - since_s < _SHOWN_S]
        newest = {scores.window.track: scores for since_s, scores in self._scores if since_s <= shown.time_s}
        for track in shown.tracks:
            if track.id in newest:
                by_label = dict(zip(self._labels, newest[track.id].probabilities.tolist(), strict=True))
                draw.scores(picture, track.pose, by_label)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A frame that is drawn later."""

    time_s: float
    image: Image | None
    tracks: Sequence[Track]
    bends: Sequence[Bend]


def _note(event: Event) -> str:
    """A stroke with its score, a repetition with its number."""
    which = f"{event.kinematics['count'][0]:.0f}" if event.kind == "count" else f"{event.score:.2f}"
    return f"{event.label} {which}"


def _bars(picture: Image, bends: Sequence[Bend]) -> None:
    """How far every counted limb is bent, and how often it has been: a column at the lower left, a bar each."""
    block = round(2.4 * draw.line_height(picture))
    for row, bend in enumerate(reversed(bends), start=1):
        words = f"#{bend.track} {bend.label}: {bend.count}"
        at_xy = (draw.line_height(picture) // 2, picture.shape[0] - row * block)
        draw.bar(picture, bend.fraction, words, at_xy, colour=draw.person_colour(bend.track))
