"""Progress of fits, profiles and draws, in a terminal and in a notebook."""

import io
import sys
from types import SimpleNamespace

from rich.console import Console

from temjax.calibration.progress import progress_display


def test_bars_in_a_terminal():
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with progress_display(console) as show:
        show("fit meadow", 0, 4, "compiling")
        show("fit meadow", 1, 4, "loss 3.00, 2 starts running")
        show("profiles", 1, 6, "points")
    text = console.file.getvalue()
    assert "fit meadow" in text and "loss 3.00, 2 starts running" in text
    assert "profiles" in text and "1/6" in text


def test_nothing_is_left_in_a_log():
    console = Console(file=io.StringIO(), force_terminal=False)
    with progress_display(console) as show:
        show("fit meadow", 1, 4)
    assert console.file.getvalue().strip() == ""


def test_a_line_per_task_in_a_notebook(monkeypatch):
    shown = []

    def display(content, display_id):
        shown.append(content)
        return SimpleNamespace(update=shown.append)

    fake = SimpleNamespace(display=display)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=fake))
    monkeypatch.setitem(sys.modules, "IPython.display", fake)
    console = Console(force_jupyter=True)
    with progress_display(console) as show:
        show("fit meadow", 0, 4, "compiling")
        show("fit meadow", 1, 4)
    assert [repr(line) for line in shown] == [
        "fit meadow: step 0/4, compiling",
        "fit meadow: step 1/4",
    ]
