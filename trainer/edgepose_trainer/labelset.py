"""``--labels``: which labels a model knows and what the data call them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgepose.errors import SettingsError
from edgepose_trainer.labelnames import canonical
from edgepose_trainer.recordings import IDLE, UNSURE, Recording


@dataclass(frozen=True, slots=True)
class LabelSet:
    """What the user named; every other label of the data is neither stroke nor idle."""

    names: Mapping[str, str]
    """The data's label, or its canonical name -> the model's."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Idle first, then in the order in which they were named."""
        return (IDLE, *dict.fromkeys(label for label in self.names.values() if label != IDLE))

    def name_of(self, label: str) -> str:
        """The model's label; idle and unsure stay; "unsure" for what was not named."""
        if label in (IDLE, UNSURE):
            return self.names.get(label, label)
        return self.names.get(label, self.names.get(canonical(label), UNSURE))

    def apply(self, recordings: Sequence[Recording]) -> list[Recording]:
        """The same recordings under the model's labels."""
        return [self._renamed(recording) for recording in recordings]

    def _renamed(self, recording: Recording) -> Recording:
        seen, place = np.unique(recording.labels, return_inverse=True)
        return replace(recording, labels=np.array([self.name_of(label) for label in seen.tolist()])[place])


def parse(text: str) -> LabelSet:
    """``forehand,forehand_slice=forehand,lob=idle``: kept, and renamed (also to idle). Raises SettingsError."""
    names: dict[str, str] = {}
    for word in text.split(","):
        theirs, _, ours = (part.strip() for part in word.partition("="))
        if not theirs or ("=" in word and not ours):
            raise SettingsError(f"--labels: expected NAME or NAME=NEW between commas, got {word.strip()!r}")
        ours = ours or theirs
        if names.setdefault(theirs, ours) != ours:
            raise SettingsError(f"--labels: {theirs!r} is named twice, as {names[theirs]!r} and {ours!r}")
        names.setdefault(canonical(theirs), ours)
    if set(names.values()) <= {IDLE}:
        raise SettingsError("--labels: name one stroke at least")
    return LabelSet(names)
