"""BVH motion capture: text -> skeleton and motion -> joint positions, and our joint sets of them.

Format: Biovision hierarchy as described by Meredith and Maddock, "Motion Capture File Formats
Explained" (2001). Positions keep the file's unit and axes until ``coco17`` and ``h36m17``.
"""

from __future__ import annotations

import lzma
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import SourceError
from edgepose.skeletons import COCO17, H36M17

Float64 = NDArray[np.float64]
_AXES = "XYZ"


@dataclass(frozen=True)
class Bvh:
    """One take."""

    joints: tuple[str, ...]
    """Parents before children; an end site is called "<parent>_end"."""
    parents: tuple[int, ...]
    """-1: root."""
    offsets: Float64
    """(J, 3) from the parent, at rest."""
    channels: tuple[tuple[str, ...], ...]
    """Per joint, in the file's order, e.g. ("Zrotation", "Xrotation", "Yrotation")."""
    motion: Float64
    """(F, C) in the order of joints and their channels; degrees."""
    frame_s: float

    def index(self, joint: str) -> int:
        """Raises SourceError when the take has no such joint."""
        if joint not in self.joints:
            raise SourceError(f"the take has no joint {joint!r}; it has {', '.join(self.joints)}")
        return self.joints.index(joint)


def read(path: Path) -> Bvh:
    """A .bvh or .bvh.xz file; raises SourceError when it cannot be read or is no BVH."""
    try:
        raw = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
        return parse(raw.decode("ascii"), str(path))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from None
    except (lzma.LZMAError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: not a BVH file: {error}") from None


def parse(text: str, where: str = "BVH") -> Bvh:
    """Raises SourceError, naming ``where``, when the text is no BVH or frames are missing."""
    head, found, tail = text.partition("MOTION")
    if not found or head.split()[:1] != ["HIERARCHY"]:
        raise SourceError(f"{where}: not a BVH file: HIERARCHY and MOTION expected")
    try:
        joints, parents, offsets, channels = _hierarchy(head.split()[1:])
        frames, frame_s, values = _motion(tail)
    except (ValueError, IndexError) as error:
        raise SourceError(f"{where}: damaged BVH: {error}") from None
    width = sum(len(names) for names in channels)
    # Some real files hold a row more than they declare; a row less is damage.
    if frames < 1 or len(values) < frames * width or not np.isfinite(values).all() or not frame_s > 0:
        raise SourceError(f"{where}: expected {frames} frames × {width} finite numbers, got {len(values)} numbers")
    motion = values[: frames * width].reshape(frames, width)
    return Bvh(tuple(joints), tuple(parents), np.array(offsets), tuple(channels), motion, frame_s)


def _hierarchy(
    tokens: list[str],
) -> tuple[list[str], list[int], list[list[float]], list[tuple[str, ...]]]:
    joints: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[tuple[str, ...]] = []
    open_joints: list[int] = []
    words = iter(tokens)
    for word in words:
        if word in ("ROOT", "JOINT", "End"):
            name = next(words, "")
            parent = open_joints[-1] if open_joints else -1
            joints.append(f"{joints[parent]}_end" if word == "End" else name)
            parents.append(parent)
            offsets.append([0.0, 0.0, 0.0])
            channels.append(())
        elif word == "{":
            open_joints.append(len(joints) - 1)
        elif word == "}":
            open_joints.pop()
        elif word == "OFFSET":
            offsets[open_joints[-1]] = [float(next(words, "")) for _ in range(3)]
        elif word == "CHANNELS":
            channels[open_joints[-1]] = tuple(next(words, "") for _ in range(int(next(words, ""))))
        else:
            raise ValueError(f"unexpected word {word!r}")
    if open_joints or not joints:
        raise ValueError("the hierarchy is not closed")
    return joints, parents, offsets, channels


def _motion(text: str) -> tuple[int, float, Float64]:
    lines = text.strip().splitlines()
    frames, frame_s = lines[0].split(":"), lines[1].split(":")
    if frames[0].strip() != "Frames" or frame_s[0].strip() != "Frame Time":
        raise ValueError("Frames: and Frame Time: expected after MOTION")
    return int(frames[1]), float(frame_s[1]), np.array(" ".join(lines[2:]).split(), np.float64)


def forward(take: Bvh) -> tuple[Float64, Float64]:
    """Forward kinematics: (F, J, 3) positions in the file's unit and (F, J, 3, 3) global rotations."""
    frames, count = len(take.motion), len(take.joints)
    positions = np.empty((frames, count, 3))
    rotations = np.empty((frames, count, 3, 3))
    column = 0
    for joint, parent in enumerate(take.parents):
        names = take.channels[joint]
        shift, turn = _local(take.offsets[joint], names, take.motion[:, column : column + len(names)])
        column += len(names)
        if parent < 0:
            positions[:, joint], rotations[:, joint] = shift, turn
        else:
            positions[:, joint] = positions[:, parent] + np.einsum("fij,fj->fi", rotations[:, parent], shift)
            rotations[:, joint] = rotations[:, parent] @ turn
    return positions, rotations


def _local(offset: Float64, names: tuple[str, ...], values: Float64) -> tuple[Float64, Float64]:
    """(F, 3) shift from and (F, 3, 3) rotation in the parent's axes; rotations apply in channel order."""
    shift = np.tile(offset, (len(values), 1))
    turn = np.tile(np.eye(3), (len(values), 1, 1))
    for name, value in zip(names, values.T, strict=True):
        axis = _AXES.find(name[:1]) if name[1:] in ("position", "rotation") else -1
        if axis < 0:
            raise SourceError(f"unknown BVH channel {name!r}")
        if name[1:] == "position":
            shift[:, axis] += value
        else:
            turn = turn @ _rotation(axis, np.radians(value))
    return shift, turn


def _rotation(axis: int, angle_rad: Float64) -> Float64:
    """(F,) -> (F, 3, 3) right-handed rotation about one axis."""
    matrix = np.tile(np.eye(3), (len(angle_rad), 1, 1))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[:, i, i] = matrix[:, j, j] = np.cos(angle_rad)
    matrix[:, j, i] = np.sin(angle_rad)
    matrix[:, i, j] = -matrix[:, j, i]
    return matrix


_LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
# Of the head, in head lengths from the head joint: x to the person's left, y up, z forward.
FACE = {
    "nose": (0.0, 0.15, 0.70),
    "left_eye": (0.20, 0.36, 0.56), "right_eye": (-0.20, 0.36, 0.56),
    "left_ear": (0.45, 0.18, 0.05), "right_ear": (-0.45, 0.18, 0.05),
}  # fmt: skip


def body(take: Bvh) -> tuple[Float64, Float64]:
    """(F, 17, 3) coco17 and (F, 17, 3) h36m17 of a take with the joints of contracts §7, file unit and axes.

    The face is placed on the head joint by proportion. Raises SourceError for a missing joint.
    """
    positions, rotations = forward(take)

    def at(name: str) -> Float64:
        return positions[:, take.index(name)]

    points = {f"{side.lower()}_{limb}": at(side + limb.capitalize()) for side in ("Left", "Right") for limb in _LIMBS}
    head = take.index("Head")
    top = at("Head_end")
    length = float(np.linalg.norm(take.offsets[take.index("Head_end")]))
    for name, place in FACE.items():
        points[name] = positions[:, head] + rotations[:, head] @ (length * np.array(place))
    pelvis = (points["left_hip"] + points["right_hip"]) / 2
    thorax = at("Neck")
    points |= {
        "pelvis": pelvis,
        "thorax": thorax,
        "spine": (pelvis + thorax) / 2,
        "neck": at("Head"),
        "head": top,
    }
    return (
        np.stack([points[joint] for joint in COCO17.joints], axis=1),
        np.stack([points[joint] for joint in H36M17.joints], axis=1),
    )
