"""Acclaim motion capture (.asf skeleton, .amc motion): text -> joint positions in metres, y up.

Format: Acclaim's ASF/AMC as the CMU motion-capture database explains it (J. Lander, "Working with Motion Capture File
Formats", Game Developer 1998). Joints as contracts.md §7 names them.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import SourceError
from edgepose.skeletons import COCO17

Float64 = NDArray[np.float64]
RATE_HZ = 120.0
"""Of the CMU recordings; the files themselves say nothing about time."""
_INCH_M = 0.0254
_ENDS = {"shoulder": "clavicle", "elbow": "humerus", "wrist": "wrist", "hip": "hipjoint", "knee": "femur",
         "ankle": "tibia"}  # fmt: skip
_FACE = {
    "nose": (0.0, 0.3, 1.4),
    "left_eye": (0.4, 0.72, 1.12), "right_eye": (-0.4, 0.72, 1.12),
    "left_ear": (0.9, 0.36, 0.1), "right_ear": (-0.9, 0.36, 0.1),
}  # fmt: skip
"""From where the head bone begins, in its lengths: x to the person's left, y up, z forward at rest."""


@dataclass(frozen=True, slots=True)
class Bone:
    """One bone at rest."""

    name: str
    offset: Float64
    """(3,) from its beginning to its end."""
    axes: Float64
    """(3, 3) its own axes in the world's."""
    dof: tuple[str, ...]
    """E.g. ("rx", "ry")."""


@dataclass(frozen=True, slots=True)
class Asf:
    """A skeleton; lengths in the file's unit."""

    bones: Mapping[str, Bone]
    parents: Mapping[str, str]
    """Child -> parent, parents first; the first are children of "root"."""
    order: tuple[str, ...]
    """The root's channels, e.g. ("TX", "TY", "TZ", "RX", "RY", "RZ")."""
    root: Bone
    unit_m: float
    degrees: bool


def text_of(path: Path) -> str:
    """A plain or .xz text file; raises SourceError."""
    try:
        raw = path.read_bytes()
        return (lzma.decompress(raw) if path.suffix == ".xz" else raw).decode("utf-8", "replace")
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from None
    except lzma.LZMAError as error:
        raise SourceError(f"{path}: damaged xz file: {error}") from None


def parse_asf(text: str, where: str = "ASF") -> Asf:
    """Raises SourceError, naming ``where``, when the text is no ASF skeleton."""
    sections = _sections(text)
    missing = {"units", "root", "bonedata", "hierarchy"} - set(sections)
    if missing:
        raise SourceError(f"{where}: not an ASF file: sections {', '.join(sorted(missing))} are missing")
    try:
        units = dict(line.split()[:2] for line in sections["units"])
        degrees = units.get("angle", "deg") == "deg"
        root = {line.split()[0]: line.split()[1:] for line in sections["root"]}
        bones = {bone.name: bone for bone in _bones(sections["bonedata"], degrees)}
        parents = {child: words[0] for words in map(str.split, sections["hierarchy"]) for child in words[1:]}
        axes = _rotation(root["axis"][0], np.array([root["orientation"]], np.float64), degrees)[0]
        whole = Bone("root", np.array(root["position"], np.float64), axes, ())
        unit_m = _INCH_M / float(units["length"])
    except (ValueError, KeyError, IndexError, ZeroDivisionError) as error:
        raise SourceError(f"{where}: damaged ASF: {type(error).__name__} {error}") from None
    parents = {child: parent for child, parent in parents.items() if child in bones}
    lost = [child for child, parent in parents.items() if parent != "root" and parent not in bones]
    if lost:
        raise SourceError(f"{where}: bone {lost[0]!r} hangs on {parents[lost[0]]!r}, which has no bone data")
    return Asf(bones, _parents_first(parents, where), tuple(root["order"]), whole, unit_m, degrees)


def parse_amc(text: str, skeleton: Asf, where: str = "AMC") -> dict[str, Float64]:
    """Bone (and "root") -> (F, C) channels; raises SourceError naming line and bone."""
    rows: dict[str, list[list[float]]] = {}
    frames = 0
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0][0] in "#:":
            continue
        if len(words) == 1 and words[0].isdigit():
            frames += 1
            continue
        wanted = len(skeleton.order) if words[0] == "root" else len(_bone(skeleton, words[0], where, number).dof)
        try:
            values = [float(word) for word in words[1:]]
        except ValueError as error:
            raise SourceError(f"{where}:{number}: {error}") from None
        if len(values) != wanted or not np.isfinite(values).all():
            raise SourceError(f"{where}:{number}: {words[0]} needs {wanted} finite numbers, got {len(values)}")
        rows.setdefault(words[0], []).append(values)
    short = [name for name, values in rows.items() if len(values) != frames]
    if not frames or "root" not in rows or short:
        got = f"{short[0]} {len(rows[short[0]])} times" if short else "no root"
        raise SourceError(f"{where}: expected every bone in each of {frames} frames, got {got}")
    return {name: np.array(values) for name, values in rows.items()}


def coco17(skeleton: Asf, motion: Mapping[str, Float64], where: str = "AMC") -> Float64:
    """(F, 17, 3) metres, y up, unmoved origin; the face is placed on the head bone by proportion."""
    starts, ends, turns = forward(skeleton, motion)
    points: dict[str, Float64] = {}
    try:
        for limb, bone in _ENDS.items():
            points |= {f"{side}_{limb}": ends[side[0] + bone] for side in ("left", "right")}
        length = float(np.linalg.norm(skeleton.bones["head"].offset))
        for joint, place in _FACE.items():
            points[joint] = starts["head"] + turns["head"] @ (length * np.array(place))
    except KeyError as error:
        raise SourceError(
            f"{where}: the skeleton has no bone {error}; expected the bones of the CMU database"
        ) from None
    return np.stack([points[joint] for joint in COCO17.joints], axis=1) * skeleton.unit_m


def forward(
    skeleton: Asf, motion: Mapping[str, Float64]
) -> tuple[dict[str, Float64], dict[str, Float64], dict[str, Float64]]:
    """Bone -> (F, 3) where it begins, (F, 3) where it ends, (F, 3, 3) its turn against the rest pose."""
    channels = dict(zip(skeleton.order, motion["root"].T, strict=True))
    place = np.stack([channels.get(name, np.zeros(len(motion["root"]))) for name in ("TX", "TY", "TZ")], axis=1)
    turn = _turn(skeleton.root, [name.lower() for name in skeleton.order if name[0] == "R"], channels, skeleton.degrees)
    starts, ends, turns = {}, {"root": place + skeleton.root.offset}, {"root": turn}
    for name, parent in skeleton.parents.items():
        bone = skeleton.bones[name]
        values = dict(zip((dof.upper() for dof in bone.dof), motion.get(name, np.zeros((0, 0))).T, strict=False))
        starts[name] = ends[parent]
        turns[name] = turns[parent] @ _turn(bone, bone.dof, values, skeleton.degrees) if values else turns[parent]
        ends[name] = starts[name] + turns[name] @ bone.offset
    return starts, ends, turns


def _turn(bone: Bone, dof: list[str] | tuple[str, ...], values: Mapping[str, Float64], degrees: bool) -> Float64:
    """(F, 3, 3): the bone's channels turn it about its own axes."""
    rotations = [name for name in dof if name[0] == "r"]
    angles = np.stack([values[name.upper()] for name in rotations], axis=1)
    own = _rotation("".join(name[1] for name in rotations), angles, degrees)
    return np.asarray(bone.axes @ own @ bone.axes.T, np.float64)


def _rotation(order: str, angles: Float64, degrees: bool) -> Float64:
    """(F, n) angles -> (F, 3, 3); the axis named first turns first."""
    radians = np.radians(angles) if degrees else angles
    matrix = np.tile(np.eye(3), (len(angles), 1, 1))
    for letter, angle in zip(order.upper(), radians.T, strict=True):
        i, j = ("XYZ".index(letter) + 1) % 3, ("XYZ".index(letter) + 2) % 3
        one = np.tile(np.eye(3), (len(angles), 1, 1))
        one[:, i, i] = one[:, j, j] = np.cos(angle)
        one[:, j, i], one[:, i, j] = np.sin(angle), -np.sin(angle)
        matrix = one @ matrix
    return matrix


def _sections(text: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in map(str.strip, text.splitlines()):
        if line.startswith(":"):
            name, _, rest = line[1:].partition(" ")
            current = sections.setdefault(name.lower(), [rest] if rest.strip() else [])
        elif line and not line.startswith("#") and line not in ("begin", "end"):
            current.append(line)
    return sections


def _bones(lines: list[str], degrees: bool) -> Iterator[Bone]:
    """A bone begins with its id; limits go on over several lines and are not needed."""
    for block in re.split(r"(?m)^id\s+\S+\s*$", "\n".join(lines))[1:]:
        words = {line.split()[0]: line.split()[1:] for line in block.strip().splitlines()}
        offset = np.array(words["direction"], np.float64) * float(words["length"][0])
        axes = _rotation(words["axis"][3], np.array([words["axis"][:3]], np.float64), degrees)[0]
        dof = tuple(word.lower() for word in words.get("dof", []))
        if not set(dof) <= {"rx", "ry", "rz"}:
            raise ValueError(f"bone {words['name'][0]} has degrees of freedom {' '.join(dof)}")
        yield Bone(words["name"][0], offset, axes, dof)


def _parents_first(parents: dict[str, str], where: str) -> dict[str, str]:
    ordered: dict[str, str] = {}
    while len(ordered) < len(parents):
        ready = {c: p for c, p in parents.items() if c not in ordered and (p == "root" or p in ordered)}
        if not ready:
            raise SourceError(f"{where}: the hierarchy goes in a circle")
        ordered |= ready
    return ordered


def _bone(skeleton: Asf, name: str, where: str, line: int) -> Bone:
    try:
        return skeleton.bones[name]
    except KeyError:
        raise SourceError(f"{where}:{line}: the skeleton has no bone {name!r}; is it another subject's?") from None
