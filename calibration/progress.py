"""Progress of long computations, in a terminal and in a notebook."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class ShowProgress(Protocol):
    """Display of the progress of named tasks."""

    def __call__(self, task: str, completed: int, total: int, detail: str = "") -> None:
        """Show that a task has completed some of its steps."""
        ...


def no_progress(task: str, completed: int, total: int, detail: str = "") -> None:
    """Progress that is not shown."""


@contextmanager
def progress_display(console: Console | None = None) -> Iterator[ShowProgress]:
    """Progress bars in a terminal, or one line per task in a notebook.

    Args:
        console: where to; by default that of the process.
    """
    console = console or Console()
    display = _notebook_display() if console.is_jupyter else _terminal_display(console)
    with display as show:
        yield show


@contextmanager
def _terminal_display(console: Console) -> Iterator[ShowProgress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("step {task.completed:.0f}/{task.total:.0f}, {task.fields[detail]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    tasks = {}
    with Progress(*columns, console=console, transient=True) as bars:

        def show(task: str, completed: int, total: int, detail: str = "") -> None:
            if task not in tasks:
                tasks[task] = bars.add_task(task, total=total, detail=detail)
            bars.update(tasks[task], completed=completed, total=total, detail=detail)

        yield show


class _Line(str):
    """Text that a notebook shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@contextmanager
def _notebook_display() -> Iterator[ShowProgress]:
    """Lines that are updated in place; the bars of rich would need ipywidgets."""
    from IPython.display import display

    handles = {}

    def show(task: str, completed: int, total: int, detail: str = "") -> None:
        line = _Line(f"{task}: step {completed}/{total}" + (f", {detail}" if detail else ""))
        if task in handles:
            handles[task].update(line)
        else:
            handles[task] = display(line, display_id=True)

    yield show
