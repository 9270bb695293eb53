"""A video of what a camera's line saw: people, strokes, counts, scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edgepose import draw
from edgepose.errors import SettingsError
from edgepose.pipeline import Step
from edgepose.skeletons import Skeleton
from edgepose.sources import SourceInfo
from edgepose.types import Bend, Event, Frame, Image, Scores

_LABEL_S = 1.0  # a stroke's name, and a score that no newer one followed, are shown so long


class DrawnVideo:
    """An mp4 of the frames with skeletons, ids, strokes and counts; black ground where there is no picture.

    A stroke's name stands over its player for 1 s from its peak, or from when it is known where that is later;
    in the corner while the player is out of sight.
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
        self._recent: list[tuple[float, Event]] = []
        self._scores: dict[int, tuple[float, Scores]] = {}

    def step(self, frame: Frame | None, step: Step) -> None:
        if frame is None:
            return
        width, height = self._size
        picture = np.zeros((height, width, 3), np.uint8) if frame.image is None else frame.image.copy()
        self._draw(picture, step, frame.time_s)
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = np.asarray(cv2.resize(picture, self._size), np.uint8)
        self._writer.write(picture)

    def close(self) -> None:
        self._writer.release()

    def _draw(self, picture: Image, step: Step, time_s: float) -> None:
        notes = self._notes(step, time_s)
        draw.tracks(picture, step.tracks, self._skeleton, notes=notes)
        if self._labels:
            self._draw_scores(picture, step, time_s)
        _bars(picture, step.bends)
        out_of_sight = notes.keys() - {track.id for track in step.tracks}
        lines = [f"#{track} {words}" for track in sorted(out_of_sight) for words in notes[track]]
        for row, words in enumerate(lines, start=1):
            draw.text(picture, words, (0, row * draw.line_height(picture)))

    def _notes(self, step: Step, time_s: float) -> dict[int, list[str]]:
        """What is to be read over each track now."""
        self._recent += [(max(event.peak_s, time_s), event) for event in step.events]
        self._recent = [(since_s, event) for since_s, event in self._recent if time_s - since_s < _LABEL_S]
        notes: dict[int, list[str]] = {}
        for _, event in self._recent:
            notes.setdefault(event.track, []).append(_note(event))
        return notes

    def _draw_scores(self, picture: Image, step: Step, time_s: float) -> None:
        self._scores |= {scores.window.track: (time_s, scores) for scores in step.scores}
        self._scores = {track: entry for track, entry in self._scores.items() if time_s - entry[0] < _LABEL_S}
        for track in step.tracks:
            if track.id in self._scores:
                probabilities = self._scores[track.id][1].probabilities.tolist()
                draw.scores(picture, track.pose, dict(zip(self._labels, probabilities, strict=True)))


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
