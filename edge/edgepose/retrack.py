"""Who is who in a recorded session, with hindsight.

Everybody is followed forwards and backwards in time; where both agree the looks are joined to
pieces, where they disagree (two people cross, one is hidden) the pieces are cut. Then pieces are
joined end to start by how well motion and posture fit across the gap (``linking``), and what is
too short to be a person is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from edgepose.association import Looks
from edgepose.config import TrackerSettings
from edgepose.following import NOBODY, Follower, Serials
from edgepose.linking import Clip, Hindsight, drop_short, join
from edgepose.motion import Tuning
from edgepose.skeletons import Skeleton
from edgepose.types import Pose


def retrack(
    frames: Iterable[tuple[float, Sequence[Pose]]],
    skeleton: Skeleton,
    settings: TrackerSettings | None = None,
    tuning: Tuning | None = None,
    hindsight: Hindsight | None = None,
) -> list[NDArray[np.int32]]:
    """Ids (M,) for the poses of each frame (capture time, poses), in the order given; -1: nobody.

    Ids count from 0 in the order in which people first appear. Looks ahead, so all frames are held
    as arrays (about half a kilobyte a pose).
    """
    settings, tuning, hindsight = settings or TrackerSettings(), tuning or Tuning(), hindsight or Hindsight()
    times_s, looks = [], []
    for time_s, poses in frames:
        times_s.append(time_s)
        looks.append(Looks.of(poses, len(skeleton)))
    counts = [len(look.scores) for look in looks]
    if not sum(counts):
        return [np.empty(0, np.int32) for _ in looks]
    forwards = _followed(looks, times_s, len(skeleton), settings, tuning)
    backwards = _followed(looks[::-1], [-t for t in times_s[::-1]], len(skeleton), settings, tuning)[::-1]
    clip = Clip.of(looks, times_s)
    pieces = _agreed(np.concatenate(forwards), np.concatenate(backwards))
    people = drop_short(clip, join(clip, pieces, tuning, hindsight), settings, hindsight)
    return np.split(_numbered(people), np.cumsum(counts)[:-1])


def _followed(
    looks: Sequence[Looks], times_s: Sequence[float], joints: int, settings: TrackerSettings, tuning: Tuning
) -> list[Serials]:
    follower = Follower(joints, settings, tuning)
    return [follower.follow(look, time_s) for look, time_s in zip(looks, times_s, strict=True)]


def _agreed(forwards: Serials, backwards: Serials) -> Serials:
    """(M,) piece of each look: a look goes on with the one before it when both directions say so."""
    before = _previous(forwards)
    before[before != _previous(backwards)] = NOBODY
    pieces = np.full(len(before), NOBODY, np.int64)
    count = 0
    # A second pose of one person is nobody's in both directions.
    somebody = ((forwards != NOBODY) | (backwards != NOBODY)).tolist()
    for i, previous in enumerate(before.tolist()):
        if previous != NOBODY:
            pieces[i] = pieces[previous]
        elif somebody[i]:
            pieces[i], count = count, count + 1
    return pieces


def _previous(serials: Serials) -> Serials:
    """(M,) index of the look before with the same serial number; NOBODY for the first and for nobody's."""
    order = np.argsort(serials, kind="stable")
    same = (serials[order][1:] == serials[order][:-1]) & (serials[order][1:] != NOBODY)
    previous = np.full(len(serials), NOBODY, np.int64)
    previous[order[1:][same]] = order[:-1][same]
    return previous


def _numbered(people: Serials) -> NDArray[np.int32]:
    """Numbers from 0 in order of first appearance."""
    names, first, inverse = np.unique(people, return_index=True, return_inverse=True)
    known = names != NOBODY
    numbers = np.full(len(names), NOBODY, np.int32)
    numbers[np.flatnonzero(known)[np.argsort(first[known])]] = np.arange(known.sum())
    return numbers[inverse]
