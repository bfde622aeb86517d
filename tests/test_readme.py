"""The README: its example runs as printed, its links lead somewhere."""

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_two_commands_come_first():
    first = README.split("```")[1].strip().splitlines()
    assert first[0].startswith("python -m pip install -e . && temjax demo")
    assert first[1] == "python -m pip install -e '.[test]' && python -m pytest"


def test_links_lead_to_files():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    missing = [link for link in links if not link.startswith("http") and not (ROOT / link).exists()]
    assert missing == []


@pytest.mark.slow
def test_the_example_runs(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")  # the example sets it; restored for the tests after it
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    run = names["run"]
    assert run.monthly.net_ecosystem_production.shape == (104, 12)
    assert np.isfinite(run.monthly.net_ecosystem_production).all()
    assert names["climate"].soil_temperature.shape[:2] == (104, 12)
    assert bool(names["equilibrium"].converged)
