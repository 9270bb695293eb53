"""``edgepose pose``: 2D poses only, as COCO keypoint results or OpenPose's files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgepose.cli.boxtable import BoxTable, box_table, check
from edgepose.cli.pictures import Pictures
from edgepose.cli.progress import bars
from edgepose.cli.results import Format, results
from edgepose.cli.run import Detector, Model, ModelsDir, Options, Threads

if TYPE_CHECKING:
    from edgepose.estimator import Estimator
    from edgepose.sources import Source
    from edgepose.types import Frame, Pose

Draw = Annotated[
    list[str] | None,
    typer.Option(
        "--draw",
        metavar="people|maps|DIR",
        help="pictures of people, or of the network's confidence maps and affinity fields, one sheet a frame "
        "(repeatable); a folder: people, written there",
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option("--pictures", help="where --draw puts them, maps in its folder maps; default: beside OUT"),
]
Form = Annotated[
    Format | None,
    typer.Option("--format", help="coco, or OpenPose's JSON: openpose (BODY_25), openpose18; default: as OUT is"),
]
Boxes = Annotated[
    Path | None,
    typer.Option(
        "--boxes",
        help="box table (.csv): if it is there, a top-down model takes people's boxes from it; if not, the boxes "
        "that are found are written to it",
    ),
]


def command(
    source: Annotated[str, typer.Argument(help="picture, folder of pictures or video")],
    out: Annotated[Path, typer.Option("--out", "-o", help="COCO results (.json), or a folder for OpenPose's files")],
    model: Model = None,
    draw: Draw = None,
    folder: Folder = None,
    form: Form = None,
    boxes: Boxes = None,
    write_boxes: Annotated[Path | None, typer.Option("--write-boxes", help="write the boxes here, anew")] = None,
    detector: Detector = None,
    option: Options = None,
    models_dir: ModelsDir = None,
    threads: Threads = 0,
) -> int:
    """Find people in pictures or a video and write their keypoints."""
    from edgepose import build
    from edgepose.cli.running import pose_from
    from edgepose.config import CaptureSettings, PoseSettings
    from edgepose.errors import SettingsError

    if build.source_kind(source) not in ("images", "video"):
        raise SettingsError(f"{source}: give a picture, a folder of pictures or a video; for a camera there is record")
    opened = build.open_source(source, CaptureSettings())
    pictures = build.source_kind(source) == "images" or opened.info.frames == 1
    drawn = Pictures.wanted(draw or (), folder, out)
    settings = PoseSettings(**pose_from(model, detector, option, threads))
    found = frames = 0
    with closing(opened), box_table(boxes, write_boxes) as table:
        estimator = build.estimator(settings, models_dir, boxes=boxes is not None or write_boxes is not None)
        check(table, estimator)
        if table.given is not None:
            typer.echo(f"{boxes}: read; its boxes are used, no detector", err=True)
        with results(out, form, estimator.skeleton) as rows, bars({"pictures": opened.info.frames}) as advance:
            for frame, poses in _poses(opened, estimator, pictures, table):
                frames += 1
                found += len(poses)
                if advance is not None:
                    advance("pictures", frames)
                name = frame.file or Path(source).name
                rows.add(frame, name, Path(name).stem if pictures else frame.index, poses)
                if drawn is not None and frame.image is not None:
                    drawn.write(frame, poses, estimator, f"{Path(name).stem}_{frame.index:06d}")
    unread = f", {opened.skipped} unreadable" if opened.skipped else ""
    seen = f"; drawn in {drawn.folder}" if drawn is not None and frames else ""
    seen += "".join(f"; boxes written to {path}" for path in table.written)
    typer.echo(f"{out}: {found} people in {frames} pictures{unread}{seen}", err=True)
    return 0


def _poses(source: Source, estimator: Estimator, pictures: bool, table: BoxTable) -> Iterator[tuple[Frame, list[Pose]]]:
    """Pictures stand alone; in a video each frame knows the people of the one before, if it is given no boxes."""
    from edgepose.types import Track

    network, before = replace(estimator, detector=None), None
    for frame in source.frames():
        if frame.image is None:
            continue
        people = table.people(frame, estimator)
        poses = network(frame.image, before if people is None else people)
        table.add(frame, poses if people is None else [person.pose for person in people])
        before = None if pictures else [Track(-1, pose) for pose in poses]
        yield frame, poses
