"""``edgepose models quantize``: the int8 twin of an ONNX pose model, judged by the keypoints it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from edgepose import card as cards
from edgepose import models
from edgepose.card import Card, Figure
from edgepose.errors import ModelError, SettingsError, SourceError
from edgepose.estimator import Estimator
from edgepose.skeletons import COCO17
from edgepose.staging import staged
from edgepose_trainer.pck import per_cent
from edgepose_trainer.pose import judging, sources
from edgepose_trainer.pose.pictures import LIMBS, NO_CROWDS, SEEN, UNKNOWN, Person, Picture, decoded, spread
from edgepose_trainer.quantizing import quantize as quantized

_ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


def quantize(
    model: Path,
    data: Path,
    out: Path,
    max_drop: float,
    calibrate: int,
    judge: int,
    force: bool,
    say: Callable[[str], None],
) -> Card:
    """Writes the model folder ``out``; raises ModelError when more than ``max_drop`` points of PCK@0.2 are lost.

    ``data``: labelled pose pictures (those kept aside judge), or any folder of pictures, where the float model's own
    people are the truth. ``calibrate`` and ``judge`` are the most pictures of either use.
    """
    card = models.load_card(model, "pose")
    if card.runtime != "onnx" or card.skeleton != COCO17.name:
        raise ModelError(f"{model}: expected an ONNX model of {COCO17.name}, got {card.runtime}, {card.skeleton}")
    find = judging.estimator(model)
    teaching, judging_pictures, truth = _pictures(data, find)
    teaching, judging_pictures = spread(teaching, calibrate), spread(judging_pictures, judge)
    say(f"calibrating on {len(teaching)} pictures, judging on {len(judging_pictures)} ({truth})")

    def points(weights: Path) -> float:
        twin = replace(find, runtime=models.load_runtime("onnx", weights, models.Engine(threads=1)))
        rows = judging.outcomes(judging_pictures, judging.search(twin, judging_pictures))
        return per_cent(rows[:, LIMBS])

    with staged(out, force) as folder:
        weights = folder / card.files[0].path
        inputs = [view.tensor.copy() for picture in teaching for view in find.decoder.views(decoded(picture), None)]
        result = quantized(model / card.files[0].path, weights, inputs, points, max_drop)
        kept = f"; in float: {', '.join(result.in_float)}" if result.in_float else ""
        say(f"PCK@0.2 {result.before:.1f} -> {result.after:.1f} %{kept}")
        command, today = f"edgepose models quantize {card.name} --data DIR", date.today().isoformat()
        card = card.model_copy(
            update={
                "name": out.name,
                "files": [cards.weights(weights)],
                "quantisation": f"int8, static QDQ, weights per channel, calibrated on {len(teaching)} pictures{kept}",
                "figures": [
                    Figure(name=f"PCK@0.2 {which}", value=round(value, 1), unit="%",
                           data=f"{len(judging_pictures)} pictures, {truth}", command=command, date=today)
                    for which, value in (("int8", result.after), ("float", result.before))
                ],
            }
        )  # fmt: skip
        cards.save(card, folder)
    return card


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
