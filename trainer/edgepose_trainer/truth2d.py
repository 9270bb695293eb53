"""Ground truth in 2D from the public annotation formats: people with joints and head boxes, for PCKh and PCK.

* MPII's XML (``annolist`` or ``annotationlist``): x1, y1, x2, y2 of an ``annorect`` is the HEAD box, its points are
  numbered as mpii16. Files without points hold head boxes only.
* Pascal VOC's XML, one picture a file, a folder of them: objects called ``head`` are head boxes, without joints.
* MPII's JSON as HRNet and others hand it on: a list of {image, joints, joints_vis}.
* LSP's joints.mat (lsp14) and COCO's keypoint JSON (coco17).

Source: seed_systems.md §7, feature row 14.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from edgepose.bridge import coco_to_h36m
from edgepose.conversions import convert
from edgepose.errors import SourceError
from edgepose.skeletons import COCO17, H36M17, LSP14, MPII16, Skeleton, named
from edgepose.types import Float32
from edgepose_trainer.pose import coco

_GUESSED = 0.5
"""Confidence of a joint that the annotator placed though it is hidden."""


@dataclass(frozen=True, slots=True)
class Truth2D:
    """N labelled people of any number of pictures, px."""

    images: tuple[str, ...]
    """(N,) file names; a picture with several people comes several times."""
    skeleton: Skeleton
    keypoints: Float32
    """(N, K, 3) x, y and 1 visible, 0.5 hidden; NaN, NaN, 0 not labelled."""
    head_xyxy: Float32
    """(N, 4); NaN where there is none."""

    @property
    def head_px(self) -> Float32:
        """(N,) diagonal of the head box, the length that PCKh measures by; NaN without one."""
        size = self.head_xyxy[:, 2:] - self.head_xyxy[:, :2]
        return np.asarray(np.hypot(*size.T), np.float32)

    def joints_of(self, skeleton: str) -> Float32:
        """(N, K', 3) in the order of another joint set; what the labels do not name is NaN, NaN, 0.

        coco17 -> h36m17 goes over the lifters' bridge, which places spine, thorax, neck and head by proportion.
        Raises ModelError for an unknown skeleton.
        """
        if skeleton == self.skeleton.name:
            return self.keypoints
        if (self.skeleton.name, skeleton) == (COCO17.name, H36M17.name):
            return coco_to_h36m(self.keypoints)
        return convert(self.keypoints, self.skeleton.name, named(skeleton).name)


def read(path: Path) -> Truth2D:
    """One file, or a folder of VOC's XML files; its content tells the format. Raises SourceError in one line."""
    if path.is_dir():
        found = [_voc(file, _xml(file)) for file in sorted(path.glob("*.xml"))]
        if not found:
            raise SourceError(f"{path}: no .xml file of head boxes in it")
        return _people([person for people in found for person in people], MPII16)
    readers: Mapping[str, Callable[[Path], Truth2D]] = {".xml": _read_xml, ".al": _read_xml, ".json": _read_json}
    reader = {**readers, ".mat": _read_lsp}.get(path.suffix.lower())
    if reader is None:
        raise SourceError(f"{path}: expected ground truth as .xml, .al, .json or LSP's .mat")
    return reader(path)


_Person = tuple[str, Float32, Sequence[float]]
"""Picture, (K, 3) joints, head box."""


def _people(people: Sequence[_Person], skeleton: Skeleton) -> Truth2D:
    keypoints = [joints for _, joints, _ in people] or [np.zeros((0, len(skeleton), 3), np.float32)]
    heads = np.array([head for _, _, head in people], np.float32).reshape(-1, 4)
    stacked = np.stack(keypoints) if people else keypoints[0]
    return Truth2D(tuple(name for name, _, _ in people), skeleton, stacked.astype(np.float32), heads)


def _xml(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise SourceError(f"{path}: no readable XML: {error}") from None


def _read_xml(path: Path) -> Truth2D:
    root = _xml(path)
    if root.tag == "annotation" and root.find("annorect") is None:
        return _people(list(_voc(path, root)), MPII16)
    pictures = [root] if root.tag == "annotation" else root.findall("annotation")
    people = [person for picture in pictures for person in _annorects(path, picture)]
    if not people:
        raise SourceError(f"{path}: expected annotations with annorect (MPII) or objects called head (VOC), got none")
    return _people(people, MPII16)


def _annorects(path: Path, picture: ElementTree.Element) -> Iterator[_Person]:
    name = (picture.findtext("image/name") or picture.findtext("name") or "").strip()
    for rect in picture.findall("annorect"):
        yield name, _points(path, rect), _box(path, rect, ("x1", "y1", "x2", "y2"))


def _points(path: Path, rect: ElementTree.Element) -> Float32:
    joints = np.full((len(MPII16), 3), (np.nan, np.nan, 0), np.float32)
    for point in rect.iter("point"):
        joint = int(_number(path, point, "id"))
        if not 0 <= joint < len(MPII16):
            raise SourceError(f"{path}: joint id {joint}: expected 0 to {len(MPII16) - 1}, the order of MPII")
        hidden = (point.findtext("is_visible") or "1").strip() in ("0", "false")
        joints[joint] = _number(path, point, "x"), _number(path, point, "y"), _GUESSED if hidden else 1
    return joints


def _voc(path: Path, root: ElementTree.Element) -> list[_Person]:
    name = (root.findtext("filename") or path.stem).strip()
    unknown = np.full((len(MPII16), 3), (np.nan, np.nan, 0), np.float32)
    heads = [found for found in root.findall("object") if (found.findtext("name") or "").strip().lower() == "head"]
    boxes = [found.find("bndbox") for found in heads]
    return [(name, unknown, _box(path, box, ("xmin", "ymin", "xmax", "ymax"))) for box in boxes if box is not None]


def _box(path: Path, element: ElementTree.Element, names: Sequence[str]) -> Sequence[float]:
    """Corners in order, whichever were written first; NaN where the box is not there."""
    if element.find(names[0]) is None:
        return (np.nan,) * 4
    x1, y1, x2, y2 = (_number(path, element, name) for name in names)
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _number(path: Path, element: ElementTree.Element, name: str) -> float:
    text = element.findtext(name)
    try:
        return float(text or "")
    except ValueError:
        raise SourceError(f"{path}: {element.tag}: expected a number in {name}, got {text!r}") from None


def _read_json(path: Path) -> Truth2D:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: no readable JSON: {error}") from None
    if isinstance(table, list):
        return _people([_mpii_row(path, row) for row in table], MPII16)
    return _of_coco(coco.load(path))


def _mpii_row(path: Path, row: Mapping[str, Any]) -> _Person:
    """HRNet's: a joint without a place is (0, 0) or (-1, -1) with joints_vis 0."""
    try:
        places = np.array(row["joints"], np.float32).reshape(len(MPII16), 2)
        seen = np.array(row["joints_vis"], np.float32).reshape(len(MPII16)) > 0
        head = np.array(row.get("head_box", (np.nan,) * 4), np.float32).reshape(4)
        name = str(row["image"])
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{path}: expected image, joints (16, 2) and joints_vis (16): {error}") from None
    known = np.where(seen[:, None], np.column_stack([places, np.ones(len(places))]), (np.nan, np.nan, 0))
    return name, known.astype(np.float32), head.tolist()


def _of_coco(table: coco.Table) -> Truth2D:
    names = {image["id"]: str(image["file_name"]) for image in table.images}
    people: list[_Person] = []
    for row in table.annotations:
        if row["num_keypoints"] and not row["iscrowd"]:
            joints = np.array(row["keypoints"], np.float32).reshape(len(COCO17), 3)
            state = np.array([0, _GUESSED, 1], np.float32)[joints[:, 2].astype(int).clip(0, 2)]
            joints = np.where(state[:, None] > 0, np.column_stack([joints[:, :2], state]), (np.nan, np.nan, 0))
            head = row.get("bbox_head")
            people.append((names[row["image_id"]], joints, coco.corners(head).tolist() if head else (np.nan,) * 4))
    return _people(people, COCO17)


def _read_lsp(path: Path) -> Truth2D:
    """``joints`` (3, 14, N) of LSP, third row 1 for hidden, or (14, 3, N) of LSPET, 1 for visible."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        joints = np.asarray(loadmat(path)["joints"], np.float32)
    except (OSError, KeyError, ValueError, NotImplementedError, MatReadError) as error:
        raise SourceError(f"{path}: no joints of LSP in it: {error}") from None
    extended = joints.shape[:2] == (len(LSP14), 3)
    if joints.ndim != 3 or not (extended or joints.shape[:2] == (3, len(LSP14))):
        raise SourceError(f"{path}: expected joints (3, 14, N) or (14, 3, N), got {joints.shape}")
    points = joints.transpose(2, 0, 1) if extended else joints.transpose(2, 1, 0)
    flag = points[..., 2] > 0
    state = np.where(flag, 1.0, 0.0) if extended else np.where(flag, _GUESSED, 1.0)
    keypoints = np.where(state[..., None] > 0, np.dstack([points[..., :2], state]), (np.nan, np.nan, 0))
    names = tuple(f"im{number:0{5 if extended else 4}d}.jpg" for number in range(1, len(points) + 1))
    return Truth2D(names, LSP14, keypoints.astype(np.float32), np.full((len(points), 4), np.nan, np.float32))


def skull_px(truth: Truth2D) -> Float32:
    """(N,) neck to crown of mpii16 or lsp14, for PCKh where no head box is labelled."""
    ends = truth.skeleton.indices("upper_neck", "head_top")
    return np.asarray(np.linalg.norm(truth.keypoints[:, ends[0], :2] - truth.keypoints[:, ends[1], :2], axis=1))
