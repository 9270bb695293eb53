"""What the page asks for: facts, pieces, pictures, labels, players, suggestions of one session."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgepose.errors import SessionError, SourceError
from edgepose.session import Player, read_info, write_info
from edgepose.skeletons import named
from edgepose.types import Handedness
from edgepose_trainer.label_page import motion
from edgepose_trainer.label_page.ledger import Ledger, Mark, Text
from edgepose_trainer.label_page.pictures import Pictures
from edgepose_trainer.label_page.suggesting import Suggestions
from edgepose_trainer.peaks import HALF_STROKE_S
from edgepose_trainer.recordings import IDLE
from edgepose_trainer.sessions import UNSURE_LABEL


class Labels(BaseModel):
    """All labels, and the version of the file that they came from."""

    model_config = ConfigDict(extra="forbid")
    version: str
    labels: Annotated[list[Mark], Field(max_length=100_000)]


class Naming(BaseModel):
    """Who a track is."""

    model_config = ConfigDict(extra="forbid")
    track: int = Field(ge=0)
    name: Text | None = None
    handedness: Handedness | None = None


@dataclass
class Site:
    """One open session."""

    folder: Path
    motion: motion.Motion
    ledger: Ledger
    pictures: Pictures | None
    suggestions: Suggestions | None
    notes: Sequence[str]
    """What the user should know, a line each."""
    _naming: threading.Lock = field(default_factory=threading.Lock)

    def facts(self) -> dict[str, Any]:
        """What the page needs before it can draw anything."""
        info, times_s = self.motion.info, self.motion.times_s
        skeleton = named(info.skeleton)
        return {
            "name": self.folder.resolve().name,
            "start_s": round(float(times_s[0]), 4),
            "end_s": round(float(times_s[-1]), 4),
            "frames": len(times_s),
            "piece_s": motion.PIECE_S,
            "width": info.width,
            "height": info.height,
            "edges": skeleton.edges,
            "tracks": self.motion.tracks(),
            "players": {str(track): player.model_dump() for track, player in read_info(self.folder).players.items()},
            "overview": self.motion.overview(),
            "video": self.pictures is not None,
            "notes": list(self.notes),
            "labels": self._labels(),
            "half_stroke_s": HALF_STROKE_S,
            "model": self.suggestions.model if self.suggestions else None,
        }

    def read_labels(self) -> dict[str, Any]:
        """Version and labels of the file as it is now; raises SessionError."""
        version, labels = self.ledger.read()
        return {"version": version, "labels": [asdict(label) for label in labels]}

    def write_labels(self, sent: Labels) -> dict[str, Any]:
        """Raises Changed and OSError as ``Ledger.replace``."""
        return {"version": self.ledger.replace(sent.version, sent.labels)}

    def name_player(self, sent: Naming) -> dict[str, Any]:
        """Writes one player into session.json as it is now; raises SessionError, OSError."""
        with self._naming:
            info = read_info(self.folder)
            player = info.players.get(sent.track, Player())
            info.players[sent.track] = player.model_copy(update={"name": sent.name, "handedness": sent.handedness})
            write_info(self.folder, info)
        return {"players": {str(track): one.model_dump() for track, one in info.players.items()}}

    def suggested(self) -> dict[str, Any]:
        """The suggestions so far."""
        if self.suggestions is None:
            return {"state": "none", "share": 1.0, "error": None, "found": []}
        told = self.suggestions.told()
        return told | {"found": [asdict(one) for one in told["found"]]}

    def piece(self, number: int) -> bytes | None:
        return self.motion.piece(number)

    def packed(self, frames: Sequence[int], width: int) -> Iterator[bytes] | None:
        return None if self.pictures is None else self.pictures.packed(frames, width)

    def _labels(self) -> list[str]:
        """Strokes of the model, then others of the file; the two that are no strokes last."""
        last = (UNSURE_LABEL, IDLE)
        model = self.suggestions.labels if self.suggestions else ()
        known = dict.fromkeys([*model, *(label.label for label in self.ledger.read()[1])])
        return [*(label for label in known if label not in last), *last]


def of(folder: Path, suggestions: Suggestions | None) -> Site:
    """Opens a session; raises SessionError for one that is broken, in its labels too."""
    ledger = Ledger(folder)
    moving = motion.read(folder)
    notes = [f"skipped {part}" for part in moving.skipped_parts]
    pictures = None
    if (folder / "video.mp4").exists():
        try:
            pictures = Pictures(folder / "video.mp4")
        except SourceError as error:
            notes.append(f"{error}: the page shows the skeletons alone")
    if not moving.tracks():
        notes.append("nobody is tracked in this session, labels name nobody; `edgepose track` gives people numbers")
    return Site(folder, moving, ledger, pictures, suggestions, notes)


def parsed(kind: type[Labels] | type[Naming], body: bytes) -> Labels | Naming:
    """What the page sent; raises SessionError in words a user can act on."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        raise SessionError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def encoded(answer: object) -> bytes:
    """Compact JSON; raises ValueError for what JSON has no word for (NaN)."""
    return json.dumps(answer, separators=(",", ":"), allow_nan=False).encode()
