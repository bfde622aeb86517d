"""The notebooks: small, through the public interface, and executed on embedded data.

``test_site.py`` builds the site, where they are executed by Jupyter and shown with their outputs.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
IDS = [path.stem for path in NOTEBOOKS]
LONGEST = 900  # s, on a loaded machine; half a minute to a minute on an idle one
NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[-+]\d+)?")
BEHIND_THE_INTERFACE = re.compile(
    r"^\s*(?:import (?:sites|calibration|regional)\b|"
    r"from (?:sites|calibration|regional|temjax\.command|temjax\.\w+\.\w+)\b)",
    re.MULTILINE,
)


def cells(path: Path, kind: str) -> list[dict]:
    every = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in every if cell["cell_type"] == kind]


def source(path: Path, kind: str = "code") -> str:
    return "\n".join("".join(cell["source"]) for cell in cells(path, kind))


def outputs(path: Path) -> list[dict]:
    return [output for cell in cells(path, "code") for output in cell["outputs"]]


def test_all_four_are_there():
    assert [name[0] for name in IDS] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_they_are_small_and_explain(path):
    assert path.stat().st_size < 100_000
    assert sum("image/png" in output.get("data", {}) for output in outputs(path)) == 1
    assert not [output for output in outputs(path) if output["output_type"] == "error"]
    first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]
    text = "".join(first["source"])
    assert first["cell_type"] == "markdown" and text.startswith("# ")
    assert "runs in" in text  # how long it takes
    assert len(cells(path, "markdown")) >= 4


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_they_use_the_public_interface(path):
    assert not BEHIND_THE_INTERFACE.findall(source(path))
    assert "temjax.configure(" in source(path)


def same_text(one: str, other: str) -> bool:
    """Whether two outputs have the same words, and numbers within 2 % or 0.01."""
    if NUMBER.sub("#", one).split() != NUMBER.sub("#", other).split():
        return False
    pairs = ([float(number) for number in NUMBER.findall(text)] for text in (one, other))
    return np.allclose(*pairs, rtol=0.02, atol=0.0101)


def test_other_words_and_numbers_are_seen():
    assert same_text("NPP  113.2 g", "NPP 113.4 g")
    assert not same_text("NPP 113.2 g", "NPP 123.4 g")
    assert not same_text("NPP 113.2 g", "GPP 113.2 g")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_their_code_runs_as_a_script(path, tmp_path):
    """Without Jupyter, so that it runs wherever the tests do; prints what the file shows."""
    script = tmp_path / f"{path.stem}.py"
    script.write_text(source(path), encoding="utf-8")
    cache = os.environ.get("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "cache"))
    run = subprocess.run(
        [sys.executable, script.name],
        cwd=tmp_path,
        # temjax.configure() would keep programs in the user's own cache
        env=os.environ | {"MPLBACKEND": "agg", "PYTHONUTF8": "1", "TEMJAX_CACHE": cache},
        capture_output=True,
        encoding="utf-8",
        timeout=LONGEST,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    stored = ["".join(output["text"]) for output in outputs(path) if "text" in output]
    assert same_text("".join(stored), run.stdout), (
        f"{run.stdout}\nis not what {path.name} shows: python docs/hooks/notebooks.py"
    )
