"""OKS-AP and AR of COCO by pycocotools itself, intervals by drawing its own per-picture results anew."""

from __future__ import annotations

import copy
import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from edgepose_trainer.evaluation.figures import Figure
from edgepose_trainer.pose.coco import Row, Table

_DRAWS = 300


def average_precision(table: Table, results: Sequence[Row], image_ids: Sequence[Any]) -> list[Figure]:
    """AP, AP50, AP75 and AR with intervals, AP of medium and large people; per cent, NaN without people.

    ``results`` are COCO keypoint results of all pictures in ``image_ids``, of which the 20 best a picture count.
    """
    with redirect_stdout(io.StringIO()):
        evaluated = _evaluated(table, results, image_ids)
        evaluated.accumulate()
        whole = copy.copy(evaluated.eval)
        drawn = _drawn(evaluated)
    figures = []
    names = ("OKS-AP", "OKS-AP50", "OKS-AP75", "OKS-AR")
    for number, (name, value) in enumerate(zip(names, _summary(whole), strict=True)):
        low, high = np.nanpercentile(drawn[:, number], [2.5, 97.5]) if np.isfinite(value) else (np.nan, np.nan)
        figures.append(Figure(name, value, low, high, count=len(image_ids), of="pictures"))
    for name, area in (("OKS-AP medium", 1), ("OKS-AP large", 2)):
        figures.append(Figure(name, _mean(whole["precision"][:, :, :, area, 0]), count=len(image_ids), of="pictures"))
    return figures


def _evaluated(table: Table, results: Sequence[Row], image_ids: Sequence[Any]) -> COCOeval:
    categories = sorted({row["category_id"] for row in table.annotations}) or [1]
    truth = _as_coco(table, table.annotations, categories)
    rows = [{**row, "category_id": categories[0]} for row in results]
    found = truth.loadRes(rows) if rows else _as_coco(table, [], categories)
    evaluation = COCOeval(truth, found, "keypoints")
    evaluation.params.imgIds = list(image_ids)
    evaluation.params.catIds = categories[:1]
    evaluation.evaluate()
    return evaluation


def _as_coco(table: Table, annotations: Sequence[Row], categories: Sequence[int]) -> COCO:
    coco = COCO()
    coco.dataset = {
        "images": table.images,
        "annotations": [dict(row) for row in annotations],  # pycocotools writes into them
        "categories": [{"id": number, "name": "person"} for number in categories],
    }
    coco.createIndex()
    return coco


def _drawn(evaluated: COCOeval) -> Any:
    """(draws, 4) summaries of people of all sizes over pictures drawn with replacement."""
    rng = np.random.default_rng(1)
    params = copy.deepcopy(evaluated.params)
    params.areaRng, params.areaRngLbl = params.areaRng[:1], params.areaRngLbl[:1]
    pictures = evaluated.evalImgs[: len(params.imgIds)]
    again = copy.copy(evaluated)
    summaries = []
    for _ in range(_DRAWS):
        again.evalImgs = [pictures[index] for index in rng.integers(0, len(pictures), len(pictures))]
        again.accumulate(params)
        summaries.append(_summary(again.eval))
    return np.array(summaries)


def _summary(accumulated: Any) -> tuple[float, float, float, float]:
    """As COCOeval.summarize means them: over thresholds .50:.05:.95, at .50, at .75; recall."""
    precision = accumulated["precision"][:, :, :, 0, 0]
    return _mean(precision), _mean(precision[0]), _mean(precision[5]), _mean(accumulated["recall"][:, :, 0, 0])


def _mean(values: Any) -> float:
    """Per cent; -1 stands for nobody there."""
    known = values[values > -1]
    return 100 * float(known.mean()) if known.size else float("nan")
