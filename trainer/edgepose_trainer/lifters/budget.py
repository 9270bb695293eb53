"""How long a training goes on: a number of steps, or processor time (other work does not shorten it)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """``minutes`` of processor time where given, else ``steps``."""

    steps: int
    minutes: float | None = None

    def progress(self) -> Iterator[float]:
        """Before each step how much is done, from 0 to below 1."""
        if self.minutes is None:
            yield from (step / self.steps for step in range(self.steps))
            return
        started_s = time.process_time()
        while (done := (time.process_time() - started_s) / (60 * self.minutes)) < 1:
            yield done

    def pause(self, times: int) -> int:
        """Steps between two words about the loss, that there are about so many; of minutes nobody knows: 100."""
        return 100 if self.minutes is not None else max(1, self.steps // times)
