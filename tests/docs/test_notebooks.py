"""The notebooks: kept without outputs, and executed from beginning to end on embedded data."""

import time
from pathlib import Path

import pytest

nbformat = pytest.importorskip(
    "nbformat", reason="notebooks need: python -m pip install -e '.[docs]'"
)
NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
IDS = [path.stem for path in NOTEBOOKS]
LONGEST = 900  # s, on a loaded machine; some two minutes on an idle one


def read(path: Path):
    return nbformat.read(path, as_version=4)


def test_all_four_are_there():
    assert [name[0] for name in IDS] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_they_are_small_and_hold_no_outputs(path):
    assert path.stat().st_size < 40_000
    cells = read(path).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert len(cells) - len(code) >= 4  # it explains
    assert any("plt." in cell.source or "figure" in cell.source for cell in code)  # and plots


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:(zmq|tornado|jupyter_client|nbclient)")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_they_run(path, tmp_path, monkeypatch):
    nbclient = pytest.importorskip(
        "nbclient", reason="notebooks need: python -m pip install -e '.[docs]'"
    )
    pytest.importorskip("ipykernel", reason="notebooks need: python -m pip install -e '.[docs]'")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = read(path)
    begun = time.perf_counter()
    nbclient.NotebookClient(
        notebook, timeout=LONGEST, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]
    pictures = sum("image/png" in out.get("data", {}) for out in outputs)
    print(f"\n{path.stem}: {time.perf_counter() - begun:.0f} s, {pictures} pictures")
    assert pictures >= 2
    assert not [out for out in outputs if out.output_type == "error"]
