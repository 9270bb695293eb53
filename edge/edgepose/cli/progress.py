"""Progress bars on a terminal; elsewhere nothing but the plain lines that commands print anyway."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Advance = Callable[[str, int], None]
"""(name, frames done so far)."""


@contextmanager
def bars(totals: Mapping[str, int | None]) -> Iterator[Advance | None]:
    """A bar for each name on stderr; None when that is no terminal. A total of None is a bar without end."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks = {name: progress.add_task(name, total=total) for name, total in totals.items()}
        yield lambda name, done: progress.update(tasks[name], completed=done)
