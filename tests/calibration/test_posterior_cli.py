"""The bars of ``--profile`` and ``--nuts``, drawn before anything is known of their length."""

import io
from types import SimpleNamespace

import numpy as np
from rich.console import Console

from temjax.calibration import posterior_cli
from temjax.calibration.cli import _bar


def _drawn(monkeypatch, name, answer, run):
    """What the bar shows when a stand-in reports its first step."""
    shown = Console(file=io.StringIO(), force_terminal=True, width=100)

    def stand_in(*given, progress, **more):
        bar.refresh()
        progress(1, 4)
        bar.refresh()
        return answer

    monkeypatch.setattr(posterior_cli, name, stand_in)
    with _bar(shown) as bar:
        run(Console(file=io.StringIO()), bar)
    return shown.file.getvalue()


def test_profiles_have_a_bar(monkeypatch):
    shown = _drawn(
        monkeypatch, "profile", {},
        lambda console, bar: posterior_cli.run_profiles(None, None, ("a",), console, bar),
    )  # fmt: skip
    assert "profiles" in shown and "1/4" in shown.replace(" ", "")


def test_draws_have_a_bar(monkeypatch):
    answer = SimpleNamespace(r_hat=np.ones(2), effective=np.ones(2), divergent=0)
    shown = _drawn(
        monkeypatch, "sample", answer,
        lambda console, bar: posterior_cli.run_nuts(None, None, 4, 0, console, bar),
    )  # fmt: skip
    assert "draws of the posterior" in shown and "1/4" in shown.replace(" ", "")
