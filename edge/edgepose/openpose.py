"""OpenPose: candidates and affinity fields -> people, in OpenPose's own way; openpose_lecture.py has the lecture's.

Joint orders, channels, thresholds and rules: seed_systems.md §2.1 and §2.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgepose.openpose_maps import Enlarged, Peaks, sharp_peaks
from edgepose.types import Array, Float32

_SAMPLES = 25
_BESIDE_FEET = 4  # joints or fewer beside feet are a leg, often found as left and as right
_AT_ONCE = 1 << 14  # lines: bounds the memory that a frame of noise takes


@dataclass(frozen=True)
class Layout:
    """What a network's channels mean: K maps, the background, then two field channels for each link."""

    joints: int
    links: tuple[tuple[int, int], ...]
    fields: tuple[int, ...]
    """First (x) channel of each link's field, counted from the first field; y follows it."""
    peak_threshold: float = 0.05
    field_threshold: float = 0.05
    body: int = 0
    """Joints from here on are feet, which alone make nobody."""

    @property
    def channels(self) -> int:
        return self.joints + 1 + 2 * len(self.links)

    def split(self, maps: Float32) -> tuple[Float32, Float32]:
        """(channels, h, w) -> (K, h, w) confidence maps and (2 · links, h, w) fields."""
        return maps[: self.joints], maps[self.joints + 1 :]


@dataclass(frozen=True, slots=True)
class Links:
    """Pairs of candidates that a field joins."""

    kind: NDArray[np.intp]
    """(L,) row of the layout's links."""
    a: NDArray[np.intp]
    """(L,) candidate ids."""
    b: NDArray[np.intp]
    score: Float32


@dataclass(slots=True)
class Person:
    """Candidate ids by joint."""

    ids: dict[int, int] = field(default_factory=dict)
    pairs: int = 0
    total: float = 0.0
    """Scores of joints and links together."""

    def take(self, other: Person) -> None:
        """Becomes both; the other shares no joint with it."""
        self.ids |= other.ids
        self.pairs += other.pairs
        self.total += other.total


_COCO_LINKS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11),
    (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17), (2, 16), (5, 17),
)  # fmt: skip
_BODY_LINKS = (
    (1, 8), (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (8, 9), (9, 10), (10, 11), (8, 12), (12, 13), (13, 14),
    (1, 0), (0, 15), (15, 17), (0, 16), (16, 18), (2, 17), (5, 18),
    (14, 19), (19, 20), (14, 21), (11, 22), (22, 23), (11, 24),
)  # fmt: skip
# STAF's BODY_21A: 0 to 18 as in BODY_25, 19 the upper neck, 20 the crown; links in the order of the channels.
_BODY21_LINKS = (
    (1, 8), (9, 10), (10, 11), (8, 9), (8, 12), (12, 13), (13, 14), (1, 2), (2, 3), (3, 4), (2, 17), (1, 5), (5, 6),
    (6, 7), (5, 18), (1, 0), (0, 15), (0, 16), (15, 17), (16, 18), (1, 19), (19, 20), (5, 12), (2, 9),
)  # fmt: skip
_MPI_LINKS = (
    (0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7),
    (1, 14), (14, 8), (8, 9), (9, 10), (14, 11), (11, 12), (12, 13),
)  # fmt: skip
COCO18 = Layout(
    18, _COCO_LINKS, (12, 20, 14, 16, 22, 24, 0, 2, 4, 6, 8, 10, 28, 30, 34, 32, 36, 18, 26), body=18
)  # fmt: skip
BODY25 = Layout(
    25,
    _BODY_LINKS,
    (0, 14, 22, 16, 18, 24, 26, 6, 2, 4, 8, 10, 12, 30, 32, 36, 34, 38, 20, 28, 40, 42, 44, 46, 48, 50),
    body=19,
)
BODY21A = Layout(21, _BODY21_LINKS, tuple(range(0, 48, 2)), body=21)
MPI15 = Layout(15, _MPI_LINKS, tuple(range(0, 28, 2)), peak_threshold=0.6, field_threshold=0.01, body=15)


def people(maps: Float32, layout: Layout, size_wh: tuple[int, int]) -> list[tuple[Float32, float]]:
    """(channels, h, w) -> ((K, 3) x, y, score in px of ``size_wh``; person score 0..1), OpenPose's own way.

    Missing joints are NaN, NaN, 0. A position counts from the picture's corner: the first pixel's centre is 0.5.
    """
    heat, fields = layout.split(maps)
    peaks = sharp_peaks(heat, size_wh, layout.peak_threshold)
    links = field_links(peaks, fields, layout, size_wh)
    found = assemble(peaks, links, layout)
    return [(_keypoints(person, peaks, layout), _score(person)) for person in found]


def field_links(peaks: Peaks, fields: Float32, layout: Layout, size_wh: tuple[int, int]) -> Links:
    """Pairs of candidates that their link's field joins, with OpenPose's score of the line."""
    kind, a, b = candidate_pairs(peaks, layout)
    channel = np.array(layout.fields, np.intp)[kind]
    near = layout.peak_threshold
    score = line_scores(fields, channel, peaks.xy[a], peaks.xy[b], size_wh, layout.field_threshold, near)
    kept = score > 1e-6
    return Links(kind[kept], a[kept], b[kept], score[kept])


def line_scores(
    fields: Float32,
    channel: Array,
    a_xy: Float32,
    b_xy: Float32,
    size_wh: tuple[int, int],
    threshold: float,
    near: float = 0.05,
) -> Float32:
    """(N,) score of the lines from ``a_xy`` to ``b_xy`` (N, 2) px along the fields that begin at ``channel`` (N,).

    More than 95 % of 5 to 25 samples must be above ``threshold``; the score is the mean of those, ``near`` for
    points so near to each other that no field can tell, -1 for a line that is refused or has no length.
    """
    read = Enlarged(fields, size_wh, cubic=True)
    parts = [slice(start, start + _AT_ONCE) for start in range(0, len(a_xy), _AT_ONCE)]
    step = b_xy - a_xy
    means = [_passing_mean(read, channel[part], a_xy[part], step[part], size_wh, threshold) for part in parts]
    score = np.concatenate([np.zeros(0, np.float32), *means])
    # OpenPose gives such points its peak threshold (bodyPartConnectorBase.cu, process: defaultNmsThreshold).
    length = np.hypot(*step.T)
    score[(score < 0) & (length > 1e-6) & (length < np.sqrt(size_wh[0] * size_wh[1]) / 150)] = near + 1e-6
    return score


def _passing_mean(
    read: Enlarged, channel: Array, a_xy: Float32, step: Float32, size_wh: tuple[int, int], threshold: float
) -> Float32:
    """(N,) mean of the samples above the threshold, -1 where fewer than 95 % are."""
    count = np.clip(np.floor(np.sqrt(5 * np.abs(step).max(axis=1)) + 0.5), 5, _SAMPLES)
    may_fail = np.ceil(0.05 * count - 1e-6) - 1

    def along(rows: Array, sample: Float32) -> Float32:
        """(R, S) the field's component along the line at samples (R, S) of lines (R,)."""
        share = sample / count[rows, None]
        x, y = (
            np.floor(a_xy[rows, axis, None] + step[rows, axis, None] * share + np.float32(0.5)).clip(0, side - 1)
            for axis, side in enumerate(size_wh)
        )
        return component(read, channel[rows], x, y, step[rows])

    # Two samples already refuse almost every pair of different people, without changing what is accepted.
    rows = np.arange(len(step))
    probes = along(rows, np.stack([count // 3, 2 * count // 3], axis=1))
    rows = rows[(probes <= threshold).sum(axis=1) <= may_fail]
    all_of_them = np.arange(_SAMPLES, dtype=np.float32)
    samples = along(rows, np.broadcast_to(all_of_them, (len(rows), _SAMPLES)))
    passed = (samples > threshold) & (all_of_them < count[rows, None])
    passing = passed.sum(axis=1)
    enough = passing >= count[rows] - may_fail[rows]
    score = np.full(len(step), -1, np.float32)
    score[rows[enough]] = (samples * passed).sum(axis=1)[enough] / passing[enough]
    return score


def component(read: Enlarged, channel: Array, x: Array, y: Array, step: Float32) -> Float32:
    """(N, S) the fields that begin at ``channel`` (N,), at whole pixels (N, S), along ``step`` (N, 2)."""
    length = np.hypot(*step.T)[:, None]
    unit = np.divide(step, length, out=np.zeros_like(step), where=length > 1e-6)
    first = channel[:, None]
    return np.asarray(read(first, x, y) * unit[:, :1] + read(first + 1, x, y) * unit[:, 1:], np.float32)


def assemble(peaks: Peaks, links: Links, layout: Layout) -> list[Person]:
    """Greedy, best link first, one-to-one; then people of fewer than 3 joints or a mean below 0.4 are dropped.

    Feet are no joints here, and who has some needs 5 others; when nobody is left, the feet count as well.
    (bodyPartConnectorBase.cpp: pafVectorIntoPeopleVector, removePeopleBelowThresholdsAndFillFaces.)
    """
    found: list[Person] = []
    of: dict[int, Person] = {}
    order = np.argsort(-(links.score + 0.1 * (peaks.score[links.a] + peaks.score[links.b])), kind="stable")
    joint, score = peaks.joint.tolist(), peaks.score.tolist()
    for a, b, link in zip(links.a[order].tolist(), links.b[order].tolist(), links.score[order].tolist(), strict=True):
        one, other = of.get(a), of.get(b)
        person = one or other
        if person is None:
            person = Person()
            found.append(person)
        elif one and other and one is not other:
            if one.ids.keys() & other.ids.keys():
                continue
            one.take(other)
            of.update(dict.fromkeys(other.ids.values(), one))
            found = [known for known in found if known is not other]
        new = [candidate for candidate in (a, b) if candidate not in of]
        if any(joint[candidate] in person.ids for candidate in new):
            continue
        for candidate in new:
            person.ids[joint[candidate]] = candidate
            of[candidate] = person
            person.total += score[candidate]
        person.total, person.pairs = person.total + link, person.pairs + 1
    kept = [person for person in found if _is_person(person, layout.body)]
    return kept or [person for person in found if _is_person(person, layout.joints)]


def candidate_pairs(peaks: Peaks, layout: Layout) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Every candidate pair of every link: (N,) link, id A, id B."""
    start = np.searchsorted(peaks.joint, np.arange(layout.joints + 1))
    ids = [np.arange(start[joint], start[joint + 1]) for joint in range(layout.joints)]
    crossed = [np.meshgrid(ids[a], ids[b], indexing="ij") for a, b in layout.links]
    kind = np.repeat(np.arange(len(crossed)), [grid[0].size for grid in crossed])
    a, b = (np.concatenate([grid[side].ravel() for grid in crossed]) for side in (0, 1))
    return kind, a, b


def _is_person(person: Person, joints: int) -> bool:
    count = sum(joint < joints for joint in person.ids)
    if count < len(person.ids) and count <= _BESIDE_FEET:
        return False
    return count >= 3 and person.total / count >= 0.4


def _keypoints(person: Person, peaks: Peaks, layout: Layout) -> Float32:
    keypoints = np.full((layout.joints, 3), (np.nan, np.nan, 0), np.float32)
    ids = list(person.ids.values())
    keypoints[list(person.ids)] = np.column_stack([peaks.xy[ids] + 0.5, np.clip(peaks.score[ids], 0, 1)])
    return keypoints


def _score(person: Person) -> float:
    """Mean of the joints and links found; OpenPose divides by all that the network has, which hides half people."""
    return min(1.0, person.total / (len(person.ids) + person.pairs))
