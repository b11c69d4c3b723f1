"""Progress of long work in the terminal: one bar for the step under way, with rate and time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

# What long work reports: the step's name, how much is done, and of how much (None: unknown).
Report = Callable[[str, int, int | None], None]


class Rate(ProgressColumn):
    """Units a second of the running step."""

    def render(self, task: Task) -> Text:
        """For example `412/s`."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="dim")


@contextmanager
def steps_bar(console: Console) -> Iterator[Report]:
    """A bar that follows whatever step is reported; leaves the terminal clean."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def report(step: str, done: int, total: int | None) -> None:
            if step not in tasks:
                for earlier in tasks.values():
                    bar.stop_task(earlier)
                tasks[step] = bar.add_task(step, total=total)
            bar.update(tasks[step], completed=done, total=total)

        yield report
