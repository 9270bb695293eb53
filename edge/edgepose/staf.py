"""STAF: people of a frame joined with those of the frame before by temporal affinity fields.

The network's fields point from a joint in the frame before to a joint now, along every limb and against it, so
they tell whose limb it was. Ids are given by the source's rules (seed_systems.md §2.4), with two differences: an id
still in use is passed over after 998, and a newcomer never gets the id of somebody who left in that very frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgepose import openpose
from edgepose.errors import ModelError
from edgepose.openpose import BODY21A
from edgepose.scenecut import SceneCuts
from edgepose.types import Float32, Image

PAIRS = BODY21A.links + tuple((b, a) for a, b in BODY21A.links)
"""Joint now, joint before: the 24 limbs, then each reversed. Pair i has the fields' channels 2i (x) and 2i + 1 (y)."""
NOBODY = -1
_IDS = 999
_SEEN = 0.05
_FIELD = 0.05
_LEAST_VOTES = 5
_NEW_JOINTS = 5
"""A newcomer has more."""
_UNSURE = frozenset((19, 20))
_VOTERS = np.array([row for row, pair in enumerate(PAIRS) if not _UNSURE & set(pair)])

Ids = NDArray[np.intp]


class StafTracker:
    """Ids of one camera's people, frame by frame. Nobody is remembered for longer than one frame."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets everybody, as before the first frame: ids begin at 0."""
        self._people = np.zeros((0, BODY21A.joints, 3), np.float32)
        self._ids: Ids = np.zeros(0, np.intp)
        self._size_wh = (0, 0)
        self._cuts = SceneCuts()

    def update(self, people: Float32, taf: Float32, size_wh: tuple[int, int], image: Image | None = None) -> Ids:
        """(N, 21, 3) x, y px of ``size_wh``, confidence, and (96, h, w) fields of this frame -> (N,) ids.

        Somebody unknown with five joints or fewer gets -1. After a scene cut, which is looked for in ``image``, and
        after a change of ``size_wh`` everybody is new. Raises ValueError for arrays of other shapes and ModelError for
        fields that are not finite.
        """
        if people.shape[1:] != (BODY21A.joints, 3) or taf.ndim != 3 or len(taf) != 2 * len(PAIRS):
            raise ValueError(f"expected people (N, 21, 3) and fields (96, h, w), got {people.shape} and {taf.shape}")
        if not np.isfinite(taf).all():
            raise ModelError("the network's temporal fields are not finite: broken weights or wrong input range")
        cut = image is not None and self._cuts(image)
        known = len(self._people) > 0 and not cut and size_wh == self._size_wh
        before = self._matched(people, taf, size_wh) if known else np.full(len(people), NOBODY)
        ids = np.where(before >= 0, np.append(self._ids, NOBODY)[before], NOBODY)
        taken = {*self._ids.tolist()}
        for row in np.flatnonzero((before < 0) & (_seen(people).sum(axis=1) > _NEW_JOINTS)):
            ids[row] = _new_id(taken)
            taken.add(int(ids[row]))
        live = ids >= 0
        self._people, self._ids, self._size_wh = people[live].copy(), ids[live], size_wh
        return ids

    def _matched(self, people: Float32, taf: Float32, size_wh: tuple[int, int]) -> Ids:
        """(N,) row of each person's track, -1 for newcomers; the most votes win, then the higher scores."""
        scores = _scores(people, self._people, taf, size_wh)
        best = scores.argmax(axis=2)
        given = np.eye(len(self._people))[best] * (scores.max(axis=2) > 0)[..., None]
        votes = given.sum(axis=1)
        strength = votes + (given * scores).sum(axis=1) / (2 * len(PAIRS))
        wanted = strength.argmax(axis=1)
        matched = np.full(len(people), NOBODY)
        for track in np.unique(wanted):
            rivals = np.flatnonzero((wanted == track) & (votes[:, track] >= _LEAST_VOTES))
            if len(rivals):
                matched[rivals[strength[rivals, track].argmax()]] = track
        return matched


def people_of(net_output: Float32, size_wh: tuple[int, int]) -> Float32:
    """(70, h, w) maps and fields of this frame -> (N, 21, 3) people in px of ``size_wh``, OpenPose's own way."""
    found = [keypoints for keypoints, _ in openpose.people(net_output, BODY21A, size_wh)]
    return np.asarray(found, np.float32).reshape(-1, BODY21A.joints, 3)


def _scores(people: Float32, before: Float32, taf: Float32, size_wh: tuple[int, int]) -> Float32:
    """(N, V, T) score of every voting pair's line from a track's joint before to a person's joint now; -1: none."""
    pairs = np.array(PAIRS)[_VOTERS]
    usable = _seen(people)[:, pairs[:, 0], None] & _seen(before)[:, pairs[:, 1]].T[None]
    person, voter, track = np.nonzero(usable)
    # A position counts from the picture's corner, the fields from the first pixel's centre.
    start = before[track, pairs[voter, 1], :2] - 0.5
    end = people[person, pairs[voter, 0], :2] - 0.5
    scores = np.full(usable.shape, -1, np.float32)
    scores[usable] = openpose.line_scores(taf, 2 * _VOTERS[voter], start, end, size_wh, _FIELD)
    return scores


def _seen(people: Float32) -> NDArray[np.bool_]:
    """(N, 21)"""
    return np.asarray(np.isfinite(people).all(axis=2) & (people[..., 2] > _SEEN))


def _new_id(taken: set[int]) -> int:
    """The number after the largest, from 0 again after 998."""
    number = (max(taken, default=-1) + 1) % _IDS
    while number in taken:
        number += 1
    return number
