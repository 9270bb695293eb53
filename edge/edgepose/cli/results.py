"""Where ``edgepose pose`` puts what it finds: COCO keypoint results in one file, or OpenPose's file a frame."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from edgepose.cli.running import replaced
from edgepose.errors import SettingsError

if TYPE_CHECKING:
    from edgepose.skeletons import Skeleton
    from edgepose.types import Frame, Pose


class Format(str, Enum):
    """What ``--format`` takes."""

    COCO = "coco"
    OPENPOSE = "openpose"
    OPENPOSE18 = "openpose18"


_OPENPOSE_JOINTS = {Format.OPENPOSE: "body25", Format.OPENPOSE18: "openpose18"}


class Results(Protocol):
    """Takes every frame's people; ``name`` is the picture's or the video's file name."""

    def add(self, frame: Frame, name: str, image_id: str | int, poses: Sequence[Pose]) -> None: ...


@contextmanager
def results(out: Path, wanted: Format | None, skeleton: Skeleton) -> Iterator[Results]:
    """Results open for writing. Without ``wanted`` a folder, or a name without an ending, means OpenPose's files.

    Raises SettingsError when the place does not fit the format, or holds OpenPose's files already.
    """
    folder = out.is_dir() or not out.suffix
    form = wanted or (Format.OPENPOSE if folder else Format.COCO)
    if form is not Format.COCO:
        yield OpenPoseFiles(out, skeleton.name, _OPENPOSE_JOINTS[form])
        return
    if out.is_dir():
        raise SettingsError(f"{out}: is a folder; COCO results are one file, such as {out / 'results.json'}")
    rows = CocoRows()
    with replaced(out) as partial:
        yield rows
        partial.write_text(json.dumps(rows.rows) + "\n", encoding="utf-8")


class CocoRows:
    """COCO keypoint results: one object a person."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, frame: Frame, name: str, image_id: str | int, poses: Sequence[Pose]) -> None:
        self.rows += [_row(pose, image_id, name) for pose in poses]


class OpenPoseFiles:
    """``{name}_{frame:012d}_keypoints.json`` for every frame, also for one with nobody."""

    def __init__(self, folder: Path, source: str, target: str) -> None:
        """Joints of skeleton ``source`` are written as those of ``target``; raises SettingsError."""
        from edgepose import conversions

        self._folder, self._source, self._target = folder, source, target
        conversions.missing(source, target)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.glob("*_keypoints.json")):
            raise SettingsError(f"{folder}: has OpenPose's files already; give a new folder, one for each video")

    def add(self, frame: Frame, name: str, image_id: str | int, poses: Sequence[Pose]) -> None:
        from edgepose import conversions, openpose_json
        from edgepose.types import Pose, Track

        joints = [conversions.convert(pose.keypoints, self._source, self._target) for pose in poses]
        people = [Track(-1, Pose(own, pose.box_xyxy, pose.score)) for own, pose in zip(joints, poses, strict=True)]
        openpose_json.write_frame(self._folder, Path(name).stem, frame.index, people)


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
