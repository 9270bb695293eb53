"""Measures the people whom ``edgepose train pose-labels --finder`` adds; prints Markdown.

How many they are, on pictures of each source; and how many of them are people, and how well their joints lie, on
COCO pictures, where everybody is labelled: labels of all but the largest person are hidden from finder and teacher.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from edgepose.geometry import box_iou
from edgepose.types import Array, Float32
from edgepose_trainer import pck
from edgepose_trainer.pose import further, labels, sources, teacher
from edgepose_trainer.pose.pictures import Person, Picture, decoded, places, torso_px
from edgepose_trainer.pose.table import Further

SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
RIGHT_IOU = 0.4
COUNTED_PX = 32.0
"""Longer side of the hidden people that ought to be found."""


@dataclass(slots=True)
class Tally:
    """What became of the people added at one threshold."""

    people: int = 0
    """Overlap a hidden person with joints, or one too small for the annotators to place them."""
    crowd: int = 0
    """Lie in a region that nobody labelled person by person: neither right nor wrong."""
    wrong: int = 0
    joints: list[Array] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Per cent."""
        return 100 * self.people / max(self.people + self.wrong, 1)


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of pose pictures")
    parser.add_argument("--teacher", type=Path, required=True, help="MoveNet SinglePose (.tflite)")
    parser.add_argument("--finder", required=True, help="pose model or person detector")
    parser.add_argument("--pictures", type=int, default=300, help="of each source")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    find = further.finder(arguments.finder, None, SCORES[0])
    look = teacher.movenet(arguments.teacher)
    everything = sources.read(arguments.data)
    print(f"Finder {find.model.stamp}, {arguments.pictures} pictures of each source, seed {arguments.seed}.\n")
    _precision(find, look, [p for p in everything if p.source == "coco_train_kp" and p.people])
    rng = np.random.default_rng(arguments.seed)
    _counts(find, look, [p for p in everything if not p.everyone and not p.validation], arguments.pictures, rng)


def _precision(find: further.Finder, look: teacher.Teacher, pictures: Sequence[Picture]) -> None:
    tallies = {least: Tally() for least in SCORES}
    hidden = 0
    for picture in pictures:
        by_area = sorted(picture.people, key=lambda p: -float((p.box_xyxy[2:] - p.box_xyxy[:2]).prod()))
        hidden += sum(float((p.box_xyxy[2:] - p.box_xyxy[:2]).max()) >= COUNTED_PX for p in by_area[1:])
        for somebody in further.search(find, look, decoded(picture), by_area[:1], SCORES[0]):
            for least, tally in tallies.items():
                if somebody.score >= least:
                    _judge(tally, somebody, by_area[1:], picture.crowds)
    print(f"COCO, {len(pictures)} pictures, {hidden} hidden people of {COUNTED_PX:.0f} px and more:\n")
    print("| finder's score ≥ | added | people, % | in crowds | wrong | their joints, PCK@0.2, % (joints) |")
    print("|---|---|---|---|---|---|")
    for least, tally in tallies.items():
        joints = np.concatenate([np.ravel(row) for row in tally.joints]) if tally.joints else np.array([])
        count = tally.people + tally.crowd + tally.wrong
        right = f"{pck.per_cent(joints):.1f} ({int(np.isfinite(joints).sum())})"
        print(f"| {least} | {count} | {tally.precision:.1f} | {tally.crowd} | {tally.wrong} | {right} |")


def _judge(tally: Tally, somebody: Further, hidden: Sequence[Person], crowds: Float32) -> None:
    box = somebody.box_xyxy
    boxes = np.array([person.box_xyxy for person in hidden], np.float32).reshape(-1, 4)
    overlap, of_crowds = box_iou(box[None], boxes)[0], box_iou(box[None], crowds)[0]
    if max(overlap, default=0) >= RIGHT_IOU:
        truth = hidden[int(np.argmax(overlap))].joints
        guess = places(further.person(somebody).joints)
        apart = np.linalg.norm(guess - places(truth), axis=1) / torso_px(truth)
        tally.joints.append(np.where(np.isfinite(apart), apart <= 0.2, np.nan))
        tally.people += 1
    elif max(of_crowds, default=0) >= RIGHT_IOU:
        tally.people += 1
    elif _inside(box, crowds) > 0.5:
        tally.crowd += 1
    else:
        tally.wrong += 1


def _inside(box: Float32, crowds: Float32) -> float:
    """The largest part of the box that one crowd holds."""
    sides = np.minimum(box[2:], crowds[:, 2:]) - np.maximum(box[:2], crowds[:, :2])
    return float(max(np.maximum(sides, 0).prod(axis=1), default=0.0) / (box[2:] - box[:2]).prod())


def _counts(
    find: further.Finder, look: teacher.Teacher, pictures: Sequence[Picture], most: int, rng: np.random.Generator
) -> None:
    print(f"\n| added per picture, finder's score ≥ | pictures | {' | '.join(map(str, SCORES))} |")
    print("|---" * (len(SCORES) + 2) + "|")
    for source in dict.fromkeys(picture.source for picture in pictures):
        those = [picture for picture in pictures if picture.source == source]
        chosen = rng.choice(len(those), min(most, len(those)), replace=False)
        scores = []
        for picture in (those[i] for i in chosen):
            image = decoded(picture)
            asked = {f"{picture.key}#{i}": teacher.ask(look, image, p) for i, p in enumerate(picture.people)}
            known = labels.merged([picture], asked)[0].people
            scores += [somebody.score for somebody in further.search(find, look, image, known, SCORES[0])]
        rates = [sum(score >= least for score in scores) / len(chosen) for least in SCORES]
        print(f"| {source} | {len(chosen)} | " + " | ".join(f"{rate:.2f}" for rate in rates) + " |")


if __name__ == "__main__":
    main()
