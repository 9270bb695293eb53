"""Which importer reads a source: told by what is in it, never by its name."""

from __future__ import annotations

import lzma
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from edgepose.errors import SettingsError, SourceError
from edgepose.types import Handedness
from edgepose_trainer import frametimes
from edgepose_trainer.importers import (
    c3d,
    calibrated,
    csvposes,
    hampen,
    keller,
    markers,
    mocap,
    openpose,
    penn,
    qualisys,
    thetis,
    trc,
    videopose3d,
)
from edgepose_trainer.recordings import UNSURE, Source
from edgepose_trainer.sessions import Imported, of_recording, of_view
from edgepose_trainer.takes import Take, of_one_stroke, seen
from edgepose_trainer.views import Detector

TABLES: Mapping[str, tuple[frozenset[str], Callable[[Path], Source]]] = MappingProxyType(
    {
        "keller": (keller.COLUMNS, keller.read),
        "hampen": (hampen.COLUMNS, hampen.read),
        "thetis": (thetis.COLUMNS, thetis.read),
        "penn": (penn.COLUMNS, penn.read),
    }
)
_MARKERS = ("trc", "c3d", "qualisys")
FORMATS = (*TABLES, "mocap", *_MARKERS, "openpose", "csv", "videopose3d")
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user says of a source."""

    video: Path | None = None
    fps: float | None = None
    size_wh: tuple[int, int] | None = None
    skeleton: str | None = None
    handedness: Handedness | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    """Their label -> ours."""
    views: int = 1
    """Virtual cameras a take of 3D motion."""
    seed: int = 1
    calibration: Path | None = None
    """Of the camera that 3D markers are seen by; None: virtual cameras."""
    strokes_in_names: bool = True
    """Motion capture without a label file: the stroke stands in the file's name."""


def format_of(path: Path) -> str:
    """A name of ``FORMATS``; raises SourceError for what none of them reads."""
    if not path.exists():
        raise SourceError(f"{path}: not there")
    if path.is_dir():
        return _folder(path)
    head = _head(path)
    if head[:4] == b"PAR1":
        return table_of(path)
    if head[:4] == b"PK\x03\x04" and videopose3d.fits(path):
        return "videopose3d"
    if c3d.fits(head):
        return "c3d"
    text = head.decode("utf-8", "replace").lstrip("\ufeff")
    if text.split(maxsplit=1)[:1] == ["HIERARCHY"] or ":FULLY-SPECIFIED" in text or "#!OML" in text:
        return "mocap"
    if trc.fits(text):
        return "trc"
    if csvposes.fits(text):
        return "csv"
    if qualisys.fits(text):
        return "qualisys"
    raise SourceError(
        f"{path}: no recording that I know: expected a stroke table, BVH, AMC, TRC, C3D, Qualisys text, CSV with "
        f"<joint>_x and <joint>_y, or a folder of OpenPose JSON, TRC or BVH; it begins with {text[:40]!r}"
    )


def table_of(path: Path) -> str:
    """Which stroke table a parquet file is; raises SettingsError."""
    try:
        columns = frozenset(pq.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        raise SettingsError(f"{path}: no readable parquet table: {str(error).splitlines()[0]}") from None
    for name, (wanted, _) in TABLES.items():
        if wanted <= columns:
            return name
    raise SettingsError(
        f"{path}: no stroke table that I know: expected the columns of keller_clips, hampen_frames, "
        f"thetis_skeletons or penn_action; got {', '.join(sorted(columns)[:8])} …"
    )


def read(path: Path, form: str, wishes: Wishes) -> Iterator[Imported]:
    """The source's sessions, one after the other; raises SettingsError and SourceError."""
    if form in TABLES:
        source = TABLES[form][1](path)
        for recording in source.recordings:
            yield of_recording(recording, source.card.licence)
    elif form == "mocap":
        yield from _mocap(path, wishes)
    elif form in _MARKERS:
        yield from _markers(path, wishes)
    elif form == "openpose":
        for folder in openpose.folders_in(path):
            times = frametimes.given(_video_of(wishes.video, folder), wishes.fps, str(folder))
            yield openpose.read(folder, times, wishes.size_wh, wishes.skeleton)
    elif form == "csv":
        timed = wishes.video is None and wishes.fps is None and csvposes.has_times(path)
        clock = None if timed else frametimes.given(wishes.video, wishes.fps, str(path))
        yield csvposes.read(path, clock, wishes.size_wh)
    elif form == "videopose3d":
        told = wishes.video is None and wishes.fps is None
        clock = None if told else frametimes.given(wishes.video, wishes.fps, str(path))
        yield from videopose3d.read(path, clock, wishes.size_wh)
    else:
        raise SettingsError(f"format {form!r} is unknown; known: {', '.join(FORMATS)}")


def _video_of(video: Path | None, folder: Path) -> Path | None:
    """Of a folder of videos the one called as the camera: ``cam01.mp4`` for ``cam01_json``."""
    if video is None or not video.is_dir():
        return video
    camera = folder.resolve().name.removesuffix("_json")
    found = [file for file in sorted(video.iterdir()) if file.stem == camera]
    if len(found) != 1:
        raise SettingsError(f"{video}: expected one video called {camera}, got {len(found)}")
    return found[0]


def _mocap(path: Path, wishes: Wishes) -> Iterator[Imported]:
    rng = np.random.default_rng(wishes.seed)
    for file in mocap.files_of(path) or [path]:
        moved, stem = mocap.motion(file), mocap.stem_of(file)
        label = mocap.stroke_in(stem, wishes.names) if wishes.strokes_in_names else None
        yield from _seen(moved, "mocap", stem, stem.partition("_")[0], label, wishes, rng)


def _markers(path: Path, wishes: Wishes) -> Iterator[Imported]:
    files = markers.files_of(path)
    if not files:
        raise SourceError(f"{path}: no .trc, .c3d or Qualisys text file in it")
    if wishes.calibration is not None:
        for file in files:
            yield calibrated.session(file, markers.table(file, wishes.fps), wishes.calibration)
        return
    flat = markers.flat(markers.coco17(markers.table(files[0], wishes.fps), str(files[0])))
    if flat or any("_px_" in file.name for file in files):
        yield markers.session(files, wishes.size_wh)
        return
    rng = np.random.default_rng(wishes.seed)
    for file in files:
        label = mocap.stroke_in(file.stem, wishes.names) if wishes.strokes_in_names else None
        yield from _seen(markers.motion(file, wishes.fps), "markers", file.stem, file.stem, label, wishes, rng)


def _seen(
    moved: mocap.Motion, kind: str, name: str, player: str, label: str | None, wishes: Wishes, rng: np.random.Generator
) -> Iterator[Imported]:
    """A take through every wished camera; without a stroke in its name it has no labels."""
    if label is None:
        labels = np.full(len(moved.times_s), UNSURE)
        take = Take(kind, name, player, moved.times_s, moved.points, labels, np.zeros(0), wishes.handedness)
    else:
        take = of_one_stroke(kind, name, player, moved.times_s, moved.points, label, wishes.handedness)
    for number in range(wishes.views):
        found = of_view(seen(take, rng, Detector(), number), "as stated beside the takes")
        yield Imported(
            found.name, found.info, found.poses, found.labels if label else (), found.truth,
            tuple(f"{name}: {note}" for note in moved.notes) if number == 0 else (),
        )  # fmt: skip


def _folder(path: Path) -> str:
    if mocap.files_of(path):
        return "mocap"
    if markers.files_of(path):
        return "trc"  # or another marker file: each tells what it is
    if openpose.folders_in(path):
        return "openpose"
    raise SourceError(
        f"{path}: no recording in it: expected BVH or AMC takes, TRC, C3D or Qualisys files or OpenPose's JSON"
    )


def _head(path: Path) -> bytes:
    try:
        with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as file:
            return bytes(file.read(_HEAD))
    except (OSError, lzma.LZMAError) as error:
        raise SourceError(f"{path}: cannot be read: {error}") from None
