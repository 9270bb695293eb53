"""The box table: who was found where, one row a frame, so that a detector need not run twice.

CSV with the columns frame, time_s, boxes, scores; boxes is a JSON list of [x1, y1, x2, y2] in px of the frame, scores
one of as many numbers. A frame with nobody has a row too, with ``[]``. Numbers have the digits that give the same
float again. Source: seed_systems.md §8.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from edgepose.errors import SourceError
from edgepose.types import Float32, Pose, Track

COLUMNS = ("frame", "time_s", "boxes", "scores")
_LONGEST_CELL = 10_000_000


@dataclass(frozen=True, slots=True)
class FrameBoxes:
    """The people of one frame."""

    frame: int
    """0-based."""
    time_s: float
    boxes_xyxy: Float32
    """(N, 4) px, finite."""
    scores: Float32
    """(N,)"""

    @staticmethod
    def of(frame: int, time_s: float, people: Iterable[Pose]) -> FrameBoxes:
        """The boxes of people; somebody whose box is not known has none to give."""
        known = [pose for pose in people if np.isfinite(pose.box_xyxy).all()]
        boxes = np.array([pose.box_xyxy for pose in known], np.float32).reshape(-1, 4)
        return FrameBoxes(frame, time_s, boxes, np.array([pose.score for pose in known], np.float32))

    def tracks(self, joints: int = 0) -> list[Track]:
        """As a detector's people: boxes without joints, for a top-down network."""
        keypoints = np.full((joints, 3), (np.nan, np.nan, 0.0), np.float32)
        return [
            Track(-1, Pose(keypoints.copy(), box, float(score)))
            for box, score in zip(self.boxes_xyxy, self.scores, strict=True)
        ]


class BoxWriter:
    """Writes a table row by row to an open file (newline="")."""

    def __init__(self, file: IO[str]) -> None:
        self._rows = csv.writer(file, lineterminator="\n")
        self._rows.writerow(COLUMNS)

    def add(self, row: FrameBoxes) -> None:
        """Raises ValueError when a number is not finite: that is no box."""
        boxes = [[_shortest(side) for side in box] for box in row.boxes_xyxy]
        scores = [_shortest(score) for score in row.scores]
        self._rows.writerow((row.frame, repr(float(row.time_s)), _json(boxes), _json(scores)))


def read(path: Path) -> dict[int, FrameBoxes]:
    """Frame -> its people, in the file's order; raises SourceError naming file, line, expected and got."""
    try:
        csv.field_size_limit(_LONGEST_CELL)
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _table(path, csv.reader(file, strict=True))
    except OSError as error:
        raise SourceError(f"{path}: cannot read the box table: {error.strerror}") from None


def _table(path: Path, lines: Any) -> dict[int, FrameBoxes]:
    rows: dict[int, FrameBoxes] = {}
    try:
        head: list[str] = next(lines, [])
        if tuple(head) != COLUMNS:
            raise ValueError(f"expected the columns {','.join(COLUMNS)}, got {_short(','.join(head))}")
        for cells in lines:
            row = _row(cells)
            if row.frame in rows:
                raise ValueError(f"expected one row a frame, got frame {row.frame} twice")
            rows[row.frame] = row
    except (ValueError, csv.Error) as error:
        raise SourceError(f"{path}: line {max(lines.line_num, 1)}: {error}") from None
    return rows


def _row(cells: Sequence[str]) -> FrameBoxes:
    if len(cells) != len(COLUMNS):
        raise ValueError(f"expected {len(COLUMNS)} cells, got {len(cells)}")
    cell: Mapping[str, str] = dict(zip(COLUMNS, cells, strict=True))
    if not cell["frame"].isdecimal():
        raise ValueError(f"frame: expected a whole number from 0, got {_short(cell['frame'])}")
    boxes = [_numbers(box, "boxes", 4) for box in _list(cell["boxes"], "boxes")]
    scores = _numbers(_list(cell["scores"], "scores"), "scores", len(boxes))
    boxes_xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    if not (boxes_xyxy[:, 2:] >= boxes_xyxy[:, :2]).all():
        raise ValueError(f"boxes: expected x1 <= x2 and y1 <= y2, got {_short(cell['boxes'])}")
    return FrameBoxes(int(cell["frame"]), _time_s(cell["time_s"]), boxes_xyxy, np.array(scores, np.float32))


def _time_s(text: str) -> float:
    try:
        time_s = float(text)
    except ValueError:
        time_s = math.nan
    if not math.isfinite(time_s):
        raise ValueError(f"time_s: expected seconds, got {_short(text)}")
    return time_s


def _list(text: str, column: str) -> list[Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise ValueError(f"{column}: expected a JSON list, got {_short(text)}")
    return value


def _numbers(value: Any, column: str, count: int) -> list[float]:
    """Finite as float32 too."""
    most = float(np.finfo(np.float32).max)
    if (
        not isinstance(value, list)
        or len(value) != count
        or not all(type(number) in (int, float) and -most <= number <= most for number in value)
    ):
        raise ValueError(f"{column}: expected {count} finite numbers, got {_short(json.dumps(value))}")
    return [float(number) for number in value]


def _shortest(value: np.float32) -> float:
    """The shortest digits that give the same float32 again."""
    if not np.isfinite(value):
        raise ValueError(f"a box table holds finite numbers, got {value}")
    return float(str(np.float32(value)))


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
