"""A command run as the shell would run it, in this process."""

import sys

import pytest

from temjax.command import main as cli


def ended(monkeypatch, capsys, *words) -> tuple[int, str]:
    """Exit code and stderr of ``temjax --no-cache WORDS``."""
    given = ["--no-cache", *map(str, words)]
    monkeypatch.setattr(sys, "argv", ["temjax", *given])
    with pytest.raises(SystemExit) as stopped:
        cli.main(given)
    return stopped.value.code or 0, capsys.readouterr().err
