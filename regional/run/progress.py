"""Progress bar of a run: percent, cell-years per second, remaining time."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _SpeedColumn(ProgressColumn):
    """Simulated cell-years per second, without those of restart points."""

    def render(self, task: Task) -> Text:
        elapsed = task.elapsed or 0
        speed = task.fields["computed"] / elapsed if elapsed else 0
        return Text(f"{speed:,.0f} cell-years/s", style="cyan")


class Meter:
    """Progress bar over all tiles of a run; a context manager.

    Args:
        console: that shows the bar.
        title: of the bar.
        total: cell-years.
    """

    def __init__(self, console: Console, title: str, total: int):
        self.computed = 0
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            _SpeedColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[phase]}"),
            console=console,
            disable=not (console.is_terminal or console.is_jupyter),  # files stay plain text
        )
        self._task = self._progress.add_task(title, total=total, computed=0, phase="")

    def __enter__(self) -> "Meter":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def report(self, phase: str, cell_years: int, computed: bool) -> None:
        """Advance by the cell-years of a tile; ``computed`` is false for a restart point."""
        self.computed += cell_years if computed else 0
        self._progress.update(self._task, advance=cell_years, computed=self.computed, phase=phase)
