"""Is the hand of players whom the model has not seen told rightly, and how sure is it?

    OMP_NUM_THREADS=1 python bench/stroke_hands.py DATA

A small model (tennis preset, 500 windows a label, 50 rounds) learns from keller and THETIS (the Kinect's own view)
without the left-handers, every sixth right-handed player of THETIS and keller's djoko_sock. It then scores these
players with their hand unknown: every take as a track of its own, and all takes of a player as one track.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgepose import card as cards
from edgepose.card import WindowSpec
from edgepose.classifier import StrokeClassifier
from edgepose.types import Scores, Window
from edgepose.window import windows_of
from edgepose_trainer.importers import keller, thetis
from edgepose_trainer.recordings import IDLE, Recording, Source
from edgepose_trainer.samples import cut
from edgepose_trainer.strokes import FRAMES, PRESETS, card_of, fit_on, preset_labels

SPEC = WindowSpec(frames=FRAMES, rate_hz=15)
ROUNDS = 50
HOP_S = 0.066


def main() -> None:
    strokes = Path(sys.argv[1]) / "strokes"
    sources = [keller.read(strokes / "keller_clips.parquet"), thetis.read(strokes / "thetis_skeletons.parquet", 0)]
    recordings = [r for source in sources for r in source.recordings]
    hand_of = {r.group: r.handedness for r in recordings}
    left = sorted(group for group, hand in hand_of.items() if hand == "left")
    right = sorted(group for group, hand in hand_of.items() if hand == "right" and group.startswith("thetis"))[::6]
    judged = [*left, *right, "keller/djoko_sock"]
    with tempfile.TemporaryDirectory() as folder:
        train(sources, [r for r in recordings if r.group not in judged], Path(folder))
        classifier = StrokeClassifier(Path(folder))
    for number, group in enumerate(judged):
        judge(classifier, [r for r in recordings if r.group == group], number)


def train(sources: Sequence[Source], recordings: Sequence[Recording], out: Path) -> None:
    tennis = PRESETS["tennis"]
    preset = replace(tennis, most=500, boosting=replace(tennis.boosting, most_rounds=ROUNDS, rate=0.3))
    samples = cut(recordings, SPEC, preset.hop_s)
    labels = preset_labels(preset, samples)
    fit_on(samples.sure(), labels, preset, 1, rounds=ROUNDS).save(out / "strokes.txt")
    cards.save(card_of(preset, labels, SPEC, preset.spotter, sources, [], out), out)


def judge(classifier: StrokeClassifier, takes: Sequence[Recording], number: int) -> None:
    """Takes in a drawn order, as keller's are sorted by stroke."""
    order = np.random.default_rng(0).permutation(len(takes))
    truth = takes[0].handedness
    alone, joined = [], []
    for place in order:
        take = takes[place]
        scores = [score(classifier, take, track) for track in (number * 10_000 + int(place), -1 - number)]
        if not scores[0]:
            continue
        joined.append(scores[1][-1])
        if take.action != IDLE:
            alone.append(scores[0][-1].handedness == truth)
    last = joined[-1]
    print(
        f"{takes[0].group:24s} {truth}: {len(alone)} takes with a stroke, alone right {np.mean(alone):.3f}; one track: "
        f"right at the end of {np.mean([s.handedness == truth for s in joined]):.3f} of the takes, last "
        f"{last.handedness} {last.handedness_confidence:.2f}",
        flush=True,
    )


def score(classifier: StrokeClassifier, take: Recording, track: int) -> list[Scores]:
    batch = windows_of(take.times_s, take.keypoints, SPEC, HOP_S)
    rows = zip(batch.last.tolist(), batch.times_s, batch.keypoints, strict=True)
    return classifier.scores([Window(track, *row) for row in rows], {})


if __name__ == "__main__":
    main()
