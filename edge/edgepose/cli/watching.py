"""What the demo does with a source: run the device's line over it, lift it, compare it with what is known of it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgepose.errors import SettingsError

if TYPE_CHECKING:
    from edgepose.cli.running import Wanted
    from edgepose.comparing import Seen, Strokes
    from edgepose.config import Settings
    from edgepose.device import CameraLine
    from edgepose.outputs import Output
    from edgepose.session import Calibration, Poses, Poses3D

VIDEO = "video.mp4"
MAKER = "edgepose demo"


@dataclass(frozen=True, slots=True)
class Footage:
    """What is watched."""

    name: str
    """For people."""
    address: str
    """A source of `edgepose run`."""
    truth: Path | None = None
    """Session with what is known of it."""
    calibration: Calibration | None = None

    @property
    def focal_px(self) -> float | None:
        """Of the lens, where it is known."""
        return self.calibration.K[0][0] if self.calibration else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How what was found compares with what is known; None: that is not known."""

    strokes: Strokes
    seen: Seen | None
    n_mpjpe_m: float | None


def footage(address: str, name: str | None = None) -> Footage:
    """A session that has its video is watched like any video; a session without is replayed.

    ``name``: for people, instead of the address. Raises SessionError for a broken session.
    """
    from edgepose.session import read_info

    folder = Path(address)
    name = name or folder.name or address
    if not (folder / "session.json").is_file():
        return Footage(name, address)
    info = read_info(folder)
    watched = folder / VIDEO if (folder / VIDEO).is_file() else folder
    return Footage(name, str(watched), folder, info.calibration)


def watch(settings: Settings, footage: Footage, session: Path, wanted: Wanted) -> int:
    """Runs the device's line over it and records what was seen as a session; returns run's exit code."""
    from edgepose.cli import running
    from edgepose.cli.record import session_of
    from edgepose.outputs import Recording

    _emptied(session)

    def record(line: CameraLine) -> Sequence[Output]:
        known = {"calibration": footage.calibration, "made_by": MAKER}
        return [Recording(session, session_of(line, settings.device).model_copy(update=known))]

    wanted.extra = record
    return running.run_device(settings, wanted)


def lift(session: Path, settings: Settings) -> Poses3D | None:
    """All that was seen in 3D, also into the session; None when nobody was seen or no lifter is set."""
    from edgepose.cli.lift import lifted
    from edgepose.session import read_poses, write_poses3d

    if settings.lifter.model is None or not (read_poses(session).track >= 0).any():
        return None
    found = lifted(session, settings.lifter.model, models_dir=settings.models_dir).poses
    (session / "poses3d").mkdir(exist_ok=True)
    write_poses3d(session / "poses3d" / "000000.parquet", found)
    return found


def compare(
    events: Sequence[dict[str, Any]], poses: Poses, lifted: Poses3D | None, footage: Footage
) -> Comparison | None:
    """None when nothing is known. 2D and 3D count only of a session that was made: others hold what a network saw."""
    from edgepose import comparing
    from edgepose.session import read_info, read_labels, read_poses, read_poses3d

    truth = footage.truth
    labels = read_labels(truth) if truth else []
    if truth is None or not labels:
        return None
    if footage.address == str(truth) or read_info(truth).pose_model is not None:
        own = {label.track: label.track for label in labels if label.track is not None}
        return Comparison(comparing.strokes(events, labels, own), None, None)
    seen = comparing.seen(poses, read_poses(truth))
    known = lifted is not None and (truth / "poses3d").is_dir()
    error_m = comparing.n_mpjpe(lifted, read_poses3d(truth), seen.players) if known and lifted else None
    return Comparison(comparing.strokes(events, labels, seen.players), seen, error_m)


def _emptied(session: Path) -> None:
    """An earlier demo's session makes room; raises SettingsError when anything else is there."""
    from edgepose.session import read_info

    if not session.exists():
        return
    ours = (session / "session.json").is_file() and (read_info(session).model_extra or {}).get("made_by") == MAKER
    if not ours:
        raise SettingsError(f"{session}: is in the way, and no earlier demo made it; give another --out")
    shutil.rmtree(session)
