"""One mark of an annotation tool, and the choice among the parts of a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from edgepose.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Marked:
    """A stretch, or a moment (start = end), with the tool's own name of it."""

    start: float
    end: float
    """Belongs to it."""
    label: str
    where: str
    """File and line, for messages."""
    unit: Literal["s", "frames"] = "s"
    """Seconds of the video, or frame numbers from 0."""
    who: str | None = None
    track: int | None = None
    part: str | None = None
    """Observation, tier, video or task that it belongs to."""


class Form(Protocol):
    """A label format."""

    def fits(self, text: str) -> bool:
        """True when the text is of this format."""

    def parse(self, text: str, where: str) -> list[Marked]:
        """Every mark; raises SourceError naming file and line."""


def chosen_part(marks: Iterable[Marked], part: str | None, where: str) -> list[Marked]:
    """The marks of one part; without a choice there may only be one part."""
    found = list(marks)
    parts = list(dict.fromkeys(one.part for one in found if one.part is not None))
    if part is None:
        if len(parts) > 1:
            raise SettingsError(f"{where}: holds {len(parts)} parts, {', '.join(parts[:8])}: choose one with --part")
        return found
    if part not in parts:
        raise SettingsError(f"{where}: no part {part!r}; it has {', '.join(parts[:8]) or 'only one, without a name'}")
    return [one for one in found if one.part == part]
