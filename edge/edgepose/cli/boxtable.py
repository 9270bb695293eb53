"""``--boxes`` and ``--write-boxes`` of ``edgepose pose``: people's boxes read from a table, or written to one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edgepose.cli.running import replaced
from edgepose.errors import SettingsError, SourceError

if TYPE_CHECKING:
    from edgepose.boxes import BoxWriter, FrameBoxes
    from edgepose.estimator import Estimator
    from edgepose.types import Frame, Pose, Track


@dataclass(slots=True)
class BoxTable:
    """The boxes that were given, frame by frame, and the tables that are written."""

    path: Path | None = None
    given: dict[int, FrameBoxes] | None = None
    written: list[Path] = field(default_factory=list)
    writers: list[BoxWriter] = field(default_factory=list)

    def people(self, frame: Frame, estimator: Estimator) -> list[Track] | None:
        """The boxes for a top-down network; None: the network finds people by itself. Raises SourceError."""
        from edgepose.types import Track

        if self.given is not None:
            if frame.index not in self.given:
                raise SourceError(f"{self.path}: no row for frame {frame.index}; expected one for every frame")
            return self.given[frame.index].tracks()
        if estimator.detector is None or frame.image is None:
            return None
        return [Track(-1, pose) for pose in estimator.detector(frame.image)]

    def add(self, frame: Frame, people: Iterable[Pose]) -> None:
        """The boxes that the network was given, or has found."""
        from edgepose.boxes import FrameBoxes

        if self.writers:
            row = FrameBoxes.of(frame.index, frame.time_s, people)
            for writer in self.writers:
                writer.add(row)


@contextmanager
def box_table(boxes: Path | None, write: Path | None) -> Iterator[BoxTable]:
    """``boxes`` is read where it is there, else written; ``write`` is always written. Says nothing itself.

    A table takes its place when all went well. Raises SourceError and SettingsError.
    """
    from edgepose import boxes as tables

    if boxes is not None and boxes.exists():
        if write is not None and write.exists() and write.samefile(boxes):
            raise SettingsError(f"--boxes and --write-boxes are one file, {boxes}: give --write-boxes only, or another")
        table = BoxTable(boxes, tables.read(boxes))
    else:
        table = BoxTable(boxes)
    new = {path for path in (None if table.given is not None else boxes, write) if path is not None}
    with ExitStack() as stack:
        for path in sorted(new):
            partial = stack.enter_context(replaced(path))
            file = stack.enter_context(partial.open("w", encoding="utf-8", newline=""))
            table.written.append(path)
            table.writers.append(tables.BoxWriter(file))
        yield table


def check(table: BoxTable, estimator: Estimator) -> None:
    """Raises SettingsError when the boxes that are given are of no use, or nobody gives the ones that are needed."""
    needs, name = estimator.decoder.needs_boxes, estimator.model.name
    if table.given is not None and not needs:
        raise SettingsError(
            f"{table.path}: is there and would be read, but {name} finds people by itself; to write, --write-boxes"
        )
    if table.given is None and needs and estimator.detector is None:
        raise SettingsError(f"{table.path or name}: {name} needs boxes and there are none yet: give --detector")
