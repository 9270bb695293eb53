"""Stroke figures that `edgepose train strokes` does not print itself.

    OMP_NUM_THREADS=1 python bench/strokes.py hampen DATA/strokes/hampen_frames.parquet
    OMP_NUM_THREADS=1 python bench/strokes.py hands DATA/strokes/keller_clips.parquet DATA/strokes/hampen_frames.parquet

hampen: trained on the first four fifths of each recording, judged on the last, through the device's
own windows, classifier and spotter. hands: what a player's unknown handedness costs, on keller's videos
held out in turn.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from edgepose.card import SpotterSpec, WindowSpec
from edgepose.classifier import StrokeClassifier
from edgepose.features import mirror
from edgepose.skeletons import COCO17
from edgepose.types import Scores, Window
from edgepose.window import windows_of
from edgepose_trainer import spotting
from edgepose_trainer.crossing import clip_label
from edgepose_trainer.reading import read
from edgepose_trainer.recordings import IDLE, Recording
from edgepose_trainer.samples import cut, featurise
from edgepose_trainer.spotting import Count, compare, spot
from edgepose_trainer.strokes import FRAMES, PRESETS, cross_validate, preset_labels, seen_by, train

SPEC = WindowSpec(frames=FRAMES, rate_hz=15)
_MEMORY, _SLOPE, _PRIOR = 0.995, 0.05, 0.25


def hampen(path: Path) -> None:
    """Frame accuracy, recall and swings on the last fifth of each recording."""
    table = pq.read_table(path)
    clips = np.array(table.column("clip").to_pylist())
    late = np.zeros(len(clips), np.bool_)
    for clip in sorted(set(clips.tolist())):
        rows = np.flatnonzero(clips == clip)
        late[rows[len(rows) * 4 // 5 :]] = True
    with tempfile.TemporaryDirectory() as folder:
        early_path, late_path, model = (
            Path(folder, "a.parquet"),
            Path(folder, "b.parquet"),
            Path(folder, "model"),
        )
        pq.write_table(table.filter(pa.array(~late)), early_path)
        pq.write_table(table.filter(pa.array(late)), late_path)
        train([early_path], model, "hampen", say=lambda line: None)
        for hand in ("right", None):
            print(f"handedness {hand or 'unknown'}")
            late_ones = whole(read([late_path])[0].recordings)
            judge(StrokeClassifier(model), [replace(one, handedness=hand) for one in late_ones])


def whole(blocks: list[Recording]) -> list[Recording]:
    """The importer's stretches joined again, one recording a file."""
    names = sorted({block.name.rpartition("/")[0] for block in blocks})
    joined = []
    for name in names:
        mine = [block for block in blocks if block.name.rpartition("/")[0] == name]
        joined.append(
            Recording(
                "hampen", name, "late", np.concatenate([b.times_s for b in mine]),
                np.concatenate([b.keypoints for b in mine]), np.concatenate([b.labels for b in mine]), "right",
            )
        )  # fmt: skip
    return joined


def judge(classifier: StrokeClassifier, recordings: list[Recording]) -> None:
    truth: list[str] = []
    told: list[str] = []
    blind = 0
    counts = {10: Count(), 5: Count()}
    spec = classifier.card.spotter or SpotterSpec()
    for recording in recordings:
        scores = score(classifier, recording)
        label_at = np.full(len(recording.labels), IDLE, dtype=object)
        rows = np.searchsorted(recording.times_s, [s.window.centre_s - 1e-3 for s in scores])
        label_at[rows] = [classifier.labels[int(s.probabilities.argmax())] for s in scores]
        blind += len(label_at) - len(rows)
        truth += recording.labels.tolist()
        told += label_at.tolist()
        strokes = spot(scores, classifier.labels, spec)
        for frames in counts:
            spotting.TOLERANCE_S = frames / 30 + 1e-6
            counts[frames] = counts[frames] + compare(strokes, recording, {})
    right = np.array(truth) == np.array(told)
    print(f"frames {len(truth)}, of them without a window (told as idle) {blind}")
    print(f"frame accuracy {right.mean():.4f}")
    for label in classifier.labels:
        print(f"  recall {label:16s} {right[np.array(truth) == label].mean():.4f}")
    for frames, count in counts.items():
        print(f"swings ±{frames} frames: F1 {count.f1:.4f} ({count.hits} hits, {count.told} told, {count.true} true)")


def score(classifier: StrokeClassifier, recording: Recording) -> list[Scores]:
    batch = windows_of(recording.times_s, recording.keypoints, SPEC)
    rows = zip(batch.last.tolist(), batch.times_s, batch.keypoints, strict=True)
    return classifier.scores([Window(0, *row) for row in rows], {0: recording.handedness})


def hands(paths: list[Path]) -> None:
    """Clip accuracy per video when handedness is known, chosen or averaged away."""
    preset = PRESETS["tennis"]
    recordings = [r for source in read(paths) for r in source.recordings]
    samples = cut(recordings, SPEC)
    labels = preset_labels(preset, samples)
    crossed = cross_validate(recordings, samples, labels, preset, 1, lambda line: None)
    mirrored = featurise(mirror(seen_by(samples, preset, 1), COCO17), preset.features)
    wrong = np.zeros_like(crossed.probabilities)
    for held_out, rounds, fitted in zip(crossed.folds, crossed.rounds, crossed.fitted, strict=True):
        wrong[held_out] = fitted.predict(mirrored[held_out], rounds)
    print("clip accuracy: hand known, unknown (clip by clip / the video as one track), average, wrong hand")
    for video in sorted({r.group for r in recordings if r.clip}):
        clips = [i for i, r in enumerate(recordings) if r.group == video]
        sign = -1.0 if recordings[clips[0]].handedness == "left" else 1.0
        hits = np.zeros((len(clips), 5))
        evidence = 0.0
        for n, index in enumerate(clips):
            rows = samples.recording == index
            a, b = crossed.probabilities[rows], wrong[rows]
            alone, _ = mixed(a, b, 0.0, sign)
            joined, evidence = mixed(a, b, evidence, sign)
            truth = str(recordings[index].labels[len(recordings[index].labels) // 2])
            views = (a, alone, joined, (a + b) / 2, b)
            hits[n] = [clip_label(view, labels).removesuffix("_slice") == truth for view in views]
        print(f"{video:24s}", " ".join(f"{value:7.4f}" for value in hits.mean(axis=0)))


def mixed(
    true: NDArray[np.float64], other: NDArray[np.float64], evidence: float, sign: float
) -> tuple[NDArray[np.float64], float]:
    """The classifier's rule over (N, L) windows in time order; ``sign`` -1 when the true hand is the left."""
    out = np.empty_like(true)
    for row, clear in enumerate(np.stack([clarity(true), clarity(other)], axis=1)):
        evidence = _MEMORY ** clear.max() * evidence + clear[0] - clear[1]
        weight = 1 / (1 + np.exp(-(_SLOPE * evidence + sign * _PRIOR)))
        out[row] = weight * true[row] + (1 - weight) * other[row]
    return out, float(evidence)


def clarity(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """The classifier's rule: (N, L), idle first -> (N,)."""
    return np.asarray(np.sum(probabilities[:, 1:] ** 2, axis=1))


if __name__ == "__main__":
    if sys.argv[1:2] == ["hampen"]:
        hampen(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["hands"]:
        hands([Path(argument) for argument in sys.argv[2:]])
    else:
        sys.exit(__doc__)
