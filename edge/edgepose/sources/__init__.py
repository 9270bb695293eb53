"""Where frames come from. One file is one kind of source; this is what they all promise."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from edgepose.pinhole import Camera
from edgepose.types import Frame


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of a source once it is open."""

    address: str
    """As the user wrote it, without a password."""
    width: int
    height: int
    fps: float | None
    """Nominal; None when variable or unknown. Nothing but displays may trust it."""
    live: bool
    """Live sources may drop frames and are opened again; files do neither."""
    started_unix_s: float
    """UTC of ``time_s`` = 0."""
    skeleton: str = "coco17"
    """Of ready poses (replay)."""
    frames: int | None = None
    """How many there will be, where that is known."""
    started_monotonic_s: float = 0.0
    """``time.monotonic()`` at ``time_s`` = 0; live sources only."""
    players: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """Of a replayed session: track -> name and handedness."""
    pose_model: str | None = None
    """Of a replayed session: "name@sha256[:12]" of the network that found the people."""
    tracked: bool = False
    """Of a replayed session: its people have ids."""
    lens: Camera | None = None
    """Of a calibrated session."""


class Source(Protocol):
    """An open source. Opening raises SourceError; reading raises SourceLost when a live one dies."""

    info: SourceInfo
    skipped: int
    """Pictures or rows that could not be read, counted."""

    def frames(self) -> Iterator[Frame]:
        """Yields frames until the end (files) or until SourceLost (live: died, or nothing for stall_s)."""
        ...

    def close(self) -> None:
        """Frees the device or process; safe to call twice and from another thread."""
        ...


def without_password(text: str) -> str:
    """The text with every ``scheme://user:password@`` shortened to ``scheme://user@``."""
    return re.sub(r"(\w+://[^/:@\s]*):[^/\s]*@", r"\1@", text)
