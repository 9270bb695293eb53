"""``edgepose import``: other people's recordings and labels become recorded sessions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edgepose.session import Label, Poses, SessionInfo
    from edgepose.types import Handedness
    from edgepose_trainer.importers.labels.marked import Marked
    from edgepose_trainer.sessions import Imported

_DROP = "-"


def command(
    source: Annotated[Path, typer.Argument(help="recording: file or folder; or a session that gets labels")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="session to write; of several, their folder")] = None,
    labels: Annotated[Path | None, typer.Option("--labels", help="file of BORIS, ELAN, VIA, CVAT …, or CSV")] = None,
    form: Annotated[str | None, typer.Option("--format", help="of the source, where its content misleads")] = None,
    labels_form: Annotated[str | None, typer.Option("--labels-format", help="of the label file, likewise")] = None,
    part: Annotated[str | None, typer.Option("--part", help="tier, observation, video of the label file")] = None,
    rename: Annotated[
        list[str] | None, typer.Option("--map", metavar="THEIRS=OURS", help="a label's name; OURS - drops; repeatable")
    ] = None,
    video: Annotated[
        Path | None, typer.Option("--video", help="whose timestamps and size the frames have; or a folder of them")
    ] = None,
    fps: Annotated[float | None, typer.Option("--fps", help="frames a second, where there is no video")] = None,
    size: Annotated[str | None, typer.Option("--size", metavar="WxH", help="of the picture, px")] = None,
    skeleton: Annotated[str | None, typer.Option("--skeleton", help="joint set of OpenPose-like files")] = None,
    player: Annotated[str | None, typer.Option("--player", help="the player's name")] = None,
    handedness: Annotated[str | None, typer.Option("--handedness", help="right or left")] = None,
    calibration: Annotated[
        Path | None, typer.Option("--calibration", help="camera of 3D markers, JSON: K, R, t (m), width, height")
    ] = None,
    views: Annotated[int, typer.Option("--views", min=1, help="virtual cameras for each take of 3D motion")] = 1,
    seed: Annotated[int, typer.Option("--seed", help="of the virtual cameras")] = 1,
    force: Annotated[bool, typer.Option("--force", help="replace a session's labels")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print what was written as JSON")] = False,
) -> int:
    """Write recorded sessions from other tools' recordings and labels; the format is told by the content.

    Tables (keller, hampen, thetis, penn), BVH and AMC motion capture and 3D markers (TRC, C3D, Qualisys text) through
    virtual cameras or --calibration, TRC and JSON of Sports2D, Pose2Sim and OpenPose, CSV. A recorded session as the
    source takes the labels of --labels.
    """
    from edgepose_trainer.formats import Wishes, format_of, read

    hand = _hand(handedness)
    names = dict(_pair(text) for text in rename or [])
    marks = _marks(labels, part, labels_form)
    if (source / "session.json").is_file():
        return _label(source, marks, names, force, as_json)
    from edgepose.errors import SettingsError
    from edgepose_trainer.sessions import named_player, new_folder, write

    if out is None:
        raise SettingsError("give --out, the session to write")
    wishes = Wishes(video, fps, _size(size), skeleton, hand, names, views, seed, calibration, marks is None)
    written: list[dict[str, object]] = []
    with new_folder(out) as work:
        sessions = read(source, form or format_of(source), wishes)
        for folder, one in _folders(work, sessions, marks is not None):
            one = named_player(one, player, hand)
            if marks is not None:
                one = _with_labels(one, _labels(marks, one.info, one.poses, names))
            write(folder, one)
            place = out / folder.relative_to(work)
            written.append({"session": str(place), "rows": len(one.poses.track), "labels": len(one.labels)})
            for note in one.notes:
                typer.echo(f"edgepose: {note}", err=True)
    rows = sum(int(str(one["rows"])) for one in written)
    typer.echo(f"{out}: {len(written)} session{'s'[: len(written) != 1]}, {rows} rows", err=True)
    if as_json:
        typer.echo(json.dumps(written))
    return 0


def _with_labels(one: Imported, labels: Iterable[Label]) -> Imported:
    """Where one player is labelled and one person is seen, that is who it is."""
    from edgepose_trainer.sessions import named_player

    one = replace(one, labels=tuple(labels))
    players = {label.player for label in one.labels if label.player}
    known = any(player.name for player in one.info.players.values())
    if known or len(players) != 1 or len(set(one.poses.track.tolist())) != 1:
        return one
    return named_player(one, players.pop(), None)


def _folders(out: Path, sessions: Iterator[Imported], single: bool) -> Iterator[tuple[Path, Imported]]:
    """One session is ``out`` itself, several are folders in it; names that come twice get a number."""
    from edgepose.errors import SettingsError, SourceError

    first = next(sessions, None)
    if first is None:
        raise SourceError("no recording in the source")
    second = next(sessions, None)
    if second is None:
        yield out, first
        return
    if single:
        raise SettingsError("the source holds several recordings, --labels are of one: import them one by one")
    taken: dict[str, int] = {}
    for one in _chain((first, second), sessions):
        taken[one.name] = taken.get(one.name, 0) + 1
        yield out / (one.name if taken[one.name] == 1 else f"{one.name}_{taken[one.name]}"), one


def _chain(first: Iterable[Imported], rest: Iterable[Imported]) -> Iterator[Imported]:
    yield from first
    yield from rest


def _label(session: Path, marks: Sequence[Marked] | None, names: dict[str, str], force: bool, as_json: bool) -> int:
    """Labels for a session that is there already."""
    from edgepose.errors import SettingsError
    from edgepose.session import read_info, read_poses, write_labels

    if marks is None:
        raise SettingsError(f"{session}: a session already; give the label file that it shall get with --labels")
    if (session / "labels.csv").exists() and not force:
        raise SettingsError(f"{session}: has labels.csv already; --force replaces it")
    poses = read_poses(session)
    labels = list(_labels(marks, read_info(session), poses, names))
    write_labels(session, labels)
    typer.echo(f"{session}: {len(labels)} labels", err=True)
    if as_json:
        typer.echo(json.dumps([{"session": str(session), "rows": len(poses.track), "labels": len(labels)}]))
    return 0


def _marks(file: Path | None, part: str | None, form: str | None) -> list[Marked] | None:
    from edgepose_trainer.importers.labels import read

    return None if file is None else read(file, part, form)


def _labels(marks: Sequence[Marked], info: SessionInfo, poses: Poses, names: dict[str, str]) -> Iterator[Label]:
    from edgepose_trainer.labelling import labels_of

    for label in labels_of(marks, info, poses, names):
        if label.label != _DROP:
            yield label


def _pair(text: str) -> tuple[str, str]:
    from edgepose.errors import SettingsError

    theirs, sign, ours = text.partition("=")
    if not sign or not theirs.strip() or not ours.strip():
        raise SettingsError(f"--map: expected THEIRS=OURS, got {text!r}")
    return theirs.strip(), ours.strip()


def _size(text: str | None) -> tuple[int, int] | None:
    from edgepose.errors import SettingsError

    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise SettingsError(f"--size: expected WIDTHxHEIGHT, got {text!r}")
    return int(width), int(height)


def _hand(text: str | None) -> Handedness | None:
    from edgepose.errors import SettingsError

    if text is None or text in ("right", "left"):
        return text  # type: ignore[return-value]
    raise SettingsError(f"--handedness: expected right or left, got {text!r}")
