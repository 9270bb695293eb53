"""CSV with ``start_s,end_s,label`` and, if wanted, ``track,player``: the columns of a session's labels.csv."""

from __future__ import annotations

from edgepose.errors import SourceError
from edgepose_trainer.importers.labels.marked import Marked
from edgepose_trainer.importers.labels.rows import has_columns, seconds, table

_COLUMNS = ("start_s", "end_s", "label")


def fits(text: str) -> bool:
    """See ``Form``."""
    return has_columns(text, *_COLUMNS)


def parse(text: str, where: str) -> list[Marked]:
    """See ``Form``."""
    found = []
    for line, row in table(text, *_COLUMNS):
        at = f"{where}:{line}"
        track = row.get("track", "")
        if not all(row.get(name) for name in _COLUMNS) or not (track == "" or track.lstrip("-").isdigit()):
            raise SourceError(f"{at}: expected start_s,end_s,label and a whole track, got {','.join(row.values())!r}")
        start_s, end_s = seconds(row["start_s"], at), seconds(row["end_s"], at)
        found.append(
            Marked(start_s, end_s, row["label"], at, who=row.get("player") or None, track=int(track) if track else None)
        )
    return found
