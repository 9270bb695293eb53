"""The measures of unseen players, with groups of our own kept aside.

    OMP_NUM_THREADS=1 python bench/strokes_table.py DATA [--model MODEL] [--seen SESSIONS]

DATA holds strokes/ and mocap/. Without MODEL one model is trained on all other groups: kept aside are two
keller videos, four players of the motion capture, every fourth player of THETIS and every fourth clip of Penn Action.
It is left in the folder MODEL where one is named; a model that is there already is judged as it is, and flattered
where it was trained on these groups. SESSIONS: made clips as the pose network sees them (bench/demo_clip.py --teach),
to learn from as well; their players move as those of all takes do, the kept-aside ones too.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from edgepose import card as cards
from edgepose.card import SpotterSpec, WindowSpec
from edgepose.classifier import StrokeClassifier
from edgepose.types import Scores, Window
from edgepose.window import windows_of
from edgepose_trainer.calibrating import Judged, calibration_error, log_loss, temperature_of
from edgepose_trainer.importers import mocap
from edgepose_trainer.motionmodel import training as motions
from edgepose_trainer.reading import read
from edgepose_trainer.recordings import IDLE, Recording, Source
from edgepose_trainer.samples import cut
from edgepose_trainer.spotting import Count, compare, spot, swings
from edgepose_trainer.strokes import FRAMES, PRESETS, card_of, fit_on, preset_labels
from edgepose_trainer.synth import practice

Scored: TypeAlias = tuple[Recording, Sequence[Scores]]
SPEC = WindowSpec(frames=FRAMES, rate_hz=15)
SPOTTERS = tuple(
    SpotterSpec(enter=0.5, leave=0.4, abstain=abstain) for abstain in (0.5, 0.6, 0.64, 0.65, 0.66, 0.68, 0.7, 0.8)
)
VIDEOS = ("keller/djoko_sock", "keller/nadal")
PLAYERS = ("mocap/jgacosta", "mocap/jpcardona", "mocap/lvargas", "mocap/jarua")
ROUND_HIT_S = 0.2

_PLAIN = {"forehand_slice": "forehand", "backhand_slice": "backhand"}
_FOUR = {"serve": "serve", "smash": "serve"} | {f"{side}_volley": side for side in ("forehand", "backhand")} | _PLAIN
_OVERHEAD = _PLAIN | {"serve": "overhead", "smash": "overhead"}
_NO_VOLLEY = _OVERHEAD | {f"{side}_volley": side for side in ("forehand", "backhand")}
_VOLLEY = _OVERHEAD | {f"{side}_volley": "volley" for side in ("forehand", "backhand")}
_KINECT = ("forehand", "backhand", "forehand_slice", "backhand_slice", "serve")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--seen", type=Path)
    parser.add_argument("--no-made", action="store_true", help="without rallies made by a motion model")
    options = parser.parse_args()
    data: Path = options.data
    tables = [data / "strokes" / f"{name}.parquet" for name in ("keller_clips", "hampen_frames")]
    more = [data / "strokes" / f"{name}.parquet" for name in ("thetis_skeletons", "penn_action")]
    sources = read([*tables, *more, data / "mocap" / "caldas"])
    recordings = [r for source in sources for r in source.recordings if not r.kept_aside]
    aside = kept_aside(recordings)
    with tempfile.TemporaryDirectory() as folder:
        model: Path = options.model or Path(folder)
        if not (model / "card.json").exists():
            model.mkdir(exist_ok=True)
            learnt = [r for r in recordings if r.group not in aside]
            if not options.no_made:
                sources.append(made(data, aside, Path(folder) / "motion"))
                learnt += sources[-1].recordings
            if options.seen:
                sources += read([options.seen])
                learnt += sources[-1].recordings
            fitted(sources, learnt, model)
        report(StrokeClassifier(model), [r for r in recordings if r.group in aside])


def kept_aside(recordings: Sequence[Recording]) -> set[str]:
    groups = sorted({r.group for r in recordings})
    fourth = [[g for g in groups if g.startswith(name)][::4] for name in ("thetis/", "penn/")]
    return {*VIDEOS, *PLAYERS, *fourth[0], *fourth[1]}


def made(data: Path, aside: set[str], motion: Path) -> Source:
    """Rallies of players who move as those do whom the model may see."""
    takes = motion.with_name("takes")
    takes.mkdir()
    for file in mocap.files_of(data / "mocap" / "caldas"):
        if f"mocap/{mocap.stem_of(file).partition('_')[0]}" not in aside:
            (takes / file.name).symlink_to(file.resolve())
    table = pq.read_table(data / "strokes" / "thetis_skeletons.parquet")
    seen = [f"thetis/{player}" not in aside for player in table.column("player").to_pylist()]
    pq.write_table(table.filter(pa.array(seen)), takes / "kinect.parquet")
    motions.train(takes, motion, takes / "kinect.parquet", print)
    return practice.read(motion)


def fitted(sources: Sequence[Source], recordings: Sequence[Recording], out: Path) -> None:
    """The tennis preset's model of these recordings, its full number of rounds."""
    preset = PRESETS["tennis"]
    samples = cut(recordings, SPEC, preset.hop_s)
    labels = preset_labels(preset, samples)
    fit_on(samples.sure(), labels, preset, 1, rounds=preset.boosting.most_rounds).save(out / "strokes.txt")
    cards.save(card_of(preset, labels, SPEC, preset.spotter, sources, [], out), out)


def report(classifier: StrokeClassifier, recordings: Sequence[Recording]) -> None:
    labels = classifier.labels
    keller, penn, thetis, mocap = (
        [r for r in recordings if r.dataset == d] for d in ("keller", "penn", "thetis", "mocap")
    )
    scored = [(r, score(classifier, r)) for r in keller]
    best = [(r.action, surest(s)) for r, s in scored if s]
    show("keller, clips, 4 classes, best window", tell(best, labels, _FOUR, idle=True))
    family = {name: _FOUR.get(name, name) for name in labels}
    for spotter in SPOTTERS:
        count = sum((compare(spot(s, labels, spotter), r, family) for r, s in scored), Count())
        found = f"{count.hits} hits, {count.told} told, {count.true} true"
        print(f"keller, events F1 at 10 frames, abstain {spotter.abstain}: {count.f1:.4f} ({found})")
    for hand in ("right", None):
        clips = [(r.action, surest(score(classifier, r, hand))) for r in penn if r.action != IDLE]
        show(f"penn, forehand and serve, best window, hand {hand or 'unknown'}", tell(clips, labels, _FOUR))
    pictures = [(r, score(classifier, r)) for r in penn]
    others = [s for r, s in pictures if r.action == IDLE]
    for spotter in SPOTTERS:
        false = np.mean([bool(spot(s, labels, spotter)) for s in others])
        print(f"penn, other actions, a false stroke, abstain {spotter.abstain}: {false:.4f} of {len(others)}")
    kinect = [(r, score(classifier, r)) for r in thetis if r.name.endswith("/0") and r.action in _KINECT]
    show("thetis, 5 classes, swings", tell(list(hits(kinect)), labels, {}, _KINECT))
    show("thetis, 5 classes, takes", tell(list(whole(kinect)), labels, {}, _KINECT))
    views = [(r, score(classifier, r)) for r in mocap]
    seen = list(hits(views))
    ground = [one for one in seen if not one[0].endswith("volley")]
    show("mocap, forehand, backhand, overhead", tell(ground, labels, _NO_VOLLEY))
    show("mocap, with volleys told as ground strokes", tell(seen, labels, _NO_VOLLEY))
    show("mocap, forehand, backhand, overhead, volley", tell(seen, labels, _VOLLEY))
    show("mocap, 6 strokes", tell(seen, labels, _PLAIN))
    calibration({"keller": scored, "penn": pictures, "thetis": kinect, "mocap": views}, labels)


def score(classifier: StrokeClassifier, recording: Recording, hand: str | None = "told") -> list[Scores]:
    known = recording.handedness if hand == "told" else None
    hop_s = PRESETS["tennis"].hop_s.get(recording.dataset, 0.0) / 2
    batch = windows_of(recording.times_s, recording.keypoints, SPEC, hop_s)
    rows = zip(batch.last.tolist(), batch.times_s, batch.keypoints, strict=True)
    return classifier.scores([Window(hash(recording.name), *row) for row in rows], lambda track: known)


def surest(scores: Sequence[Scores]) -> NDArray[np.float32]:
    """Idle first: the window that shows a stroke most clearly."""
    return min((s.probabilities for s in scores), key=lambda p: float(p[0]))


def hits(scored: Iterable[Scored]) -> Iterable[tuple[str, NDArray[np.float32]]]:
    """(label, mean probabilities round the hit) of every swing."""
    for recording, scores in scored:
        times_s = np.array([s.window.centre_s for s in scores])
        for hit_s, label in swings(recording):
            near = np.flatnonzero(np.abs(times_s - hit_s) <= ROUND_HIT_S)
            if len(near):
                yield label, np.mean([scores[i].probabilities for i in near], axis=0)


def whole(scored: Iterable[Scored]) -> Iterable[tuple[str, NDArray[np.float32]]]:
    """(label, mean of all swings) of every take."""
    for recording, scores in scored:
        swung = [p for _, p in hits([(recording, scores)])]
        if swung:
            yield recording.action, np.mean(swung, axis=0)


def calibration(by_dataset: Mapping[str, Sequence[Scored]], labels: Sequence[str]) -> None:
    """The temperature that these groups ask for; labels that a data set does not tell apart are added up."""
    sets = [judged(scored, labels) for scored in by_dataset.values()]
    for name, one in zip(by_dataset, sets, strict=True):
        print(f"{name}: temperature {temperature_of([one])} for itself, {len(one.truth)} windows")
    best = temperature_of(sets)
    losses, errors = ([f(sets, t) for t in (1.0, best)] for f in (log_loss, calibration_error))
    print(f"all: temperature {best}, log loss {losses[0]:.4f} -> {losses[1]:.4f}, "
          f"calibration error {errors[0]:.4f} -> {errors[1]:.4f}", flush=True)  # fmt: skip


def judged(scored: Sequence[Scored], labels: Sequence[str]) -> Judged:
    probabilities, truth = [], []
    for recording, scores in scored:
        centres_s = [s.window.centre_s for s in scores]
        at = np.searchsorted(recording.times_s, centres_s).clip(0, len(recording.times_s) - 1)
        for s, label in zip(scores, recording.labels[at].tolist(), strict=True):
            if label in labels:
                probabilities.append(s.probabilities)
                truth.append(labels.index(label))
    there = {labels[number] for number in truth}
    family = np.zeros((len(labels), len(labels)))
    for told, label in enumerate(labels):
        family[told, labels.index(label if label in there else _FOUR.get(label, label))] = 1
    return Judged(np.array(probabilities, np.float64), family, np.array(truth, np.intp))


def tell(
    shown: Sequence[tuple[str, NDArray[np.float32]]],
    labels: Sequence[str],
    family: Mapping[str, str],
    only: Sequence[str] | None = None,
    idle: bool = False,
) -> list[tuple[str, str]]:
    """(true, told) with probabilities added up by ``family``; idle is a possible answer where ``idle``."""
    out = []
    for truth, probabilities in shown:
        total: Counter[str] = Counter()
        for label, p in zip(labels, probabilities.tolist(), strict=True):
            if (label != IDLE or idle) and (only is None or label in only):
                total[family.get(label, label)] += p
        out.append((family.get(truth, truth), total.most_common(1)[0][0]))
    return out


def show(title: str, pairs: Sequence[tuple[str, str]]) -> None:
    right = np.mean([truth == told for truth, told in pairs])
    wrong = Counter(f"{truth}>{told}" for truth, told in pairs if truth != told)
    print(f"{title}: {right:.4f} of {len(pairs)}; {dict(wrong.most_common(5))}", flush=True)


if __name__ == "__main__":
    main()
