"""The notebooks: kept without outputs, and executed from beginning to end on embedded data."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
IDS = [path.stem for path in NOTEBOOKS]
LONGEST = 900  # s, on a loaded machine; some two minutes on an idle one
COUNT_PICTURES = "\nassert plt.get_fignums(), 'no picture was drawn'\n"


def cells(path: Path, kind: str) -> list[dict]:
    every = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in every if cell["cell_type"] == kind]


def test_all_four_are_there():
    assert [name[0] for name in IDS] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_they_are_small_and_hold_no_outputs(path):
    assert path.stat().st_size < 40_000
    code = cells(path, "code")
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert len(cells(path, "markdown")) >= 4  # it explains
    sources = ["".join(cell["source"]) for cell in code]
    assert any("plt." in source or "figure" in source for source in sources)  # and plots


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_their_code_runs_as_a_script(path, tmp_path):
    """Without Jupyter, so that it runs wherever the tests do."""
    script = tmp_path / f"{path.stem}.py"
    source = "\n".join("".join(cell["source"]) for cell in cells(path, "code"))
    script.write_text(source + COUNT_PICTURES, encoding="utf-8")
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(
        [sys.executable, script.name],
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": "agg", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )
    assert run.returncode == 0, run.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:(zmq|tornado|jupyter_client|nbclient)")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_they_run(path, tmp_path, monkeypatch):
    for package in ("nbformat", "nbclient", "ipykernel"):
        pytest.importorskip(package, reason="notebooks need: python -m pip install -e '.[docs]'")
    import nbclient
    import nbformat

    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = nbformat.read(path, as_version=4)
    begun = time.perf_counter()
    nbclient.NotebookClient(
        notebook, timeout=LONGEST, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]
    pictures = sum("image/png" in out.get("data", {}) for out in outputs)
    print(f"\n{path.stem}: {time.perf_counter() - begun:.0f} s, {pictures} pictures")
    assert pictures >= 2
    assert not [out for out in outputs if out.output_type == "error"]
