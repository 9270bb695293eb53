"""OpenPose's people as the lecture puts them together: getAllPoints, getAllLinks, getPersons.

Rules and shapes: seed_systems.md §2.2.
"""

from __future__ import annotations

import numpy as np

from edgepose.openpose import Layout, candidate_pairs, component
from edgepose.openpose_maps import Enlarged, Peaks, blob_peaks
from edgepose.types import Array, Float32

_SAMPLES = 10
_AT_ONCE = 1 << 14  # lines: bounds the memory that a frame of noise takes


def lecture_people(maps: Float32, layout: Layout, size_wh: tuple[int, int]) -> list[tuple[Float32, float]]:
    """(channels, h, w) -> ((K, 3) x, y, score in px of ``size_wh``; person score 0..1) for each row of the table.

    Missing joints are NaN, NaN, 0. A position counts from the picture's corner, as in openpose.people. The lecture
    drops nobody: two joints are a person. Its total is divided by the joints and the links that a tree of so many
    joints has.
    """
    heat, fields = layout.split(maps)
    peaks = lecture_points(heat, size_wh)
    links, _ = lecture_links(peaks, fields, layout, size_wh)
    table = lecture_persons(peaks.score, links, layout)
    known = np.column_stack([peaks.xy + 0.5, np.clip(peaks.score, 0, 1)])
    found = []
    for row in table:
        ids = row[:-1].astype(np.intp)
        keypoints = np.full((layout.joints, 3), (np.nan, np.nan, 0), np.float32)
        keypoints[ids >= 0] = known[ids[ids >= 0]]
        found.append((keypoints, min(1.0, float(row[-1]) / (2 * int((ids >= 0).sum()) - 1))))
    return found


def lecture_points(maps: Float32, size_wh: tuple[int, int], threshold: float = 0.1) -> Peaks:
    """The lecture's getAllPoints: one candidate per blob, numbered joint by joint."""
    return blob_peaks(maps, size_wh, threshold)


def lecture_links(
    peaks: Peaks, fields: Float32, layout: Layout, size_wh: tuple[int, int], above: float = 0.1, share: float = 0.7
) -> tuple[list[Float32], list[int]]:
    """The lecture's getAllLinks: per link (n, 3) rows of id A, id B, score, and the links without candidates.

    Accepted when more than ``share`` of 10 samples (ends included) are above ``above``; the score is the mean
    of all 10; every A takes its best B, so two A may claim one B.
    """
    kind, a, b = candidate_pairs(peaks, layout)
    read, channel = Enlarged(fields, size_wh, cubic=False), np.array(layout.fields, np.intp)[kind]
    score = np.full(len(kind), -np.inf, np.float32)
    for part in (slice(start, start + _AT_ONCE) for start in range(0, len(kind), _AT_ONCE)):
        along = _along(read, channel[part], peaks.xy[a[part]], peaks.xy[b[part]], size_wh)
        passed = (along > above).mean(axis=1) > share + 1e-9
        score[part][passed] = along.mean(axis=1)[passed]
    order = np.lexsort((b, -score, a, kind))
    order = order[np.isfinite(score[order])]
    _, first = np.unique(np.stack([kind[order], a[order]]), axis=1, return_index=True)
    best = order[np.sort(first)]
    rows = np.column_stack([a[best], b[best], score[best]])
    known = set(peaks.joint.tolist())
    empty = [link for link, pair in enumerate(layout.links) if not known.issuperset(pair)]
    return [rows[kind[best] == link] for link in range(len(layout.links))], empty


def _along(read: Enlarged, channel: Array, a_xy: Float32, b_xy: Float32, size_wh: tuple[int, int]) -> Float32:
    """(N, 10) the fields along the lines from ``a_xy`` to ``b_xy`` (N, 2), both ends included."""
    step = b_xy - a_xy
    at = a_xy[:, None] + step[:, None] * np.linspace(0, 1, _SAMPLES)[None, :, None]
    x, y = (np.round(at[..., axis]).clip(0, size_wh[axis] - 1) for axis in (0, 1))
    return component(read, channel, x, y, step)


def lecture_persons(points: Array, links: list[Float32], layout: Layout) -> Float32:
    """The lecture's getPersons: (n, K + 1) candidate ids, -1 missing, last column the total of all scores.

    ``points`` (P,) are the candidates' probabilities by id. A link to a joint that an earlier one leads to does
    not count: of COCO-18 the last two, from shoulder to ear.
    """
    table: list[list[float]] = []
    reached: set[int] = set()
    for (joint_a, joint_b), rows in zip(layout.links, links, strict=True):
        if joint_b in reached:
            continue
        reached.add(joint_b)
        for a, b, score in np.asarray(rows).reshape(-1, 3).tolist():
            person = next((row for row in table if row[joint_a] == a), None)
            if person is None:
                person = [-1.0] * layout.joints + [float(points[int(a)])]
                person[joint_a] = a
                table.append(person)
            person[joint_b] = b
            person[-1] += float(points[int(b)]) + score
    return np.asarray(table, np.float32).reshape(-1, layout.joints + 1)
