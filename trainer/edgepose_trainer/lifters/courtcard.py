"""courtlift's card: what it learnt from, and how far it is off on what it has not seen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from edgepose import card as cards
from edgepose.card import Card, Dataset, Figure
from edgepose.lifter import FEATURES, RATES_HZ, Lifter
from edgepose.skeletons import COCO17, H36M17
from edgepose_trainer import lifter as data
from edgepose_trainer.lifters.courtlift import CourtLift
from edgepose_trainer.lifters.sights import Sights
from edgepose_trainer.motions import Take
from edgepose_trainer.views import EXACT, Detector


def figures_of(lifter: Lifter, takes: Sequence[Take], name: str) -> list[Figure]:
    """The camera is known, so every answer is turned to where the person stands."""
    figures = []
    for kind, detector in (("exact 2D", EXACT), ("detector-like noise", Detector())):
        for error, value in data.errors_of(lifter, data.aside_views(takes, detector)).items():
            figures.append(
                Figure(
                    name=error,
                    value=round(value, 1),
                    unit="mm",
                    data=f"{name} (not trained on), virtual cameras, {kind}",
                    command="python bench/lifter.py --data DIR",
                    date=date.today().isoformat(),
                )
            )
    return figures


def card_of(
    out: Path,
    paths: Sequence[Path],
    others: Sequence[Path],
    aside: Sequence[str],
    network: CourtLift,
    files: Sequence[Path],
    drawn: str,
    seen: Sights | None,
) -> Card:
    """``aside``: players who were not trained on; ``drawn``: how much was learnt from, in words."""
    parameters = sum(weight.numel() for weight in network.parameters())
    joints = len(H36M17) * 3
    without = f"training, {data.WITHOUT} {', '.join(aside)}; other bodies, mirror images, virtual cameras"
    sets = [("Tennis-MoCap (Pulgarin-Giraldo et al. 2017)", "CC BY-SA 3.0", without, paths)]
    if others:
        use = f"training, without {', '.join(data.name_of(path) for path in others[3::4])}"
        sets.append(("CMU motion capture (mocap.cs.cmu.edu)", "free but for the resale of the data", use, others))
    if seen is not None:
        name = f"{seen.sessions[0].parent.name}: {len(seen.sessions)} sessions as a pose network saw them"
        sets.append((name, seen.licence, "training, a quarter of the windows", seen.files))
    return Card(
        name="courtlift-n",
        version="0.4.0",
        task="lifter",
        runtime="onnx",
        files=[cards.weights(path) for path in files],
        input_shape=[None, network.first.in_features],
        output_shapes=[[None, joints], [None, joints]],
        skeleton=COCO17.name,
        output_skeleton=H36M17.name,
        window=data.LIFT_WINDOW,
        features=FEATURES,
        normalisation="camera turned to the player; origin mid-hips, unit median torso length, y down (contracts §6)",
        quantisation="weights-int8.onnx: int8 weights per channel, activations float",
        licence="CC BY-SA 3.0",
        data=[
            Dataset(name=title, sha256=_digest(files_of), licence=licence, use=use)
            for title, licence, use, files_of in sets
        ],
        limits=(
            f"{parameters} parameters, {drawn}. Output centre: the pose half a window ago; "
            "newest: now, a little less exact. Windows of 15 samples at "
            f"{RATES_HZ[0]:g} to {RATES_HZ[1]:g} Hz. Depth is weakest, ankles and wrists most. Where the camera is not "
            "known it is assumed, which costs a few millimetres in the middle of the picture and more at its sides. "
            "Size assumes a 1.75 m person unless the height is given; face and spine between hips and neck are placed "
            "by proportion. Not for joint angles to a few degrees."
        ),
    )


def _digest(paths: Sequence[Path]) -> str:
    return hashlib.sha256("".join(cards.sha256_of(path) for path in paths).encode()).hexdigest()
