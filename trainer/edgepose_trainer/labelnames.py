"""Other people's names of strokes -> ours (docs/formats.md holds the same table)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_OURS = MappingProxyType(
    {
        "idle": "idle none neutral nothing background other no_stroke",
        "unsure": "unsure",
        "forehand": "forehand fh tennis_forehand forehand_flat forehand_open forehand_topspin drive derecha vorhand "
        "coup_droit",
        "backhand": "backhand bh backhand2hands backhand_2hands backhand_two_handed backhand_flat backhand_topspin "
        "reves rueckhand rückhand revers",
        "forehand_slice": "forehand_slice forslice fh_slice slice_forehand",
        "backhand_slice": "backhand_slice bh_slice slice_backhand",
        "serve": "serve service tennis_serve service_flat service_kick service_slice servicio aufschlag",
        "smash": "smash overhead overhead_smash remate schmetterball",
        "forehand_volley": "forehand_volley fh_volley volley_forehand volley vderecha",
        "backhand_volley": "backhand_volley bh_volley volley_backhand vreves",
    }
)
TABLE: Mapping[str, str] = MappingProxyType({theirs: ours for ours, names in _OURS.items() for theirs in names.split()})
KNOWN = frozenset(_OURS)
"""The canonical labels."""
_COMPACT = MappingProxyType({theirs.replace("_", ""): ours for theirs, ours in TABLE.items()})


def plain(name: str) -> str:
    """Lower case, accents kept, every run of other signs one underscore."""
    return re.sub(r"[^\w]+|_+", "_", name.strip().lower()).strip("_")


def canonical(name: str, given: Mapping[str, str] | None = None) -> str:
    """Our name for ``name``: what ``given`` says of it, else the table, else the name itself made plain."""
    for theirs, ours in (given or {}).items():
        if name.strip() == theirs or plain(name) == plain(theirs):
            return ours
    return _COMPACT.get(plain(name).replace("_", ""), plain(name))
