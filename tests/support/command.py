"""A command run as the shell would run it, in this process."""

import io
import sys

import pytest
from rich.console import Console
from rich.table import Table
from typer.testing import CliRunner, Result

from temjax.command import main as cli
from temjax.runtime.terminal import print_table


def called(*words) -> Result:
    """Result of ``temjax --no-cache WORDS``, its output not a terminal."""
    given = ["--no-cache", *map(str, words)]
    return CliRunner().invoke(cli.build_app(given), given)


def printed(table: Table, *, width: int = 80, terminal: bool = False) -> str:
    """What a table looks like in a pipe, or in a terminal of some width."""
    stream = io.StringIO()
    console = Console(
        file=stream, width=width, force_terminal=terminal, color_system=None, highlight=False
    )
    print_table(console, table)
    return stream.getvalue()


def ended(monkeypatch, capsys, *words) -> tuple[int, str]:
    """Exit code and stderr of ``temjax --no-cache WORDS``."""
    given = ["--no-cache", *map(str, words)]
    monkeypatch.setattr(sys, "argv", ["temjax", *given])
    with pytest.raises(SystemExit) as stopped:
        cli.main(given)
    return stopped.value.code or 0, capsys.readouterr().err
