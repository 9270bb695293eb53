"""CVAT's XML 1.1: tracks of "for video", tags of "for images"; labels are frames.

A track marks the frames from a box that is inside the picture until one that is outside. Where its boxes carry an
attribute called stroke, action, activity or label, that attribute says what is done, and the track's own label who
does it. Frame numbers of the file count the task's frames: its start frame and step are put back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from edgepose.errors import SourceError
from edgepose_trainer.importers.labels.marked import Marked

_NAMES = ("stroke", "action", "activity", "label")
_IDLE = ("", "none", "idle", "__undefined__")


def fits(text: str) -> bool:
    """See ``Form``."""
    return "<annotations>" in text[:4096] and "<?xml" in text[:200]


def parse(text: str, where: str) -> list[Marked]:
    """See ``Form``."""
    try:
        root = ElementTree.fromstring(text)
        first = int(root.findtext(".//start_frame") or 0)
        filtered = re.search(r"step=(\d+)", root.findtext(".//frame_filter") or "")
        step = int(filtered[1]) if filtered else 1
        spans = [*_tracks(root), *_tags(root)]
    except ElementTree.ParseError as error:
        raise SourceError(f"{where}: damaged XML: {error}") from None
    except ValueError as error:
        raise SourceError(f"{where}: not as CVAT 1.1 writes it: {error}") from None
    return [
        Marked(first + begin * step, first + end * step, label, f"{where}: {what}", "frames", who=who)
        for begin, end, label, who, what in spans
    ]


def _tracks(root: ElementTree.Element) -> Iterator[tuple[int, int, str, str | None, str]]:
    """Runs of visible frames with one label."""
    for track in root.iter("track"):
        what = f"track {track.get('id')}"
        shapes = sorted(((int(_need(shape, "frame", what)), shape) for shape in track), key=lambda pair: pair[0])
        run: tuple[int, str, str | None] | None = None
        last = 0
        for frame, shape in shapes:
            now = None if shape.get("outside") == "1" else _says(track, shape)
            if run and (now is None or now != run[1:]):
                yield run[0], frame - 1, run[1], run[2], what
                run = None
            if now and run is None:
                run = (frame, *now)
            last = frame
        if run:
            yield run[0], last, run[1], run[2], what


def _says(track: ElementTree.Element, shape: ElementTree.Element) -> tuple[str, str | None] | None:
    """(label, who) of a shape; None when its attribute says that nothing is done."""
    for attribute in (*shape.iter("attribute"), *track.findall("attribute")):
        if (attribute.get("name") or "").lower() in _NAMES:
            value = (attribute.text or "").strip()
            return None if value.lower() in _IDLE else (value, track.get("label"))
    return track.get("label", ""), None


def _tags(root: ElementTree.Element) -> Iterator[tuple[int, int, str, str | None, str]]:
    """A tag a frame: neighbours with the same tag are one stretch."""
    frames: dict[str, list[int]] = {}
    for image in root.iter("image"):
        for tag in image.iter("tag"):
            frames.setdefault(tag.get("label", ""), []).append(int(_need(image, "id", "image")))
    for label, numbers in frames.items():
        begin = before = None
        for frame in sorted(numbers):
            if before is None or begin is None or frame > before + 1:
                if begin is not None and before is not None:
                    yield begin, before, label, None, f"tags {label!r}"
                begin = frame
            before = frame
        if begin is not None and before is not None:
            yield begin, before, label, None, f"tags {label!r}"


def _need(element: ElementTree.Element, name: str, what: str) -> str:
    value = element.get(name)
    if value is None:
        raise ValueError(f"{what}: <{element.tag}> without {name}")
    return value
