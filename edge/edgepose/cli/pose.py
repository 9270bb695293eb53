"""``edgepose pose``: 2D poses only, as COCO keypoint results."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgepose.cli.pictures import Pictures
from edgepose.cli.progress import bars
from edgepose.cli.run import Detector, ModelsDir, Options, Threads

if TYPE_CHECKING:
    from edgepose.estimator import Estimator
    from edgepose.sources import Source
    from edgepose.types import Frame, Pose


def command(
    source: Annotated[str, typer.Argument(help="picture, folder of pictures or video")],
    out: Annotated[Path, typer.Option("--out", "-o", help="COCO keypoint results (.json)")],
    model: Annotated[str, typer.Option("--model", "-m", help="pose model: name, folder or weights file")],
    draw: Annotated[
        list[str] | None,
        typer.Option(
            "--draw",
            metavar="people|maps|DIR",
            help="pictures of people, or of the network's confidence maps and affinity fields, one sheet a frame "
            "(repeatable); a folder: people, written there",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--pictures", help="where --draw puts them, maps in its folder maps; default: beside OUT"),
    ] = None,
    detector: Detector = None,
    option: Options = None,
    models_dir: ModelsDir = None,
    threads: Threads = 0,
) -> int:
    """Find people in pictures or a video and write their keypoints."""
    from edgepose import build
    from edgepose.cli.running import pose_from, replaced
    from edgepose.config import CaptureSettings, PoseSettings
    from edgepose.errors import SettingsError

    if build.source_kind(source) not in ("images", "video"):
        raise SettingsError(f"{source}: give a picture, a folder of pictures or a video; for a camera there is record")
    opened = build.open_source(source, CaptureSettings())
    pictures = build.source_kind(source) == "images" or opened.info.frames == 1
    drawn = Pictures.wanted(draw or (), folder, out)
    estimator = build.estimator(PoseSettings(**pose_from(model, detector, option, threads)), models_dir)
    rows: list[dict[str, Any]] = []
    frames = 0
    with closing(opened), bars({"pictures": opened.info.frames}) as advance:
        for frame, poses in _poses(opened, estimator, pictures):
            frames += 1
            if advance is not None:
                advance("pictures", frames)
            name = frame.file or Path(source).name
            image_id: str | int = Path(name).stem if pictures else frame.index
            rows += [_row(pose, image_id, name) for pose in poses]
            if drawn is not None and frame.image is not None:
                drawn.write(frame, poses, estimator, f"{Path(name).stem}_{frame.index:06d}")
    with replaced(out) as partial:
        partial.write_text(json.dumps(rows) + "\n", encoding="utf-8")
    unread = f", {opened.skipped} unreadable" if opened.skipped else ""
    seen = f"; drawn in {drawn.folder}" if drawn is not None and frames else ""
    typer.echo(f"{out}: {len(rows)} people in {frames} pictures{unread}{seen}", err=True)
    return 0


def _poses(source: Source, estimator: Estimator, pictures: bool) -> Iterator[tuple[Frame, list[Pose]]]:
    """Pictures stand alone; in a video each frame knows the people of the one before."""
    from edgepose.types import Track

    people: list[Track] | None = None
    for frame in source.frames():
        if frame.image is None:
            continue
        poses = estimator(frame.image, people)
        people = None if pictures else [Track(-1, pose) for pose in poses]
        yield frame, poses


def _row(pose: Pose, image_id: str | int, file_name: str) -> dict[str, Any]:
    x1, y1, x2, y2 = (float(side) for side in pose.box_xyxy)
    keypoints = [
        [0.0, 0.0, 0.0] if math.isnan(x) else [round(x, 2), round(y, 2), round(c, 4)]
        for x, y, c in pose.keypoints.tolist()
    ]
    return {
        "image_id": image_id,
        "file_name": file_name,
        "category_id": 1,
        "bbox": [round(side, 2) for side in (x1, y1, x2 - x1, y2 - y1)],
        "keypoints": [value for keypoint in keypoints for value in keypoint],
        "score": round(pose.score, 4),
    }
