"""The notebooks: small, through the public interface, and executed on embedded data.

``test_site.py`` builds the site, where Jupyter executes all four and their outputs are compared.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.notebooks import cells, outputs, same_text, source, stored_text

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
IDS = [path.stem for path in NOTEBOOKS]
LONGEST = 900  # s, on a loaded machine; half a minute to a minute on an idle one
BEHIND_THE_INTERFACE = re.compile(
    r"^\s*(?:import (?:sites|calibration|regional)\b|"
    r"from (?:sites|calibration|regional|temjax\.command|temjax\.\w+\.\w+)\b)",
    re.MULTILINE,
)


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


def test_other_words_and_numbers_are_seen():
    assert same_text("NPP  113.2 g", "NPP 113.4 g")
    assert not same_text("NPP 113.2 g", "NPP 123.4 g")
    assert not same_text("NPP 113.2 g", "GPP 113.2 g")


FITS_AND_JACOBIANS = ("2", "4")  # compile for a minute; fast tests of their own hold both


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path, id=path.stem, marks=[pytest.mark.slow] * (path.stem[0] in FITS_AND_JACOBIANS)
        )
        for path in NOTEBOOKS
    ],
)
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
    assert same_text(stored_text(path), run.stdout), (
        f"{run.stdout}\nis not what {path.name} shows: python docs/hooks/notebooks.py"
    )
