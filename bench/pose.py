"""Measures a pose model on pictures kept aside, through the device's own path; prints Markdown (bench/pose.md)."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from edgepose import card as cards
from edgepose.skeletons import COCO17
from edgepose.types import Array
from edgepose_trainer.pck import interval, per_cent
from edgepose_trainer.pose import judging, labels, sources
from edgepose_trainer.pose.pictures import FACE, LIMBS, Picture, decoded
from edgepose_trainer.pose.validation import share_found

SETS = {
    "lspet": ("LSPET kept aside (acrobatic), whole picture", "≥ 55, stretch 65"),
    "stanford40": ("Stanford 40 kept aside (everyday and sport; keypoints by a network)", ""),
    "coco_train_kp": ("COCO kept aside, people ≥ 64 px", "≥ 50, stretch 63"),
    "courtside": ("Court-level tennis, a video kept aside (joints: the teacher is sure)", "≥ 80, stretch 90"),
}
SIZES = ((0, 64), (64, 128), (128, 10_000))


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of pose pictures")
    parser.add_argument("--labels", type=Path, help="the teacher's joints, from edgepose train pose-labels")
    parser.add_argument("--model", type=Path, default=Path("models/courtpose-n"))
    arguments = parser.parse_args()
    aside = [p for p in sources.read(arguments.data) if p.validation and p.people]
    if arguments.labels:
        aside = labels.merged(aside, labels.load(arguments.labels))
    card = cards.load(arguments.model)
    size = (arguments.model / card.files[0].path).stat().st_size
    print(f"# {card.name}\n\n`python bench/pose.py --data {arguments.data} --labels FILE`\n")
    print(
        f"{card.model.stamp}, {size / 1e6:.2f} MB, input {card.input_shape}. The model detects by itself: somebody whom"
    )
    print("no answer overlaps by IoU 0.3 counts as wrong on every joint. 95 % intervals by bootstrap over people.\n")
    tables = _accuracy(arguments.model, aside)
    _by_joint(tables)
    _time(arguments.model, aside)


def _accuracy(model: Path, aside: list[Picture]) -> dict[str, Array]:
    find = judging.estimator(model)
    print("| pictures | people | PCK@0.2, 12 limb joints, % | interval | wanted | found (IoU ≥ 0.4), % |")
    print("|---|---|---|---|---|---|")
    tables, sizes = {}, []
    for source, (name, wanted) in SETS.items():
        chosen = [picture for picture in aside if picture.source == source]
        if not chosen:
            continue
        found = judging.search(find, chosen)
        rows = judging.outcomes(chosen, found, 64.0 if source == "coco_train_kp" else 0.0)
        tables[source] = rows
        limbs = rows[:, LIMBS]
        low, high = interval(limbs)
        cells = (len(rows), f"{per_cent(limbs):.1f}", f"{low:.1f}–{high:.1f}", wanted)
        print(f"| {name} | {' | '.join(map(str, cells))} | {share_found(chosen, found):.1f} |")
        everyone = judging.outcomes(chosen, found)
        heights = np.array([p.box_xyxy[3] - p.box_xyxy[1] for picture in chosen for p in picture.people])
        sizes += [(source, heights, everyone)]
    print(f"\nOKS-AP (.50:.95) on the COCO pictures kept aside: {judging.coco_ap(model, aside):.1f}.\n")
    _by_size(sizes)
    return tables


def _by_size(sizes: list[tuple[str, Array, Array]]) -> None:
    print(
        "| PCK@0.2, 12 limb joints, by height of the box in the picture | "
        + " | ".join(_span(*s) for s in SIZES)
        + " |"
    )
    print("|---" * (len(SIZES) + 1) + "|")
    for source, heights, rows in sizes:
        cells = []
        for low, high in SIZES:
            chosen = rows[(heights >= low) & (heights < high)][:, LIMBS]
            cells.append(f"{per_cent(chosen):.1f} ({len(chosen)})" if np.isfinite(chosen).any() else "—")
        print(f"| {source} | {' | '.join(cells)} |")


def _span(low: int, high: int) -> str:
    return f"≥ {low} px" if high >= 10_000 else f"{low}–{high} px"


def _by_joint(tables: dict[str, Array]) -> None:
    pairs = {"face": FACE} | {
        name: COCO17.indices(f"left_{name}", f"right_{name}")
        for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    }
    print("\n| PCK@0.2, % | " + " | ".join(pairs) + " |\n" + "|---" * (len(pairs) + 1) + "|")
    for source, rows in tables.items():
        values = (per_cent(rows[:, joints]) for joints in pairs.values())
        print(f"| {source} | " + " | ".join("—" if np.isnan(value) else f"{value:.1f}" for value in values) + " |")


def _time(model: Path, aside: list[Picture]) -> None:
    find = judging.estimator(model)
    images = [decoded(picture) for picture in aside[:100]]
    times = []
    for image in images:
        started_s = time.perf_counter()
        find(image)
        times.append(1000 * (time.perf_counter() - started_s))
    print(
        f"\nOne picture, one thread, from pixels to people: median {np.median(times):.1f} ms, best {min(times):.1f} ms."
    )


if __name__ == "__main__":
    main()
