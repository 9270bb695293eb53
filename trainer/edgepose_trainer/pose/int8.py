"""``edgepose models quantize``: the int8 twin of an ONNX pose model, judged by the keypoints it finds."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

import edgepose_trainer.pose.engine  # noqa: F401 - says in one line when PyTorch is not there
from edgepose import card as cards
from edgepose import models
from edgepose.card import Card, Figure
from edgepose.errors import ModelError, SettingsError, SourceError
from edgepose.estimator import Estimator
from edgepose.skeletons import COCO17
from edgepose.staging import staged
from edgepose.types import Array
from edgepose_trainer.pck import per_cent
from edgepose_trainer.pose import judging, sources
from edgepose_trainer.pose.pictures import LIMBS, NO_CROWDS, SEEN, UNKNOWN, Person, Picture, decoded, spread
from edgepose_trainer.quantizing import Quantized
from edgepose_trainer.quantizing import quantize as quantized

ENGINES = {"onnx": ".onnx", "litert": ".tflite"}
_INT8 = "-int8"
_ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the int8 model should be."""

    max_drop: float
    """Points of PCK@0.2 that may be lost."""
    calibrate: int
    """Pictures that set the ranges, at most."""
    judge: int
    """Pictures that keypoints are compared on, at most."""
    engine: str = "onnx"


def quantize(model: Path, data: Path, out: Path | None, wish: Wish, force: bool, say: Callable[[str], None]) -> Card:
    """Adds an int8 file to the model folder, or makes a folder ``out`` of it; raises ModelError when too much is lost.

    In the folder itself int8 becomes what is loaded where the engine is the model's; the float file stays beside it.
    ``data``: labelled pose pictures (those kept aside judge), or any folder of pictures, where the float model's own
    people are the truth. LiteRT files are made of networks that ``train pose`` wrote.
    """
    if wish.engine not in ENGINES:
        raise SettingsError(f"engine: expected {' or '.join(ENGINES)}, got {wish.engine!r}")
    card = models.load_card(model, "pose")
    if card.runtime != "onnx" or card.skeleton != COCO17.name:
        raise ModelError(f"{model}: expected an ONNX model of {COCO17.name}, got {card.runtime}, {card.skeleton}")
    source = model / next((file.path for file in card.files if _INT8 not in file.path), card.files[0].path)
    find = replace(judging.estimator(model), runtime=models.load_runtime("onnx", source, models.Engine(threads=1)))
    teaching, judges, truth = _pictures(data, find)
    teaching, judges = spread(teaching, wish.calibrate), spread(judges, wish.judge)
    say(f"calibrating on {len(teaching)} pictures, judging on {len(judges)} ({truth})")

    def points(weights: Path) -> float:
        engine = models.runtime_of(weights)
        twin = replace(find, runtime=models.load_runtime(engine, weights, models.Engine(threads=1)))
        return per_cent(judging.outcomes(judges, judging.search(twin, judges))[:, LIMBS])

    with staged(out or model, force or out is None) as folder:
        weights = folder / f"{source.stem}{_INT8}{ENGINES[wish.engine]}"
        inputs = [view.tensor.copy() for picture in teaching for view in find.decoder.views(decoded(picture), None)]
        make = quantized if wish.engine == "onnx" else _litert
        result = make(source, weights, inputs, points, wish.max_drop)
        kept = f"; in float: {', '.join(result.in_float)}" if result.in_float else ""
        say(f"PCK@0.2 {result.before:.1f} -> {result.after:.1f} %{kept}")
        about = f"{weights.name}: int8, static, weights per channel, calibrated on {len(teaching)} pictures{kept}"
        figures = _figures(result, weights.name, f"{len(judges)} pictures, {truth}", card.name)
        alone = {"name": out.name, "files": [], "runtime": wish.engine, "figures": []} if out else {}
        card = _with_twin(card.model_copy(update=alone), weights, wish.engine, about, figures)
        for file in card.files:
            if file.path != weights.name:
                shutil.copy2(model / file.path, folder / file.path)
        cards.save(card, folder)
    return card


def _with_twin(card: Card, weights: Path, engine: str, about: str, figures: list[Figure]) -> Card:
    """The card with the int8 file: the first of its engine, so that it is loaded."""
    others = [file for file in card.files if file.path != weights.name]
    twin = [cards.weights(weights)]
    names = [figure.name for figure in figures]
    said = [part for part in (card.quantisation or "").split(" | ") if part and not part.startswith(weights.name)]
    return card.model_copy(
        update={
            "files": [*twin, *others] if engine == card.runtime else [*others, *twin],
            "quantisation": " | ".join([*said, about]),
            "figures": [*(figure for figure in card.figures if figure.name not in names), *figures],
        }
    )


def _litert(
    source: Path, out: Path, inputs: Sequence[Array], judge: Callable[[Path], float], max_drop: float
) -> Quantized:
    """As ``quantizing.quantize``, without layers in float."""
    from edgepose_trainer.litert_export import export
    from edgepose_trainer.pose.export import fill, read
    from edgepose_trainer.pose.network import Exported, PoseNetwork

    width, weights = read(source)
    network = PoseNetwork(width)
    fill(network, weights, source)
    export(Exported(network, inputs[0].shape[2]), inputs, out)
    result = Quantized(judge(source), judge(out), ())
    if result.before - result.after > max_drop:
        raise ModelError(
            f"{source}: int8 LiteRT loses {result.before - result.after:.1f} points, more than {max_drop}; "
            "the ONNX engine can keep layers in float"
        )
    return result


def _figures(result: Quantized, file: str, data: str, name: str) -> list[Figure]:
    command, today = f"edgepose models quantize {name} --data DIR", date.today().isoformat()
    return [
        Figure(name=f"PCK@0.2 {which}", value=round(value, 1), unit="%", data=data, command=command, date=today)
        for which, value in ((file, result.after), (f"float, beside {file}", result.before))
    ]


def _pictures(data: Path, find: Estimator) -> tuple[list[Picture], list[Picture], str]:
    """To calibrate with, to judge by, and what the latter's truth is. Raises SourceError, SettingsError."""
    try:
        known = sources.read(data)
    except SourceError:
        found = _folder(data)
        judged = [picture for picture in (_as_found(picture, find) for picture in found) if picture.people]
        if not judged:
            raise SettingsError(f"{data}: the model finds nobody in these pictures: nothing to judge by") from None
        return found, judged, "the float model's own people"
    aside = [p for p in known if p.validation and any(person.located[LIMBS].any() for person in p.people)]
    return [picture for picture in known if not picture.validation], aside, "labelled, kept aside"


def _folder(data: Path) -> list[Picture]:
    files = sorted(path for path in data.rglob("*") if path.suffix.lower() in _ENDINGS) if data.is_dir() else []
    if not files:
        raise SettingsError(f"{data}: no pose data and no pictures in it")
    return [Picture("folder", file.name, file.read_bytes(), (), False, NO_CROWDS) for file in files]


def _as_found(picture: Picture, find: Estimator) -> Picture:
    people = []
    for pose in find(decoded(picture)):
        joints = np.array(pose.keypoints)
        joints[:, 2] = np.where(joints[:, 2] >= 0.5, SEEN, UNKNOWN)
        people.append(Person(pose.box_xyxy, np.nan_to_num(joints)))
    return replace(picture, people=tuple(people))
