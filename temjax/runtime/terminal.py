"""Tables in the terminal, in a pipe or in a file, never with a number or a name cut."""

import math

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

WIDEST = 10_000  # characters; no table is wider


def print_table(to: Console, table: Table) -> None:
    """Print a table whole.

    A pipe or file gets it as wide as it needs. In a terminal the columns that may wrap do so
    between words; where that is not enough the lines run on beyond the edge.

    Args:
        to: console of the command.
        table: columns of numbers and names with ``no_wrap``, columns of sentences without.
    """
    for name in ("title", "caption"):  # a place may have brackets in its title
        if isinstance(text := getattr(table, name), str):
            setattr(table, name, Text(text, style=f"table.{name}"))
    wanted = Measurement.get(to, to.options.update(max_width=WIDEST), table).maximum
    table.width = wanted
    if to.is_terminal and wanted > to.width:
        for column in table.columns:
            cells = [str(cell) for cell in (column.header, *column.cells)]
            parts = [part for cell in cells for part in _parts(cell, column.no_wrap)]
            column.min_width = max(map(cell_len, parts), default=0)
        least = Measurement.get(to, to.options.update(max_width=WIDEST), table).minimum
        table.width = max(to.width, least)
    to.print(table, crop=False)


def number_text(value: float, *, signed: bool = False) -> str:
    """A number with two decimals, one from 100 on, a dash where it is not defined."""
    if not math.isfinite(value):
        return "–"
    decimals = 1 if abs(value) >= 100 else 2
    return f"{value:{'+' if signed else ''}.{decimals}f}"


def _parts(cell: str, whole: bool) -> list[str]:
    """Lines of a cell that stays whole, words of another."""
    return cell.splitlines() if whole else cell.split()
