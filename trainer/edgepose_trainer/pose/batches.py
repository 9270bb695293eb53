"""The plan of a training, and the batches that it draws: each from its own number, in whatever process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from edgepose_trainer.pose.assign import Truth
from edgepose_trainer.pose.augment import Augmenter, PictureCache
from edgepose_trainer.pose.canvas import Sample
from edgepose_trainer.pose.network import cells
from edgepose_trainer.pose.pictures import UNKNOWN, Picture

_WITHOUT_END = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training is made of; a checkpoint remembers it."""

    size: int = 256
    width: float = 1.0
    batch: int = 12
    epochs: int = 60
    samples: int = 14400
    """Per epoch."""
    minutes: float | None = None
    """A budget of time that the cosine is fitted to; None: ``epochs``."""
    rate: float = 3e-3
    warm_steps: int = 300
    seed: int = 1
    device: str = "cpu"
    cache_mb: int = 2048


class Batches(Dataset[tuple[Tensor, Truth]]):
    """Batch ``i`` is the same for the same plan and pictures, whoever draws it."""

    def __init__(self, pictures: Sequence[Picture], plan: Plan) -> None:
        self._pictures, self._plan = pictures, plan
        self._cache = PictureCache(plan.cache_mb << 20)
        self._draw = Augmenter(pictures, plan.size, self._cache)
        self._places = cells(plan.size)[0]

    def __getitem__(self, step: int) -> tuple[Tensor, Truth]:
        rng = np.random.default_rng([self._plan.seed, step])
        return batched([self._draw(rng) for _ in range(self._plan.batch)], self._places)

    def decode(self) -> None:
        """Decodes as many pictures as may be kept: processes forked afterwards share them."""
        for picture in self._pictures:
            self._cache(picture)

    def loaded(self, first: int, workers: int, every: int = 1) -> Iterator[tuple[Tensor, Truth]]:
        """Batches ``first``, ``first`` + ``every`` … without end; workers share the pictures decoded before."""
        steps = range(first, _WITHOUT_END, every)
        if not workers:
            return (self[step] for step in steps)
        self.decode()
        cv2.setNumThreads(1)  # its pool of threads does not survive the fork: workers would wait for it for ever
        loader = DataLoader(
            self,
            batch_size=None,
            sampler=steps,
            num_workers=workers,
            collate_fn=_as_it_is,
            worker_init_fn=_one_thread,
            prefetch_factor=4,
        )
        return iter(loader)


def _as_it_is(batch: Any) -> Any:
    return batch


def _one_thread(_worker: int) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def batched(samples: Sequence[Sample], places: Tensor) -> tuple[Tensor, Truth]:
    """(B, S, S, 3) uint8 RGB and the truth, padded to the most people."""
    most = max(1, *(len(sample.boxes) for sample in samples))
    boxes = np.zeros((len(samples), most, 4), np.float32)
    joints = np.zeros((len(samples), most, 17, 3), np.float32)
    joints[..., 2] = UNKNOWN
    real = np.zeros((len(samples), most), bool)
    for index, sample in enumerate(samples):
        count = len(sample.boxes)
        boxes[index, :count], joints[index, :count], real[index, :count] = sample.boxes, sample.joints, True
    column, row = places.numpy().astype(int).T
    ignored = np.stack([sample.ignored[row, column] > 0 for sample in samples])
    images = np.stack([sample.image[:, :, ::-1] for sample in samples])
    return torch.from_numpy(images), Truth(*(torch.from_numpy(array) for array in (boxes, joints, real, ignored)))
