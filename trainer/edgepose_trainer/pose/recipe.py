"""``edgepose train pose``: pictures -> trained network -> model folder with a card that says what it was made of."""

from __future__ import annotations

import hashlib
import pickle
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import torch

from edgepose import card as cards
from edgepose.card import Card, Dataset, Figure
from edgepose.errors import ModelError, SettingsError
from edgepose_trainer.pose import export, judging, labels, sources
from edgepose_trainer.pose.batches import Plan
from edgepose_trainer.pose.network import JOINTS, MAP_STRIDE, STRIDES, PoseNetwork, gflop
from edgepose_trainer.pose.pictures import Picture
from edgepose_trainer.pose.table import EMPTY, Table, load
from edgepose_trainer.pose.training import Training

_ORIGINS = {
    "lspet": ("Leeds Sports Pose Extended (Johnson & Everingham 2011)", "none stated, research"),
    "stanford40": ("Stanford 40 Actions (Yao et al. 2011), keypoints Mehranai/stanford40_pose", "research only"),
    "coco_train_kp": ("COCO 2017 train, 100 pictures", "annotations CC BY 4.0, images by Flickr authors"),
    "coco_nopeople": ("COCO 2017, 238 pictures without people", "annotations CC BY 4.0, images by Flickr authors"),
    "courtside": ("tennis-annotations, court level, boxes", "CC BY 4.0 as declared by its uploader"),
    "synthetic": (
        "pictures rendered by edgepose synth --pose-images",
        "own rendering; motion of tennis-motion CC BY-SA 3.0 (Pulgarin-Giraldo et al. 2017)",
    ),
}
_LICENCE = (
    "Apache-2.0 for the code; the weights learned from research-only pictures (see data): not for sale as they are"
)


def train(
    data: Path,
    out: Path,
    plan: Plan,
    table: Path | None = None,
    resume: Path | None = None,
    work: Path = Path("out/pose"),
    export_size: int | None = None,
    workers: int = 0,
    say: Callable[[str], None] = print,
    extra: Sequence[Path] = (),
    processes: int = 1,
) -> Card:
    """Trains, or goes on from ``resume``, and writes the model folder ``out``.

    ``resume``: a checkpoint goes on with its own plan; ``weights.onnx`` or its folder begins ``plan`` from there.
    ``extra``: folders of COCO person keypoints to learn from, too. A plan of 0 epochs only exports.
    Raises SourceError without pictures, ModelError for weights that do not fit, SettingsError for a wrong plan.
    """
    if processes > 1 and plan.device != "cpu":
        raise SettingsError("several processes are for the processor; a GPU takes a larger batch")
    told = load(table) if table else EMPTY
    found = labels.merged(sources.read(data, extra), told.joints, told.further)
    if table is None:
        say("no teacher's labels (edgepose train pose-labels): faces on LSPET and the court's players stay open")
    training = begun(plan, work, resume)
    say(f"{_inventory(found)}; {_added(found, told)} people added to the labelled")
    say(f"{gflop(training.network, training.plan.size):.2f} GFLOP at {training.plan.size} px")
    if plan.epochs:
        training.run(found, say, workers, processes)
    return publish(training, found, out, export_size or training.plan.size, told)


def begun(plan: Plan, work: Path, resume: Path | None) -> Training:
    """A training at its beginning, or where a checkpoint or shipped weights leave it."""
    if resume is None:
        return Training(plan, work)
    path = resume / "weights.onnx" if resume.is_dir() else resume
    if not path.is_file():
        raise SettingsError(f"{path}: nothing to resume from")
    if path.suffix == ".onnx":
        width, weights = export.read(path)
        training = Training(replace(plan, width=width), work)
        export.fill(training.network, weights, path)
        training.average.load_state_dict(training.network.state_dict())
        return training
    try:
        state = torch.load(path, map_location=plan.device, weights_only=True)
        training = Training(replace(Plan(**state["plan"]), device=plan.device), work)
        training.restore(state)
    except (OSError, RuntimeError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise ModelError(f"{path}: no checkpoint of edgepose train pose: {str(error).splitlines()[0]}") from None
    return training


def publish(training: Training, found: Sequence[Picture], out: Path, size: int, told: Table) -> Card:
    """Exports the averaged network at ``size`` px and measures the file itself on the pictures kept aside."""
    if size % STRIDES[-1]:
        raise SettingsError(f"export size: expected a multiple of {STRIDES[-1]}, got {size}")
    export.write(training.average, size, out / "weights.onnx")
    card = _card(training, found, out, size, told)
    cards.save(card, out)
    figures = _figures(out, [picture for picture in found if picture.validation])
    card = card.model_copy(update={"figures": figures})
    cards.save(card, out)
    return card


def _card(training: Training, found: Sequence[Picture], out: Path, size: int, told: Table) -> Card:
    network: PoseNetwork = training.average
    parameters = sum(p.numel() for p in network.parameters())
    return Card(
        name=out.resolve().name,
        version="0.4.0",
        task="pose",
        runtime="onnx",
        files=[cards.weights(out / "weights.onnx")],
        decoder="yolo_pose_maps",
        options={"look": "people"},
        input_shape=[1, 3, size, size],
        input_layout="NCHW",
        output_shapes=[
            [1, 56, sum((size // stride) ** 2 for stride in STRIDES)],
            [1, JOINTS, size // MAP_STRIDE, size // MAP_STRIDE],
        ],
        skeleton="coco17",
        normalisation="RGB / 255, centred letterbox, grey 114",
        licence=_LICENCE,
        data=_datasets(found, told),
        limits=(
            f"{parameters / 1e6:.2f} million parameters, {gflop(network, size):.2f} GFLOP; trained from scratch on "
            f"{training.drawn} drawn samples. Weak: people below 40 px, "
            "faces, wrists, people upside down or tangled. Boxes of tennis players take the racket in."
        ),
    )


def _datasets(found: Sequence[Picture], told: Table) -> list[Dataset]:
    result = []
    for source in dict.fromkeys(picture.source for picture in found):
        name, licence = _ORIGINS.get(source, (source, "unknown"))
        those = [picture for picture in found if picture.source == source]
        aside = sum(picture.validation for picture in those)
        use = f"{len(those) - aside} pictures in training, {aside} kept aside"
        if added := _added(those, told):
            makers = f"found by {told.made_by['finder']}, confirmed by {told.made_by['teacher']}"
            use += f"; {added} people added whom no label names, {makers}"
        result.append(Dataset(name=name, sha256=_digest(those), licence=licence, use=use))
    return result


def _added(found: Sequence[Picture], told: Table) -> int:
    return sum(len(told.further.get(picture.key, ())) for picture in found if labels.may_get_people(picture))


def _digest(found: Sequence[Picture]) -> str:
    """Over names and encoded pictures in order."""
    digest = hashlib.sha256()
    for picture in found:
        digest.update(picture.name.encode())
        digest.update(picture.encoded)
    return digest.hexdigest()


def _figures(out: Path, aside: Sequence[Picture]) -> list[Figure]:
    return [
        Figure(
            name=line.name,
            value=line.value,
            unit=line.unit,
            data=line.data,
            command="python bench/pose.py --data DIR --labels FILE",
            date=date.today().isoformat(),
        )
        for line in judging.judge(judging.estimator(out), aside)
    ]


def _inventory(found: Sequence[Picture]) -> str:
    counts = Counter(picture.source for picture in found)
    aside = sum(picture.validation for picture in found)
    return ", ".join(f"{source} {count}" for source, count in counts.items()) + f"; {aside} of them kept aside"
