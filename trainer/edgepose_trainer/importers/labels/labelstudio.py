"""Label Studio: JSON and JSON-MIN exports with TimelineLabels of a video (frames, the first is 1).

Regions in seconds (labels of audio, or of a video labelled as audio) are read too. Of a task that several people
labelled the first annotation that was not cancelled counts. The videos are the parts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from edgepose.errors import SourceError
from edgepose_trainer.importers.labels.marked import Marked

_FIRST = 1


def fits(text: str) -> bool:
    """See ``Form``."""
    return text.lstrip()[:1] in ("[", "{") and ('"annotations"' in text or '"timelinelabels"' in text)


def parse(text: str, where: str) -> list[Marked]:
    """See ``Form``."""
    try:
        tasks = json.loads(text)
        tasks = tasks if isinstance(tasks, list) else [tasks]
        return [mark for number, task in enumerate(tasks) for mark in _task(task, f"{where}: task {number + 1}")]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise SourceError(f"{where}: not as Label Studio writes it: {type(error).__name__} {error}") from None


def _task(task: dict[str, Any], at: str) -> Iterator[Marked]:
    data = task.get("data", task)
    part = next((PurePath(value).name for value in data.values() if isinstance(value, str) and "." in value), None)
    if "annotations" in task:
        kept = [one for one in task["annotations"] if not one.get("was_cancelled")]
        values = [result["value"] for result in kept[0]["result"]] if kept else []
    else:  # JSON-MIN: the control's name holds the regions
        lists = [value for value in task.values() if isinstance(value, list)]
        values = [value for one in lists for value in one if isinstance(value, dict)]
    for value in values:
        yield from _marks(value, at, part)


def _marks(value: dict[str, Any], at: str, part: str | None) -> Iterator[Marked]:
    if value.get("timelinelabels"):
        for span in value["ranges"]:
            start, end = int(span["start"]) - _FIRST, int(span["end"]) - _FIRST
            yield Marked(start, end, str(value["timelinelabels"][0]), at, "frames", part=part)
    elif value.get("labels") and "start" in value and "end" in value:
        yield Marked(float(value["start"]), float(value["end"]), str(value["labels"][0]), at, part=part)
