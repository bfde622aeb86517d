"""Tables in a pipe and in narrow terminals: no number and no name is cut."""

import pytest
from rich import box
from rich.table import Table

from temjax.runtime.terminal import number_text
from tests.support.command import printed

NAMES = ("cmax_scale@a-place-with-a-long-name", "cmax_scale@a-place-with-a-long-game")
INTERVAL = "-1234567.8 … 1234567.8"


def table() -> Table:
    result = Table(title="Fitted [parameters]", title_justify="left", box=box.SIMPLE_HEAD)
    result.add_column("parameter", no_wrap=True)
    result.add_column("what it is")
    result.add_column("90 %", justify="right", no_wrap=True)
    for name in NAMES:
        result.add_row(name, "the rate of something that needs many words", INTERVAL)
    return result


@pytest.mark.parametrize("width", [20, 80, 200])
@pytest.mark.parametrize("terminal", [False, True])
def test_names_and_intervals_are_whole_on_one_line(width, terminal):
    lines = printed(table(), width=width, terminal=terminal).splitlines()
    assert lines[0].startswith("Fitted [parameters]")
    for name in NAMES:
        (line,) = (line for line in lines if name in line)
        assert INTERVAL in line
    assert INTERVAL.count("…") * len(NAMES) == "".join(lines).count("…")


def test_sentences_wrap_in_a_terminal_only():
    assert "that needs many words" in printed(table(), width=80)
    narrow = printed(table(), width=80, terminal=True)
    assert "that needs many words" not in narrow and "something" in narrow
    assert "that needs many words" in printed(table(), width=200, terminal=True)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123, "0.12"), (-99.994, "-99.99"), (-1234.56, "-1234.6"), (1e6, "1000000.0"),
     (float("nan"), "–"), (float("-inf"), "–")],
)  # fmt: skip
def test_large_numbers_have_one_decimal(value, text):
    assert number_text(value) == text


def test_a_sign_is_shown_where_asked_for():
    assert (number_text(2.5, signed=True), number_text(-2.5, signed=True)) == ("+2.50", "-2.50")
