"""The notebooks as pages of the site, with the outputs of an execution during the build.

``mkdocs build`` executes every notebook; ``mkdocs serve``, or ``TEMJAX_NOTEBOOKS=stored`` in the
environment, shows the outputs stored in the files (all text, one figure each).

``python docs/hooks/notebooks.py [FILE…]`` executes the notebooks and stores these outputs in them.
"""

import base64
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from mkdocs.structure.files import File
from nbclient import NotebookClient
from PIL import Image
from traitlets.config import Config

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
LONGEST = 900  # s for one cell, on a loaded machine
STORED_FIGURE = "stored-figure"
"""Tag of the cell whose figure is stored in the file."""
STORED_COLOURS = 64
FIGURE = "image/png"
PANDAS_TABLE = '<table border="1" class="dataframe">'  # in place of the theme's own style

_executes = True


def on_startup(*, command: str, **_) -> None:
    """Execute for ``build`` only: ``serve`` builds again after every edit."""
    global _executes
    _executes = command == "build" and os.environ.get("TEMJAX_NOTEBOOKS") != "stored"


def on_files(files, config, **_):
    """Add a page, its figures and the notebook itself for each notebook.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell that fails.
    """
    for path in sorted(FOLDER.glob("*.ipynb")):
        notebook = executed(path) if _executes else nbformat.read(path, as_version=4)
        text, figures = as_markdown(notebook, path.stem)
        contents = figures | {f"{path.stem}.md": text, path.name: nbformat.writes(notebook)}
        for name, content in contents.items():
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files


def executed(path: Path) -> nbformat.NotebookNode:
    """A notebook with the outputs of a fresh execution, in an empty folder.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell that fails.
    """
    notebook = nbformat.read(path, as_version=4)
    inline = os.environ | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=LONGEST,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
            config=_local(folder),
        )
        client.execute(env=inline)
    return notebook


def _local(folder: str) -> Config:
    """Sockets in a folder where the system has them; on TCP a kernel warns that others may read."""
    if os.name != "posix":
        return Config()
    return Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/kernel"}})


def as_markdown(notebook: nbformat.NotebookNode, stem: str) -> tuple[str, dict[str, bytes]]:
    """Markdown of a notebook, and its figures by file name."""
    parts: list[str] = []
    figures: dict[str, bytes] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for data in _outputs(cell):
            if FIGURE in data:
                name = f"{stem}_{len(figures) + 1}.png"
                figures[name] = base64.b64decode(data[FIGURE])
                parts.append(f"![Output of the cell above]({name})")
            elif "text/html" in data:
                table = data["text/html"].replace(PANDAS_TABLE, "<table>")
                parts.append(f'<div class="output">\n{table}\n</div>')
            elif text := data.get("text/plain", "").rstrip():
                parts.append(f"``` {{ .text .no-copy }}\n{text}\n```")
    parts.append(f"[Download this notebook]({stem}.ipynb)")
    return "\n\n".join(parts), figures


def _outputs(cell: nbformat.NotebookNode) -> Iterator[dict[str, str]]:
    """Outputs of a code cell by MIME type; what is printed is text, warnings are left out."""
    for output in cell.outputs:
        if output.output_type == "stream":
            if output.name == "stdout":
                yield {"text/plain": output.text}
        else:
            yield output.data


def store(path: Path) -> None:
    """Execute a notebook and write it back with its text and the figure of the tagged cell."""
    notebook = executed(path)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        keeps_figure = STORED_FIGURE in cell.metadata.get("tags", ())
        cell.outputs = [output for output in cell.outputs if _is_stored(output, keeps_figure)]
        cell.execution_count = None
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = None
            if FIGURE in output.get("data", {}):
                output.data[FIGURE] = reduced(output.data[FIGURE])
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, path)


def reduced(figure: str) -> str:
    """A PNG in base64 with few colours, a third of its size."""
    reduced_file = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(figure))) as image:
        image.convert("RGB").quantize(STORED_COLOURS).save(reduced_file, "png", optimize=True)
    return base64.b64encode(reduced_file.getvalue()).decode()


def _is_stored(output: nbformat.NotebookNode, keeps_figure: bool) -> bool:
    if output.output_type == "stream":
        return output.name == "stdout"
    return keeps_figure or FIGURE not in output.data


if __name__ == "__main__":
    for notebook_path in map(Path, sys.argv[1:] or sorted(FOLDER.glob("*.ipynb"))):
        store(notebook_path)
        print(notebook_path)
