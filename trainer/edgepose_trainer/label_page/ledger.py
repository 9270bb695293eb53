"""labels.csv as the page sees it: read with a version, replaced only when it is still that version."""

from __future__ import annotations

import csv
import hashlib
import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from edgepose.errors import SessionError
from edgepose.session import Label, read_labels, write_labels

_COLUMNS = frozenset(("start_s", "end_s", "label", "track", "player"))
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^\x00-\x1f]+$")]


class Mark(BaseModel):
    """One label as the page sends it; times s."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    start_s: float
    end_s: float
    label: Text
    track: int | None = Field(None, ge=0)
    player: Text | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Mark:
        if not self.end_s >= self.start_s:
            raise ValueError(f"ends at {self.end_s} s, before its start at {self.start_s} s")
        return self


class Changed(Exception):
    """labels.csv is not what the page read: another program has written it."""

    def __init__(self, message: str, version: str) -> None:
        super().__init__(message)
        self.version = version
        """Of the file as it is now."""


class Ledger:
    """The labels of one session; safe from several threads."""

    def __init__(self, folder: Path) -> None:
        """Raises SessionError for a labels.csv that is broken, or has columns that writing it would lose."""
        self._folder = folder
        self.path = folder / "labels.csv"
        self._lock = threading.Lock()
        self._closed = False
        self.read()

    def read(self) -> tuple[str, list[Label]]:
        """Version and labels; raises SessionError."""
        with self._lock:
            version = self._version()
            self._refuse_other_columns()
            return version, read_labels(self._folder)

    def replace(self, version: str, marks: Sequence[Mark]) -> str:
        """Writes the labels in time order, times to 0.1 ms, whole or not at all; returns the new version.

        Raises Changed when the file is not ``version`` any more, OSError when the disk is full or the server stops.
        """
        labels = [Label(_rounded(m.start_s), _rounded(m.end_s), m.label, m.track, m.player) for m in marks]
        with self._lock:
            if self._closed:
                raise OSError("the server is stopping")
            now = self._version()
            if version != now:
                raise Changed(f"{self.path.name} was changed by another program since this page read it", now)
            write_labels(self._folder, sorted(labels, key=lambda one: (one.start_s, one.track or 0)))
            return self._version()

    def count(self) -> int:
        """Labels in the file as it is now; 0 when somebody broke it meanwhile."""
        try:
            return len(self.read()[1])
        except SessionError:
            return 0

    def close(self) -> None:
        """Waits for a write in work; later ones are refused."""
        with self._lock:
            self._closed = True

    def _version(self) -> str:
        try:
            return hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]
        except FileNotFoundError:
            return "none"

    def _refuse_other_columns(self) -> None:
        try:
            with self.path.open(newline="", encoding="utf-8-sig") as file:
                more = set(next(csv.reader(file), [])) - _COLUMNS
        except (FileNotFoundError, UnicodeDecodeError):
            return
        if more:
            lost = ", ".join(sorted(more))
            raise SessionError(f"{self.path}: columns that would be lost here: {lost}; take them out first")


def _rounded(time_s: float) -> float:
    return math.floor(time_s * 1e4 + 0.5) / 1e4
