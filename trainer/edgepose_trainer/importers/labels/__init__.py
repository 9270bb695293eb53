"""Label files of annotation tools: one file a tool, recognised by what is in it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from edgepose.errors import SettingsError, SourceError
from edgepose_trainer.importers.labels import boris, cvat, elan, labelstudio, plain, via
from edgepose_trainer.importers.labels.marked import Form, Marked, chosen_part

FORMS: Mapping[str, Form] = MappingProxyType(
    {"boris": boris, "elan": elan, "via": via, "cvat": cvat, "labelstudio": labelstudio, "csv": plain}
)
"""By the name of ``--labels-format``."""


def read(path: Path, part: str | None = None, form: str | None = None) -> list[Marked]:
    """What was marked in a file, in the order of time.

    ``part`` chooses one of several recordings or tiers in the file, ``form`` the format where the content does not
    tell it. Raises SourceError for a file that cannot be read, SettingsError for a choice that is not there.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot read the labels: {error}") from None
    if form is not None and form not in FORMS:
        raise SettingsError(f"labels format {form!r} is unknown; known: {', '.join(FORMS)}")
    reader = FORMS[form] if form else _recognised(text, path)
    try:
        found = chosen_part(reader.parse(text, str(path)), part, str(path))
    except csv.Error as error:
        raise SourceError(f"{path}: not readable as a table: {error}") from None
    for one in found:
        if not one.end >= one.start:
            raise SourceError(f"{one.where}: {one.label!r} ends at {one.end:g}, before its start {one.start:g}")
    return sorted(found, key=lambda one: (one.start, one.end))


def _recognised(text: str, path: Path) -> Form:
    for form in FORMS.values():
        if form.fits(text):
            return form
    first: Sequence[str] = text.strip().splitlines()[:1]
    raise SourceError(
        f"{path}: no label file that I know: expected a file of BORIS, ELAN, VIA, CVAT or Label Studio, or CSV with "
        f"start_s,end_s,label; got {(first[0] if first else '')[:60]!r}"
    )
