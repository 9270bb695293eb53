"""``edgepose pose3d``: people in metres before the camera, by 3DMPPE's RootNet and PoseNet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgepose.cli.progress import bars
from edgepose.cli.run import Detector, Model, ModelsDir, Threads

if TYPE_CHECKING:
    from edgepose.boxes import FrameBoxes
    from edgepose.mppe_networks import Person3D
    from edgepose.pinhole import Camera
    from edgepose.types import Frame, Image


class Space(str, Enum):
    """What ``--space`` takes."""

    CAMERA = "camera"
    ROOT = "root"


def command(
    source: Annotated[str, typer.Argument(help="picture, folder of pictures or video")],
    root: Annotated[Path, typer.Option("--root", help="RootNet's weights (.onnx): how far away people are")],
    pose: Annotated[Path, typer.Option("--pose", help="PoseNet's weights (.onnx), 17, 18 or 21 joints")],
    out: Annotated[Path, typer.Option("--out", "-o", help="people's joints in metres (.json)")],
    boxes: Annotated[
        Path | None, typer.Option("--boxes", help="box table (.csv) of people; without it --model finds them")
    ] = None,
    camera: Annotated[Path | None, typer.Option("--camera", help="JSON file with the camera's matrix K, px")] = None,
    focal: Annotated[
        float | None, typer.Option("--focal", min=1, help="focal length, px, of an unknown camera; default 1500")
    ] = None,
    space: Annotated[Space, typer.Option("--space", help="camera, or root: the pelvis at the origin")] = Space.CAMERA,
    flip: Annotated[bool, typer.Option("--flip", help="mean with the mirror image: better, twice the time")] = False,
    draw: Annotated[Path | None, typer.Option("--draw", help="folder for pictures: skeletons, and from above")] = None,
    model: Model = None,
    detector: Detector = None,
    models_dir: ModelsDir = None,
    threads: Threads = 0,
) -> int:
    """Place everybody in a picture or video in metres before the camera (3DMPPE)."""
    from edgepose import build, mppe_networks
    from edgepose.cli.running import replaced
    from edgepose.config import CaptureSettings
    from edgepose.errors import SettingsError
    from edgepose.models import Engine

    if build.source_kind(source) not in ("images", "video"):
        raise SettingsError(f"{source}: give a picture, a folder of pictures or a video")
    if camera is not None and focal is not None:
        raise SettingsError("--camera or --focal: give one of them")
    engine = Engine(threads or 0)
    network = mppe_networks.PoseNet3D(pose, engine, flip)
    depth = mppe_networks.RootNet(root, engine)
    finder = _given(boxes) if boxes is not None else _found(model, detector, models_dir, threads)
    opened = build.open_source(source, CaptureSettings())
    pictures = build.source_kind(source) == "images" or opened.info.frames == 1
    rows: list[dict[str, Any]] = []
    frames = 0
    with closing(opened), bars({"pictures": opened.info.frames}) as advance, replaced(out) as partial:
        for frame, image in _images(opened.frames()):
            seen_by = _camera(camera, focal, (image.shape[1], image.shape[0]))
            row = finder(frame)
            people = mppe_networks.people(image, row.boxes_xyxy, row.scores, seen_by, depth, network)
            name = frame.file or Path(source).name
            of = {"image_id": Path(name).stem if pictures else frame.index, "file_name": name}
            rows += [{**of, **_row(person, seen_by, space)} for person in people]
            if draw is not None:
                _draw(draw / f"{Path(name).stem}_{frame.index:06d}.png", image, people)
            frames += 1
            if advance is not None:
                advance("pictures", frames)
        partial.write_text(json.dumps(rows) + "\n", encoding="utf-8")
    assumed = "" if camera else f"; camera unknown: focal length {focal or 1500:g} px assumed, depths scale with it"
    typer.echo(f"{out}: {len(rows)} people in {frames} pictures{assumed}", err=True)
    return 0


def _images(frames: Iterator[Frame]) -> Iterator[tuple[Frame, Image]]:
    return ((frame, frame.image) for frame in frames if frame.image is not None)


def _given(path: Path) -> Callable[[Frame], FrameBoxes]:
    """The boxes of a table, frame by frame. Raises SourceError."""
    from edgepose import boxes
    from edgepose.errors import SourceError

    table = boxes.read(path)

    def of(frame: Frame) -> FrameBoxes:
        if frame.index not in table:
            raise SourceError(f"{path}: no row for frame {frame.index}; expected one for every frame")
        return table[frame.index]

    return of


def _found(
    model: str | None, detector: str | None, models_dir: Path | None, threads: int | None
) -> Callable[[Frame], FrameBoxes]:
    """The boxes of people that a pose model, or a person detector, finds."""
    from edgepose import build
    from edgepose.boxes import FrameBoxes
    from edgepose.cli.running import pose_from
    from edgepose.config import PoseSettings

    estimator = build.estimator(PoseSettings(**pose_from(model, detector, None, threads)), models_dir, boxes=True)

    def of(frame: Frame) -> FrameBoxes:
        return FrameBoxes.of(frame.index, frame.time_s, estimator(frame.image) if frame.image is not None else [])

    return of


def _camera(path: Path | None, focal: float | None, frame_wh: tuple[int, int]) -> Camera:
    from edgepose import pinhole

    if path is not None:
        return pinhole.read(path)
    return pinhole.Camera.guess(frame_wh, focal or pinhole.ASSUMED_FOCAL_PX)


def _row(person: Person3D, camera: Camera, space: Space) -> dict[str, Any]:
    """COCO's names where it has them; keypoints3d [[x, y, z]] in metres."""
    from edgepose import mppe
    from edgepose.skeletons import named

    x1, y1, x2, y2 = person.pose.box_xyxy.tolist()
    points = person.pose3d.keypoints
    if space is Space.ROOT:
        points = mppe.root_relative(points, named(person.pose3d.skeleton))
    return {
        "category_id": 1,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "score": person.pose.score,
        "skeleton": person.pose3d.skeleton,
        "keypoints": person.pose.keypoints.ravel().tolist(),
        "space": space.value,
        "units": "m",
        "keypoints3d": points.tolist(),
        "root_depth_m": person.root_depth_m,
        "camera": {"fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy, "assumed": camera.assumed},
    }


def _draw(path: Path, image: Image, people: list[Person3D]) -> None:
    import cv2
    import numpy as np

    from edgepose.scene import scene
    from edgepose.skeletons import named

    if people:
        points = np.stack([person.pose3d.keypoints for person in people])
        image = scene(image, [person.pose for person in people], points, named(people[0].pose3d.skeleton))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
